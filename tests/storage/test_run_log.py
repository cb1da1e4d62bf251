"""The log of a run: what happened, line by line, and where to find it when it went wrong."""

import json
from pathlib import Path

import pytest

from holdfast.errors import DataError
from holdfast.storage.run_log import RunLog


def events(log: RunLog) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.path.read_text(encoding="utf-8").splitlines()]


def test_each_step_is_a_line_at_once(tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        log.start("Learn")
        log.advance("Learn", "churn, cutoff 2 of 4", done=1, total=8)
        log.finish("Learn", seconds=2.5, detail="é")
        read = events(log)
    assert [line["event"] for line in read] == ["started", "progress", "ended"]
    assert (read[1]["what"], read[1]["done"], read[1]["total"]) == ("churn, cutoff 2 of 4", 1, 8)
    assert read[2]["detail"] == "é"
    assert log.path.stat().st_mode & 0o077 == 0


def test_an_error_is_the_last_line_and_names_the_log(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    with pytest.raises(DataError) as caught, log:
        raise DataError("no rows", fix="give some")
    assert caught.value.__notes__ == [f"Log: {log.path}"]
    assert events(log)[-1].items() >= {"event": "failed", "problem": "no rows"}.items()


def test_what_nobody_expected_is_logged_with_its_traceback(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    with pytest.raises(ZeroDivisionError), log:
        _ = 1 / 0
    assert "test_run_log.py" in str(events(log)[-1]["traceback"])


def test_a_run_that_was_stopped_says_so(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    with pytest.raises(KeyboardInterrupt), log:
        raise KeyboardInterrupt
    assert events(log)[-1]["event"] == "interrupted"


def test_the_last_thirty_logs_stay(tmp_path: Path) -> None:
    logs = []
    for _ in range(32):
        with RunLog(tmp_path) as log:
            logs.append(log.path)
    assert sorted((tmp_path / "logs").iterdir()) == logs[2:]
