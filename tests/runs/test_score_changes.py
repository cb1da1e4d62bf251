"""Why scores changed between two runs, on a shop in which three customers did something since."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.conftest import BUYER, DAYS_BETWEEN, LATE, NEWCOMER

from holdfast import tables
from holdfast.errors import CustomerNotFound, InputError
from holdfast.features import feature_tables
from holdfast.ingest.read import read_sources
from holdfast.io.warehouse import Warehouse
from holdfast.runs.changes_since import all_changes, customer_changes
from holdfast.runs.score_changes import CORRECTED
from holdfast.serving.load import load_models
from holdfast.storage.runs import Registry, Run
from holdfast.study import Study

SUM = pl.sum_horizontal("time", "behaviour", "model")


@pytest.fixture(scope="module")
def registry(shop_run_twice: Path) -> Registry:
    return Registry(shop_run_twice / "runs")


@pytest.fixture(scope="module")
def runs(registry: Registry) -> tuple[Run, Run]:
    """The first run, and the second."""
    last, first = (registry.open(run_id) for run_id in registry.run_ids())
    return first, last


def log_odds(probability: pl.Expr) -> pl.Expr:
    return probability.log() - (1 - probability).log()


def test_the_parts_of_every_customer_add_up_to_the_change(runs: tuple[Run, Run]) -> None:
    first, last = runs
    changes = tables.CHANGES.check(last.table("changes"))
    unit = pl.col("task") == "churn"
    moved = (
        pl.when(unit)
        .then(log_odds(pl.col("after")) - log_odds(pl.col("before")))
        .otherwise(pl.col("after") - pl.col("before"))
    )
    assert changes.select((moved - SUM).abs().max()).item() < 1e-9
    both = first.scores.join(last.scores, on="customer_id", how="inner", suffix="_now")
    churn = changes.filter(task="churn").drop("task")
    published = both.select(
        "customer_id", before="churn_probability", after="churn_probability_now"
    )
    assert_frame_equal(churn.select(published.columns), published, check_row_order=False)
    reasons = tables.CHANGE_REASONS.check(last.table("change_reasons"))
    by_part = reasons.group_by("customer_id", "task", "part").agg(pl.col("contribution").sum())
    parts = changes.unpivot(
        ["time", "behaviour"], index=["customer_id", "task"], variable_name="part"
    )
    told = parts.join(by_part, on=["customer_id", "task", "part"], how="left")
    gap = pl.col("value") - pl.col("contribution").fill_null(0)
    assert told.select(gap.abs().max()).item() < 1e-9


def test_whoever_did_nothing_has_aged_only(runs: tuple[Run, Run]) -> None:
    _, last = runs
    changes = last.table("changes")
    moved = changes.filter(pl.col("behaviour") != 0)["customer_id"].unique()
    assert set(moved) == {BUYER, LATE}
    quiet = changes.filter(~pl.col("customer_id").is_in([BUYER, LATE]), task="churn")
    # Silence alone makes it likelier that a customer has left.
    assert (quiet["time"] > 0).mean() > 0.8


def test_time_passing_is_the_old_model_on_a_log_that_ended_then(
    runs: tuple[Run, Run], shop_run_twice: Path, simulated_shop: Path, tmp_path: Path
) -> None:
    first, last = runs
    study = Study.from_toml(simulated_shop / "holdfast.toml")
    cutoff = first.summary["cutoff_day"] + DAYS_BETWEEN
    with Warehouse.temporary() as warehouse:
        read_sources(study, warehouse)  # the log as it was, without what came since
        aged = feature_tables.features(study, warehouse, [cutoff])
    changes = last.table("changes").filter(pl.col("customer_id") != LATE)
    for task, model in load_models(first).items():
        rows = aged.join(changes.filter(task=task), on="customer_id", maintain_order="left")
        score = pl.Series(model.predict(rows))
        before = rows["before"]
        if task == "churn":
            score, before = (x.log() - (1 - x).log() for x in (score, before))
        assert rows.height > 200
        np.testing.assert_allclose(rows["time"], score - before, atol=1e-9)


def test_an_order_that_became_known_late_is_told_as_such(runs: tuple[Run, Run]) -> None:
    _, last = runs
    reasons = last.table("change_reasons").filter(feature=CORRECTED)
    assert set(reasons["customer_id"]) == {LATE}
    assert set(reasons["part"]) == {"behaviour"}


def test_a_new_order_lowers_the_risk_and_is_named(
    registry: Registry, runs: tuple[Run, Run]
) -> None:
    first, last = runs
    told = customer_changes(registry, last, BUYER)
    churn, value = told["tasks"]
    assert told["since"] == {
        "run_id": first.run_id, "cutoff_date": first.summary["cutoff_date"],
    }  # fmt: skip
    time, behaviour, model = churn["parts"]
    assert [part["part"] for part in churn["parts"]] == ["time", "behaviour", "model"]
    assert time["contribution"] > 0 > behaviour["contribution"]
    assert sum(part["contribution"] for part in churn["parts"]) == pytest.approx(
        churn["change"], abs=1e-9
    )
    moved = churn["after"] - churn["before"]
    assert sum(part["points"] for part in churn["parts"]) == pytest.approx(moved, abs=1e-9)
    for part in (time, behaviour):
        for name in ("contribution", "points"):
            total = sum(each[name] for each in part["reasons"])
            assert total == pytest.approx(part[name], abs=1e-9)
    named = {each["feature"]: each for each in behaviour["reasons"]}
    # Bought on the fifth day of the twenty: 15 days and the day itself before the cutoff.
    assert named["days_since_last_purchase"]["now"] == f"{DAYS_BETWEEN - 5 + 1} days"
    assert "days since the last purchase: 16 days" in churn["sentence"]
    assert "points because time passed" in churn["sentence"]
    assert value["unit"] == "currency"
    assert model["reasons"] == []


def test_a_customer_of_one_run_only_is_said_to_be(
    registry: Registry, runs: tuple[Run, Run]
) -> None:
    first, last = runs
    told = customer_changes(registry, last, NEWCOMER)
    assert told["tasks"] == []
    assert "is new: bought first on" in told["not_told"][0]
    gone = set(first.scores["customer_id"]) - set(last.scores["customer_id"])
    with pytest.raises(InputError, match="outside 'bought in the last 365 days'"):
        customer_changes(registry, last, sorted(gone)[0])
    with pytest.raises(CustomerNotFound):
        customer_changes(registry, last, "nobody")


def test_the_whole_and_its_segments_add_up(registry: Registry, runs: tuple[Run, Run]) -> None:
    first, last = runs
    told = all_changes(registry, last)
    changes = last.table("changes").filter(task="churn")
    churn, value = told["tasks"]
    assert (churn["before"], churn["after"]) == pytest.approx(
        (changes["before"].mean(), changes["after"].mean())
    )
    mean = changes.select(SUM.mean()).item()
    assert churn["change"] == pytest.approx(mean, abs=1e-9)
    for task in (churn, value):
        moved = task["after"] - task["before"]
        assert sum(part["points"] for part in task["parts"]) == pytest.approx(moved, abs=1e-8)
        for part in task["parts"][:2]:
            for name in ("contribution", "points"):
                total = sum(each[name] for each in part["reasons"])
                assert total == pytest.approx(part[name], abs=1e-8)
    assert sum(each["customers"] for each in told["segments"]) == told["customers"]
    money = [task for each in told["segments"] for task in each["tasks"] if task["task"] == "value"]
    assert sum(each["change"] for each in money) == pytest.approx(value["change"])
    assert told["new"]["customers"] == 1
    gone = set(first.scores["customer_id"]) - set(last.scores["customer_id"])
    assert told["gone"]["customers"] == len(gone)
    segment = told["segments"][0]
    alone = all_changes(registry, last, segment=segment["segment"])
    assert alone["segments"] == [segment]
    assert "tasks" not in alone


def test_what_cannot_be_asked_is_refused_with_what_can(
    registry: Registry, runs: tuple[Run, Run]
) -> None:
    first, last = runs
    with pytest.raises(InputError, match="keeps no changes: there was no run before it"):
        all_changes(registry, first)
    with pytest.raises(InputError, match=f"ask since {first.run_id}"):
        all_changes(registry, last, since=last.run_id)
    with pytest.raises(InputError, match="there is no segment 'VIP'"):
        all_changes(registry, last, segment="VIP")
