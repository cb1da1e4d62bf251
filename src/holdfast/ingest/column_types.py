"""Columns whose meaning only their content tells: numbers, yes or no, dates, or words.

Text counts as numbers when all of it reads as numbers, blanks and words for nothing apart, or all
but one cell in a hundred: those few rows are then not understood, instead of turning a column of
amounts into a column of words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from holdfast.findings import Finding
from holdfast.ingest.row_mappings import BLANKS, identifier_sql
from holdfast.ingest.sql import Field, number_sql
from holdfast.ingest.validation import literal
from holdfast.io.warehouse import Warehouse

Kind = Literal["number", "flag", "day", "word"]
_ENOUGH = 0.99
_NOTHING = ("", "na", "n/a", "null", "none", "-", "?")
_SQL_TYPES: Mapping[Kind, str] = {
    "number": "DOUBLE",
    "flag": "BOOLEAN",
    "day": "DOUBLE",
    "word": "VARCHAR",
}


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What a column holds.

    Attributes
    ----------
    blanks
        Cells of a text column of numbers that hold nothing.
    """

    name: str
    kind: Kind
    field: Field
    blanks: int = 0

    def sql(self, *, decimal: str) -> str:
        """The column as DOUBLE, BOOLEAN or VARCHAR, a date as its day since 1970-01-01; NULL where
        it does not fit.
        """
        if self.kind == "number":
            return number_sql(self.field, decimal=decimal)
        if self.kind == "flag":
            return f"TRY_CAST({self.field.sql} AS BOOLEAN)"
        if self.kind == "day":
            return (
                f"CAST(date_diff('day', DATE '1970-01-01', TRY_CAST({self.field.sql} AS DATE)) AS "
                "DOUBLE)"
            )
        return identifier_sql(self.field)

    def broken(self, value: str) -> str:
        """Whether there is something that does not fit, where `value` names the column that holds
        `sql`.
        """
        return (
            "false"
            if self.kind == "word"
            else f"{value} IS NULL AND {_something(self.field)} IS NOT NULL"
        )

    @property
    def problem(self) -> str:
        """Why a row with a broken cell is not understood."""
        return (
            f"{self.name} is not a finite number"
            if self.kind == "number"
            else f"{self.name} is no {self.kind}"
        )

    def as_field(self, value: str) -> Field:
        """The column named `value` that holds `sql`, for expressions; a date stays as the source
        has it.
        """
        return self.field if self.kind == "day" else Field(value, _SQL_TYPES[self.kind])


def typed_columns(
    fields: Mapping[str, Field], table: str, warehouse: Warehouse, *, decimal: str
) -> list[Typed]:
    """Type the columns of a table by their DuckDB type, and text by what it holds throughout."""
    texts = [name for name, field in fields.items() if field.type == "VARCHAR"]
    profiles = _profiles([fields[name] for name in texts], table, warehouse, decimal)
    by_content = {
        name: Typed(
            name=name, kind=kind, field=fields[name], blanks=blanks if kind == "number" else 0
        )
        for name, (kind, blanks) in zip(texts, profiles, strict=True)
    }
    return [
        by_content.get(name) or Typed(name=name, kind=_kind_by_type(field), field=field)
        for name, field in fields.items()
    ]


def blank_finding(columns: Sequence[Typed], *, source: str) -> list[Finding]:
    """Say which columns of numbers had cells without one."""
    blank = [column for column in columns if column.blanks]
    if not blank:
        return []
    return [
        Finding.note(
            "blank-numbers",
            evidence=f"{', '.join(f'{c.blanks:,} blank {c.name}' for c in blank)} read as missing "
            f"({source})",
            meaning="A missing value stays missing; nothing is filled in.",
            fix="Nothing, if blank means unknown; if it means 0, write 0 in the source.",
        )
    ]


def _kind_by_type(field: Field) -> Kind:
    if field.is_number:
        return "number"
    if field.type == "BOOLEAN":
        return "flag"
    return "day" if field.is_time else "word"


def _profiles(
    fields: Sequence[Field], table: str, warehouse: Warehouse, decimal: str
) -> list[tuple[Kind, int]]:
    """Return the kind of each text column and how many of its cells hold nothing, in one pass over
    the table.
    """
    if not fields:
        return []
    counts = ", ".join(
        f"count({_something(field)}), count({number_sql(field, decimal=decimal)}), "
        f"count(*) FILTER (lower(trim({field.sql})) IN ('true', 'false')), "
        f"count(*) FILTER (length({field.sql}) >= 8 AND TRY_CAST({field.sql} AS DATE) IS NOT NULL)"
        for field in fields
    )
    rows, *found = warehouse.row(f"SELECT count(*), {counts} FROM {table}")
    return [
        (_kind_by_content(*found[4 * i : 4 * i + 4]), rows - found[4 * i])
        for i in range(len(fields))
    ]


def _kind_by_content(known: int, numbers: int, flags: int, days: int) -> Kind:
    if not known:
        return "word"
    if numbers >= _ENOUGH * known:
        return "number"
    if flags == known:
        return "flag"
    return "day" if days == known else "word"


def _something(field: Field) -> str:
    if field.type != "VARCHAR":
        return field.sql
    text = f"trim({field.sql}, {literal(BLANKS)})"
    return f"CASE WHEN lower({text}) NOT IN ({', '.join(map(literal, _NOTHING))}) THEN {text} END"
