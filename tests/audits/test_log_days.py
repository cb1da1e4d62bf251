"""Days of a log that do not mean what they say."""

import polars as pl
from tests.audits.logs import log_of

from holdfast.audits.log_days import (
    check_test_windows,
    find_backdated_returns,
    find_fading_log,
    find_rows_beyond_the_log,
)

DAY = 19_723  # 2024-01-01


def returned(*, same: int, later: int):
    """Customers who bought on a day and brought it back on the same day, or nine days later."""
    customers = [f"c{k:02d}" for k in range(same + later)]
    bought = pl.DataFrame({"customer_id": customers, "product_id": "p", "day": DAY})
    back = bought.with_columns(day=pl.Series([DAY] * same + [DAY + 9] * later))
    lines = [bought.with_columns(is_return=False), back.with_columns(is_return=True)]
    return log_of(end_day=DAY + 99, transactions=pl.concat(lines, how="vertical_relaxed"))


def test_returns_on_the_very_day_of_the_purchase_are_suspect():
    (finding,) = find_backdated_returns(returned(same=36, later=4))
    assert finding.name == "backdated-returns"
    assert finding.evidence == (
        "36 of 40 returns carry the very day on which the goods were bought, "
        "as that of customer c00 on 2024-01-01"
    )


def test_returns_that_came_back_later_and_too_few_to_judge_are_not():
    assert list(find_backdated_returns(returned(same=35, later=5))) == []
    assert list(find_backdated_returns(returned(same=29, later=0))) == []


def weekly(last: int):
    """Nine weeks of 10 purchases a day; the last week has `last` in all."""
    days = [*(day for day in range(56) for _ in range(10)), *[60] * last]
    return log_of(end_day=63, activity=pl.DataFrame({"day": days, "n_orders": 1}))


def test_a_last_week_with_a_third_of_the_usual_orders_fades_out():
    (finding,) = find_fading_log(weekly(24))
    assert finding.name == "log-fades-out"
    assert "to 1970-03-04, have 24 purchases" in finding.evidence
    assert "had 70 in the median" in finding.evidence
    # 35 % of 70 is 24.5.
    assert list(find_fading_log(weekly(25))) == []


def test_a_source_that_reaches_beyond_the_log_is_named():
    late = pl.DataFrame({"day": [DAY - 1, *[DAY + 5] * 1_200], "verdict": 0})
    within = pl.DataFrame({"day": [DAY - 2], "verdict": 0})
    log = log_of(end_day=DAY + 1, validated_events=late, validated_treatments=within)
    (finding,) = find_rows_beyond_the_log(log)
    assert finding.evidence == (
        "the order log ends on 2024-01-01; later are 1,200 rows of events, up to 2024-01-06"
    )
    # A contact of tomorrow is a recorded export, and an export is newer than the log.
    ends_before = log_of(end_day=DAY + 1, validated_events=within, validated_exports=late)
    assert list(find_rows_beyond_the_log(ends_before)) == []


def test_windows_that_have_ended_and_share_no_day_prove_something():
    assert list(check_test_windows([0, 90], horizon_days=90, end_day=180, task="churn")) == []
    (finding,) = check_test_windows([0, 91], horizon_days=90, end_day=180, task="value")
    assert finding.name == "immature-cutoffs"
    assert finding.fix == "Ask for cutoffs up to 1970-04-01."
