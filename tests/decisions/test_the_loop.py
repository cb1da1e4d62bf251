"""The loop: a list is an experiment, its readout changes what is believed, and the next plan."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from holdfast.decisions.experiments import read_campaigns
from holdfast.decisions.plans import plan, read_past, write_lists
from holdfast.storage.runs import Registry, Run
from holdfast.study import Offer, Study

DATED = ("orders", "events", "treatments")
OFFERS = {"call": Offer(cost=0.01, rate=0.2)}


def _move_log(shop: Path, *, ends: datetime) -> None:
    """Move the shop in time, so that its log ends then."""
    end = pl.read_parquet(shop / "orders.parquet")["occurred_at"].max()
    assert isinstance(end, datetime)
    for name in DATED:
        path = shop / f"{name}.parquet"
        pl.read_parquet(path).with_columns(pl.col("occurred_at") + (ends - end)).write_parquet(path)


@pytest.fixture
def shop(simulated_shop: Path, tmp_path: Path) -> tuple[Study, Run, Path]:
    """A shop that never made its offer, whose plans hold out half; its run; its folder."""
    folder = Path(shutil.copytree(simulated_shop, tmp_path / "shop"))
    study = Study.from_toml(folder / "holdfast.toml", overrides={"plan.holdout_share": "0.5"})
    study = study.model_copy(update={"offers": OFFERS, "treatments": None})
    return study, Registry(folder / "runs").open(), folder


def test_a_list_is_read_out_once_its_window_is_over_and_the_next_plan_stands_on_it(
    shop: tuple[Study, Run, Path],
) -> None:
    study, run, folder = shop
    now = datetime.now(UTC)
    _move_log(folder, ends=now)
    first = plan(study, run)
    assert set(first.customers["uplift_source"]) == {"assumed"}
    written = write_lists(first, folder / "list.csv", study=study, run=run, name="spring")
    assert min(written.contacted, written.held_out) >= 60

    before = read_campaigns(study, days=30)
    assert before.results == ()
    assert f"wait until {(now + timedelta(days=29)).date()}" in before.refused["spring"].fix
    assert set(plan(study, run).customers["uplift_source"]) == {"assumed"}

    _move_log(folder, ends=now + timedelta(days=40))
    (result,) = read_campaigns(study, days=30).results
    (row,) = result.rows
    assert (row["campaign"], row["offer"]) == ("spring", "call")
    assert (row["contacted"], row["held_out"]) == (written.contacted, written.held_out)
    assert row["cost"] == pytest.approx(0.01 * written.contacted)
    past = read_past(study, run).past
    assert dict(past.offers) == {"spring": "call"}
    assert set(past.readouts["uplift_source"]) == {"experiment"}
    cells = read_past(study, run).offers.table()
    assert set(cells["uplift_source"]) == {"experiment"}
