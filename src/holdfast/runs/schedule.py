"""Schedule: run a study again and again, each time in a process of its own.

A run that fails is tried again after one minute, then two, four, ... up to an hour, as a database
that restarts would want it; wrong input (exit 2) too, since a source that is not there yet is wrong
input until it is.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from holdfast.errors import InputError, MissingExtra

FIRST_PAUSE_SECONDS = 60
LONGEST_PAUSE_SECONDS = 3600
NOT_PUBLISHED = 3
"""Exit code of a run that was made well and is worse than the published one: to try again would
give the same.
"""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run that has ended.

    Attributes
    ----------
    process
        The number of its process.
    code
        Its exit code; below 0 the signal that ended it.
    begun
        When, in UTC.
    pause_seconds
        Until the next try, where it failed.
    """

    process: int
    code: int
    begun: datetime
    pause_seconds: int = 0


Tell = Callable[[Ended], None]


def due_times(cron: str, *, time_zone: str, now: datetime) -> Iterator[datetime]:
    """The moments a cron expression names, after `now`, in order, without end.

    Parameters
    ----------
    cron
        Minute, hour, day of month, month, day of week: "0 2 * * *" is every night at two.
    time_zone
        Of the clock that the expression means; an hour that a clock change skips does not fire.

    Raises
    ------
    InputError
        The expression is none.
    """
    try:
        from apscheduler.triggers.cron import CronTrigger
    except ImportError:
        raise MissingExtra("schedule", needed_for="holdfast schedule") from None
    try:
        trigger = CronTrigger.from_crontab(cron, timezone=ZoneInfo(time_zone))
    except ValueError as error:
        raise InputError(
            f"{cron!r} is no schedule: {error}", fix="write it as '0 2 * * *'"
        ) from None
    # What is wrong is refused here, before a first run, and not when the first moment is asked for.
    return _moments(trigger, now)


def _moments(trigger: Any, now: datetime) -> Iterator[datetime]:
    fired: datetime | None = None
    while (fired := trigger.get_next_fire_time(fired, fired or now)) is not None:
        yield fired


def pauses() -> Iterator[int]:
    """Seconds to wait after the first failure, the second, and so on.

    >>> from itertools import islice
    >>> list(islice(pauses(), 8))
    [60, 120, 240, 480, 960, 1920, 3600, 3600]
    """
    seconds = FIRST_PAUSE_SECONDS
    while True:
        yield seconds
        seconds = min(2 * seconds, LONGEST_PAUSE_SECONDS)


def run_until_done(
    command: Sequence[str],
    *,
    say: Say,
    tell: Tell = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Run a command until it has made a run, with a longer pause after each failure; `tell` hears
    of each try.
    """
    for pause in pauses():
        ended = _run(command)
        if ended.code in (0, NOT_PUBLISHED):
            tell(ended)
            return
        say(f"the run ended with exit code {ended.code}; the next try is in {pause // 60} min")
        tell(replace(ended, pause_seconds=pause))
        sleep(pause)


def _run(command: Sequence[str]) -> Ended:
    """Run a command; where we are stopped meanwhile, it is asked to end, not killed: it has files
    to remove.
    """
    begun = datetime.now(UTC)
    with subprocess.Popen(command) as child:
        try:
            return Ended(process=child.pid, code=child.wait(), begun=begun)
        except BaseException:
            child.terminate()
            raise


def run_on_schedule(
    arguments: Sequence[str],
    *,
    cron: str,
    time_zone: str,
    now_too: bool,
    say: Say,
    tell: Tell = lambda _: None,
    afterwards: Sequence[str] = (),
) -> None:
    """Run `holdfast run` whenever the schedule says so, until the process is stopped.

    Parameters
    ----------
    arguments
        What follows `holdfast run`.
    now_too
        Run once before the first due time.
    tell
        Hears of each run that has ended, well or badly.
    afterwards
        What follows `holdfast` after each run that ended well; empty: nothing.
    """
    holdfast = [sys.executable, "-m", "holdfast.cli"]

    def run_once() -> None:
        run_until_done([*holdfast, "run", *arguments], say=say, tell=tell)
        if afterwards:
            _run([*holdfast, *afterwards])

    due = due_times(cron, time_zone=time_zone, now=datetime.now(UTC))
    if now_too:
        run_once()
    for moment in due:
        wait = (moment - datetime.now(UTC)).total_seconds()
        if wait < 0:
            continue  # It came due while a run was still at work.
        say(f"the next run is due at {moment:%Y-%m-%d %H:%M %Z}")
        time.sleep(wait)
        run_once()
