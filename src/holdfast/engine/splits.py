"""Splits: a source of rows, cut so that many can read it at once; each row is judged where it is
read, by the SQL of the ordinary run, and sent to the bucket of its customer.

What compares rows with each other cannot be judged there. Exact duplicates meet in one bucket; for
what compares others a study is refused.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.engine.buckets import bucket_sql
from holdfast.errors import StudyError
from holdfast.ingest.door import Door
from holdfast.ingest.sources import OpenSource, damage_as, text_files
from holdfast.ingest.sql import Field
from holdfast.ingest.validation import RowMapping
from holdfast.io.files import DataFile
from holdfast.io.text_files import TextFiles, integers
from holdfast.io.warehouse import Warehouse, memory_database
from holdfast.study import Csv
from holdfast.tables import QUARANTINE

REJECTED = -1
"""The verdict of a record that was no row at all."""
_SPLIT_ROWS, _BATCH_ROWS = 1_000_000, 250_000
_BYTES_A_ROW = 100
_TRAVEL = {
    "UTINYINT": "CAST({0} AS INTEGER)",
    "USMALLINT": "CAST({0} AS INTEGER)",
    "UINTEGER": "CAST({0} AS BIGINT)",
    "UBIGINT": "CAST(CAST({0} AS HUGEINT) - 9223372036854775808 AS BIGINT)",
    "HUGEINT": "CAST({0} AS DECIMAL(38, 0))",
}
"""Types that not every engine knows -> how they are sent."""


@dataclass(frozen=True)
class Split:
    """A part of a source: a whole text file, or row groups of a Parquet file, whose first row has
    this number.
    """

    file: int
    row_groups: tuple[int, ...] = ()
    first_row: int = 1


@dataclass(frozen=True)
class SplitSource:
    """A source as whoever reads a part of it needs it.

    Attributes
    ----------
    files
        Empty where the engine reads a table of its own; then there are no splits either.
    columns, types
        Names of the columns, and what DuckDB calls their types; they are c0, c1, ... in the view.
    sql
        The query of the judged rows, over the view.
    schema
        Of the judged rows: bucket, _file, _row, verdict, the table's columns, what is compared,
        _raw, _line (of quarantined rows in text), _reason (of records that were no rows).
    labels
        What each file is called, in the order of their names.
    places
        Number of a file, as rows have it -> its place in that order.
    adds
        Whether its rows come to those of files that were read before.
    rates
        Of currencies, where the query asks for them.
    """

    name: str
    view: str
    files: tuple[DataFile, ...]
    csv: Csv
    sheet: str | None
    columns: tuple[str, ...]
    types: tuple[str, ...]
    sql: str
    schema: pa.Schema
    mapping: RowMapping
    door: Door = field(repr=False)
    labels: tuple[str, ...]
    splits: tuple[Split, ...]
    n_buckets: int
    decimal: str
    places: tuple[int, ...] = ()
    adds: bool = False
    rates: pa.Table | None = field(default=None, repr=False)

    @property
    def fields(self) -> dict[str, Field]:
        """Its columns, as `OpenSource` has them, where it can be opened once more."""
        kinds = self.types if self.files else ()
        return {
            name: Field(f"c{i}", kind)
            for i, (name, kind) in enumerate(zip(self.columns, kinds, strict=False))
        }

    def in_order(self, rows: pa.Table) -> pa.Table:
        """Rows whose files are numbered by their place among all files, as `labels` has them."""
        if self.places in ((), tuple(range(len(self.places)))):
            return rows
        place = pl.col("_file").replace_strict(
            list(range(len(self.places))), list(self.places), return_dtype=pl.Int32
        )
        return pl.DataFrame(rows).with_columns(_file=place).to_arrow()

    @property
    def is_text(self) -> bool:
        """Whether it shows everything as text."""
        return bool(self.files) and self.files[0].kind != "parquet"

    def judge_split(self, index: int) -> Iterator[pa.RecordBatch]:
        """Read one of the splits."""
        split = self.splits[index]
        if self.files[split.file].kind == "parquet":
            yield from self.judge(self._parquet_batches(split))
        else:
            yield from self._judge_text(split.file)

    def judge(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Judge rows: `_file`, `_row` and the columns as c0, c1, ..."""
        casts = ", ".join(f"CAST(c{i} AS {kind}) AS c{i}" for i, kind in enumerate(self.types))
        with memory_database(threads=1, ieee_floating_point_ops=False) as connection:
            if self.rates is not None:
                connection.register("rates", self.rates)
            for batch in batches:
                connection.register("arrived", pa.Table.from_batches([batch]))
                connection.execute(
                    f"CREATE OR REPLACE TEMP VIEW {self.view} AS "
                    f"SELECT _file, _row, {casts} FROM arrived"
                )
                judged = connection.sql(self.sql).to_arrow_table().cast(self.schema)
                yield from judged.combine_chunks().to_batches()

    def _parquet_batches(self, split: Split) -> Iterator[pa.RecordBatch]:
        row, path = split.first_row, self.files[split.file].path
        wanted, groups = list(self.columns), list(split.row_groups)
        with damage_as(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(_BATCH_ROWS, row_groups=groups, columns=wanted):
                yield _number_rows(batch.select(wanted).columns, split.file, row)
                row += batch.num_rows

    def _judge_text(self, file: int) -> Iterator[pa.RecordBatch]:
        """Read a whole file; quarantined rows come last, once it is known on which line each
        stands.
        """
        stream, source = self._open(file)
        quarantined: list[pa.RecordBatch] = []
        for batch in self.judge(_in_file(each, file) for each in stream.batches()):
            rows = pl.DataFrame(batch)
            bad = pl.col("verdict").is_between(1, self.mapping.duplicate - 1)
            yield from self._batches(rows.filter(~bad))
            quarantined += self._batches(rows.filter(bad))
        for batch in quarantined:
            lines = stream.lines(0, pl.Series(batch.column("_row")).to_list())
            located = pl.DataFrame(batch).with_columns(
                _line=pl.col("_row").replace_strict(lines, return_dtype=pl.Int64)
            )
            yield from self._batches(located)
        rejected = self.door.withhold(source.rejected, source)
        lines = stream.lines(0, rejected["_row"].to_list()) if rejected.height else {}
        yield from self._batches(_as_rows(rejected, file, lines, self.schema))

    def _open(self, file: int) -> tuple[TextFiles, OpenSource]:
        """One of the files of text, as the file 0 of a source."""
        stream = text_files(self.files, self.csv, self.sheet)
        stream.take(file)
        fields = dict.fromkeys(stream.names, Field("", "VARCHAR"))
        labels = stream.labels
        return stream, OpenSource(self.name, self.view, fields, labels, self.decimal, stream=stream)

    def locate(self, rows: pl.DataFrame) -> pl.DataFrame:
        """As `OpenSource` does for `_file` in the order of the labels; a file of text is read once
        more for it.
        """
        if not self.is_text:
            return OpenSource(self.name, self.view, {}, self.labels, self.decimal).locate(rows)
        parts = []
        for (place,), part in rows.partition_by("_file", as_dict=True).items():
            stream, source = self._open(self.places.index(place))
            deque(stream.batches(), maxlen=0)
            parts.append(source.locate(part.with_columns(_file=pl.lit(0, pl.Int32))))
        return pl.concat([QUARANTINE.empty(), *parts])

    def _batches(self, rows: pl.DataFrame) -> list[pa.RecordBatch]:
        if rows.is_empty():
            return []
        batches: list[pa.RecordBatch] = rows.to_arrow().cast(self.schema).to_batches()
        return batches


def plan_splits(
    source: OpenSource,
    mapping: RowMapping,
    warehouse: Warehouse,
    *,
    files: Sequence[DataFile],
    csv: Csv,
    sheet: str | None,
    door: Door,
    n_buckets: int,
    read_before: Sequence[str] = (),
) -> SplitSource:
    """Cut an open source, none of whose rows was read.

    Parameters
    ----------
    read_before
        Labels of files that need not be read again, in the order of their numbers.

    Raises
    ------
    StudyError
        The study compares rows of this source with each other.
    """
    judging = mapping.sql(source)
    if " OVER (" in judging:
        raise StudyError(
            f'[{source.name}] compares rows with each other (amount_of = "order", or a unique key '
            'of the contract), which only the engine "memory" can',
            fix="run without --engine",
        )
    sql, schema = _travelling(judging, mapping, n_buckets, warehouse)
    labels = tuple(source.labels)
    by_label = {file.label: file for file in files}
    new = [file for file in files if file.label not in read_before]
    numbered = (*(by_label[label] for label in read_before), *new)
    return SplitSource(
        name=source.name,
        view=source.view,
        files=numbered,
        csv=csv,
        sheet=sheet,
        columns=tuple(source.fields),
        types=tuple(each.type for each in source.fields.values()),
        sql=sql,
        schema=schema,
        mapping=mapping,
        door=door,
        labels=labels,
        splits=tuple(_cut(numbered, start=len(read_before))),
        n_buckets=n_buckets,
        places=tuple(labels.index(file.label) for file in numbered),
        adds=bool(read_before),
        decimal=source.decimal,
        rates=warehouse.con.sql("FROM rates").to_arrow_table() if warehouse.has("rates") else None,
    )


def count_rows_of(files: Iterable[DataFile]) -> int:
    """About how many rows files have; of text by its bytes."""
    return sum(map(_count_rows, files))


def _count_rows(file: DataFile) -> int:
    if file.kind != "parquet":
        return file.path.stat().st_size // _BYTES_A_ROW
    with damage_as(file.path):
        return int(pq.read_metadata(file.path).num_rows)


def _travelling(
    judging: str, mapping: RowMapping, n_buckets: int, warehouse: Warehouse
) -> tuple[str, pa.Schema]:
    """The query of the judged rows in types that every engine knows, with their bucket."""
    described = warehouse.con.execute(f"DESCRIBE {judging}").fetchall()
    sent = [
        f"{_TRAVEL[kind].format(name)} AS {name}" if kind in _TRAVEL else name
        for name, kind, *_ in described
    ]
    nobody = "CAST(_digest_1 AS VARCHAR)" if mapping.compared else "CAST(_row AS VARCHAR)"
    bucket = bucket_sql(f"coalesce(customer_id, {nobody})", n_buckets)
    sql = (
        f"SELECT {bucket} AS bucket, {', '.join(sent)}, CAST(NULL AS BIGINT) AS _line, "
        f"CAST(NULL AS VARCHAR) AS _reason FROM ({judging})"
    )
    schema = warehouse.con.sql(f"{sql} LIMIT 0").to_arrow_table().schema
    return sql, schema


def _cut(files: Sequence[DataFile], *, start: int) -> Iterator[Split]:
    for number, file in enumerate(files[start:], start):
        if file.kind != "parquet":
            yield Split(number)
            continue
        metadata = pq.read_metadata(file.path)
        if not metadata.num_row_groups:
            yield Split(number)
        groups, first, rows = list[int](), 1, 0
        for group in range(metadata.num_row_groups):
            groups.append(group)
            rows += metadata.row_group(group).num_rows
            if rows >= _SPLIT_ROWS or group == metadata.num_row_groups - 1:
                yield Split(number, tuple(groups), first)
                groups, first, rows = [], first + rows, 0


def _number_rows(cells: Sequence[pa.Array], file: int, first_row: int) -> pa.RecordBatch:
    n = len(cells[0]) if cells else 0
    rows = pl.int_range(first_row, first_row + n, eager=True).to_numpy()
    files = integers(pl.repeat(file, n, dtype=pl.Int64, eager=True).to_numpy()).cast(pa.int32())
    names = ["_file", "_row", *(f"c{i}" for i in range(len(cells)))]
    return pa.RecordBatch.from_arrays([files, integers(rows), *cells], names=names)


def _in_file(batch: pa.RecordBatch, file: int) -> pa.RecordBatch:
    numbers = pl.repeat(file, batch.num_rows, dtype=pl.Int64, eager=True).to_numpy()
    return batch.set_column(0, "_file", integers(numbers).cast(pa.int32()))


def _as_rows(
    rejected: pl.DataFrame, file: int, lines: dict[int, int], schema: pa.Schema
) -> pl.DataFrame:
    """Records that were no rows, as rows of the bucket 0."""
    records = rejected.select(
        bucket=pl.lit(0, pl.Int32),
        _file=pl.lit(file, pl.Int32),
        _row="_row",
        verdict=pl.lit(REJECTED, pl.Int32),
        _raw="raw",
        _line=pl.col("_row").replace_strict(lines, return_dtype=pl.Int64) if lines else pl.lit(0),
        _reason="reason",
    )
    empty = pl.DataFrame(schema.empty_table())
    return pl.concat([empty, records], how="diagonal_relaxed").select(empty.columns)
