"""Messages: one JSON object each, a row of one of the study's sources, laid out as cells of text
like a file's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from holdfast.expressions import parse
from holdfast.stream.sources.source import Record
from holdfast.study import Study

SOURCES = ("transactions", "events", "treatments")
NOT_JSON = "not a JSON object"
ODD_TEXT = "a text holds a character that no text may have"


class Number(str):
    """The text of a number as the message writes it, so that no digit is lost."""

    __slots__ = ()


Cell = str | None
_loads = partial(json.loads, parse_float=Number, parse_int=Number)


@dataclass(frozen=True)
class Dead:
    """A message that cannot be understood, and why."""

    record: Record
    reason: str


@dataclass(frozen=True)
class Cells:
    """The rows of one source: which record each is, and its cells by column."""

    records: list[Record]
    columns: Mapping[str, list[Cell]]


def columns_read(study: Study) -> dict[str, list[str]]:
    """Source -> the columns of a message that the study reads."""
    dropped = study.privacy.drop if study.privacy else []
    read: dict[str, list[str]] = {}
    for name in SOURCES:
        source = getattr(study, name)
        if source is not None:
            columns = source.columns.model_dump(exclude_none=True).values()
            names = dict.fromkeys([*columns, *(_beside(study) if name == SOURCES[0] else [])])
            read[name] = [each for each in names if each not in dropped]
    return read


def _beside(study: Study) -> list[str]:
    """The columns of an order line that have no role, and are read all the same."""
    log = study.transactions
    assert log is not None
    rules = [*log.set_aside.values(), *([log.returns.when] if log.returns.when else [])]
    named = [study.conversion.column] if study.conversion and study.conversion.column else []
    return [*(name for rule in rules for name in parse(rule).columns), *log.provenance, *named]


def lay_out(
    records: Sequence[Record], columns: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Cells], list[Dead]]:
    """Lay messages out by source; those that are no row of any are dead."""
    rows = {name: Cells([], {column: [] for column in columns[name]}) for name in columns}
    dead = []
    for record in records:
        try:
            source, cells = _read(record.body, columns)
        except _Unreadable as error:
            dead.append(Dead(record, str(error)))
            continue
        rows[source].records.append(record)
        for column, cell in zip(rows[source].columns.values(), cells, strict=True):
            column.append(cell)
    return {name: each for name, each in rows.items() if each.records}, dead


class _Unreadable(ValueError):
    """Why a message is no row."""


def _read(body: bytes, columns: Mapping[str, Sequence[str]]) -> tuple[str, list[Cell]]:
    try:
        row = _loads(body)
    except (ValueError, RecursionError):
        raise _Unreadable(NOT_JSON) from None
    if not isinstance(row, dict):
        raise _Unreadable(NOT_JSON)
    source = row.get("source")
    if not (isinstance(source, str) and source in columns):
        if source in SOURCES:
            raise _Unreadable(f"the study has no [{source}]")
        # Without the word, or where it is a column of the study's own.
        source = SOURCES[0]
    cells = [_cell(row.get(name)) for name in columns[source]]
    if b"\\u" in body and not all(map(_is_writable, cells)):
        raise _Unreadable(ODD_TEXT)
    return source, cells


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    # What is written as NaN is no number of JSON; a list or an object is shown as a file has it.
    return None if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _is_writable(cell: Cell) -> bool:
    return cell is None or not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in cell)
