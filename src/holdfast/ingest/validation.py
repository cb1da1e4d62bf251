"""Every row of a source gets one verdict: accepted, set aside or quarantined, and none is lost.

A row is quarantined when it cannot be understood, and set aside when it is understood but not
wanted. Where several reasons fit, the first in order is the row's reason: what is not understood,
then exact duplicates, then the rest. Of accepted rows that share an event_id, the first stays.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from holdfast.errors import DataError, HoldfastError
from holdfast.ingest import sql
from holdfast.ingest.door import ERASED, Door
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.whole_source import (
    count_blanks,
    find_strays,
    have_points,
    mark_duplicates,
    mark_repeated,
    remove_points,
    set_strays_aside,
)
from holdfast.io.text_files import RAW_CHARACTERS
from holdfast.io.warehouse import Warehouse

DUPLICATE = "exact duplicate"
STRAY = "a year or more from all other rows"
REPEATED = "its event_id was seen before"
STRAYS_SHOWN = 3


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
    identified
        Whether each row has an `event_id`.
    """

    layers: Sequence[Mapping[str, str]]
    quarantine: Mapping[str, str]
    set_aside: Mapping[str, str]
    compared: Sequence[sql.Field] = ()
    open_start: bool = False
    open_end: bool = False
    identified: bool = False

    @property
    def verdicts(self) -> list[str]:
        """What each verdict means, by its number."""
        return ["accepted", *self.quarantine, DUPLICATE, STRAY, *self.set_aside, REPEATED, ERASED]

    @property
    def duplicate(self) -> int:
        """The verdict of an exact duplicate: what is quarantined has a lower one."""
        return len(self.quarantine) + 1

    @property
    def repeated(self) -> int:
        """The verdict of a row whose event_id was seen before."""
        return self.verdicts.index(REPEATED)

    @property
    def erased(self) -> int:
        """The verdict of a row of somebody who was erased."""
        return self.verdicts.index(ERASED)

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
            mark_duplicates(table, mapping.duplicate, warehouse)
        if mapping.identified:
            mark_repeated(table, mapping.repeated, warehouse)
        if mapping.open_start or mapping.open_end:
            days = f"(SELECT day, count(*) AS n FROM {table} WHERE verdict = 0 GROUP BY day)"
            ends = {"open_start": mapping.open_start, "open_end": mapping.open_end}
            kept = find_strays(days, warehouse, **ends)
            set_strays_aside(table, mapping.stray, kept, warehouse)
        if pointed := source.is_text and have_points(table, warehouse) is True:
            remove_points(table, warehouse)
        door.let_in(table, mapping.erased, warehouse)
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
    return digest_of(content_of(tables, warehouse))


Contents = Mapping[str, tuple[int, int]]
"""Table -> its rows, and the sum of their hashes."""


def content_of(tables: Sequence[str], warehouse: Warehouse) -> Contents:
    """The rows of those tables that exist, and the sum of their hashes: both add up over parts."""
    return {
        table: warehouse.row(f"SELECT count(*), sum(hash(t)) FROM {table} AS t")
        for table in filter(warehouse.has, tables)
    }


def digest_of(content: Contents) -> str:
    """SHA-256 of what `content_of` gives."""
    digest = hashlib.sha256()
    for table, counts in content.items():
        digest.update(repr((table, counts)).encode())
    return digest.hexdigest()


def _raw_sql(source: OpenSource) -> str:
    """A row as it was read, as JSON text; long cells are cut."""
    cells = (
        f"{sql.literal(name)}, left(CAST({column.sql} AS VARCHAR), {RAW_CHARACTERS})"
        for name, column in source.fields.items()
        if name not in source.unshown
    )
    return f"CAST(json_object({', '.join(cells)}) AS VARCHAR)"


def find_stray_rows(table: str, code: int, warehouse: Warehouse) -> pl.DataFrame:
    """A few of the rows that were set aside as strays, the latest first; laid out as rows that are
    quarantined, with the customer as the reason and the date as the row.
    """
    return warehouse.query(f"""
        SELECT _file, _row, customer_id AS reason,
            CAST(DATE '1970-01-01' + day AS VARCHAR) AS raw
        FROM {table} WHERE verdict = {code} ORDER BY day DESC, _file, _row LIMIT {STRAYS_SHOWN}
    """)


def describe_strays(located: pl.DataFrame) -> tuple[str, ...]:
    """Say where strays stand that were found, and located."""
    latest_first = located.sort("raw", descending=True, maintain_order=True).iter_rows()
    return tuple(f"{file} row {row} ({who} on {day})" for file, row, who, day in latest_first)


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
    trimmed, merged = count_blanks(table, warehouse)
    return ValidatedSource(
        name=source.name,
        table=table,
        rows=require_all(
            source.name,
            source.labels,
            count_rows(mapping, counts, read=source.rows_read, rejected=source.rejected.height),
        ),
        reasons=reasons,
        trimmed=trimmed,
        merged=merged,
        pointed=pointed,
        quarantined=source.locate(pl.concat([quarantined.cast(rejected.schema), rejected])),
        labels=tuple(source.labels),
        fields=source.fields,
        strays=describe_strays(source.locate(find_stray_rows(table, mapping.stray, warehouse)))
        if STRAY in reasons
        else (),
    )


def count_rows(mapping: RowMapping, counts: Mapping[int, int], *, read: int, rejected: int) -> Rows:
    """What became of the rows of a source, by the number of rows with each verdict."""
    return Rows(
        read=read,
        accepted=counts.get(0, 0),
        set_aside=sum(n for code, n in counts.items() if code >= mapping.duplicate),
        quarantined=rejected + sum(n for code, n in counts.items() if 0 < code < mapping.duplicate),
    )


def require_all(name: str, labels: Sequence[str], rows: Rows) -> Rows:
    """Return the counts if none of the rows is lost.

    Raises
    ------
    HoldfastError
        They do not add up, which would be a defect of Holdfast.
    DataError
        There is no row at all.
    """
    if rows.read != rows.accepted + rows.set_aside + rows.quarantined:
        raise HoldfastError(
            f"{name}: the rows do not add up: {rows}", fix="report this, with the study"
        )
    require_rows(labels, rows.read)
    return rows


def require_rows(labels: Sequence[str], n_rows: int) -> None:
    """Require that a source has a row.

    Raises
    ------
    DataError
        It has none.
    """
    if not n_rows:
        raise DataError(f"{', '.join(labels[:3])} has no rows", fix="name a source with rows")
