"""The dashboard's gate: foreign names and proxies stay out, nobody frames it, and from elsewhere it
takes a key or the token.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from holdfast.dashboard.gate import Gate
from holdfast.dashboard.sign_in import SignIn
from holdfast.storage import audit_log
from holdfast.storage.keys import KeyFile

HTML = {"accept": "text/html", "host": "127.0.0.1:8501"}


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    """Streamlit's place: says in which role it was reached."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": "drawn"})
        return
    roles = [value for name, value in scope["headers"] if name == b"holdfast-role"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b",".join(roles)})


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    # A thread of its own: a browser's test may have left an event loop in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


class Visitor:
    """A browser without JavaScript: keeps cookies, follows no redirect by itself."""

    def __init__(self, gate: Gate) -> None:
        self.gate, self.cookies = gate, httpx.Cookies()

    def ask(self, path: str, *, method: str = "GET", **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.gate)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1:8501", cookies=self.cookies
            ) as client:
                reply = await client.request(method, path, **more)
                self.cookies = client.cookies
                return reply

        reply: httpx.Response = _run(asked())
        return reply

    def connect(self, *between: Callable[[], object], **headers: str) -> list[str]:
        """Open a WebSocket and send a click, and one more after each of these; what came back."""
        given = {"host": "127.0.0.1:8501", **headers}
        if name := self.cookies.get("holdfast-session"):
            given["cookie"] = f"holdfast-session={name}"
        back: list[str] = []
        steps = iter([lambda: None, *between])

        async def receive() -> Message:
            if (step := next(steps, None)) is None:
                return {"type": "websocket.disconnect", "code": 1000}
            step()
            return {"type": "websocket.receive", "text": "click"}

        async def send(message: Message) -> None:
            back.append(message["type"].removeprefix("websocket."))

        scope = {
            "type": "websocket", "path": "/_stcore/stream", "query_string": b"", "scheme": "ws",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }  # fmt: skip
        _run(self.gate(scope, receive, send))
        return back


@pytest.fixture
def here() -> Visitor:
    """A dashboard on loopback."""
    return Visitor(Gate(inside, hosts=[], sign_in=None))


@pytest.fixture
def elsewhere(tmp_path: Path) -> tuple[Visitor, SignIn]:
    """A dashboard that other machines reach, behind a proxy too."""
    sign_in = SignIn(tmp_path)
    return Visitor(Gate(inside, hosts=["shop.example"], sign_in=sign_in)), sign_in


FORGED = [
    {"host": "evil.example"},
    {"host": "localhost:1@evil.example"},
    {"host": "localhost.evil.example"},
    {"host": "10.0.0.7:8501"},
    {"origin": "http://evil.example"},
    {"origin": "http://localhost:3000"},
    {"origin": "null"},
    {"host": "evil.example", "origin": "http://evil.example"},
    {"x-forwarded-for": "203.0.113.9"},
    {"forwarded": "for=203.0.113.9"},
    {"via": "1.1 proxy"},
    {"x-real-ip": "203.0.113.9"},
]


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_on_this_machine_nothing_foreign_is_answered(
    here: Visitor, headers: dict[str, str]
) -> None:
    assert here.ask("/", headers=headers).status_code == 403
    assert here.connect(**headers) == ["close"]


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:8501", "[::1]:8501", "LOCALHOST"])
def test_on_this_machine_nobody_signs_in(here: Visitor, host: str) -> None:
    reply = here.ask("/", headers={"host": host})
    assert (reply.status_code, reply.text) == (200, "operator")
    assert here.connect(host=host, origin=f"http://{host}") == ["accept", "send"]


def test_no_page_may_frame_it(here: Visitor, elsewhere: tuple[Visitor, SignIn]) -> None:
    replies = [here.ask("/"), here.ask("/", headers={"host": "evil.example"})]
    for reply in (*replies, elsewhere[0].ask("/", headers=HTML)):
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["content-security-policy"] == "frame-ancestors 'none'"


def test_from_elsewhere_nothing_is_shown_before_a_sign_in(
    elsewhere: tuple[Visitor, SignIn],
) -> None:
    visitor, _ = elsewhere
    for path in (
        "/",
        "/customer?customer=C1",
        "/media/abc.csv",
        "/static/x.js",
        "/_stcore/metrics",
    ):
        assert visitor.ask(path).status_code == 401, path
    assert "Key or token" in visitor.ask("/", headers=HTML).text
    assert visitor.connect() == ["close"]
    assert visitor.ask("/_stcore/health").status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [("shop.example", 401), ("10.0.0.7:8501", 401), ("[2001:db8::1]", 401), ("evil.example", 403)],
)
def test_from_elsewhere_it_answers_to_its_names_and_to_addresses_written_out(
    elsewhere: tuple[Visitor, SignIn], host: str, status: int
) -> None:
    proxied = {"host": host, "x-forwarded-for": "203.0.113.9"}
    assert elsewhere[0].ask("/", headers=proxied).status_code == status


def test_the_token_in_the_address_signs_in_and_leaves_the_address(
    elsewhere: tuple[Visitor, SignIn], tmp_path: Path
) -> None:
    visitor, sign_in = elsewhere
    reply = visitor.ask(f"/customer?customer=C1&token={sign_in.token}")
    (line,) = audit_log.entries(tmp_path)
    assert (line["what"], line["who"]) == ("sign-in", "the token of the start")
    assert (reply.status_code, reply.headers["location"]) == (303, "/customer?customer=C1")
    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert sign_in.token not in cookie
    assert visitor.ask("/customer?customer=C1").text == "operator"
    assert visitor.connect() == ["accept", "send"]


def test_a_sign_in_leads_to_no_other_site(elsewhere: tuple[Visitor, SignIn]) -> None:
    visitor, sign_in = elsewhere
    reply = visitor.ask(f"http://127.0.0.1:8501//evil.example/?token={sign_in.token}")
    assert reply.headers["location"] == "/evil.example/"


@pytest.mark.parametrize("role", ["reader", "operator", "admin"])
def test_a_key_signs_in_with_its_role_until_it_is_revoked(
    elsewhere: tuple[Visitor, SignIn], tmp_path: Path, role: str
) -> None:
    visitor, _ = elsewhere
    text, key = KeyFile(tmp_path).create(role=role, name="a")
    reply = visitor.ask("/actions", method="POST", data={"secret": text}, headers=HTML)
    assert (reply.status_code, reply.headers["location"]) == (303, "/actions")
    assert visitor.ask("/", headers={"holdfast-role": "admin"}).text == role
    revoke = lambda: KeyFile(tmp_path).revoke(key.key_id)  # noqa: E731
    # What is open already does nothing more either.
    assert visitor.connect(lambda: None, revoke, lambda: None) == ["accept", "send", "send"]
    assert visitor.ask("/").status_code == 401


def test_what_is_neither_key_nor_token_is_refused_and_after_ten_nothing_is_looked_at(
    elsewhere: tuple[Visitor, SignIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor, sign_in = elsewhere
    now = 1000.0
    monkeypatch.setattr("holdfast.dashboard.sign_in.time.monotonic", lambda: now)
    wrong = ["", "x", "hf_00000000_x", sign_in.token[:-1], "a" * 3000, "é☃"]
    for secret in (*wrong, *wrong[:4]):
        reply = visitor.ask("/", method="POST", data={"secret": secret}, headers=HTML)
        assert reply.status_code == 401
        assert "This key or token is not valid." in reply.text
    right = {"secret": sign_in.token}
    assert visitor.ask("/", method="POST", data=right, headers=HTML).status_code == 429
    assert visitor.ask(f"/?token={sign_in.token}").status_code == 429
    now += 61
    assert visitor.ask("/", method="POST", data=right, headers=HTML).status_code == 303


def test_a_form_of_another_site_signs_nobody_in(elsewhere: tuple[Visitor, SignIn]) -> None:
    visitor, sign_in = elsewhere
    reply = visitor.ask(
        "/",
        method="POST",
        data={"secret": sign_in.token},
        headers={"origin": "http://evil.example"},
    )
    assert reply.status_code == 403
    assert not visitor.cookies


def test_signing_out_ends_the_session(elsewhere: tuple[Visitor, SignIn]) -> None:
    visitor, sign_in = elsewhere
    visitor.ask(f"/?token={sign_in.token}")
    name = visitor.cookies["holdfast-session"]
    assert visitor.ask("/sign-out").status_code == 303
    assert sign_in.role(name) is None
    assert visitor.ask("/").status_code == 401


def test_a_session_ends_after_half_a_day(
    elsewhere: tuple[Visitor, SignIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor, sign_in = elsewhere
    now = 1000.0
    monkeypatch.setattr("holdfast.dashboard.sign_in.time.monotonic", lambda: now)
    visitor.ask(f"/?token={sign_in.token}")
    now += 12 * 3600 - 1
    assert visitor.ask("/").status_code == 200
    now += 2
    assert visitor.ask("/").status_code == 401


def test_keys_that_cannot_be_read_let_nobody_in(
    elsewhere: tuple[Visitor, SignIn], tmp_path: Path
) -> None:
    visitor, _ = elsewhere
    text, _ = KeyFile(tmp_path).create(role="admin", name="a")
    visitor.ask("/", method="POST", data={"secret": text}, headers=HTML)
    (tmp_path / "keys.json").unlink()
    refused = visitor.ask("/")
    assert refused.status_code == 503
    assert "keys.json is gone" in refused.text
    assert visitor.connect() == ["close"]
