"""Channels in words, in a chart and in the report."""

from dataclasses import replace

import altair as alt
import polars as pl
import pytest

from holdfast import tables
from holdfast.report import charts, run_tables
from holdfast.report.charts import drawings
from holdfast.report.pages import report_page
from holdfast.report.report_data import Report


def channels(**columns: object) -> pl.DataFrame:
    row = {
        "channel": "search", "customers": 40, "cost": 30.0, "margin": 20.0, "expected_margin": 55.0,
        "horizon_days": 365, "lifetime_value": 75.0, "value_to_cost": 2.5, "payback_months": 3,
        "payback_source": "expected", "months_observed": 2, "months_expected": 1,
    }  # fmt: skip
    return tables.CHANNELS.check(pl.DataFrame([row | columns], schema=tables.CHANNELS.schema))


MONTHS = tables.CHANNEL_MONTHS.check(
    pl.DataFrame(
        {
            "channel": ["search"] * 3,
            "months_since": [0, 1, 2],
            "customers": [40, 30, 30],
            "margin": [12.0, 20.0, 31.0],
            "source": ["observed", "observed", "expected"],
        },
        schema=tables.CHANNEL_MONTHS.schema,
    )
)


def test_the_chart_draws_what_was_seen_and_what_is_expected_with_the_cost_across() -> None:
    chart = charts.channel_payback(channels(), MONTHS, currency="GBP")
    spec = chart.to_dict()
    alt.Chart.from_dict(spec)
    assert chart.title == (
        "Winning a customer pays for itself: search within 3 months, the last of them expected"
    )
    seen, coming, cost, met, *names = (
        spec["datasets"][layer["data"]["name"]] for layer in spec["layer"]
    )
    assert [(row["month"], row["margin"]) for row in seen] == [(0, 0.0), (1, 12.0), (2, 20.0)]
    assert [(row["month"], row["margin"]) for row in coming] == [(2, 20.0), (3, 31.0)]
    assert [row["cost"] for row in cost] == [30.0]
    assert [(row["month"], row["margin"]) for row in met] == [(3, 31.0)]
    assert {row["channel"] for rows in names for row in rows} == {"search"}


def test_without_a_cost_the_chart_says_what_was_brought_and_the_table_speaks_of_no_payback() -> (
    None
):
    free = channels(cost=None, value_to_cost=None, payback_months=None, payback_source=None)
    chart = charts.channel_payback(free, MONTHS, currency="GBP")
    assert chart.title == "A customer won by search has brought £20 after 2 months"
    table = run_tables.channels(free, currency="GBP")
    assert [col.heading for col in table.columns] == [
        "Won by", "Customers", "Margin so far", "Expected margin", "Lifetime value",
    ]  # fmt: skip
    assert table.cells == [["search", "40", "£20", "£55", "£75"]]


@pytest.mark.parametrize("has_channels", [True, False])
def test_the_report_has_a_section_where_the_study_names_a_channel(
    report: Report, *, has_channels: bool
) -> None:
    if has_channels:
        report = replace(report, channels=channels(), channel_months=MONTHS)
    page = report_page(report, list(drawings(report)))
    assert ('id="channels"' in page) is has_channels
    assert ("within 3 months" in page) is has_channels
