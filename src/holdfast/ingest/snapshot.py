"""A snapshot: one row per customer, its columns typed, its outcome and derived columns worked out
by the study's words.

The same SQL works out the batch and one new customer, so that both get the same numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Literal

import duckdb
import polars as pl
import polars.selectors as cs

from holdfast.errors import DataError, StudyError
from holdfast.expressions import parse
from holdfast.ingest import sql
from holdfast.ingest.column_types import (
    ConvertedColumns,
    TypedColumn,
    blank_finding,
    convert_columns,
    typed_columns,
)
from holdfast.ingest.contacts.permissions import (
    create_permissions,
    describe_permissions,
    permission_part,
)
from holdfast.ingest.findings import describe_sources
from holdfast.ingest.reader import SourceReader
from holdfast.ingest.row_mappings import WITHOUT_CUSTOMER, customer_part
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.study_data import StudyData
from holdfast.ingest.timestamps import day_sql, local_time_sql
from holdfast.ingest.validation import (
    Part,
    RowMapping,
    ValidatedSource,
    fingerprint,
    require_accepted_rows,
)
from holdfast.io.warehouse import Warehouse
from holdfast.study import SnapshotSource, Study
from holdfast.tables import OUTCOMES
from holdfast.windows import parse_day

_RESERVED = ("customer_id", "cutoff_day", *OUTCOMES, "is_test", "row_cutoff_day")
_REPEATED = "customer_id names several different rows"
_ANOTHER_ROW = "another row of the same customer"
_IS_TEST = "is_test"
_ROW_CUTOFF = "row_cutoff_day"
_MOST_REPEATED = 0.01
_Types = tuple[tuple[str, str], ...]
_DUCKDB_TYPES: Mapping[pl.DataType, str] = {pl.Float64(): "DOUBLE", pl.Boolean(): "BOOLEAN"}


@dataclass(frozen=True, kw_only=True)
class Snapshot(StudyData):
    """One row per customer, taken on the as-of day `end_day`.

    Attributes
    ----------
    frame
        One row per customer, sorted by customer_id: customer_id, cutoff_day (the as-of day), the
        given columns, the derived columns, `churned` (bool) and, if the study has it, `value`
        (float64). Numbers are float64, a date is its day since 1970-01-01.
    columns
        The given and derived columns, in order.
    days
        Those of `columns` that hold days.
    prepared
        Where the table has a split of its own, its rows before any was set aside because its
        customer repeats: the columns of `frame`, `is_test` (bool) and, if the study names a cutoff,
        `row_cutoff_day`. `frame` has `is_test` too, and of each customer one row, one to learn from
        if there is one.
    """

    kind: ClassVar[Literal["log", "snapshot"]] = "snapshot"
    frame: pl.DataFrame = field(repr=False)
    columns: tuple[str, ...]
    days: tuple[str, ...] = ()
    prepared: pl.DataFrame | None = field(default=None, repr=False)

    @property
    def size(self) -> str:
        """How much came in, in words."""
        return f"{super().size}, {len(self.columns)} columns"


def read_snapshot(study: Study, warehouse: Warehouse) -> Snapshot:
    """Read the study's snapshot.

    Raises
    ------
    DataError
        The source cannot be read, more than 1 % of its rows share a customer, or no row of it can
        be used.
    StudyError
        An expression of the study reads a column that is not there.
    """
    snapshot = study.snapshot
    if snapshot is None:
        raise StudyError(
            "this study has [transactions], not a [snapshot]", fix="read it with read_order_log"
        )
    reader = SourceReader.of(study, warehouse)
    source = reader.open("snapshot")
    # The content of a column has to be seen before any row can be validated.
    source.keep(warehouse)
    given = _given_columns(source, snapshot)
    columns = typed_columns(given, source, warehouse, zone=study.time_zone)
    converted = convert_columns(source, columns, warehouse)
    rows = reader.validate(source, _snapshot_mapping(source, columns, converted, snapshot))
    converted.drop(warehouse)
    _refuse_repeated(rows)
    names = {f"g{i}": name for i, name in enumerate(given)}
    names |= {f"d{i}": name for i, name in enumerate(snapshot.derived)}
    prepared = _read_prepared(rows, names, snapshot, warehouse) if snapshot.split else None
    if snapshot.columns.of_permission:
        create_permissions(rows.table, warehouse, latest="1")
    frame = _read_frame(rows, names, snapshot, warehouse)
    return Snapshot(
        sources=(rows,),
        frame=frame,
        columns=tuple(names.values()),
        days=tuple(column.name for column in columns if column.kind == "day"),
        prepared=prepared,
        end_day=parse_day(snapshot.as_of),
        n_customers=frame.height,
        findings=(
            *blank_finding(columns, source=source.labels[0]),
            *describe_permissions(snapshot.columns, warehouse),
            *describe_sources([rows], warehouse),
        ),
        fingerprint=fingerprint(["snapshot", "permissions"], warehouse),
        failures=reader.failures([rows]),
    )


def derive_columns(study: Study, raw: pl.DataFrame) -> pl.DataFrame:
    """Add the derived columns to given columns of new customers, as the batch worked them out.

    Returns
    -------
    pl.DataFrame
        `raw`, its numbers as float64, and then the study's derived columns; one row per row of
        `raw`.

    Raises
    ------
    StudyError
        A derived column reads a column that `raw` does not have.
    """
    if study.snapshot is None:
        raise StudyError(
            "this study has [transactions], not a [snapshot]", fix="use the features of the log"
        )
    given = _floats(raw)
    derived = tuple(study.snapshot.derived.items())
    if not derived:
        return given
    kinds = tuple((name, _DUCKDB_TYPES.get(kind, "VARCHAR")) for name, kind in given.schema.items())
    plan = _write_plan(derived, kinds, study.snapshot.csv.decimal)
    with sql.calculator() as connection:
        rows = _compute(given, plan, connection)
    columns = {name: [row[i] for row in rows] for i, name in enumerate(study.snapshot.derived)}
    return given.hstack(_floats(pl.DataFrame(columns, strict=False)).get_columns())


@dataclass(frozen=True)
class _Plan:
    """The SQL of the derived columns, and name and type of the columns c0, c1, ... that it
    reads.
    """

    sql: str
    read: _Types


@lru_cache(maxsize=64)
def _write_plan(derived: _Types, kinds: _Types, decimal: str) -> _Plan:
    types = dict(kinds)
    needed = dict.fromkeys(
        c for _, text in derived for c in parse(text).against(list(types)).columns
    )
    fields = {name: sql.Field(f"c{i}", types[name]) for i, name in enumerate(needed)}
    values = (sql.expression(text, fields, decimal=decimal) for _, text in derived)
    columns = ", ".join(f"{value} AS d{i}" for i, value in enumerate(values))
    return _Plan(columns, tuple((name, types[name]) for name in needed))


def _compute(
    given: pl.DataFrame, plan: _Plan, connection: duckdb.DuckDBPyConnection
) -> list[tuple[Any, ...]]:
    if given.height == 1:
        # One customer, now: binding values is faster than handing over a table.
        cells = ", ".join(f"CAST(? AS {kind}) AS c{i}" for i, (_, kind) in enumerate(plan.read))
        values = [given[name][0] for name, _ in plan.read]
        return connection.execute(
            f"SELECT {plan.sql} FROM (SELECT {cells or 1})", values
        ).fetchall()
    read = given.select(pl.col(name).alias(f"c{i}") for i, (name, _) in enumerate(plan.read))
    connection.register("given", (read if plan.read else given).to_arrow())
    return connection.execute(f"SELECT {plan.sql} FROM given").fetchall()


def _given_columns(source: OpenSource, snapshot: SnapshotSource) -> dict[str, sql.Field]:
    """The columns that a model may be given: those without a role, and no name of Holdfast's."""
    roles = [source.column(snapshot.columns.customer_id, role="customer_id")]
    roles += [source.column(name, role="consent") for name in snapshot.columns.of_permission]
    roles += [source.column(c, role="split") for c in (snapshot.split, snapshot.cutoff) if c]
    return {
        name: column
        for name, column in source.fields.items()
        if column not in roles and name not in _RESERVED
    }


def _snapshot_mapping(
    source: OpenSource,
    columns: Sequence[TypedColumn],
    converted: ConvertedColumns,
    snapshot: SnapshotSource,
) -> RowMapping:
    """Read given columns as g0, g1, ..., derived ones as d0, d1, ... and the outcome."""
    part = customer_part(source, snapshot.columns.customer_id) | converted.part
    part |= permission_part(source, snapshot.columns)
    fields = dict(source.fields)
    fields |= {column.name: column.as_field(f"g{i}") for i, column in enumerate(columns)}

    def compute(text: str, where: str) -> str:
        return sql.checked_expression(
            text, fields, decimal=source.decimal, where=f"snapshot.{where}"
        )

    derived = {
        f"d{i}": compute(text, f"derived.{name}")
        for i, (name, text) in enumerate(snapshot.derived.items())
    }
    churned = compute(snapshot.labels.churned, "labels.churned")
    derived["churned"] = sql.yes_no(sql.Field(f"CAST({churned} AS VARCHAR)", "VARCHAR"))
    problems = {"churned is missing": "churned IS NULL"}
    if snapshot.labels.value is not None:
        value = compute(snapshot.labels.value, "labels.value")
        derived["value"] = f"TRY_CAST({value} AS DOUBLE)"
        problems["value is missing or not finite"] = "NOT coalesce(isfinite(value), false)"
    part |= Part({}, derived, problems)
    if snapshot.split is not None:
        return _prepared_mapping(source, snapshot, part, converted, snapshot.split)
    differ = sql.differ(converted.digests, "customer_id")
    return RowMapping(
        layers=[part.read, {**part.derived, "_differ": differ}],
        quarantine={_REPEATED: "customer_id IS NOT NULL AND _differ", **part.problems},
        set_aside=WITHOUT_CUSTOMER,
        compared=converted.digests,
    )


def _prepared_mapping(
    source: OpenSource,
    snapshot: SnapshotSource,
    part: Part,
    converted: ConvertedColumns,
    split: str,
) -> RowMapping:
    """Read a table with a split of its own: of each customer, the first row that is learnt from
    counts.
    """
    word = sql.text(source.column(split, role="split"))
    yes_no = sql.yes_no(sql.Field(word, "VARCHAR"))
    part |= Part(
        {
            _IS_TEST: f"CASE lower(trim({word})) WHEN 'test' THEN true WHEN 'train' THEN false "
            f"ELSE {yes_no} END"
        },
        {},
        {"split is neither train nor test": f"{_IS_TEST} IS NULL"},
    )
    if snapshot.cutoff is not None:
        time = local_time_sql(source, snapshot.cutoff, role="cutoff", zone="UTC")
        problem = {"cutoff is not a date": f"{_ROW_CUTOFF} IS NULL"}
        part |= Part({_ROW_CUTOFF: day_sql(time)}, {}, problem)
    bad = " OR ".join(f"({condition})" for condition in part.problems.values())
    order = f"({bad}), {_IS_TEST}, _file, _row"
    nth = {"_nth": f"row_number() OVER (PARTITION BY customer_id ORDER BY {order})"}
    return RowMapping(
        layers=[part.read, part.derived, nth],
        quarantine=part.problems,
        set_aside={**WITHOUT_CUSTOMER, _ANOTHER_ROW: "_nth > 1"},
        compared=converted.digests,
    )


def _refuse_repeated(source: ValidatedSource) -> None:
    repeated = source.reasons.get(_REPEATED, 0)
    if repeated > _MOST_REPEATED * source.rows.read:
        raise DataError(
            f"{repeated:,} of the {source.rows.read:,} rows of the snapshot share a customer_id "
            "with a different row",
            fix="where a customer has several contracts, name the contract's own number as "
            "customer_id to predict each of them, or sum them up to one row a customer; read an "
            "order log as [transactions]",
        )
    require_accepted_rows(source)


def _outcomes(snapshot: SnapshotSource) -> list[str]:
    outcomes = OUTCOMES if snapshot.labels.value is not None else OUTCOMES[:1]
    return [*outcomes, *([_IS_TEST] if snapshot.split else [])]


def _read_prepared(
    source: ValidatedSource,
    names: Mapping[str, str],
    snapshot: SnapshotSource,
    warehouse: Warehouse,
) -> pl.DataFrame:
    """The rows of a table with a split of its own, also those of customers that were met before."""
    outcomes = [*_outcomes(snapshot), *([_ROW_CUTOFF] if snapshot.cutoff else [])]
    rows = warehouse.query(f"""
        SELECT {", ".join(["customer_id", *names, *outcomes])} FROM {source.table}
        WHERE customer_id IS NOT NULL AND {_IS_TEST} IS NOT NULL AND churned IS NOT NULL
            AND _raw IS NULL
        ORDER BY _file, _row
    """)
    return rows.select("customer_id", *_named_floats(rows, names), *outcomes)


def _read_frame(
    source: ValidatedSource,
    names: Mapping[str, str],
    snapshot: SnapshotSource,
    warehouse: Warehouse,
) -> pl.DataFrame:
    outcomes = _outcomes(snapshot)
    with warehouse.working("write the table snapshot"):
        warehouse.execute(f"""
            CREATE OR REPLACE TABLE snapshot AS
            SELECT {", ".join(["customer_id", *names, *outcomes])}
            FROM {source.table} WHERE verdict = 0 ORDER BY customer_id
        """)
        warehouse.execute(f"DROP TABLE {source.table}; DROP TABLE snapshot_raw")
    rows = warehouse.query("FROM snapshot")
    cutoff = pl.lit(parse_day(snapshot.as_of), dtype=pl.Int32).alias("cutoff_day")
    return rows.select("customer_id", cutoff, *_named_floats(rows, names), *outcomes)


def _named_floats(rows: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    return _floats(rows.select(list(names))).rename(names)


def _floats(frame: pl.DataFrame) -> pl.DataFrame:
    numbers = cs.numeric().cast(pl.Float64)
    return frame.with_columns(pl.when(numbers.is_finite()).then(numbers).otherwise(None))
