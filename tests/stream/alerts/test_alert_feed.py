"""The feed of alerts goes by the numbers of transactions, not by their digits."""

from typing import Any

from holdfast.stream.alerts.alert_feed import Place, find_end, read_transitions


def _add(state: Any, xid: int, number: int) -> None:
    (episode,) = state.execute(
        "INSERT INTO episodes (rule, customer_id, anchor_day, severity, opened_day, value_opened, "
        "evaluated_day, days_below_before, days_below, run_id) "
        "VALUES ('risk', %s, 1, 'info', 2, 0.9, 2, 0, 0, 'run') RETURNING id",
        [f"c{number}"],
    ).fetchone()
    state.execute("DELETE FROM transitions WHERE episode_id = %s", [episode])
    state.execute(
        "INSERT INTO transitions (episode_id, transition, xid) "
        "VALUES (%s, 'opened', %s::text::xid8)",
        [episode, str(xid)],
    )


def test_the_end_of_the_feed_is_its_latest_transaction(state: Any) -> None:
    for number, xid in enumerate((9, 10, 100, 99)):
        _add(state, xid, number)
    assert find_end(state).transaction == 100
    first = read_transitions(state, Place(0, 0), most=2)
    assert [each["place"].transaction for each in first] == [9, 10]
    rest = read_transitions(state, first[-1]["place"], most=9)
    assert [each["customer_id"] for each in rest] == ["c3", "c2"]
