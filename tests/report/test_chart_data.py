"""Samples and tiers of the whole base."""

import polars as pl
import pytest

from holdfast.report import chart_data
from holdfast.report.report_data import Report


def test_samples_keep_the_ends_and_are_the_same_each_time() -> None:
    frame = pl.DataFrame({"x": range(10_000)})
    some = chart_data.evenly(frame, 7)
    assert (some.height, some["x"][0], some["x"][-1]) == (7, 0, 9999)
    assert some.equals(chart_data.evenly(frame, 7))
    assert chart_data.evenly(frame.head(3), 7).height == 3


def test_the_tiers_cover_all_customers_in_order_of_revenue(report: Report) -> None:
    tiers = chart_data.tiers(report.scores)
    assert tiers["value_tier"].to_list() == ["low", "mid", "high"]
    assert tiers["from_share"].to_list() == pytest.approx([0, 0.33, 0.67])
    assert tiers["end"].to_list() == pytest.approx([1 / 3, 2 / 3, 1])
    at_risk = report.scores.filter(pl.col("segment") == "Losing Customer")
    assert tiers["risk"][0] == at_risk["risk_score"].min()


def test_every_customer_is_counted_once_in_the_quadrant_and_in_the_own_tier(
    report: Report,
) -> None:
    cells = chart_data.quadrant(report.scores, columns=9, rows=5)
    counted = cells.group_by("segment").agg(pl.col("customers").sum())
    assert dict(counted.iter_rows()) == dict(report.scores["segment"].value_counts().iter_rows())
    # Three tiers, three columns each: a customer of high value stands in the last third.
    high = cells.filter(pl.col("segment").is_in(["Champion", "At-Risk VIP"]))
    assert high["left"].min() == pytest.approx(2 / 3)
    assert (cells["top"] - cells["bottom"]).to_list() == pytest.approx([0.9975 / 5] * cells.height)
