"""What the dashboard asks of runs: find customers, compare runs, sum up a base."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from holdfast.report import chart_data, ranking_curves
from holdfast.runs.run_history import moves, run_before, trail
from holdfast.serving.customer_profile import Profiles
from holdfast.serving.customer_search import explain_absence, find_customer, find_customers
from holdfast.serving.what_if import find_levers
from holdfast.storage.runs import Registry, Run
from holdfast.study import Study

SCORES = pl.DataFrame({"customer_id": ["*a", "A1", "A10", "A2", "B1", "[x](y)", "a1"]}).sort(
    "customer_id"
)


def _found(typed: str, at_most: int = 8) -> list[str]:
    return find_customers(SCORES, typed, at_most=at_most)["customer_id"].to_list()


def test_names_that_begin_as_typed_come_first_then_those_that_hold_it() -> None:
    assert _found("A1") == ["A1", "A10", "a1"]
    assert _found("1") == ["A1", "A10", "B1", "a1"]
    assert _found("A", at_most=2) == ["A1", "A10"]


def test_what_is_typed_is_text_and_no_pattern() -> None:
    assert _found("*") == ["*a"]
    assert _found("(") == ["[x](y)"]
    assert _found("zzz") == _found("") == []


def test_only_the_exact_name_is_the_customer() -> None:
    assert find_customer(SCORES, "A1") == {"customer_id": "A1"}
    assert find_customer(SCORES, "A") is None
    assert find_customer(SCORES, "") is None


OLDER = cast(Run, SimpleNamespace(run_id="r1", has_table=lambda _: False))
STUDY = Study.from_dict(
    {
        "study": {"name": "shop"},
        "transactions": {
            "path": "o.csv",
            "columns": {"customer_id": "c", "occurred_at": "t", "amount": "a"},
        },
    }
)


def test_an_unknown_name_gets_at_most_three_near_ones_and_never_a_long_list() -> None:
    names = [f"CUST-{number:05d}" for number in range(5_000)] + ["Z" * 100_000]
    scores = pl.DataFrame({"customer_id": sorted(names)})
    error = explain_absence(OLDER, STUDY, scores, "CUST-0012")
    near = error.fix.removeprefix("near it: ").split(", ")
    assert len(near) == 3
    assert set(near) <= set(names)
    assert all(name.startswith("CUST-001") for name in near)
    assert len(str(error)) < 200
    assert len(str(explain_absence(OLDER, STUDY, scores, "x" * 100_000))) < 200


def test_where_no_name_is_near_none_is_shown() -> None:
    scores = pl.DataFrame({"customer_id": ["ann@shop.example", "bob@shop.example"]})
    error = explain_absence(OLDER, STUDY, scores, "12345", otherwise="ask")
    assert error.fix == "ask"
    assert error.code == "CustomerNotFound"


def _evidence(*ratios: tuple[float, float | None, float | None]) -> pl.DataFrame:
    same = {"task": "value", "model": "champion", "metric": "total_ratio"}
    rows = [{**same, "value": value, "low": low, "high": high} for value, low, high in ratios]
    schema = {
        "task": pl.String,
        "model": pl.String,
        "metric": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)


def test_moves_name_those_who_came_and_those_who_went() -> None:
    before = pl.DataFrame(
        {"customer_id": ["a", "b", "c"], "segment": ["Champion", "Champion", "Vulnerable"]}
    )
    after = pl.DataFrame(
        {
            "customer_id": ["a", "b", "d"],
            "segment": ["Champion", "At-Risk VIP", "Promising"],
            "expected_revenue": [1.0, 2.0, 3.0],
        }
    )
    assert sorted(moves(before, after).rows()) == [
        ("Champion", "At-Risk VIP", 1, 2.0),
        ("Champion", "Champion", 1, 1.0),
        ("Vulnerable", "gone", 1, 0.0),
        ("new", "Promising", 1, 3.0),
    ]


FACTS = {"created_at": "2024-07-01T00:00:00Z", "cutoff_date": "2024-07-01", "customers": 1}


def _publish(registry: Registry, run_id: str, *, study: str = "shop", cutoff_day: int) -> Run:
    summary = {
        "run_id": run_id,
        "created_at": "",
        "cutoff_day": cutoff_day,
        "customers": cutoff_day,
        "share_at_risk": 0.1,
    }
    with registry.staging() as staging:
        folder = staging / "run"
        folder.mkdir()
        (folder / "summary.json").write_text(
            pl.Series([summary]).struct.json_encode()[0], encoding="utf-8"
        )
        return registry.publish(folder, run_id=run_id, facts=FACTS | {"study": study})


def test_a_run_is_compared_with_the_one_at_the_cutoff_before(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "runs")
    ids = [f"2024070{k}T000000Z-0000000{k}" for k in range(1, 6)]
    for run_id, cutoff_day in zip(ids[:3], (100, 130, 130), strict=True):
        _publish(registry, run_id, cutoff_day=cutoff_day)
    _publish(registry, ids[3], study="another", cutoff_day=90)
    last = registry.open(ids[2])
    before = run_before(registry, last)
    assert before is not None
    assert before.run_id == ids[0]
    assert trail(registry, last)["run_id"].to_list() == ids[:3]
    assert run_before(registry, registry.open(ids[0])) is None


def test_a_damaged_run_is_passed_over(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "runs")
    first = _publish(registry, "20240701T000000Z-00000001", cutoff_day=100)
    last = _publish(registry, "20240702T000000Z-00000002", cutoff_day=130)
    (first.path / "summary.json").write_text("{}", encoding="utf-8")
    assert run_before(registry, last) is None


def _profiles() -> Profiles:
    medians = pl.DataFrame({"segment": ["Champion"], "spend": [50.0], "cutoff_season": [0.5]})
    quantiles: dict[str, Any] = {
        "spend": pl.Series(range(101)).to_numpy(),
        "cutoff_season": pl.Series([0.5] * 101).to_numpy(),
    }
    return Profiles(quantiles, medians)


def test_a_profile_ranks_customer_and_median_among_all() -> None:
    (row,) = (
        _profiles()
        .compare({"spend": 75}, "Champion")
        .filter(pl.col("feature") == "spend")
        .rows(named=True)
    )
    assert row["rank"] == pytest.approx(0.75, abs=0.01)
    assert row["median_rank"] == pytest.approx(0.5, abs=0.01)


def test_a_lever_spans_the_base_and_leaves_the_calendar_alone() -> None:
    study = Study.from_dict(
        {
            "study": {"name": "s"},
            "transactions": {
                "path": "o.csv",
                "columns": {"customer_id": "c", "occurred_at": "t", "amount": "a"},
            },
        }
    )
    (lever,) = find_levers(study, _profiles(), {"spend": 150})
    assert (lever.feature, lever.low, lever.high, lever.value, lever.step) == (
        "spend",
        1.0,
        150.0,
        150.0,
        1.0,
    )


def _base(revenue: list[float], churn: list[float], segment: str = "Champion") -> pl.DataFrame:
    tier = ["high"] * len(revenue)
    return pl.DataFrame(
        {
            "expected_revenue": revenue,
            "churn_probability": churn,
            "segment": segment,
            "value_tier": tier,
        }
    )


def test_every_customer_is_in_one_cell_and_one_bin() -> None:
    base = _base([0.0, -5.0, 10.0, 1000.0], [0.0, 1.0, 0.5, 0.3])
    assert chart_data.crowd(base)["customers"].sum() == 4
    assert chart_data.revenue_bins(base)["customers"].sum() == 4
    assert chart_data.revenue_bins(base)["expected_revenue"].sum() == pytest.approx(1005.0)


def test_a_band_begins_at_its_threshold() -> None:
    bands = chart_data.bands(_base([1.0, 2.0, 4.0, 8.0], [0.0999, 0.1, 0.3, 0.7])).filter(
        pl.col("value_tier") == "high"
    )
    assert bands.select("band", "customers", "expected_revenue").rows() == [
        ("low", 1, 1.0),
        ("moderate", 1, 2.0),
        ("high", 1, 4.0),
        ("very high", 1, 8.0),
    ]


def test_deciles_are_of_each_cutoff_and_lift_is_over_everyone() -> None:
    one = pl.DataFrame(
        {
            "cutoff_day": 1,
            "churn_probability": [k / 20 for k in range(20)],
            "churned": [k >= 18 for k in range(20)],
        }
    )
    both = pl.concat(
        [one, one.with_columns(cutoff_day=2, churn_probability=pl.col("churn_probability") / 2)]
    )
    table = ranking_curves.deciles(both)
    assert table["customers"].to_list() == [4] * 10
    # A tenth of everyone left, and all of them are in the first tenth.
    assert table.select("actual", "lift").row(0) == (1.0, 10.0)
    assert table["actual"].to_list()[1:] == [0.0] * 9


def test_silent_stretches_and_whole_weeks() -> None:
    days = pl.DataFrame(
        {"day": range(16), "purchases": [1, 0, 0, 1, 0, 0, 0, 1, *[1] * 8], "revenue": [1.0] * 16}
    )
    assert chart_data.silent_stretches(days).rows() == [(4, 6, 3), (1, 2, 2)]
    assert chart_data.weeks(days).rows() == [(0, 2, 7.0), (7, 7, 7.0)]
