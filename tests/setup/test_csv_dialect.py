"""An unknown text file shows how it is written."""

import gzip
from pathlib import Path

import pytest

from holdfast.io.files import find_files
from holdfast.setup.csv_dialect import detect_dialect
from holdfast.study import Csv


def looked_at(folder: Path, content: bytes) -> Csv:
    (folder / "orders.csv").write_bytes(content)
    return detect_dialect(find_files(str(folder / "orders.csv"))[0])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_show_in_the_bytes(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    lines = [["kunde", "größe", "betrag"], ["1", "a, b; c", "1.50"], ["2", "ü", "2.25"]]
    text = "".join(delimiter.join(f'"{cell}"' for cell in line) + "\r\n" for line in lines)
    found = looked_at(tmp_path, text.encode(encoding))
    assert (found.encoding, found.delimiter, found.quote, found.decimal) == (
        encoding,
        delimiter,
        '"',
        ".",
    )


@pytest.mark.parametrize(
    ("text", "delimiter", "decimal"),
    [
        ("a;b\n1,5;x\n2,25;y\n", ";", ","),
        ("a;b\n1.234,50;x\n2,25;y\n", ";", ","),
        ("a;b\n1.5;x\n2.25;y\n", ";", "."),
        ('a,b\n"1,5",x\n"2,25",y\n', ",", ","),
        ('a,b\n"1,234.50",x\n2.25,y\n', ",", "."),
        ("a;b\n1;x\n2;y\n", ";", "."),
    ],
)
def test_the_decimal_sign_shows_in_the_numbers(
    tmp_path: Path, text: str, delimiter: str, decimal: str
) -> None:
    found = looked_at(tmp_path, text.encode())
    assert (found.delimiter, found.decimal) == (delimiter, decimal)


def test_a_gzip_shows_what_is_in_it_and_quotes_may_be_single(tmp_path: Path) -> None:
    found = looked_at(tmp_path, gzip.compress(b"a|b\n'x|y'|'1'\n'z'|'2'\n"))
    assert (found.delimiter, found.quote) == ("|", "'")


def test_utf16_without_a_mark_is_known_by_its_zeros(tmp_path: Path) -> None:
    assert looked_at(tmp_path, "a,b\n1,2\n".encode("utf-16-le")).encoding == "utf-16"
