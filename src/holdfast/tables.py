"""The table contracts: what each table has one row of, and each column's type and unit, as
tables.toml lists them.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.errors import DataError

OUTCOMES = ("churned", "value")
"""Columns of a snapshot's table that hold what happened."""


@dataclass(frozen=True)
class Column:
    """One column: its type, its unit (or what it means) and whether it may be missing."""

    name: str
    dtype: pl.DataType
    unit: str
    nullable: bool = False


@dataclass(frozen=True)
class Contract:
    """What a table promises.

    Parameters
    ----------
    grain
        The columns that name a row; empty where rows have no key.
    open_ended
        Further columns are allowed (features and snapshots have the study's own).
    """

    name: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    open_ended: bool = False

    @cached_property
    def schema(self) -> pl.Schema:
        """Names and Polars types, in order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def empty(self) -> pl.DataFrame:
        """A table of no rows."""
        return pl.DataFrame(schema=self.schema)

    def check(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `frame` if it keeps the promise.

        Raises
        ------
        DataError
            Naming the first column that is missing, of another type or wrongly empty, or the number
            of repeated keys.
        """
        for column in self.columns:
            self._check_column(frame, column)
        extra = [name for name in frame.columns if name not in self.schema]
        if extra and not self.open_ended:
            raise DataError(f"{self.name} has unknown columns: {', '.join(extra)}", fix="drop them")
        repeated = frame.height - frame.select(self.grain).n_unique() if self.grain else 0
        if repeated:
            raise DataError(
                f"{self.name} repeats {repeated} keys ({', '.join(self.grain)})",
                fix="keep one row a key",
            )
        return frame

    def _check_column(self, frame: pl.DataFrame, column: Column) -> None:
        if column.name not in frame.columns:
            raise DataError(
                f"{self.name} lacks the column '{column.name}'", fix=f"add it as {column.dtype}"
            )
        dtype = frame.schema[column.name]
        if dtype != column.dtype:
            raise DataError(f"{self.name}.{column.name} is {dtype}", fix=f"make it {column.dtype}")
        missing = frame[column.name].null_count()
        if missing and not column.nullable:
            raise DataError(
                f"{self.name}.{column.name} is empty in {missing} rows", fix="fill or drop them"
            )


ENGAGEMENT_KINDS = (
    "session", "page_view", "click", "wishlist_add", "cart_add", "campaign_response",
)  # fmt: skip

_TYPES: Mapping[str, pl.DataType] = {
    "string": pl.String(), "boolean": pl.Boolean(), "int32": pl.Int32(), "int64": pl.Int64(),
    "float64": pl.Float64(), "datetime[us]": pl.Datetime("us"),
}  # fmt: skip
_TABLES = tomllib.loads(Path(__file__).with_name("tables.toml").read_text(encoding="utf-8"))


def _contract(name: str) -> Contract:
    table = _TABLES[name]
    columns = (
        Column(column, _TYPES[kind.rstrip("?")], unit, nullable=kind.endswith("?"))
        for column, kind, unit in table["columns"]
    )
    return Contract(name, tuple(table["grain"]), tuple(columns), table.get("open_ended", False))


TRANSACTIONS = _contract("transactions")
EVENTS = _contract("events")
CUSTOMERS = _contract("customers")
TREATMENTS = _contract("treatments")
ACTIVITY = _contract("activity")
FEATURES = _contract("features")
LABELS = _contract("labels")
SCORES = _contract("scores")
HORIZONS = _contract("horizons")
FORECAST = _contract("forecast")
REASONS = _contract("reasons")
CONTRIBUTIONS = _contract("contributions")
IMPORTANCE = _contract("importance")
CHANGES = _contract("changes")
CHANGE_REASONS = _contract("change_reasons")
CHANGE_SUMS = _contract("change_sums")
SEGMENTS = _contract("segments")
RECOVERY = _contract("recovery")
CAMPAIGNS = _contract("campaigns")
READOUTS = _contract("readouts")
PERSISTENCE = _contract("persistence")
ACCEPTANCE = _contract("acceptance")
PAST_SEGMENTS = _contract("past_segments")
EFFECTS = _contract("effects")
BUDGET_CURVE = _contract("budget_curve")
PLAN = _contract("plan")
DAYS = _contract("days")
COHORTS = _contract("cohorts")
CHANNELS = _contract("channels")
CHANNEL_MONTHS = _contract("channel_months")
SURVIVAL = _contract("survival")
PURCHASES = _contract("purchases")
UNSCORED = _contract("unscored")
PERMISSIONS = _contract("permissions")
ADDRESSES = _contract("addresses")
QUARANTINE = _contract("quarantine")
PREDICTIONS = _contract("predictions")
EVIDENCE = _contract("evidence")
HORIZON_EVIDENCE = _contract("horizon_evidence")
REFERENCE = _contract("reference")
DRIFT = _contract("drift")
EXPECTED = _contract("expected")
REALISED = _contract("realised")


def notebook_html(title: str, *frames: pl.DataFrame) -> str:
    """A heading and tables below it, for a notebook; whatever the data hold is escaped."""
    return f"<h4>{escape(title)}</h4>" + "".join(map(_html_table, frames))


def _html_table(frame: pl.DataFrame) -> str:
    rows = [_html_row(row, "td") for row in frame.iter_rows()]
    head = _html_row([name.replace("_", " ") for name in frame.columns], "th")
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _html_row(cells: Iterable[Any], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(_short(cell))}</{tag}>' for cell in cells)}</tr>"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 100 else f"{value:.3g}"
    return "" if value is None else str(value)


def json_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """A small table as JSON takes it: NaN and infinity as null."""
    return [
        {
            key: None if isinstance(value, float) and value - value != 0 else value
            for key, value in row.items()
        }
        for row in frame.to_dicts()
    ]
