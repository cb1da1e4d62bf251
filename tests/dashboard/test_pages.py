"""Each page, for each kind of project: it shows, says what to do where there is nothing, and never
breaks.
"""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from holdfast.campaigns.audience import exports
from holdfast.io.runs import Registry
from holdfast.report import formatting

testing = pytest.importorskip("streamlit.testing.v1")

PAGES = (
    "overview",
    "customer",
    "segments",
    "recovery",
    "performance",
    "actions",
    "cohorts",
    "health",
)
PROJECTS = ("empty", "tiny", "snapshot", "log", pytest.param("large", marks=pytest.mark.slow))


def _script(page: str) -> str:
    return f"from holdfast.dashboard.views import {page}\n{page}.show()\n"


def _show(page: str, study: Path, monkeypatch: pytest.MonkeyPatch, **query: str):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("HOLDFAST_STUDY", str(study))
    shown = testing.AppTest.from_string(_script(page), default_timeout=120)
    for key, value in query.items():
        shown.query_params[key] = value
    return shown.run()


def _said(shown) -> str:  # type: ignore[no-untyped-def]
    kinds = ("title", "markdown", "caption", "info", "warning", "error", "subheader")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(shown, kind))


@pytest.mark.parametrize("project", PROJECTS)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_every_kind_of_project(
    page: str, project: str, project_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = _show(page, project_of(project), monkeypatch)
    assert not shown.exception, shown.exception
    assert not shown.error
    assert len(shown.title) == 1
    if project == "empty":
        assert "No run is published yet." in _said(shown)
        assert [code.value for code in shown.code] == ["holdfast run"]
    else:
        assert "scored as of" in _said(shown)


def test_value_that_no_past_cutoff_could_prove_is_said_to_be_unproved(
    tiny_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = _show("performance", tiny_project, monkeypatch, part="Value")
    assert "Nothing proves the value predictions." in _said(shown)


def test_nothing_left_out_offers_no_empty_table(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = _show("health", log_project, monkeypatch)
    assert "No left-out rows to show" in _said(shown)
    assert "nothing to list" not in _said(shown)


def test_a_study_that_cannot_be_read_is_an_error_with_a_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = _show("overview", tmp_path / "holdfast.toml", monkeypatch)
    assert not shown.exception
    assert "holdfast init" in shown.error[0].value


def _open(study: Path):  # type: ignore[no-untyped-def]
    return Registry(study.parent / "runs").open()


def test_a_customer_is_found_and_told_as_the_run_scored(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = _open(log_project).scores.row(7, named=True)
    shown = _show("customer", log_project, monkeypatch, customer=row["customer_id"])
    told = {metric.label: metric.value for metric in shown.metric}
    assert told["Churn probability"] == formatting.percent(row["churn_probability"])
    assert told["Segment"] == row["segment"]
    # Nothing is changed yet, so the run's own models give what was published.
    assert told["Churn probability, what if"] == told["Churn probability"]
    assert told["Expected revenue, what if"] == told["Expected revenue"]


def test_part_of_a_name_offers_customers_and_nonsense_says_what_to_do(
    snapshot_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = _show("customer", snapshot_project, monkeypatch, customer="K00")
    assert len(offered.button) == 8
    picked = offered.button[0].click().run()
    assert "Churn probability" in [metric.label for metric in picked.metric]
    assert "Type the beginning of a name" in _said(
        _show("customer", snapshot_project, monkeypatch, customer="zzz")
    )


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "=1+1", "[x](https://example.com)"])
def test_a_name_that_is_markup_is_only_a_name(
    name: str, snapshot_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = _show("customer", snapshot_project, monkeypatch, customer=name)
    assert not shown.exception
    assert "Churn probability" in [metric.label for metric in shown.metric]


def test_the_cost_slider_changes_what_is_invested_by_customers_times_cost(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _open(log_project)
    plan = run.table("recovery")
    n = plan.filter(pl.col("segment") == "At-Risk VIP")["customers"][0]
    shown = _show("recovery", log_project, monkeypatch)
    cost = next(slider for slider in shown.slider if slider.key == "cost_at-risk_vip")
    moved = cost.set_value(cost.value + 10).run()
    invested = next(metric.value for metric in moved.metric if metric.label == "Invested (assumed)")
    assert invested == formatting.money(
        plan["invested"].sum() + 10 * n, run.summary["study"]["currency"]
    )


def test_an_export_is_written_down_with_its_rule_and_run(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(exports(log_project.parent))
    shown = _show("actions", log_project, monkeypatch)
    assert not shown.exception
    contacted = next(metric.value for metric in shown.metric if metric.label == "Contacted")
    shown.download_button[0].click().run() if hasattr(shown, "download_button") else pytest.skip(
        "no download in AppTest"
    )
    (entry, *_) = exports(log_project.parent)
    assert len(exports(log_project.parent)) == before + 1
    assert entry["run_id"] == _open(log_project).run_id
    assert formatting.count(entry["figures"]["contacted"]) == contacted
    assert (
        json.dumps(entry["rule"]["segments"]) == '["At-Risk VIP", "Vulnerable", "Losing Customer"]'
    )


def test_every_figure_of_a_campaign_says_that_it_is_assumed(
    log_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = _show("recovery", log_project, monkeypatch)
    assert {metric.label for metric in shown.metric} == {
        f"{name} (assumed)" for name in ("Invested", "Recovered", "Net", "ROI")
    }
