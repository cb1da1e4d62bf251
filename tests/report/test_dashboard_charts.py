"""The dashboard's charts: each says what it shows, or why it shows nothing."""

import json
from collections.abc import Callable
from typing import Any

import altair as alt
import polars as pl
import pytest

from holdfast import tables
from holdfast.report import charts
from holdfast.report.chart_data import cumulative_value
from holdfast.report.report_data import Report
from holdfast.report.theme import in_dark

EMPTY: dict[str, Callable[[], Any]] = {
    "revenue": lambda: charts.revenue_distribution(tables.SCORES.empty(), currency="GBP"),
    "violins": lambda: charts.value_by_segment(tables.SCORES.empty(), currency="GBP"),
    "crowd": lambda: charts.value_against_risk(
        tables.SCORES.empty(), threshold=0.5, currency="GBP"
    ),
    "bands": lambda: charts.risk_bands(tables.SCORES.empty(), currency="GBP"),
    "cutoffs": lambda: charts.churn_at_cutoffs(tables.PREDICTIONS.empty()),
    "deciles": lambda: charts.decile_chart(tables.PREDICTIONS.empty()),
    "candidates": lambda: charts.candidates(tables.EVIDENCE.empty(), currency="GBP"),
    "reasons": lambda: charts.reason_bars(tables.REASONS.empty(), task="churn"),
    "horizons": lambda: charts.value_by_horizon(tables.HORIZONS.empty(), currency="GBP"),
    "timeline": lambda: charts.order_timeline(
        tables.PURCHASES.empty(), cutoff_day=1, next_day=None, currency="GBP"
    ),
    "retention": lambda: charts.retention(tables.COHORTS.empty()),
    "survival": lambda: charts.survival_curves(tables.SURVIVAL.empty()),
    "cohort value": lambda: charts.cohort_value(tables.COHORTS.empty(), currency="GBP"),
    "channels": lambda: charts.channel_payback(
        tables.CHANNELS.empty(), tables.CHANNEL_MONTHS.empty(), currency="GBP"
    ),
    "weeks": lambda: charts.purchases_by_week(tables.DAYS.empty(), currency="GBP"),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_chart_without_data_says_why(name: str) -> None:
    chart = EMPTY[name]()
    assert chart.title.startswith("No ")
    assert chart.reason.endswith(".")


PURCHASES = pl.DataFrame(
    {"customer_id": ["a", "a"], "day": [100, 130], "revenue": [80.0, 5.0]},
    schema=tables.PURCHASES.schema,
)


def test_each_day_says_by_mark_and_word_whether_it_makes_leaving_likelier() -> None:
    effects = pl.DataFrame(
        {"day": [90, 120, 130], "against_usual": [1.0, -0.1, 0.4]},
        schema_overrides={"day": pl.Int32},
    )
    chart = charts.day_timeline(PURCHASES, effects, 150, None, currency="GBP")
    assert chart.table is not None
    assert chart.table.cells == [
        ["11 May 1970", "£5", "much likelier"],
        ["1 May 1970", "£0", "less likely"],
        ["11 Apr 1970", "£80", "as likely as usual"],
    ]
    assert "2 days with a purchase and 1 other day" in chart.subtitle
    encoding = chart.to_dict()["layer"][1]["encoding"]
    marks, colours = (
        dict(zip(encoding[name]["scale"]["domain"], encoding[name]["scale"]["range"], strict=True))
        for name in ("shape", "color")
    )
    assert {word: shape for word, shape in marks.items() if "less" in word} == {
        "much less likely": "triangle-down", "less likely": "triangle-down"
    }  # fmt: skip
    assert marks["likelier"] == marks["much likelier"] == "triangle-up"
    dark = in_dark(json.dumps(list(colours.values())))
    assert not set(colours.values()) & set(json.loads(dark))


def test_without_a_network_no_day_is_coloured() -> None:
    chart = charts.order_timeline(PURCHASES, 150, None, currency="GBP")
    assert "color" not in chart.to_dict()["layer"][1]["encoding"]
    assert "leaving" not in chart.subtitle


def test_each_chart_of_the_base_keeps_the_schema_and_stays_small(report: Report) -> None:
    drawn = [
        charts.revenue_distribution(report.scores, currency="GBP"),
        charts.value_by_segment(report.scores, currency="GBP"),
        charts.value_against_risk(report.scores, threshold=0.5, currency="GBP"),
        charts.risk_bands(report.scores, currency="GBP"),
        charts.churn_at_cutoffs(report.predictions),
        charts.decile_chart(report.predictions),
        charts.lift_curve(report.steps),
        charts.candidates(report.evidence, currency="GBP"),
    ]
    for chart in drawn:
        spec = chart.to_dict()
        alt.Chart.from_dict(spec)
        assert spec["title"]["text"]
        assert sum(len(rows) for rows in spec["datasets"].values()) <= 2000


def test_a_gauge_says_the_band_and_how_that_compares() -> None:
    title = charts.risk_gauge(0.7, base_rate=0.35).title
    assert title == "Very high risk: 70.0%, 2.0 times the average"


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.401, "High risk: 40.1%, about the average"),
        (0.0001, "Low risk: 0.0%, far below the average"),
    ],
)
def test_a_gauge_leaves_out_a_factor_that_says_nothing(probability: float, said: str) -> None:
    assert charts.risk_gauge(probability, base_rate=0.4).title == said


@pytest.mark.parametrize(
    ("n", "crowd", "bands"),
    [
        (
            0,
            "Nobody of the more valuable half is likely to leave",
            "Nobody of high value has a high or very high risk",
        ),
        (
            1,
            "1 customer of the more valuable half is likely to leave and accounts for £100",
            "1 customer of high value has a high or very high risk",
        ),
        (
            2,
            "2 customers of the more valuable half are likely to leave and account for £200",
            "2 customers of high value have a high or very high risk",
        ),
    ],
)
def test_titles_agree_with_how_many_are_likely_to_leave(
    report: Report, n: int, crowd: str, bands: str
) -> None:
    scores = report.scores.head(4).with_columns(
        pl.Series("churn_probability", [0.9] * n + [0.05] * (4 - n)),
        expected_revenue=pl.lit(100.0),
        value_tier=pl.lit("high"),
    )
    assert charts.value_against_risk(scores, threshold=0.5, currency="GBP").title == crowd
    assert charts.risk_bands(scores, currency="GBP").title == bands


def test_one_past_cutoff_has_no_average(report: Report) -> None:
    one = report.predictions.filter(pl.col("cutoff_day") == report.predictions["cutoff_day"].max())
    assert not charts.churn_at_cutoffs(one).title.endswith("on average")


def test_open_months_are_hatched_and_carry_no_figure() -> None:
    rows = [
        ("2024-01", 0, 10, 10, 5.0, True),
        ("2024-01", 1, 10, 4, 2.0, True),
        ("2024-01", 2, 10, 1, 1.0, False),
    ]
    spec = charts.retention(
        pl.DataFrame(rows, schema=tables.COHORTS.schema, orient="row")
    ).to_dict()
    hatched = [rows for rows in spec["datasets"].values() if "hatch" in rows[0]]
    assert [[row["months_since"] for row in rows] for rows in hatched] == [[2]]
    assert "40% of customers buy in the first month" in " ".join(spec["title"]["text"])


def test_cumulative_value_counts_only_cohorts_that_are_old_enough() -> None:
    rows = [
        ("2024-01", 0, 10, 10, 100.0, True),
        ("2024-01", 1, 10, 5, 50.0, True),
        ("2024-02", 0, 30, 30, 100.0, True),
        ("2024-02", 1, 30, 5, 90.0, False),
    ]
    table = cumulative_value(pl.DataFrame(rows, schema=tables.COHORTS.schema, orient="row"))
    # Month 0: 200 of 40 customers; month 1: 50 of the 10 whose month is over.
    assert table.rows() == [("2024", 0, 40, 5.0), ("2024", 1, 10, 10.0)]


def test_a_dark_chart_swaps_the_palette_and_nothing_else() -> None:
    assert (
        in_dark('{"fill": "#0072B2", "other": "#123456"}')
        == '{"fill": "#56b4e9", "other": "#123456"}'
    )
