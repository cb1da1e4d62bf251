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


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("", 0),
        ("Sales report\n", 1),
        ("Sales report, all shops\nFrom 2023-01-01\n\n", 2),
        ("Sales report,,,\n,,,\n", 2),
        ('"Sales\nreport",,,\n', 2),
    ],
)
def test_title_lines_show_above_the_header(tmp_path: Path, title: str, lines: int) -> None:
    table = "id,day,order,amount\nA,2023-01-01,1,2.50\nB,2023-01-02,2,3.75\nC,2023-01-03,3,1.10\n"
    found = looked_at(tmp_path, f"{title}{table}".encode())
    assert (found.skip_lines, found.delimiter) == (lines, ",")


def test_a_short_header_over_wider_rows_is_no_title(tmp_path: Path) -> None:
    # R writes row names without a heading.
    assert looked_at(tmp_path, b"id,name\n1,A,x\n2,B,y\n3,C,z\n").skip_lines == 0


def test_sparse_rows_below_a_full_header_are_no_tables_of_their_own(tmp_path: Path) -> None:
    rows = b"".join(
        b"%d,2023-01-01,Paid,9.50,Mug\n%d,,,,Bowl\n%d,,,,Cup\n" % ((i,) * 3) for i in range(9)
    )
    assert looked_at(tmp_path, b"order,day,status,total,item\n" + rows).skip_lines == 0


def test_of_json_only_texts_show_the_decimal_sign(tmp_path: Path) -> None:
    found = looked_at(tmp_path, b'{"paid": "12,50", "x": 1.5, "y": 2.5}\n' * 3)
    assert (found.decimal, found.model_fields_set) == (",", {"decimal"})
