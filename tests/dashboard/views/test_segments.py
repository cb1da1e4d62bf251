"""Segments: the six with their sums, who they are, and who moved."""

from pathlib import Path

import polars as pl
import pytest
from tests.dashboard.pages import show, tables, text

from holdfast.report import formatting
from holdfast.storage.runs import Registry


def test_each_segment_shows_its_customers_and_their_revenue(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = Registry(older_runs / "log" / "runs").open().scores
    shown = show("segments", older_runs / "log" / "holdfast.toml", monkeypatch)
    listed = {row[0]: row[1:] for row in tables(shown)["The six segments"]}
    assert sum(int(row[0]) for row in listed.values()) == scores.height == 27
    for name, mine in scores.group_by("segment"):
        revenue = formatting.money(mine["expected_revenue"].sum(), "USD")
        assert listed[str(name[0])][:2] == [str(mine.height), revenue]


def test_bands_of_risk_count_everyone_once(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = Registry(older_runs / "log" / "runs").open().scores
    shown = show("segments", older_runs / "log" / "holdfast.toml", monkeypatch)
    bands = {(row[0], row[1]): int(row[2]) for row in tables(shown)["Value tier by risk"]}
    assert sum(bands.values()) == 27
    very_high = scores.filter(pl.col("churn_probability") >= 0.7)["value_tier"].value_counts()
    for tier, n in very_high.iter_rows():
        assert bands[str(tier), "very high"] == n


def test_who_moved_is_counted_from_one_run_to_the_next(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(older_runs / "log" / "runs")
    now, before = (registry.open(run_id).scores for run_id in registry.run_ids())
    both = before.join(now, on="customer_id", suffix="_now")
    moved = both.filter(pl.col("segment") != pl.col("segment_now"))
    assert moved.height == 9
    shown = show("segments", older_runs / "log" / "holdfast.toml", monkeypatch)
    listed = {(row[0], row[1]): int(row[2]) for row in tables(shown)["Moves since the run before"]}
    counts = moved.group_by(pl.col("segment", "segment_now").cast(pl.String)).len()
    assert listed == {(was, is_now): n for was, is_now, n in counts.iter_rows()}


def test_the_first_run_has_nothing_to_compare_with(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("segments", older_runs / "snapshot" / "holdfast.toml", monkeypatch)
    assert "There is no earlier run to compare with." in text(shown)
    assert "holdfast run" in [code.value for code in shown.code]


def test_customers_are_broken_down_by_what_is_known_of_them(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = pl.read_csv(older_runs / "snapshot" / "customers.csv")
    shown = show("segments", older_runs / "snapshot" / "holdfast.toml", monkeypatch, by="plan")
    listed = {row[0]: int(row[1]) for row in tables(shown)["Customers by plan"]}
    assert listed == dict(given["plan"].value_counts().iter_rows())
