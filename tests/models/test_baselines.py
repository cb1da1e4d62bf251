"""Baselines: what a marketer would do by hand, and nothing cleverer."""

import numpy as np
import polars as pl
import pytest

from holdfast.learners.design import Design
from holdfast.models.baselines import (
    RECENCY,
    Constant,
    RecencyRank,
    RecencyRule,
    TrailingSpend,
    TrailingSpendRule,
)
from holdfast.models.churn import ChurnModel
from holdfast.models.value import ValueModel


def silent(*days: int) -> pl.DataFrame:
    return pl.DataFrame({"days_since_last_purchase": days})


def test_the_recency_rank_pools_neighbours_that_contradict_each_other() -> None:
    days = np.array([1.0, 2, 3, 4])
    fitted = RecencyRank.fit(days, np.array([0.0, 1, 0, 1]))
    # Days 2 and 3 contradict a rising risk: both get the mean of 1 and 0.
    assert fitted.predict(silent(1, 2, 3, 4)).tolist() == [0.0, 0.5, 0.5, 1.0]


def test_between_and_beyond_the_seen_days_the_risk_is_interpolated_and_then_constant() -> None:
    fitted = RecencyRank.fit(np.array([10.0, 20]), np.array([0.0, 1]))
    assert fitted.predict(silent(0, 15, 20, 900)).tolist() == [0.0, 0.5, 1.0, 1.0]


def test_silence_through_twice_the_window_is_the_square_of_silence_through_one() -> None:
    days, churned = np.array([5.0, 5, 5, 5]), np.array([1.0, 1, 1, 0])
    assert RecencyRank.fit(days, churned, reach=2.0).predict(silent(5)).tolist() == [0.75**2]


@pytest.mark.parametrize(
    ("horizon", "window"), [(30, 30), (60, 30), (90, 90), (180, 180), (200, 180), (400, 365)]
)
def test_trailing_spend_looks_at_the_window_nearest_to_the_horizon(
    horizon: int, window: int
) -> None:
    rule = TrailingSpend(horizon)
    assert rule.window_days == window
    assert rule.name == f"baseline: spend of the last {window} days"


def test_trailing_spend_is_scaled_to_the_horizon_and_never_negative() -> None:
    frame = pl.DataFrame({"spend_30d": [100.0, -20.0, 0.0]})
    assert TrailingSpend(45).predict(frame).tolist() == [150.0, 0.0, 0.0]


def test_the_constant_is_the_mean_for_everyone() -> None:
    rule = Constant.fit("baseline: base rate", np.array([1.0, 0, 0, 0]))
    assert rule.predict(pl.DataFrame({"any": [1, 2, 3]})).tolist() == [0.25, 0.25, 0.25]


def test_the_rule_in_a_learners_place_says_what_the_rank_says_and_is_saved() -> None:
    days = np.array([1.0, 5, 9, 20, 40, 80])
    frame = pl.DataFrame({"n_purchases": [3, 1, 2, 1, 1, 1], RECENCY: days})
    rank = RecencyRank.fit(days, np.array([0.0, 1, 0, 1, 0, 1]))
    design = Design.learn(frame, columns=frame.columns)
    rule = RecencyRule.of(rank, design, frame)
    matrix = design.matrix(frame)
    assert rule.predict(matrix) == pytest.approx(rank.predict(frame), abs=1e-5)
    assert RecencyRule.from_parts(rule.parts()) == rule
    added = rule.contributions(matrix)
    assert added.sum(axis=1) == pytest.approx(rule.raw(matrix))
    assert not added[:, 0].any()
    model = ChurnModel(design, rule, None, 90)
    assert ChurnModel.from_parts(model.parts()) == model


def test_trailing_spend_in_the_learners_place_goes_on_at_its_rate_and_is_saved() -> None:
    days = np.array([1.0, 5, 9, 20, 40, 80])
    frame = pl.DataFrame({RECENCY: days, "spend_90d": [30.0, -5, 0, 60, 9, 3]})
    rank = RecencyRank.fit(days, np.array([0.0, 1, 0, 1, 0, 1]))
    design = Design.learn(frame, columns=frame.columns)
    rule = TrailingSpendRule.of(TrailingSpend(120), rank, design, frame)
    matrix = design.matrix(frame)
    assert rule.predict(matrix) == pytest.approx([40, 0, 0, 80, 12, 4])
    added = rule.contributions(matrix)
    assert added.sum(axis=1) == pytest.approx([40, 0, 0, 80, 12, 4])
    assert not added[:, 0].any()
    model = ValueModel(design, rule, horizon_days=120)
    assert ValueModel.from_parts(model.parts()) == model
