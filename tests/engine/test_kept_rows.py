"""Rows that are kept: a run that reads only new files is the run that reads all of them."""

import os
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from holdfast.engine.bucket_log import BucketLog, read_in_buckets
from holdfast.engine.buckets import BucketFolder
from holdfast.engine.engines import LocalEngine
from holdfast.engine.kept_rows import kept_folder
from holdfast.io.warehouse import Warehouse
from holdfast.privacy.erase import erase
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Registry
from holdfast.study import Study
from holdfast.synthetic import Shop

Read = Callable[..., tuple[dict[str, object], pl.DataFrame]]

TOML = """
[study]
name = "kept"
currency = "EUR"
[engine]
kind = "buckets"
bucket_rows = 1000
[transactions]
path = "orders/*.parquet"
exact_duplicates = "drop"
[transactions.columns]
customer_id = "customer_id"
occurred_at = "occurred_at"
order_id = "order_id"
product_id = "product_id"
quantity = "quantity"
unit_price = "unit_price"
[events]
path = "events/*.csv"
[events.columns]
customer_id = "customer_id"
occurred_at = "occurred_at"
kind = "kind"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A shop whose lines of the first year lie in one file of orders and one of events."""
    made = simulate_to(tmp_path / "made", Shop(n_customers=150, seed=11)).study.parent
    for name in ("orders", "events"):
        (tmp_path / name).mkdir()
        table = pl.read_parquet(made / f"{name}.parquet").sort("occurred_at")
        early = table.head(int(0.9 * table.height))
        (tmp_path / f"late_{name}.parquet").parent.mkdir(exist_ok=True)
        table.tail(table.height - early.height).write_parquet(tmp_path / f"late_{name}.parquet")
        if name == "orders":
            early.write_parquet(tmp_path / name / "m.parquet")
        else:
            early.write_csv(tmp_path / name / "m.csv")
    (tmp_path / "runs").mkdir()
    (tmp_path / "holdfast.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


@pytest.fixture
def read(project: Path) -> Read:
    """Read the project; what is known of it and its ACTIVITY, and how many splits were read."""

    def read_once(*, keep: bool = True, **overrides: str) -> tuple[dict[str, object], pl.DataFrame]:
        given = {"engine.keep_rows": str(keep).lower(), **overrides}
        study = Study.from_toml(project / "holdfast.toml", overrides=given)
        with tempfile.TemporaryDirectory() as scratch, Warehouse(Path(scratch)) as warehouse:
            engine = LocalEngine(Path(scratch), workers=1)
            log = read_in_buckets(study, engine, BucketFolder(Path(scratch)), warehouse)
            return _known(log), _activity(log)

    return read_once


def _known(log: BucketLog) -> dict[str, object]:
    sample = log.sample
    return {
        "splits": sum(len(source.splits) for source in log.reading.sources),
        "fingerprint": sample.fingerprint,
        "rows": sample.rows,
        "reasons": sample.reasons,
        "customers": log.n_customers,
        "days": (sample.first_day, sample.end_day),
        "quarantine": sample.quarantine.rows(),
    }


def _activity(log: BucketLog) -> pl.DataFrame:
    parts = (log.reading.folder.read("activity", bucket) for bucket in log.buckets)
    return pl.concat([part for part in parts if part.width]).sort("customer_id", "day")


def _assert_is_full(read: Read, *, splits: int) -> None:
    """What is read now is what is read when nothing was kept; so many splits are read for it."""
    known, activity = read()
    full, whole = read(keep=False)
    assert known.pop("splits") == splits
    full.pop("splits")
    assert known == full
    assert activity.equals(whole)


def test_without_new_files_nothing_is_read(read: Read) -> None:
    first, activity = read()
    assert first["splits"] == 2
    again, same = read()
    assert again == {**first, "splits": 0}
    assert same.equals(activity)


def test_a_new_file_with_late_rows_and_rows_that_were_there_gives_what_a_full_run_gives(
    project: Path, read: Read
) -> None:
    read()
    new = pl.read_parquet(project / "late_orders.parquet")
    early = pl.read_parquet(project / "orders" / "m.parquet").head(40)
    late = early.head(20).with_columns(
        pl.col("occurred_at") + timedelta(days=3),
        pl.format("{}-late", "order_id").alias("order_id"),
    )
    # By its name it comes first: of equal rows those of the older file are the repeated ones now.
    pl.concat([early, late, new]).write_parquet(project / "orders" / "a.parquet")
    _assert_is_full(read, splits=1)
    _assert_is_full(read, splits=0)


def test_a_new_text_file_with_lines_that_are_none_gives_what_a_full_run_gives(
    project: Path, read: Read
) -> None:
    read()
    pl.read_parquet(project / "late_events.parquet").write_csv(project / "events" / "a.csv")
    with (project / "events" / "a.csv").open("a") as file:
        file.write("one,two,three,four,five,six\nCUST00001,not a day,click\n")
    _assert_is_full(read, splits=1)


def _change(project: Path) -> None:
    os.utime(project / "orders" / "m.parquet", ns=(1, 1))


def _damage(project: Path) -> None:
    part = next((project / "runs" / ".buckets" / "activity").glob("*.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)


def _lose_a_part(project: Path) -> None:
    next((project / "runs" / ".buckets" / "rows_events").glob("*.parquet")).unlink()


def _be_killed(project: Path) -> None:
    (project / "runs" / ".buckets" / "ledger.json").unlink()


def _spoil_the_ledger(project: Path) -> None:
    (project / "runs" / ".buckets" / "ledger.json").write_text('{"key": 3}', encoding="utf-8")


def _have_another_rule(project: Path) -> None:
    text = TOML.replace("[events]\n", "[transactions.set_aside]\nodd = 'quantity > 3'\n[events]\n")
    (project / "holdfast.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "happen",
    [_change, _damage, _lose_a_part, _be_killed, _spoil_the_ledger, _have_another_rule],
)
def test_what_does_not_fit_is_read_again(
    happen: Callable[[Path], None], project: Path, read: Read
) -> None:
    read()
    happen(project)
    _assert_is_full(read, splits=2)
    _assert_is_full(read, splits=0)


def test_a_file_that_is_gone_takes_its_rows_with_it(project: Path, read: Read) -> None:
    late = pl.read_parquet(project / "late_orders.parquet")
    late.write_parquet(project / "orders" / "n.parquet")
    read()
    (project / "orders" / "n.parquet").unlink()
    _assert_is_full(read, splits=2)


def test_who_was_erased_is_in_no_kept_row(project: Path, read: Read) -> None:
    _, activity = read()
    name = activity["customer_id"][0]
    study = Study.from_toml(project / "holdfast.toml")
    erase(study, [name], registry=Registry(project / "runs"))
    assert not kept_folder(study).exists()
    _, without = read()
    assert name not in without["customer_id"]
    _assert_is_full(read, splits=0)
