"""The clock of a log: at which hours people buy, and whether the study's time zone is the
shop's.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from holdfast.findings import Finding
from holdfast.quality.topics import Topic
from holdfast.windows import date_of

DATES_ONLY = 0.99
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


def clock(halves: pl.DataFrame, *, at_midnight: int, zone: str) -> Topic:
    """Describe the times of day.

    Parameters
    ----------
    halves
        One row per day and half hour of the local day with a line: day, half (0..47), lines.
    at_midnight
        Lines at exactly 00:00:00.
    """
    total = int(halves["lines"].sum())
    share = at_midnight / max(total, 1)
    if share >= DATES_ONLY:
        facts = {"time_zone": zone, "dates_only": True}
        return Topic(
            name="clock",
            title="Time of day",
            facts=facts,
            sentences=("The log has dates, no times.",),
        )
    by_hour = np.bincount(
        halves["half"].to_numpy() // 2, weights=halves["lines"].to_numpy(), minlength=24
    )
    start = _quietest(by_hour)
    shifts = {
        name: _shift(halves, name)
        for name in dict.fromkeys((zone, *(_EXAMPLES if zone == "UTC" else ())))
    }
    busy = ", ".join(f"{hour:02d}:00" for hour in sorted(np.argsort(-by_hour)[:3]))
    changes = len(list(clock_changes(halves, zone)))
    findings = [
        *_without_time(share, at_midnight),
        *(_wrong_zone(start, zone) if total >= ENOUGH_LINES else []),
        *(_stored_in_utc(name, zone, *shift) for name, shift in shifts.items() if shift[0]),
    ]
    return Topic(
        name="clock",
        title="Time of day",
        facts={
            "time_zone": zone,
            "dates_only": False,
            "at_midnight": at_midnight,
            "clock_changes": changes,
            "lines_by_hour": by_hour.astype(int).tolist(),
            "quietest_from_hour": start,
            "seen_shift_hours": {name: shift[0] for name, shift in shifts.items()},
        },
        sentences=(
            f"In {zone}: busiest at {busy}, quietest from {start:02d}:00 to "
            f"{(start + QUIET_HOURS) % 24:02d}:00.",
            f"{changes} clock changes fall into the log."
            if changes
            else "No clock change falls into the log.",
        ),
        findings=tuple(findings),
    )


def clock_changes(halves: pl.DataFrame, zone: str) -> Iterator[tuple[int, int]]:
    """Each day of the log on which the zone's clocks change, and the change in hours."""
    days = halves["day"].to_numpy()
    place = ZoneInfo(zone)
    noons = [
        datetime.combine(date_of(int(day)), datetime.min.time(), UTC) + timedelta(hours=12)
        for day in range(int(days.min()), int(days.max()) + 1)
    ]
    offsets = [noon.astimezone(place).utcoffset() or timedelta() for noon in noons]
    for i in range(1, len(offsets)):
        if offsets[i] != offsets[i - 1]:
            yield int(days.min()) + i, round((offsets[i] - offsets[i - 1]) / timedelta(hours=1))


def _quietest(by_hour: np.ndarray) -> int:
    """The first of the six hours with the fewest lines; of equally quiet ones, those in the middle
    of a quiet time.
    """
    around = np.array(
        [by_hour.take(range(h - 3, h + QUIET_HOURS + 3), mode="wrap").sum() for h in range(24)]
    )
    within = np.array(
        [by_hour.take(range(h, h + QUIET_HOURS), mode="wrap").sum() for h in range(24)]
    )
    return int(np.argmin(within + 1e-3 * around))


def _shift(halves: pl.DataFrame, zone: str) -> tuple[int, int]:
    """By how many hours the day moves where the zone's clocks go forward: 0, or -1 where the times
    do not follow them.

    Returned with the number of clock changes at which it was seen; a shift counts when all agree.
    """
    seen = []
    for day, change in clock_changes(halves, zone):
        before, after = (
            _profile(halves.filter(pl.col("day").is_between(*span)))
            for span in ((day - _AROUND_DAYS, day - 1), (day + 1, day + _AROUND_DAYS))
        )
        if before is None or after is None:
            continue
        away = {hours: np.abs(np.roll(before, 2 * hours) - after).sum() for hours in (-1, 0, 1)}
        best = min(away, key=lambda hours: away[hours])
        seen.append(best * change if best and away[best] < _CLEARLY * away[0] else 0)
    return (seen[0], len(seen)) if seen and len(set(seen)) == 1 else (0, len(seen))


def _profile(part: pl.DataFrame) -> np.ndarray | None:
    total = int(part["lines"].sum())
    if total < _ENOUGH_AROUND:
        return None
    return (
        np.bincount(part["half"].to_numpy(), weights=part["lines"].to_numpy(), minlength=48) / total
    )


def _without_time(share: float, count: int) -> list[Finding]:
    if share < SOME_WITHOUT_TIME:
        return []
    return [
        Finding.note(
            "times-missing",
            evidence=f"{count:,} lines ({share:.0%}) are at exactly midnight, the others are not",
            meaning="Part of the log has dates without times; in another time zone they would fall "
            "on the day before.",
            fix="nothing, if the time zone is the shop's own",
        )
    ]


def _wrong_zone(start: int, zone: str) -> list[Finding]:
    if (start + QUIET_HOURS // 2) % 24 not in BY_DAY:
        return []
    return [
        Finding.warning(
            "time-zone-looks-wrong",
            evidence=f"the quietest six hours are {start:02d}:00 to "
            f"{(start + QUIET_HOURS) % 24:02d}:00 in {zone}",
            meaning="Nobody's customers sleep by day: orders of the evening probably count on the "
            "wrong day.",
            fix="set study.time_zone to the shop's own",
        )
    ]


def _stored_in_utc(seen_in: str, zone: str, hours: int, changes: int) -> Finding:
    meant = (
        f"the clocks of {seen_in}"
        if zone == seen_in
        else f"clocks that change like those of {seen_in}"
    )
    fix = (
        "write the times with an offset (Z), so that they are converted"
        if zone == seen_in
        else "set study.time_zone"
    )
    return Finding.warning(
        "summer-time-not-followed",
        evidence=f"at {changes} changes of {meant}, the shop's day moves by {abs(hours)} hour in "
        "the log",
        meaning="The times are written in another zone than the one they are read in.",
        fix=fix,
    )
