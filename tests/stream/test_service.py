"""While a worker works its messages leave and Prometheus is answered; both end with it."""

import urllib.request
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.receivers import web_server
from tests.stream.alerts.test_delivery import add, keys, wait_until

from holdfast.errors import InputError
from holdfast.io.network import require_free_port
from holdfast.stream.service import serve_stream
from holdfast.study.alerts import AlertRoute
from holdfast.study.stream import Stream

PORT = 18_765


class Worker:
    """A worker whose work is given."""

    def __init__(self, stream: Stream, work: Callable[["Worker"], None]) -> None:
        route = AlertRoute(name="crm", kind="webhook", url="${URL}")
        self.study = SimpleNamespace(stream=stream, alert_route=[route])
        self.reached: Callable[[str], None] = lambda _: None
        self._work = work

    def run(self) -> None:
        self._work(self)


def test_messages_leave_and_metrics_are_served_while_a_worker_works(
    state: Any, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(state, "crm", "1/opened")
    add(state, "gone", "2/opened")
    answers = []

    def work(worker: Worker) -> None:
        wait_until(lambda: web.got)
        worker.reached("inserted")
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=10) as answer:
            answers.append(answer.read().decode())
        add(state, "crm", "3/opened")

    with web_server() as web:
        monkeypatch.setenv("URL", web.at("/in"))
        made: Any = Worker(stream, work)
        serve_stream(made, metrics_host="127.0.0.1", metrics_port=PORT)
        # What was due when the worker ended has left.
        assert keys(web) == ["1/opened", "3/opened"]
    assert 'holdfast_stream_stage_seconds_count{stage="insert"} 1.0' in answers[0]
    assert 'holdfast_stream_deliveries_given_up{route="gone"} 1.0' in answers[0]
    require_free_port("127.0.0.1", PORT)


def test_a_port_that_is_taken_is_said_before_anything_is_sent(
    state: Any, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(state, "crm", "1/opened")
    with web_server() as web:
        monkeypatch.setenv("URL", web.at("/in"))
        worker: Any = Worker(stream, lambda _: None)
        with pytest.raises(InputError, match="in use"):
            serve_stream(worker, metrics_host="127.0.0.1", metrics_port=web.server_port)
        assert web.got == []
