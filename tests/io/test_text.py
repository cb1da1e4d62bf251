"""Whatever the encoding and compression of a text file, what is read of it is UTF-8."""

import codecs
import csv
import gzip
from pathlib import Path

import pytest

from holdfast.errors import DataError
from holdfast.io.files import DataFile
from holdfast.io.text import BLOCK_BYTES, Utf8Stream, reading
from holdfast.study import Csv

TEXT = "id;name\r\n1;Zoë\r\n2;José\r\n"


def stream(path: Path, content: bytes, *, encoding: str = "utf-8") -> Utf8Stream:
    path.write_bytes(content)
    file = DataFile(path, "csv", gzipped=path.suffix == ".gz")
    return Utf8Stream(file, Csv(encoding=encoding, delimiter=";"))


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", TEXT.encode()),
        ("utf-8", codecs.BOM_UTF8 + TEXT.encode()),
        ("utf-16", TEXT.encode("utf-16")),
        ("utf-16", TEXT.encode("utf-16-le")),
        ("utf-16", TEXT.encode("utf-16-be")),
        ("latin-1", TEXT.encode("latin-1")),
    ],
)
def test_every_encoding_gives_the_same_bytes(tmp_path: Path, encoding: str, content: bytes) -> None:
    with stream(tmp_path / "a.csv", content, encoding=encoding) as text:
        assert b"".join(iter(lambda: text.read(7), b"")) == TEXT.encode()


def test_a_compressed_file_is_read_as_the_plain_one(tmp_path: Path) -> None:
    with stream(tmp_path / "a.csv.gz", gzip.compress(TEXT.encode())) as text:
        assert text.read() == TEXT.encode()
        assert not text.more


def test_the_header_is_taken_off_and_its_lines_are_counted(tmp_path: Path) -> None:
    content = b'\r\nid;"name\nand surname"\r\n1;a\r\n2;b\r\n'
    with stream(tmp_path / "a.csv", content) as text:
        assert text.header_cells() == ["id", "name\nand surname"]
        # A blank line, and a header of two.
        assert (text.header_lines, text.newlines) == (3, 0)
        assert text.more
        assert text.read() == b"1;a\r\n2;b\r\n"
        assert (text.newlines, text.tail) == (2, b";b\r\n")


def test_bytes_that_are_no_utf8_are_passed_on(tmp_path: Path) -> None:
    with stream(tmp_path / "a.csv", b"id;name\n1;Zo\xeb\n") as text:
        assert text.read() == b"id;name\n1;Zo\xeb\n"


@pytest.mark.parametrize(
    ("encoding", "content", "message"),
    [
        ("utf-8", TEXT.encode("utf-16"), "is UTF-16 text, not utf-8"),
        ("utf-16", TEXT.encode(), "is not UTF-16 text"),
    ],
)
def test_the_wrong_encoding_is_refused(
    tmp_path: Path, encoding: str, content: bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        stream(tmp_path / "a.csv", content, encoding=encoding)


def test_a_cut_off_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    content = gzip.compress(TEXT.encode())[:-9]
    with (
        pytest.raises(DataError, match=r"a\.csv\.gz is a damaged or cut-off gzip file") as error,
        reading(DataFile(path, "csv")),
    ):
        stream(path, content).read()
    assert error.value.fix == "fetch the file again"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"a\.csv cannot be read: No such file"),
        reading(DataFile(tmp_path / "a.csv", "csv")),
    ):
        (tmp_path / "a.csv").read_bytes()


def test_a_quote_within_a_cell_of_the_header_is_a_sign_like_any_other(tmp_path: Path) -> None:
    content = b'id;size 5";"na""me;x"\n1;2;3\n4;5";6\n'
    with stream(tmp_path / "a.csv", content) as text:
        assert text.header_cells() == ["id", 'size 5"', 'na"me;x']
        assert text.read() == b'1;2;3\n4;5";6\n'


def test_a_quote_in_the_header_that_is_never_closed_is_said_and_no_more_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = b"1;2\n" * 8_000_000
    with (
        stream(tmp_path / "a.csv", b'id;"name\n' + rows) as text,
        pytest.raises(DataError, match=r"a quote in the header of .* is never closed") as raised,
    ):
        text.header_cells()
    assert "csv.quote" in raised.value.fix
    assert text._file.closed


def test_a_short_file_whose_header_is_not_closed_is_refused_as_well(tmp_path: Path) -> None:
    with (
        stream(tmp_path / "a.csv", b'id;"name\n1;2\n') as text,
        pytest.raises(DataError, match="is never closed"),
    ):
        text.header_cells()


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_file_without_line_ends_is_no_header(tmp_path: Path, name: str) -> None:
    content = b"x" * 40_000_000
    compressed = gzip.compress(content) if name.endswith("gz") else content
    with stream(tmp_path / name, compressed) as text:
        with pytest.raises(DataError, match="longer than 1 MB") as raised:
            text.header_cells()
        # A block of 8 MB, and not the 40 MB of the file.
        assert text._file.tell() <= 2 * BLOCK_BYTES
    assert "has lines" in raised.value.fix


def test_a_header_of_many_lines_is_read_to_its_end(tmp_path: Path) -> None:
    content = b'id;"' + b"line\n" * 100_000 + b'"\n1;2\n'
    with (
        stream(tmp_path / "a.csv", content) as text,
        pytest.raises(csv.Error, match="field larger"),
    ):
        text.header_cells()
    short = b'\n \n id;"' + b"line\n" * 1_000 + b'"\r1;2\n'
    with stream(tmp_path / "b.csv", short) as text:
        assert text.header_cells() == [" id", "line\n" * 1_000]
        assert (text.header_lines, text.read()) == (1003, b"1;2\n")
