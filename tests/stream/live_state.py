"""A state of a stream in PostgreSQL, as workers would have left it: three customers, two rules."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.conftest import missing

from holdfast.stream.state.connections import Connections
from holdfast.stream.state.postgres import create_schema
from holdfast.study.stream import Stream

DSN = os.environ.get("HOLDFAST_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
VARIABLE = "HOLDFAST_TEST_STREAM_DSN"
CUSTOMERS = {"ANN": (0.9, 120.0, "At-Risk VIP"), "BOB": (0.8, 300.25, "At-Risk VIP"),
             "EVE": (0.7, None, "Vulnerable")}  # fmt: skip
"""Name -> churn probability, what is at stake, segment."""
REASONS = [
    {"feature": "days_since_last_purchase", "sentence": "silent for 80 days", "contribution": 1.2}
]
OPEN = [
    ("silent", "ANN", "critical"), ("silent", "BOB", "critical"), ("fading", "BOB", "warning"),
    ("fading", "EVE", "warning"),
]  # fmt: skip
"""Rule, customer and severity of the open alerts, in the order of their ids, which begin at 1."""
CLOSED = ("silent", "EVE", "bought")


def name_schema(of: str) -> str:
    """A schema that no other process uses."""
    return f"test_{of}_{os.getpid()}"


@contextmanager
def live_state(
    monkeypatch: pytest.MonkeyPatch, schema: str, **settings: Any
) -> Iterator[Connections]:
    """The state in a schema of its own, which is gone afterwards."""
    psycopg = pytest.importorskip("psycopg")
    monkeypatch.setenv(VARIABLE, DSN)
    stream = Stream(source="outbox", dsn_env=VARIABLE, postgres_schema=schema, **settings)
    try:
        admin = psycopg.connect(DSN, autocommit=True)
    except psycopg.Error as error:
        missing(f"no PostgreSQL: {error}")
    connections = Connections(stream)
    with admin:
        admin.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        admin.execute(f"CREATE SCHEMA {schema}")
        with connections.write() as connection:
            create_schema(connection, stream)
            fill(connection)
        try:
            yield connections
        finally:
            connections.close()
            admin.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def fill(connection: Any) -> None:
    """What a few days of a stream leave."""
    for name, (risk, stake, segment) in CUSTOMERS.items():
        add_customer(connection, name, risk=risk, stake=stake, segment=segment)
    for rule, name, severity in OPEN:
        open_episode(connection, rule, name, severity=severity)
    rule, name, reason = CLOSED
    episode = open_episode(connection, rule, name, severity="critical")
    close(connection, episode, reason=reason)
    connection.execute(
        "INSERT INTO positions (partition, position, lag) VALUES (0, 812, 0), (1, 95, 2500)"
    )
    connection.execute(
        "INSERT INTO ledger VALUES (0, 'transactions', 'accepted', '', 700), "
        "(0, 'events', 'accepted', '', 100), (0, '', 'dead', 'not a JSON object', 2), "
        "(1, 'transactions', 'accepted', '', 94)"
    )
    connection.execute(
        "INSERT INTO dead (partition, position, body, reason) VALUES "
        "(0, 7, 'oops', 'not a JSON object'), (0, 9, '[1]', 'not a JSON object')"
    )
    connection.execute(
        "INSERT INTO deliveries (episode_id, transition, route, body, idempotency_key, attempts, "
        "sent_at, last_error) VALUES (1, 'opened', 'crm', '{}', 'a', 1, now(), NULL), "
        "(2, 'opened', 'crm', '{}', 'b', 3, NULL, 'HTTP 503'), "
        "(3, 'opened', 'mail', '{}', 'c', 0, NULL, NULL)"
    )
    connection.execute(
        "INSERT INTO operator_log (kind, text) VALUES ('run', 'run R1 scores from now on')"
    )


def add_customer(
    connection: Any, name: str, *, risk: float, stake: float | None, segment: str
) -> None:
    (number,) = connection.execute(
        "INSERT INTO customers (customer_id, due_minute, evaluated_day, run_id) "
        "VALUES (%s, 1, 20001, 'R1') RETURNING number",
        [name],
    ).fetchone()
    connection.execute(
        "INSERT INTO customer_days VALUES "
        "(%(n)s, 19900, 1, 2, 2, 2, 5000, 0, 0, 0, 0, 0, 0, 0, 0), "
        "(%(n)s, 19990, 0, 0, 0, 0, 0, 0, 0, 3, 4, 1, 0, 0, 0)",
        {"n": number},
    )
    connection.execute(
        "INSERT INTO scores (customer_id, run_id, cutoff_day, churn_probability, expected_revenue, "
        "at_stake, value_tier, segment) VALUES (%s, 'R1', 20001, %s, 500, %s, 'high', %s)",
        [name, risk, stake, segment],
    )


def open_episode(connection: Any, rule: str, name: str, *, severity: str = "warning") -> int:
    (episode,) = connection.execute(
        "INSERT INTO episodes (rule, customer_id, anchor_day, severity, opened_day, value_opened, "
        "value_now, reasons, action, evaluated_day, days_below_before, days_below, run_id) "
        "VALUES (%s, %s, 19900, %s, 20000, 0.75, 0.8, %s, 'Call them', 20000, 0, 0, 'R1') "
        "RETURNING id",
        [rule, name, severity, json.dumps(REASONS)],
    ).fetchone()
    return int(episode)


def close(connection: Any, episode: int, *, reason: str) -> None:
    connection.execute(
        "UPDATE episodes SET closed_day = 20000, closed_at = now(), "
        "close_reason = %s WHERE id = %s",
        [reason, episode],
    )
