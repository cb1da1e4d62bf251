"""What the state notes besides events."""

from typing import Any

from holdfast.stream.state.tables import log_for_operator


def test_a_run_that_every_start_follows_is_noted_once_until_another_does(state: Any) -> None:
    for run in ("a", "a", "b", "b", "a"):
        log_for_operator(state, "run", f"run {run} scores from now on")
    log_for_operator(state, "gap", "run a scores from now on")
    notes = state.execute("SELECT kind, text FROM operator_log ORDER BY at").fetchall()
    assert [(kind, text.split()[1]) for kind, text in notes] == [
        ("run", "a"), ("run", "b"), ("run", "a"), ("gap", "a"),
    ]  # fmt: skip
