"""Days of a log that do not mean what they say."""

import polars as pl

from holdfast.audits.log_days import (
    backdated_returns,
    beyond_the_log,
    fading_log,
    proving_windows,
)

DAY = 19_723  # 2024-01-01


def returned(*, same: int, later: int) -> pl.DataFrame:
    bought = [DAY] * (same + later)
    came_back = [DAY] * same + [DAY + 9] * later
    customers = [f"c{k}" for k in range(same + later)]
    return pl.DataFrame({"customer_id": customers, "day": came_back, "bought_day": bought})


def test_returns_on_the_very_day_of_the_purchase_are_suspect():
    (finding,) = backdated_returns(returned(same=36, later=4))
    assert finding.name == "backdated-returns"
    assert finding.evidence == (
        "36 of 40 returns carry the very day on which the goods were bought, "
        "as that of customer c0 on 2024-01-01"
    )


def test_returns_that_came_back_later_and_too_few_to_judge_are_not():
    assert backdated_returns(returned(same=35, later=5)) == ()
    assert backdated_returns(returned(same=29, later=0)) == ()


def weekly(last: int) -> pl.DataFrame:
    """Nine weeks of 10 purchases a day; the last week has `last` in all."""
    return pl.DataFrame({"day": [*range(56), 60], "n": [10] * 56 + [last]})


def test_a_last_week_with_a_third_of_the_usual_orders_fades_out():
    (finding,) = fading_log(weekly(24), end_day=63)
    assert finding.name == "log-fades-out"
    assert "to 1970-03-04, have 24 purchases" in finding.evidence
    assert "had 70 in the median" in finding.evidence
    # 35 % of 70 is 24.5.
    assert fading_log(weekly(25), end_day=63) == ()


def test_a_source_that_reaches_beyond_the_log_is_named():
    late = pl.DataFrame(
        {"source": ["events", "treatments"], "n": [1_200, 0], "last_day": [DAY + 5, DAY - 2]}
    )
    (finding,) = beyond_the_log(late, end_day=DAY + 1)
    assert finding.evidence == (
        "the order log ends on 2024-01-01; later are 1,200 rows of events, up to 2024-01-06"
    )
    assert beyond_the_log(late.filter(pl.col("n") == 0), end_day=DAY + 1) == ()


def test_windows_that_have_ended_and_share_no_day_prove_something():
    assert proving_windows([0, 90], horizon_days=90, end_day=180, task="churn") == ()
    (finding,) = proving_windows([0, 91], horizon_days=90, end_day=180, task="value")
    assert finding.name == "immature-cutoffs"
    assert finding.fix == "Ask for cutoffs up to 1970-04-01."
