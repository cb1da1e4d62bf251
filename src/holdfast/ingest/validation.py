"""Every row of a source gets one verdict: accepted, set aside or quarantined, and none is lost.

A row is quarantined when it cannot be understood, and set aside when it is understood but not
wanted. Where several reasons fit, the first in order is the row's reason: what is not understood,
then exact duplicates, then the rest.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from holdfast.errors import DataError, HoldfastError
from holdfast.ingest import sql
from holdfast.ingest.door import ERASED, Door
from holdfast.ingest.sources import OpenSource
from holdfast.io.text_files import RAW_CHARACTERS
from holdfast.io.warehouse import Warehouse
from holdfast.windows import YEAR_DAYS

DUPLICATE = "exact duplicate"
STRAY = "a year or more from all other rows"
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
        return Rows(**{name: count + getattr(other, name) for name, count in vars(self).items()})


@dataclass(frozen=True)
class Part:
    """Part of a mapping: columns read from the source, columns worked out of those, and what can
    be wrong with either (reason -> SQL condition).
    """

    read: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    def __or__(self, other: "Part") -> "Part":
        return Part(
            {**self.read, **other.read},
            {**self.derived, **other.derived},
            {**self.problems, **other.problems},
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
    compared: Sequence[sql.Field] = ()
    open_start: bool = False
    open_end: bool = False

    @property
    def verdicts(self) -> list[str]:
        """What each verdict means, by its number."""
        return ["accepted", *self.quarantine, DUPLICATE, STRAY, *self.set_aside, ERASED]

    @property
    def duplicate(self) -> int:
        """The verdict of an exact duplicate: what is quarantined has a lower one."""
        return len(self.quarantine) + 1

    @property
    def stray(self) -> int:
        """The verdict of a stray row: what the mapping sets aside has a higher one."""
        return len(self.quarantine) + 2

    def sql(self, source: OpenSource) -> str:
        """Write the query of the table's columns and of each row's verdict."""
        conditions = [
            *enumerate(self.quarantine.values(), 1),
            *enumerate(self.set_aside.values(), self.stray + 1),
        ]
        cases = " ".join(f"WHEN {condition} THEN {code}" for code, condition in conditions)
        verdict = {"verdict": f"CAST(CASE {cases} ELSE 0 END AS USMALLINT)"}
        rows = source.view
        for layer in [*self.layers, verdict]:
            columns = ", ".join(f"{value} AS {name}" for name, value in layer.items())
            rows = f"(SELECT *, {columns} FROM {rows})"
        names = [name for layer in self.layers for name in layer if not name.startswith("_")]
        raw = f"CASE WHEN verdict BETWEEN 1 AND {len(self.quarantine)} THEN {_raw_sql(source)} END"
        hashes = sql.digests([column.sql for column in self.compared]) if self.compared else ()
        digests = [f"{each} AS _digest_{i}" for i, each in enumerate(hashes, 1)]
        columns = ", ".join(["_file, _row, verdict", *names, *digests, f"{raw} AS _raw"])
        return f"SELECT {columns} FROM {rows}"


@dataclass(frozen=True, kw_only=True)
class ValidatedSource:
    """The outcome for one source; its accepted rows are in `table`, where `verdict = 0`.

    Attributes
    ----------
    reasons
        Reason -> rows that were set aside or quarantined for it.
    quarantined
        The source's part of the QUARANTINE table.
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
    trimmed: int
    merged: int
    pointed: bool
    labels: Sequence[str]
    fields: Mapping[str, sql.Field] = field(repr=False)
    strays: Sequence[str]

    def count_reasons(self) -> list[tuple[str, int]]:
        """Why rows were quarantined, and how many, the commonest reason first."""
        counts = self.quarantined["reason"].value_counts()
        return counts.sort(["count", "reason"], descending=[True, False]).rows()


def validate_rows(
    source: OpenSource, mapping: RowMapping, warehouse: Warehouse, door: Door
) -> ValidatedSource:
    """Read a source once and give every row its verdict.

    Raises
    ------
    DataError
        The source cannot be read to its end, or holds no row at all.
    HoldfastError
        The counts do not add up, which would be a defect of Holdfast.
    """
    table = f"validated_{source.name}"
    with source.reading(warehouse), sql.strict_arithmetic(warehouse.con):
        warehouse.execute(
            f"CREATE OR REPLACE TABLE {table} AS {mapping.sql(source)}", again=source.restart
        )
    with warehouse.working(f"validate the rows of {source.name}"):
        if mapping.compared:
            _mark_duplicates(table, mapping.duplicate, warehouse)
        if mapping.open_start or mapping.open_end:
            _mark_strays(table, mapping, warehouse)
        pointed = source.is_text and _remove_points(table, warehouse)
        door.let_in(table, len(mapping.verdicts) - 1, warehouse)
        rejected = door.withhold(source.rejected, source)
        return _summarise(source, mapping, table, warehouse, pointed=pointed, rejected=rejected)


def require_accepted_rows(source: ValidatedSource) -> ValidatedSource:
    """Return the outcome if a row of the source was accepted.

    Raises
    ------
    DataError
        None was; the message has the commonest reasons.
    """
    if source.rows.accepted:
        return source
    commonest = sorted(source.reasons.items(), key=lambda item: -item[1])[:3]
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in commonest)
    fix = f"check [{source.name}.columns] and [{source.name}.csv]"
    if commonest[0][0].endswith("is not a date"):
        fix = f"set {source.name}.csv.timestamp_format, as in '%d/%m/%Y %H:%M'"
    raise DataError(
        f"none of the {source.rows.read:,} rows of {source.name} can be used: {reasons}",
        fix=fix,
        reasons=source.reasons,
    )


def fingerprint(tables: Sequence[str], warehouse: Warehouse) -> str:
    """SHA-256 of the rows of those tables that exist, whatever their order."""
    digest = hashlib.sha256()
    for table in filter(warehouse.has, tables):
        content = warehouse.row(f"SELECT count(*), sum(hash(t)) FROM {table} AS t")
        digest.update(repr((table, content)).encode())
    return digest.hexdigest()


def _raw_sql(source: OpenSource) -> str:
    """A row as it was read, as JSON text; long cells are cut."""
    cells = (
        f"{sql.literal(name)}, left(CAST({column.sql} AS VARCHAR), {RAW_CHARACTERS})"
        for name, column in source.fields.items()
        if name not in source.unshown
    )
    return f"CAST(json_object({', '.join(cells)}) AS VARCHAR)"


def _mark_duplicates(table: str, code: int, warehouse: Warehouse) -> None:
    place = "struct_pack(f := _file, r := _row)"
    warehouse.execute(f"""
        UPDATE {table} SET verdict = {code}
        FROM (
            SELECT _digest_1 AS _same_1, _digest_2 AS _same_2, min({place}) AS _first
            FROM {table} WHERE verdict = 0 OR verdict > {code}
            GROUP BY ALL HAVING count(*) > 1)
        WHERE _digest_1 = _same_1 AND _digest_2 = _same_2 AND {place} > _first
            AND (verdict = 0 OR verdict > {code})
    """)


def _mark_strays(table: str, mapping: RowMapping, warehouse: Warehouse) -> None:
    """Set aside the few rows beyond a year of silence: one mistyped year would move the end of
    everything.

    Of at least 100 rows, one in a thousand, and always one, may be so few.
    """
    first, last = warehouse.row(f"""
        WITH days AS (SELECT day, count(*) AS n FROM {table} WHERE verdict = 0 GROUP BY day),
        walked AS (
            SELECT day, day - lag(day) OVER (ORDER BY day) > {YEAR_DAYS} AS after_silence,
                sum(n) OVER (ORDER BY day) - n AS before, sum(n) OVER () AS every
            FROM days),
        few AS (
            SELECT *, greatest(1, floor(every * {_STRAY_SHARE})) AS few FROM walked
            WHERE every >= {_STRAY_LEAST} AND after_silence)
        SELECT max(day) FILTER (before <= few AND {mapping.open_start}),
            min(day) FILTER (every - before <= few AND {mapping.open_end})
        FROM few
    """)
    for sign, day in (("<", first), (">=", last)):
        if day is not None:
            warehouse.execute(
                f"UPDATE {table} SET verdict = {mapping.stray} "
                f"WHERE verdict = 0 AND day {sign} {day}"
            )


def _describe_strays(
    source: OpenSource, table: str, code: int, warehouse: Warehouse
) -> tuple[str, ...]:
    rows = warehouse.query(f"""
        SELECT _file, _row, customer_id AS reason,
            CAST(DATE '1970-01-01' + day AS VARCHAR) AS raw
        FROM {table} WHERE verdict = {code} ORDER BY day DESC, _file, _row LIMIT {_SHOWN}
    """)
    latest_first = source.locate(rows).sort("raw", descending=True).iter_rows()
    return tuple(f"{file} row {row} ({who} on {day})" for file, row, who, day in latest_first)


def _remove_points(table: str, warehouse: Warehouse) -> bool:
    """Take ".0" off the ids of a text source if all have it: an export of floats, where Parquet has
    12345.
    """
    (pointed,) = warehouse.row(f"""
        SELECT coalesce(bool_and(regexp_full_match(customer_id, '-?[0-9]+\\.0')), false)
        FROM {table} WHERE customer_id IS NOT NULL
    """)
    if pointed:
        warehouse.execute(
            f"UPDATE {table} SET customer_id = customer_id[:-3] WHERE customer_id IS NOT NULL"
        )
    return bool(pointed)


def _summarise(
    source: OpenSource,
    mapping: RowMapping,
    table: str,
    warehouse: Warehouse,
    *,
    pointed: bool,
    rejected: pl.DataFrame,
) -> ValidatedSource:
    verdicts = mapping.verdicts
    counts = dict(
        warehouse.query(
            f"SELECT verdict, count(*) AS n FROM {table} GROUP BY ALL ORDER BY ALL"
        ).iter_rows()
    )
    quarantined = warehouse.query(
        f"SELECT _file, _row, list_extract(?, verdict + 1) AS reason, _raw AS raw FROM {table} "
        f"WHERE verdict BETWEEN 1 AND {len(mapping.quarantine)} ORDER BY _file, _row",
        verdicts,
    )
    reasons = dict(rejected.group_by("reason").len().sort("reason").iter_rows())
    reasons |= {verdicts[code]: count for code, count in counts.items() if code}
    trimmed, merged = _count_blanks(table, warehouse)
    return ValidatedSource(
        name=source.name,
        table=table,
        rows=_count_rows(source, mapping, counts),
        reasons=reasons,
        trimmed=trimmed,
        merged=merged,
        pointed=pointed,
        quarantined=source.locate(pl.concat([quarantined.cast(rejected.schema), rejected])),
        labels=tuple(source.labels),
        fields=source.fields,
        strays=_describe_strays(source, table, mapping.stray, warehouse)
        if STRAY in reasons
        else (),
    )


def _count_rows(source: OpenSource, mapping: RowMapping, counts: Mapping[int, int]) -> Rows:
    rejected = source.rejected.height
    rows = Rows(
        read=source.rows_read,
        accepted=counts.get(0, 0),
        set_aside=sum(n for code, n in counts.items() if code >= mapping.duplicate),
        quarantined=rejected + sum(n for code, n in counts.items() if 0 < code < mapping.duplicate),
    )
    if rows.read != rows.accepted + rows.set_aside + rows.quarantined:
        raise HoldfastError(
            f"{source.name}: the rows do not add up: {rows}", fix="report this, with the study"
        )
    if not rows.read:
        raise DataError(
            f"{', '.join(source.labels[:3])} has no rows", fix="name a source with rows"
        )
    return rows


def _count_blanks(table: str, warehouse: Warehouse) -> tuple[int, int]:
    """Count accepted rows whose id was trimmed, and customers both with and without blanks."""
    (trimmed,) = warehouse.row(f"SELECT count(*) FROM {table} WHERE verdict = 0 AND trimmed")
    if not trimmed:
        return 0, 0
    (merged,) = warehouse.row(f"""
        SELECT count(*) FROM (
            SELECT 1 FROM {table} WHERE verdict = 0
            GROUP BY customer_id HAVING bool_or(trimmed) AND bool_or(NOT trimmed))
    """)
    return trimmed, merged
