"""A table that people read: a caption, columns and rows; written for Markdown and for a terminal
here, for a page by `pages.to_html`.
"""

import calendar
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.report import formatting
from holdfast.report.table_columns import COLUMNS, Col

if TYPE_CHECKING:
    from rich.table import Table as RichTable

WORDS: Mapping[str, Callable[[Any], str]] = {
    "text": formatting.text, "day": formatting.day, "month": calendar.month_name.__getitem__,
    "feature": formatting.feature_title, "sentence": formatting.capital,
    "algorithm": formatting.algorithm, "metric_name": formatting.metric_label,
}  # fmt: skip
NUMBERS: Mapping[str, Callable[[Any], str]] = {
    "count": formatting.count,
    "percent": formatting.percent,
    "whole_percent": partial(formatting.percent, digits=0),
    "ratio": formatting.decimal,
    "score": partial(formatting.decimal, digits=2),
    "number": formatting.number,
    "effect": "{:+,.3g}".format,
    "points": "{:+,.1f}".format,
}
_WRITE = {**WORDS, **NUMBERS}
_SHORT = 20
"""Characters of a cell that stays on one line."""
_LONGEST_NAME = 32
"""Characters of a row's name that stays on one line of a terminal."""
_MANY = 6
"""More columns than these stand close together on a terminal."""
_FIELD = re.compile("{(.+?)}")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


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
        return [[_cell(col, row, self.currency) for col in self.columns] for row in self.rows]


def make_table(
    caption: str,
    rows: pl.DataFrame | Sequence[Mapping[str, Any]],
    *columns: str | Col,
    currency: str = "",
) -> Table:
    """Describe a table.

    Parameters
    ----------
    columns
        Names, several in one string, each maybe with how it is written, as in "share:percent"; or
        columns of their own. Without any, all that the rows have.
    """
    rows = rows.to_dicts() if isinstance(rows, pl.DataFrame) else rows
    every = [COLUMNS.get(name, Col(name)) for name in (rows[0] if rows else ())]
    cols = [
        _parse_name(word) if isinstance(word, str) else word
        for item in columns or every
        for word in (item.split() if isinstance(item, str) else [item])
    ]
    return Table(caption, rows, tuple(_complete(col, rows) for col in cols), currency)


def _parse_name(word: str) -> Col:
    name, _, kind = word.partition(":")
    col = COLUMNS.get(name, Col(name))
    return replace(col, kind=kind or col.kind)


def _complete(col: Col, rows: Sequence[Mapping[str, Any]]) -> Col:
    """The column with the heading and the kind that nobody gave it."""
    values = [row[col.name] for row in rows if row.get(col.name) is not None]
    are_numbers = values and all(type(value) in (int, float) for value in values)
    heading = col.heading or formatting.capital(col.name.replace("_", " "))
    kind = col.kind or ("number" if are_numbers else "text")
    return replace(col, heading=heading, kind=kind)


def _cell(col: Col, row: Mapping[str, Any], currency: str) -> str:
    fields = _FIELD.findall(col.pattern) or [col.name]
    texts = {field: _write(col.kind, row, field, currency) for field in fields}
    if not col.pattern or formatting.NONE in texts.values():
        return texts[fields[0]]
    return _FIELD.sub(lambda field: texts[field[1]], col.pattern)


def _write(kind: str, row: Mapping[str, Any], field: str, currency: str) -> str:
    value = row.get(field)
    if kind == "money":
        return formatting.money(value, currency)
    if kind == "metric":
        return formatting.metric(row["metric"], value, currency)
    return _WRITE[kind](value)


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
    """Lay the table out for a terminal: figures and short words stay on one line."""
    from rich.table import Table as RichTable
    from rich.text import Text

    is_wide = len(table.columns) > _MANY
    laid = RichTable(
        title=Text(table.caption, "bold") if table.caption else None,
        title_justify="left",
        box=None,
        padding=(0, 1 if is_wide else 2, 0, 0),
        header_style="dim",
    )
    for place, (col, is_number) in enumerate(zip(table.columns, table.is_number, strict=True)):
        longest = max((len(row[place]) for row in table.cells), default=0)
        # The first column names the row: a key broken in two cannot be copied.
        is_short = is_number or longest <= (_LONGEST_NAME if place == 0 else _SHORT)
        lines = wrap(col.heading, max(longest, 9 if is_wide else 14), break_long_words=False)
        laid.add_column(
            "\n".join(lines) if is_short else col.heading,
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=is_short,
        )
    for row in table.cells:
        laid.add_row(*map(Text, row))
    return laid
