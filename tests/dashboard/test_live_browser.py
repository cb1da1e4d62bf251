"""The page Live in a real browser: what opens shows by itself, where the reader is stays, and a
person can close an alert.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.dashboard.served import serve
from tests.dashboard.views.test_live import SCHEMA as PAGE_SCHEMA
from tests.dashboard.views.test_live import STREAM
from tests.stream.live_state import add_customer, live_state, name_schema, open_episode

from holdfast.stream.live_view import find_episode
from holdfast.stream.state.connections import Connections

SCHEMA = name_schema("live_browser")
MORE = 12
"""Customers beyond the first page of the list."""


@pytest.fixture(scope="module")
def state() -> Iterator[Connections]:
    with pytest.MonkeyPatch.context() as patch, live_state(patch, SCHEMA) as connections:
        with connections.write() as connection:
            for k in range(MORE):
                name = f"MORE{k:02d}"
                add_customer(connection, name, risk=0.6, stake=90.0 - k, segment="Promising")
                open_episode(connection, "fading", name)
        yield connections


@pytest.fixture(scope="module")
def server(
    state: Connections, _older_runs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = Path(shutil.copytree(_older_runs / "log", tmp_path_factory.mktemp("live") / "log"))
    study = folder / "holdfast.toml"
    stream = STREAM.replace(PAGE_SCHEMA, SCHEMA)
    study.write_text(study.read_text(encoding="utf-8") + stream, encoding="utf-8")
    with serve(study) as address:
        yield address


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    theme, width = getattr(request, "param", ("light", 1440))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    yield page
    context.close()


def go(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("h1")
    page.get_by_text("The stream", exact=True).wait_for()
    page.wait_for_selector('[data-test-script-state="notRunning"]')


def figure(page: Any, label: str) -> Any:
    card = page.locator('[data-testid="stMetric"]').filter(has_text=label).first
    return card.locator('[data-testid="stMetricValue"]')


@pytest.mark.parametrize("page", [("light", 1440), ("dark", 390)], indirect=True)
def test_the_page_has_no_fault_and_no_barrier(server: str, page: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core")
    go(page, f"{server}/live")
    page.wait_for_timeout(1500)
    violations = axe.Axe().run(page).response["violations"]
    grave = [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}"
        for each in violations
        if each["impact"] in ("serious", "critical")
    ]
    assert grave == []
    assert page.faults == []
    wide = "() => { const m = document.querySelector('[data-testid=stMain]'); return "
    assert page.evaluate(wide + "m.scrollWidth - m.clientWidth }") == 0


def test_what_opens_shows_by_itself_and_the_reader_stays_where_they_are(
    server: str, page: Any, state: Connections
) -> None:
    go(page, f"{server}/live")
    before = int(figure(page, "Open alerts").inner_text())
    page.get_by_role("button", name="Next").click()
    page.get_by_text("Open alerts 11 to").wait_for()
    place = "() => document.querySelector('[data-testid=stMain]').scrollTop"
    page.get_by_role("button", name="Previous").scroll_into_view_if_needed()
    at = page.evaluate(place)
    assert at > 0
    with state.write() as connection:
        open_episode(connection, "third", "ANN")
    page.wait_for_function(
        "n => [...document.querySelectorAll('[data-testid=stMetricValue]')]"
        ".some(e => e.innerText.trim() === String(n))",
        arg=before + 1,
        timeout=20_000,
    )
    assert page.get_by_text("Open alerts 11 to").count() == 1
    assert page.evaluate(place) == at


def test_a_person_closes_an_alert_with_a_note(server: str, page: Any, state: Connections) -> None:
    go(page, f"{server}/live?alert_rule=silent")
    before = int(figure(page, "Open alerts").inner_text())
    page.get_by_text("Close an alert").click()
    page.get_by_role("textbox", name="Note").fill("has called")
    page.get_by_role("button", name="Close it").click()
    page.get_by_text("Closed: BOB: silent.").wait_for()
    page.wait_for_function(
        "n => document.querySelector('[data-testid=stMetricValue]').innerText.trim() === String(n)",
        arg=before - 1,
        timeout=20_000,
    )
    with state.read() as connection:
        episode = find_episode(connection, 2)
    assert episode is not None
    assert (episode["note"], episode["state"]) == ("has called", "closed")
