"""Business time: learnt where the log shows a season, and left alone where it cannot."""

from dataclasses import asdict, replace

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter

from holdfast.models.promotions import Lifts
from holdfast.models.purchase_counts.business_time import Clock, learn_business_time
from holdfast.synthetic import Shop
from holdfast.windows import day_of

FIRST_DAY = day_of(Shop(n_customers=1).start)


def calendar_of(days, *, n_days):
    return learn_business_time(days, first_day=FIRST_DAY, now=FIRST_DAY + n_days, seed=1)


def test_the_calendar_itself_is_a_clock():
    assert Clock(5).at([5, 8.5]).tolist() == [0, 3.5]


def test_a_clock_passes_each_year_in_a_year_and_never_goes_back():
    rates = np.random.default_rng(1).uniform(0.2, 3, 52)
    clock = Clock(100, tuple(rates / rates.mean()))
    told = clock.at(np.arange(-700, 900))
    assert (np.diff(told) > 0).all()
    np.testing.assert_allclose(told[364:] - told[:-364], 364)


def test_a_december_four_times_as_lively_is_found(shop_days):
    shop = replace(Shop.memoryless(2_000, seed=9), december_factor=4.0)
    time = calendar_of(shop_days(shop), n_days=730)
    by_day = np.diff(time.clock.at(FIRST_DAY + np.arange(731)))
    dates = pl.Series(np.arange(FIRST_DAY, FIRST_DAY + 730)).cast(pl.Int32).cast(pl.Date)
    december = (
        (dates.dt.month() == 12).to_numpy()
        & (dates.dt.day() > 14).to_numpy()
        & (dates.dt.day() < 18).to_numpy()
    )
    summer = (dates.dt.month() == 8).to_numpy()
    # Three weeks are taken together: the middle of December keeps its height.
    assert 2.5 < by_day[december].mean() / by_day[summer].mean() < 4.5
    assert time.opened is None


def test_a_shop_without_season_keeps_the_calendar(memoryless):
    time = calendar_of(memoryless, n_days=500)
    assert time.clock.rates == ()
    assert "no season" in time.reason


def test_one_cohort_has_no_season_but_a_decay(regulars):
    time = learn_business_time(regulars, first_day=0, now=400, seed=1)
    assert time.clock.rates == ()
    assert "one cohort" in time.reason


def test_less_than_a_year_shows_no_season(memoryless):
    assert "show no year" in calendar_of(memoryless, n_days=300).reason


def test_a_shop_older_than_its_log_is_recognised(shop_days):
    shop = replace(Shop.memoryless(2_500, seed=5), truncated_days=400, dropouts_per_year=0.5)
    assert calendar_of(shop_days(shop), n_days=500).opened == pytest.approx(FIRST_DAY)


def test_a_growing_shop_older_than_its_log_is_not_taken_for_seasonal(shop_days):
    days = shop_days(replace(Shop.memoryless(1_500, seed=11), truncated_days=182))
    time = calendar_of(days, n_days=728)
    assert time.opened is not None
    by_week = np.array(time.clock.rates or [1.0])
    months = (
        by_week[: len(by_week) // 4 * 4].reshape(-1, 4).mean(axis=1)
        if len(by_week) > 4
        else by_week
    )
    assert np.abs(months - 1).max() < 0.35


def test_the_rush_of_old_customers_into_the_log_is_no_quiet_season_before(shop_days):
    """A year on, the weeks ahead are those in which the log's old customers were still taken for
    new ones.
    """
    days = shop_days(
        replace(Shop.memoryless(2_500, seed=5), truncated_days=900, dropouts_per_year=0.5)
    )
    time = calendar_of(days, n_days=380)
    assert time.opened is not None
    ahead = np.diff(time.clock.at(FIRST_DAY + 380 + np.array([0, 30])))
    assert ahead == pytest.approx(30, rel=0.15)


def test_a_promotion_adds_days_while_it_lasts():
    clock = Clock(0, promotions=Lifts(((10, 14, 3.0),)))
    assert np.diff(clock.at([0, 10, 12, 14, 20])).tolist() == [10, 6, 6, 6]
    of_an_earlier_version = {"anchor_day": 0, "rates": [], "promotions": [[10, 14, 3.0]]}
    for raw in (asdict(clock), of_an_earlier_version):
        assert TypeAdapter(Clock).validate_python(raw) == clock
