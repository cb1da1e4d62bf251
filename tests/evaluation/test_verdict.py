"""A verdict is said only where the customers say so, and a customer speaks once."""

import numpy as np
import polars as pl
import pytest

from holdfast.evaluation.verdict import Verdict, judge
from holdfast.tables import PREDICTIONS

RNG = np.random.default_rng(5)
CHANCE = RNG.uniform(0.1, 0.9, 600)
CHURNED = RNG.random(600) < CHANCE


def at(cutoff: int, model: np.ndarray, naive: np.ndarray) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "customer_id": [f"K{place}" for place in range(len(model))],
            "cutoff_day": np.full(len(model), cutoff),
            "churned": CHURNED[: len(model)],
            "churn_probability": model,
            "churn_baseline": naive,
        }
    )
    missing = {name: None for name in PREDICTIONS.schema if name not in frame.columns}
    columns = PREDICTIONS.schema.names()
    return frame.with_columns(**missing).select(columns).cast(PREDICTIONS.schema)


def verdict_of(*parts: pl.DataFrame) -> Verdict:
    return judge(pl.concat(parts), seed=1)["churn"]


def test_the_model_that_knows_is_better_and_the_one_that_guesses_is_worse() -> None:
    flat = np.full(600, 0.5)
    words = {name: verdict_of(at(9, CHANCE, flat)).word(name) for name in ("roc_auc", "brier")}
    assert words == {"roc_auc": "better", "brier": "better"}
    worse = verdict_of(at(9, flat, CHANCE))
    assert (worse.word("roc_auc"), worse.word("log_loss"), worse.is_worse) == (
        "worse",
        "worse",
        True,
    )
    assert worse.ranks_by_chance
    same = verdict_of(at(9, CHANCE, CHANCE))
    assert {same.word(name) for name in same.differences} == {"no difference"}
    assert not same.is_worse


def test_the_difference_is_the_mean_over_the_cutoffs() -> None:
    naive = np.full(600, 0.5)
    one, other = at(9, CHANCE, naive), at(99, CHANCE[:200], naive[:200])
    loss = (CHANCE - CHURNED) ** 2 - 0.25
    expected = (loss.mean() + loss[:200].mean()) / 2
    pooled = verdict_of(one, other)
    assert pooled.differences["brier"].value == pytest.approx(expected)
    assert (pooled.customers, pooled.cutoffs) == (600, 2)


def test_the_same_customers_at_another_cutoff_are_no_second_proof() -> None:
    once = verdict_of(at(9, CHANCE, np.full(600, 0.5))).differences["brier"]
    twice = verdict_of(*(at(day, CHANCE, np.full(600, 0.5)) for day in (9, 99)))
    interval = twice.differences["brier"]
    assert (interval.low, interval.high) == pytest.approx((once.low, once.high))


def test_without_outcomes_there_is_no_verdict() -> None:
    assert judge(PREDICTIONS.empty(), seed=1) == {}
