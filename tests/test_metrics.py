"""Metrics, against scikit-learn and scipy and against a hand; weights are repeated rows."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics as oracle

from holdfast import metrics
from holdfast.evaluation.evidence import VALUE_METRICS, churn_metrics
from holdfast.metrics import intervals, paired_interval

RNG = np.random.default_rng(7)
N = 400
CHURNED = (RNG.random(N) < 0.3).astype(np.float64)
# Rounded, so that many scores are equal.
RISK = np.clip(CHURNED * 0.2 + RNG.random(N) * 0.8, 0, 1).round(2)
SPENT = (RNG.gamma(0.5, 200, N) * (RNG.random(N) < 0.6)).round(2)
EXPECTED = (SPENT * 0.4 + RNG.gamma(1, 40, N)).round(0)
TIMES = RNG.integers(0, 4, N)

ORACLES = {
    "roc_auc": (oracle.roc_auc_score, CHURNED, RISK),
    "average_precision": (oracle.average_precision_score, CHURNED, RISK),
    "brier": (oracle.brier_score_loss, CHURNED, RISK),
    "log_loss": (oracle.log_loss, CHURNED, np.clip(RISK, 0.01, 0.99)),
    "f1": (oracle.f1_score, CHURNED, (RISK > 0.4).astype(float)),
    "precision": (oracle.precision_score, CHURNED, (RISK > 0.4).astype(float)),
    "recall": (oracle.recall_score, CHURNED, (RISK > 0.4).astype(float)),
    "tweedie_deviance": (partial(oracle.mean_tweedie_deviance, power=1.5), SPENT, EXPECTED + 1),
    "r2": (oracle.r2_score, SPENT, EXPECTED),
    "mae": (oracle.mean_absolute_error, SPENT, EXPECTED),
    "rmse": (oracle.root_mean_squared_error, SPENT, EXPECTED),
    "spearman": (lambda a, b: spearmanr(a, b).statistic, SPENT, EXPECTED),
}


@pytest.mark.parametrize("name", ORACLES)
def test_a_metric_equals_its_oracle(name: str) -> None:
    theirs, truth, score = ORACLES[name]
    assert getattr(metrics, name)(truth, score) == pytest.approx(theirs(truth, score), abs=1e-12)


@pytest.mark.parametrize("name", [*churn_metrics(0.4), *VALUE_METRICS])
def test_a_whole_weight_counts_like_as_many_rows(name: str) -> None:
    metric = (churn_metrics(0.4) | VALUE_METRICS)[name]
    truth, score = (SPENT, EXPECTED) if name in VALUE_METRICS else (CHURNED, RISK)
    repeated = np.repeat(np.arange(N), TIMES)
    assert metric(truth, score, TIMES.astype(float)) == pytest.approx(
        metric(truth[repeated], score[repeated])
    )


@pytest.mark.parametrize("name", [*churn_metrics(0.4), *VALUE_METRICS])
def test_the_order_of_customers_does_not_matter(name: str) -> None:
    metric = (churn_metrics(0.4) | VALUE_METRICS)[name]
    truth, score = (SPENT, EXPECTED) if name in VALUE_METRICS else (CHURNED, RISK)
    score = score + np.arange(N) * 1e-6  # Equal scores keep their order, so there must be none.
    mixed = np.random.default_rng(1).permutation(N)
    assert metric(truth[mixed], score[mixed], None) == pytest.approx(metric(truth, score, None))


def test_by_hand() -> None:
    truth, score = np.array([10.0, 0, 30, 60]), np.array([20.0, 5, 20, 55])
    assert metrics.wape(truth, score) == pytest.approx((10 + 5 + 10 + 5) / 100)
    assert metrics.total_ratio(truth, score) == 1.0
    assert metrics.capture(truth, score, share=0.25) == 0.6
    assert metrics.lift(np.array([1.0, 0, 0, 1]), score, share=0.25) == 2.0
    assert metrics.normalised_gini(truth, truth) == 1.0
    assert metrics.normalised_gini(truth, -truth) == -1.0
    assert metrics.ece(np.array([1.0, 0]), np.array([0.75, 0.35])) == pytest.approx(0.3)


def test_where_one_class_is_absent_there_is_no_auc() -> None:
    assert np.isnan(metrics.roc_auc(np.zeros(3), np.array([0.1, 0.2, 0.3])))
    assert np.isnan(metrics.r2(np.full(3, 5.0), np.array([4.0, 5, 6])))


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    truth = np.random.default_rng(2).normal(10, 3, 2_000)
    found = intervals({"mae": metrics.mae}, truth, np.zeros(2_000), seed=1, draws=1_000)["mae"]
    assert found.value == pytest.approx(np.abs(truth).mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * 3 / np.sqrt(2_000), rel=0.1)


def test_of_many_customers_a_sample_is_drawn_and_the_interval_stays_as_wide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = np.random.default_rng(2).normal(10, 3, 4_000)
    monkeypatch.setattr(metrics, "_LARGEST_SAMPLE", 500)
    found = intervals({"mae": metrics.mae}, truth, np.zeros(4_000), seed=1, draws=1_000)["mae"]
    assert found.value == pytest.approx(np.abs(truth).mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * 3 / np.sqrt(4_000), rel=0.1)


def test_a_metric_has_the_same_interval_alone_and_among_others() -> None:
    together = intervals(VALUE_METRICS, SPENT, EXPECTED, seed=3)
    assert (
        intervals({"gini": metrics.normalised_gini}, SPENT, EXPECTED, seed=3)["gini"]
        == together["gini"]
    )


def test_a_score_against_itself_differs_by_nothing() -> None:
    found = paired_interval(metrics.wape, SPENT, EXPECTED, EXPECTED, seed=4)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_on_the_same_draws_a_small_difference_is_told_from_none() -> None:
    alone = intervals({"wape": metrics.wape}, SPENT, EXPECTED, seed=4)["wape"]
    found = paired_interval(metrics.wape, SPENT, EXPECTED, EXPECTED * 1.2, seed=4)
    assert found.high < 0
    assert found.high - found.low < (alone.high - alone.low) / 2


def test_a_metric_that_no_draw_defines_has_no_interval() -> None:
    found = intervals({"auc": metrics.roc_auc}, np.zeros(20), np.arange(20.0), seed=1)["auc"]
    assert np.isnan([found.value, found.low, found.high]).all()
