"""What calibrated probabilities say of themselves comes, while only the customers change."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from holdfast.monitor.expected import (
    expect_brier,
    expect_churn_rate,
    expect_performance,
    expect_roc_auc,
)


def test_what_is_expected_is_what_comes_of_many_customers() -> None:
    rng = np.random.default_rng(7)
    # Covariate shift: more of the certain ones than in any training set, each p still its own.
    p = rng.beta(0.6, 0.9, 200_000)
    came = rng.random(200_000) < p
    assert expect_roc_auc(p) == pytest.approx(roc_auc_score(came, p), abs=0.003)
    assert expect_brier(p) == pytest.approx(brier_score_loss(came, p), abs=0.003)


def test_the_interval_of_the_rate_is_that_of_a_poisson_binomial_count() -> None:
    p = np.random.default_rng(3).random(400)
    draws = (np.random.default_rng(4).random((20_000, 400)) < p).mean(axis=1)
    interval = expect_churn_rate(p)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.003)


def test_the_rate_of_a_few_certain_customers_stays_within_0_and_1() -> None:
    interval = expect_churn_rate(np.array([0.99, 0.98]))
    assert 0 <= interval.low <= interval.high <= 1


def test_every_horizon_has_a_row_and_no_auc_where_all_are_certain() -> None:
    predictions = pl.DataFrame(
        {"horizon_days": pl.Series([90, 90, 30, 30], dtype=pl.Int32),
         "churn_probability": [0.2, 0.4, 1.0, 1.0]}
    )  # fmt: skip
    table = expect_performance(predictions)
    assert table["horizon_days"].to_list() == [30, 90]
    assert table["roc_auc"][0] is None
    assert table["churn_rate"].to_list() == pytest.approx([1.0, 0.3])
