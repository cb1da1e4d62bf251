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
        self.server.keys.append(self.headers.get("Idempotency-Key"))  # type: ignore[attr-defined]
        status = {"/moved": 302, "/broken": 500}.get(self.path, 204)
        if self.path == "/third" and request[2]["batch"] == 3:
            status = 503
        self.send_response(status)
        if self.path == "/moved":
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.keys = [], []  # type: ignore[attr-defined]
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
    with pytest.raises(HoldfastError, match=r"answered with HTTP 500 \(batch 1 of 1\)"):
        push(_at(receiver, "/broken"), {}, [{"customer_id": "c"}])


def test_a_secret_that_is_not_set_is_said_before_anything_is_sent(receiver: Any) -> None:
    with pytest.raises(StudyError, match="CRM_NONE, which is not set"):
        push(_at(receiver, "/in", token="${CRM_NONE}"), {}, [{"customer_id": "c"}])
    assert receiver.got == []


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example.com/x", "ftp://x", "//x", "https://user@host/x", "file:///etc/passwd",
        "data:text/plain,x", "http://localhost:80@crm.example.com/x", "https://a:b@host/x",
        "http://localhost.example.com/x", "https://", "https://host:99999/x", "https://host:x/",
        "https://host/a b", "https://host/a\r\nX: 1", "https://[::1/x", "http://127.0.0.1\\@host/",
    ],
)  # fmt: skip
def test_an_address_that_is_not_https_is_refused_written_out_and_filled_in(
    url: str, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StudyError, match="is not an https address"):
        Study.from_dict({**_LOG, "webhook": {"url": url}})
    monkeypatch.setenv("CRM_URL", url)
    filled = Study.from_dict({**_LOG, "webhook": {"url": "${CRM_URL}"}}).webhook
    assert filled is not None
    with pytest.raises(StudyError, match="is not an https address"):
        push(filled, {}, [{"customer_id": "c"}])


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What names lead to, one answer for each time one is looked up."""
    answers: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(None, None, 0, "", (answers.pop(0), port))]

    monkeypatch.setattr("holdfast.io.webhook.socket.getaddrinfo", look_up)
    return answers


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "127.0.0.1",
        "0.0.0.0", "192.0.0.192", "224.0.0.1", "::1", "fe80::1%eth0", "fd00:ec2::254",
        "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:a00:1::",
    ],
)  # fmt: skip
def test_a_name_that_leads_inside_a_network_is_refused_unless_it_is_listed(
    address: str, looked_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[Any] = []

    def reach(place: Any, **_: Any) -> None:
        reached.append(place)
        raise ConnectionRefusedError("refused here")

    monkeypatch.setattr("holdfast.io.webhook.socket.create_connection", reach)
    url = "https://crm.example.com/in"
    looked_up[:] = [address] * 3
    with pytest.raises(StudyError, match="an address inside a network"):
        push(Webhook(url=url), {}, [{"customer_id": "c"}])
    assert reached == []
    for listed in ("crm.example.com", address):
        with pytest.raises(
            HoldfastError, match=r"crm\.example\.com cannot be reached: refused here"
        ):
            push(Webhook(url=url, allow=[listed]), {}, [{"customer_id": "c"}])
    assert reached == [(address, 443)] * 2


def test_what_was_checked_is_what_is_connected_to(
    looked_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[Any] = []

    def reach(place: Any, **_: Any) -> None:
        reached.append(place)
        raise TimeoutError("timed out")

    monkeypatch.setattr("holdfast.io.webhook.socket.create_connection", reach)
    # The second answer would lead to a cloud's own machine; nobody asks for it.
    looked_up[:] = ["93.184.216.34", "169.254.169.254"]
    with pytest.raises(HoldfastError, match="cannot be reached: timed out"):
        push(Webhook(url="https://crm.example.com/in"), {}, [{"customer_id": "c"}])
    assert reached == [("93.184.216.34", 443)]
    assert looked_up == ["169.254.169.254"]


def test_a_push_that_stops_says_how_many_batches_were_accepted(receiver: Any) -> None:
    rows = [{"customer_id": f"c{k}"} for k in range(3500)]
    with pytest.raises(HoldfastError, match="2 of 4 batches were accepted") as stopped:
        push(_at(receiver, "/third"), {}, rows)
    assert stopped.value.parts == {"accepted": 2, "batches": 4}
    assert len(receiver.got) == 3


def test_the_same_batch_has_the_same_key_and_another_has_another(receiver: Any) -> None:
    rows = [{"customer_id": f"c{k}"} for k in range(1500)]
    for _ in range(2):
        push(_at(receiver, "/in"), {"run_id": "r1"}, rows)
    push(_at(receiver, "/in"), {"run_id": "r2"}, rows)
    first, second, *rest = receiver.keys
    assert first != second
    assert rest[:2] == [first, second]
    assert len(set(rest[2:]) | {first, second}) == 4


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "\u2603"])
def test_what_cannot_be_sent_is_a_sentence(
    token: str, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_TOKEN", token)
    with pytest.raises(HoldfastError, match="cannot be reached"):
        push(_at(receiver, "/in", token="${CRM_TOKEN}"), {}, [{"customer_id": "c"}])
    assert receiver.got == []


def test_nobody_at_the_address_is_a_sentence() -> None:
    with pytest.raises(HoldfastError, match="cannot be reached: Connection refused"):
        push(Webhook(url="http://127.0.0.1:9/x"), {}, [{"customer_id": "c"}])


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
