"""The calendar of a log: from when to when, the days without a line, and whether the last day is
whole.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
import polars as pl

from holdfast.findings import Finding, join_names
from holdfast.ingest.order_log import OrderLog
from holdfast.quality.topics import Topic
from holdfast.windows import date_of

WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
CLOSED = 0.1
"""Share of a weekday's days with a line up to which the shop counts as closed on it."""
BY_CHANCE = 0.01
"""Expected number of runs of empty days as long, above which a run is no news."""
ENOUGH_LINES = 20
HALF_A_DAY = 0.5
LONG_GAP_DAYS = 14
_WEEKS = 8
_HOURS_SHORT = 3
_NAMED = 3

_Gap = tuple[int, int, int]
"""First day, last day, days on which the shop is usually open."""


def describe_calendar(log: OrderLog) -> Topic:
    """Describe the days of a log."""
    days = log.query(f"""
        -- A log of dates has no last second.
        SELECT CAST(day AS INTEGER) AS day, count(*) AS lines,
            nullif(max(date_diff('second', date_trunc('day', local), local)), 0) AS last_second
        FROM (SELECT day, {log.local_time} AS local FROM transactions)
        GROUP BY day ORDER BY day
    """)
    present = days["day"].to_numpy().astype(int)
    first, last = int(present[0]), int(present[-1])
    every = np.arange(first, last + 1)
    is_open, closed = _open_days(every, present)
    missing = every[is_open & ~np.isin(every, present)]
    gaps = list(_gaps(missing, every[is_open]))
    last_day = _last_day(days)
    facts = {
        "first_date": date_of(first).isoformat(),
        "last_date": date_of(last).isoformat(),
        "span_days": len(every),
        "closed_on": closed,
        "missing_days": len(missing),
        "gaps": [{"from": str(date_of(a)), "to": str(date_of(b)), "days": n} for a, b, n in gaps],
        "last_day": last_day,
        "weeks": _weeks(days),
    }
    sentences = _sentences(facts)
    findings = (*_find_gaps(gaps), *_find_incomplete_last_day(last_day))
    return Topic("calendar", "Calendar", facts, sentences, findings=findings)


def _sentences(facts: dict[str, Any]) -> tuple[str, ...]:
    closed, missing, last_day = facts["closed_on"], facts["missing_days"], facts["last_day"]
    sentences = [f"{facts['first_date']} to {facts['last_date']}: {facts['span_days']:,} days."]
    if closed:
        sentences.append(f"Closed on {' and '.join(closed)}.")
    without = f"{'other ' if closed else ''}day{'' if missing <= 1 else 's'} without a line."
    sentences.append(f"{missing:,} {without}" if missing else f"No {without}")
    if last_day["share"] is not None:
        time = f", the last at {last_day['last_time']}" if last_day["last_time"] else ""
        sentences.append(
            f"The last day has {last_day['lines']:,} lines{time}; usual on its weekday: "
            f"{last_day['usual_lines']:,.0f}."
        )
    return tuple(sentences)


def _open_days(every: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Whether the shop is open on each day's weekday, and the weekdays on which it is closed."""
    # 1970-01-01 was a Thursday.
    weekday, there = (every + 3) % 7, np.isin(every, present)
    closed = [
        d for d in range(7) if (weekday == d).sum() >= 4 and there[weekday == d].mean() <= CLOSED
    ]
    return ~np.isin(weekday, closed), [WEEKDAYS[d] for d in closed]


def _gaps(missing: np.ndarray, opened: np.ndarray) -> Iterator[_Gap]:
    """Runs of open days without a line that are too long to be chance."""
    place = {int(day): i for i, day in enumerate(opened)}
    empty = len(missing) / max(len(opened), 1)
    for _, group in groupby(enumerate(missing), key=lambda pair: place[int(pair[1])] - pair[0]):
        run = [int(day) for _, day in group]
        if len(run) > 1 and len(opened) * empty ** len(run) < BY_CHANCE:
            yield run[0], run[-1], len(run)


def _last_day(days: pl.DataFrame) -> dict[str, Any]:
    """Compare the last day with the same weekday of the eight weeks before it."""
    last = days.row(-1, named=True)
    before = days[:-1].filter((last["day"] - pl.col("day")) % 7 == 0).tail(_WEEKS)
    usual = float(before["lines"].median() or 0)  # type: ignore[arg-type]
    ends: Any = before["last_second"].drop_nulls().median()
    begun = last["last_second"]
    return {
        "lines": last["lines"],
        "usual_lines": usual,
        "share": last["lines"] / usual if usual >= ENOUGH_LINES else None,
        "last_time": _clock(begun),
        "usual_last_time": _clock(ends),
        "hours_short": (ends - begun) / 3600 if ends and begun is not None else None,
    }


def _clock(second: float | None) -> str | None:
    return None if second is None else f"{int(second) // 3600:02d}:{int(second) // 60 % 60:02d}"


def _weeks(days: pl.DataFrame) -> list[dict[str, str | int]]:
    """Lines of each week, from Monday on; a week without a line has 0."""
    monday = pl.col("day") - (pl.col("day") + 3) % 7
    lines = dict(days.group_by(monday=monday).agg(pl.col("lines").sum()).iter_rows())
    return [
        {"week": date_of(day).isoformat(), "lines": int(lines.get(day, 0))}
        for day in range(min(lines), max(lines) + 1, 7)
    ]


def _find_gaps(gaps: list[_Gap]) -> Iterator[Finding]:
    if gaps:
        longest = sorted(gaps, key=lambda gap: -gap[2])
        spans = [f"{date_of(a)} to {date_of(b)} ({n} days)" for a, b, n in longest]
        yield Finding.of(
            "gaps-in-the-calendar",
            severity="warning" if longest[0][2] >= LONG_GAP_DAYS else "note",
            spans=join_names(spans, at_most=_NAMED),
        )


def _find_incomplete_last_day(last_day: dict[str, Any]) -> Iterator[Finding]:
    share, is_short = last_day["share"], (last_day["hours_short"] or 0) >= _HOURS_SHORT
    if share is not None and (share < HALF_A_DAY or (is_short and share < 1)):
        times = f" and ends at {last_day['last_time']}, usually {last_day['usual_last_time']}"
        yield Finding.of(
            "last-day-incomplete",
            evidence=f"the last day has {share:.0%} of the lines usual on its weekday"
            + (times if is_short else ""),
        )
