"""A run keeps how it is to be monitored, and what came of those before it."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from tests.conftest import ONE_TEST

from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.runs.monitoring import (
    choose_matured,
    drift_of_the_month,
    measure_published,
    read_monitoring,
)
from holdfast.storage.runs import Registry, Run
from holdfast.study import Study
from holdfast.tables import DRIFT, EXPECTED, REALISED, REFERENCE

LATER_DAYS = 40


@pytest.fixture(scope="module")
def published(simulated_shop: Path) -> Run:
    return Registry(simulated_shop / "runs").open()


@pytest.fixture(scope="module")
def later(simulated_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop 40 days later: only the customer with the most orders has bought since."""
    folder = Path(shutil.copytree(simulated_shop, tmp_path_factory.mktemp("later") / "shop"))
    orders = pl.read_parquet(folder / "orders.parquet")
    again = orders.filter(pl.col("quantity") > 0).head(1).with_columns(
        order_id=pl.lit("later"),
        occurred_at=pl.lit(orders["occurred_at"].max()).cast(orders.schema["occurred_at"])
        + pl.duration(days=LATER_DAYS),
    )  # fmt: skip
    pl.concat([orders, again]).write_parquet(folder / "orders.parquet")
    return folder


def test_a_run_keeps_its_monitoring_by_contract(published: Run) -> None:
    for contract in (REFERENCE, DRIFT, EXPECTED, REALISED):
        contract.check(published.table(contract.name))
    assert published.table("expected")["horizon_days"].to_list() == [30, 90, 180, 365]
    groups = set(published.table("reference")["group"])
    assert {"everyone", "recent buyers"} < groups
    assert set(published.table("scores")["segment"]) <= groups
    assert published.table("realised").is_empty()


def test_the_reference_counts_every_scored_customer_once(published: Run) -> None:
    reference = published.table("reference")
    everyone = reference.filter(group="everyone").group_by("feature").agg(pl.col("customers").sum())
    assert set(everyone["customers"]) == {published.manifest["customers"]}


def test_the_month_that_matures_first_is_held_against_what_came(
    later: Path, published: Run
) -> None:
    study = Study.from_toml(later / "holdfast.toml", overrides=ONE_TEST)
    with Warehouse.temporary() as warehouse:
        end_day = read_order_log(study, warehouse).end_day
        table = measure_published(study, warehouse, [published], end_day=end_day)
    assert set(table["horizon_days"]) == {30}
    rate = table.filter(metric="churn_rate").row(0, named=True)
    # In thirty days nobody bought; what the run expected stands in its horizons.
    expected = published.table("horizons").filter(horizon_days=30)["churn_probability"].mean()
    assert (rate["value"], rate["expected"]) == (1.0, pytest.approx(expected))


def test_before_a_window_has_ended_nothing_is_chosen(published: Run, simulated_shop: Path) -> None:
    study = Study.from_toml(simulated_shop / "holdfast.toml")
    end = published.summary["cutoff_day"]
    assert list(choose_matured(study, [published], end_day=end + 29)) == []
    assert list(choose_matured(study, [published], end_day=end + 30)) == [published]
    other = study.model_copy(update={"name": "another shop"})
    assert list(choose_matured(other, [published], end_day=end + 30)) == []


def test_runs_closer_than_four_weeks_are_one(published: Run, simulated_shop: Path) -> None:
    study = Study.from_toml(simulated_shop / "holdfast.toml")
    end = published.summary["cutoff_day"] + 90
    assert len(list(choose_matured(study, [published] * 3, end_day=end))) == 1


def test_a_log_without_a_month_before_today_has_no_drift_of_a_month() -> None:
    assert drift_of_the_month([], times=1).is_empty()
    today = pl.DataFrame({"cutoff_day": [20_000], "spend_30d": [1.0]})
    assert drift_of_the_month([today], times=1).is_empty()


def test_a_run_of_an_older_holdfast_is_read_without_rows(older_runs: Path) -> None:
    seen = read_monitoring(Registry(older_runs / "log" / "runs").open()).as_dict()
    assert (seen["drift"], seen["expected"], seen["realised"]) == ([], [], [])
    assert seen["challenger"] == {"refused": False, "contests": [], "not_held": {}}
