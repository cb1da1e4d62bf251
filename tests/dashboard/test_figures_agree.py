"""One figure, one value: the headline figures as page, API, command line and table have them, and
one count of those who are likely to leave on every page.
"""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tests.api.conftest import client_of
from tests.cli.test_cli import holdfast
from tests.dashboard.pages import figures, show, text

from holdfast.report import formatting
from holdfast.storage.runs import Registry

EVERY = (
    "overview", "customer", "segments", "plan", "campaigns", "recovery", "performance", "actions",
    "cohorts", "comparison", "health",
)  # fmt: skip
THRESHOLD = 0.5
AMOUNTS = {"Expected revenue": "expected_revenue", "Revenue at stake": "at_stake"}


def _from_table(project: Path) -> pl.DataFrame:
    run = Registry(project / "runs").open()
    return pl.read_parquet(run.path / "tables" / "scores.parquet")


def _from_api(project: Path) -> pl.DataFrame:
    """Every customer, page by page."""
    rows, cursor = [], ""
    with client_of(project) as api:
        while True:
            more = f"&cursor={cursor}" if cursor else ""
            answer = api.get(f"/customers?limit=200&sort=customer_id{more}").json()
            rows += answer["customers"]
            cursor = answer["next_cursor"]
            if not cursor:
                assert answer["total"] == len(rows)
                return pl.DataFrame(rows, infer_schema_length=None)


def _figures_of(scores: pl.DataFrame) -> dict[str, float]:
    at_risk = (scores["churn_probability"] >= THRESHOLD).mean()
    sums = {label: scores[name].sum() for label, name in AMOUNTS.items()}
    return {"Customers": scores.height, "Likely to leave": at_risk, **sums}


def _from_command_line(project: Path) -> dict[str, float]:
    summary = json.loads(holdfast("runs", "show", "--json", cwd=project))["summary"]
    sums = {label: summary[name] for label, name in AMOUNTS.items()}
    return {"Customers": summary["customers"], "Likely to leave": summary["share_at_risk"], **sums}


SOURCES: dict[str, Callable[[Path], dict[str, float]]] = {
    "table": lambda project: _figures_of(_from_table(project)),
    "api": lambda project: _figures_of(_from_api(project)),
    "command line": _from_command_line,
}


@pytest.mark.parametrize("source", SOURCES)
def test_the_headline_figures_of_the_page_are_those_of_every_other_surface(
    source: str, log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = SOURCES[source](log_project.parent)
    written = {
        "Customers": formatting.count(told["Customers"]),
        "Likely to leave": formatting.percent(told["Likely to leave"]),
        **{label: formatting.money(told[label], "EUR") for label in AMOUNTS},
    }
    assert figures(show("overview", log_project, monkeypatch)) == written


@pytest.mark.parametrize("page", EVERY)
def test_every_page_has_the_same_count_of_those_who_are_likely_to_leave(
    page: str, log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = _from_table(log_project.parent)
    leaving = scores.filter(pl.col("churn_probability") >= THRESHOLD).height
    share = formatting.percent(leaving / scores.height)
    count = f"{scores.height:,} customers, {leaving:,} likely to leave ({share})"
    assert count in text(show(page, log_project, monkeypatch))
