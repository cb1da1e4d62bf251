"""Messages leave at least once, each under one key, and nobody waits for who is slow."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest
from tests.receivers import mail_server, web_server

from holdfast.io.message import Message
from holdfast.stream.alerts.delivery import (
    CLAIM,
    TRIES,
    Couriers,
    Delivered,
    deliver_due,
    give_up_without_route,
    pause,
)
from holdfast.stream.state.postgres import connect
from holdfast.study.alerts import AlertRoute
from holdfast.study.stream import Stream

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MESSAGE = Message.of(
    "opened", "c7 may leave", [("Why", "31 days of silence")], customer_id="c7", at_stake=120.5
)


@pytest.fixture
def web() -> Iterator[Any]:
    with web_server() as server:
        yield server


@pytest.fixture
def routes(web: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, AlertRoute]:
    """Routes to a web server: path -> route of that name."""
    made = {}
    for name in ("in", "flaky", "broken", "silent"):
        monkeypatch.setenv(f"URL_{name}", web.at(f"/{name}"))
        made[name] = AlertRoute(name=name, kind="webhook", url=f"${{URL_{name}}}")
    return made


def add(state: Any, route: str, key: str, *, episode: int | None = None, attempts: int = 0) -> None:
    body = json.dumps(asdict(MESSAGE))
    state.execute(
        "INSERT INTO deliveries (transition, route, body, idempotency_key, episode_id, attempts, "
        "due_at, created_at) VALUES ('opened', %s, %s, %s, %s, %s, %s, %s)",
        [route, body, key, episode, attempts, NOW, NOW],
    )


def add_episode(state: Any, customer: str) -> int:
    (number,) = state.execute(
        "INSERT INTO episodes (rule, customer_id, anchor_day, severity, opened_day, value_opened, "
        "run_id, evaluated_day, days_below_before, days_below) "
        "VALUES ('quiet', %s, 1, 'warning', 2, 0.8, 'r', 2, 0, 0) RETURNING id",
        [customer],
    ).fetchone()
    return int(number)


def look(state: Any, key: str, columns: str) -> tuple[Any, ...]:
    sql = f"SELECT {columns} FROM deliveries WHERE idempotency_key = %s"
    return tuple(state.execute(sql, [key]).fetchone())


def keys(web: Any) -> list[str]:
    return [key for _, _, key in web.got]


def wait_until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it has not happened in 20 seconds"
        time.sleep(0.01)


def test_a_message_is_sent_once_with_its_key(
    state: Any, web: Any, routes: dict[str, AlertRoute]
) -> None:
    add(state, "in", "1/opened")
    assert deliver_due(state, [routes["in"]], NOW) == Delivered(sent=1)
    assert deliver_due(state, [routes["in"]], NOW + timedelta(days=1)) == Delivered()
    ((_, body, key),) = web.got
    assert key == "1/opened"
    assert json.loads(body) == {
        "event": "opened", "title": "c7 may leave", "customer_id": "c7", "at_stake": 120.5,
        "link": "",
    }  # fmt: skip
    assert look(state, "1/opened", "sent_at, attempts, last_error") == (NOW, 1, None)


def test_slack_reads_text_and_blocks(state: Any, web: Any, routes: dict[str, AlertRoute]) -> None:
    add(state, "in", "1/opened")
    slack = routes["in"].model_copy(update={"kind": "slack"})
    assert deliver_due(state, [slack], NOW) == Delivered(sent=1)
    content = json.loads(web.got[0][1])
    assert content["blocks"][0]["text"]["text"] == "c7 may leave"
    assert "31 days of silence" in content["text"]


def test_a_mail_sent_twice_is_the_same_mail(state: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    add(state, "mail", "1/opened")
    with mail_server() as server:
        monkeypatch.setenv("SMTP", f"smtp://127.0.0.1:{server.port}")
        route = AlertRoute(
            name="mail", kind="email", url="${SMTP}", to=["a@example.com"], sender="h@example.com"
        )
        assert deliver_due(state, [route], NOW) == Delivered(sent=1)
        state.execute("UPDATE deliveries SET sent_at = NULL, due_at = %s", [NOW])
        assert deliver_due(state, [route], NOW) == Delivered(sent=1)
    first, second = (message_from_bytes(each) for each in server.got)
    assert first["Subject"] == second["Subject"] == "c7 may leave"
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_apprise_hands_over_what_it_can_reach_and_says_what_it_cannot(
    state: Any, web: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOOD", web.at("/in").replace("http:", "json:"))
    monkeypatch.setenv("BAD", web.at("/broken?s3cret").replace("http:", "json:"))
    good, bad = (
        AlertRoute(name=name, kind="apprise", url=f"${{{name.upper()}}}")
        for name in ("good", "bad")
    )
    add(state, "good", "1/opened")
    add(state, "bad", "2/opened")
    assert deliver_due(state, [good, bad], NOW) == Delivered(sent=1, postponed=1)
    content = json.loads(web.got[0][1])
    assert (content["title"], "31 days" in content["message"]) == ("c7 may leave", True)
    assert look(state, "2/opened", "last_error") == ("the service did not take it from apprise",)
    assert "s3cret" not in "".join(capfd.readouterr())


KILLED = """
import psycopg, sys
from datetime import datetime
from holdfast.stream.alerts.delivery import deliver_due
from holdfast.stream.state.postgres import connect
from holdfast.study.alerts import AlertRoute
from holdfast.study.stream import Stream
stream = Stream(source="outbox", postgres_schema=sys.argv[1])
route = AlertRoute(name="silent", kind="webhook", url="${URL_silent}")
deliver_due(connect(stream), [route], datetime.fromisoformat(sys.argv[2]))
"""


def test_who_is_killed_before_it_is_noted_leaves_it_to_the_next_under_the_same_key(
    state: Any, stream: Stream, web: Any, routes: dict[str, AlertRoute]
) -> None:
    add(state, "silent", "1/opened")
    command = [sys.executable, "-c", KILLED, stream.postgres_schema, NOW.isoformat()]
    with subprocess.Popen(command) as courier:
        # It has posted and waits for the answer.
        wait_until(lambda: web.got)
        os.kill(courier.pid, signal.SIGKILL)
    assert look(state, "1/opened", "sent_at, attempts") == (None, 1)
    assert deliver_due(state, [routes["silent"]], NOW + CLAIM / 2) == Delivered()
    assert deliver_due(state, [routes["silent"]], NOW + CLAIM) == Delivered(sent=1)
    assert keys(web) == ["1/opened", "1/opened"]


def test_what_is_refused_is_tried_again_later(
    state: Any, web: Any, routes: dict[str, AlertRoute]
) -> None:
    add(state, "flaky", "1/opened")
    flaky = [routes["flaky"]]
    assert deliver_due(state, flaky, NOW) == Delivered(postponed=1)
    sent, attempts, due, error = look(state, "1/opened", "sent_at, attempts, due_at, last_error")
    assert (sent, attempts, error) == (None, 1, "127.0.0.1 answered with HTTP 500")
    # Five seconds, or a little less, so that not all come back at once.
    assert timedelta(seconds=2.5) <= due - NOW <= timedelta(seconds=5)
    assert deliver_due(state, flaky, NOW + timedelta(seconds=1)) == Delivered()
    assert deliver_due(state, flaky, due) == Delivered(postponed=1)
    assert deliver_due(state, flaky, NOW + timedelta(minutes=1)) == Delivered(sent=1)
    assert set(keys(web)) == {"1/opened"}


def test_pauses_double_up_to_an_hour() -> None:
    assert timedelta(seconds=20) <= pause(4) <= timedelta(seconds=40)
    assert timedelta(minutes=30) <= pause(TRIES) <= timedelta(hours=1)
    assert len({pause(4) for _ in range(20)}) > 1


def test_what_fails_for_a_day_is_given_up_and_stays_visible(
    state: Any, web: Any, routes: dict[str, AlertRoute]
) -> None:
    add(state, "broken", "1/opened", attempts=TRIES - 1)
    assert deliver_due(state, [routes["broken"]], NOW) == Delivered(given_up=1)
    failed, error = look(state, "1/opened", "failed_at, last_error")
    assert (failed, error) == (NOW, "127.0.0.1 answered with HTTP 500")
    assert deliver_due(state, [routes["broken"]], NOW + timedelta(days=9)) == Delivered()
    assert len(web.got) == 1


def test_what_a_route_that_is_gone_should_carry_is_given_up(
    state: Any, routes: dict[str, AlertRoute]
) -> None:
    add(state, "old", "1/opened")
    add(state, "in", "2/opened")
    assert give_up_without_route(state, [routes["in"]], NOW) == 1
    assert look(state, "1/opened", "failed_at, last_error") == (
        NOW, "the study has no route of that name",
    )  # fmt: skip
    assert deliver_due(state, [routes["in"]], NOW) == Delivered(sent=1)


def test_an_episode_is_not_closed_before_it_was_opened(
    state: Any, web: Any, routes: dict[str, AlertRoute]
) -> None:
    first, second = add_episode(state, "c1"), add_episode(state, "c2")
    add(state, "flaky", "1/opened", episode=first)
    add(state, "flaky", "1/closed", episode=first)
    add(state, "flaky", "2/opened", episode=second)
    assert deliver_due(state, [routes["flaky"]], NOW) == Delivered(postponed=2)
    later = NOW + timedelta(minutes=1)
    assert deliver_due(state, [routes["flaky"]], later) == Delivered(sent=3)
    order = keys(web)
    assert order[:2] == ["1/opened", "2/opened"]
    assert order.index("1/closed") > len(order) - 1 - order[::-1].index("1/opened")


def test_two_couriers_share_the_messages(
    state: Any, stream: Stream, web: Any, routes: dict[str, AlertRoute]
) -> None:
    for number in range(30):
        add(state, "in", f"{number}/opened")

    def deliver(_: int) -> int:
        with connect(stream) as connection:
            return deliver_due(connection, [routes["in"]], NOW).sent

    with ThreadPoolExecutor() as pool:
        assert sum(pool.map(deliver, range(2))) == 30
    assert sorted(keys(web)) == sorted(f"{number}/opened" for number in range(30))


def test_a_slow_receiver_holds_up_no_other(
    state: Any, stream: Stream, web: Any, routes: dict[str, AlertRoute]
) -> None:
    for number in range(3):
        add(state, "silent", f"slow/{number}")
        add(state, "in", f"fast/{number}")

    def count_sent() -> int:
        sql = "SELECT count(*) FROM deliveries WHERE route = 'in' AND sent_at IS NOT NULL"
        return int(state.execute(sql).fetchone()[0])

    with Couriers(lambda: connect(stream), [routes["silent"], routes["in"]]):
        wait_until(lambda: count_sent() == 3)
        # The first answer of the slow one takes two seconds.
        assert look(state, "slow/2", "attempts") == (0,)


def test_couriers_go_on_when_postgresql_has_been_away(
    state: Any, stream: Stream, web: Any, routes: dict[str, AlertRoute]
) -> None:
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'courier' AND query LIKE %s"
    )

    def connect_named() -> Any:
        connection = connect(stream)
        connection.execute("SET application_name = 'courier'")
        return connection

    with Couriers(connect_named, [routes["in"]]):
        wait_until(lambda: state.execute(kill, ["%UPDATE deliveries%"]).rowcount)
        add(state, "in", "1/opened")
        wait_until(lambda: keys(web))


def test_no_secret_of_a_route_is_kept(state: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URL", "http://127.0.0.1:1/hooks/s3cret?token=s3cret")
    monkeypatch.setenv("SMTP", "smtp://u:s3cret@127.0.0.1:1")
    mail = {"to": ["a@example.com"], "sender": "h@example.com"}
    routes = [
        AlertRoute(name="web", kind="webhook", url="${URL}"),
        AlertRoute(name="mail", kind="email", url="${SMTP}", **mail),
        AlertRoute(name="unset", kind="slack", url="${NOT_SET}"),
    ]
    for route in routes:
        add(state, route.name, route.name)
    assert deliver_due(state, routes, NOW) == Delivered(postponed=3)
    errors = [look(state, route.name, "last_error")[0] for route in routes]
    assert "s3cret" not in "".join(errors)
    assert errors[0].startswith("127.0.0.1 cannot be reached")
    assert errors[1].startswith("127.0.0.1 cannot be reached")
    assert "NOT_SET" in errors[2]
