"""The documentation page in a real browser, which may ask nobody but this server."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tests.api.test_openapi import OPERATIONS
from tests.api.test_server import free_port

from holdfast.api.app import build
from holdfast.api.context import Context
from holdfast.api.settings import Settings


@pytest.fixture
def address(published: Path) -> Iterator[str]:
    """The API as a server."""
    app: Any = build(Context(Settings(project=str(published), log=False)))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)


def test_the_page_shows_every_operation_asks_nobody_else_and_can_be_tried(
    address: str, browser: Any
) -> None:
    page = browser.new_page()
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{address}/docs")
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() == len(OPERATIONS)
    health = page.locator(".opblock").filter(has_text="/health")
    health.locator(".opblock-summary").click()
    health.get_by_role("button", name="Try it out").click()
    health.get_by_role("button", name="Execute").click()
    health.locator(".live-responses-table").get_by_text("healthy").first.wait_for()
    page.close()
    assert faults == []
    outside = [url for url in asked if not url.startswith((f"{address}/", "data:"))]
    assert outside == []
    assert f"{address}/docs/swagger-ui-bundle.js" in asked
