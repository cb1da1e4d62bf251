"""Values that a caller gives of one customer, checked against what the run's columns hold."""

from itertools import pairwise
from math import isfinite
from typing import Any

import polars as pl

from holdfast.errors import DataError
from holdfast.features.recent_days import MOST_DAYS, READ_FIELDS, RECENT_DAYS

_LARGEST_INTEGER = 2**63
_LONGEST_WORD = 1_000
_LISTED = 5


def check_value(name: str, value: Any, kind: Any) -> Any:
    """A column's value, a number as a float; DataError where it is of another kind."""
    if value is None:
        return None
    if (fault := _find_fault(value, kind)) is not None:
        problem, fix = fault
        raise DataError(f"'{name}' {problem}", fix=fix, column=name)
    return value if kind in (pl.String, pl.Boolean) else float(value)


def check_days(days: Any) -> Any:
    """Days as in the run's features, oldest first, or None; DataError where they are not."""
    rows = [] if days is None else days
    is_list = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    if not is_list or not all(_is_whole(row.get(name)) for row in rows for name in READ_FIELDS):
        raise DataError(
            f"'{RECENT_DAYS}' is no list of days, each with whole numbers: "
            f"{', '.join(READ_FIELDS[:_LISTED])}, ...",
            fix="give raw orders and events instead, or leave it out",
            column=RECENT_DAYS,
        )
    if len(rows) > MOST_DAYS or any(one["day"] >= two["day"] for one, two in pairwise(rows)):
        raise DataError(
            f"'{RECENT_DAYS}' has {len(rows):,} days that do not follow one another, or more than "
            f"{MOST_DAYS}",
            fix=f"give each day once, oldest first, the last {MOST_DAYS} at most",
            column=RECENT_DAYS,
        )
    return days


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < _LARGEST_INTEGER


def _find_fault(value: Any, kind: Any) -> tuple[str, str] | None:
    """What is wrong with a value of a column of this kind, and what to do."""
    if kind == pl.String:
        if not isinstance(value, str):
            return "is a number", "give a word, as in the data"
        if len(value) > _LONGEST_WORD:
            return f"has {len(value):,} characters", f"give at most {_LONGEST_WORD}"
    elif isinstance(value, str):
        return "is a word", "give a number, as in the data"
    elif kind == pl.Boolean:
        if not isinstance(value, bool):
            return "is a number", "give true or false, as in the data"
    elif isinstance(value, int) and not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        return "is beyond 64 bits", "give a smaller number"
    elif not isfinite(value):
        return "is not finite", "give a number, or null"
    return None
