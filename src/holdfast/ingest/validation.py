"""Every row of a source gets one verdict: accepted, set aside or quarantined, and none is lost.

A row is quarantined when it cannot be understood, and set aside when it is understood but not
wanted. Where several reasons fit, the first in order is the row's reason: what is not understood,
then exact duplicates, then the rest.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import polars as pl
from sqlglot import exp

from holdfast.errors import DataError, HoldfastError, StudyError
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.sql import Field, calculator, expression_sql, strict_arithmetic
from holdfast.io.csv import RAW_CHARACTERS
from holdfast.io.warehouse import Warehouse

DUPLICATE = "exact duplicate"
STRAY = "a year or more from all other rows"
_YEAR_DAYS = 365
_STRAY_SHARE, _STRAY_LEAST = 0.001, 100
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What became of the rows: read = accepted + set_aside + quarantined."""

    read: int
    accepted: int
    set_aside: int
    quarantined: int

    def __add__(self, other: "Rows") -> "Rows":
        return Rows(
            read=self.read + other.read,
            accepted=self.accepted + other.accepted,
            set_aside=self.set_aside + other.set_aside,
            quarantined=self.quarantined + other.quarantined,
        )


@dataclass(frozen=True, kw_only=True)
class RowMapping:
    """How the rows of a source become rows of a table.

    Attributes
    ----------
    layers
        Output column -> SQL over the source's columns and the layers before it; a name that begins
        with an underscore is only worked with. Layers, because what one reads of another is
        computed once. One column is `customer_id`.
    quarantine, set_aside
        Reason -> SQL condition over the source's columns and all layers, in order of precedence.
    compared
        Columns over which two rows are the same row; empty: repeated rows are kept.
    open_start, open_end
        Whether nobody said where the rows begin or end: then a few that lie a year or more before,
        or after, all others are set aside. They have a `day`.
    """

    layers: Sequence[Mapping[str, str]]
    quarantine: Mapping[str, str]
    set_aside: Mapping[str, str]
    compared: Sequence[Field] = ()
    open_start: bool = False
    open_end: bool = False


@dataclass(frozen=True, kw_only=True)
class ValidatedSource:
    """The outcome for one source; its accepted rows are in `table`, where `verdict = 0`.

    Attributes
    ----------
    trimmed, merged
        Accepted rows whose customer_id had blanks around it; customers that occur both with and
        without.
    pointed
        Whether every customer_id ended in ".0", which was taken off.
    labels, fields
        The source's files (or query), and its columns.
    strays
        A few of the rows that were set aside as strays, in words, the latest first.
    """

    name: str
    table: str
    rows: Rows
    reasons: dict[str, int]
    quarantined: pl.DataFrame = field(repr=False)
    trimmed: int = 0
    merged: int = 0
    pointed: bool = False
    labels: Sequence[str] = ()
    fields: Mapping[str, Field] = field(default_factory=dict, repr=False)
    strays: Sequence[str] = ()


RowValidator = Callable[[OpenSource, RowMapping], ValidatedSource]
"""Gives every row of a source its verdict, by its reading and by the contract that the study names.
"""


def validate_rows(source: OpenSource, reading: RowMapping, warehouse: Warehouse) -> ValidatedSource:
    """Read a source once and give every row its verdict.

    Raises
    ------
    DataError
        The source cannot be read to its end, or holds no row at all.
    HoldfastError
        The counts do not add up, which would be a defect of Holdfast.
    """
    table = f"judged_{source.name}"
    with source.reading(), strict_arithmetic(warehouse.con):
        warehouse.con.execute(f"CREATE OR REPLACE TABLE {table} AS {verdict_sql(source, reading)}")
    with warehouse.working(f"validate_rows the rows of {source.name}"):
        if reading.compared:
            _mark_duplicates(table, len(reading.quarantine) + 1, warehouse)
        _mark_strays(reading, table, len(reading.quarantine) + 2, warehouse)
        return _counted(
            source, reading, table, warehouse, pointed=_without_points(source, table, warehouse)
        )


def require_accepted_rows(validated: ValidatedSource) -> ValidatedSource:
    """Return the outcome if a row of the source was accepted.

    Raises
    ------
    DataError
        None was; the message has the commonest reasons.
    """
    if validated.rows.accepted:
        return validated
    most = sorted(validated.reasons.items(), key=lambda item: -item[1])[:3]
    said = ", ".join(f"{count:,} x {reason}" for reason, count in most)
    fix = f"check [{validated.name}.columns] and [{validated.name}.csv]"
    if most[0][0].endswith("is not a date"):
        fix = f"set {validated.name}.csv.timestamp_format, as in '%d/%m/%Y %H:%M'"
    raise DataError(
        f"none of the {validated.rows.read:,} rows of {validated.name} can be used: {said}",
        fix=fix,
        reasons=validated.reasons,
    )


def fingerprint(tables: Sequence[str], warehouse: Warehouse) -> str:
    """SHA-256 of the rows of those tables that exist, whatever their order."""
    digest = hashlib.sha256()
    for table in filter(warehouse.has, tables):
        digest.update(
            repr(
                (table, warehouse.row(f"SELECT count(*), sum(hash(t)) FROM {table} AS t"))
            ).encode()
        )
    return digest.hexdigest()


def checked_expression(text: str, fields: Mapping[str, Field], *, decimal: str, where: str) -> str:
    """Write one of the study's expressions over columns of these types.

    Raises
    ------
    StudyError
        It reads a column that is not there, or does with one what its type does not allow.
    """
    sql = expression_sql(text, fields, decimal=decimal)
    used = {found.sql: found.type for found in fields.values()}
    shape = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in used.items())
    try:
        with calculator() as connection:
            connection.execute(f"SELECT {sql} FROM (SELECT {shape}) LIMIT 0").fetchall()
    except duckdb.Error as error:
        said = str(error).strip().splitlines()[0]
        raise StudyError(
            f"{where}: the expression {text!r} cannot be computed: {said}", fix="correct it"
        ) from None
    return sql


def literal(text: str) -> str:
    """Write a text so that SQL can only read it as a text."""
    return exp.Literal.string(text).sql(dialect="duckdb")


def row_digest(fields: Mapping[str, Field]) -> str:
    """A number that two rows share only if they are equal in all columns (or once in 2**64)."""
    return f"hash({', '.join(found.sql for found in fields.values())})"


def verdict_sql(source: OpenSource, reading: RowMapping) -> str:
    """Write the query of the table's columns and of each row's verdict: see `verdict_names`."""
    last = len(reading.quarantine)
    conditions = [
        *enumerate(reading.quarantine.values(), 1),
        *enumerate(reading.set_aside.values(), last + 3),
    ]
    cases = " ".join(f"WHEN {sql} THEN {code}" for code, sql in conditions)
    kept = ", ".join(name for layer in reading.layers for name in layer if not name.startswith("_"))
    rows = source.view
    for layer in [*reading.layers, {"verdict": f"CAST(CASE {cases} ELSE 0 END AS USMALLINT)"}]:
        rows = (
            f"(SELECT *, {', '.join(f'{sql} AS {name}' for name, sql in layer.items())} FROM "
            f"{rows})"
        )
    return f"""
        SELECT _file, _row, verdict, {kept}{_digest_sql(reading.compared)},
            CASE WHEN verdict BETWEEN 1 AND {last} THEN {_raw_sql(source.fields)} END AS _raw
        FROM {rows}
    """


def verdict_names(reading: RowMapping) -> list[str]:
    """What each verdict means, by its number."""
    return ["accepted", *reading.quarantine, DUPLICATE, STRAY, *reading.set_aside]


def _raw_sql(fields: Mapping[str, Field]) -> str:
    """A row as it was read, as JSON text; long cells are cut."""
    cells = (
        f"{literal(n)}, left(CAST({column.sql} AS VARCHAR), {RAW_CHARACTERS})"
        for n, column in fields.items()
    )
    return f"CAST(json_object({', '.join(cells)}) AS VARCHAR)"


def _digest_sql(compared: Sequence[Field]) -> str:
    if not compared:
        return ""
    cells = [column.sql for column in compared]
    # Two 64-bit hashes in different orders: one alone would merge different rows once in 100,000
    # logs of 20 million.
    return (
        f", hash({', '.join(cells)}) AS _digest_1, hash({', '.join(['0', *reversed(cells)])}) AS "
        "_digest_2"
    )


def _mark_duplicates(table: str, code: int, warehouse: Warehouse) -> None:
    warehouse.con.execute(f"""
        UPDATE {table} SET verdict = {code}
        FROM (
            SELECT _digest_1 AS _same_1, _digest_2 AS _same_2, min(struct_pack(f := _file, r :=
                _row)) AS _first
            FROM {table} WHERE verdict = 0 OR verdict > {code} GROUP BY ALL HAVING count(*) > 1)
        WHERE _digest_1 = _same_1 AND _digest_2 = _same_2 AND struct_pack(f := _file, r := _row) >
            _first
            AND (verdict = 0 OR verdict > {code})
    """)


def _mark_strays(reading: RowMapping, table: str, code: int, warehouse: Warehouse) -> None:
    """Set aside the few rows beyond a year of silence: one mistyped year would move the end of
    everything.

    Of at least 100 rows, one in a thousand, and always one, may be so few.
    """
    if not (reading.open_start or reading.open_end):
        return
    first, last = warehouse.row(f"""
        WITH days AS (SELECT day, count(*) AS n FROM {table} WHERE verdict = 0 GROUP BY day),
        walked AS (
            SELECT day, day - lag(day) OVER (ORDER BY day) > {_YEAR_DAYS} AS after_silence,
                sum(n) OVER (ORDER BY day) - n AS before, sum(n) OVER () AS every
            FROM days),
        few AS (SELECT *, greatest(1, floor(every * {_STRAY_SHARE})) AS few FROM walked
            WHERE every >= {_STRAY_LEAST} AND after_silence)
        SELECT max(day) FILTER (before <= few AND {reading.open_start}),
            min(day) FILTER (every - before <= few AND {reading.open_end}) FROM few
    """)
    for bound in [f"day < {first}"] * (first is not None) + [f"day >= {last}"] * (last is not None):
        warehouse.con.execute(f"UPDATE {table} SET verdict = {code} WHERE verdict = 0 AND {bound}")


def _strays(source: OpenSource, table: str, code: int, warehouse: Warehouse) -> tuple[str, ...]:
    found = warehouse.con.sql(
        "SELECT _file, _row, customer_id AS reason, CAST(DATE '1970-01-01' + day AS VARCHAR) AS "
        f"raw FROM {table} "
        f"WHERE verdict = {code} ORDER BY day DESC, _file, _row LIMIT {_SHOWN}"
    ).pl()
    rows = source.located(found).sort("raw", descending=True).iter_rows()
    return tuple(f"{file} row {row} ({customer} on {day})" for file, row, customer, day in rows)


def _without_points(source: OpenSource, table: str, warehouse: Warehouse) -> bool:
    """Take ".0" off the ids of a text source if all have it: an export of floats, where Parquet has
    12345.
    """
    if not source.is_text:
        return False
    named = f"FROM {table} WHERE customer_id IS NOT NULL"
    if not warehouse.row(
        f"SELECT coalesce(bool_and(regexp_full_match(customer_id, '-?[0-9]+\\.0')), false) {named}"
    )[0]:
        return False
    warehouse.con.execute(
        f"UPDATE {table} SET customer_id = customer_id[:-3] WHERE customer_id IS NOT NULL"
    )
    return True


def _counted(
    source: OpenSource, reading: RowMapping, table: str, warehouse: Warehouse, *, pointed: bool
) -> ValidatedSource:
    names = verdict_names(reading)
    found = dict(
        warehouse.con.execute(
            f"SELECT verdict, count(*) FROM {table} GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    )
    rejected = source.rejected
    last = len(reading.quarantine)
    rows = Rows(
        read=source.rows_read,
        accepted=found.get(0, 0),
        set_aside=sum(count for code, count in found.items() if code > last),
        quarantined=sum(count for code, count in found.items() if 0 < code <= last)
        + rejected.height,
    )
    if rows.read != rows.accepted + rows.set_aside + rows.quarantined:
        raise HoldfastError(
            f"{source.name}: the rows do not add up: {rows}", fix="report this, with the study"
        )
    if not rows.read:
        raise DataError(
            f"{', '.join(source.labels[:3])} has no rows", fix="name a source with rows"
        )
    reasons = dict(rejected.group_by("reason").len().sort("reason").iter_rows())
    reasons |= {names[code]: count for code, count in found.items() if code}
    trimmed, merged = _blanks(table, warehouse)
    return ValidatedSource(
        name=source.name,
        table=table,
        rows=rows,
        reasons=reasons,
        trimmed=trimmed,
        merged=merged,
        pointed=pointed,
        quarantined=_quarantined(source, names, last, table, rejected, warehouse),
        labels=tuple(source.labels),
        fields=source.fields,
        strays=_strays(source, table, last + 2, warehouse) if STRAY in reasons else (),
    )


def _blanks(table: str, warehouse: Warehouse) -> tuple[int, int]:
    trimmed = warehouse.row(f"SELECT count(*) FROM {table} WHERE verdict = 0 AND trimmed")[0]
    if not trimmed:
        return 0, 0
    merged = (
        f"SELECT 1 FROM {table} WHERE verdict = 0 GROUP BY customer_id HAVING bool_or(trimmed) AND "
        "bool_or(NOT trimmed)"
    )
    return trimmed, warehouse.row(f"SELECT count(*) FROM ({merged})")[0]


def _quarantined(
    source: OpenSource,
    names: Sequence[str],
    last: int,
    table: str,
    rejected: pl.DataFrame,
    warehouse: Warehouse,
) -> pl.DataFrame:
    found = warehouse.con.sql(
        f"SELECT _file, _row, list_extract(?, verdict + 1) AS reason, _raw AS raw FROM {table} "
        f"WHERE verdict BETWEEN 1 AND {last} ORDER BY _file, _row",
        params=[list(names)],
    ).pl()
    return source.located(pl.concat([found.cast(dict(rejected.schema)), rejected]))
