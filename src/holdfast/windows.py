"""Time, stated once: days are integers and every window is half-open.

A day is the number of days since 1970-01-01 in the business's time zone. A model that stands at
`cutoff_day` sees days < cutoff_day; its label lives in cutoff_day <= day < cutoff_day +
horizon_days, the target window.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

from holdfast.errors import StudyError

EPOCH = date(1970, 1, 1)
YEAR_DAYS = 365


def day_of(when: date) -> int:
    """Days since 1970-01-01.

    >>> day_of(date(1970, 1, 11))
    10
    """
    return (when - EPOCH).days


def date_of(day: int) -> date:
    """The calendar date of a day.

    >>> date_of(10)
    datetime.date(1970, 1, 11)
    """
    return EPOCH + timedelta(days=int(day))


def parse_day(text: str, *, name: str = "cutoff") -> int:
    """Read YYYY-MM-DD; `name` says in the error what it is.

    >>> parse_day("2011-13-01")
    Traceback (most recent call last):
        ...
    holdfast.errors.StudyError: cutoff 2011-13-01 is not a date; write it as YYYY-MM-DD
    """
    try:
        return day_of(date.fromisoformat(text))
    except ValueError:
        raise StudyError(
            f"{name} {text} is not a date", fix="write it as YYYY-MM-DD", value=text
        ) from None


def training_cutoffs(
    *,
    first_day: int,
    now: int,
    horizon_days: int,
    step_days: int,
    min_history_days: int,
    at_most: int,
) -> tuple[int, ...]:
    """Cutoffs whose labels are complete at `now`, latest first kept, in time order.

    Parameters
    ----------
    first_day
        First day of the log.
    now
        First day that may not be seen, by a feature or by a label.
    step_days, min_history_days, at_most
        Distance between cutoffs; days of log before the first; their number.

    >>> training_cutoffs(first_day=0, now=400, horizon_days=90, step_days=60,
    ...     min_history_days=90, at_most=3)
    (190, 250, 310)
    >>> training_cutoffs(first_day=0, now=100, horizon_days=90, step_days=60,
    ...     min_history_days=90, at_most=3)
    ()
    """
    latest = now - horizon_days
    backwards = range(latest, first_day + min_history_days - 1, -step_days)
    return tuple(reversed(backwards[:at_most]))


def backtest_cutoffs(
    *, end_day: int, horizon_days: int, step_days: int, count: int
) -> tuple[int, ...]:
    """The last `count` test cutoffs whose target window is complete, in time order.

    `end_day` is the first day after the log.

    >>> backtest_cutoffs(end_day=700, horizon_days=90, step_days=90, count=3)
    (430, 520, 610)
    """
    last = end_day - horizon_days
    return tuple(last - step_days * k for k in reversed(range(count)))


def windows_overlap(cutoffs: Sequence[int], *, horizon_days: int) -> bool:
    """Whether any two target windows share a day.

    >>> windows_overlap([0, 90, 180], horizon_days=90), windows_overlap([0, 60], horizon_days=90)
    (False, True)
    """
    ordered = sorted(cutoffs)
    return any(b - a < horizon_days for a, b in pairwise(ordered))
