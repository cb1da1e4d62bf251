"""CSV files become rows, and every line that is none is on record with its line and reason."""

import gzip
from pathlib import Path

import pytest

from holdfast.errors import DataError
from holdfast.io import csv as csv_module
from holdfast.io.csv import CsvFiles
from holdfast.io.files import DataFile, find_files
from holdfast.study import Csv


def opened(folder: Path, *contents: bytes, dialect: Csv | None = None) -> CsvFiles:
    for i, content in enumerate(contents):
        (folder / f"part-{i}.csv").write_bytes(content)
    return CsvFiles(find_files(str(folder / "part-*.csv")), dialect or Csv())


def rows(files: CsvFiles) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for batch in files.batches() for row in batch.to_pylist()]


def test_cells_stay_text_and_rows_are_numbered_from_one(tmp_path: Path) -> None:
    files = opened(tmp_path, b'id,"when",amount\n007,2011-01-01,1.50\n8,,"a,b"\n')
    assert files.names == ["id", "when", "amount"]
    assert rows(files) == [(0, 1, "007", "2011-01-01", "1.50"), (0, 2, "8", None, "a,b")]
    assert not files.rejected


@pytest.mark.parametrize(
    ("encoding", "bytes_written"),
    [
        ("utf-8", "id,naïve\n1,Zoë 🎁\n".encode()),
        ("utf-8", "id,naïve\n1,Zoë 🎁\n".encode("utf-8-sig")),
        ("utf-8-sig", "id,naïve\n1,Zoë 🎁\n".encode("utf-8-sig")),
        ("utf-16", "id,naïve\n1,Zoë 🎁\n".encode("utf-16")),
        ("utf-16", b"\xfe\xff" + "id,naïve\n1,Zoë 🎁\n".encode("utf-16-be")),
        ("latin-1", "id,naïve\n1,Zoë ¼\n".encode("latin-1")),
    ],
)
def test_every_encoding_reads_the_same(tmp_path: Path, encoding: str, bytes_written: bytes) -> None:
    files = opened(tmp_path, bytes_written, dialect=Csv.model_validate({"encoding": encoding}))
    assert files.names == ["id", "naïve"]
    assert rows(files)[0][3] in ("Zoë 🎁", "Zoë ¼")


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_every_line_ending_reads_the_same(tmp_path: Path, ending: bytes) -> None:
    files = opened(tmp_path, ending.join([b"a,b", b"1,2", b"3", b"4,5", b""]))
    assert rows(files) == [(0, 1, "1", "2"), (0, 3, "4", "5")]
    assert [(r.record, r.reason) for r in files.rejected] == [(2, "1 cells where the header has 2")]
    assert files.lines(0, [2]) == {2: 3}


def test_line_endings_may_be_mixed(tmp_path: Path) -> None:
    assert len(rows(opened(tmp_path, b"a,b\n1,2\r\n3,4\r5,6\n"))) == 3


def test_gzip_reads_as_the_file_in_it(tmp_path: Path) -> None:
    files = opened(tmp_path, gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n"))
    assert [row[2:] for row in rows(files)] == [("1", "2"), ("3", "4")]


def test_a_cut_off_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,x\n" % i for i in range(5000)))
    with pytest.raises(DataError, match="damaged or cut-off gzip"):
        rows(opened(tmp_path, whole[: len(whole) // 2]))


def test_ragged_lines_are_rejected_with_their_own_line(tmp_path: Path) -> None:
    content = b'a,b,c\n1,2,3\n4,5\n\n"x\ny",1,2\n7,8,9,10\n11,12,13\n'
    files = opened(tmp_path, content)
    assert [row[2] for row in rows(files)] == ["1", "x\ny", "11"]
    assert [(r.record, r.text) for r in files.rejected] == [(2, "4,5"), (4, "7,8,9,10")]
    # Line 4 is blank and line 5 to 6 is one record.
    assert files.lines(0, [2, 3, 4, 5]) == {2: 3, 3: 5, 4: 7, 5: 8}


def test_bytes_that_are_no_text_are_rejected_and_the_rest_read(tmp_path: Path) -> None:
    files = opened(tmp_path, b"a,b\n1,ok\n2,caf\xe9\n3,ok\n")
    assert [row[1:3] for row in rows(files)] == [(1, "1"), (3, "3")]
    assert [(r.record, r.reason, r.text) for r in files.rejected] == [
        (2, "bytes that are not utf-8 text", "2,caf�")
    ]


def test_half_a_utf16_character_at_the_end_is_rejected(tmp_path: Path) -> None:
    content = "a,b\n1,2\n3,4".encode("utf-16") + b"x"
    files = opened(tmp_path, content, dialect=Csv(encoding="utf-16"))
    assert [row[2] for row in rows(files)] == ["1"]
    assert files.rejected[0].reason == "bytes that are not utf-16 text"


@pytest.mark.parametrize("broken", [b'a,b\n1,2\n3,"4\n5,6\n7,8\n', b'a,b\n1,2\n"3,4\n5,6\n7,8'])
def test_a_quote_that_is_never_closed_does_not_swallow_lines_unseen(
    tmp_path: Path, broken: bytes
) -> None:
    files = opened(tmp_path, broken)
    assert [row[2:] for row in rows(files)] == [("1", "2")]
    assert [(r.record, r.reason) for r in files.rejected] == [(2, "a quote is never closed")]


def test_a_quoted_cell_over_lines_at_the_end_of_a_file_is_a_row(tmp_path: Path) -> None:
    assert rows(opened(tmp_path, b'a,b\n1,"x\ny"\n')) == [(0, 1, "1", "x\ny")]


def test_a_cell_of_three_megabytes_is_read(tmp_path: Path) -> None:
    files = opened(tmp_path, b"a,b\n1," + b"z" * 3_000_000 + b"\n2,y\n")
    assert [len(str(row[3])) for row in rows(files)] == [3_000_000, 1]


def test_a_nul_byte_is_part_of_its_cell(tmp_path: Path) -> None:
    assert rows(opened(tmp_path, b"a,b\n1,x\0y\n"))[0][3] == "x\0y"


def test_a_line_longer_than_a_block_is_refused_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_module.Utf8Stream, "block", 1 << 10)
    with pytest.raises(DataError, match="look for a quote that is never closed"):
        rows(opened(tmp_path, b"a,b\n1," + b"z" * 5000 + b"\n"))


def test_blocks_do_not_change_rows_or_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"a,b\n" + b"".join(
        b"%d\n" % i if i % 7 == 3 else b"%d,%d\n" % (i, i) for i in range(500)
    )
    whole = opened(tmp_path, content)
    expected = rows(whole)
    monkeypatch.setattr(csv_module.Utf8Stream, "block", 64)
    parts = opened(tmp_path, content)
    assert rows(parts) == expected
    assert parts.rejected == whole.rejected
    assert all(int(str(row[2])) == int(str(row[1])) - 1 for row in expected)


def test_the_wrong_delimiter_is_named_before_the_whole_file_is_rejected(tmp_path: Path) -> None:
    lines = b"".join(b"%d,5;x\n" % i for i in range(3000))
    with pytest.raises(DataError, match=r"check csv\.delimiter") as caught:
        rows(opened(tmp_path, b"id;amount\n" + lines))
    assert "are not rows: 2 cells where the header has 1" in caught.value.problem


def test_files_of_a_glob_may_order_their_columns_differently(tmp_path: Path) -> None:
    files = opened(tmp_path, b"a,b\n1,2\n", b"b,a\n20,10\n")
    assert rows(files) == [(0, 1, "1", "2"), (1, 1, "10", "20")]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_title_lines_above_the_header_are_left_out(tmp_path: Path, ending: bytes) -> None:
    lines = [b"Sales, all shops", b"", b"a,b", b"1,2", b"3", b"4,5", b""]
    files = opened(tmp_path, ending.join(lines), dialect=Csv(skip_lines=1))
    assert files.names == ["a", "b"]
    assert rows(files) == [(0, 1, "1", "2"), (0, 3, "4", "5")]
    assert files.lines(0, [2]) == {2: 5}


def test_files_of_different_columns_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"part-1\.csv and .*part-0\.csv differ .*first lacks b; the second lacks c",
    ):
        rows(opened(tmp_path, b"a,b\n1,2\n", b"a,c\n1,2\n"))


def test_a_file_without_rows_among_others_is_no_error(tmp_path: Path) -> None:
    assert rows(opened(tmp_path, b"a,b\n", b"a,b\n1,2\n", b"a,b\n\n\n")) == [(1, 1, "1", "2")]


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        ("a,b\n1,2\n".encode("utf-16"), "utf-8", 'set csv.encoding = "utf-16"'),
        (b"a,b\n1,2\n", "utf-16", "is not UTF-16 text"),
        (b"\n\n\n", "utf-8", "has no header line"),
        (b"a,b,a\n1,2,3\n", "utf-8", "has the column 'a' 2 times"),
    ],
)
def test_what_is_no_table_is_refused_with_advice(
    tmp_path: Path, content: bytes, encoding: str, said: str
) -> None:
    with pytest.raises(DataError, match=said.replace("(", r"\(")):
        opened(tmp_path, content, dialect=Csv.model_validate({"encoding": encoding}))


def test_a_header_may_hold_quoted_line_breaks_and_blanks(tmp_path: Path) -> None:
    files = opened(tmp_path, b'\n"a\nb", c ,\n1,2,3\n4,5\n')
    assert files.names == ["a\nb", "c", "column 3"]
    assert [row[1] for row in rows(files)] == [1]
    assert files.lines(0, [1, 2]) == {1: 4, 2: 5}


def test_more_columns_than_any_table_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"," * 1_000_000 + b"\n")
    with pytest.raises(DataError, match=r"has 1,000,001 columns, more than 10,000") as raised:
        CsvFiles([DataFile(path, "csv")], Csv())
    assert "csv.delimiter" in raised.value.fix


def test_files_whose_columns_stand_in_another_order_are_read_by_name(tmp_path: Path) -> None:
    names = [f"n{i}" for i in range(3_000)]
    for name, order in (("a.csv", names), ("b.csv", names[::-1])):
        (tmp_path / name).write_text(f"{','.join(order)}\n{','.join(order)}\n")
    files = CsvFiles([DataFile(tmp_path / name, "csv") for name in ("a.csv", "b.csv")], Csv())
    for batch in files.batches():
        assert [column[0].as_py() for column in batch.columns[2:]] == names


def test_a_blank_line_counts_where_a_line_is_looked_for(tmp_path: Path) -> None:
    files = opened(tmp_path, b"id,n\n1,2\n\n2,3\n3,4")
    assert len(rows(files)) == 3
    assert files.lines(0, [1, 2, 3]) == {1: 2, 2: 4, 3: 5}
