"""A source of rows, whatever it is: its columns by the user's names, and for every row where it
came from.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import starmap
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.errors import (
    DataError,
    HoldfastError,
    MachineError,
    StudyError,
    first_line,
    nearest,
    system_error,
)
from holdfast.expressions import quote
from holdfast.ingest import sql
from holdfast.io.csv import CsvFiles
from holdfast.io.excel import ExcelFiles
from holdfast.io.files import DataFile, expand_path, find_files
from holdfast.io.json_files import JsonFiles
from holdfast.io.queries import Query, open_query
from holdfast.io.text_files import TextFiles, column_names
from holdfast.io.warehouse import Warehouse
from holdfast.study import Csv, Source, Study
from holdfast.study.data_contract import INPUTS
from holdfast.tables import QUARANTINE

Stream = TextFiles | Query
"""Rows that arrive as Arrow batches: `_file`, `_row`, then c0, c1, ... for its `names`."""

_PLACES = {"file_index", "file_row_number"}
"""What DuckDB calls where a row of a Parquet file stands."""


@dataclass
class OpenSource:
    """A source that the warehouse can read once, by the name `view`.

    The view has `_file` (position in `labels`), `_row` (1-based row; in a text file the number of
    the record) and the columns in `fields`.

    Attributes
    ----------
    decimal, timestamp_format
        How numbers and times are written where they are text.
    iso_times
        Whether every time is known to be ISO 8601 as the database itself reads it: a short query.
    streamed
        Rows read so far; of Parquet files the rows that they say they have.
    failure
        What went wrong in the stream, if anything did.
    dropped, unshown
        Columns that nothing may read; columns of which quarantine keeps nothing.
    restart
        Begins the stream again: it can be read once only.
    """

    name: str
    view: str
    fields: Mapping[str, sql.Field]
    labels: Sequence[str]
    decimal: str
    timestamp_format: str | None = None
    iso_times: bool = False
    stream: Stream | None = None
    streamed: int = 0
    failure: HoldfastError | None = None
    dropped: frozenset[str] = frozenset()
    unshown: frozenset[str] = frozenset()
    restart: Callable[[], object] = lambda: None

    @property
    def is_text(self) -> bool:
        """Whether the source shows everything as text."""
        return isinstance(self.stream, TextFiles)

    def column(self, column: str, *, role: str) -> sql.Field:
        """Return the field of a mapped column.

        Raises
        ------
        DataError
            The source has no such column; the message names the nearest one.
        """
        if column not in self.fields:
            raise DataError(
                f"[{self.name}.columns] has {role} = '{column}', a column that {self.labels[0]} "
                "does not have",
                fix=nearest(column, list(self.fields)),
                column=column,
            )
        return self.fields[column]

    @contextmanager
    def reading(self, warehouse: Warehouse) -> Iterator[None]:
        """Turn what goes wrong while the view is read into a DataError that names the source."""
        names = ", ".join(self.labels[:3])
        with warehouse.working(f"read {names}"):
            try:
                yield
            except (duckdb.Error, MachineError) as error:
                if self.failure is not None:
                    raise self.failure from None
                if system_error(error) is not None or isinstance(error, MachineError):
                    raise
                raise DataError(
                    f"{names} cannot be read: {first_line(error)}",
                    fix="check that the source is complete",
                ) from None

    def keep(self, warehouse: Warehouse) -> None:
        """Copy the source into a table of the warehouse, so that it can be read more than once."""
        table = f"{self.name}_raw"
        with self.reading(warehouse):
            warehouse.execute(
                f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM {self.view}", again=self.restart
            )
        self.view, self.restart = table, lambda: None

    @property
    def rows_read(self) -> int:
        """Rows and rejected records, as the reader itself counts them, once the view has
        been read.
        """
        return self.streamed + self.rejected.height

    @property
    def rejected(self) -> pl.DataFrame:
        """Records that were no rows, once the view has been read; columns `_file`, `_row`,
        `reason`, `raw`.
        """
        records = self.stream.rejected if isinstance(self.stream, TextFiles) else []
        columns = {"_file": pl.Int32, "_row": pl.Int64, "reason": pl.String, "raw": pl.String}
        rows = [
            (*where, json.dumps({"line": text}, ensure_ascii=False))
            for *where, text in map(astuple, records)
        ]
        return pl.DataFrame(rows, schema=columns, orient="row")

    def locate(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Replace `_file` and `_row` by `source` and `row`, the line that a text editor shows."""
        parts = [
            self._locate_in_file(part) for part in rows.partition_by("_file", maintain_order=True)
        ]
        return pl.concat(parts).sort("source", "row") if parts else QUARANTINE.empty()

    def _locate_in_file(self, rows: pl.DataFrame) -> pl.DataFrame:
        file = int(rows["_file"][0])
        if isinstance(self.stream, TextFiles):
            lines = self.stream.lines(file, rows["_row"].to_list())
            rows = rows.with_columns(pl.col("_row").replace_strict(lines, return_dtype=pl.Int64))
        source = pl.lit(self.labels[file]).alias("source")
        return rows.select(source, pl.col("_row").alias("row"), "reason", "raw")


def open_source(
    source: Source,
    warehouse: Warehouse,
    *,
    name: str,
    project_dir: str,
) -> OpenSource:
    """Find a source and look at its columns; no row is read yet.

    Raises
    ------
    DataError, StudyError, MissingExtra
        It cannot be found, read or understood.
    """
    csv = source.csv
    opened = OpenSource(name, f"source_{name}", {}, (), csv.decimal, csv.timestamp_format)
    if (query := source.postgres or source.database) is not None:
        # An exact number arrives as the database's own text of it, whatever a file would have had.
        opened.decimal = "."
        _stream(lambda: open_query(query), opened, warehouse)
        return opened
    if source.is_of_spark:
        raise StudyError(
            f"[{name}] names {source.table or source.path}, which only Spark reads",
            fix="run with --engine spark, or name files",
        )
    files = find_files(expand_path(str(source.path), project_dir=project_dir))
    if files[0].kind == "parquet":
        _view_parquet([file.path for file in files], opened, warehouse)
    else:
        _stream(lambda: text_files(files, csv, source.sheet), opened, warehouse)
    return opened


def open_arrow(name: str, source: Source, schema: pa.Schema, warehouse: Warehouse) -> OpenSource:
    """Look at the columns of a table whose rows somebody else reads, as Arrow."""
    label = str(source.table or source.path)
    column_names(schema.names, label)
    opened = OpenSource(name, f"source_{name}", {}, (label,), source.csv.decimal)
    opened.timestamp_format = source.csv.timestamp_format
    places = pa.schema([("_file", pa.int32()), ("_row", pa.int64())])
    cells = [(f"c{i}", kind) for i, kind in enumerate(schema.types)]
    warehouse.con.register(opened.view, pa.schema([*places, *cells]).empty_table())
    described = warehouse.con.execute(f"DESCRIBE {opened.view}").fetchall()[2:]
    kinds = (kind for _, kind, *_ in described)
    opened.fields = {
        column: sql.Field(f"c{i}", kind)
        for i, (column, kind) in enumerate(zip(schema.names, kinds, strict=True))
    }
    return opened


def text_files(files: Sequence[DataFile], csv: Csv, sheet: str | None) -> TextFiles:
    """Files whose cells are text, by their kind."""
    if files[0].kind == "excel":
        return ExcelFiles(files, csv, sheet)
    return JsonFiles(files, csv) if files[0].kind == "json" else CsvFiles(files, csv)


def files_of(study: Study) -> Iterator[DataFile]:
    """Every file that a study's sources name.

    Raises
    ------
    DataError, StudyError
        One cannot be found or is of a foreign kind.
    """
    rates = study.conversion.rates if study.conversion else None
    for source in (*(getattr(study, name) for name in INPUTS), rates):
        if source is not None and source.path is not None and not source.is_of_spark:
            yield from find_files(expand_path(source.path, project_dir=study.project_dir))


def _stream(begin: Callable[[], Stream], opened: OpenSource, warehouse: Warehouse) -> None:
    stream = begin()
    opened.stream, opened.labels, opened.streamed = stream, stream.labels, 0
    opened.restart = lambda: _stream(begin, opened, warehouse)
    batches = _counted_batches(stream, opened)
    warehouse.con.register(opened.view, pa.RecordBatchReader.from_batches(stream.schema, batches))
    columns = warehouse.con.execute(
        f"SELECT column_name, column_type FROM (DESCRIBE {opened.view})"
    ).fetchall()[2:]
    opened.fields = dict(zip(stream.names, starmap(sql.Field, columns), strict=True))


def _counted_batches(stream: Stream, opened: OpenSource) -> Iterator[pa.RecordBatch]:
    try:
        for batch in stream.batches():
            opened.streamed += batch.num_rows
            yield batch
    except HoldfastError as error:
        # On its way through DuckDB the error would lose its type.
        opened.failure = error
        raise


def _view_parquet(files: Sequence[Path], opened: OpenSource, warehouse: Warehouse) -> None:
    opened.labels = [str(file) for file in files]
    names, opened.streamed = common_columns(opened.labels)
    links = [warehouse.scratch / f"{opened.name}-{i}.parquet" for i in range(len(files))]
    with opened.reading(warehouse):
        paths = list(map(_without_wildcards, files, links))
        if {name.lower() for name in names} & _PLACES:
            view = warehouse.con.sql(_numbered_sql(paths, len(names)))
        else:
            rows = warehouse.con.read_parquet(paths, file_row_number=True, hive_partitioning=False)
            # By position: names that differ in case alone are renamed by DuckDB.
            cells = [f"{quote(name)} AS c{i}" for i, name in enumerate(rows.columns[: len(names)])]
            where = ["CAST(file_index AS INTEGER) AS _file", "file_row_number + 1 AS _row"]
            view = rows.project(", ".join([*where, *cells]))
        view.create_view(opened.view, replace=True)
    kinds = map(str, view.types[2:])
    opened.fields = {
        name: sql.Field(f"c{i}", kind)
        for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
    }


def _numbered_sql(paths: Sequence[str], n_columns: int) -> str:
    """Number the rows of files that have a column of the name by which DuckDB would number them."""
    cells = ", ".join(f"c{i}" for i in range(n_columns))
    return " UNION ALL ".join(
        f"SELECT CAST({i} AS INTEGER) AS _file, row_number() OVER () AS _row, * FROM (SELECT * "
        f"FROM read_parquet({sql.literal(path)}, hive_partitioning = false)) AS t({cells})"
        for i, path in enumerate(paths)
    )


def common_columns(paths: Sequence[str]) -> tuple[list[str], int]:
    """Return the columns that all files have, and their rows by their own count."""
    layouts, rows = [], 0
    for path in paths:
        with damage_as(path):
            metadata = pq.read_metadata(path)
            schema = metadata.schema.to_arrow_schema()
        column_names(schema.names, path)
        layouts.append({column.name: str(column.type) for column in schema})
        rows += metadata.num_rows
        odd = sorted(f"{name} ({kind})" for name, kind in layouts[-1].items() ^ layouts[0].items())
        if odd:
            raise DataError(
                f"{path} and {paths[0]} differ in their columns: {', '.join(odd)}",
                fix="read files of one layout together",
                columns=odd,
            )
    return list(layouts[0]), rows


@contextmanager
def damage_as(path: Path | str) -> Iterator[None]:
    """Turn what a damaged Parquet file leads to into a DataError that names it."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} is a damaged Parquet file: {first_line(error)}",
            fix="fetch or write it again",
        ) from None


def _without_wildcards(path: Path, link: Path) -> str:
    # DuckDB would take these characters in a file's own name for a glob.
    if not set("*?[") & set(str(path)):
        return str(path)
    link.unlink(missing_ok=True)
    link.symlink_to(path.resolve())
    return str(link)
