"""The calendar of a log: from when to when, the days without a line, and whether the last day is
whole.
"""

from itertools import groupby

import numpy as np
import polars as pl

from holdfast.findings import Finding
from holdfast.quality.topics import Topic
from holdfast.windows import date_of

WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
CLOSED = 0.1
"""Share of a weekday's days with a line up to which the shop counts as closed on it."""
BY_CHANCE = 0.01
"""Expected number of runs of empty days as long, above which a run is no news."""
ENOUGH_LINES = 20
HALF_A_DAY = 0.5
_WEEKS = 8
_THREE_HOURS = 3 * 3600


def calendar(days: pl.DataFrame) -> Topic:
    """Describe the days of a log.

    Parameters
    ----------
    days
        One row per day with a line, by day: day, lines, customers, last_second (of the local day;
        null where the log has dates only).
    """
    present = days["day"].to_numpy().astype(int)
    first, last = int(present[0]), int(present[-1])
    every = np.arange(first, last + 1)
    is_open, closed = _open_days(every, present)
    missing = every[is_open & ~np.isin(every, present)]
    gaps = _gaps(missing, every[is_open], closed)
    whole = _last_day(days)
    facts = {
        "first_date": date_of(first).isoformat(),
        "last_date": date_of(last).isoformat(),
        "span_days": len(every),
        "closed_on": closed,
        "missing_days": len(missing),
        "gaps": [{"from": str(date_of(a)), "to": str(date_of(b)), "days": n} for a, b, n in gaps],
        "last_day": whole,
        "weeks": _weeks(days),
    }
    return Topic(
        name="calendar",
        title="Calendar",
        facts=facts,
        sentences=tuple(_sentences(first, last, closed, len(missing), whole)),
        findings=(*_about_gaps(gaps, len(missing)), *_about_last_day(whole)),
    )


def _open_days(every: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Tell the weekdays on which the shop is open: whether each day is one, and the names of the
    others.
    """
    # 1970-01-01 was a Thursday.
    weekday = (every + 3) % 7
    there = np.isin(every, present)
    closed = [
        d for d in range(7) if (weekday == d).sum() >= 4 and there[weekday == d].mean() <= CLOSED
    ]
    return ~np.isin(weekday, closed), [WEEKDAYS[d] for d in closed]


def _gaps(missing: np.ndarray, opened: np.ndarray, closed: list[str]) -> list[tuple[int, int, int]]:
    """Runs of open days without a line that are too long to be chance: first day, last day, open
    days.
    """
    if not len(missing):
        return []
    place = {int(day): i for i, day in enumerate(opened)}
    runs = [
        [int(day) for _, day in run]
        for _, run in groupby(enumerate(missing), key=lambda pair: place[int(pair[1])] - pair[0])
    ]
    empty = len(missing) / len(opened)
    return [
        (run[0], run[-1], len(run))
        for run in runs
        if len(run) > 1 and len(opened) * empty ** len(run) < BY_CHANCE
    ]


def _last_day(days: pl.DataFrame) -> dict[str, float | str | None]:
    """Compare the last day with the same weekday of the eight weeks before it."""
    last = days.row(-1, named=True)
    before = days.filter((last["day"] - pl.col("day")) % 7 == 0, pl.col("day") < last["day"]).tail(
        _WEEKS
    )
    usual = float(before["lines"].median() or 0)  # type: ignore[arg-type]
    ends = before["last_second"].drop_nulls().median() if before.height else None
    return {
        "lines": last["lines"],
        "usual_lines": usual,
        "share": last["lines"] / usual if usual >= ENOUGH_LINES else None,
        "last_time": _clock(last["last_second"]),
        "usual_last_time": _clock(ends),  # type: ignore[arg-type]
        "hours_short": (ends - last["last_second"]) / 3600
        if ends and last["last_second"] is not None
        else None,
    }


def _clock(second: float | None) -> str | None:
    return None if second is None else f"{int(second) // 3600:02d}:{int(second) // 60 % 60:02d}"


def _weeks(days: pl.DataFrame) -> list[dict[str, str | int]]:
    """Lines of each week, from Monday on; a week without a line has 0."""
    monday = pl.col("day") - (pl.col("day") + 3) % 7
    counted = days.group_by(monday=monday).agg(lines=pl.col("lines").sum())
    lines = dict(counted.iter_rows())
    return [
        {"week": date_of(day).isoformat(), "lines": int(lines.get(day, 0))}
        for day in range(min(lines), max(lines) + 1, 7)
    ]


def _sentences(
    first: int, last: int, closed: list[str], missing: int, whole: dict[str, float | str | None]
) -> list[str]:
    said = [f"{date_of(first)} to {date_of(last)}: {last - first + 1:,} days."]
    if closed:
        said.append(f"Closed on {' and '.join(closed)}.")
    days = f"{'other ' if closed else ''}day{'' if missing <= 1 else 's'} without a line."
    said.append(f"{missing:,} {days}" if missing else f"No {days}")
    if whole["share"] is not None:
        times = f", the last at {whole['last_time']}" if whole["last_time"] else ""
        said.append(
            f"The last day has {whole['lines']:,} lines{times}; usual on its weekday: "
            f"{whole['usual_lines']:,.0f}."
        )
    return said


def _about_gaps(gaps: list[tuple[int, int, int]], missing: int) -> list[Finding]:
    if not gaps:
        return []
    told = ", ".join(
        f"{date_of(a)} to {date_of(b)} ({n} days)"
        for a, b, n in sorted(gaps, key=lambda gap: -gap[2])[:3]
    )
    more = f" and {len(gaps) - 3} more" if len(gaps) > 3 else ""
    return [
        Finding(
            "gaps-in-the-calendar",
            "warning" if max(n for *_, n in gaps) >= 14 else "note",
            evidence=f"no line on {told}{more}, all on days the shop is usually open",
            meaning="A closed shop is no loss; an export that failed makes every customer look "
            "silent then.",
            fix="check whether the shop was closed; if not, load the missing days",
        )
    ]


def _about_last_day(whole: dict[str, float | str | None]) -> list[Finding]:
    share, short = whole["share"], whole["hours_short"]
    is_short = isinstance(short, float) and short * 3600 >= _THREE_HOURS
    if not isinstance(share, float) or not (share < HALF_A_DAY or (is_short and share < 1)):
        return []
    times = (
        f" and ends at {whole['last_time']}, usually {whole['usual_last_time']}" if is_short else ""
    )
    return [
        Finding.note(
            "last-day-incomplete",
            evidence=f"the last day has {share:.0%} of the lines usual on its weekday{times}",
            meaning="The newest day is cut: its customers look silent, and a label that needs it "
            "is a little wrong.",
            fix="load the rest of the day, or set it aside",
        )
    ]
