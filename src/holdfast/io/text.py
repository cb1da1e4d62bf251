"""A text file as UTF-8 bytes, whatever its encoding and compression, in blocks."""

import codecs
import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import cast

from holdfast.errors import DataError
from holdfast.io.archive import DAMAGE
from holdfast.io.files import DataFile
from holdfast.study import Csv

BLOCK_BYTES = 8 << 20
"""What is parsed at once, and so the longest line that can be read."""
MOST_HEADER_BYTES = 1 << 20
_NUMBER = re.compile(r"[+-]?[\d.,'\s]*\d")
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Utf8Stream(io.RawIOBase):
    """The decoded bytes of a file, without a byte order mark.

    Attributes
    ----------
    header_lines
        Lines up to the end of the header, blank ones included.
    newlines, tail
        Line ends after the header so far; the last bytes so far.
    """

    block = BLOCK_BYTES

    def __init__(self, file: DataFile, dialect: Csv) -> None:
        super().__init__()
        self._file = file.open()
        self._dialect = dialect
        self.is_utf8 = dialect.encoding.startswith("utf-8")
        # Bytes that are not UTF-8 are passed on, to be reported cell by cell; other encodings have
        # to be decoded here.
        decoder = codecs.getincrementaldecoder(dialect.encoding)
        self._decoder = None if self.is_utf8 else decoder("replace")
        self.header_lines = self.newlines = 0
        self.tail = self._ahead = b""
        self._at, self._label = 0, file.label
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            self._ahead = self._check_mark(self._file.read(BLOCK_BYTES), file.label)
            on_failure.pop_all()

    def readable(self) -> bool:
        """Return True."""
        return True

    @property
    def more(self) -> bool:
        """Whether there is anything left."""
        self._fill()
        return self._at < len(self._ahead)

    def readinto(self, buffer: object) -> int:
        """Fill a buffer; what io's text wrapper calls."""
        view = memoryview(cast("bytearray", buffer))
        block = self.read(len(view))
        view[: len(block)] = block
        return len(block)

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; an empty answer is the end."""
        self._fill()
        end = len(self._ahead) if size < 0 else min(self._at + size, len(self._ahead))
        # Cutting what is left off each time would copy a block for every line of it.
        block, self._at = self._ahead[self._at : end], end
        self.newlines += block.count(b"\n")
        self.tail = (self.tail + block)[-4:]
        return block

    def header_cells(self) -> list[str]:
        """Take the first record below the title off the stream, blank lines before it too, and
        return its cells.

        Raises
        ------
        DataError
            It is longer than 1 MB, or a quote in it is never closed.
        """
        head = self._ahead[self._at :]
        while len(head) <= MOST_HEADER_BYTES and (block := self._next()):
            head += block
        begin = _end_of_blanks(head, _end_of_lines(head, self._dialect.skip_lines))
        end = self._end_of_record(head, begin)
        self._ahead, self._at, self.newlines = head, end, 0
        text = head[:end].decode("utf-8", "replace")
        self.header_lines = len(re.findall(r"\r\n|\n|\r", text))
        rows = csv.reader(
            io.StringIO(head[begin:end].decode("utf-8", "replace"), newline=""),
            delimiter=self._dialect.delimiter,
            quotechar=self._dialect.quote,
        )
        return next((row for row in rows if row), [])

    def _end_of_record(self, head: bytes, begin: int) -> int:
        """Where the record that begins there ends, its line end included; each byte is looked at
        once.
        """
        quote, delimiter = self._dialect.quote.encode(), self._dialect.delimiter.encode()
        ends = re.compile(re.escape(delimiter) + rb"|\r\n|\n|\r")
        at, is_open = begin, False
        while at <= MOST_HEADER_BYTES:
            # As in the body, a quote within a cell is a sign like any other.
            if head.startswith(quote, at):
                at, is_open = _after_quotes(head, at, quote)
            match = None if is_open else ends.search(head, at)
            if match is None and not is_open and len(head) <= MOST_HEADER_BYTES:
                return len(head)
            if match is None:
                break
            at = match.end()
            if match[0] != delimiter:
                return at
        problem = f"the header of {self._label} is longer than {MOST_HEADER_BYTES >> 20} MB"
        fix = "check csv.delimiter and csv.quote, and that the file has lines"
        if is_open:
            problem = f"a quote in the header of {self._label} is never closed"
            fix = "close or remove it, or set csv.quote to a sign that does not occur"
        raise DataError(problem, fix=fix)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def _fill(self) -> None:
        if self._at >= len(self._ahead):
            self._ahead, self._at = self._next(), 0

    def _next(self) -> bytes:
        while raw := self._file.read(BLOCK_BYTES):
            if block := self._decode(raw):
                return block
        return self._decode(b"")

    def _decode(self, raw: bytes) -> bytes:
        return self._decoder.decode(raw, final=not raw).encode() if self._decoder else raw

    def _check_mark(self, head: bytes, label: str) -> bytes:
        encoding, marked = self._dialect.encoding, head.startswith(_UTF16_MARKS)
        if marked and encoding != "utf-16":
            problem = f"{label} is UTF-16 text, not {encoding}"
            raise DataError(problem, fix='set csv.encoding = "utf-16"')
        if encoding == "utf-16" and not marked:
            if b"\0" not in head[:1000]:
                raise DataError(
                    f"{label} is not UTF-16 text", fix='set csv.encoding = "utf-8", say'
                )
            # Without a mark the decoder would refuse; in a header of Latin letters, every other
            # byte is 0.
            order = "utf-16-le" if b"\0" in head[1:400:2] else "utf-16-be"
            self._decoder = codecs.getincrementaldecoder(order)("replace")
        return self._decode(head).removeprefix(codecs.BOM_UTF8)


def _end_of_lines(head: bytes, count: int) -> int:
    """Where the line begins that so many lines stand above."""
    ends = islice(re.finditer(rb"\r\n|\n|\r", head), count)
    return max((match.end() for match in ends), default=0)


def _end_of_blanks(head: bytes, begin: int) -> int:
    """Where the first line from there on begins that is not blank."""
    text = begin + len(head[begin:]) - len(head[begin:].lstrip())
    return max(begin, head.rfind(b"\n", begin, text) + 1, head.rfind(b"\r", begin, text) + 1)


def _after_quotes(head: bytes, at: int, quote: bytes) -> tuple[int, bool]:
    """Where the quoted text that begins there ends, and whether it does not; doubled quotes are
    part of it.
    """
    at += len(quote)
    while (closing := head.find(quote, at)) >= 0:
        at = closing + len(quote)
        if not head.startswith(quote, at):
            return at, False
        at += len(quote)
    return len(head), True


@contextmanager
def reading(file: DataFile) -> Iterator[None]:
    """Turn what can go wrong while a file is read into a DataError that names it."""
    label = file.label
    try:
        yield
    except (*DAMAGE, zipfile.BadZipFile) as error:
        packing = "zip archive" if file.member is not None else "gzip file"
        raise DataError(
            f"{label} is a damaged or cut-off {packing}: {error}", fix="fetch the file again"
        ) from None
    except OSError as error:
        raise DataError(
            f"{label} cannot be read: {error.strerror or error}", fix="check the file"
        ) from None
    except csv.Error as error:
        raise DataError(
            f"{label} is no CSV file of this dialect: {error}", fix="check the csv section"
        ) from None


def header_place(rows: Sequence[Sequence[str | None]]) -> int:
    """Position of the row that names the columns: 0, unless title rows stand above it.

    A title has at most half as many cells as the rows below it have; a header fills more than half
    of them, and none with a number.

    >>> header_place([["Sales", ""], [], ["id", "amount"], ["7", "1.50"], ["8", "2"]])
    2
    >>> header_place([["id", "amount"], ["7", "1.50"]])
    0
    """
    filled = [sum(bool(cell and cell.strip()) for cell in row) for row in rows]
    widths = Counter(count for count in filled if count > 1)
    if not widths:
        return 0
    usual = max(widths, key=lambda width: (widths[width], width))
    for place, row in enumerate(rows):
        if 2 * filled[place] > usual and filled[place] > 1:
            is_header = not any(_NUMBER.fullmatch((cell or "").strip()) for cell in row)
            return place if is_header else 0
    return 0
