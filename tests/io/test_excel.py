"""Workbooks read as rows of text: the sheet that holds a table, dates as dates, numbers as they
are.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import DataError
from holdfast.io.excel import ExcelFiles, first_rows
from holdfast.io.files import find_files
from holdfast.study import Csv

xlsxwriter = pytest.importorskip("xlsxwriter")
pytest.importorskip("fastexcel")
Fill = Callable[[Any, Any], object]
HEADER = ("id", "when", "paid")


def write(path: Path, sheets: Mapping[str, Fill]) -> Path:
    book = xlsxwriter.Workbook(path)
    for name, fill in sheets.items():
        fill(book, book.add_worksheet(name))
    book.close()
    return path


def orders(*paid: object, first_row: int = 0) -> Fill:
    def fill(book: Any, sheet: Any) -> None:
        day = book.add_format({"num_format": "dd.mm.yyyy"})
        sheet.write_row(first_row, 0, HEADER)
        for i, amount in enumerate(paid, start=first_row + 1):
            sheet.write(i, 0, f"C{i}")
            sheet.write_datetime(i, 1, datetime(2024, 1, 31), day)  # noqa: DTZ001 - no zone
            (sheet.write_string if isinstance(amount, str) else sheet.write)(i, 2, amount)

    return fill


def note(book: Any, sheet: Any) -> None:
    sheet.write("A1", "made by the shop")


def titled(book: Any, sheet: Any) -> None:
    sheet.merge_range("A1:C1", "Sales of January")
    sheet.write("A2", "all shops")
    orders(12.5, 7, first_row=3)(book, sheet)


def opened(path: Path, sheet: str | None = None, **dialect: object) -> ExcelFiles:
    return ExcelFiles(find_files(str(path)), Csv.model_validate(dialect), sheet)


def rows(files: ExcelFiles) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for batch in files.batches() for row in batch.to_pylist()]


def test_dates_are_dates_numbers_are_numbers_and_rows_are_the_sheet_s(tmp_path: Path) -> None:
    files = opened(write(tmp_path / "a.xlsx", {"Note": note, "Orders": orders(12.5, "7", None)}))
    assert files.names == list(HEADER)
    assert rows(files) == [
        (0, 2, "C1", "2024-01-31 00:00:00", "12.5"),
        (0, 3, "C2", "2024-01-31 00:00:00", "7"),
        (0, 4, "C3", "2024-01-31 00:00:00", None),
    ]
    assert files.labels[0].endswith("a.xlsx/Orders")


def test_a_workbook_is_one_whatever_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", {"Orders": orders(1)}).rename(tmp_path / "orders.csv")
    assert [row[4] for row in rows(opened(path))] == ["1"]


def test_merged_title_rows_are_found_and_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", {"January": titled})
    name, title_rows, _ = first_rows(find_files(str(path))[0], None)
    assert (name, title_rows) == ("January", 3)
    files = opened(path, skip_lines=title_rows)
    assert files.names == list(HEADER)
    assert [(row[1], row[4]) for row in rows(files)] == [(5, "12.5"), (6, "7")]


def test_two_sheets_with_a_table_are_named_and_a_glob_reads_both(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", {"2023": orders(1), "2024": orders(2), "Note": note})
    with pytest.raises(DataError, match=r"2 sheets of .* hold a table: 2023, 2024.*sheet"):
        opened(path)
    assert [row[0::4] for row in rows(opened(path, "20*"))] == [(0, "1"), (1, "2")]
    assert [row[4] for row in rows(opened(path, "2024"))] == ["2"]
    with pytest.raises(DataError, match=r"has no sheet '2O24'.*did you mean '2024'"):
        opened(path, "2O24")


def test_a_hidden_sheet_is_not_taken_for_the_table(tmp_path: Path) -> None:
    def hidden(book: Any, sheet: Any) -> None:
        orders(99)(book, sheet)
        sheet.hide()

    path = write(tmp_path / "a.xlsx", {"Orders": orders(1), "Old": hidden})
    assert [row[4] for row in rows(opened(path))] == ["1"]


@pytest.mark.parametrize("sheets", [{"Sheet1": lambda book, sheet: None}, {"Note": note}])
def test_a_workbook_without_a_table_is_refused(tmp_path: Path, sheets: Mapping[str, Fill]) -> None:
    with pytest.raises(DataError, match=r"no sheet of .* holds a table"):
        opened(write(tmp_path / "a.xlsx", sheets))


def test_numbers_follow_the_decimal_comma_of_texts_and_a_mixture_is_refused(
    tmp_path: Path,
) -> None:
    numbers = write(tmp_path / "a.xlsx", {"Orders": orders(12.5, 1.234)})
    assert [row[4] for row in rows(opened(numbers, decimal=","))] == ["12,5", "1,234"]
    texts = write(tmp_path / "b.xlsx", {"Orders": orders("12,50", "1.234", 7)})
    assert [row[4] for row in rows(opened(texts, decimal=","))] == ["12,50", "1.234", "7"]
    both = write(tmp_path / "c.xlsx", {"Orders": orders("12,50", 1.5)})
    with pytest.raises(DataError, match=r"'paid' of .* mixes numbers and numbers written as text"):
        rows(opened(both, decimal=","))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "cannot be read as a workbook"),
    ],
)
def test_a_locked_or_foreign_workbook_is_refused_with_what_to_do(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "a.xls").write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        opened(tmp_path / "a.xls")
    assert "CSV" in caught.value.fix


def test_a_workbook_that_would_fill_the_memory_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.xlsx", {"Orders": orders(1)})
    monkeypatch.setattr("holdfast.io.excel.MOST_UNPACKED", 1000)
    with pytest.raises(DataError, match="would unpack to"):
        opened(path)
