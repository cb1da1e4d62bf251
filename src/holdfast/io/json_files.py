"""JSON files as rows of text: one object a line (NDJSON), one after the other, in an array, or in
an array that an object wraps.

A number stays as it is written, so that no cent is lost to a float. A line that is no object is put
on record; a damaged array is refused.
"""

import codecs
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import polars as pl
import pyarrow as pa

from holdfast.errors import DataError
from holdfast.io.files import DataFile
from holdfast.io.json_rows import Row, to_rows
from holdfast.io.json_wrapped import find_rows, wrapped_values
from holdfast.io.text import reading
from holdfast.io.text_files import (
    FEW,
    MOST_COLUMNS,
    MOST_REJECTED,
    TextFiles,
    column_names,
    text_batch,
)
from holdfast.study import Csv

BLOCK_CHARACTERS = 1 << 20
MOST_CHARACTERS = 8 << 20
"""Of one record."""
ROWS_AT_ONCE = 10_000
LOOKED_AT = 200
_BETWEEN = re.compile(r"[\s,]*")


@dataclass(frozen=True)
class _Broken:
    """A line that is no row."""

    reason: str
    text: str


def _decoder(number: Callable[[str], str | None]) -> json.JSONDecoder:
    """Read every number by `number`."""
    return json.JSONDecoder(parse_float=number, parse_int=number, parse_constant=str)


def first_texts(file: DataFile) -> list[str]:
    """What the first objects hold as text; for who does not know how their numbers are written."""
    rows = islice(_read(file, _decoder(lambda number: None)), LOOKED_AT)
    return [cell for _, row in rows if isinstance(row, dict) for cell in row.values() if cell]


class JsonFiles(TextFiles):
    """JSON files, read one after the other; `_row` is the line of an NDJSON file, else the number
    of the object, and where an object is several rows, the number of the row.

    The columns are the fields of all objects: an object that lacks one is missing a value there.
    """

    def __init__(self, files: Sequence[DataFile], dialect: Csv) -> None:
        super().__init__(files, dialect)
        self._decoder = _decoder(lambda number: number.replace(".", dialect.decimal))
        fields: dict[str, None] = {}
        self._divided: set[int] = set()
        for index, file in enumerate(files):
            before = 0
            for number, row in _read(file, self._decoder):
                fields.update(dict.fromkeys(row) if isinstance(row, dict) else {})
                if number == before:
                    self._divided.add(index)
                before = number
                if len(fields) > MOST_COLUMNS:
                    break
        if not fields:
            raise DataError(
                f"{files[0].label} has no JSON object that could be a row",
                fix='write one object for each row, as in {"customer": "A7", "amount": 12.5}',
            )
        self._fields = list(fields)
        self.names = column_names(self._fields, files[0].label)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Every object of every file, in order."""
        for index, file in enumerate(self.files):
            records = _read(file, self._decoder)
            rows_before = 0
            while batch := list(islice(records, ROWS_AT_ONCE)):
                for number, row in batch:
                    if isinstance(row, _Broken):
                        self.reject(index, number, row.reason, row.text)
                self._check_rejected(file, batch[-1][0])
                good = [(number, row) for number, row in batch if isinstance(row, dict)]
                numbers = np.array([number for number, _ in good], dtype=np.int64)
                if index in self._divided:
                    numbers = np.arange(1, len(good) + 1) + rows_before
                    rows_before += len(good)
                cells = [
                    pl.Series([row.get(name) for _, row in good], dtype=pl.String)
                    for name in self._fields
                ]
                yield text_batch(index, numbers, cells)

    def _check_rejected(self, file: DataFile, records: int) -> None:
        bad = len(self.rejected)
        if bad > MOST_REJECTED or bad > max(records / 2, FEW):
            raise DataError(
                f"{bad:,} of the first {records:,} lines of {file.label} are no rows: "
                f"{self.rejected[-1].reason}",
                fix="write one JSON object on each line",
            )


def _read(file: DataFile, decoder: json.JSONDecoder) -> Iterator[tuple[int, Row | _Broken]]:
    """Every record and its number."""
    with reading(file):
        if _is_by_line(file):
            yield from _lines(file, decoder)
            return
        for number, value in enumerate(_values(file, decoder), start=1):
            for row in to_rows(value, number, file.label):
                yield number, row


def _is_by_line(file: DataFile) -> bool:
    """Whether the first line is a whole object, and not one that wraps rows."""
    with _text(file, errors="replace") as text:
        line = next((line for line in _split_lines(text) if line.strip()), "")
    if find_rows(line, json.JSONDecoder()):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _text(file: DataFile, *, errors: str) -> io.TextIOWrapper:
    with file.open() as opened:
        marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        encoding = "utf-16" if opened.read(2) in marks else "utf-8-sig"
    return io.TextIOWrapper(file.open(), encoding=encoding, errors=errors, newline="")


def _lines(file: DataFile, decoder: json.JSONDecoder) -> Iterator[tuple[int, Row | _Broken]]:
    with _text(file, errors="replace") as text:
        for number, line in enumerate(_split_lines(text), start=1):
            if line.strip():
                row = _line(line.strip(), number, file.label, decoder)
                for each in row if isinstance(row, list) else [row]:
                    yield number, each


def _split_lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Lines, one that is longer than a record may be in pieces."""
    waiting = ""
    while block := text.read(BLOCK_CHARACTERS):
        *whole, waiting = (waiting + block).split("\n")
        yield from whole
        if len(waiting) > MOST_CHARACTERS:
            yield waiting
            waiting = ""
    yield waiting


def _line(line: str, number: int, label: str, decoder: json.JSONDecoder) -> list[Row] | _Broken:
    if "\ufffd" in line:
        return _Broken("bytes that are not utf-8 text", line)
    try:
        value = decoder.decode(line)
    except json.JSONDecodeError as error:
        return _Broken(f"no JSON: {error.msg} at character {error.pos + 1}", line)
    except RecursionError:
        return _Broken("no JSON that can be read: too many brackets", line)
    return to_rows(value, number, label) if isinstance(value, dict) else _Broken("no object", line)


def _values(file: DataFile, decoder: json.JSONDecoder) -> Iterator[object]:
    """The values of an array, or those one after the other."""
    number = 0
    with _text(file, errors="replace") as text:
        is_wrapped = find_rows(text.read(BLOCK_CHARACTERS), decoder) is not None
    with _text(file, errors="strict") as text:
        values = _decode(text, decoder)
        if is_wrapped:
            values = wrapped_values(
                text, decoder, at_once=BLOCK_CHARACTERS, longest=MOST_CHARACTERS
            )
        try:
            for value in values:
                number += 1
                yield value
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{file.label} is no JSON from object {number + 1} on: {_reason(error)}",
                fix="fetch or write it again, whole",
            ) from None


def _decode(text: io.TextIOWrapper, decoder: json.JSONDecoder) -> Iterator[object]:
    """Values, from a piece of the text at a time; of arrays, however many, those in them."""
    ahead, at, in_array = "", 0, False
    while True:
        at = _end_of_blanks(ahead, at)
        sign = ahead[at : at + 1]
        if not sign and (block := text.read(BLOCK_CHARACTERS)):
            ahead, at = block, 0
        elif not sign and not in_array:
            return
        elif sign == ("]" if in_array else "["):
            in_array, at = not in_array, at + 1
        else:
            try:
                value, at = decoder.raw_decode(ahead, at)
            except json.JSONDecodeError:
                is_short = len(ahead) - at <= MOST_CHARACTERS
                if not (block := text.read(BLOCK_CHARACTERS) if is_short else ""):
                    raise
                ahead, at = ahead[at:] + block, 0
            else:
                yield value


def _end_of_blanks(text: str, at: int) -> int:
    match = _BETWEEN.match(text, at)
    return match.end() if match else at


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        is_cut = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated")
        return "it is cut off" if is_cut else f"{error.msg} at {error.doc[error.pos :][:20]!r}"
    if isinstance(error, UnicodeDecodeError):
        return f"bytes that are not {error.encoding} text"
    return "too many brackets"
