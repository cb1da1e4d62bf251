"""CSV files as a stream of Arrow batches, by an explicit dialect, with every line that does not fit
put on record.

Nothing is guessed here and nothing is converted: every cell stays text, so that whoever knows what
a column means can say which cells cannot be understood; a cell with nothing in it, not even quotes,
is missing. A record is what lies between two line ends outside quotes; blank lines are none.
"""

import csv
import io
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pac
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from holdfast.errors import DataError
from holdfast.io.text import Utf8Stream, reading
from holdfast.io.text_files import (
    FEW,
    MOST_REJECTED,
    TextFiles,
    column_names,
    integers,
    provenance,
)
from holdfast.study import Csv


@dataclass
class CsvFiles(TextFiles):
    """CSV files of one layout, read one after the other; `_row` is the number of the record."""

    _header_lines: dict[int, int] = field(default_factory=dict)
    _one_line_each: dict[int, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = self.files[0]
        with reading(first), Utf8Stream(first, self.dialect) as stream:
            self.names = column_names(stream.header_cells(), first.label)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Every row of every file, in order."""
        for index, file in enumerate(self.files):
            with reading(file), Utf8Stream(file, self.dialect) as stream:
                order = self.order_of(column_names(stream.header_cells(), file.label), file.label)
                self._header_lines[index] = stream.header_lines
                for numbers, cells in _Records(self, index, stream, width=len(order)):
                    where = provenance(index, numbers)
                    yield pa.RecordBatch.from_arrays(
                        [*where, *(cells[i] for i in order)], schema=self.schema
                    )

    def lines(self, file: int, records: Sequence[int]) -> dict[int, int]:
        """Return the 1-based line on which each of these records of a file begins."""
        header = self._header_lines[file]
        if self._one_line_each[file]:
            return {record: header + record for record in records}
        with reading(self.files[file]), Utf8Stream(self.files[file], self.dialect) as stream:
            stream.header_cells()
            return _find_lines(stream, set(records), self.dialect)

    def note_lines(self, file: int, *, one_each: bool) -> None:
        """Note whether every record of a file took one line."""
        self._one_line_each[file] = one_each


class _Records:
    """The records of one file: their numbers and their cells, those that are no rows left out."""

    def __init__(self, files: CsvFiles, index: int, stream: Utf8Stream, *, width: int) -> None:
        self._files, self._index, self._stream, self._width = files, index, stream, width
        self._dialect, self._label = files.dialect, files.files[index].label
        self._invalid: list[int] = []

    def __iter__(self) -> Iterator[tuple[NDArray[np.int64], list[pa.Array]]]:
        record = 1
        waiting: pa.RecordBatch | None = None
        for batch in self._parse():
            if waiting is not None:
                record, rows = self._rows(waiting, record)
                yield rows
            waiting = batch
            self._check_dialect(record)
        if waiting is not None:
            record, rows = self._rows(waiting, record, last=True)
            yield rows
        self._check_dialect(record - 1)
        records = record - 1 + sum(number >= record for number in self._invalid)
        # A line end more is a blank line, or stands within a cell.
        ends = records - (not self._stream.tail.endswith(b"\n"))
        self._files.note_lines(self._index, one_each=self._stream.newlines == ends)

    def _parse(self) -> Iterator[pa.RecordBatch]:
        names = [f"c{i}" for i in range(self._width)]
        if not self._stream.more:
            return
        read = pacsv.ReadOptions(
            use_threads=False, block_size=self._stream.block, column_names=names
        )
        parse = pacsv.ParseOptions(
            delimiter=self._dialect.delimiter,
            quote_char=self._dialect.quote,
            newlines_in_values=True,
            invalid_row_handler=self._reject_row,
        )
        convert = pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.binary()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        try:
            yield from pacsv.open_csv(self._stream, read, parse, convert)
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error):
                return
            problem, fix = f"{self._label} cannot be read: {error}", "check the csv section"
            if "straddling" in str(error):
                problem = f"{self._label} has a line longer than {self._stream.block >> 20} MB"
                fix = "look for a quote that is never closed, or set csv.quote"
            raise DataError(problem, fix=fix) from None

    def _reject_row(self, row: "pacsv.InvalidRow") -> str:
        reason = f"{row.actual_columns} cells where the header has {row.expected_columns}"
        if row.text.count(self._dialect.quote) % 2:
            reason = "a quote is never closed"
        self._invalid.append(row.number)
        self._files.reject(self._index, row.number, reason, row.text)
        return "skip"

    def _check_dialect(self, rows: int) -> None:
        """Refuse a dialect that most lines do not fit."""
        rejected, bad = self._files.rejected, len(self._invalid)
        if len(rejected) > MOST_REJECTED:
            raise DataError(
                f"more than {MOST_REJECTED:,} lines up to {self._label} are not rows: "
                f"{rejected[-1].reason}",
                fix="check csv.delimiter, csv.quote and csv.encoding",
            )
        if bad > max(rows, FEW):
            raise DataError(
                f"{bad:,} of the first {bad + rows:,} lines of {self._label} are not rows: "
                f"{rejected[-1].reason}",
                fix="check csv.delimiter and csv.quote",
            )

    def _rows(
        self, batch: pa.RecordBatch, record: int, *, last: bool = False
    ) -> tuple[int, tuple[NDArray[np.int64], list[pa.Array]]]:
        numbers = record_numbers(record, batch.num_rows, self._invalid)
        bad = self._undecodable(batch)
        if last and self._ends_inside_quotes(batch):
            bad[batch.num_rows - 1] = "a quote is never closed"
        for i, reason in sorted(bad.items()):
            cells = [
                (column[i].as_py() or b"").decode("utf-8", "replace") for column in batch.columns
            ]
            text = self._dialect.delimiter.join(cells)
            self._files.reject(self._index, int(numbers[i]), reason, text)
        self._check_dialect(record + batch.num_rows)
        following = int(numbers[-1]) + 1 if len(numbers) else record
        if bad:
            keep = np.setdiff1d(np.arange(batch.num_rows), list(bad))
            numbers, batch = numbers[keep], batch.take(integers(keep))
        return following, (numbers, [column.cast(pa.string()) for column in batch.columns])

    def _undecodable(self, batch: pa.RecordBatch) -> dict[int, str]:
        """Return the rows with bytes that are no text in the study's encoding."""
        bad: set[int] = set()
        for column in batch.columns:
            try:
                text = column.cast(pa.string())
            except pa.ArrowInvalid:
                bad.update(i for i, cell in enumerate(column.to_pylist()) if not _is_utf8(cell))
                continue
            if not self._stream.is_utf8:
                replaced = pac.indices_nonzero(pac.match_substring(text, "\ufffd"))
                bad.update(replaced.to_pylist())
        return dict.fromkeys(bad, f"bytes that are not {self._dialect.encoding} text")

    def _ends_inside_quotes(self, batch: pa.RecordBatch) -> bool:
        """Whether the last cell of the file runs over line ends up to the end without a closing
        quote.
        """
        cell = batch.columns[-1][batch.num_rows - 1].as_py() or b""
        end = self._stream.tail.rstrip(b"\r\n")
        return b"\n" in cell and not end.endswith(self._dialect.quote.encode())


def record_numbers(first: int, count: int, invalid: Sequence[int]) -> NDArray[np.int64]:
    """Number `count` records from `first` on, leaving out the invalid ones.

    >>> record_numbers(5, 3, [2, 6]).tolist()
    [5, 7, 8]
    """
    # They are in order: looking through all of them for every block would take hours.
    skipped = invalid[bisect_left(invalid, first) :]
    if not skipped:
        return np.arange(first, first + count)
    return np.setdiff1d(np.arange(first, first + count + len(skipped)), skipped)[:count]


@contextmanager
def any_cell_size() -> Iterator[None]:
    """Let the csv module read cells of any size."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _find_lines(stream: Utf8Stream, wanted: set[int], dialect: Csv) -> dict[int, int]:
    text = io.TextIOWrapper(
        io.BufferedReader(stream), encoding="utf-8", errors="replace", newline=""
    )
    rows = csv.reader(text, delimiter=dialect.delimiter, quotechar=dialect.quote)
    lines: dict[int, int] = {}
    record, end = 0, 0
    with any_cell_size():
        for row in rows:
            record += bool(row)
            if row and record in wanted:
                lines[record] = stream.header_lines + end + 1
            end = rows.line_num
    return lines


def _is_utf8(cell: bytes | None) -> bool:
    try:
        (cell or b"").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
