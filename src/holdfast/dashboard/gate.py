"""The gate around the dashboard, for HTTP and WebSocket: which names it answers to, who may come
in, and that no page may frame it.

On this machine nobody signs in, and nothing else is let in: no foreign name (another site could
lead it here), nothing that came through a proxy. From anywhere else a sign-in is asked for.
"""

import html
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.dashboard.access import BY_PROVIDER, ROLE
from holdfast.dashboard.sign_in import SESSION_SECONDS, SignIn
from holdfast.errors import HoldfastError
from holdfast.io.network import FORWARDING, LOCAL_NAMES, host_name, is_same_origin, read_address

_COOKIE = "holdfast-session"
_HEALTH = "/_stcore/health"
_FORM_BYTES = 4096
_PAGE = Path(__file__).with_name("sign_in.html")
_SECURITY = {
    "x-frame-options": "DENY",
    "content-security-policy": "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    # `no-referrer` would make the form's own origin "null".
    "referrer-policy": "same-origin",
}


class Gate:
    """ASGI middleware.

    Parameters
    ----------
    hosts
        Names that the dashboard answers to, beside this machine's; with a sign-in it answers to any
        address written out too, which no other site can lead here.
    sign_in
        None: nobody signs in, and only this machine may look.
    by_provider
        The pages themselves ask the provider that the study's secrets name.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Sequence[str],
        sign_in: SignIn | None,
        by_provider: bool = False,
    ) -> None:
        self._app, self._sign_in, self._by_provider = app, sign_in, by_provider
        self._hosts = {*LOCAL_NAMES, *(name.lower() for name in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        send = _add_headers(send)
        if scope["path"] == _HEALTH:
            await self._app(scope, receive, send)
        elif (why := self._refusal(Headers(scope=scope))) is not None:
            await _answer(PlainTextResponse(why, 403), scope, receive, send)
        elif self._sign_in is None or self._by_provider:
            role = BY_PROVIDER if self._by_provider else "operator"
            await self._app(_with_role(scope, role), receive, send)
        else:
            await self._let_in(self._sign_in, scope, receive, send)

    def _refusal(self, headers: Headers) -> str | None:
        """Why a request is none of ours; None where it is."""
        host, origin = headers.get("host", ""), headers.get("origin")
        name = host_name(host)
        written_out = self._sign_in is not None and read_address(name or "") is not None
        if name not in self._hosts and not written_out:
            return (
                f"The dashboard does not answer to the name {host[:80]!r}. If it is yours, start "
                f"it with --allowed-host {name or 'NAME'}.\n"
            )
        if self._sign_in is None and any(key.startswith(FORWARDING) for key in headers):
            return (
                "This dashboard answers this machine only, and the request came through a proxy. "
                "Start it with --allowed-host NAME; it then asks for a sign-in.\n"
            )
        if origin and not is_same_origin(origin, host):
            return "A page of another site may not ask the dashboard.\n"
        return None

    async def _let_in(self, sign_in: SignIn, scope: Scope, receive: Receive, send: Send) -> None:
        session = HTTPConnection(scope).cookies.get(_COOKIE, "")
        try:
            if scope["type"] == "http" and (
                reply := await _serve(sign_in, session, scope, receive)
            ):
                await reply(scope, receive, send)
                return
            role = sign_in.role(session)
        except HoldfastError as error:
            await _answer(PlainTextResponse(f"{error}\n", 503), scope, receive, send)
            return
        if role is None:
            await _answer(_page(scope, 401), scope, receive, send)
        else:
            receive_and_watch = _watch(sign_in, session, receive)
            await self._app(_with_role(scope, role), receive_and_watch, send)


async def _serve(sign_in: SignIn, session: str, scope: Scope, receive: Receive) -> Response | None:
    """Sign in or out; None where nothing of the kind is asked for."""
    request, path = Request(scope, receive), str(scope["path"])
    if path == "/sign-out":
        sign_in.close(session)
        reply = RedirectResponse("/", 303)
        reply.delete_cookie(_COOKIE)
        return reply
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    given = next((value for name, value in query if name == "token"), None)
    if request.method == "POST" and sign_in.role(session) is None:
        given = await _read_secret(request)
    elif request.method != "GET":
        return None
    if given is None:
        return None
    address = request.client.host if request.client else ""
    if sign_in.is_blocked(address):
        return _page(scope, 429, "Too many attempts. Wait a minute.")
    name = sign_in.open(given, address=address)
    if name is None:
        return _page(scope, 401, "This key or token is not valid.")
    rest = urlencode([pair for pair in query if pair[0] != "token"])
    # One slash: two would be another site's name.
    place = "/" + path.lstrip("/\\") + (f"?{rest}" if rest else "")
    reply = RedirectResponse(place, 303)
    secure = "https" in (scope["scheme"], request.headers.get("x-forwarded-proto"))
    reply.set_cookie(
        _COOKIE, name, max_age=SESSION_SECONDS, httponly=True, samesite="lax", secure=secure
    )
    return reply


async def _read_secret(request: Request) -> str:
    """What the form says; empty where it is none."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _FORM_BYTES:
            return ""
    return parse_qs(body.decode("latin-1")).get("secret", [""])[0]


def _page(scope: Scope, status: int, trouble: str = "") -> Response:
    """The form, where a page was asked for; elsewhere a sentence."""
    accepts = Headers(scope=scope).get("accept", "")
    if "text/html" not in accepts:
        return PlainTextResponse(f"{trouble or 'Sign in first.'}\n", status)
    text = _PAGE.read_text(encoding="utf-8").replace("{{trouble}}", html.escape(trouble))
    return HTMLResponse(text, status, headers={"cache-control": "no-store"})


async def _answer(reply: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await reply(scope, receive, send)


def _with_role(scope: Scope, role: str) -> Scope:
    """The request with its role, whatever it says of itself."""
    name = ROLE.lower().encode()
    others = [pair for pair in scope["headers"] if pair[0] != name]
    return {**scope, "headers": [*others, (name, role.encode())]}


def _add_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_SECURITY)
        await send(message)

    return send_with_headers


def _watch(sign_in: SignIn, session: str, receive: Receive) -> Receive:
    """A connection that stays open ends with its session: a revoked key does nothing more."""

    async def receive_and_watch() -> Message:
        message = await receive()
        if message["type"] != "websocket.receive":
            return message
        try:
            ended = sign_in.role(session) is None
        except HoldfastError:
            ended = True
        return {"type": "websocket.disconnect", "code": 1008} if ended else message

    return receive_and_watch
