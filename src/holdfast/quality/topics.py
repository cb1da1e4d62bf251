"""A topic of the data report: what was counted, the same in sentences, and what is odd about it."""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any

import polars as pl

from holdfast.findings import Finding
from holdfast.ingest.order_log import OrderLog
from holdfast.ingest.sql import literal
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.study.sources import TransactionColumns

DATES_ONLY = 0.99


@dataclass(frozen=True)
class Topic:
    """One topic.

    Attributes
    ----------
    name, title
        In kebab-case; as a heading.
    facts
        Plain values, for machines.
    sentences
        The facts in words.
    table
        Rows behind the sentences, if they need any; column names are headings.
    """

    name: str
    title: str
    facts: dict[str, Any]
    sentences: tuple[str, ...]
    _: KW_ONLY
    table: pl.DataFrame | None = None
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The topic as plain values, without its findings: they are listed with all others."""
        rows = {"rows": self.table.to_dicts()} if self.table is not None else {}
        sentences = list(self.sentences)
        return {"name": self.name, "title": self.title, "sentences": sentences} | self.facts | rows


@dataclass(frozen=True)
class CheckedLog:
    """The log that a topic describes, in the warehouse that holds it."""

    study: Study
    warehouse: Warehouse
    log: OrderLog

    @property
    def columns(self) -> TransactionColumns:
        """The columns of the order log."""
        assert self.study.transactions is not None
        return self.study.transactions.columns

    @property
    def scale(self) -> int:
        """Minor units in a unit of the currency."""
        return int(10**self.study.minor_digits)

    @property
    def local_time(self) -> str:
        """SQL of a line's moment in the study's time zone."""
        zone = self.study.time_zone
        if zone == "UTC":
            return "occurred_at"
        return f"timezone({literal(zone)}, timezone('UTC', occurred_at))"

    @cached_property
    def at_midnight(self) -> int:
        """Lines at exactly 00:00:00."""
        time = self.local_time
        sql = f"SELECT count(*) FROM transactions WHERE {time} = date_trunc('day', {time})"
        return int(self.row(sql)[0])

    @property
    def has_dates_only(self) -> bool:
        """Whether all but all lines are at midnight."""
        lines = int(self.row("SELECT count(*) FROM transactions")[0])
        return self.at_midnight >= DATES_ONLY * lines

    def query(self, sql: str) -> pl.DataFrame:
        """Rows of the warehouse."""
        return self.warehouse.read(self.warehouse.con.sql(sql))

    def row(self, sql: str, *values: object) -> tuple[Any, ...]:
        """The only row of an answer."""
        return self.warehouse.row(sql, *values)
