"""Columns converted beside the source, some at a time: one query over thousands of columns of text
would need more memory, and more planning, than a machine has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.ingest import sql
from holdfast.ingest.column_types import TypedColumn, batches
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.validation import Part
from holdfast.io.warehouse import Warehouse


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
        hashes[f"there_{k}"] = f"hash({', '.join(some)})"
        hashes[f"back_{k}"] = f"hash({', '.join(['0', *reversed(some)])})"
    return hashes
