"""The story of a campaign: from the journal's line to what it did."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from holdfast.campaigns.export_journal import CampaignList, recording, withdraw_exports
from holdfast.decisions.campaign_story import name_unread, tell_campaigns
from holdfast.decisions.plans import give_lists, plan
from holdfast.errors import InputError
from holdfast.serving.load import load_study
from holdfast.storage import audit_log
from holdfast.storage.export_records import read_exports
from holdfast.storage.runs import Registry
from holdfast.study import Study
from holdfast.windows import day_of

AT = datetime(2024, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def shop(simulated_shop: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(simulated_shop, tmp_path / "shop"))


def test_a_campaign_of_the_treatments_has_a_result_and_no_journal_line(shop: Path) -> None:
    study, run = Study.from_toml(shop / "holdfast.toml"), Registry(shop / "runs").open()
    campaigns = run.table("campaigns")
    stories = tell_campaigns(study, run, campaigns)
    assert {story.campaign for story in stories} >= set(campaigns["campaign"])
    latest = campaigns.sort("day").row(-1, named=True)
    story = next(each for each in stories if each.campaign == latest["campaign"])
    assert story.export is None
    assert story.expected == {}
    assert story.over_day == latest["day"] + latest["days"] + study.plan.return_days
    assert story.is_over
    assert story.results["net"].to_list() == [latest["net"]]
    # What is believed of the offer, in each of the six segments.
    assert story.beliefs.height == 6
    first_days = [each.first_day for each in stories if each.first_day is not None]
    assert first_days == sorted(first_days, reverse=True)


def test_a_list_given_away_is_a_campaign_that_waits_for_its_window(shop: Path) -> None:
    study, run = Study.from_toml(shop / "holdfast.toml"), Registry(shop / "runs").open()
    arms = run.scores.select("customer_id").with_columns(
        treated=pl.col("customer_id").hash() % 2 == 0, propensity=0.5, offer=pl.lit("reminder"),
        cost=pl.lit(1.0),
    )  # fmt: skip
    expected = {"cost": 10.0, "net": 3.0, "net_low": -1.0, "net_high": 7.0}
    listed = CampaignList(
        campaign="summer", made_by="plan", run_id=run.run_id, arms=arms, expected=expected
    )
    with recording(listed, shop, at=AT, how="csv", who="ann"):
        pass
    (story, *_) = tell_campaigns(study, run, run.table("campaigns"))
    assert story.campaign == "summer"
    assert story.export is not None
    assert story.export["who"] == "ann"
    assert story.expected == expected
    assert not story.is_over
    over = day_of(AT.date()) + study.plan.days + study.plan.return_days
    assert story.over_day == over
    assert name_unread([story], today=over - 1) == []
    assert name_unread([story], today=over) == ["summer"]
    withdraw_exports(shop, "summer", at=AT)
    assert "summer" not in [s.campaign for s in tell_campaigns(study, run, run.table("campaigns"))]


def test_a_plan_that_is_given_away_is_recorded_with_what_it_expects(shop: Path) -> None:
    run = Registry(shop / "runs").open()
    study = Study.from_toml(shop / "holdfast.toml")
    made = plan(load_study(run), run, budget=20)
    contacts, held_out = give_lists(made, "summer", study=study, run=run, who="ann").files.values()
    names = {
        arm: pl.read_csv(content)["customer_id"].to_list()
        for arm, content in (("contact", contacts), ("hold out", held_out))
    }
    for arm, ids in names.items():
        assert ids == made.customers.filter(arm=arm)["customer_id"].to_list()
    assert {"why", "action", "offer"} <= set(pl.read_csv(contacts).columns)
    (entry,) = read_exports(shop)
    assert entry["campaign"] == "summer"
    assert entry["figures"]["contacted"] == len(names["contact"])
    assert entry["figures"]["net"] == made.total.net[0]
    planned = [line["who"] for line in audit_log.entries(shop) if line["what"] == "plan"]
    assert planned == ["ann"]
    with pytest.raises(InputError, match="was exported before"):
        give_lists(made, "summer", study=study, run=run, who="ann")
    assert len(read_exports(shop)) == 1
