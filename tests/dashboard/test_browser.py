"""The dashboard in a real browser: no error, the figures that the run has, a file that equals the
table, no barrier.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.dashboard.served import serve

from holdfast.dashboard import views as dashboard
from holdfast.report import formatting
from holdfast.storage.export_records import read_exports
from holdfast.storage.runs import Registry, Run

PAGES = tuple(page.path for page in dashboard.PAGES)
THEMES = ("light", "dark")
# Streamlit probes for its own base path below the page's address when a page is opened directly.
OWN_PROBES = ("/_stcore/health", "/_stcore/host-config")


@pytest.fixture(scope="session")
def server(log_project: Path) -> Iterator[str]:
    """A dashboard of the log's project."""
    with serve(log_project) as address:
        yield address


@pytest.fixture
def theme() -> str:
    """The reader's own, unless a test says otherwise."""
    return "light"


@pytest.fixture
def page(browser: Any, theme: str) -> Iterator[Any]:
    """A page that writes down every error of the console and every request to another host."""
    size = {"width": 1440, "height": 1000}
    context = browser.new_context(viewport=size, accept_downloads=True, color_scheme=theme)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda said: _note(page, said))
    page.on("requestfailed", lambda request: page.faults.append(f"failed: {request.url}"))
    yield page
    context.close()


def _note(page: Any, said: Any) -> None:
    if said.type == "error" and not said.location.get("url", "").endswith(OWN_PROBES):
        page.faults.append(f"{said.text} {said.location}")


def _go(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("h1")
    _settle(page)


def _settle(page: Any) -> None:
    """Wait until the script has run and nothing on the page is stale."""
    page.wait_for_timeout(300)
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    page.wait_for_function("() => !document.querySelector('[data-stale=true]')")


def _figure(page: Any, label: str) -> str:
    card = page.locator('[data-testid="stMetric"]').filter(has_text=label).first
    return str(card.locator('[data-testid="stMetricValue"]').inner_text()).strip()


@pytest.fixture(scope="session")
def run(log_project: Path) -> Run:
    return Registry(log_project.parent / "runs").open()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_loads_without_a_fault_and_without_a_barrier(
    name: str, server: str, page: Any, run: Run
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core")
    who = f"?customer={run.scores['customer_id'][7]}" if name == "customer" else ""
    _go(page, f"{server}/{name}{who}")
    page.wait_for_timeout(1500)
    assert page.locator('[data-testid="stException"]').count() == 0
    assert [fault for fault in page.faults if "_stcore" not in fault] == []
    found = axe.Axe().run(page).response["violations"]
    grave = [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert grave == []


def test_typing_a_name_finds_the_customer_and_the_address_restores_the_view(
    server: str, page: Any, run: Run
) -> None:
    row = run.scores.row(11, named=True)
    _go(page, f"{server}/customer")
    page.get_by_role("textbox", name="Customer").press_sequentially(row["customer_id"])
    page.wait_for_selector('[data-testid="stMetric"]')
    _settle(page)
    assert _figure(page, "Churn probability") == formatting.percent(row["churn_probability"])
    assert f"customer={row['customer_id']}" in page.url
    shared = page.url
    page.goto("about:blank")
    _go(page, shared)
    assert _figure(page, "Churn probability") == formatting.percent(row["churn_probability"])
    assert _figure(page, "Segment") == row["segment"]


def test_a_slider_changes_the_figures_by_the_right_amount_and_is_shared(
    server: str, page: Any, run: Run
) -> None:
    plan, money = run.table("recovery"), run.summary["study"]["currency"]
    n = int(plan.filter(pl.col("segment") == "At-Risk VIP")["customers"][0])
    _go(page, f"{server}/recovery")
    assert _figure(page, "Invested") == formatting.money(float(plan["invested"].sum()), money)
    slider = page.get_by_role("slider", name="Cost per customer").first
    slider.focus()
    # Half a unit of currency a press; one that falls into the page's own redrawing would be lost.
    for cost in (1.0, 1.5, 2.0, 2.5):
        slider.press("ArrowRight")
        page.wait_for_function(
            "cost => new URLSearchParams(location.search).get('cost_at-risk_vip') == cost", arg=cost
        )
        _settle(page)
    after = formatting.money(float(plan["invested"].sum()) + 2.0 * n, money)
    assert _figure(page, "Invested") == after
    _go(page, page.url)
    assert _figure(page, "Invested") == after


def _downloaded(page: Any, name: str) -> list[dict[str, str]]:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=re.compile(name)).click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def test_an_export_downloads_what_the_table_shows_and_is_written_down(
    server: str, page: Any, log_project: Path, run: Run
) -> None:
    before = len(read_exports(log_project.parent))
    _go(page, f"{server}/actions?size=20")
    shown = page.locator("table.hf-table").first.locator("tbody tr")
    shown.first.wait_for()
    cells = [[cell.inner_text() for cell in row.locator("th, td").all()[:3]] for row in shown.all()]
    rows = _downloaded(page, r"Contacts, 20 \(CSV\)")
    got = [[row["customer_id"], row["segment"], "contact"] for row in rows]
    assert got == [cell for cell in cells if cell[2] == "contact"]
    assert len(got) == 20
    assert {row["run_id"] for row in rows} == {run.run_id}
    _settle(page)
    (latest, *_) = read_exports(log_project.parent)
    assert len(read_exports(log_project.parent)) == before + 1
    assert latest["figures"]["contacted"] == 20
    held_out = _downloaded(page, "Hold-out list")
    assert {row["arm"] for row in held_out} <= {"hold out"}
    assert len(held_out) == latest["figures"]["held_out"]


def test_a_phone_shows_every_page_without_scrolling_sideways(
    server: str, browser: Any, run: Run
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    for name in PAGES:
        who = f"?customer={run.scores['customer_id'][7]}" if name == "customer" else ""
        _go(page, f"{server}/{name}{who}")
        # While a chart is drawn it may be wider for a moment.
        page.wait_for_function(
            "() => { const m = document.querySelector('[data-testid=stMain]'); return "
            "m.scrollWidth <= m.clientWidth }",
            timeout=20_000,
        )
        assert page.evaluate(_SMALLEST_TEXT) >= 12, name
        assert page.evaluate(_CHARTS_TOO_WIDE) == [], name
    context.close()


# Of what is drawn; a word for screen readers alone is a pixel wide.
_SMALLEST_TEXT = """() => Math.min(...[...document.querySelectorAll('[data-testid=stMain] *')]
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())
    && e.getBoundingClientRect().width > 1)
  .map(e => parseFloat(getComputedStyle(e).fontSize)))"""
_CHARTS_TOO_WIDE = """() => [...document.querySelectorAll('[data-testid=stMain] canvas')]
  .filter(e => e.getBoundingClientRect().right > window.innerWidth)
  .map(e => e.closest('[class*=st-key-figure]')?.className)"""


def test_a_row_of_a_list_leads_to_the_customer_under_the_same_filter(
    server: str, page: Any, run: Run
) -> None:
    _go(page, f"{server}/segments?segment=Champion")
    link = page.locator("table.hf-table").nth(1).locator("tbody a").first
    name = link.inner_text()
    loads: list[str] = []
    page.on("load", lambda: loads.append(page.url))
    link.click()
    page.wait_for_url("**/customer**")
    page.wait_for_selector("h1")
    _settle(page)
    assert loads == [], "a link within the dashboard loads everything again"
    row = run.scores.filter(customer_id=name).row(0, named=True)
    assert _figure(page, "Churn probability") == formatting.percent(row["churn_probability"])
    page.wait_for_url("**segment=Champion**", timeout=5000)
    assert "Filter on." in page.inner_text("[data-testid=stMain]")
    page.go_back()
    _settle(page)
    assert page.locator("h1").inner_text() == "Segments"
