"""A webhook posts to the address of the study and to no other, and says so where it is refused."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from holdfast.errors import HoldfastError, StudyError
from holdfast.io.webhook import push
from holdfast.study import Study, Webhook


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it is sent; answers 302 at /moved and 500 at /broken."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = (self.path, self.headers.get("Authorization"), json.loads(body))
        self.server.got.append(request)  # type: ignore[attr-defined]
        self.send_response({"/moved": 302, "/broken": 500}.get(self.path, 204))
        if self.path == "/moved":
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.got = []  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _at(server: ThreadingHTTPServer, path: str, **more: str) -> Webhook:
    return Webhook(url=f"http://127.0.0.1:{server.server_port}{path}", **more)


def test_rows_arrive_a_thousand_at_a_time_with_the_head_and_the_token(
    receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_TOKEN", "s3cret")
    rows = [{"customer_id": f"c{k}"} for k in range(2500)]
    assert push(_at(receiver, "/in", token="${CRM_TOKEN}"), {"run_id": "r1"}, rows) == 3
    assert [len(body["customers"]) for _, _, body in receiver.got] == [1000, 1000, 500]
    assert [(body["batch"], body["batches"], body["run_id"]) for _, _, body in receiver.got][
        -1
    ] == (3, 3, "r1")
    assert {token for _, token, _ in receiver.got} == {"Bearer s3cret"}


def test_a_redirect_is_not_followed(receiver: Any) -> None:
    with pytest.raises(HoldfastError, match="HTTP 302"):
        push(_at(receiver, "/moved"), {}, [{"customer_id": "c"}])
    assert [path for path, _, _ in receiver.got] == ["/moved"]


def test_a_refusal_names_the_batch(receiver: Any) -> None:
    with pytest.raises(HoldfastError, match="answered batch 1 with HTTP 500"):
        push(_at(receiver, "/broken"), {}, [{"customer_id": "c"}])


def test_a_secret_that_is_not_set_is_said_before_anything_is_sent(receiver: Any) -> None:
    with pytest.raises(StudyError, match="CRM_NONE, which is not set"):
        push(_at(receiver, "/in", token="${CRM_NONE}"), {}, [{"customer_id": "c"}])
    assert receiver.got == []


@pytest.mark.parametrize(
    "url",
    ["http://crm.example.com/x", "ftp://x", "//x", "https://user@host/x", "file:///etc/passwd"],
)
def test_an_address_that_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(StudyError, match="is not an https address"):
        Study.from_dict({**_LOG, "webhook": {"url": url}})


def test_a_token_is_not_written_out() -> None:
    with pytest.raises(StudyError, match=r"webhook\.token is written out"):
        Study.from_dict({**_LOG, "webhook": {"url": "https://crm.example.com", "token": "s3cret"}})


def test_where_an_audience_goes_changes_no_figure_and_no_fingerprint() -> None:
    with_one = Study.from_dict({**_LOG, "webhook": {"url": "https://crm.example.com"}})
    assert with_one.fingerprint == Study.from_dict(_LOG).fingerprint


_LOG = {
    "study": {"name": "shop"},
    "transactions": {
        "path": "o.csv",
        "columns": {"customer_id": "c", "occurred_at": "t", "amount": "a"},
    },
}
