"""An application with its lifespan, asked as a browser would, without a network."""

import asyncio
import threading
from typing import Any, Self

import httpx

from holdfast.api.context import Context


class Api:
    """Runs the application in a thread's event loop, from `with` to the end of it."""

    def __init__(self, app: Any, context: Context) -> None:
        self.app, self.context = app, context
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._stop, started = asyncio.Event(), threading.Event()
        self._life = asyncio.run_coroutine_threadsafe(self._lifespan(started), self._loop)
        assert started.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._life.result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _lifespan(self, started: threading.Event) -> None:
        messages = [{"type": "lifespan.startup"}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            await self._stop.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: Any) -> None:
            assert "failed" not in message["type"], message
            started.set()

        await self.app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

    async def _asked(self, method: str, url: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, url, **more)

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(
            self._asked(method, url, **more), self._loop
        ).result(60)

    def get(self, url: str, **more: Any) -> httpx.Response:
        return self.request("GET", url, **more)

    def post(self, url: str, **more: Any) -> httpx.Response:
        return self.request("POST", url, **more)


class Transport(httpx.BaseTransport):
    """Hands a synchronous client's requests to the application."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        told = self._api.request(
            request.method, str(request.url), content=request.read(), headers=dict(request.headers)
        )
        return httpx.Response(told.status_code, headers=told.headers, content=told.content)
