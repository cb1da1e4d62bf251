"""The plan and the results of campaigns, as pages: what the run's own tables say."""

import tomllib
from pathlib import Path

import pytest
from tests.dashboard.pages import charts, figures, show, tables, text

from holdfast.decisions.plans import plan
from holdfast.report import formatting
from holdfast.serving.load import load_study
from holdfast.storage.runs import Registry


def study_of(shop: Path) -> Path:
    return shop / "holdfast.toml"


def test_a_plan_is_that_of_the_command_line(
    simulated_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Registry(simulated_shop / "runs").open()
    made = plan(load_study(run), run, budget=20)
    told = figures(show("plan", study_of(simulated_shop), monkeypatch, budget="20"))
    assert told["Contacted"] == formatting.count(made.customers.filter(arm="contact").height)
    assert told["Cost"] == formatting.money(made.total.cost, "EUR")
    assert told["Net return"] == formatting.money(made.total.net[0], "EUR")
    assert told["Chance that it pays"] == formatting.percent(made.total.p_net_above_0)


def test_a_budget_that_buys_nothing_says_so(
    simulated_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("plan", study_of(simulated_shop), monkeypatch, budget="0.01")
    assert "do not cover a single offer" in text(shown)


def test_a_study_without_offers_is_told_how_to_write_one(
    snapshot_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("plan", snapshot_project, monkeypatch)
    assert "The study has no offers." in text(shown)
    written = tomllib.loads(shown.code[0].value)
    assert written["offers"]["voucher"]["campaigns"] == ["spring"]


def test_every_campaign_is_told_with_what_it_did(
    simulated_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Registry(simulated_shop / "runs").open().table("campaigns")
    shown = show("campaigns", study_of(simulated_shop), monkeypatch)
    told = figures(shown)
    assert told["Campaigns read out"] == formatting.count(kept["campaign"].n_unique())
    assert told["Net of all"] == formatting.money(kept["net"].sum(), "EUR")
    (results,) = [table for name, table in tables(shown).items() if "Past campaigns" in name]
    latest_first = kept.sort("day", descending=True)["campaign"]
    assert [row[0] for row in results] == latest_first.to_list()
    assert any("certainly paid" in words for words in charts(shown))


def test_without_a_campaign_it_is_said_how_one_comes_about(
    snapshot_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No past campaign is known." in text(show("campaigns", snapshot_project, monkeypatch))
