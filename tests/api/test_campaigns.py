"""Campaigns and plans over the API: what the run says, under the terms that are asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.api.conftest import client_of, posted
from tests.api.harness import Api, Transport

from holdfast.api.answers.campaigns import CampaignPlanAnswer, CampaignsAnswer, ExperimentAnswer
from holdfast.client import Client
from holdfast.decisions.plans import plan, summarise_plan
from holdfast.serving.load import load_study
from holdfast.storage import audit_log
from holdfast.storage.runs import Registry


@pytest.fixture(scope="module")
def shop(simulated_shop: Path) -> Iterator[Api]:
    with client_of(simulated_shop) as api:
        yield api


def test_past_campaigns_are_those_of_the_run(shop: Api, simulated_shop: Path) -> None:
    told = shop.get("/campaigns").json()
    CampaignsAnswer.model_validate(told)
    run = Registry(simulated_shop / "runs").open()
    assert told["campaigns"] == run.table("campaigns").to_dicts()
    assert len(told["campaigns"]) > 0
    assert told["history"] == run.summary["history"]["cells"]
    assert {each["word"] for each in told["verdicts"]} <= {
        "choose", "everyone or nobody", "no effect",
    }  # fmt: skip


def test_a_run_without_campaigns_says_so_with_empty_lists(api: Api) -> None:
    told = api.get("/campaigns").json()
    CampaignsAnswer.model_validate(told)
    assert [told[name] for name in ("campaigns", "verdicts", "history", "notes")] == [[]] * 4


def test_a_plan_is_that_of_the_command_line(shop: Api, simulated_shop: Path) -> None:
    told = posted(shop, "/plan?limit=5", {"budget": 20}).json()
    CampaignPlanAnswer.model_validate(told)
    run = Registry(simulated_shop / "runs").open()
    study = load_study(run)
    said = summarise_plan(plan(study, run, budget=20), study, run)
    assert {name: told[name] for name in said} == said
    assert len(told["customers"]) == 5
    assert told["total"]["cost"] <= 20


def test_other_terms_and_a_new_offer_change_the_plan(shop: Api) -> None:
    asked = {
        "budget": 30, "holdout_share": 0,
        "offers": {"reminder": {"cost": 0.25}, "call": {"cost": 2, "rate": 0.9, "capacity": 3}},
    }  # fmt: skip
    told = posted(shop, "/plan", asked).json()
    by_offer = {each["offer"]: each for each in told["offers"]}
    assert set(by_offer) == {"reminder", "call"}
    assert (by_offer["call"]["contacts"], told["held_out"]) == (3, 0)
    assert by_offer["reminder"]["cost"] == pytest.approx(0.25 * by_offer["reminder"]["contacts"])


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"budget": 0}, "the budget is 0"),
        ({"offers": {"call": {"cost": 2}}}, "nothing says what the offer 'call' brings"),
        ({"offers": {"call": {"rate": 0.1}}}, "offers.call.cost"),
        ({"offers": {"reminder": {"cost": 1e6}}}, "no offer is worth its cost"),
        ({"budget": -1}, "greater than or equal to 0"),
        ({"bugdet": 1}, "bugdet"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_a_sentence(
    shop: Api, asked: dict[str, Any], sentence: str
) -> None:
    refused = posted(shop, "/plan", asked)
    assert refused.status_code == 422
    assert sentence in str(refused.json())


def test_a_snapshot_plans_with_assumed_rates(api: Api) -> None:
    told = posted(api, "/plan", {"offers": {"call": {"cost": 1, "rate": 0.2}}}).json()
    CampaignPlanAnswer.model_validate(told)
    assert {row["uplift_source"] for row in told["customers"]} == {"assumed"}


ASKED = {"campaign": "spring", "holdout_share": 0.2, "segments": ["Vulnerable"]}


def test_an_experiment_is_drawn_and_on_record_before_it_is_told(project: Path) -> None:
    with client_of(project) as api:
        told = posted(api, "/experiments", ASKED).json()
    ExperimentAnswer.model_validate(told)
    by_arm = {
        arm: [row["customer_id"] for row in told["customers"] if row["arm"] == arm]
        for arm in ("contact", "hold out")
    }
    assert [len(by_arm["contact"]), len(by_arm["hold out"])] == [
        told["contacted"],
        told["held_out"],
    ]
    kept = pl.read_parquet(project / "exports" / f"{told['export_id']}.parquet")
    assert set(kept.filter("treated")["customer_id"]) == set(by_arm["contact"])
    assert set(kept.filter(~pl.col("treated"))["customer_id"]) == set(by_arm["hold out"])
    assert kept["propensity"].unique().to_list() == [0.8]
    (line,) = audit_log.entries(project)
    assert (line["what"], line["campaign"]) == ("assign", "spring")


def test_one_request_sent_twice_draws_once_and_another_of_the_name_is_refused(
    project: Path,
) -> None:
    with client_of(project) as api:
        first, again = (
            posted(api, "/experiments", ASKED, **{"Idempotency-Key": "one"}).json()
            for _ in range(2)
        )
        assert first == again
        assert len(list((project / "exports").iterdir())) == 1
        refused = posted(api, "/experiments", ASKED)
        assert refused.status_code == 422
        assert "'spring' was exported before" in refused.json()["detail"]


def test_a_reader_draws_nothing(project: Path, keys: dict[str, str]) -> None:
    with client_of(project) as api:
        bearer = {"authorization": f"Bearer {keys['reader']}"}
        assert posted(api, "/experiments", ASKED, **bearer).status_code == 403
        assert not (project / "exports").exists()


def test_an_offer_that_the_study_lacks_is_no_experiment(project: Path) -> None:
    with client_of(project) as api:
        refused = posted(api, "/experiments", {**ASKED, "offer": "call"})
        assert refused.status_code == 422
        assert "no offer 'call'" in refused.json()["detail"]


def test_the_client_plans(shop: Api) -> None:
    with Client("http://127.0.0.1", transport=Transport(shop)) as client:
        told = client.plan(budget=20, limit=3)
        assert len(told["customers"]) == 3
        assert client.campaigns()["currency"] == told["currency"]
