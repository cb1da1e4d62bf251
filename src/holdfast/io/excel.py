"""Workbooks (Excel, OpenDocument) as rows of text, read by calamine: dates as ISO 8601, numbers as
the workbook has them.

A sheet is read whole; Excel itself allows 1,048,576 rows.
"""

import logging
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

import polars as pl
import pyarrow as pa

from holdfast.errors import DataError, MissingExtra, first_line, nearest
from holdfast.io.archive import check_workbook
from holdfast.io.files import DataFile
from holdfast.io.text import header_place, reading
from holdfast.io.text_files import TextFiles, column_names, text_batch
from holdfast.study import Csv

MOST_UNPACKED = 2 * 2**30
LOOKED_AT = 200
"""Rows that tell a table from a note."""
_GROUPED = r"^[+-]?\d{1,3}(\.\d{3})+$"
_POINTED = r"^[+-]?\d+\.\d+$"
_COMMA = r"^[+-]?[\d.]*,\d+$"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_ENCRYPTED_WITHIN = 64 << 20


class ExcelFiles(TextFiles):
    """Sheets of one layout, read one after the other; `_row` is the row of the sheet."""

    def __init__(self, files: Sequence[DataFile], dialect: Csv, sheet: str | None) -> None:
        each = [(file, name) for file in files for name in sheets_of(file, sheet)]
        super().__init__([file for file, _ in each], dialect)
        self.sheets = [name for _, name in each]
        rows = _load(self.files[0], self.sheets[0], n_rows=dialect.skip_lines + LOOKED_AT)
        self.names = self._header(rows, self.labels[0])[1]

    @property
    def labels(self) -> tuple[str, ...]:
        """What each `_file` stands for."""
        return tuple(
            f"{file.label}/{sheet}" for file, sheet in zip(self.files, self.sheets, strict=True)
        )

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Every row that is not blank, a batch for each sheet."""
        for index, label in enumerate(self.labels):
            cells = _load(self.files[index], self.sheets[index])
            place, names = self._header(cells, label)
            order = self.order_of(names, label)
            rows = cells.with_row_index("_row", offset=1).slice(place + 1)
            rows = rows.filter(~pl.all_horizontal(pl.exclude("_row").is_null()))
            columns = [rows[f"c{i}"] for i in order]
            if self.dialect.decimal == ",":
                texts = _text_columns(self.files[index], self.sheets[index], below=place)
                columns = [
                    _with_commas(column, is_text=column.name in texts, where=f"'{name}' of {label}")
                    for column, name in zip(columns, self.names, strict=True)
                ]
            yield text_batch(index, rows["_row"].cast(pl.Int64).to_numpy(), columns)

    def _header(self, cells: pl.DataFrame, label: str) -> tuple[int, list[str]]:
        """Where the header stands, and its names; columns without a name have no cells either."""
        filled = cells.slice(self.dialect.skip_lines).with_row_index("_row")
        filled = filled.filter(~pl.all_horizontal(pl.exclude("_row").is_null()))
        if filled.is_empty():
            raise DataError(f"{label} has no rows", fix="name a sheet with rows")
        place, *header = filled.row(0)
        width = max(i + 1 for i, cell in enumerate(header) if cell is not None)
        return self.dialect.skip_lines + place, column_names(header[:width], label)


def sheets_of(file: DataFile, sheet: str | None) -> list[str]:
    """The sheets of a workbook that are meant: those of that name (or glob), or the only one that
    holds a table.

    Raises
    ------
    DataError
        There is none, or more than one and no name.
    """
    book = _open(file)
    if sheet is not None:
        by_glob = [name for name in book.sheet_names if fnmatchcase(name, sheet)]
        matches = [sheet] if sheet in book.sheet_names else by_glob
        if not matches:
            raise DataError(
                f"{file.label} has no sheet '{sheet}'", fix=nearest(sheet, book.sheet_names)
            )
        return matches
    tables = [
        name
        for name in book.sheet_names
        if book.load_sheet(name, n_rows=1, dtypes="string").visible == "visible"
        and _is_table(_load(file, name, n_rows=LOOKED_AT))
    ]
    if len(tables) == 1:
        return tables
    if not tables:
        raise DataError(
            f"no sheet of {file.label} holds a table: columns with a header and rows below it",
            fix=f"name one with the key 'sheet': {', '.join(book.sheet_names)}",
        )
    raise DataError(
        f"{len(tables)} sheets of {file.label} hold a table: {', '.join(tables)}",
        fix=f'name one with the key sheet, as in --set transactions.sheet="{tables[0]}"; of one '
        'layout, several with a glob, as in "*"',
        sheets=tables,
    )


def first_rows(file: DataFile, sheet: str | None) -> tuple[str, int, pl.DataFrame]:
    """Of a sheet that nobody has described: its name, the rows above its header, and the first of
    the rows below it in those columns that hold text.
    """
    name = sheets_of(file, sheet)[0]
    cells = _load(file, name, n_rows=LOOKED_AT)
    place = header_place(cells.rows())
    has_title = bool(
        cells.head(place).select(pl.any_horizontal(pl.all().is_not_null()).any()).item()
    )
    texts = _text_columns(file, name, below=place, n_rows=LOOKED_AT)
    return name, place if has_title else 0, cells.slice(place + 1).select(texts)


def _is_table(cells: pl.DataFrame) -> bool:
    """Whether a header of two names or more has a row below it."""
    filled = [sum(cell is not None for cell in row) for row in cells.rows()]
    place = header_place(cells.rows())
    return any(count > 1 for count in filled[place + 1 :]) and filled[place] > 1


def _text_columns(
    file: DataFile, sheet: str, *, below: int, n_rows: int | None = None
) -> list[str]:
    """The columns in which a cell below the header is text, as Excel sees it."""
    loaded = _open(file).load_sheet(
        sheet, header_row=None, skip_rows=below + 1, n_rows=n_rows, schema_sample_rows=None
    )
    kinds = loaded.to_polars().dtypes
    return [f"c{i}" for i, kind in enumerate(kinds) if kind == pl.String]


def _with_commas(cells: pl.Series, *, is_text: bool, where: str) -> pl.Series:
    """Cells of a sheet whose numbers are texts with a decimal comma: its true numbers, which have a
    point, in the same way.

    Raises
    ------
    DataError
        Both are in one column, where 1.234 may be either.
    """
    if not is_text:
        return cells.str.replace(".", ",", literal=True)
    whole = cells.str.strip_chars()
    has_points = (whole.str.contains(_POINTED) & ~whole.str.contains(_GROUPED)).any()
    if has_points and whole.str.contains(_COMMA).any():
        raise DataError(
            f"{where} mixes numbers and numbers written as text with a comma",
            fix="turn the texts into numbers in the workbook (Data, Text to Columns)",
        )
    return cells


def _load(file: DataFile, sheet: str, *, n_rows: int | None = None) -> pl.DataFrame:
    """The cells of a sheet as text, from its first row and its first column in use on."""
    loaded = _open(file).load_sheet(
        sheet, header_row=None, skip_rows=0, n_rows=n_rows, dtypes="string", whitespace_as_null=True
    )
    cells: pl.DataFrame = loaded.to_polars()
    return cells.rename({name: f"c{i}" for i, name in enumerate(cells.columns)})


def _open(file: DataFile) -> Any:
    try:
        import fastexcel
    except ImportError:
        raise MissingExtra("excel", needed_for="an Excel workbook") from None
    # A column without cells is no news.
    logging.getLogger("fastexcel").setLevel(logging.ERROR)
    with reading(file), file.path.open("rb") as opened:
        head = opened.read(_ENCRYPTED_WITHIN)
    if not head.startswith(b"PK") and _ENCRYPTED in head:
        raise DataError(
            f"{file.label} is encrypted", fix="save it without a password, or export it as CSV"
        )
    if head.startswith(b"PK"):
        check_workbook(file.path, limit=MOST_UNPACKED)
    try:
        # By its content: from a path, it would go by the name.
        return fastexcel.read_excel(file.path.read_bytes())
    except fastexcel.FastExcelError as error:
        raise DataError(
            f"{file.label} cannot be read as a workbook: {first_line(error)}",
            fix="open it and save it again as .xlsx, or export it as CSV",
        ) from None
