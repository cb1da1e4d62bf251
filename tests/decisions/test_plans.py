"""A plan from a published run."""

from pathlib import Path

import polars as pl
import pytest

from holdfast.decisions.plans import plan, read_past, summarise_history, summarise_plan, write_lists
from holdfast.errors import DataError, InputError
from holdfast.serving.load import load_study
from holdfast.storage import audit_log
from holdfast.storage.runs import Registry
from holdfast.study import Offer, Study


def _open(project: Path) -> tuple[Study, Registry]:
    return Study.from_toml(project / "holdfast.toml"), Registry(project / "runs")


def test_a_plan_stays_within_its_budget_and_its_lists_are_its_customers(
    simulated_shop: Path, tmp_path: Path
) -> None:
    study, registry = _open(simulated_shop)
    run = registry.open()
    made = plan(study, run, budget=20)
    values = summarise_plan(made, study, run)
    assert 0 < values["total"]["cost"] <= 20
    here = study.model_copy(update={"project_dir": str(tmp_path), "treatments": None})
    written = write_lists(made, tmp_path / "list.csv", study=here, run=run)
    lists = [pl.read_csv(each) for each in (written.contact, written.holdout)]
    assert [each.height for each in lists] == [values["contacted"], values["held_out"]]
    assert lists[0].join(lists[1], on="customer_id").is_empty()
    assert audit_log.entries(tmp_path)[0]["contacted"] == values["contacted"]


def test_the_whole_history_of_a_shop_is_told_by_segment(simulated_shop: Path) -> None:
    study, registry = _open(simulated_shop)
    values = summarise_history(read_past(study, registry.open()))
    assert {cell["offer"] for cell in values["cells"]} == set(study.offers)
    assert all(cell["low"] <= cell["mean"] <= cell["high"] for cell in values["cells"])


@pytest.mark.parametrize("budget", [-5, float("nan")])
def test_a_budget_that_is_no_amount_is_refused(simulated_shop: Path, budget: float) -> None:
    study, registry = _open(simulated_shop)
    with pytest.raises(InputError, match=f"the budget is {budget:g}"):
        plan(study, registry.open(), budget=budget)


def test_a_run_older_than_what_is_at_stake_cannot_be_planned_with(older_runs: Path) -> None:
    run = Registry(older_runs / "log" / "runs").open()
    study = load_study(run).model_copy(update={"offers": {"mail": Offer(cost=1, rate=0.1)}})
    with pytest.raises(DataError, match="older than what is at stake"):
        plan(study, run)
