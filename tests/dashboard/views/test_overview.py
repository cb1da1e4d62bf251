"""The overview says what the run's scores add up to, and what has changed."""

from pathlib import Path

import polars as pl
import pytest
from tests.dashboard.pages import figures, show, tables, text

from holdfast.report import formatting
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


def test_the_riskiest_are_listed_from_the_top_of_the_risk_score(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = Registry(older_runs / "snapshot" / "runs").open().scores
    shown = show("overview", older_runs / "snapshot" / "holdfast.toml", monkeypatch)
    (listed,) = (rows for caption, rows in tables(shown).items() if "riskiest" in caption)
    assert len(listed) == 10
    first = scores.sort("risk_score", descending=True).row(0, named=True)
    assert listed[0][:2] == [first["customer_id"], first["segment"]]
    assert listed[0][3] == formatting.percent(first["churn_probability"])


def test_two_runs_of_the_same_scores_show_no_change(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("overview", older_runs / "log" / "holdfast.toml", monkeypatch)
    assert [metric.delta for metric in shown.metric] == ["no change"] * 3


def test_old_data_is_warned_of(older_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = show("overview", older_runs / "log" / "holdfast.toml", monkeypatch)
    assert "Data up to 26 Sep 2024" in shown.warning[-1].value
    assert "run again before acting" in text(shown)
