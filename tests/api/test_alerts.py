"""Live alerts over the API: what the state has, closing, events taken, and the feed."""

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from pydantic import BaseModel
from tests.api.conftest import client_of, posted
from tests.api.harness import Api, Transport
from tests.stream.live_state import DSN, VARIABLE, close, live_state, name_schema, open_episode

from holdfast.api.alert_feed import AlertFeed
from holdfast.api.answers.alerts import (
    AlertAnswer,
    AlertsAnswer,
    EventsAnswer,
    StreamStatusAnswer,
)
from holdfast.client import Client, ProblemError
from holdfast.storage import audit_log
from holdfast.storage.keys import KeyFile
from holdfast.stream.alerts.alert_feed import find_end
from holdfast.stream.state.connections import Connections

SCHEMA = name_schema("live_api")
STUDY = """
[study]
name = "live shop"
currency = "EUR"
[transactions]
path = "orders.csv"
columns = {{ customer_id = "who", occurred_at = "at", amount = "paid", event_id = "line" }}
[events]
path = "visits.csv"
columns = {{ customer_id = "who", occurred_at = "at", kind = "what", event_id = "visit" }}
[stream]
source = "outbox"
partitions = 4
dsn_env = "HOLDFAST_TEST_STREAM_DSN"
postgres_schema = "{schema}"
"""
EVENT = 'id: 7-{0}\nevent: opened\ndata: {{"transition":"opened","id":{0}}}\n\n'
LINE = {"line": "o-1", "who": "ANN", "at": "2026-11-23T02:15:00Z", "paid": 42.5}


@contextmanager
def serving(published: Path, folder: Path, schema: str) -> Iterator[Api]:
    """The API of a published run whose study has a stream."""
    project = Path(shutil.copytree(published, folder / "project"))
    (project / "holdfast.toml").write_text(STUDY.format(schema=schema), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, DSN)
        with client_of(project) as api:
            yield api


@contextmanager
def lasting(schema: str) -> Iterator[Connections]:
    """A state, for longer than one test."""
    with pytest.MonkeyPatch.context() as patch, live_state(patch, schema) as connections:
        yield connections


@pytest.fixture(scope="module")
def reading(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API over a state that no test changes."""
    folder, schema = tmp_path_factory.mktemp("reading"), f"{SCHEMA}_reading"
    with lasting(schema), serving(published, folder, schema) as api:
        yield api


@pytest.fixture(scope="module")
def changing(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API over the state of whichever test is at work."""
    with serving(published, tmp_path_factory.mktemp("changing"), SCHEMA) as api:
        yield api


@pytest.fixture
def state() -> Iterator[Connections]:
    """A state of the test's own."""
    with lasting(SCHEMA) as connections:
        yield connections


@pytest.fixture
def live(changing: Api, state: Connections) -> Api:
    """The API over it, which remembers nothing of another test's."""
    changing.context.alert_feed = AlertFeed(changing.context.live)
    return changing


@pytest.fixture
def own(state: Connections, published: Path, tmp_path: Path) -> Iterator[Api]:
    """The API of a project that the test may change."""
    with serving(published, tmp_path, SCHEMA) as api:
        yield api


def assert_described(model: type[BaseModel], answer: Any) -> None:
    """Every field of an answer is one that its description names."""
    assert model.model_validate(answer).model_dump(mode="json") == answer


def ids(answer: Any) -> list[int]:
    return [each["id"] for each in answer.json()["alerts"]]


def test_open_alerts_come_by_what_is_at_stake_a_page_at_a_time(reading: Api) -> None:
    first = reading.get("/alerts?limit=3")
    assert_described(AlertsAnswer, first.json())
    assert ids(first) == [3, 2, 1]
    assert first.json()["currency"] == "EUR"
    assert first.json()["open"]["at_stake"] == 420.25
    second = reading.get("/alerts", params={"limit": 3, "cursor": first.json()["next_cursor"]})
    assert ids(second) == [4]
    assert second.json()["next_cursor"] is None


def test_filters_narrow_alerts_and_their_sums(reading: Api) -> None:
    vips = reading.get("/alerts", params={"segment": "At-Risk VIP", "rule": "silent"})
    assert ids(vips) == [2, 1]
    assert vips.json()["open"]["alerts"] == 2
    closed = reading.get("/alerts?state=closed")
    assert ids(closed) == [5]
    assert closed.json()["open"] is None
    assert closed.json()["alerts"][0]["close_reason"] == "bought"


def test_one_alert_has_its_messages(reading: Api) -> None:
    answer = reading.get("/alerts/2").json()
    assert_described(AlertAnswer, answer)
    assert answer["alert"]["messages"][0]["last_error"] == "HTTP 503"


def test_the_status_adds_up(reading: Api) -> None:
    status = reading.get("/stream/status").json()
    assert_described(StreamStatusAnswer, status)
    assert sum(each["alerts"] for each in status["alerts"]) == status["open"]["alerts"] == 4
    assert [each["messages"] for each in status["partitions"]] == [802, 94]


def test_prometheus_is_told_of_the_stream(live: Api) -> None:
    text = live.get("/metrics").text
    assert 'holdfast_stream_open_episodes{rule="silent",severity="critical"} 2.0' in text
    assert "holdfast_degraded 0.0" in text


@pytest.mark.parametrize(
    ("path", "code", "sentence"),
    [
        ("/alerts/99", 404, "there is no alert 99"),
        ("/alerts/0", 422, "alert_id"),
        ("/alerts?cursor=x", 422, "cursor"),
        ("/alerts?severity=loud", 422, "severity"),
        ("/stream/alerts?after=yesterday", 422, "'yesterday' is not the id"),
    ],
)
def test_what_is_not_there_is_a_problem(reading: Api, path: str, code: int, sentence: str) -> None:
    refused = reading.get(path)
    assert refused.status_code == code
    assert sentence in refused.json()["detail"]


def test_a_cursor_of_closed_alerts_is_none_of_open_ones(live: Api, state: Connections) -> None:
    with state.write() as connection:
        close(connection, 1, reason="bought")
    cursor = live.get("/alerts?state=closed&limit=1").json()["next_cursor"]
    refused = live.get("/alerts", params={"cursor": cursor})
    assert refused.status_code == 422
    assert "does not belong to the list of open alerts" in refused.json()["detail"]


def test_closing_needs_an_operator_and_is_on_record(own: Api) -> None:
    project = own.context.store.registry.folder.parent
    reader, operator = (
        {"Authorization": f"Bearer {KeyFile(project).create(role=role, name=role)[0]}"}
        for role in ("reader", "operator")
    )
    assert posted(own, "/alerts/2/close", {"note": "no"}, **reader).status_code == 403
    answer = posted(own, "/alerts/2/close", {"note": "has called"}, **operator)
    assert answer.status_code == 200
    alert = answer.json()["alert"]
    assert (alert["close_reason"], alert["note"]) == ("by operator", "has called")
    assert ids(own.get("/alerts", headers=reader)) == [3, 1, 4]
    (deed,) = [each for each in audit_log.entries(project) if each["what"] == "close alert"]
    assert deed["alert"] == 2
    again = posted(own, "/alerts/2/close", {}, **operator)
    assert (again.status_code, "closed already" in again.json()["detail"]) == (409, True)
    assert posted(own, "/alerts/99/close", {}, **operator).status_code == 404


def test_closing_twice_with_one_idempotency_key_gives_the_first_answer(live: Api) -> None:
    token = {"Idempotency-Key": "once"}
    first, again = (posted(live, "/alerts/1/close", {"note": "x"}, **token) for _ in range(2))
    assert first.json() == again.json()
    assert again.status_code == 200


def outbox(state: Connections) -> list[tuple[int, dict[str, Any]]]:
    with state.read() as connection:
        rows = connection.execute("SELECT partition, body FROM outbox ORDER BY id").fetchall()
    return [(int(partition), body) for partition, body in rows]


def test_events_lie_in_the_outbox_in_order_and_a_customers_in_one_partition(
    live: Api, state: Connections
) -> None:
    events = [{**LINE, "line": f"o-{n}"} for n in range(20)]
    events.append({"source": "events", "visit": "v", "who": "BOB", "at": "2026-11-23"})
    answer = posted(live, "/events", {"events": events})
    assert answer.status_code == 202
    assert_described(EventsAnswer, answer.json())
    assert answer.json() == {"accepted": 21}
    assert [body for _, body in outbox(state)] == events
    assert len({partition for partition, body in outbox(state) if body["who"] == "ANN"}) == 1


def test_one_event_needs_no_list_and_no_digit_of_it_is_lost(live: Api, state: Connections) -> None:
    body = b'{"line": "o-1", "who": "ANN", "at": "2026-11-23", "paid": 0.1000000000000000055511}'
    assert posted(live, "/events", body).json() == {"accepted": 1}
    with state.read() as connection:
        (paid,) = connection.execute("SELECT body->>'paid' FROM outbox").fetchone()
    assert paid == "0.1000000000000000055511"


def test_events_sent_twice_with_one_idempotency_key_are_kept_once(
    live: Api, state: Connections
) -> None:
    for _ in range(2):
        answer = posted(live, "/events", LINE, **{"Idempotency-Key": "events"})
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    assert len(outbox(state)) == 1


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        ([LINE], 422, "is not an event"),
        ({"events": []}, 422, "0 events"),
        ({"events": [LINE, "x"]}, 422, "event 1 is no JSON object"),
        ({"events": [LINE, LINE | {"line": None}]}, 422, "event 1 has no 'line'"),
        (LINE | {"who": "  "}, 422, "customer_id"),
        (LINE | {"source": "treatments"}, 422, "the source 'treatments'"),
        (LINE | {"basket": [1]}, 422, "is a list or an object"),
        (LINE | {"who": "A\0"}, 422, "U+0000"),
        (b'{"line": "1", "who": "A", "at": "2026", "paid": NaN}', 422, "PostgreSQL cannot keep"),
        (b"{", 400, "JSON"),
    ],
)
def test_what_is_no_event_is_refused_whole(
    live: Api, state: Connections, body: Any, code: int, sentence: str
) -> None:
    refused = posted(live, "/events", body)
    assert refused.status_code == code
    assert sentence in refused.json()["detail"] + refused.json()["fix"]
    assert outbox(state) == []


def test_where_the_stream_reads_elsewhere_no_events_are_taken(own: Api) -> None:
    project = own.context.store.registry.folder.parent
    file = project / "holdfast.toml"
    file.write_text(
        STUDY.format(schema=SCHEMA).replace(
            'source = "outbox"', 'source = "file"\npath = "events.jsonl"'
        ),
        encoding="utf-8",
    )
    refused = posted(own, "/events", LINE)
    assert refused.status_code == 409
    assert 'source = "file"' in refused.json()["detail"]


def test_without_a_stream_and_without_postgresql_every_route_says_so(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "postgresql://nobody@127.0.0.1:9/none")
    project = Path(shutil.copytree(published, tmp_path / "project"))
    asked = [
        ("GET", "/alerts", None), ("GET", "/alerts/1", None), ("GET", "/stream/status", None),
        ("GET", "/stream/alerts", None), ("POST", "/alerts/1/close", b"{}"),
        ("POST", "/events", json.dumps(LINE).encode()),
    ]  # fmt: skip
    with client_of(project) as api:
        for method, path, content in asked:
            refused = api.request(method, path, content=content)
            assert (refused.status_code, "[stream]" in refused.json()["detail"]) == (409, True)
        (project / "holdfast.toml").write_text(STUDY.format(schema=SCHEMA), encoding="utf-8")
        for method, path, content in asked:
            refused = api.request(method, path, content=content)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "3")
            assert "PostgreSQL cannot be reached" in refused.json()["detail"]


class Follower:
    """One who follows alerts, by the application's own interface."""

    def __init__(self, api: Api, **headers: str) -> None:
        self._loop, self._api = api._loop, api
        self.status, self.text, self.gone = 0, "", False
        self.scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "method": "GET",
            "path": "/stream/alerts", "raw_path": b"/stream/alerts", "query_string": b"",
            "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 80), "root_path": "",
            "client": ("127.0.0.1", 1), "state": {},
            "headers": [
                (b"host", b"127.0.0.1"),
                *((n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()),
            ],
        }  # fmt: skip
        self.done: Future[None] = asyncio.run_coroutine_threadsafe(self._run(), self._loop)

    async def _run(self) -> None:
        async def receive() -> Any:
            while not self.gone:
                await asyncio.sleep(0.01)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            self.status = message.get("status", self.status)
            self.text += message.get("body", b"").decode()

        await self._api.app(self.scope, receive, send)

    def begun(self) -> Self:
        """This one, once the answer has begun."""
        self._wait(lambda: bool(self.text))
        return self

    def events(self, number: int) -> list[tuple[str, str, int]]:
        """Id, transition and alert of the rule "third", once there are so many: what the state was
        filled with may come before, while older transactions of the server are at work.
        """
        self._wait(lambda: len(self._read()) >= number)
        return self._read()

    def _read(self) -> list[tuple[str, str, int]]:
        blocks = [block.splitlines() for block in self.text.split("\n\n")[:-1] if "data:" in block]
        rows = [(id_[4:], event[7:], json.loads(data[6:])) for id_, event, data in blocks]
        return [(id_, event, row["id"]) for id_, event, row in rows if row["rule"] == "third"]

    def _wait(self, is_met: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not is_met():
            assert time.monotonic() < end, self.text
            time.sleep(0.02)


def test_a_follower_hears_what_opens_and_closes_and_goes_on_where_it_was_cut_off(
    live: Api, state: Connections
) -> None:
    follower = Follower(live).begun()
    with state.write() as connection:
        opened = open_episode(connection, "third", "EVE")
    with state.write() as connection:
        close(connection, opened, reason="bought")
    (first, *_), second = follower.events(2)
    assert follower.status == 200
    assert [event[1:] for event in follower.events(2)] == [("opened", opened), ("closed", opened)]
    follower.gone = True
    follower.done.result(10)
    later = Follower(live, last_event_id=first)
    assert later.events(1) == [second]
    later.scope["ending"].set()
    later.done.result(10)
    assert later.text.endswith("\n\n")


def test_what_an_older_transaction_adds_is_not_stepped_over(live: Api, state: Connections) -> None:
    follower = Follower(live).begun()
    with state.write() as slow:
        early = open_episode(slow, "third", "EVE")
        with state.write() as quick:
            late = open_episode(quick, "third", "ANN")
    assert {event[2] for event in follower.events(2)} == {early, late}
    follower.gone = True
    follower.done.result(10)


def test_many_followers_ask_the_database_once_a_second(
    live: Api, state: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    began = time.monotonic()
    read = live.context.alert_feed._read
    monkeypatch.setattr(
        live.context.alert_feed, "_read", lambda after: asked.append(after) or read(after)
    )
    with state.read() as connection:
        end = str(find_end(connection))
    followers = [Follower(live, last_event_id=end).begun() for _ in range(20)]
    with state.write() as connection:
        open_episode(connection, "third", "EVE")
    for each in followers:
        each.events(1)
    # At most the place before and the one behind what opened, each second.
    assert len(asked) <= 2 * (time.monotonic() - began + 2) < len(followers)
    for each in followers:
        each.gone = True
        each.done.result(10)


def test_the_client_reads_closes_and_hands_over(live: Api) -> None:
    with Client("http://127.0.0.1", transport=Transport(live)) as client:
        assert [each["id"] for each in client.alerts(limit=1)] == [3, 2, 1, 4]
        assert client.alert(4)["customer_id"] == "EVE"
        assert client.close_alert(4, "done", idempotency_key="k")["note"] == "done"
        assert client.send_events([LINE], idempotency_key="e") == 1
        assert client.stream_status()["open"]["alerts"] == 3
        with pytest.raises(ProblemError, match="closed already"):
            client.close_alert(4)


def test_the_client_follows_alerts_and_goes_on_where_it_was_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str | None] = []
    answers = iter(
        [
            httpx.Response(200, text="retry: 3000\n\n" + EVENT.format(1) + ": still here\n\n"),
            httpx.Response(503, json={"status": 503, "detail": "PostgreSQL is away"}),
            httpx.Response(200, text=EVENT.format(2)),
            httpx.Response(401, json={"status": 401, "detail": "the key is not valid"}),
        ]
    )

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        return next(answers)

    monkeypatch.setattr("holdfast.client.sleep", lambda _: None)
    with Client("http://127.0.0.1", transport=httpx.MockTransport(answer)) as client:
        feed = client.follow_alerts()
        assert next(feed) == {"event_id": "7-1", "transition": "opened", "id": 1}
        assert next(feed) == {"event_id": "7-2", "transition": "opened", "id": 2}
        with pytest.raises(ProblemError, match="not valid"):
            next(feed)
    assert asked == [None, "7-1", "7-1", "7-2"]
