"""Portfolio: parts add up to the whole, weeks to the horizon, and December is a December."""

import numpy as np
import polars as pl
import pytest

from holdfast.models.revenue_forecast import Noise, add_up, forecast, sum_up, totals
from holdfast.tables import HORIZONS


def horizons() -> pl.DataFrame:
    """Three customers over 30 and 91 days: 10 and 40, 20 and 20, 0 and 0."""
    told = {
        ("a", 30): 10.0,
        ("a", 91): 40.0,
        ("b", 30): 20.0,
        ("b", 91): 20.0,
        ("c", 30): 0.0,
        ("c", 91): 0.0,
    }
    rows = [
        {
            "customer_id": who,
            "horizon_days": days,
            "churn_probability": 0.5,
            "expected_purchases": money / 10,
            "expected_revenue": money,
            "low_80": 0.0,
            "high_80": 2 * money,
        }
        for (who, days), money in told.items()
    ]
    return pl.DataFrame(rows, schema=HORIZONS.schema)


GROUPS = {
    "segment": pl.DataFrame({"customer_id": ["a", "b", "c"], "group": ["VIP", "VIP", "Other"]})
}
COMPANY = sum_up(horizons(), {})
NOISE = Noise(level={30: 0.1, 91: 0.1}, week=0.2)


def test_parts_add_up_to_the_whole_and_weeks_to_the_horizon() -> None:
    found = forecast(sum_up(horizons(), GROUPS), now=1000, shape=np.ones(91), noise=NOISE)
    company = found.filter(group_kind="company").sort("week_start_day")
    segments = (
        found.filter(group_kind="segment")
        .group_by("week_start_day")
        .agg(pl.col("expected_revenue").sum())
    )
    assert company["expected_revenue"].sum() == pytest.approx(60)
    assert company["expected_purchases"].sum() == pytest.approx(6)
    assert segments.sort("week_start_day")["expected_revenue"].to_list() == pytest.approx(
        company["expected_revenue"].to_list(), abs=1e-9
    )
    assert company["days"].sum() == 91
    # 30 in the first 30 days: a week of them holds 7.
    assert company["expected_revenue"][0] == pytest.approx(7)


def test_a_total_over_a_horizon_is_as_uncertain_as_its_level_and_its_customers() -> None:
    found = totals(COMPANY, Noise(level={30: 0.1, 91: 0.2}, week=9.0))
    assert found["horizon_days"].to_list() == [30, 91]
    assert found["expected_revenue"].to_list() == pytest.approx([30.0, 60.0])
    # Over 91 days a and b spread by 80 / 2.563 and 40 / 2.563, so that the sum's deviation is 34.9,
    # .58 of 60.
    width = np.hypot(0.2, np.hypot(80, 40) / 2 / 60)
    assert found["low_80"][1] == pytest.approx(60 * np.exp(-width))
    assert found["high_80"][1] == pytest.approx(60 * np.exp(width))


def test_a_busier_part_of_last_year_draws_the_same_money_to_its_weeks() -> None:
    shape = np.where(np.arange(91) >= 84, 5.0, 1.0)
    found = forecast(COMPANY, now=1000, shape=shape, noise=NOISE).sort("week_start_day")
    assert found["expected_revenue"].sum() == pytest.approx(60)
    # 30 units after day 30: 54 quiet days and 7 days of five each share them, 7 x 5 / (54 + 35) of
    # it in the last week.
    assert found["expected_revenue"][-1] == pytest.approx(30 * 35 / 89)


def test_the_interval_lies_around_the_mean_and_widens_with_the_noise() -> None:
    narrow, wide = (
        forecast(
            COMPANY,
            now=0,
            shape=np.ones(91),
            noise=Noise({30: level, 91: level}, 0.0),
        )
        for level in (0.05, 0.5)
    )
    for found in (narrow, wide):
        assert (found["low_80"] < found["expected_revenue"]).all()
        assert (found["high_80"] > found["expected_revenue"]).all()
    assert (wide["high_80"] > narrow["high_80"]).all()


def test_a_week_is_as_uncertain_as_the_horizon_that_it_lies_in() -> None:
    noise = Noise(level={30: 0.1, 91: 0.9}, week=0.0)
    weeks = forecast(COMPANY, now=0, shape=np.ones(91), noise=noise).sort("week_start_day")
    width = (weeks["high_80"] / weeks["expected_revenue"]).log()
    assert width[3] < width[5]


def test_even_weeks_have_no_noise_of_their_own() -> None:
    quiet = pl.DataFrame({"day": np.arange(140), "revenue": np.ones(140)})
    assert Noise.learn({}, quiet).week == pytest.approx(0, abs=1e-12)


def test_sums_of_parts_of_the_customers_add_up_to_those_of_all() -> None:
    everyone = horizons()
    parts = [
        sum_up(everyone.filter(pl.col("customer_id") == who), GROUPS) for who in ("a", "b", "c")
    ]
    assert add_up(parts).equals(sum_up(everyone, GROUPS))
