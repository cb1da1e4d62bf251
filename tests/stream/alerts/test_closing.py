"""Whoever was told that an alert opened is told that it is over: a purchase at once, a recovery
when its day is over.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.stream.alerts.closing import EpisodeClosed, close_episode
from holdfast.stream.alerts.episode_store import tell_closed
from holdfast.stream.state.postgres import connect
from holdfast.study import Study
from holdfast.study.stream import Stream
from holdfast.windows import parse_day

DAY = parse_day("2031-03-10")


@pytest.fixture
def study() -> Study:
    return Study.from_dict(
        {
            "study": {"name": "shop", "time_zone": "America/New_York"},
            "transactions": {"path": "o.csv", "columns": {"customer_id": "c", "occurred_at": "t"}},
            "alert": [{"name": "silent", "open": 0.7, "close": 0.5, "to": ["crm", "mail"]}],
            "alert_route": [
                {"name": name, "kind": "webhook", "url": "${HOOK}"} for name in ("crm", "mail")
            ],
        }
    )


def open_episode(connection: Any, *, rule: str = "silent", route: str = "crm") -> dict[str, Any]:
    """An open episode of which one route was told."""
    from psycopg.rows import dict_row

    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            "INSERT INTO episodes (rule, customer_id, anchor_day, severity, opened_day, "
            "value_opened, value_now, evaluated_day, days_below_before, days_below, run_id) "
            "VALUES (%s, 'ANN', 1, 'warning', 2, 0.8, 0.4, 2, 0, 0, 'R1') RETURNING *",
            [rule],
        ).fetchone()
        cursor.execute(
            "INSERT INTO deliveries (episode_id, transition, route, body, idempotency_key) "
            "VALUES (%s, 'opened', %s, '{}', 'first')",
            [row["id"], route],
        )
    assert row is not None
    return dict(row)


def closing_messages(connection: Any) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT route, body->>'title', due_at FROM deliveries WHERE transition = 'closed'"
    ).fetchall()
    return rows


def tell(connection: Any, study: Study, reason: str) -> list[tuple[Any, ...]]:
    episode = open_episode(connection) | {"closed_day": DAY, "close_reason": reason}
    tell_closed(connection, study, episode, None)
    return closing_messages(connection)


def test_a_recovery_is_told_when_the_business_day_is_over(state: Any, study: Study) -> None:
    ((route, title, due),) = tell(state, study, "recovered")
    assert (route, title) == ("crm", "Cleared: ANN, churn probability is back below 50.0%")
    # Midnight in New York, which has summer time already.
    assert due == datetime(2031, 3, 11, 4, tzinfo=UTC)


def test_a_purchase_is_told_at_once(state: Any, study: Study) -> None:
    ((_, title, due),) = tell(state, study, "bought")
    assert title == "Cleared: ANN, the customer has bought"
    assert abs(due - datetime.now(UTC)) < timedelta(minutes=5)


def test_of_a_rule_that_is_gone_nobody_is_told(state: Any, study: Study) -> None:
    episode = open_episode(state, rule="removed")
    tell_closed(state, study, episode | {"closed_day": DAY, "close_reason": "rule removed"}, None)
    assert closing_messages(state) == []


def test_what_a_person_closes_is_told_once_with_the_note(state: Any, study: Study) -> None:
    number = open_episode(state)["id"]
    close_episode(state, study, number, by="Bob", note="called", day=DAY)
    assert [row[:2] for row in closing_messages(state)] == [("crm", "Cleared: ANN, closed by Bob")]
    with pytest.raises(EpisodeClosed, match="closed already \\(by Bob\\)"):
        close_episode(state, study, number, by="Eve", note="", day=DAY)
    assert len(closing_messages(state)) == 1


def test_closing_waits_for_the_step_that_evaluates_the_customer(
    state: Any, stream: Stream, study: Study
) -> None:
    state.execute("INSERT INTO customers (customer_id, due_minute) VALUES ('ANN', 1)")
    episode = open_episode(state)["id"]

    def close() -> None:
        with connect(stream) as person, person.transaction():
            close_episode(person, study, episode, by="Bob", note="", day=DAY)

    with ThreadPoolExecutor(1) as beside:
        with state.transaction():
            state.execute("SELECT FROM customers WHERE customer_id = 'ANN' FOR UPDATE")
            closing = beside.submit(close)
            with pytest.raises(TimeoutError):
                closing.result(0.5)
            # What a step writes of an alert that it has read as open.
            state.execute("UPDATE episodes SET value_now = 0.9, closed_day = NULL")
        closing.result(10)
    assert state.execute("SELECT close_reason FROM episodes").fetchone() == ("by Bob",)
