"""A contact sheet: every page of the dashboard in both themes, on a desk and on a phone, as
pictures in a folder and one picture of them all.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from holdfast.dashboard.views import PAGES

FLAGS = ["--headless", "--no-sandbox", "--disable-background-networking"]
DONE = '[data-test-script-state="notRunning"]'
WIDTHS, THEMES = (1440, 390), ("light", "dark")
_TALLEST, _THUMB, _CAPTION = 12_000, 480, 28


def browser_of(playwright: Any) -> Any:
    """Chromium, as HOLDFAST_CHROMIUM or the path names it."""
    path = os.environ.get("HOLDFAST_CHROMIUM", shutil.which("chromium"))
    return playwright.chromium.launch(executable_path=path, args=FLAGS)


def opened(page: Any, address: str) -> None:
    """Wait until the page's script has run and its charts are drawn."""
    page.goto(address)
    page.wait_for_selector("h1")
    page.wait_for_selector(DONE)
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton]')")


def take_sheet(address: str, folder: Path, *, customer: str) -> Iterator[tuple[str, int, int]]:
    """Write the pictures, `sheet.png` last.

    Yields
    ------
    tuple
        Of each view its name, how many pixels it is wider than its window, and the size of its
        smallest text in pixels.
    """
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = browser_of(playwright)
        for width in WIDTHS:
            for theme in THEMES:
                context = browser.new_context(
                    viewport={"width": width, "height": 1000}, color_scheme=theme
                )
                page = context.new_page()
                page.set_default_timeout(120_000)
                for each in PAGES:
                    name = f"{each.path or 'overview'}-{theme}-{width}"
                    who = f"?customer={customer}" if each.path == "customer" else ""
                    opened(page, f"{address}/{each.path}{who}")
                    yield name, *_take(page, folder / f"{name}.png", width)
                context.close()
        browser.close()
    _join(folder)


def _take(page: Any, path: Path, width: int) -> tuple[int, int]:
    """Photograph the whole page; how far it scrolls sideways, and its smallest text."""
    page.wait_for_timeout(1200)
    height = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(height, 800) + 20, _TALLEST)})
    page.wait_for_timeout(800)
    page.screenshot(path=path)
    measured = page.evaluate(_MEASURE)
    page.set_viewport_size({"width": width, "height": 1000})
    return int(measured[0]), int(measured[1])


_MEASURE = """() => {
  const main = document.querySelector('[data-testid=stMain]');
  const sizes = [...main.querySelectorAll('*')]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())
      && e.getClientRects().length && !e.closest('style')
      && getComputedStyle(e).visibility !== 'hidden'
      && !String(e.className.baseVal ?? e.className).includes('material')
      && e.getBoundingClientRect().width > 1)
    .map(e => parseFloat(getComputedStyle(e).fontSize));
  return [main.scrollWidth - main.clientWidth, Math.min(...sizes)];
}"""


def _join(folder: Path) -> None:
    """One row a page, one column a view."""
    views = [(theme, width) for width in WIDTHS for theme in THEMES]
    rows = []
    for each in PAGES:
        name = each.path or "overview"
        pictures = [Image.open(folder / f"{name}-{t}-{w}.png").convert("RGB") for t, w in views]
        for picture in pictures:
            picture.thumbnail((_THUMB, 3000))
        rows.append((name, pictures))
    high = [max(p.height for p in pictures) + _CAPTION for _, pictures in rows]
    sheet = Image.new("RGB", (_THUMB * len(views) + 10 * len(views), sum(high)), "white")
    pen, top = ImageDraw.Draw(sheet), 0
    for (name, pictures), height in zip(rows, high, strict=True):
        for k, (picture, (theme, width)) in enumerate(zip(pictures, views, strict=True)):
            pen.text((k * (_THUMB + 10) + 4, top + 8), f"{name}, {theme}, {width}", fill="black")
            sheet.paste(picture, (k * (_THUMB + 10), top + _CAPTION))
        top += height
    sheet.save(folder / "sheet.png")
