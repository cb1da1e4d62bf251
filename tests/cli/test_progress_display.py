"""Who hears of the steps of a run: a terminal live, a log line by line, a machine nothing."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from holdfast.cli import progress_display
from holdfast.progress import Silence, Steps


def test_where_there_is_no_terminal_each_step_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_display.progress(silent=False) as listener:
        listener.start("Learn")
        listener.finish("Learn", seconds=2.64, detail="churn: lightgbm")
        listener.finish("Publish", seconds=0.05, detail="")
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        "Learn                                 2.6 s  churn: lightgbm",
        "Publish                               0.1 s",
    ]


def test_of_a_long_step_a_log_hears_which_part_it_is_and_how_long_it_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.0, 4.0, 30.0, 31.0])
    monkeypatch.setattr(progress_display, "perf_counter", lambda: next(clock))
    with progress_display.progress(silent=False) as listener:
        listener.start("Prove")
        listener.advance("Prove", "churn, cutoff 1 of 2", done=0, total=4)
        listener.advance("Prove", "churn, cutoff 2 of 2", done=1, total=4)
        listener.advance("Prove", "value, cutoff 1 of 2", done=2, total=4)
    # 30 s for the first of four, three are left; a second later nothing is said again.
    assert capsys.readouterr().err.splitlines() == [
        "  Prove: churn, cutoff 2 of 2, about 2 min left of this step"
    ]


def test_a_silent_command_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_display.progress(silent=True) as listener:
        assert isinstance(listener, Silence)
        with Steps(listener)("Learn") as step:
            step.detail = "churn: lightgbm"
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_the_steps_behind_and_the_one_under_way() -> None:
    out = io.StringIO()
    console = Console(file=out, width=100, highlight=False)
    shown = Progress(TextColumn("{task.description}"), console=console)
    steps = progress_display.LiveSteps(shown, progress_display.TimeLeft())
    steps.start("Learn")
    assert [task.description.strip() for task in shown.tasks] == ["Learn"]
    assert out.getvalue() == ""
    steps.advance("Learn", "churn, cutoff 2 of 4", done=1, total=8)
    assert [task.description for task in shown.tasks] == ["Learn: churn, cutoff 2 of 4"]
    steps.finish("Learn", seconds=2.64, detail="churn: lightgbm")
    steps.start("Publish")
    assert [task.description.strip() for task in shown.tasks] == ["Publish"]
    behind = out.getvalue().splitlines()
    assert behind == ["✓ Learn                                 2.6 s  churn: lightgbm"]


def test_a_bar_of_bytes_and_a_bar_of_things_leave_nothing_behind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress_display.bar("cdnow", in_bytes=True, silent=True) as show:
        show(10, None)
        show(10, 20)
    with progress_display.bar("customers", total=3, silent=True) as count:
        count(2)
    assert capsys.readouterr() == ("", "")
