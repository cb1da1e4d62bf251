"""The plan and the results of campaigns, as pages: what the run's own tables say."""

import shutil
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from tests.dashboard.pages import charts, figures, show, tables, text

from holdfast.campaigns.export_journal import CampaignList, recording
from holdfast.decisions.plans import plan
from holdfast.report import formatting
from holdfast.serving.load import load_study
from holdfast.storage import audit_log
from holdfast.storage.export_records import read_exports, sent_exports, treatments_file
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
    assert told["Chance that it pays"] == formatting.chance(made.total.p_net_above_0)


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


def test_exporting_a_plan_records_it_under_its_name_and_gives_two_files(
    simulated_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Path(shutil.copytree(simulated_shop, tmp_path / "shop"))
    shown = show("plan", study_of(shop), monkeypatch, budget="20", holdout="50")
    assert len(shown.get("download_button")) == 0
    shown.text_input(key="campaign").set_value("summer").run()
    shown.button(key="export").click().run()
    assert not shown.exception
    assert "Recorded as the campaign summer." in shown.success[0].value
    labels = [button.proto.label for button in shown.get("download_button")]
    assert [label.rsplit("-", 1)[1] for label in labels] == ["contacts.csv", "holdout.csv"]
    (entry,) = read_exports(shop)
    assert entry["campaign"] == "summer"
    assert formatting.count(entry["figures"]["contacted"]) == figures(shown)["Contacted"]
    arms = pl.read_parquet(treatments_file(shop, entry["export_id"]))
    assert arms["propensity"].unique().to_list() == [0.5]
    # The same name again would be read out as one campaign.
    shown.button(key="export").click().run()
    assert "was exported before" in shown.error[0].value
    assert len(read_exports(shop)) == 1


def test_an_export_that_never_went_out_is_withdrawn_by_an_operator_who_confirms_it(
    simulated_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Path(shutil.copytree(simulated_shop, tmp_path / "shop"))
    arms = pl.DataFrame({"customer_id": ["a", "b"], "treated": [True, False]}).with_columns(
        propensity=0.5, offer=pl.lit("mail"), cost=pl.lit(1.0)
    )
    listed = CampaignList(campaign="summer", made_by="plan", run_id="r", arms=arms)
    with recording(listed, shop, at=datetime(2024, 7, 1, tzinfo=UTC), how="csv"):
        pass
    reader = show("campaigns", study_of(shop), monkeypatch, role="reader", campaign="summer")
    assert "summer" in tables(reader)
    assert "withdraw" not in [button.key for button in reader.button]
    shown = show("campaigns", study_of(shop), monkeypatch, campaign="summer")
    assert len(sent_exports(shop)) == 1
    shown.button(key="withdraw").click().run()
    assert not shown.exception
    assert sent_exports(shop) == []
    assert "summer" not in tables(shown)
    assert [line["who"] for line in audit_log.entries(shop) if line["what"] == "withdraw"] == [
        "operator at the dashboard"
    ]


def test_a_reader_cannot_export_a_plan(
    simulated_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("plan", study_of(simulated_shop), monkeypatch, role="reader", budget="20")
    assert "You may not export." in text(shown)
    assert [button.key for button in shown.button if button.key == "export"] == []


def test_a_campaign_is_told_from_plan_to_result(
    simulated_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Registry(simulated_shop / "runs").open().table("campaigns")
    latest = kept.sort("day").row(-1, named=True)
    name = latest["campaign"]
    shown = show("campaigns", study_of(simulated_shop), monkeypatch, campaign=name)
    steps = dict(tables(shown)[name])
    assert steps["Exported"].startswith("Not by Holdfast")
    assert steps["Groups"] == f"{latest['contacted']} contacted, {latest['held_out']} held out."
    # The window is 30 days from the draw, and no days more for returns.
    assert f"over on {formatting.day(latest['day'] + 30)}" in steps["Window"]
    assert formatting.money(latest["net"], "EUR") in steps["Result"]
