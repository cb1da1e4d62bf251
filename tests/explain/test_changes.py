"""Why a score moved: by hand, on two trees and on a rule."""

import lightgbm
import numpy as np
import polars as pl
import pytest

from holdfast.explain import Wording
from holdfast.explain.changes import Shift, State, move_to, score, share_move, tell_shift
from holdfast.learners.design import Design
from holdfast.learners.tree_ensemble import TreeEnsemble
from holdfast.models.baselines import RECENCY, RecencyRank, RecencyRule
from holdfast.models.churn import ChurnModel
from holdfast.models.value import ValueModel

COLUMNS = ("visits", "spend")


def two_trees() -> ValueModel:
    """4 more from the sixth visit on, 1 more from a spend of 6 on: a tree each."""
    grid = [(visits, spend) for visits in range(1, 11) for spend in range(1, 11)]
    frame = pl.DataFrame(grid, schema=list(COLUMNS), orient="row")
    design = Design.learn(frame, columns=COLUMNS)
    truth = 4.0 * (frame["visits"] > 5) + 1.0 * (frame["spend"] > 5)
    exact = {"learning_rate": 1, "num_leaves": 2, "min_data_in_leaf": 1, "lambda_l2": 0}
    data = lightgbm.Dataset(design.matrix(frame), truth.to_numpy(), params={"verbosity": -1})
    booster = lightgbm.train({**exact, "verbosity": -1}, data, num_boost_round=2)
    return ValueModel(design, TreeEnsemble.of_booster(booster))


def customers(*rows: tuple[float | None, float | None]) -> pl.DataFrame:
    ids = pl.Series("customer_id", [f"C{place}" for place in range(len(rows))])
    values = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.Float64), orient="row")
    return values.insert_column(0, ids)


def wording(frame: pl.DataFrame) -> Wording:
    return Wording.learn(frame, columns=COLUMNS, catalogue=False, currency="")


def test_each_column_adds_what_its_tree_moved() -> None:
    model = two_trees()
    before = State.of(model, customers((2, 2), (8, 8), (2, 8)))
    after = State.of(model, customers((8, 2), (2, 2), (2, 8)))
    moved = share_move(model, before, after)
    np.testing.assert_allclose(moved.values, [[4, 0], [-4, -1], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(moved.rest, 0, atol=1e-12)
    np.testing.assert_allclose(moved.total, after.score - before.score, atol=1e-12)


def test_churn_moves_in_log_odds() -> None:
    days = [pl.DataFrame({RECENCY: [float(silent)]}) for silent in (10, 30, 50)]
    design = Design.learn(days[0], columns=[RECENCY])
    rank = RecencyRank((10.0, 50.0), (0.2, 0.8))
    model = ChurnModel(design, RecencyRule.of(rank, design, days[0]))
    then, half, late = (State.of(model, rows) for rows in days)
    # 0.2 is log(1/4), 0.5 is 0 and 0.8 is log(4).
    assert share_move(model, then, half).values.item() == pytest.approx(np.log(4))
    assert share_move(model, then, late).values.item() == pytest.approx(2 * np.log(4))
    assert score(model, days[1]).item() == pytest.approx(0)


def test_only_who_differs_is_explained_and_the_others_have_moved_by_nothing() -> None:
    model = two_trees()
    before = State.of(model, customers((2, 2), (8, None), (3, 3)))
    moved = move_to(model, before, customers((2, 2), (8, None), (3, 9)))
    np.testing.assert_allclose(moved.values, [[0, 0], [0, 0], [0, 1]], atol=1e-12)
    assert moved.total[:2].tolist() == [0, 0]
    everybody = move_to(model, before, before.rows)
    assert not everybody.total.any()


def test_the_strongest_are_told_with_both_values_and_the_others_together() -> None:
    before, after = customers((2, 2)), customers((8, 9))
    moved = Shift(COLUMNS, np.array([[4.0, 1.0]]), np.array([0.25]))
    told = tell_shift(moved, before, after, wording=wording(before), top=1)
    assert told.select("rank", "feature", "was", "now", "contribution").rows() == [
        (1, "visits", "2", "8", 4.0),
        (2, "", "", "", 1.25),
    ]


def test_what_besides_the_columns_moved_a_score_is_a_reason_of_its_own() -> None:
    rows = customers((2, 2), (2, 2))
    nothing = Shift(COLUMNS, np.zeros((2, 2)), np.zeros(2))
    moved = nothing.with_reason("a correction", np.array([0.0, -3.0]))
    told = tell_shift(moved, rows, rows, wording=wording(rows), top=3)
    assert told.select("customer_id", "feature", "was", "contribution").rows() == [
        ("C1", "a correction", "", -3.0)
    ]
