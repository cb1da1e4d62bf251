"""One figure, one value: the headline figures as page, API, command line and table have them, and
one count of those who are likely to leave on every page.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.api.conftest import client_of
from tests.cli.test_cli import holdfast
from tests.dashboard.pages import figures, show, tables, text

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


def _plan_of_table(project: Path) -> dict[str, float]:
    plan = Registry(project / "runs").open().table("plan")
    contacted = plan.filter(arm="contact")
    return {
        "Contacted": contacted.height,
        "Held out": plan.height - contacted.height,
        "Cost": contacted["cost"].sum(),
    }


def _plan_of(values: dict[str, Any]) -> dict[str, float]:
    total = values["total"]
    return {
        "Contacted": values["contacted"],
        "Held out": values["held_out"],
        "Cost": total["cost"],
        "Net return": total["net"],
    }


def _plan_of_api(project: Path) -> dict[str, float]:
    with client_of(project) as api:
        return _plan_of(api.post("/plan", json={}).json())


def _plan_of_command_line(project: Path) -> dict[str, float]:
    return _plan_of(json.loads(holdfast("plan", "--json", cwd=project)))


@pytest.mark.parametrize("source", [_plan_of_table, _plan_of_api, _plan_of_command_line])
def test_the_plan_is_the_same_on_every_surface(
    source: Callable[[Path], dict[str, float]], log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = source(log_project.parent)
    shown = figures(show("plan", log_project, monkeypatch))
    for name, value in told.items():
        counted = name in ("Contacted", "Held out")
        written = formatting.count(value) if counted else formatting.money(value, "EUR")
        assert shown[name] == written


def _campaigns_of_api(project: Path) -> list[dict[str, Any]]:
    with client_of(project) as api:
        rows: list[dict[str, Any]] = api.get("/campaigns").json()["campaigns"]
        return rows


def _campaigns_of_command_line(project: Path) -> list[dict[str, Any]]:
    kept = json.loads(holdfast("experiment", "read", "--json", cwd=project))
    return [offer for campaign in kept["campaigns"] for offer in campaign["offers"]]


def _campaigns_of_table(project: Path) -> list[dict[str, Any]]:
    return Registry(project / "runs").open().table("campaigns").to_dicts()


@pytest.mark.parametrize(
    "source", [_campaigns_of_table, _campaigns_of_api, _campaigns_of_command_line]
)
def test_what_campaigns_did_is_the_same_on_every_surface(
    source: Callable[[Path], list[dict[str, Any]]],
    log_project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = source(log_project.parent)
    shown = show("campaigns", log_project, monkeypatch)
    told = figures(shown)
    assert told["Net of all"] == formatting.money(sum(row["net"] for row in rows), "EUR")
    assert told["Customers contacted"] == formatting.count(sum(row["contacted"] for row in rows))
    (results,) = (table for name, table in tables(shown).items() if "Past campaigns" in name)
    sizes = {(row[0], row[2], row[3]) for row in results}
    groups = {f"{row['contacted']:,} / {row['held_out']:,}": row for row in rows}
    assert sizes == {(row["campaign"], row["offer"], size) for size, row in groups.items()}


def test_two_runs_differ_by_the_same_figures_on_every_surface(
    shop_run_twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after, before = Registry(shop_run_twice / "runs").run_ids()
    with client_of(shop_run_twice) as api:
        of_api = api.get(f"/runs/{before}/compare/{after}").json()
    of_command_line = json.loads(
        holdfast("runs", "compare", before, after, "--json", cwd=shop_run_twice)
    )
    assert of_api["figures"] == of_command_line["figures"]
    shown = show(
        "comparison", shop_run_twice / "holdfast.toml", monkeypatch, before=before, after=after
    )
    listed = {row[0]: row[1:] for row in tables(shown)["Customers, risk and value"]}
    of = {figure["figure"]: figure for figure in of_api["figures"]}
    for name, label, write in (
        ("customers", "Customers", formatting.count),
        ("at_stake", "Revenue at stake", partial(formatting.money, currency="EUR")),
    ):
        assert listed[label][:2] == [write(of[name][end]) for end in ("before", "after")]
