"""Everything that holds for every request, in one pass around the application.

It finds out who asks and whether they may, counts against the limit, takes the body in (so much, so
fast and no more), answers the two hottest routes itself, and adds headers, metrics and the access
log's line to whatever is answered.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from time import perf_counter
from typing import Any

from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect

from holdfast.api import fast_path
from holdfast.api.context import Context, RequestContext
from holdfast.api.problems import MEDIA_TYPE, Refused, encode, headers_of, problem, status_of
from holdfast.api.routes import Routes
from holdfast.api.settings import MEGABYTE
from holdfast.errors import HoldfastError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_JSON, _NDJSON = b"application/json", b"application/x-ndjson"


class Middleware:
    """Around the application."""

    def __init__(self, app: FastAPI, context: Context) -> None:
        self._app, self._context, self._routes = app, context, Routes(app)
        self._prefix, self._numbers = os.urandom(6).hex(), count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started = perf_counter()
        context, headers = self._context, dict(scope["headers"])
        request = RequestContext(context, context.store.current, self._request_id(headers))
        route, method = self._routes.find(scope["path"]), scope["method"]
        scope["request_context"] = request
        sender = _Sender(request, send)
        try:
            _refuse_repeated(scope["headers"])
            if (role := route.role(method)) is not None:
                request.key = context.admit(role=role, method=method, headers=headers)
                context.limit.check(request.key.key_id, size=_length_of(headers))
            await self._answer(request, scope, headers, receive, sender)
        except ConnectionError:
            raise  # the client has left
        except Exception as error:
            await sender.send_problem(request.explain(error))
        finally:
            if 400 <= request.status < 500:
                context.limit.count_refused(request.key.key_id, size=len(request.body))
            self._record(request, route.template, method, perf_counter() - started)

    def _record(self, request: RequestContext, route: str, method: str, seconds: float) -> None:
        """Count the answer, and log it."""
        self._context.metrics.count_answer(route, request.status, seconds)
        self._context.access_log.request(
            request_id=request.request_id,
            method=method if method.isalpha() else "?",
            route=route,
            status=request.status,
            ms=round(seconds * 1000, 2),
            key_id=request.key.key_id,
            run_id=request.served.run_id if request.served else "",
        )

    async def _answer(
        self,
        request: RequestContext,
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
        sender: "_Sender",
    ) -> None:
        settings, path, plain = self._context.settings, scope["path"], not scope["query_string"]
        if scope["method"] == "GET" and plain and path.startswith("/predict/"):
            return await sender.send_json(200, fast_path.answer_by_id(request, path[9:]))
        if scope["method"] == "POST":
            kind = headers.get(b"content-type", _JSON).lower()
            if path == "/predict/batch" and kind.startswith(_NDJSON):
                receive = _limit(receive, settings.stream_bytes, settings.body_seconds)
            else:
                most = _MOST_BYTES.get(path, _FEW_BYTES)
                request.body = await self._read_body(scope, headers, receive, most=most)
                if path == "/predict" and plain and b'"orders"' not in request.body:
                    return await sender.send_json(200, fast_path.answer_features(request))
                receive = _replay(request.body, receive)
        if path in _ENDLESS:
            scope["ending"] = asyncio.Event()
            return await self._app(scope, receive, sender.send)
        try:
            async with asyncio.timeout(settings.answer_seconds):
                await self._app(scope, receive, sender.send)
        except TimeoutError:
            what = f"the answer took longer than {settings.answer_seconds:g} s"
            raise Refused(504, what, fix="ask for fewer customers or columns at once") from None

    async def _read_body(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, *, most: int
    ) -> bytes:
        """Take the whole body in.

        Raises
        ------
        Refused
            413 where it is too large, 408 where it takes too long, 415 where it is no JSON.
        """
        limit = min(most, self._context.settings.body_bytes)
        seconds = self._context.settings.body_seconds
        if _length_of(headers) > limit:
            raise _too_large(limit)
        if not headers.get(b"content-type", _JSON).lower().startswith(_JSON):
            fix = "send Content-Type: application/json"
            raise Refused(415, "the body is not JSON", fix=fix, headers=_CLOSE)
        try:
            async with asyncio.timeout(seconds):
                return await Request(scope, _limit(receive, limit, seconds)).body()
        except ClientDisconnect:
            raise Refused(400, "the connection was closed before the body was complete") from None
        except TimeoutError:
            raise _too_slow(seconds) from None

    def _request_id(self, headers: dict[bytes, bytes]) -> str:
        given = headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            return given.decode()
        return f"{self._prefix}{next(self._numbers):x}"


_CLOSE = {"connection": "close"}
_FEW_BYTES = 64 * 1024
_MOST_BYTES = dict.fromkeys(("/predict", "/predict/batch", "/events"), 4 * MEGABYTE)
"""What a route has use for; what the others are sent is small."""
_ENDLESS = ("/stream/alerts",)
"""Answers that last until one of both sides ends them: the server by setting `ending`."""
_ONCE = {
    b"authorization", b"x-api-key", b"host", b"origin", b"content-type", b"content-length",
    b"idempotency-key",
}  # fmt: skip


def _refuse_repeated(headers: list[tuple[bytes, bytes]]) -> None:
    """Refuse a header that counts and comes twice: a proxy may have looked at the other one.

    Raises
    ------
    Refused
        400.
    """
    names = [name for name, _ in headers if name in _ONCE]
    if len(names) > len(set(names)):
        name = next(name for name in names if names.count(name) > 1).decode()
        raise Refused(400, f"the header {name} is given more than once", fix="send it once")


def _length_of(headers: dict[bytes, bytes]) -> int:
    """The body's length as announced; 0 where it is not."""
    length = headers.get(b"content-length", b"0")
    return int(length[:20]) if length.isdigit() else 2**63


def _too_large(limit: int) -> Refused:
    return Refused(
        413, f"the body is larger than {limit:,} bytes", fix="send less at once", headers=_CLOSE
    )


def _too_slow(seconds: float) -> Refused:
    return Refused(
        408, f"the body did not arrive within {seconds:g} s", fix="send it faster", headers=_CLOSE
    )


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand a body out that was taken in already."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay() -> Message:
        return next(messages, None) or await receive()

    return replay


def _limit(receive: Receive, limit: int, seconds: float) -> Receive:
    """Hand a stream on, as long as it is neither too long nor stands still."""
    size, complete = 0, False

    async def take() -> Message:
        nonlocal size, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout(seconds):
                message = await receive()
        except TimeoutError:
            raise _too_slow(seconds) from None
        size += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if size > limit:
            raise _too_large(limit)
        return message

    return take


class _Sender:
    """Sends an answer with what every answer carries."""

    def __init__(self, request: RequestContext, send: Send) -> None:
        self._request, self._send = request, send

    def _headers(self) -> list[tuple[bytes, bytes]]:
        request = self._request
        always = [*_SECURITY, (b"x-request-id", request.request_id.encode())]
        return [*always, *request.served.headers] if request.served is not None else always

    async def send_json(
        self, status: int, body: bytes, *, media_type: bytes = _JSON, more: Any = ()
    ) -> None:
        """Send a whole JSON answer."""
        self._request.status = status
        length = (b"content-length", str(len(body)).encode())
        headers = [(b"content-type", media_type), length, *self._headers(), *more]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def send_problem(self, error: HoldfastError) -> None:
        """Send a problem, unless an answer has begun."""
        if self._request.status:
            return
        more = [(name.encode(), value.encode()) for name, value in headers_of(error).items()]
        body = encode(problem(error, request_id=self._request.request_id))
        media_type = MEDIA_TYPE.encode()
        await self.send_json(status_of(error), body, media_type=media_type, more=more)

    async def send(self, message: Message) -> None:
        """Send on what the application answers."""
        if message["type"] == "http.response.start":
            self._request.status = message["status"]
            given = list(message["headers"])
            names = {name for name, _ in given}
            more = (pair for pair in self._headers() if pair[0] not in names)
            message = {**message, "headers": [*given, *more]}
        await self._send(message)
