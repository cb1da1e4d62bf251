"""A text file as UTF-8 bytes, whatever its encoding and compression, in blocks."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from holdfast.errors import DataError
from holdfast.io.files import DataFile
from holdfast.study import Csv

BLOCK_BYTES = 8 << 20
"""What is parsed at once, and so the longest line that can be read."""
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
        self._file = gzip.GzipFile(file.path) if file.kind == "csv.gz" else io.FileIO(file.path)
        self._dialect = dialect
        self.is_utf8 = dialect.encoding.startswith("utf-8")
        # Bytes that are not UTF-8 are passed on, to be reported cell by cell; other encodings have
        # to be decoded here.
        self._decoder = (
            None if self.is_utf8 else codecs.getincrementaldecoder(dialect.encoding)("replace")
        )
        self.header_lines = self.newlines = 0
        self.tail = self._ahead = b""
        try:
            self._ahead = self._check_mark(self._read(), file.path)
        except (DataError, OSError, EOFError, zlib.error):
            self.close()
            raise

    def readable(self) -> bool:
        """Return True."""
        return True

    @property
    def more(self) -> bool:
        """Whether there is anything left."""
        self._ahead = self._ahead or self._next()
        return bool(self._ahead)

    def readinto(self, buffer: object) -> int:
        """Fill a buffer; what io's text wrapper calls."""
        view = memoryview(cast("bytearray", buffer))
        block = self.read(len(view))
        view[: len(block)] = block
        return len(block)

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; an empty answer is the end."""
        self._ahead = self._ahead or self._next()
        size = len(self._ahead) if size < 0 else size
        block, self._ahead = self._ahead[:size], self._ahead[size:]
        self.newlines += block.count(b"\n")
        self.tail = (self.tail + block)[-4:]
        return block

    def header_cells(self) -> list[str]:
        """Take the first record off the stream and return its cells."""
        quote = self._dialect.quote.encode()
        taken = b""
        while line := self._line():
            taken += line
            if taken.strip() and taken.count(quote) % 2 == 0:
                break
        text = taken.decode("utf-8", "replace")
        self.header_lines, self.newlines = len(re.findall(r"\r\n|\n|\r", text)), 0
        rows = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self._dialect.delimiter,
            quotechar=self._dialect.quote,
        )
        return next((row for row in rows if row), [])

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def _line(self) -> bytes:
        match = re.search(rb"\r\n|\n|\r", self._ahead)
        return self.read(match.end() if match else -1)

    def _next(self) -> bytes:
        while True:
            raw = self._read()
            block = self._decode(raw)
            if block or not raw:
                return block

    def _read(self) -> bytes:
        return self._file.read(BLOCK_BYTES) or b""

    def _decode(self, raw: bytes) -> bytes:
        return (
            raw
            if self._decoder is None
            else self._decoder.decode(raw, final=not raw).encode("utf-8")
        )

    def _check_mark(self, head: bytes, path: Path) -> bytes:
        marked = head.startswith(_UTF16_MARKS)
        if marked and self._dialect.encoding != "utf-16":
            raise DataError(
                f"{path} is UTF-16 text, not {self._dialect.encoding}",
                fix='set csv.encoding = "utf-16"',
            )
        if self._dialect.encoding == "utf-16" and not marked and b"\0" not in head[:1000]:
            raise DataError(f"{path} is not UTF-16 text", fix='set csv.encoding = "utf-8", say')
        if self._dialect.encoding == "utf-16" and not marked:
            # Without a mark the decoder would refuse; in a header of Latin letters, every other
            # byte is 0.
            order = "utf-16-le" if b"\0" in head[1:400:2] else "utf-16-be"
            self._decoder = codecs.getincrementaldecoder(order)("replace")
        return self._decode(head).removeprefix(codecs.BOM_UTF8)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what can go wrong while a file is read into a DataError that names it."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path} is a damaged or cut-off gzip file: {error}", fix="fetch the file again"
        ) from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}", fix="check the file"
        ) from None
    except csv.Error as error:
        raise DataError(
            f"{path} is no CSV file of this dialect: {error}", fix="check the csv section"
        ) from None
