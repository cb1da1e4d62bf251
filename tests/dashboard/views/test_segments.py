"""Segments: the six with their sums, who they are, and who moved."""

from pathlib import Path

import polars as pl
import pytest
from tests.dashboard.pages import links, show, tables, text

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


def test_a_segment_leads_to_its_list_and_its_recorded_file(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    whole = show("segments", study, monkeypatch)
    assert "segments?segment=At-Risk+VIP" in links(whole)
    assert len(whole.get("download_button")) == 0
    shown = show("segments", study, monkeypatch, segment="At-Risk VIP")
    scores = Registry(older_runs / "snapshot" / "runs").open().scores
    of_segment = scores.filter(segment="At-Risk VIP")
    (rows,) = (rows for caption, rows in tables(shown).items() if "The first" in caption)
    assert {row[0] for row in rows} == set(of_segment["customer_id"])
    assert "Filter on." in text(shown)
    labels = [button.proto.label for button in shown.get("download_button")]
    assert [label.split(",")[0] for label in labels] == ["Contacts", "Contacts", "Hold-out list"]
    reader = show("segments", study, monkeypatch, role="reader", segment="At-Risk VIP")
    assert len(reader.get("download_button")) == 0


def test_a_filter_narrows_every_figure_of_the_page_and_is_said(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    given = pl.read_csv(older_runs / "snapshot" / "customers.csv")
    plan = given["plan"].mode()[0]
    n = given.filter(plan=plan).height
    shown = show("segments", study, monkeypatch, in_plan=plan)
    assert f"Filter on. plan: {plan}: {n} of 40 customers" in text(shown).replace("**", "")
    listed = tables(shown)["Each segment leads to its list"]
    assert sum(int(row[1]) for row in listed) == n
    assert f"segments?in_plan={plan}&segment=At-Risk+VIP" in links(shown)


def test_a_filter_that_nobody_meets_says_so(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    shown = show("overview", study, monkeypatch, from_="1000000")
    assert "Nobody meets the filter." in text(shown)


def test_a_page_of_all_customers_says_that_the_filter_does_not_apply(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "snapshot" / "holdfast.toml"
    shown = show("health", study, monkeypatch, segment="Champion")
    assert "The filter (Champion) does not apply to this page" in text(shown)
