"""A small shop whose events arrive as messages, and its stream in a schema of its own."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import psycopg

from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.storage.runs import Registry
from holdfast.stream.clock import Clock
from holdfast.stream.full_sweep import sweep
from holdfast.stream.state.loading import initialise
from holdfast.stream.state.postgres import connect, read_row
from holdfast.stream.step import Outcome
from holdfast.stream.worker import Orders, Worker
from holdfast.study import Study
from holdfast.tables import ACTIVITY
from holdfast.windows import date_of, day_of, parse_day

DSN = "postgresql://postgres@127.0.0.1:5432/postgres"
TODAY = parse_day("2025-06-30")
Message = Mapping[str, Any]
WHO_AND_WHEN = {"customer_id": "customer", "occurred_at": "at", "event_id": "id"}
ORDERS = {**WHO_AND_WHEN, "order_id": "order", "product_id": "product", "amount": "amount"}


def order(number: int, customer: str, day: str, product: str = "P1", **more: Any) -> Message:
    """A message about an order line."""
    return {
        "source": "transactions", "id": f"o{number}", "customer": customer, "at": f"{day}T12:00:00",
        "order": f"O{number}", "product": product, "amount": 10, **more,
    }  # fmt: skip


def visit(number: int, customer: str, day: str, **more: Any) -> Message:
    """A message about a session."""
    return {
        "source": "events", "id": f"e{number}", "customer": customer, "at": f"{day}T09:00:00",
        "kind": "session", **more,
    }  # fmt: skip


HISTORY = (
    order(1, "A", "2025-01-10"), order(2, "B", "2025-02-01", "P2"), visit(1, "A", "2025-01-09")
)  # fmt: skip


@contextmanager
def dropping(schema: str) -> Iterator[str]:
    """The name of a schema that is gone afterwards."""
    yield schema
    with psycopg.connect(DSN, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@dataclass
class Shop:
    """A folder with a study, its history as files, and the file that its stream reads."""

    folder: Path
    schema: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def study(self) -> Study:
        """The study, as it is now."""
        return Study.from_dict(
            {
                "study": {"name": "t", "currency": "EUR"},
                "project_dir": str(self.folder),
                "transactions": {"path": "orders.json", "columns": ORDERS},
                "events": {"path": "events.json", "columns": {**WHO_AND_WHEN, "kind": "kind"}},
                "stream": {
                    "source": "file", "path": "stream.ndjson", "batch_ms": 1,
                    "postgres_schema": self.schema, **self.settings,
                },
                **self.more,
            }
        )  # fmt: skip

    def begin(self, history: Sequence[Message] = HISTORY) -> None:
        """Write the history, and create the state from it."""
        self.write_history(history)
        self.send([])
        initialise(self.study)

    def write_history(self, messages: Sequence[Message]) -> None:
        """Write what the batch reads."""
        for name, source in (("orders", "transactions"), ("events", "events")):
            rows = [message for message in messages if message["source"] == source]
            (self.folder / f"{name}.json").write_text(_lines(rows))

    def send(self, messages: Iterable[Message | str]) -> None:
        """Append to what the stream reads."""
        with (self.folder / "stream.ndjson").open("a") as file:
            file.write(_lines(messages))

    def worker(self, *, today: int = TODAY, **more: Any) -> Worker:
        """A worker that ends once nothing waits."""
        orders = more.pop("orders", Orders(until_caught_up=True))
        registry = more.pop("registry", Registry(self.folder / "runs"))
        return Worker(self.study, Clock("UTC", today), registry, orders, **more)

    def run(self, *, today: int = TODAY, **more: Any) -> Outcome:
        """Let a worker read what waits."""
        return self.worker(today=today, **more).run()

    def value(self, sql: str, *values: Any) -> Any:
        """The only value of a query."""
        with self.connect() as connection:
            return read_row(connection, sql, values)[0]

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self.connect() as connection:
            return connection.execute(sql, values or None).fetchall()

    def connect(self) -> Any:
        """A connection to the state."""
        assert self.study.stream is not None
        return connect(self.study.stream)

    def folded(self) -> pl.DataFrame:
        """What the state has of each customer and day, as the batch's ACTIVITY is sorted."""
        counts = [n for n in ACTIVITY.schema if n not in ("customer_id", "day", "purchase_gap")]
        rows = self.rows(
            f"SELECT customer_id, day, {', '.join(counts)} FROM customer_days "
            "JOIN customers ON number = customer"
        )
        schema = {name: ACTIVITY.schema[name] for name in ("customer_id", "day", *counts)}
        return pl.DataFrame(rows, schema=schema, orient="row").sort("customer_id", "day")

    def batch(self, messages: Sequence[Message]) -> pl.DataFrame:
        """What the batch makes of the same rows in files."""
        self.write_history(messages)
        with Warehouse.temporary() as warehouse:
            read_order_log(self.study, warehouse)
            activity = warehouse.query("FROM activity")
        return activity.drop("purchase_gap").sort("customer_id", "day")


def _lines(messages: Iterable[Message | str]) -> str:
    written = (each if isinstance(each, str) else json.dumps(each) for each in messages)
    return "".join(f"{line}\n" for line in written)


ALERTS = """
[stream]
source = "file"
path = "stream.ndjson"
batch_ms = 1

[[alert]]
name = "at-risk"
when = "churn_probability"
open = 0.8
close = 0.6
to = ["crm"]

[[alert_route]]
name = "crm"
kind = "webhook"
url = "${CRM}"
"""


def give_ids(folder: Path) -> None:
    """Let every row of a simulated shop's files have an id, and its study a stream and a rule."""
    for name in ("orders", "events", "treatments"):
        path = folder / f"{name}.parquet"
        rows = pl.read_parquet(path).with_row_index("event_id", offset=1)
        numbered = pl.format(name[0] + "{}", "event_id").alias("event_id")
        rows.with_columns(numbered).write_parquet(path)
    study = folder / "holdfast.toml"
    columns = re.compile(r"(\[(?:transactions|events|treatments)\.columns\]\n)")
    text = columns.sub(r'\1event_id = "event_id"\n', study.read_text())
    study.write_text(text + ALERTS)


@dataclass
class SimulatedShop(Shop):
    """A simulated shop with a published run."""

    @property
    def study(self) -> Study:
        """Of its holdfast.toml."""
        return Study.from_toml(
            self.folder / "holdfast.toml", overrides={"stream.postgres_schema": self.schema}
        )

    @property
    def last_day(self) -> int:
        """The last day of its log."""
        orders = pl.read_parquet(self.folder / "orders.parquet")
        return day_of(orders["occurred_at"].dt.date().max())  # type: ignore[arg-type]

    def buy(self, number: int, customer: str, day: int) -> Message:
        """A message about an order line."""
        return {
            "event_id": f"new{number}", "customer_id": customer, "order_id": f"O{number}",
            "occurred_at": f"{date_of(day)}T12:00:00", "product_id": "P1", "quantity": 1,
            "unit_price": 20,
        }  # fmt: skip

    def sweep(self, *, today: int) -> int:
        """Evaluate everyone."""
        registry = Registry(self.folder / "runs")
        return sweep(self.study, Clock("UTC", today), registry, say=print)
