"""Promotions: what past ones brought over the days around them, and no more than they prove."""

import numpy as np
import polars as pl
import pytest

from holdfast.models.promotions import Lifts, learn_promotions
from holdfast.study import Promotion
from holdfast.windows import date_of

CUSTOMERS = 200
NOW = 400
FIRST_SALE, SECOND_SALE, COMING = 120, 300, 410


def sale(first, n_days=7, name="sale"):
    return Promotion(
        name=name, first_day=f"{date_of(first)}", last_day=f"{date_of(first + n_days - 1)}"
    )


def log(lifts, *, n_days=NOW, seed=1):
    """A purchase of 10 each; on average 20 a day, but as many times more as the day's lift says."""
    rng = np.random.default_rng(seed)
    usual = np.array([20 * lifts.get(day, 1.0) for day in range(1, n_days)])
    days = np.repeat(np.arange(1, n_days), rng.poisson(usual))
    bought = pl.DataFrame({"customer_id": rng.integers(0, CUSTOMERS, len(days)), "day": days})
    began = pl.DataFrame(
        {"customer_id": np.arange(CUSTOMERS), "day": np.zeros(CUSTOMERS, dtype=int)}
    )
    return pl.concat([began, bought]).with_columns(net=pl.lit(10.0))


def days_of(*firsts, factor=3.0, n_days=7):
    return {day: factor for first in firsts for day in range(first, first + n_days)}


def learnt(planned, purchases, *, now=NOW):
    return learn_promotions(planned, purchases, first_day=0, now=now)


def test_the_mean_factor_of_a_window_counts_the_days_that_it_shares_with_a_promotion():
    lifts = Lifts(((10, 14, 3.0), (20, 22, 0.5)))
    assert lifts.over([0, 12, 30], 20).tolist() == [
        1 + 2 * 4 / 20,
        1 + 2 * 2 / 20 - 0.5 * 2 / 20,
        1.0,
    ]
    assert lifts.of(np.array([9, 10, 13, 14, 21])).tolist() == [1, 3, 3, 1, 0.5]


def test_a_lift_seen_twice_is_found_and_planned_for():
    found = learnt(
        [sale(FIRST_SALE), sale(SECOND_SALE), sale(COMING)], log(days_of(FIRST_SALE, SECOND_SALE))
    )
    factors = [factor for *_, factor in found.purchases.windows]
    assert factors == [pytest.approx(3.0, rel=0.1)] * 3
    assert [factor for *_, factor in found.revenue.windows] == pytest.approx(factors)
    assert [finding.name for finding in found.findings] == ["promotions-learnt"]


def test_days_on_which_nothing_happens_lift_next_to_nothing():
    planned = [sale(FIRST_SALE), sale(SECOND_SALE), sale(COMING)]
    off = [learnt(planned, log({}, seed=seed)).purchases.windows[0][2] - 1 for seed in range(8)]
    assert float(np.median(np.abs(off))) < 0.01
    assert max(np.abs(off)) < 0.15


def test_past_sales_that_disagree_prove_nothing():
    planned = [sale(FIRST_SALE), sale(SECOND_SALE)]
    found = learnt(planned, log(days_of(FIRST_SALE, factor=2.0) | days_of(SECOND_SALE, factor=0.5)))
    assert found.purchases.windows[0][2] == pytest.approx(1.0, abs=0.02)


def test_the_busy_weekdays_of_a_short_sale_are_no_lift():
    weekend = {day: 4.0 for day in range(NOW) if day % 7 in (5, 6)}
    saturdays = [day for day in range(NOW) if day % 7 == 5]
    planned = [sale(saturdays[20], 2), sale(saturdays[40], 2)]
    assert learnt(planned, log(weekend)).purchases.windows[0][2] == pytest.approx(1.0, abs=0.1)


def test_nothing_is_assumed_of_a_promotion_that_was_never_seen():
    found = learnt([sale(FIRST_SALE), sale(COMING, name="anniversary")], log(days_of(FIRST_SALE)))
    assert found.purchases.windows[1][2] == 1.0
    unknown = next(finding for finding in found.findings if finding.name == "promotion-unknown")
    assert "anniversary" in unknown.evidence
    assert "sale" not in unknown.evidence


def test_what_happens_from_now_on_cannot_change_a_lift():
    planned = [sale(FIRST_SALE), sale(SECOND_SALE), sale(COMING)]
    quiet, loud = (
        {**days_of(FIRST_SALE), **days_of(SECOND_SALE, factor=factor)} for factor in (1.0, 9.0)
    )
    earlier = [
        learnt(planned, log(lifts).filter(pl.col("day") < until), now=200)
        for lifts, until in ((quiet, 10_000), (quiet, 200))
    ]
    assert earlier[0] == earlier[1]
    late = pl.concat(
        [log(quiet).filter(pl.col("day") < 200), log(loud).filter(pl.col("day") >= 200)]
    )
    assert learnt(planned, late, now=200) == earlier[0]
    assert learnt(planned, late) != learnt(planned, log(quiet))


def test_newcomers_do_not_count():
    crowd = pl.DataFrame(
        {"customer_id": np.arange(1_000) + CUSTOMERS, "day": np.full(1_000, FIRST_SALE)}
    )
    planned = [sale(FIRST_SALE), sale(COMING)]
    with_crowd = pl.concat([log(days_of(FIRST_SALE)), crowd.with_columns(net=pl.lit(10.0))])
    assert (
        learnt(planned, with_crowd).purchases == learnt(planned, log(days_of(FIRST_SALE))).purchases
    )


def test_a_log_without_amounts_or_without_repeat_purchases_is_no_obstacle():
    planned = [sale(FIRST_SALE), sale(COMING)]
    free = learnt(planned, log(days_of(FIRST_SALE)).with_columns(net=pl.lit(0.0)))
    assert free.purchases.windows[1][2] == pytest.approx(3.0, rel=0.15)
    assert free.revenue.windows[1][2] == 1.0
    assert "revenue" not in free.findings[0].evidence
    once = learnt(planned, log({}).unique("customer_id"))
    assert [factor for *_, factor in once.purchases.windows] == [1.0, 1.0]
    assert [finding.name for finding in once.findings] == ["promotion-unknown"]
