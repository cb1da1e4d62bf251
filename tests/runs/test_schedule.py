"""A schedule means the business's clock, and a failure is tried again."""

import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from holdfast.errors import InputError
from holdfast.runs.schedule import Ended, due_times, run_on_schedule, run_until_done


def test_the_clock_is_the_business_s_own_in_summer_and_in_winter() -> None:
    eve = datetime(2026, 10, 24, 12, tzinfo=UTC)
    found = [
        moment.astimezone(UTC)
        for moment in islice(due_times("0 3 * * *", time_zone="Europe/Berlin", now=eve), 2)
    ]
    # The clock goes back on the 25th at three, so three o'clock is first met at one UTC (CEST) and
    # later at two (CET).
    assert found[-1] == datetime(2026, 10, 26, 2, tzinfo=UTC)


def test_each_moment_comes_once_and_after_the_one_before() -> None:
    now = datetime(2026, 1, 1, 1, 59, 30, tzinfo=UTC)
    found = list(islice(due_times("0 2 * * mon-fri", time_zone="UTC", now=now), 3))
    assert [f"{moment:%a %d %H:%M}" for moment in found] == [
        "Thu 01 02:00",
        "Fri 02 02:00",
        "Mon 05 02:00",
    ]


def test_what_is_no_schedule_is_refused_with_an_example() -> None:
    with pytest.raises(InputError, match=r"'every night' is no schedule.*0 2 \* \* \*"):
        next(due_times("every night", time_zone="UTC", now=datetime(2026, 1, 1, tzinfo=UTC)))


def test_a_command_that_fails_twice_is_run_three_times_with_growing_pauses(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys; p = pathlib.Path('n'); n = len(p.read_text()) if p.exists() else 0; "
    )
    script += "p.write_text('x' * (n + 1)); sys.exit(n < 2)"
    said: list[str] = []
    waited: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        run_until_done([sys.executable, "-c", script], say=said.append, sleep=waited.append)
    assert (tmp_path / "n").read_text() == "xxx"
    assert waited == [60, 120]
    assert said == [
        f"the run ended with exit code 1; the next try is in {minutes} min" for minutes in (1, 2)
    ]


def test_after_each_run_that_ended_well_old_runs_are_pruned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[list[str]] = []

    now = datetime.now(UTC)

    def run(command: list[str]) -> Ended:
        called.append(command[3:])
        return Ended(process=1, code=0, begun=now)

    monkeypatch.setattr("holdfast.runs.schedule._run", run)
    monkeypatch.setattr("holdfast.runs.schedule.time.sleep", lambda _: None)
    monkeypatch.setattr("holdfast.runs.schedule.due_times", lambda *_, **__: [now, now])
    monkeypatch.setattr("holdfast.runs.schedule.datetime", Clock(now))
    told: list[Ended] = []
    run_on_schedule(
        ["--config", "a"],
        cron="",
        time_zone="UTC",
        now_too=True,
        say=lambda _: None,
        tell=told.append,
        afterwards=["runs", "prune"],
    )
    assert called == 3 * [["run", "--config", "a"], ["runs", "prune"]]
    assert [each.code for each in told] == [0, 0, 0]


class Clock:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self, _: object) -> datetime:
        return self.moment


def test_what_is_no_schedule_is_refused_before_the_first_run() -> None:
    with pytest.raises(InputError, match="is no schedule"):
        run_on_schedule(
            ["--no-such-option"], cron="often", time_zone="UTC", now_too=True, say=print
        )
