"""What a run keeps of campaigns: the same as is read from the log itself, and a plan from it."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from holdfast import tables
from holdfast.decisions import plans
from holdfast.decisions.experiments import read_campaigns
from holdfast.decisions.plans import plan, read_past, summarise_history
from holdfast.io.warehouse import Warehouse
from holdfast.storage.run_folder import Run
from holdfast.storage.runs import Registry
from holdfast.study import Study


@pytest.fixture(scope="module")
def shop(simulated_shop: Path) -> tuple[Study, Run]:
    study = Study.from_toml(simulated_shop / "holdfast.toml")
    return study, Registry(simulated_shop / "runs").open()


def test_a_run_keeps_what_each_campaign_did(shop: tuple[Study, Run]) -> None:
    study, run = shop
    kept = run.table("campaigns")
    tables.CAMPAIGNS.check(kept)
    read = read_campaigns(study, days=study.plan.days)
    assert kept["campaign"].to_list() == [result.campaign for result in read.results]
    assert kept["margin"].to_list() == [row["margin"] for each in read.results for row in each.rows]
    assert [each["campaign"] for each in run.summary["campaigns"]["refused"]] == list(read.refused)


def test_the_history_of_a_run_is_that_of_its_log(
    shop: tuple[Study, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, run = shop
    kept = summarise_history(read_past(study, run))
    monkeypatch.setattr(plans, "_past_of", lambda *_: object())  # never the same: read the log
    assert summarise_history(read_past(study, run)) == kept
    assert run.summary["history"] == {k: v for k, v in kept.items() if k != "run_id"}


def test_what_the_run_knows_is_not_read_again(
    shop: tuple[Study, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, run = shop

    def refuse(*_: object) -> None:
        raise AssertionError("the log is read")

    monkeypatch.setattr(Warehouse, "temporary", refuse)
    assert plan(study, run).total.cost > 0


def test_a_study_that_reads_its_past_otherwise_reads_it_again(shop: tuple[Study, Run]) -> None:
    study, run = shop
    longer = study.model_copy(update={"plan": study.plan.model_copy(update={"days": 60})})
    kept, anew = (summarise_history(read_past(each, run)) for each in (study, longer))
    assert (kept["days"], anew["days"]) == (30, 60)
    assert kept["cells"] != anew["cells"]


def test_a_run_has_the_plan_of_its_study(shop: tuple[Study, Run]) -> None:
    study, run = shop
    made = plan(study, run)
    assert_frame_equal(run.table("plan"), made.customers)
    assert run.summary["plan"]["total"]["net"] == made.total.net[0]


def test_a_larger_budget_never_brings_less(shop: tuple[Study, Run]) -> None:
    _, run = shop
    curve = run.table("budget_curve")
    assert curve["budget"].is_sorted()
    assert curve["budget"][0] == curve["net"][0] == 0
    assert (curve["cost"] <= curve["budget"] + 1e-9).all()
    # Each budget's plan is found by itself, within a gap of what is best.
    falls = -curve["net"].diff().drop_nulls().to_numpy()
    assert (falls <= 0.01 * curve["net"].to_numpy().max()).all()
    assert curve.select((pl.col("net_low") <= pl.col("net")).all()).item()
