"""Spread: intervals hold as often as they promise, in every tier, and never cross."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from holdfast.arrays import Vector
from holdfast.models.prediction_intervals import IntervalInputs, IntervalModel


def customers(n: int, seed: int, spread: float = 0.6) -> tuple[IntervalInputs, Vector]:
    """Customers whose law is known: they buy with probability p, then spend their yardstick times a
    lognormal.
    """
    rng = np.random.default_rng(seed)
    buys, scale = rng.uniform(0.05, 0.98, n), rng.lognormal(4, 1, n)
    revenue = (rng.random(n) < buys) * scale * rng.lognormal(0, spread, n)
    names = (
        "spend_90d",
        "spend_180d",
        "spend_365d",
        "days_since_last_purchase",
        "n_purchases_365d",
    )
    past = {name: rng.random(n) for name in (*names, "n_purchases", "tenure_days")}
    return IntervalInputs(buys, buys * scale * np.exp(0.18), scale, pl.DataFrame(past)), revenue


@pytest.fixture(scope="module")
def fitted() -> IntervalModel:
    outlook, revenue = customers(6000, seed=1)
    return IntervalModel.fit(
        outlook, revenue, cutoff=np.arange(6000) // 4000, horizon_days=90, seed=7
    )


def test_intervals_hold_as_often_as_they_promise_overall_and_in_each_tier(
    fitted: IntervalModel,
) -> None:
    outlook, revenue = customers(8000, seed=2)
    spread = fitted.predict(outlook)
    held_80 = (revenue >= spread.low_80) & (revenue <= spread.high_80)
    held_95 = (revenue >= spread.low_95) & (revenue <= spread.high_95)
    assert held_80.mean() == pytest.approx(0.80, abs=0.03)
    assert held_95.mean() == pytest.approx(0.95, abs=0.02)
    for tier in np.array_split(np.argsort(outlook.mean), 3):
        assert held_80[tier].mean() == pytest.approx(0.80, abs=0.05)


def held_after_a_year(*, growth: float, horizon_days: int, seed: int) -> float:
    """How often the 95 % interval holds 90 days after twelve monthly cutoffs, over which the spread
    grew.
    """
    parts = [
        customers(2000, seed=100 * seed + k, spread=0.4 * np.exp(growth * k)) for k in range(12)
    ]
    told = [
        np.concatenate([getattr(outlook, name) for outlook, _ in parts])
        for name in ("buys", "mean", "scale")
    ]
    outlook = IntervalInputs(*told, pl.concat([part.frame for part, _ in parts]))
    revenue, cutoff = (
        np.concatenate([revenue for _, revenue in parts]),
        np.repeat(np.arange(12) * 30, 2000),
    )
    model = IntervalModel.fit(outlook, revenue, cutoff=cutoff, horizon_days=horizon_days, seed=7)
    coming, truth = customers(8000, seed=100 * seed + 50, spread=0.4 * np.exp(growth * 14))
    said = model.predict(coming)
    return float(((truth >= said.low_95) & (truth <= said.high_95)).mean())


def test_bounds_follow_a_drift_that_earlier_cutoffs_show_and_stay_where_there_is_none() -> None:
    apart = 10_000  # No two cutoffs are so far apart: nothing can be learnt of a drift.
    drifting = [held_after_a_year(growth=0.1, horizon_days=days, seed=2) for days in (90, apart)]
    steady = [held_after_a_year(growth=0.0, horizon_days=days, seed=2) for days in (90, apart)]
    assert drifting[0] == pytest.approx(0.95, abs=0.015)
    assert drifting[1] == pytest.approx(0.91, abs=0.015)
    assert steady[0] == pytest.approx(steady[1], abs=0.01)


def test_bounds_never_cross_and_nothing_is_below_what_can_be(fitted: IntervalModel) -> None:
    spread = fitted.predict(customers(2000, seed=3)[0])
    ladder = [spread.low_95, spread.low_80, spread.median, spread.high_80, spread.high_95]
    assert all((low <= high).all() for low, high in pairwise(ladder))
    assert (spread.low_95 >= 0).all()


def test_who_more_likely_than_not_buys_nothing_brings_nothing_in_the_median(
    fitted: IntervalModel,
) -> None:
    outlook, _ = customers(2000, seed=4)
    spread = fitted.predict(outlook)
    assert (spread.median[outlook.buys < 0.5] == 0).all()
    # A lognormal's median is 1: who surely buys brings about the yardstick.
    sure = outlook.buys > 0.95
    assert np.median(spread.median[sure] / outlook.scale[sure]) == pytest.approx(1, abs=0.15)


def test_a_lively_season_lifts_everything_in_proportion(fitted: IntervalModel) -> None:
    outlook, _ = customers(500, seed=5)
    usual = fitted.predict(outlook)
    lively = IntervalModel(
        fitted.quantiles, fitted.tier_edges, fitted.widening, 2.0, fitted.floor
    ).predict(outlook)
    assert lively.high_80 == pytest.approx(2 * usual.high_80)


def test_the_model_comes_back_from_its_parts(fitted: IntervalModel) -> None:
    outlook, _ = customers(200, seed=6)
    again = IntervalModel.from_parts(fitted.parts())
    assert (again.predict(outlook).high_95 == fitted.predict(outlook).high_95).all()


def test_where_customers_send_goods_back_the_floor_is_open() -> None:
    outlook, revenue = customers(2000, seed=7)
    revenue = np.where(np.arange(2000) % 10 == 0, -outlook.scale, revenue)
    model = IntervalModel.fit(
        outlook, revenue, cutoff=np.arange(2000) // 1000, horizon_days=90, seed=7
    )
    assert model.floor is None
    assert (model.predict(outlook).low_95 < 0).any()
