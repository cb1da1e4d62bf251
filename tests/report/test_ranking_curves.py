"""The tables behind the charts, against hand-made cases and independent code."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from holdfast import metrics, tables
from holdfast.evaluation.evidence import DIFFERENCE, INTERVAL, MEDIAN
from holdfast.report import ranking_curves
from holdfast.report.report_data import Report

Proved = Callable[..., pl.DataFrame]


def test_areas_are_those_of_the_evidence_also_where_predictions_are_equal(report: Report) -> None:
    found = ranking_curves.ranking(report.steps)
    for cutoff, model, column in (
        (cutoff, model, column)
        for cutoff in report.predictions["cutoff_day"].unique()
        for model, column in zip(ranking_curves.NAMES, ranking_curves.MODELS["churn"], strict=True)
    ):
        mine = report.predictions.filter(pl.col("cutoff_day") == cutoff)
        truth, score = mine["churned"].cast(pl.Float64).to_numpy(), mine[column].to_numpy()
        row = found.filter((pl.col("cutoff_day") == cutoff) & (pl.col("model") == model)).row(
            0, named=True
        )
        assert row["area"] == pytest.approx(metrics.roc_auc(truth, score), abs=1e-12)
        assert row["average_precision"] == pytest.approx(
            metrics.average_precision(truth, score), abs=1e-12
        )
        assert row["left"] == pytest.approx(mine["churned"].mean())


def test_a_perfect_order_finds_every_leaver_first(proved: Proved) -> None:
    steps = ranking_curves.cumulative(
        proved([True, False, False, False], [0.9, 0.3, 0.2, 0.1], [0.0] * 4, [0.0] * 4)
    )
    assert ranking_curves.capture_at(ranking_curves.gains(steps), 0.25) == (1.0, None)
    assert ranking_curves.ranking(steps)["area"].to_list() == [1.0]
    assert ranking_curves.roc(steps).filter(pl.col("y") == 1.0)["x"].min() == pytest.approx(0.0)


def test_equal_predictions_find_in_proportion(proved: Proved) -> None:
    steps = ranking_curves.cumulative(
        proved([True, False, True, False], [0.5] * 4, [6.0, 1, 2, 1], [9.0, 8, 7, 6])
    )
    gains = ranking_curves.gains(steps)
    assert ranking_curves.capture_at(gains.filter(pl.col("task") == "churn"), 0.3)[
        0
    ] == pytest.approx(0.3)
    assert ranking_curves.capture_at(gains.filter(pl.col("task") == "value"), 0.25)[
        0
    ] == pytest.approx(0.6)


def test_gains_of_several_cutoffs_weigh_each_by_what_it_held(proved: Proved) -> None:
    one = proved([True, False], [0.9, 0.1], [30.0, 10.0], [2.0, 1.0])
    two = proved([True, False], [0.9, 0.1], [0.0, 60.0], [2.0, 1.0]).with_columns(
        cutoff_day=pl.lit(200, pl.Int32)
    )
    gains = ranking_curves.gains(ranking_curves.cumulative(pl.concat([one, two]))).filter(
        pl.col("task") == "value"
    )
    assert ranking_curves.capture_at(gains, 0.5)[0] == pytest.approx((30 + 0) / 100)


def test_an_outcome_that_does_not_vary_draws_nothing(proved: Proved) -> None:
    steps = ranking_curves.cumulative(proved([False, False], [0.9, 0.1], [0.0, 0.0], [1.0, 2.0]))
    assert steps.is_empty()
    assert steps.schema == ranking_curves.CUMULATIVE


def test_reliability_has_wilsons_interval(proved: Proved) -> None:
    # 1 of 10 at 95 %: 0.0179 to 0.4042 (Newcombe 1998, method 3).
    table = proved([True] + [False] * 9, [0.25] * 10, [0.0] * 10, [0.0] * 10)
    row = ranking_curves.reliability(table).row(0, named=True)
    assert (row["bin"], row["customers"], row["actual"], row["predicted"]) == (2, 10, 0.1, 0.25)
    assert (round(row["low"], 4), round(row["high"], 4)) == (0.0179, 0.4042)


def test_a_probability_of_one_belongs_to_the_last_bin(proved: Proved) -> None:
    assert ranking_curves.reliability(proved([True], [1.0], [0.0], [0.0]))["bin"].to_list() == [9]


def test_a_verdict_goes_by_the_metrics_own_direction(report: Report) -> None:
    contests = ranking_curves.contests(report.evidence)
    verdicts = dict(
        contests.filter(pl.col("cutoff_day") == contests["cutoff_day"][0])
        .select("metric", "verdict")
        .iter_rows()
    )
    # Both differences are certainly above 0. rmse has no figure for the baseline (NaN), so it is no
    # contest; of the others no difference was measured.
    assert verdicts == {
        "roc_auc": "better",
        "brier": "worse",
        "f1": None,
        "wape": None,
        "total_ratio": None,
    }


def test_cutoffs_are_averaged_with_their_range(report: Report) -> None:
    contests = ranking_curves.contests(report.evidence)
    later = pl.col("cutoff_day") == contests["cutoff_day"].max()
    moved = contests.with_columns(value=pl.col("value") + pl.when(later).then(0.1).otherwise(0.0))
    row = ranking_curves.average(moved).row(0, named=True)
    assert (row["metric"], row["baseline_value"]) == ("roc_auc", pytest.approx(0.7))
    assert (row["value"], row["low"], row["high"]) == pytest.approx((0.85, 0.8, 0.9))


def test_what_is_too_high_at_one_cutoff_does_not_make_up_for_the_other(proved: Proved) -> None:
    high = proved([False] * 10, [0.25] * 10, [0.0] * 10, [0.0] * 10)
    low = proved([True] * 5 + [False] * 5, [0.25] * 10, [0.0] * 10, [0.0] * 10)
    both = pl.concat([high, low.with_columns(cutoff_day=pl.lit(200, pl.Int32))])
    row = ranking_curves.reliability(both).row(0, named=True)
    assert (row["predicted"], row["actual"], row["gap"]) == (0.25, 0.25, 0.25)


def test_no_candidate_stands_in_for_the_baseline() -> None:
    rows = [(100, "churn", name, "roc_auc", 0.7, None, None) for name in ("champion", "catboost")]
    evidence = pl.DataFrame(rows, schema=tables.EVIDENCE.schema, orient="row")
    assert ranking_curves.contests(evidence).is_empty()


def test_a_difference_a_median_and_an_interval_are_no_models() -> None:
    told = {"champion": 0.2, "baseline: mean": 0.3, DIFFERENCE: -0.1, MEDIAN: 0.15, INTERVAL: 0.8}
    rows = [
        (100, "value", name, "wape", value, None, None) for name, value in reversed(told.items())
    ]
    evidence = pl.DataFrame(rows, schema=tables.EVIDENCE.schema, orient="row")
    assert ranking_curves.contests(evidence).select(
        "value", "baseline", "baseline_value"
    ).rows() == [(0.2, "baseline: mean", 0.3)]
    assert sorted(ranking_curves.standings(evidence).select("name", "kind").iter_rows()) == [
        ("Chosen model", "chosen"),
        ("Mean", "baseline"),
    ]
    alone = evidence.filter(pl.col("model") != "baseline: mean")
    assert ranking_curves.contests(alone).is_empty()


def test_the_same_predictions_give_the_same_bins_to_the_last_digit() -> None:
    rng = np.random.default_rng(1)
    n = 40_000
    predictions = pl.DataFrame(
        {
            "cutoff_day": rng.integers(0, 40, n),
            "churn_probability": rng.random(n),
            "churned": rng.random(n) < 0.5,
        }
    )
    first = ranking_curves.reliability(predictions)["gap"].to_list()
    for _ in range(10):
        assert ranking_curves.reliability(predictions)["gap"].to_list() == first
