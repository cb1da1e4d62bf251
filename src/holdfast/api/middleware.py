"""The gate: everything that holds for every request, in one pass around the application.

It tells who asks and whether they may, counts against the limit, takes the body in (so much, so
fast and no more), answers the two hottest routes itself, and adds headers, metrics and the
journal's line to whatever is answered.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from time import perf_counter
from typing import Any

from holdfast.api import fast_path
from holdfast.api.context import Asked, Context
from holdfast.api.problems import MEDIA_TYPE, Refused, encoded, problem, status_of
from holdfast.api.routes import role_for, template
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


class Gate:
    """Around the application."""

    def __init__(self, app: App, context: Context) -> None:
        self._app, self._context = app, context
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
        context, method, path = self._context, scope["method"], scope["path"]
        headers = dict(scope["headers"])
        asked = Asked(context, context.store.current, self._request_id(headers))
        scope["asked"] = asked
        reply = _Reply(asked, send)
        try:
            await self._answered(
                asked, scope, receive, reply, method=method, path=path, headers=headers
            )
        except HoldfastError as error:
            await reply.problem(error)
        except (OSError, asyncio.CancelledError):
            raise
        except (
            Exception
        ) as error:  # a defect: told to the journal, and to the client without its inside
            context.journal.failure(error, request_id=asked.request_id)
            await reply.problem(
                Refused(
                    500,
                    "something went wrong here",
                    fix=f"report it with the request id {asked.request_id}",
                )
            )
        finally:
            route, seconds = template(path), perf_counter() - started
            context.metrics.answered(route, asked.status, seconds)
            context.journal.request(
                request_id=asked.request_id,
                method=method if method.isalpha() else "?",
                route=route,
                status=asked.status,
                seconds=seconds,
                key_id=asked.key.key_id,
                run_id=asked.served.run_id if asked.served else "",
            )

    async def _answered(
        self,
        asked: Asked,
        scope: Scope,
        receive: Receive,
        reply: "_Reply",
        *,
        method: str,
        path: str,
        headers: dict[bytes, bytes],
    ) -> None:
        context = self._context
        if (role := role_for(method, path)) is not None:
            asked.key = context.admitted(role=role, method=method, headers=headers)
            context.limit.check(asked.key.key_id)
        if method == "GET":
            if path.startswith("/predict/") and not scope["query_string"]:
                return await reply.json(200, fast_path.known(asked, path[9:]))
        elif method == "POST":
            streamed = path == "/predict/batch" and headers.get(b"content-type", b"").startswith(
                _NDJSON
            )
            if streamed:
                receive = _counted(
                    receive, context.settings.stream_bytes, context.settings.body_seconds
                )
            else:
                asked.body = await self._body(receive, headers)
                if (
                    path == "/predict"
                    and not scope["query_string"]
                    and b'"orders"' not in asked.body
                ):
                    return await reply.json(200, fast_path.from_features(asked))
                receive = _replayed(asked.body, receive)
        try:
            async with asyncio.timeout(context.settings.answer_seconds):
                await self._app(scope, receive, reply.send)
        except TimeoutError:
            raise Refused(
                504, f"no answer in {context.settings.answer_seconds:g} s", fix="ask for less"
            ) from None

    async def _body(self, receive: Receive, headers: dict[bytes, bytes]) -> bytes:
        """Take the whole body in.

        Raises
        ------
        Refused
            413 where it is too large, 408 where it takes too long, 415 where it is no JSON.
        """
        settings = self._context.settings
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:20]) > settings.body_bytes:
            raise _too_large(settings.body_bytes)
        kind = headers.get(b"content-type")
        if kind is not None and not kind.lower().startswith(_JSON):
            raise Refused(
                415,
                "the body is not JSON",
                fix="send Content-Type: application/json",
                headers=_CLOSE,
            )
        message = await self._within(receive)
        body = message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)
        parts = [body]
        size = len(body)
        deadline = asyncio.get_running_loop().time() + settings.body_seconds
        while message.get("more_body"):
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise _too_slow(settings.body_seconds) from None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > settings.body_bytes:
                raise _too_large(settings.body_bytes)
        return b"".join(parts)

    async def _within(self, receive: Receive) -> Message:
        try:
            async with asyncio.timeout(self._context.settings.body_seconds):
                message = await receive()
        except TimeoutError:
            raise _too_slow(self._context.settings.body_seconds) from None
        if message["type"] == "http.disconnect":
            raise Refused(400, "the client left before the body was complete")
        return message

    def _request_id(self, headers: dict[bytes, bytes]) -> str:
        given = headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            return given.decode()
        return f"{self._prefix}{next(self._numbers):x}"


_CLOSE = {"connection": "close"}


def _too_large(limit: int) -> Refused:
    return Refused(
        413, f"the body is larger than {limit:,} bytes", fix="send less at once", headers=_CLOSE
    )


def _too_slow(seconds: float) -> Refused:
    return Refused(
        408, f"the body did not arrive within {seconds:g} s", fix="send it faster", headers=_CLOSE
    )


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Hand a body out that was taken in already."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay() -> Message:
        return next(messages, None) or await receive()

    return replay


def _counted(receive: Receive, limit: int, seconds: float) -> Receive:
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


class _Reply:
    """Sends an answer with what every answer carries."""

    def __init__(self, asked: Asked, send: Send) -> None:
        self._asked, self._send = asked, send

    def _headers(self) -> list[tuple[bytes, bytes]]:
        asked = self._asked
        own = [*_SECURITY, (b"x-request-id", asked.request_id.encode())]
        return [*own, *asked.served.headers] if asked.served is not None else own

    async def json(
        self, status: int, body: bytes, *, media_type: bytes = _JSON, more: Any = ()
    ) -> None:
        """Send a whole JSON answer."""
        self._asked.status = status
        length = (b"content-length", str(len(body)).encode())
        headers = [(b"content-type", media_type), length, *self._headers(), *more]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def problem(self, error: HoldfastError) -> None:
        """Send a problem, unless an answer has begun."""
        if self._asked.status:
            return
        told = {**problem(error), "request_id": self._asked.request_id}
        more = (
            [(n.encode(), v.encode()) for n, v in error.headers.items()]
            if isinstance(error, Refused)
            else ()
        )
        await self.json(status_of(error), encoded(told), media_type=MEDIA_TYPE.encode(), more=more)

    async def send(self, message: Message) -> None:
        """Send on what the application answers."""
        if message["type"] == "http.response.start":
            self._asked.status = message["status"]
            theirs = list(message["headers"])
            named = {name for name, _ in theirs}
            message = {
                **message,
                "headers": [*theirs, *(pair for pair in self._headers() if pair[0] not in named)],
            }
        await self._send(message)
