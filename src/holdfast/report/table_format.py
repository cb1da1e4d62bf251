"""A table that people read: a caption, columns and rows; one renderer each for a page, for Markdown
and for a terminal.
"""

import calendar
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.report import formatting

if TYPE_CHECKING:
    from rich.table import Table as RichTable

WORDS: Mapping[str, Callable[[Any], str]] = {
    "text": formatting.text,
    "day": formatting.day,
    "month": calendar.month_name.__getitem__,
    "feature": formatting.feature_title,
    "sentence": formatting.capital,
    "algorithm": formatting.algorithm,
    "metric name": formatting.metric_label,
}
NUMBERS: Mapping[str, Callable[[Any], str]] = {
    "count": formatting.count,
    "percent": formatting.percent,
    "whole percent": partial(formatting.percent, digits=0),
    "ratio": formatting.decimal,
    "score": partial(formatting.decimal, digits=2),
    "number": formatting.number,
    "effect": "{:+,.3g}".format,
}
_WRITE = {**WORDS, **NUMBERS}
SHORT, LONG = 20, 40
"""Characters of a cell that stays on one line; of one that needs room."""
# What HTML cannot hold, and what browsers drop or act on silently.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FIELD = re.compile("{(.+?)}")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True)
class Col:
    """A column.

    Attributes
    ----------
    name
        Where its values stand in a row.
    heading
        By default the name in words.
    kind
        How a value is written: one of `WORDS` or `NUMBERS`, "money" (in the table's currency) or
        "metric" (in the unit of the metric that the row names); by default as the values are.
    pattern
        Several values in one cell, as in "{low} to {high}"; where one is missing, the first alone.
    """

    name: str
    heading: str = ""
    kind: str = ""
    pattern: str = ""

    def cell(self, row: Mapping[str, Any], currency: str) -> str:
        """One cell in words."""
        fields = _FIELD.findall(self.pattern) or [self.name]
        texts = {field: self._write(row, field, currency) for field in fields}
        if not self.pattern or formatting.NONE in texts.values():
            return texts[fields[0]]
        return _FIELD.sub(lambda field: texts[field[1]], self.pattern)

    def _write(self, row: Mapping[str, Any], field: str, currency: str) -> str:
        value = row.get(field)
        if self.kind == "money":
            return formatting.money(value, currency)
        if self.kind == "metric":
            return formatting.metric(row["metric"], value, currency)
        return _WRITE[self.kind](value)


@dataclass(frozen=True)
class Table:
    """A table; `cells` and the renderers write it out.

    Attributes
    ----------
    currency
        ISO 4217, of the columns that hold money.
    """

    caption: str
    rows: Sequence[Mapping[str, Any]]
    columns: tuple[Col, ...]
    currency: str = ""

    @cached_property
    def is_number(self) -> list[bool]:
        """Whether the cells of each column are figures, which stand to the right; the first column
        names the row.
        """
        kinds = {*NUMBERS, "money", "metric"}
        return [place > 0 and col.kind in kinds for place, col in enumerate(self.columns)]

    @cached_property
    def cells(self) -> list[list[str]]:
        """Every row in words."""
        return [[col.cell(row, self.currency) for col in self.columns] for row in self.rows]


def make_table(
    caption: str,
    rows: pl.DataFrame | Sequence[Mapping[str, Any]],
    *columns: str | Col,
    currency: str = "",
    catalogue: Mapping[str, Col] | None = None,
) -> Table:
    """Describe a table.

    Parameters
    ----------
    columns
        Names, several in one string, or columns of their own; without any, all that the rows have.
    catalogue
        Name -> how the column of that name is headed and written.
    """
    rows = rows.to_dicts() if isinstance(rows, pl.DataFrame) else rows
    named = columns or tuple(rows[0] if rows else ())
    cols = [
        (catalogue or {}).get(name, Col(name)) if isinstance(name, str) else name
        for item in named
        for name in (item.split() if isinstance(item, str) else [item])
    ]
    return Table(caption, rows, tuple(_completed(col, rows) for col in cols), currency)


def _completed(col: Col, rows: Sequence[Mapping[str, Any]]) -> Col:
    """The column with the heading and the kind that nobody gave it."""
    values = [row.get(col.name) for row in rows]
    plain = [value for value in values if value is not None]
    kind = "text"
    if plain and all(isinstance(value, int | float) for value in plain):
        kind = "text" if isinstance(plain[0], bool) else "number"
    heading = col.heading or formatting.capital(col.name.replace("_", " "))
    return replace(col, heading=heading, kind=col.kind or kind)


def to_html(table: Table) -> str:
    """Write the table as HTML, in which nothing from the data is markup; without rows, nothing.

    Classes of cells: n, a figure; s, short; w, wide.
    """
    if not table.rows:
        return ""
    caption = _escape(table.caption)
    head = " ".join(
        f'<th scope="col" role="columnheader"{" class=n" * is_number}>{_escape(col.heading)}</th>'
        for col, is_number in zip(table.columns, table.is_number, strict=True)
    )
    rows = (
        " ".join(_html_cell(table, row, place) for place in range(len(row))) for row in table.cells
    )
    body = "\n".join(f'<tr role="row">{row}</tr>' for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{caption}">'
        f'<table class="hf-table" role="table"><caption>{caption}</caption>'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">\n{body}\n</tbody></table></div>'
    )


def _html_cell(table: Table, row: Sequence[str], place: int) -> str:
    text, size = row[place], len(row[place])
    kind = "n" if table.is_number[place] else "s" if size <= SHORT else "w" if size > LONG else ""
    named = f' class="{kind}"' if kind else ""
    written = f"<bdi>{_escape(text)}</bdi>" if text else ""
    if place == 0:
        return f'<th scope="row" role="rowheader"{named}>{written}</th>'
    heading = _escape(table.columns[place].heading)
    return f'<td role="cell" data-label="{heading}"{named}>{written}</td>'


def _escape(text: str) -> str:
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", escape(text))


def to_markdown(table: Table) -> str:
    """Write the table as Markdown under its caption; without rows, nothing."""
    if not table.rows:
        return ""
    rule = ["---:" if is_number else "---" for is_number in table.is_number]
    lines = [[plain(col.heading) for col in table.columns], rule]
    lines += [[plain(text) for text in row] for row in table.cells]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"**{plain(table.caption)}**\n\n{body}" if table.caption else body


def plain(text: str) -> str:
    """Keep text from being read as Markdown or HTML, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def to_rich(table: Table) -> "RichTable":
    """Lay the table out for a terminal."""
    from rich.table import Table as RichTable
    from rich.text import Text

    laid = RichTable(
        title=Text(table.caption, "bold") if table.caption else None,
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
    for col, is_number in zip(table.columns, table.is_number, strict=True):
        laid.add_column(col.heading, justify="right" if is_number else "left", overflow="fold")
    for row in table.cells:
        laid.add_row(*map(Text, row))
    return laid
