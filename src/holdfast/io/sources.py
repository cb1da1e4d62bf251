"""A source of rows, whatever it is: its columns by the user's names, and for every row where it came from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.errors import DataError, HoldfastError, nearest
from holdfast.expressions import quoted
from holdfast.io.conditions import Field
from holdfast.io.csv import CsvFiles
from holdfast.io.duckdb import Warehouse
from holdfast.io.files import DataFile, expanded, find_files
from holdfast.io.postgres import PostgresQuery
from holdfast.study import Source
from holdfast.tables import QUARANTINE

OnRows = Callable[[str, int], None]
"""Told the name of a source and its rows so far."""


class Stream(Protocol):
    """Rows that arrive as Arrow batches: a CSV, a query."""

    names: list[str]

    @property
    def labels(self) -> Sequence[str]:
        """What each `_file` stands for."""

    @property
    def schema(self) -> pa.Schema:
        """`_file`, `_row`, then c0, c1, ... for `names`."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, once."""


@dataclass
class Opened:
    """A source that the warehouse can read once, by the name `view`.

    The view has `_file` (position in `labels`), `_row` (1-based row; in a text file the number of the record) and the
    columns in `fields`.
    """

    name: str
    view: str
    fields: Mapping[str, Field]
    labels: Sequence[str]
    decimal: str
    stream: Stream | None = None
    streamed: int = 0
    failure: HoldfastError | None = None

    def column(self, column: str, *, role: str) -> Field:
        """Return the field of a mapped column.

        Raises
        ------
        DataError
            The source has no such column; the message names the nearest one.
        """
        if column not in self.fields:
            raise DataError(
                f"[{self.name}.columns] has {role} = '{column}', a column that {self.labels[0]} does not have",
                fix=nearest(column, list(self.fields)),
                column=column,
            )
        return self.fields[column]

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn what goes wrong while the view is read into a DataError that names the source."""
        try:
            yield
        except duckdb.Error as error:
            if self.failure is not None:
                raise self.failure from None
            where = ", ".join(self.labels[:3])
            said = str(error).strip().splitlines()[0]
            raise DataError(f"{where} cannot be read: {said}", fix="check that the source is complete") from None

    def rows_read(self, warehouse: Warehouse) -> int:
        """Rows and rejected records of the source, counted by the reader itself, once the view has been read."""
        if self.stream is not None:
            return self.streamed + self.rejected.height
        return int(warehouse.row(f"SELECT count(*) FROM {self.view}")[0])

    @property
    def rejected(self) -> pl.DataFrame:
        """Records that were no rows, once the view has been read; columns `_file`, `_row`, `reason`, `raw` (text)."""
        found = self.stream.rejected if isinstance(self.stream, CsvFiles) else []
        columns = {"_file": pl.Int32, "_row": pl.Int64, "reason": pl.String, "raw": pl.String}
        return pl.DataFrame([(r.file, r.record, r.reason, r.text) for r in found], schema=columns, orient="row")

    def located(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Replace `_file` and `_row` by `source` and `row`, the line that a text editor shows."""
        parts = [self._located(part) for part in rows.partition_by("_file", maintain_order=True)]
        return pl.concat(parts).sort("source", "row") if parts else QUARANTINE.empty()

    def _located(self, rows: pl.DataFrame) -> pl.DataFrame:
        file = int(rows["_file"][0])
        if isinstance(self.stream, CsvFiles):
            lines = self.stream.lines(file, rows["_row"].to_list())
            rows = rows.with_columns(pl.col("_row").replace_strict(lines, return_dtype=pl.Int64))
        source = pl.lit(self.labels[file]).alias("source")
        return rows.select(source, pl.col("_row").alias("row"), "reason", "raw")


def open_source(
    source: Source, warehouse: Warehouse, *, name: str, project_dir: str, on_rows: OnRows | None = None
) -> Opened:
    """Find a source and look at its columns; no row is read yet.

    Raises
    ------
    DataError, StudyError, MissingExtra
        It cannot be found, read or understood.
    """
    if source.postgres is not None:
        return _streamed(PostgresQuery(source.postgres), source, warehouse, name=name, on_rows=on_rows)
    files = find_files(expanded(str(source.path), project_dir=project_dir))
    if files[0].kind == "parquet":
        return _parquet(files, source, warehouse, name=name)
    return _streamed(CsvFiles(files, source.csv), source, warehouse, name=name, on_rows=on_rows)


def _streamed(stream: Stream, source: Source, warehouse: Warehouse, *, name: str, on_rows: OnRows | None) -> Opened:
    opened = Opened(name, f"source_{name}", {}, stream.labels, source.csv.decimal, stream)
    reader = pa.RecordBatchReader.from_batches(stream.schema, _watched(stream, opened, on_rows))
    warehouse.con.register(opened.view, reader)
    kinds = warehouse.con.execute(f"SELECT column_name, column_type FROM (DESCRIBE {opened.view})").fetchall()[2:]
    opened.fields = {label: Field(sql, kind) for label, (sql, kind) in zip(stream.names, kinds, strict=True)}
    return opened


def _watched(stream: Stream, opened: Opened, on_rows: OnRows | None) -> Iterator[pa.RecordBatch]:
    try:
        for batch in stream.batches():
            opened.streamed += batch.num_rows
            if on_rows is not None:
                on_rows(opened.name, opened.streamed)
            yield batch
    except HoldfastError as error:
        # On its way through DuckDB the error would lose its type.
        opened.failure = error
        raise


def _parquet(files: list[DataFile], source: Source, warehouse: Warehouse, *, name: str) -> Opened:
    paths = [_unglobbed(file.path, warehouse.scratch, i) for i, file in enumerate(files)]
    labels = [str(file.path) for file in files]
    names = _common_columns(labels)
    opened = Opened(name, f"source_{name}", {}, labels, source.csv.decimal)
    with opened.reading():
        rows = warehouse.con.read_parquet(paths, file_row_number=True)
        cells = ", ".join(f"{quoted(column)} AS c{i}" for i, column in enumerate(names))
        view = rows.project(f"CAST(file_index AS INTEGER) AS _file, file_row_number + 1 AS _row, {cells}")
        view.create_view(opened.view, replace=True)
    kinds = [str(kind) for kind in view.types[2:]]
    opened.fields = {column: Field(f"c{i}", kind) for i, (column, kind) in enumerate(zip(names, kinds, strict=True))}
    return opened


def _common_columns(paths: Sequence[str]) -> list[str]:
    first: pa.Schema | None = None
    for path in paths:
        try:
            schema = pq.read_schema(path).remove_metadata()
        except (pa.ArrowException, OSError) as error:
            said = str(error).splitlines()[0]
            raise DataError(f"{path} is a damaged Parquet file: {said}", fix="fetch or write it again") from None
        if first is None:
            first = schema
        if {f.name: f.type for f in schema} != {f.name: f.type for f in first}:
            odd = sorted({f"{f.name} ({f.type})" for f in schema} ^ {f"{f.name} ({f.type})" for f in first})
            raise DataError(
                f"{path} and {paths[0]} differ in their columns: {', '.join(odd)}",
                fix="read files of one layout together",
                columns=odd,
            )
    return list(first.names) if first is not None else []


def _unglobbed(path: Path, scratch: Path, index: int) -> str:
    # DuckDB would take these characters in a file's own name for a glob.
    if not set("*?[") & set(str(path)):
        return str(path)
    link = scratch / f"linked-{index}.parquet"
    link.unlink(missing_ok=True)
    link.symlink_to(path.resolve())
    return str(link)
