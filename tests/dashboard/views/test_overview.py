"""The overview says what the run's scores add up to, and what has changed."""

from pathlib import Path

import polars as pl
import pytest
from tests.dashboard.pages import figures, links, show, tables, text

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


def test_the_customers_with_the_most_at_stake_are_listed_first(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = read_scores(Registry(older_runs / "snapshot" / "runs").open())
    shown = show("overview", older_runs / "snapshot" / "holdfast.toml", monkeypatch)
    (listed,) = (rows for caption, rows in tables(shown).items() if "The first 10" in caption)
    # Of a snapshot: P(churn) x expected revenue.
    stake = pl.col("churn_probability") * pl.col("expected_revenue").clip(0)
    first = scores.sort(stake, descending=True)
    assert [row[0] for row in listed] == first["customer_id"].head(10).to_list()
    top = first.row(0, named=True)
    assert listed[0][1] == top["segment"]
    assert listed[0][3] == formatting.percent(top["churn_probability"], 0)
    assert f"customer?customer={top['customer_id']}" in links(shown)


def test_the_riskiest_are_one_order_among_others(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = Registry(older_runs / "snapshot" / "runs").open().scores
    shown = show("overview", older_runs / "snapshot" / "holdfast.toml", monkeypatch, order="risk")
    (listed,) = (rows for caption, rows in tables(shown).items() if "by risk" in caption)
    riskiest = scores["churn_probability"].max()
    assert scores.filter(customer_id=listed[0][0])["churn_probability"][0] == riskiest


def test_two_runs_of_the_same_scores_show_no_change(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("overview", older_runs / "log" / "holdfast.toml", monkeypatch)
    assert [metric.delta for metric in shown.metric] == ["no change"] * 3


def test_old_data_is_warned_of(older_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = show("overview", older_runs / "log" / "holdfast.toml", monkeypatch)
    assert "on 26 Sep 2024" in shown.warning[0].value
    assert "run again before acting" in text(shown)
