"""A campaign under other assumptions: what it costs and brings, and between what that may lie."""

import polars as pl
import pytest

from holdfast.campaigns.recovery import Campaign, add_up, explain_range, simulate_recovery
from holdfast.errors import DataError
from holdfast.evaluation.totals import level_error

SEGMENTS = pl.DataFrame(
    {"segment": ["Vulnerable"], "customers": [5], "value_if_kept": [900.0], "at_stake": [500.0]}
)


def _evidence(*ratios: tuple[float, float | None, float | None]) -> pl.DataFrame:
    same = {"task": "value", "model": "champion", "metric": "total_ratio"}
    rows = [{**same, "value": value, "low": low, "high": high} for value, low, high in ratios]
    schema = {
        "task": pl.String,
        "model": pl.String,
        "metric": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)


def test_reach_scales_what_is_invested_and_recovered_and_no_half_customer_is_contacted() -> None:
    campaign = {"Vulnerable": Campaign(cost=10, rate=0.5, low_rate=0.25, high_rate=0.5, reach=0.5)}
    plan = simulate_recovery(SEGMENTS, campaign, _evidence((1.0, 0.8, 1.25)), margin_rate=0.4).row(
        0, named=True
    )
    # 2 of 5 customers: 20 spent; 200 x 0.4 x 0.5 = 40 back; 20 at the low rate. Both as far off as
    # totals may be.
    assert (plan["customers"], plan["invested"], plan["recovered"], plan["net"]) == (
        2,
        20.0,
        40.0,
        20.0,
    )
    off = level_error([1.0])
    ends = off.range_of(20.0).low - 20, off.range_of(40.0).high - 20
    assert (plan["net_low"], plan["net_high"]) == pytest.approx(ends)
    assert plan["break_even_rate"] == 0.25


def test_without_past_cutoffs_totals_are_as_far_off_as_on_other_logs() -> None:
    campaign = {"Vulnerable": Campaign(cost=10, rate=0.4)}
    plan = simulate_recovery(SEGMENTS, campaign, _evidence(), margin_rate=1.0)
    # Half the rate and half as much again: 500 x 0.2 and 500 x 0.6, less 50.
    off = level_error([])
    ends = off.range_of(100.0).low, off.range_of(300.0).high
    assert plan.select("recovered_low", "recovered_high").row(0) == pytest.approx(ends)
    total = add_up(plan)
    nets = (total["net_low"], total["net"], total["net_high"])
    assert nets == pytest.approx((ends[0] - 50, 150.0, ends[1] - 50))
    assert "other logs" in explain_range(_evidence())
    assert "past totals" in explain_range(_evidence((1.0, 0.8, 1.25)))


def test_a_rate_outside_its_range_is_refused() -> None:
    campaign = {"Vulnerable": Campaign(cost=10, rate=0.4, low_rate=0.5)}
    with pytest.raises(DataError, match=r"the rate 0\.4 of .Vulnerable. is not within"):
        simulate_recovery(SEGMENTS, campaign, _evidence(), margin_rate=1.0)


def test_nobody_reached_costs_and_brings_nothing() -> None:
    nobody = {"Vulnerable": Campaign(cost=10, rate=0.4, reach=0.0)}
    plan = simulate_recovery(SEGMENTS, nobody, _evidence(), margin_rate=1.0)
    empty = simulate_recovery(SEGMENTS.clear(), nobody, _evidence(), margin_rate=1.0)
    assert add_up(plan) == add_up(empty)
    assert add_up(plan)["net_high"] == 0.0
