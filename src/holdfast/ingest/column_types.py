"""Columns whose meaning only their content tells: numbers, yes or no, dates, or words.

Text counts as numbers when all of it reads as numbers, blanks and words for nothing apart, or all
but one cell in a hundred: those few rows are then not understood, instead of turning a column of
amounts into a column of words. Amounts in one currency, sign and all, are numbers too. It counts as
dates when the one reader of dates reads all of it.
Columns are converted beside the source, some at a time: one query over thousands of columns of text
would need more memory, and more planning, than a machine has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from holdfast.findings import Finding
from holdfast.ingest import money, sql
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.timestamps import day_sql, time_sql
from holdfast.ingest.validation import Part
from holdfast.io.warehouse import Warehouse

Kind = Literal["number", "flag", "day", "word"]
Item = TypeVar("Item")
_AT_ONCE = 40
_ENOUGH = 0.99
_SHORTEST_DATE = 8
_LIKE_AN_AMOUNT = r"[^0-9]{0,6}[0-9][0-9.,' ]*[^0-9]{0,6}"
_NOTHING = ("", "na", "n/a", "null", "none", "-", "?")
_SQL_TYPES: Mapping[Kind, str] = {
    "number": "DOUBLE",
    "flag": "BOOLEAN",
    "day": "DOUBLE",
    "word": "VARCHAR",
}


@dataclass(frozen=True, kw_only=True)
class TypedColumn:
    """What a column holds.

    Attributes
    ----------
    blanks
        Cells of a text column of numbers that hold nothing.
    time
        SQL of a date as a moment in the business's time zone.
    with_sign
        Whether its numbers are amounts as people write them, such as $1,200.50.
    """

    name: str
    kind: Kind
    field: sql.Field
    blanks: int = 0
    time: str = ""
    with_sign: bool = False

    def value_sql(self, *, decimal: str) -> str:
        """The column as DOUBLE, BOOLEAN or VARCHAR, a date as its day since 1970-01-01; NULL where
        it does not fit.
        """
        if self.with_sign:
            return money.amount(self.field, decimal=decimal)
        if self.kind == "number":
            return sql.number(self.field, decimal=decimal)
        if self.kind == "flag":
            return f"TRY_CAST({self.field.sql} AS BOOLEAN)"
        if self.kind == "day":
            return f"CAST({day_sql(self.time)} AS DOUBLE)"
        return sql.identifier(self.field)

    def part(self, name: str, *, decimal: str) -> Part:
        """Read the column as `name`; a cell that holds something that does not fit is a problem."""
        broken = f"{name} IS NULL AND {_content(self.field)} IS NOT NULL"
        problem = "is not a finite number" if self.kind == "number" else f"is no {self.kind}"
        return Part(
            {name: self.value_sql(decimal=decimal)},
            {},
            {f"{self.name} {problem}": "false" if self.kind == "word" else broken},
        )

    def as_field(self, name: str) -> sql.Field:
        """The column that is read as `name`, for expressions; a date stays as the source has it."""
        return self.field if self.kind == "day" else sql.Field(name, _SQL_TYPES[self.kind])


def batches(columns: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """So many columns as one query converts: its memory and its planning grow faster than they
    do.
    """
    for start in range(0, len(columns), _AT_ONCE):
        yield columns[start : start + _AT_ONCE]


def typed_columns(
    fields: Mapping[str, sql.Field], source: OpenSource, warehouse: Warehouse, *, zone: str
) -> list[TypedColumn]:
    """Type columns of a kept source by their DuckDB type, and text by what it holds throughout."""
    texts = {name: field for name, field in fields.items() if field.is_text}
    by_content = _types_by_content(texts, source, warehouse)
    dates = _dates(
        {name: fields[name] for name, each in by_content.items() if each.kind == "day"},
        source,
        warehouse,
        zone,
    )
    words = {name: fields[name] for name, each in by_content.items() if each.kind == "word"}
    by_content |= _amounts(words, source, warehouse)
    columns = []
    for name, field in fields.items():
        column = by_content.get(name)
        column = column or TypedColumn(name=name, kind=_kind_by_type(field), field=field)
        if column.kind == "day" and (name in dates or field.is_time):
            time = time_sql(field, source.timestamp_format, zone=zone)
            column = replace(column, time=time)
        elif column.kind == "day":
            column = replace(column, kind="word")
        columns.append(column)
    return columns


def blank_finding(columns: Sequence[TypedColumn], *, source: str) -> list[Finding]:
    """Say which columns of numbers had cells without one."""
    blank = ", ".join(f"{c.blanks:,} blank {c.name}" for c in columns if c.blanks)
    if not blank:
        return []
    return [Finding.of("blank-numbers", blank=blank, source=source)]


@dataclass(frozen=True)
class ConvertedColumns:
    """What the view of the source has besides its own columns.

    Attributes
    ----------
    part
        Reads the typed columns as g0, g1, ...; a cell that holds something that does not fit is a
        problem.
    digests
        Two hashes of each group of the source's columns, in different orders: rows that agree in
        all of them are equal.
    view, tables
        Where they lie, in the warehouse.
    """

    part: Part
    digests: Sequence[sql.Field]
    view: str
    tables: Sequence[str]

    def drop(self, warehouse: Warehouse) -> None:
        """Remove the tables, once the view has been read."""
        warehouse.execute(f"DROP VIEW {self.view}")
        for table in self.tables:
            warehouse.execute(f"DROP TABLE {table}")


def convert_columns(
    source: OpenSource, columns: Sequence[TypedColumn], warehouse: Warehouse
) -> ConvertedColumns:
    """Convert the columns of a kept source, and show them in its view.

    Raises
    ------
    DataError
        The source cannot be read to its end.
    """
    part, tables = Part(), []
    with source.reading(warehouse):
        for k, some in enumerate(batches(list(enumerate(columns)))):
            tables.append(f"{source.name}_typed_{k}")
            part |= _convert_some(source, some, tables[-1], warehouse)
        digests = [sql.Field(f"_digest_{name}", "UBIGINT") for name in _digests(source)]
        hashes = (f"{value} AS _digest_{name}" for name, value in _digests(source).items())
        tables.append(f"{source.name}_digests")
        warehouse.execute(
            f"CREATE OR REPLACE TABLE {tables[-1]} AS SELECT {', '.join(hashes)} FROM {source.view}"
        )
        beside = "".join(f" POSITIONAL JOIN {table}" for table in tables)
        view = f"{source.name}_converted"
        warehouse.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM {source.view}{beside}")
    source.view = view
    return ConvertedColumns(part, digests, view, tables)


def _kind_by_type(field: sql.Field) -> Kind:
    if field.is_number:
        return "number"
    if field.type == "BOOLEAN":
        return "flag"
    return "day" if field.is_time else "word"


def _types_by_content(
    fields: Mapping[str, sql.Field], source: OpenSource, warehouse: Warehouse
) -> dict[str, TypedColumn]:
    """Type text columns, so many in one pass over the table; a day is only what looks like one."""
    columns = {}
    for some in batches(list(fields.items())):
        counts = ", ".join(_counts_sql(field, source.decimal) for _, field in some)
        rows, *profile = warehouse.row(f"SELECT count(*), {counts} FROM {source.view}")
        for i, (name, field) in enumerate(some):
            filled, *of_kind = profile[4 * i : 4 * i + 4]
            kind = _kind_by_content(filled, *of_kind)
            blanks = rows - filled if kind == "number" else 0
            columns[name] = TypedColumn(name=name, kind=kind, field=field, blanks=blanks)
    return columns


def _amounts(
    words: Mapping[str, sql.Field], source: OpenSource, warehouse: Warehouse
) -> dict[str, TypedColumn]:
    """The columns of words that are amounts, all in one currency."""
    like = {name: f"regexp_full_match({_content(field)}, ?)" for name, field in words.items()}
    amounts = {}
    for some in batches(list(like.items())):
        tests = ", ".join(f"coalesce(bool_and({test}), false)" for _, test in some)
        pattern = [_LIKE_AN_AMOUNT] * len(some)
        seem = warehouse.row(f"SELECT {tests} FROM {source.view}", *pattern)
        for (name, _), seems in zip(some, seem, strict=True):
            if seems and (column := _amount(name, words[name], source, warehouse)) is not None:
                amounts[name] = column
    return amounts


def _amount(
    name: str, field: sql.Field, source: OpenSource, warehouse: Warehouse
) -> TypedColumn | None:
    number = money.amount(field, decimal=source.decimal)
    rows, filled, numbers, currencies = warehouse.row(f"""
        SELECT count(*), count({_content(field)}), count({number}),
            count(DISTINCT nullif({money.currency_sign(field)}, '')) FROM {source.view}
    """)
    if numbers < _ENOUGH * filled or currencies != 1:
        return None
    return TypedColumn(name=name, kind="number", field=field, blanks=rows - filled, with_sign=True)


def _dates(
    fields: Mapping[str, sql.Field], source: OpenSource, warehouse: Warehouse, zone: str
) -> set[str]:
    """The text columns of which every cell that holds something is a date."""
    dates = set()
    for some in batches(list(fields.items())):
        broken = ", ".join(
            f"count(*) FILTER ({_content(field)} IS NOT NULL AND "
            f"{time_sql(field, source.timestamp_format, zone=zone)} IS NULL)"
            for _, field in some
        )
        counts = warehouse.row(f"SELECT {broken} FROM {source.view}")
        dates |= {name for (name, _), count in zip(some, counts, strict=True) if not count}
    return dates


def _counts_sql(field: sql.Field, decimal: str) -> str:
    """Count the cells that hold something, numbers, yes or no, and what may be a date."""
    text = field.sql
    return (
        f"count({_content(field)}), count({sql.number(field, decimal=decimal)}), "
        f"count(*) FILTER (lower(trim({text})) IN ('true', 'false')), "
        f"count(*) FILTER (length({text}) >= {_SHORTEST_DATE} "
        f"AND regexp_matches({_content(field)}, '[0-9]'))"
    )


def _kind_by_content(filled: int, numbers: int, flags: int, days: int) -> Kind:
    if not filled:
        return "word"
    if numbers >= _ENOUGH * filled:
        return "number"
    if flags == filled:
        return "flag"
    return "day" if days == filled else "word"


def _content(field: sql.Field) -> str:
    """What a cell holds; NULL for blanks and words for nothing."""
    if not field.is_text:
        return field.sql
    text = f"trim({field.sql}, {sql.literal(sql.BLANKS)})"
    return f"CASE WHEN lower({text}) NOT IN {sql.literals(_NOTHING)} THEN {text} END"


def _convert_some(
    source: OpenSource,
    columns: Sequence[tuple[int, TypedColumn]],
    table: str,
    warehouse: Warehouse,
) -> Part:
    """Convert these columns into a table, and note of each row the first that does not fit."""
    reads = [column.part(f"t{i}", decimal=source.decimal) for i, column in columns]
    values = {name: value for each in reads for name, value in each.read.items()}
    reasons = {reason: wrong for each in reads for reason, wrong in each.problems.items()}
    cases = " ".join(f"WHEN {wrong} THEN {i}" for i, wrong in enumerate(reasons.values()))
    layer = ", ".join(f"{value} AS {name}" for name, value in values.items())
    warehouse.execute(
        f"CREATE OR REPLACE TABLE {table} AS "
        f"SELECT {', '.join(values)}, CASE {cases} END AS _broken_{columns[0][0]} "
        f"FROM (SELECT *, {layer} FROM {source.view})"
    )
    broken = f"_broken_{columns[0][0]}"
    return Part(
        {f"g{i}": f"t{i}" for i, _ in columns},
        {},
        {reason: f"coalesce({broken} = {i}, false)" for i, reason in enumerate(reasons)},
    )


def _digests(source: OpenSource) -> dict[str, str]:
    """Name -> hash of some columns."""
    hashes = {}
    for k, some in enumerate(batches([field.sql for field in source.fields.values()])):
        hashes[f"there_{k}"], hashes[f"back_{k}"] = sql.digests(some)
    return hashes
