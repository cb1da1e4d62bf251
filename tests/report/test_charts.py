"""Charts: valid, small, honest about being empty, and the same each time."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import polars as pl
import pytest

from holdfast.report import chart_data, charts
from holdfast.report.charts import CHARTS
from holdfast.report.render import Drawing, drawing
from holdfast.report.report_data import Report
from holdfast.report.theme import COLOURS
from holdfast.study.settings import Promotion


def _rows(spec: Any) -> int:
    return sum(len(values) for values in spec["datasets"].values())


@pytest.mark.parametrize("name", CHARTS)
def test_each_chart_keeps_the_schema_has_a_title_and_draws_at_most_2000_marks(
    name: str, report: Report
) -> None:
    spec = CHARTS[name](report).to_dict()
    alt.Chart.from_dict(spec)
    assert spec["title"]["text"]
    assert 0 < _rows(spec) <= 2000


@pytest.mark.parametrize("name", sorted(set(CHARTS) - {"segment_analysis", "customer_quadrant"}))
def test_a_chart_without_data_says_why(name: str, bare: Report) -> None:
    chart = CHARTS[name](bare)
    assert chart.title.startswith("No ")
    assert chart.reason.endswith(".")


@pytest.mark.parametrize("name", ["segment_analysis", "customer_quadrant"])
def test_a_shop_without_customers_says_so(name: str, bare: Report) -> None:
    nobody = dataclasses.replace(bare, scores=bare.scores.clear(), segments=bare.segments.clear())
    assert CHARTS[name](nobody).title.startswith("No ")


@pytest.mark.parametrize("name", CHARTS)
def test_a_shop_of_three_customers_can_be_drawn(name: str, report: Report) -> None:
    tiny = dataclasses.replace(
        report,
        scores=report.scores.gather_every(150),
        contributions=report.contributions.filter(pl.col("customer_id") == "C0000"),
        predictions=report.predictions.head(3),
    )
    assert drawing(name, CHARTS[name](tiny)).title


def test_the_same_tables_draw_the_same_picture(report: Report, drawn: Sequence[Drawing]) -> None:
    for each in drawn:
        if each.name in ("shap_churn_summary", "customer_quadrant"):
            assert each == drawing(each.name, CHARTS[each.name](report))


def test_every_colour_is_of_the_palette_so_that_a_drawing_can_turn_dark(
    drawn: Sequence[Drawing],
) -> None:
    known = {light for light, _ in COLOURS.values()}
    for each in drawn:
        used = set(re.findall(r'(?:fill|stroke)="([^"]+)"', each.svg)) - {"none", "transparent"}
        assert {colour.lower() for colour in used} <= known, each.name


def test_titles_state_the_finding_with_the_figures(
    report: Report, drawn: Sequence[Drawing]
) -> None:
    titles = {each.name: each.title for each in drawn}
    n = report.scores["segment"].is_in(["At-Risk VIP", "Vulnerable", "Losing Customer"]).sum()
    assert titles["customer_quadrant"].startswith(
        f"{n} customers in the riskiest quarter of their value tier account for £"
    )
    assert (
        titles["revenue_recovery"] == "Assumed: £1,815 spent would bring back £9,000 (net £7,185)"
    )
    assert titles["backtest"] == (
        "Of 4 comparisons with the naive baseline the model is better in 2, worse in 2"
    )
    assert (
        titles["shap_churn_summary"]
        == "Who leaves depends most on days since last purchase: high values raise the risk"
    )


def test_recovery_says_what_is_assumed_and_what_never_pays(report: Report) -> None:
    spec = charts.revenue_recovery(report.recovery, currency="GBP").to_dict()
    texts = [row["text"] for rows in spec["datasets"].values() for row in rows if "text" in row]
    assert "assumed 45%, pays from 8.2%" in texts
    assert "assumed 15%, never pays" in texts


def test_features_that_read_the_same_keep_their_own_rows() -> None:
    importance = pl.DataFrame(
        {
            "task": "churn",
            "feature": ["Order_Value", "order value"],
            "mean_abs_contribution": [2.0, 1.0],
            "relative": [1.0, 0.5],
        }
    )
    spec = charts.shap_bar(importance, task="churn").to_dict()
    labels = {row["label"] for rows in spec["datasets"].values() for row in rows}
    assert labels == {"Order_Value", "order value"}


def test_a_metric_that_is_missing_for_the_baseline_is_left_out(report: Report) -> None:
    evidence = report.evidence.with_columns(
        value=pl.when(pl.col("metric") == "brier").then(np.nan).otherwise("value"),
        low=pl.lit(None, pl.Float64),
    )
    assert "Brier" not in drawing("backtest", charts.backtest(evidence)).svg


def test_twelve_cutoffs_fit_into_the_backtest(report: Report) -> None:
    one = report.evidence.filter(pl.col("cutoff_day") == report.evidence["cutoff_day"].min())
    many = pl.concat(one.with_columns(pl.col("cutoff_day") + 30 * k) for k in range(12))
    drawn = drawing("backtest", charts.backtest(many))
    assert "12 cutoffs" in drawn.subtitle
    assert drawn.size[0] < 760


def test_promotions_within_the_weeks_drawn_are_shaded_and_others_are_not(report: Report) -> None:
    # The forecast fills 1 July to 25 August 2024, the past the half year before.
    promotions = [
        Promotion(name="Summer sale", first_day="2024-07-08", last_day="2024-07-14"),
        Promotion(name="Long ago", first_day="2023-01-01", last_day="2023-01-07"),
    ]
    args = (report.forecast, chart_data.weeks(report.days), report.horizon_evidence)
    chart = charts.revenue_forecast(*args, currency="GBP", promotions=promotions)
    spec = chart.to_dict()
    rows = [row for rows in spec["datasets"].values() for row in rows if "from" in row]
    assert rows == [
        {"from": "2024-07-08T00:00:00", "to": "2024-07-15T00:00:00", "name": "Summer sale"}
    ]
    assert chart.subtitle.endswith("Shaded: promotions.")
    plain = charts.revenue_forecast(*args, currency="GBP")
    assert "Shaded" not in plain.subtitle
