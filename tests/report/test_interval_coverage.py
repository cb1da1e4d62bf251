"""Promises: groups by what was expected, shares by what came, and the figures of every horizon."""

import polars as pl
import pytest

from holdfast.report.ranking_curves import TENTHS, by_horizon, tenths
from holdfast.tables import HORIZON_EVIDENCE, PREDICTIONS


def predictions(**columns: list[float]) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    frame = pl.DataFrame(
        {"customer_id": [str(k) for k in range(n)], "cutoff_day": [100] * n, **columns}
    )
    empty = {
        name: pl.lit(None, kind)
        for name, kind in PREDICTIONS.schema.items()
        if name not in frame.columns
    }
    return frame.with_columns(**empty).select(PREDICTIONS.schema.names()).cast(PREDICTIONS.schema)


def test_twenty_customers_make_ten_pairs_from_the_least_expected_on() -> None:
    said = predictions(
        expected_revenue=[float(k) for k in range(20)],
        future_revenue=[0.0, 3.0] * 10,
        value_baseline=[2.0] * 20,
        revenue_low_80=[0.0] * 20,
        revenue_high_80=[2.5, 2.5] * 5 + [3.5, 3.5] * 5,
    )
    found = tenths(said)
    assert found["predicted"].to_list() == [2 * k + 0.5 for k in range(10)]
    assert found["actual"].to_list() == [1.5] * 10
    assert found["idle"].to_list() == [0.5] * 10
    # 3 lies above 2.5 and below 3.5; 0 lies in both.
    assert found["held_80"].to_list() == [0.5] * 5 + [1.0] * 5
    assert found["width_80"].to_list() == [2.5] * 5 + [3.5] * 5


def test_a_run_from_before_the_intervals_has_none() -> None:
    said = predictions(
        expected_revenue=[1.0, 2.0], future_revenue=[0.0, 4.0], value_baseline=[1.0, 1.0]
    )
    found = tenths(said.drop("revenue_low_80", "revenue_high_80"))
    assert found["held_80"].null_count() == found.height == 2
    assert found["actual"].sum() == pytest.approx(4.0)


def test_without_an_outcome_there_is_nothing_to_tell() -> None:
    assert tenths(PREDICTIONS.empty()).schema == TENTHS


def test_the_figures_of_a_horizon_stand_in_one_row_with_the_naive_ones_beside_them() -> None:
    told = [
        (30, 100, "churn", "champion", "brier", 0.1),
        (30, 100, "churn", "baseline: recency rank", "brier", 0.2),
        (30, 100, "value", "median", "wape", 0.5),
        (30, 100, "value", "interval", "coverage_80", 0.79),
        (30, 130, "churn", "champion", "brier", 0.3),
        (90, 100, "churn", "champion", "roc_auc", 0.8),
        (90, 100, "value", "champion", "total_ratio", float("nan")),
    ]
    table = pl.DataFrame(
        [(*row, None, None) for row in told], schema=HORIZON_EVIDENCE.schema, orient="row"
    )
    found = by_horizon(table)
    assert found.columns[:4] == ["horizon_days", "cutoff_day", "roc_auc", "naive_roc_auc"]
    assert found.columns[-3:] == ["median_wape", "coverage_80", "coverage_95"]
    assert set(found.dtypes[2:]) == {pl.Float64()}
    assert found.select("horizon_days", "cutoff_day").rows() == [(30, 100), (30, 130), (90, 100)]
    first = found.row(0, named=True)
    assert (first["brier"], first["naive_brier"], first["median_wape"], first["coverage_80"]) == (
        0.1,
        0.2,
        0.5,
        0.79,
    )
    assert first["wape"] is first["roc_auc"] is first["total_ratio"] is None
    assert found["naive_brier"].to_list() == [0.2, None, None]
    assert found["total_ratio"].null_count() == 3, "a ratio to nothing is not a number to show"
