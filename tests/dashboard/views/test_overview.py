"""The overview says what the run's scores add up to, and what has changed."""

from pathlib import Path

import polars as pl
import pytest
from tests.dashboard.pages import figures, show, tables, text

from holdfast.report import formatting
from holdfast.serving.customer_search import read_scores
from holdfast.storage.runs import Registry


def test_the_headline_is_what_the_scores_add_up_to(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = Registry(older_runs / "snapshot" / "runs").open().scores
    risky = scores.filter(pl.col("churn_probability") >= 0.5)
    assert (scores.height, risky.height) == (40, 9)
    shown = show("overview", older_runs / "snapshot" / "holdfast.toml", monkeypatch)
    assert figures(shown) == {
        "Customers": "40",
        "Likely to leave": "22.5%",
        "Expected revenue": formatting.money(scores["expected_revenue"].sum(), "USD"),
    }


def test_the_first_are_listed_by_what_is_at_stake(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = read_scores(Registry(older_runs / "snapshot" / "runs").open())
    shown = show("overview", older_runs / "snapshot" / "holdfast.toml", monkeypatch)
    (listed,) = (rows for caption, rows in tables(shown).items() if "to begin with" in caption)
    assert len(listed) == 10
    first = scores.sort("at_stake", descending=True).row(0, named=True)
    assert listed[0][0] == first["customer_id"]
    assert listed[0][2] == first["segment"]
    assert listed[0][4] == formatting.percent(first["churn_probability"])


def test_two_runs_of_the_same_scores_show_no_change(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("overview", older_runs / "log" / "holdfast.toml", monkeypatch)
    assert [metric.delta for metric in shown.metric] == ["no change"] * 3


def test_old_data_is_warned_of(older_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = show("overview", older_runs / "log" / "holdfast.toml", monkeypatch)
    assert "Data up to 26 Sep 2024" in shown.warning[-1].value
    assert "run again before acting" in text(shown)
