"""The churn window and the data report as a reader sees them; a run without them has neither
section nor chart.
"""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from holdfast.quality.churn_definition.window import find_churn_window
from holdfast.report.charts import drawings
from holdfast.report.pages import data_page, report_page
from holdfast.report.report_data import Report


@pytest.fixture(scope="module")
def window() -> dict[str, Any]:
    """Subscribers who pay every 30 days, a tenth of whom stop; half of those by a failed
    payment.
    """
    rows = [(f"s{i}", i + 30 * k) for i in range(200) for k in range(3 + i % 20)]
    paid = pl.DataFrame(rows, schema={"customer_id": pl.String, "day": pl.Int32}, orient="row")
    gap = pl.col("day").diff().over("customer_id")
    activity = paid.sort("customer_id", "day").with_columns(
        n_orders=pl.lit(1, pl.Int32), purchase_gap=gap
    )
    ends = (
        activity.group_by("customer_id").agg(ended_day=pl.col("day").max() + 1).sort("customer_id")
    )
    cause = (
        pl.when(pl.int_range(pl.len()) % 2 == 0)
        .then(pl.lit("involuntary"))
        .otherwise(pl.lit("voluntary"))
    )
    found = find_churn_window(
        activity,
        end_day=900,
        horizon_days=90,
        horizons_days=[30],
        eligible_days=None,
        kind="contractual",
        endings=ends.with_columns(cause=cause),
    )
    return found.as_dict()


def test_a_run_with_a_churn_window_draws_and_tells_it(
    report: Report, window: dict[str, Any]
) -> None:
    said = [{"title": "Calendar", "sentences": ["closed on Sundays"]}]
    whole = replace(report, summary={**report.summary, "churn_window": window, "data_report": said})
    drawn = list(drawings(whole))
    page = report_page(whole, drawn)
    assert {"reactivation", "causes"} <= {each.name for each in drawn}
    assert "contractual" in page
    assert (
        f"After {window['window']['days']} days of silence at most one in five returns within 90 "
        "days" in page
    )
    assert "Contracts that ended within" in page
    assert "Closed on Sundays." in page


def test_a_run_without_one_has_no_such_section(report: Report) -> None:
    drawn = list(drawings(report))
    assert not {"reactivation", "causes"} & {each.name for each in drawn}
    assert 'id="churn-window"' not in report_page(report, drawn)


def test_what_comes_from_the_data_is_escaped_on_the_data_page() -> None:
    bad = "<script>alert(1)</script>"
    violation = {
        "input": "transactions",
        "reason": bad,
        "rows": 1,
        "share": 0.5,
        "examples": [{"source": bad, "row": 2, "raw": bad}],
    }
    rows = {"read": 2, "accepted": 1, "set_aside": 0, "quarantined": 1}
    gate = {"enough": False, "withheld": ["churn"], "counts": []}
    page = data_page(
        bad,
        {
            "rows": {"transactions": rows},
            "reasons": {"transactions": {bad: 1}},
            "topics": [],
            "sufficiency": gate,
            "violations": [violation],
            "failures": [bad],
            "findings": [],
            "passed": False,
        },
    )
    assert "<script>alert" not in page
    assert "not fit to use" in page
