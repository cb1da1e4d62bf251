"""The list of customers as an Excel workbook: amounts, shares and dates are typed cells, and no
cell is a formula.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.errors import InputError, MissingExtra
from holdfast.report.exports.customer_rows import neutralise
from holdfast.study.currencies import minor_digits

MOST_ROWS = 1_048_576
"""Rows of a sheet, its header among them."""


@dataclass(frozen=True)
class SheetColumn:
    """A column of the sheet.

    Attributes
    ----------
    kind
        "text", "share" (0..1), "money" or "date".
    width
        In characters.
    """

    name: str
    heading: str
    kind: str = "text"
    width: int = 14


def write_workbook(
    table: pl.DataFrame,
    path: Path,
    columns: Sequence[SheetColumn],
    *,
    title: str,
    created: datetime,
    currency: str,
) -> None:
    """Write a table as the only sheet of a workbook, with a frozen header and filters.

    Of the columns those that the table has are written. The same table gives the same file.

    Parameters
    ----------
    created
        Told in the workbook's properties, UTC.

    Raises
    ------
    InputError
        A sheet cannot hold so many rows.
    MissingExtra
        The extra `excel` is not installed.
    """
    if table.height >= MOST_ROWS:
        raise InputError(
            f"a sheet holds {MOST_ROWS - 1:,} customers, and there are {table.height:,}",
            fix="take customer_segments.csv from the run's folder, or write to a database with "
            "--postgres",
        )
    try:
        from xlsxwriter import Workbook
    except ImportError:
        raise MissingExtra("excel", needed_for="a workbook") from None
    shown = [column for column in columns if column.name in table.columns]
    rows = table.select(
        neutralise(each.name) if table.schema[each.name] == pl.String else each.name
        for each in shown
    )
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(path, options) as book:
        book.set_properties({"title": title, "created": created.replace(tzinfo=None)})
        _write_sheet(book, rows, shown, currency)


def _write_sheet(
    book: Any, rows: pl.DataFrame, columns: Sequence[SheetColumn], currency: str
) -> None:
    digits = minor_digits(currency)
    money = "#,##0." + "0" * digits if digits else "#,##0"
    patterns = {"text": "@", "share": "0.0%", "money": money, "date": "yyyy-mm-dd"}
    formats = {kind: book.add_format({"num_format": each}) for kind, each in patterns.items()}
    heading = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    sheet = book.add_worksheet("Customers")
    sheet.freeze_panes(1, 1)
    for place, column in enumerate(columns):
        unit = f" ({currency})" if column.kind == "money" else ""
        sheet.set_column(place, place, column.width)
        sheet.write_string(0, place, column.heading + unit, heading)
    sheet.autofilter(0, 0, rows.height, len(columns) - 1)
    kinds = [column.kind for column in columns]
    writers = {
        "text": sheet.write_string, "share": sheet.write_number, "money": sheet.write_number,
        "date": sheet.write_datetime,
    }  # fmt: skip
    for number, row in enumerate(rows.iter_rows(), 1):
        for place, (kind, value) in enumerate(zip(kinds, row, strict=True)):
            if value is not None:
                writers[kind](number, place, value, formats[kind])
