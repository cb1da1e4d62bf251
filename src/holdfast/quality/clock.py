"""The clock of a log: at which hours people buy, and whether the study's time zone is the
shop's.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from holdfast.findings import Finding
from holdfast.ingest.order_log import OrderLog
from holdfast.quality.topics import Topic
from holdfast.windows import date_of

SOME_WITHOUT_TIME = 0.05
ENOUGH_LINES = 1_000
QUIET_HOURS = 6
BY_DAY = range(10, 19)
"""Local hours; where the quietest six hours are centred on one of them, the zone is not the shop's.
"""
_AROUND_DAYS = 28
_ENOUGH_AROUND = 300
_CLEARLY = 0.7
_EXAMPLES = ("Europe/London", "America/New_York")


def describe_clock(log: OrderLog) -> Topic:
    """Describe the times of day."""
    zone = log.study.time_zone
    if log.has_dates_only:
        facts = {"time_zone": zone, "dates_only": True}
        return Topic("clock", "Time of day", facts, ("The log has dates, no times.",))
    halves = _read_halves(log)
    by_hour = _profile(halves).reshape(24, 2).sum(axis=1)
    start = _quietest(by_hour)
    quiet = f"{start:02d}:00 to {(start + QUIET_HOURS) % 24:02d}:00"
    zones = (zone, *_EXAMPLES) if zone == "UTC" else (zone,)
    shifts = {name: _shift(halves, name) for name in zones}
    busy = ", ".join(f"{hour:02d}:00" for hour in sorted(np.argsort(-by_hour)[:3]))
    changes = len(list(_clock_changes(halves, zone)))
    facts = {
        "time_zone": zone,
        "dates_only": False,
        "at_midnight": log.count_at_midnight(),
        "clock_changes": changes,
        "lines_by_hour": by_hour.astype(int).tolist(),
        "quietest_from_hour": start,
        "seen_shift_hours": {name: shift[0] for name, shift in shifts.items()},
    }
    sentences = (
        f"In {zone}: busiest at {busy}, quietest from {quiet}.",
        f"{changes} clock changes fall into the log; a time in an hour that was skipped counts as "
        "an hour later."
        if changes
        else "No clock change falls into the log.",
    )
    findings = (*_find_in_hours(by_hour, facts, quiet), *_find_shifts(shifts, zone))
    return Topic("clock", "Time of day", facts, sentences, findings=findings)


def _find_in_hours(by_hour: np.ndarray, facts: dict[str, Any], quiet: str) -> Iterator[Finding]:
    at_midnight, start = facts["at_midnight"], facts["quietest_from_hour"]
    share = at_midnight / max(by_hour.sum(), 1)
    if share >= SOME_WITHOUT_TIME:
        yield Finding.of("times-missing", at_midnight=at_midnight, share=share)
    if by_hour.sum() >= ENOUGH_LINES and (start + QUIET_HOURS // 2) % 24 in BY_DAY:
        yield Finding.of("time-zone-looks-wrong", quiet=quiet, zone=facts["time_zone"])


def _find_shifts(shifts: dict[str, tuple[int, int]], zone: str) -> Iterator[Finding]:
    for name, (hours, seen) in shifts.items():
        if hours:
            yield Finding.of(
                "summer-time-not-followed" if name == zone else "summer-time-elsewhere",
                zone=name,
                hours=abs(hours),
                changes=seen,
            )


def _read_halves(log: OrderLog) -> pl.DataFrame:
    """One row per day and half hour of the local day (0..47) with a line: day, half, lines."""
    return log.query(f"""
        SELECT CAST(day AS INTEGER) AS day, count(*) AS lines,
            CAST(2 * hour(local) + minute(local) // 30 AS INTEGER) AS half
        FROM (SELECT day, {log.local_time} AS local FROM transactions)
        GROUP BY ALL ORDER BY day, half
    """)


def _clock_changes(halves: pl.DataFrame, zone: str) -> Iterator[tuple[int, int]]:
    """Each day of the log on which the zone's clocks change, and the change in hours."""
    days = halves["day"].to_numpy()
    every = range(int(days.min()), int(days.max()) + 1)
    noons = (datetime.combine(date_of(day), time(12, tzinfo=UTC)) for day in every)
    offsets = [noon.astimezone(ZoneInfo(zone)).utcoffset() or timedelta() for noon in noons]
    for day, (before, after) in zip(every[1:], pairwise(offsets), strict=True):
        if after != before:
            yield day, round((after - before) / timedelta(hours=1))


def _quietest(by_hour: np.ndarray) -> int:
    """The first of the six hours with the fewest lines; of equally quiet ones, those in the middle
    of a quiet time.
    """
    hours = np.arange(24)[:, None]
    within = by_hour[(hours + np.arange(QUIET_HOURS)) % 24].sum(axis=1)
    around = by_hour[(hours + np.arange(-3, QUIET_HOURS + 3)) % 24].sum(axis=1)
    return int(np.argmin(within + 1e-3 * around))


def _shift(halves: pl.DataFrame, zone: str) -> tuple[int, int]:
    """By how many hours the day moves where the zone's clocks go forward: 0, or -1 where the times
    do not follow them.

    Returned with the number of clock changes at which it was seen; a shift counts when all agree.
    """
    shifts = []
    for day, change in _clock_changes(halves, zone):
        spans = ((day - _AROUND_DAYS, day - 1), (day + 1, day + _AROUND_DAYS))
        parts = [halves.filter(pl.col("day").is_between(*span)) for span in spans]
        if min(part["lines"].sum() for part in parts) < _ENOUGH_AROUND:
            continue
        before, after = (_profile(part) / part["lines"].sum() for part in parts)
        distances = {h: np.abs(np.roll(before, 2 * h) - after).sum() for h in (-1, 0, 1)}
        best = min(distances, key=lambda hours: distances[hours])
        is_clear = best and distances[best] < _CLEARLY * distances[0]
        shifts.append(best * change if is_clear else 0)
    return (shifts[0] if len(set(shifts)) == 1 else 0), len(shifts)


def _profile(part: pl.DataFrame) -> np.ndarray:
    """Lines by half hour of the day, (48,)."""
    return np.bincount(part["half"].to_numpy(), weights=part["lines"].to_numpy(), minlength=48)
