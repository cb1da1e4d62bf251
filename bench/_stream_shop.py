"""A simulated shop whose history lies in files and whose present arrives as messages, for the
benchmarks of the stream.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.runs.run import run
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Registry
from holdfast.stream.clock import Clock
from holdfast.stream.full_sweep import sweep
from holdfast.stream.sources.file_source import FileSource
from holdfast.stream.sources.source import Record
from holdfast.stream.state.loading import initialise
from holdfast.stream.state.postgres import connect
from holdfast.stream.worker import Orders, Worker
from holdfast.study import Study
from holdfast.synthetic import Shop
from holdfast.windows import day_of

DSN_ENV = "HOLDFAST_BENCH_POSTGRES"
SOURCES = {"orders": "transactions", "events": "events", "treatments": "treatments"}
_ALERTS = """
[stream]
source = "outbox"
dsn_env = "{dsn_env}"
postgres_schema = "{schema}"
batch_ms = 200

[[alert]]
name = "at-risk"
when = "churn_probability"
open = 0.75
close = 0.6

[[alert]]
name = "here-today"
when = "days_since_last_session"
direction = "below"
open = 1
close = 1
max_opened_per_hour = 1000000
to = ["desk"]

[[alert_route]]
name = "desk"
kind = "webhook"
url = "${{HOLDFAST_BENCH_DESK}}"
"""


class PartitionFiles:
    """A file of messages for each partition, as one source."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(folder.glob("partition-*.ndjson"))
        self._files = [FileSource(path) for path in paths]

    def partitions(self) -> range:
        return range(len(self._files))

    def first(self, partition: int) -> int:
        return 0

    def read(self, partition: int, after: int, *, most: int, wait_seconds: float) -> list[Record]:
        return list(self._files[partition].read(0, after, most=most, wait_seconds=wait_seconds))

    def lag(self, partition: int, after: int) -> int:
        return self._files[partition].lag(0, after)

    def close(self) -> None:
        for file in self._files:
            file.close()


@dataclass(frozen=True)
class StreamShop:
    """A project in a folder, with a published run; its state lies in `schema`."""

    folder: Path
    schema: str
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def study(self) -> Study:
        return Study.from_toml(self.folder / "holdfast.toml", overrides=dict(self.settings))

    @property
    def today(self) -> int:
        orders = pl.scan_parquet(self.folder / "whole" / "orders.parquet")
        last = orders.select(pl.col("occurred_at").max()).collect().item()
        return day_of(last.date())

    def worker(self, **more: Any) -> Worker:
        orders = more.pop("orders", Orders(until_caught_up=True))
        clock, registry = Clock("UTC", self.today), Registry(self.folder / "runs")
        return Worker(self.study, clock, registry, orders, **more)

    def sweep(self) -> int:
        """Evaluate everyone; how many were looked at."""
        clock, registry = Clock("UTC", self.today), Registry(self.folder / "runs")
        return sweep(self.study, clock, registry, say=lambda _: None)

    def with_settings(self, **settings: str) -> "StreamShop":
        """The same with other settings of [stream]."""
        more = tuple((f"stream.{key}", value) for key, value in settings.items())
        return replace(self, settings=self.settings + more)

    def open_files(self, _: Study) -> PartitionFiles:
        """Its messages, in place of the source that the study names."""
        return PartitionFiles(self.folder)

    def begin(self) -> None:
        """Create the state anew from the history."""
        self.drop()
        initialise(self.study)
        with self.connect() as connection, closing(PartitionFiles(self.folder)) as source:
            for partition in source.partitions():
                connection.execute("DELETE FROM positions WHERE partition = %s", [partition])
                connection.execute("INSERT INTO positions VALUES (%s, -1)", [partition])

    def drop(self) -> None:
        with self.connect() as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")

    def connect(self) -> Any:
        assert self.study.stream is not None
        return connect(self.study.stream)

    def value(self, sql: str) -> Any:
        with self.connect() as connection:
            (value,) = connection.execute(sql).fetchone()
        return value


def train(folder: Path, *, customers: int, seed: int) -> Path:
    """A shop with a run, whose runs/ other shops may use."""
    simulate_to(folder, Shop(n_customers=customers, seed=seed))
    _give_ids(folder, "unused")
    run(Study.from_toml(folder / "holdfast.toml", overrides={"backtest.count": "1"}))
    return folder / "runs"


def make_shop(
    folder: Path, runs: Path, *, customers: int, seed: int, history: float, **settings: str
) -> StreamShop:
    """A shop of so many customers, the first share of whose rows is its history."""
    simulate_to(folder, Shop(n_customers=customers, seed=seed))
    schema = f"bench_stream_{os.getpid()}"
    _give_ids(folder, schema)
    shutil.copytree(runs, folder / "runs")
    whole = folder / "whole"
    whole.mkdir()
    for name in SOURCES:
        path = folder / f"{name}.parquet"
        rows = pl.read_parquet(path).sort("occurred_at")
        rows.write_parquet(whole / path.name)
        rows.head(max(int(rows.height * history), 100)).write_parquet(path)
    given = tuple((f"stream.{key}", value) for key, value in settings.items())
    return StreamShop(folder, schema, given)


def write_messages(
    shop: StreamShop, *, partitions: int, seed: int, repeated: float = 0.05, most: int | None = None
) -> int:
    """Write the rows that are not history as messages, shuffled by up to some weeks and so late,
    and some of them twice; the partition is the customer's. Returns how many there are.
    """
    messages = pl.concat(_messages(shop)).sample(fraction=1, shuffle=True, seed=seed)
    messages = messages.head(most or messages.height)
    again = messages.sample(int(messages.height * repeated), seed=seed)
    names = pl.concat([messages["customer_id"], again["customer_id"]]).unique()
    partition = pl.Series([hash_of(name) % partitions for name in names], dtype=pl.Int32)
    placed = pl.concat([messages, again]).join(
        pl.DataFrame({"customer_id": names, "partition": partition}),
        on="customer_id",
        maintain_order="left",
    )
    for n in range(partitions):
        lines = placed.filter(partition=n).select("body")
        lines.write_csv(
            shop.folder / f"partition-{n}.ndjson", include_header=False, quote_style="never"
        )
    return placed.height


def hash_of(customer: str) -> int:
    """The same in every process."""
    return int.from_bytes(customer.encode()[-4:], "big")


def _messages(shop: StreamShop) -> Iterator[pl.DataFrame]:
    """customer_id and body of what each source has after its history."""
    for name, source in SOURCES.items():
        rows = pl.read_parquet(shop.folder / "whole" / f"{name}.parquet")
        history = pl.read_parquet(shop.folder / f"{name}.parquet").height
        text = rows.slice(history).with_columns(
            pl.col("occurred_at").dt.to_string("%Y-%m-%dT%H:%M:%S"), source=pl.lit(source)
        )
        yield text.select("customer_id", body=pl.struct(pl.all()).struct.json_encode())


def _give_ids(folder: Path, schema: str) -> None:
    for name in SOURCES:
        path = folder / f"{name}.parquet"
        rows = pl.read_parquet(path).with_row_index("event_id")
        ids = pl.format(name[0] + "{}", "event_id").alias("event_id")
        rows.with_columns(ids).write_parquet(path)
    study = folder / "holdfast.toml"
    columns = re.compile(r"(\[(?:transactions|events|treatments)\.columns\]\n)")
    text = columns.sub(r'\1event_id = "event_id"\n', study.read_text())
    study.write_text(text + _ALERTS.format(dsn_env=DSN_ENV, schema=schema))
