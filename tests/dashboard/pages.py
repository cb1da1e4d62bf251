"""A page as a reader has it: its figures by label, tables by caption, charts by words."""

import html
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

testing = pytest.importorskip("streamlit.testing.v1")
SCRIPT = """
from contextlib import suppress
from holdfast.dashboard.filters import offer_filters
from holdfast.dashboard.run_view import open_registry, open_run
from holdfast.dashboard.views import {page}
from holdfast.errors import HoldfastError
with suppress(HoldfastError):
    offer_filters(open_run(open_registry(), "champion"))
{page}.PAGE.show()
"""
TEXTS = ("title", "markdown", "caption", "info", "warning", "error", "header")


def show(
    page: str,
    study: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    role: str | None = "operator",
    **query: str,
) -> Any:
    """Run a page in a role, with these parameters in its address; it may not fail."""
    monkeypatch.setenv("HOLDFAST_STUDY", str(study))
    monkeypatch.setattr("holdfast.dashboard.access._role", lambda: role)
    shown = testing.AppTest.from_string(SCRIPT.format(page=page), default_timeout=120)
    for key, value in query.items():
        shown.query_params[key.rstrip("_")] = value
    shown.run()
    assert not shown.exception, shown.exception
    return shown


def figures(shown: Any) -> dict[str, str]:
    """Headline figures: label -> value."""
    return {metric.label: metric.value for metric in shown.metric}


def text(shown: Any) -> str:
    """Everything that is written outside tables and figures."""
    lines = (str(each.value) for kind in TEXTS for each in getattr(shown, kind))
    return "\n".join(lines).replace("\\", "")


def tables(shown: Any) -> dict[str, list[list[str]]]:
    """Caption -> rows of cells, without the head."""
    bodies = (element.proto.body for element in shown.get("html"))
    return {
        html.unescape(caption[1]): [
            _cells(row) for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)[1:]
        ]
        for body in bodies
        if (caption := re.search(r"<caption>(.*?)</caption>", body))
    }


def _cells(row: str) -> list[str]:
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in cells]


def links(shown: Any) -> list[str]:
    """Every address that a table, a list or a link of the page leads to."""
    bodies = (element.proto.body for element in shown.get("html"))
    return [html.unescape(found) for body in bodies for found in re.findall(r'href="(.*?)"', body)]


def charts(shown: Any) -> dict[str, list[list[dict[str, Any]]]]:
    """Title and subtitle -> the rows behind the marks, table by table."""
    return {
        element.proto.alt: [
            pl.read_ipc_stream(table.data.data).to_dicts() for table in element.proto.datasets
        ]
        for element in shown.get("vega_lite_chart") or shown.get("arrow_vega_lite_chart")
    }


def chart(shown: Any, words: str) -> list[list[dict[str, Any]]]:
    """The rows behind the one chart whose words hold these."""
    (rows,) = (rows for title, rows in charts(shown).items() if words in title)
    return rows
