"""Cohorts and forecast, against the orders themselves."""

from pathlib import Path

import polars as pl
import pytest
from tests.dashboard.pages import show, tables, text

from holdfast.report import formatting
from holdfast.report.run_tables import payback
from holdfast.storage.runs import Registry


def test_a_cohort_is_who_bought_first_in_its_month(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = pl.read_csv(older_runs / "log" / "orders.csv", try_parse_dates=True)
    first = orders.group_by("customer_id").agg(month=pl.col("day").min().dt.strftime("%Y-%m"))
    shown = show("cohorts", older_runs / "log" / "holdfast.toml", monkeypatch)
    listed = {row[0]: row[1:] for row in tables(shown)["Share that bought in the month"]}
    counts = dict(first["month"].value_counts().iter_rows())
    assert {month: int(row[0]) for month, row in listed.items()} == counts

    january = first.filter(month="2024-01")["customer_id"]
    february = orders.filter(pl.col("day").dt.month() == 2)["customer_id"].unique()
    share = january.is_in(february.implode()).mean()
    assert listed["2024-01"][1] == formatting.percent(share, 0)


def test_the_forecast_lists_weeks_that_add_up_to_the_total(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Registry(older_runs / "log" / "runs").open()
    weeks = run.table("forecast").filter(group_kind="company").sort("week_start_day")
    shown = show("cohorts", older_runs / "log" / "holdfast.toml", monkeypatch)
    listed = tables(shown)["Forecast by week"]
    assert len(listed) == weeks.height
    assert listed[0][0] == "27 Sep 2024"
    assert [row[1] for row in listed] == [
        formatting.money(value, "USD") for value in weeks["expected_revenue"]
    ]
    total = formatting.money(run.scores["expected_revenue"].sum(), "USD")
    assert f"{total} expected in the next 60 days" in text(shown)


def test_a_segment_has_a_forecast_of_its_own(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Registry(older_runs / "log" / "runs").open()
    mine = run.table("forecast").filter(group="Champion").sort("week_start_day")
    shown = show("cohorts", older_runs / "log" / "holdfast.toml", monkeypatch, group="Champion")
    assert [row[1] for row in tables(shown)["Forecast by week"]] == [
        formatting.money(value, "USD") for value in mine["expected_revenue"]
    ]


def test_a_snapshot_has_neither_and_says_why(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("cohorts", older_runs / "snapshot" / "holdfast.toml", monkeypatch)
    assert tables(shown) == {}
    assert "There is no forecast to show." in text(shown)
    assert "give an order log as [transactions]" in text(shown)


def test_the_channels_of_the_study_are_told_with_their_payback(
    simulated_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Registry(simulated_shop / "runs").open()
    shown = show("cohorts", simulated_shop / "holdfast.toml", monkeypatch)
    listed = tables(shown)["A customer won, by channel"]
    rows = run.table("channels").to_dicts()
    assert [row[0] for row in listed] == [row["channel"] for row in rows]
    assert [row[-1] for row in listed] == [payback(row) for row in rows]


def test_a_run_without_channels_has_no_such_section(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("cohorts", older_runs / "log" / "holdfast.toml", monkeypatch)
    assert "What customers of each channel leave" not in text(shown)
