"""Files of rows whose cells are text, whatever their format: read one after the other as Arrow
batches, with what is no row put on record.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from holdfast.errors import DataError
from holdfast.io.files import DataFile
from holdfast.study import Csv

RAW_CHARACTERS = 1000
"""What is kept of a line or cell that was not understood."""
MOST_REJECTED = 1_000_000
MOST_COLUMNS = 10_000
FEW = 1000
"""So many records may be no rows, however few are."""


@dataclass(frozen=True)
class Rejected:
    """A record that is no row: the wrong number of cells, undecodable bytes, a quote that is never
    closed.
    """

    file: int
    record: int
    reason: str
    text: str


@dataclass
class TextFiles(ABC):
    """Files of one layout.

    Attributes
    ----------
    names
        The columns of the first file; the others must have the same, in any order.
    rejected
        What was no row; filled while `batches` runs.
    """

    files: Sequence[DataFile]
    dialect: Csv
    names: list[str] = field(init=False)
    rejected: list[Rejected] = field(default_factory=list)
    _first: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """What each `_file` stands for."""
        return tuple(file.label for file in self.files)

    @property
    def schema(self) -> pa.Schema:
        """`_file`, `_row` (where the row stands in its file) and a text column c0, c1, ... for each
        name.
        """
        return text_schema(len(self.names))

    @abstractmethod
    def batches(self) -> Iterator[pa.RecordBatch]:
        """Every row of every file, in order."""

    def lines(self, file: int, records: Sequence[int]) -> dict[int, int]:
        """Return the 1-based line (or sheet row) at which each of these rows of a file begins."""
        return {record: record for record in records}

    def take(self, file: int) -> None:
        """Read this file alone, as number 0; its columns are to be those of the first all the
        same.
        """
        self._first, self.files = self.labels[0], [self.files[file]]

    def order_of(self, names: Sequence[str], label: str) -> list[int]:
        """Where each of `names` stands in a file with other columns before or after it.

        Raises
        ------
        DataError
            The file lacks one of them, or has another.
        """
        lacks, more = set(self.names) - set(names), set(names) - set(self.names)
        if lacks or more:
            words = [f"the first lacks {', '.join(sorted(lacks))}"] if lacks else []
            words += [f"the second lacks {', '.join(sorted(more))}"] if more else []
            raise DataError(
                f"{label} and {self._first or self.labels[0]} differ in their columns: "
                f"{'; '.join(words)}",
                fix="read files of one layout together",
                columns=sorted(lacks | more),
            )
        place = {name: i for i, name in enumerate(names)}
        return [place[name] for name in self.names]

    def reject(self, file: int, record: int, reason: str, text: str) -> None:
        """Put on record what is no row."""
        self.rejected.append(Rejected(file, record, reason, text[:RAW_CHARACTERS]))


def text_schema(n_columns: int) -> pa.Schema:
    """`_file`, `_row` and so many columns of text."""
    return batch_schema([pa.string()] * n_columns)


def batch_schema(kinds: Sequence[pa.DataType]) -> pa.Schema:
    """`_file`, `_row` and columns c0, c1, ... of these types."""
    cells = [(f"c{i}", kind) for i, kind in enumerate(kinds)]
    return pa.schema([("_file", pa.int32()), ("_row", pa.int64()), *cells])


def text_batch(file: int, rows: NDArray[np.int64], cells: Sequence[pl.Series]) -> pa.RecordBatch:
    """A batch from columns of text."""
    oldest = pl.CompatLevel.oldest()
    columns = [cell.to_arrow(compat_level=oldest).cast(pa.string()) for cell in cells]
    return pa.RecordBatch.from_arrays(
        [*provenance(file, rows), *columns], schema=text_schema(len(cells))
    )


def column_names(cells: Sequence[str | None], label: str) -> list[str]:
    """Return the header's names, blanks around them removed.

    Raises
    ------
    DataError
        There is no header, a name occurs twice, or there are more than 10,000 columns.
    """
    names = [(cell or "").strip() or f"column {i + 1}" for i, cell in enumerate(cells)]
    counts = Counter(names)
    twice = sorted(name for name, n in counts.items() if n > 1)
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"{label} has {len(names):,} columns, more than {MOST_COLUMNS:,}",
            fix="check csv.delimiter, or leave out columns that no model needs",
        )
    if not names:
        raise DataError(
            f"{label} has no header line", fix="name a file whose first line names the columns"
        )
    if twice:
        raise DataError(
            f"{label} has the column '{twice[0]}' {counts[twice[0]]} times",
            fix="rename one of them",
        )
    return names


def integers(values: NDArray[np.int64]) -> pa.Array:
    """An int64 array over the same memory: `pa.array` and `pa.scalar` would import pandas."""
    return _array(np.ascontiguousarray(values, dtype=np.int64), pa.int64())


def provenance(file: int, rows: NDArray[np.int64]) -> list[pa.Array]:
    """The columns `_file` and `_row` of a batch."""
    return [_array(np.full(len(rows), file, dtype=np.int32), pa.int32()), integers(rows)]


def _array(values: NDArray[np.int64] | NDArray[np.int32], kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
