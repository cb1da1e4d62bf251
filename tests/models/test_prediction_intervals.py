"""Intervals hold as often as they promise, never cross, and lie around the mean by one law."""

from itertools import pairwise

import numpy as np
import pytest

from holdfast.arrays import Booleans, Vector
from holdfast.models.prediction_intervals import IntervalModel, Intervals


def customers(n: int, seed: int, spread: float = 0.6) -> tuple[Vector, Vector, Vector]:
    """P(buys), expected revenue and revenue of customers whose law is known: they buy with
    probability p, then spend their usual amount times a lognormal.
    """
    rng = np.random.default_rng(seed)
    buys, usual = rng.uniform(0.05, 0.98, n), rng.lognormal(4, 1, n)
    revenue = (rng.random(n) < buys) * usual * rng.lognormal(0, spread, n)
    return buys, buys * usual * np.exp(spread**2 / 2), revenue


def learn(buys: Vector, mean: Vector, revenue: Vector) -> IntervalModel:
    return IntervalModel.fit(buys, mean, revenue, (revenue != 0).astype(float))


@pytest.fixture(scope="module")
def fitted() -> IntervalModel:
    return learn(*customers(6000, seed=1))


def share_held(intervals: Intervals, revenue: Vector, percent: int) -> Booleans:
    low, high = (getattr(intervals, f"{end}_{percent}") for end in ("low", "high"))
    return (revenue >= low) & (revenue <= high)


def test_intervals_hold_as_often_as_they_promise_overall_and_among_the_unlikely_and_the_likely(
    fitted: IntervalModel,
) -> None:
    buys, mean, revenue = customers(8000, seed=2)
    intervals = fitted.predict(buys, mean)
    held_80, held_95 = (share_held(intervals, revenue, percent) for percent in (80, 95))
    assert held_80.mean() == pytest.approx(0.80, abs=0.03)
    assert held_95.mean() == pytest.approx(0.96, abs=0.02)
    for tier in np.array_split(np.argsort(mean), 3):
        assert held_80[tier].mean() == pytest.approx(0.80, abs=0.05)


def test_the_mean_lies_outside_only_where_most_buy_nothing(fitted: IntervalModel) -> None:
    buys, mean, _ = customers(4000, seed=3)
    intervals = fitted.predict(buys, mean)
    outside = (mean < intervals.low_80) | (mean > intervals.high_80)
    assert buys[outside].max() < 0.5
    # Another mean or another P(buys) is another horizon of the same law.
    longer = fitted.predict(np.minimum(1.2 * buys, 0.99), 2 * mean)
    assert (longer.high_80 >= intervals.high_80).all()
    np.testing.assert_allclose(fitted.predict(buys, 2 * mean).high_80, 2 * intervals.high_80)


def test_bounds_never_cross_and_nothing_is_below_what_can_be(fitted: IntervalModel) -> None:
    buys, mean, _ = customers(2000, seed=3)
    bounds = fitted.predict(buys, mean)
    ladder = [bounds.low_95, bounds.low_80, bounds.median, bounds.high_80, bounds.high_95]
    assert all((low <= high).all() for low, high in pairwise(ladder))
    assert (bounds.low_95 >= 0).all()


def test_who_more_likely_than_not_buys_nothing_brings_nothing_in_the_median(
    fitted: IntervalModel,
) -> None:
    buys, mean, _ = customers(2000, seed=4)
    bounds = fitted.predict(buys, mean)
    assert (bounds.median[buys < 0.5] == 0).all()
    # A lognormal's median is its mean over exp(s^2 / 2).
    sure = buys > 0.95
    usual = mean[sure] / buys[sure] / np.exp(0.18)
    assert np.median(bounds.median[sure] / usual) == pytest.approx(1, abs=0.15)


def test_the_model_comes_back_from_its_parts(fitted: IntervalModel) -> None:
    buys, mean, _ = customers(200, seed=6)
    again = IntervalModel.from_parts(fitted.parts())
    assert (again.predict(buys, mean).high_95 == fitted.predict(buys, mean).high_95).all()


def test_where_customers_send_goods_back_the_floor_is_open() -> None:
    buys, mean, revenue = customers(2000, seed=7)
    sent_back = np.where(np.arange(2000) % 10 == 0, -mean, revenue)
    assert (learn(buys, mean, sent_back).predict(buys, mean).low_95 < 0).any()


@pytest.mark.parametrize("revenue", [np.zeros(3), -np.ones(3)])
def test_where_nothing_is_known_of_buyers_everyone_brings_the_mean(revenue: Vector) -> None:
    mean = np.array([0.0, 5.0, 7.0])
    model = IntervalModel.fit(np.array([0.0, 0.5, 1.0]), mean, revenue, np.array([0.0, 0.0, 1.0]))
    bounds = model.predict(np.array([0.0, 1.0]), np.array([0.0, 7.0]))
    assert bounds.median.tolist() == [0.0, 7.0]
    assert np.isfinite([getattr(bounds, name) for name in ("low_95", "high_95")]).all()
