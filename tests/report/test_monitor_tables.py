"""Monitoring in tables, a sentence and a chart."""

from dataclasses import replace

import altair as alt
import polars as pl
import pytest

from holdfast.report import charts, monitor_tables
from holdfast.report.charts import drawings
from holdfast.report.pages import report_page
from holdfast.report.report_data import Report
from holdfast.tables import DRIFT, EXPECTED, REALISED

RUN = "20260101T000000Z-00000001"


def realised(*rows: tuple[str, float, float | None]) -> pl.DataFrame:
    filled = [
        (RUN, 19_723, 30, 1_000, "value" if name.startswith(("total", "cov")) else "churn", name,
         value, value - 0.02, value + 0.02, expected)
        for name, value, expected in rows
    ]  # fmt: skip
    return REALISED.check(pl.DataFrame(filled, schema=REALISED.schema, orient="row"))


CAME = realised(("churn_rate", 0.31, 0.25), ("roc_auc", 0.8, 0.82), ("total_ratio", 1.1, 1.0))
MOVED = DRIFT.check(
    pl.DataFrame(
        [("recent buyers", "spend_30d", 900, 950, 0.31, 0.08, 0.2, 0.05, 0.0, 0.0, 0.0, 3.9, True),
         ("everyone", "channel", 900, 950, 0.01, 0.02, None, None, 0.0, 0.0, 0.0, 0.5, False)],
        schema=DRIFT.schema, orient="row",
    )
)  # fmt: skip

COMING = EXPECTED.check(
    pl.DataFrame([(90, 1_000, 0.4, 0.37, 0.43, 0.81, 0.15)], schema=EXPECTED.schema, orient="row")
)


def test_what_came_stands_beside_what_was_expected() -> None:
    table = monitor_tables.realised_performance(CAME)
    (cells,) = table.cells
    assert "31.0% (25.0%)" in cells
    assert "0.80 (0.82)" in cells
    assert "1.10" in cells


def test_what_is_expected_says_on_what_it_stands() -> None:
    table = monitor_tables.expected_performance(COMING)
    assert monitor_tables.ASSUMPTION in table.caption
    assert "40.0% (37.0% to 43.0%)" in table.cells[0]


def test_a_feature_that_drifted_stands_beside_its_usual_month() -> None:
    first, second = monitor_tables.drift(MOVED).cells
    assert "0.310 (0.080)" in first
    assert (first[-1], second[-1]) == ("yes", "no")


USUAL = "moved farther in a month than is usual."
UNKNOWN = "No outcome of an earlier published run is known yet."
SHORT = "The log is too short to say what moves in a month."


@pytest.mark.parametrize(
    ("moved", "came", "sentence"),
    [
        (MOVED, CAME, f"1 feature {USUAL} Outcomes of 1 earlier run are known."),
        (MOVED.tail(1), REALISED.empty(), f"No feature {USUAL} {UNKNOWN}"),
        (DRIFT.empty(), REALISED.empty(), f"{SHORT} {UNKNOWN}"),
    ],
)
def test_the_whole_is_told_in_two_sentences(
    moved: pl.DataFrame, came: pl.DataFrame, sentence: str
) -> None:
    assert monitor_tables.describe_monitoring(moved, came) == sentence


def test_the_chart_has_expected_and_came_and_the_gap_in_its_title() -> None:
    chart = charts.realised_churn(CAME)
    spec = chart.to_dict()
    alt.Chart.from_dict(spec)
    assert chart.title == "Over 30 days, churn came 6.0 points off what was expected"
    _, dots = (spec["datasets"][layer["data"]["name"]] for layer in spec["layer"])
    assert {(row["what"], row["share"]) for row in dots} == {("Expected", 0.25), ("Came", 0.31)}


def test_without_an_outcome_the_chart_says_why() -> None:
    assert charts.realised_churn(REALISED.empty()).reason


@pytest.mark.parametrize("is_monitored", [True, False])
def test_the_evidence_says_whether_the_run_still_holds(
    report: Report, *, is_monitored: bool
) -> None:
    drawn = list(drawings(report))
    if is_monitored:
        report = replace(report, expected=COMING, drift=MOVED, realised=CAME)
    page = report_page(report, drawn)
    assert ("Does it still hold?" in page) is is_monitored
    assert ("31.0% (25.0%)" in page) is is_monitored
    assert (monitor_tables.ASSUMPTION in page) is is_monitored


def test_a_contest_says_who_was_worse_and_by_how_much() -> None:
    contest = {"task": "churn", "published": RUN, "customers": 900, "difference": 0.13,
               "low": 0.1, "high": 0.16, "worse": True}  # fmt: skip
    (cells,) = monitor_tables.contests({"challenger": {"contests": [contest]}}).cells
    assert "0.130 (0.100 to 0.160)" in cells
    assert cells[-1] == "worse"
    assert not monitor_tables.contests({}).rows


def test_why_there_was_no_contest_is_a_sentence() -> None:
    summary = {"challenger": {"not_held": {"value": "every published run is too young"}}}
    assert monitor_tables.explain_no_contest(summary) == [
        "Value was not compared with the published run: every published run is too young."
    ]
    assert monitor_tables.explain_no_contest({}) == []
