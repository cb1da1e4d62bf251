"""A page of the dashboard as a reader has it: its figures by label, its tables by caption."""

import html
import re
from pathlib import Path
from typing import Any

import pytest

testing = pytest.importorskip("streamlit.testing.v1")
SCRIPT = "from holdfast.dashboard.views import {page}\n{page}.show()\n"
TEXTS = ("title", "markdown", "caption", "info", "warning", "error", "subheader")


def show(page: str, study: Path, monkeypatch: pytest.MonkeyPatch, **query: str) -> Any:
    """Run a page, with these parameters in its address; it may not fail."""
    monkeypatch.setenv("HOLDFAST_STUDY", str(study))
    shown = testing.AppTest.from_string(SCRIPT.format(page=page), default_timeout=120)
    for key, value in query.items():
        shown.query_params[key] = value
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
