"""Why scores changed between two runs, on a shop in which three customers did something since."""

import shutil
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
from holdfast.runs.run import write_json
from holdfast.runs.score_changes import CORRECTED, Now, find_changes
from holdfast.serving.load import load_models, load_study, load_wording
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


def test_a_sentence_leaves_out_what_rounds_to_nothing(
    registry: Registry, runs: tuple[Run, Run]
) -> None:
    _, last = runs
    small = last.table("changes").filter(pl.col("model").abs() < 1e-3, task="churn")
    told = customer_changes(registry, last, small["customer_id"][0])
    churn = told["tasks"][0]
    assert "because time passed" in churn["sentence"]
    assert "0.0 points" not in churn["sentence"]
    assert len(churn["parts"]) == 3


def again(run: Run, *, study: Study | None = None, frame: pl.DataFrame | None = None) -> Now:
    """The same run made once more, by other words or of other customers."""
    rows = run.table("features") if frame is None else frame
    study = study or load_study(run)
    return Now(study, load_models(run), rows, run.scores, load_wording(run), known=None)


def test_the_same_run_once_more_has_changed_by_nothing(runs: tuple[Run, Run]) -> None:
    _, last = runs
    made = find_changes(again(last), last).tables["changes"]
    assert made.height == 2 * last.scores.height
    assert made.select(pl.col("time", "behaviour", "model").abs().max()).row(0) == (0, 0, 0)


def with_churn(study: Study, **changed: object) -> Study:
    return study.model_copy(update={"churn": study.churn.model_copy(update=changed)})


def test_what_are_two_questions_is_not_told_as_a_change(runs: tuple[Run, Run]) -> None:
    _, last = runs
    study = load_study(last)
    asked = find_changes(again(last, study=with_churn(study, horizon_days=60)), last)
    assert asked.tables == {}
    assert "churn is asked over 60 days now and was over 90" in asked.summary["not_told"]
    named = study.model_copy(update={"name": "another"})
    other = find_changes(again(last, study=named), last)
    assert "is of another study" in other.summary["not_told"]


def test_a_model_that_reads_what_is_gone_tells_nothing_and_says_so(runs: tuple[Run, Run]) -> None:
    _, last = runs
    fewer = last.table("features").drop("channel")
    made = find_changes(again(last, frame=fewer), last)
    assert made.tables["changes"].is_empty()
    assert "'channel' is missing" in made.summary["tasks_not_told"]["churn"]


def test_since_a_run_further_back_the_changes_between_are_added_up(
    shop_run_twice: Path, tmp_path: Path
) -> None:
    project = Path(shutil.copytree(shop_run_twice, tmp_path / "shop"))
    registry = Registry(project / "runs")
    last, first = registry.run_ids()
    # A third run that moves the customers of the second back by hand.
    run = registry.open(last)
    changes = run.table("changes")
    third = changes.select(
        "customer_id", "task", before="after", after="before", time=-pl.col("time"),
        behaviour=-pl.col("behaviour"), model=-pl.col("model"),
    )  # fmt: skip
    with registry.staging() as staging:
        folder = Path(shutil.copytree(run.path, staging / "run"))
        (folder / "manifest.json").unlink()
        third.write_parquet(folder / "tables" / "changes.parquet")
        kept = {**run.summary["changes"], "since": last}
        write_json(folder / "summary.json", {**run.summary, "changes": kept})
        facts = {k: v for k, v in run.manifest.items() if k not in ("run_id", "files")}
        newest = registry.publish(folder, run_id="20990101T000000Z-00000001", facts=facts)
    told = customer_changes(registry, newest, BUYER, since=first)
    assert told["since"]["run_id"] == first
    for task in told["tasks"]:
        assert task["after"] == pytest.approx(task["before"])
        assert [part["contribution"] for part in task["parts"]] == pytest.approx([0, 0, 0])
    whole = all_changes(registry, newest, since=first)
    assert whole["tasks"][0]["change"] == pytest.approx(0)
    assert whole["tasks"][0]["parts"][0]["reasons"] == []
    with pytest.raises(InputError, match=f"ask since {last} and {first}"):
        customer_changes(registry, newest, BUYER, since=newest.run_id)
