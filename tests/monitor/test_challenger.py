"""A new run is worse only for certain, and only on rows that both predicted."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import log_loss

from holdfast.monitor.challenger import RIVAL, describe_contest, hold_contest
from holdfast.tables import PREDICTIONS

N = 600


def rows(noise: float, *, n: int = N, cutoffs: tuple[int, ...] = (20_000, 20_090)) -> pl.DataFrame:
    """The published run knows each probability; the new one adds noise to its log-odds."""
    rng = np.random.default_rng(5)
    parts = []
    for cutoff in cutoffs:
        z = rng.normal(0, 1.5, n)
        p, off = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(-z - noise * rng.normal(size=n)))
        parts.append(
            pl.DataFrame({"customer_id": [f"C{k:04}" for k in range(n)],
                          "cutoff_day": np.full(n, cutoff, np.int32),
                          "churned": rng.random(n) < p, "churn_probability": off, RIVAL: p})
        )  # fmt: skip
    table = pl.concat(parts)
    missing = [
        pl.lit(None, t).alias(c) for c, t in PREDICTIONS.schema.items() if c not in table.columns
    ]
    return table.with_columns(missing)


def test_a_run_with_three_times_the_noise_is_worse_by_what_scikit_learn_says() -> None:
    table = rows(3.0)
    contest = hold_contest("churn", table, seed=1)
    assert contest is not None
    losses = [
        log_loss(part["churned"], part["churn_probability"])
        - log_loss(part["churned"], part[RIVAL])
        for part in table.partition_by("cutoff_day")
    ]
    assert contest.difference.value == pytest.approx(np.mean(losses), rel=1e-6)
    assert contest.is_worse(by=0.0)
    assert contest.cutoffs == (20_000, 20_090)


def test_a_run_that_is_as_good_is_not_worse() -> None:
    contest = hold_contest("churn", rows(0.05), seed=1)
    assert contest is not None
    assert not contest.is_worse(by=0.0)


def test_worse_by_less_than_the_study_asks_for_is_not_worse() -> None:
    contest = hold_contest("churn", rows(3.0), seed=1)
    assert contest is not None
    share = contest.difference.low / contest.rival_error
    assert contest.is_worse(by=share * 0.9)
    assert not contest.is_worse(by=share * 1.1)


def test_fewer_than_fifty_customers_decide_nothing() -> None:
    contest = hold_contest("churn", rows(6.0, n=49), seed=1)
    assert contest is not None
    assert not contest.is_worse(by=0.0)


def test_rows_that_the_published_run_cannot_be_asked_for_are_left_out() -> None:
    table = rows(3.0)
    is_first = pl.col("cutoff_day") == 20_000
    asked_late = table.with_columns(pl.when(is_first).then(None).otherwise(RIVAL).alias(RIVAL))
    contest = hold_contest("churn", asked_late, seed=1)
    assert contest is not None
    assert contest.cutoffs == (20_090,)
    assert (
        hold_contest("churn", table.with_columns(pl.lit(None, pl.Float64).alias(RIVAL)), seed=1)
        is None
    )


def test_the_finding_says_what_became_of_the_run() -> None:
    contest = hold_contest("churn", rows(3.0), seed=1)
    assert contest is not None
    refused = describe_contest(contest, rival="R", refused=True)
    kept = describe_contest(contest, rival="R", refused=False)
    assert (refused.name, kept.name) == ("challenger-refused", "challenger-worse")
    assert "600 customers at 2024-10-04, 2025-01-02" in refused.evidence
