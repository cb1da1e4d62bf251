"""The truth of a simulated shop: what each customer is at the log's end and what is to be expected
of them.

Given its latent state a customer is a Markov chain in whole days: each night it may die, fall
asleep or wake; on each waking day a Poisson number of phases passes, and every k-th phase is a
purchase. All expectations here are exact sums over that chain; nothing is sampled.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from holdfast.synthetic.baskets import Baskets
from holdfast.synthetic.behaviour import Customers
from holdfast.synthetic.offers import EDGE_AGES, Offer
from holdfast.synthetic.shop import (
    HORIZONS_DAYS,
    RETURN_WITHIN_DAYS,
    Bools,
    Floats,
    Ints,
    Shop,
)
from holdfast.windows import day_of

UPLIFT_DAYS = (30, 365)
"""Days for which an offer's uplift is told."""


class State(NamedTuple):
    """Where customers stand at the log's end, shape (n,) each; rates are per day, `phase` is
    0..k-1.
    """

    alive: Bools
    dormant: Bools
    phase: Ints
    purchase_rate: Floats
    dropout_rate: Floats
    k: Ints

    @classmethod
    def at_end(cls, shop: Shop, customers: Customers, phase: Ints) -> "State":
        """The state on the last day of the log."""
        alive = customers.died >= shop.n_days
        dormant = customers.dormant(np.arange(customers.n), np.full(customers.n, shop.n_days - 1))
        rates = (customers.purchase_rate, customers.dropout_rate, customers.k)
        return cls(alive, alive & dormant, phase, *rates)

    def of(self, who: Ints) -> "State":
        """The state of some customers."""
        return State._make(values[who] for values in self)


class Course(NamedTuple):
    """How rates run in the days ahead: `stretch` is the number of each day's stretch of days, shape
    (n_days,); in a stretch the purchase rates (before the season) and the dropout rates stay, shape
    (n_stretches, n).
    """

    stretch: Ints
    purchase_rate: Floats
    dropout_rate: Floats

    def of(self, who: Ints) -> "Course":
        """The course of some customers."""
        return Course(self.stretch, self.purchase_rate[:, who], self.dropout_rate[:, who])


class Ahead(NamedTuple):
    """What is to be expected, shape (n_days, n): purchases on each day, P(no purchase up to and on
    that day).
    """

    purchases: Floats
    nothing_yet: Floats


def truth_table(
    shop: Shop, customers: Customers, baskets: Baskets, phase: Ints, *, customer_ids: pl.Series
) -> pl.DataFrame:
    """One row per customer: latent state at the log's end and exact expectations given that state.

    `died_day` counts from 1970-01-01 and is null for the living. `rhythm_phase` is how many of
    regularity_k phases have passed since the last purchase. For h in 30, 90, 180, 365 days after
    the log: `expected_purchases_h` (orders), `expected_revenue_h` (currency, net of returns on
    their own day, also of those still due from orders within the log: it is negative where these
    are all that is left) and `probability_no_purchase_h`; what past campaigns still do is in them.
    `uplift_OFFER_30` and `_365` are the revenue, net of all its returns, that the offer on the
    first day after the log adds in so many days; `uplift` is that of the first offer in 30 days.
    """
    state = State.at_end(shop, customers, phase)
    ahead = _expect(shop, customers, state)
    uplifts = _uplifts(shop, customers, baskets, state, ahead)
    return pl.DataFrame(
        {
            "customer_id": customer_ids,
            "alive_at_end": state.alive,
            "died_day": pl.Series(customers.died + day_of(shop.start))
            .set(pl.Series(state.alive), None)
            .cast(pl.Int32),
            "dormant_at_end": state.dormant,
            "rhythm_phase": state.phase.astype(np.int32),
            "purchase_rate_per_day": state.purchase_rate,
            "dropout_rate_per_day": state.dropout_rate,
            "regularity_k": state.k.astype(np.int32),
            "mean_order_value": baskets.mean_order_value,
            **_over("expected_purchases", lambda days: ahead.purchases[:days].sum(axis=0)),
            **_over("expected_revenue", lambda days: _net_revenue(shop, baskets, ahead, days)),
            **_over("probability_no_purchase", lambda days: ahead.nothing_yet[days - 1]),
            "uplift": uplifts[f"uplift_{shop.offers[0].name}_{UPLIFT_DAYS[0]}"],
            **uplifts,
        }
    )


def _over(name: str, value: Callable[[int], Floats]) -> dict[str, Floats]:
    return {f"{name}_{days}": value(days) for days in HORIZONS_DAYS}


def _net_revenue(shop: Shop, baskets: Baskets, ahead: Ahead, days: int) -> Floats:
    days_left = days - 1 - np.arange(days)
    kept = 1 - shop.return_rate * _returned_within(days_left)
    return baskets.mean_order_value * (kept @ ahead.purchases[:days]) - _returns_due(
        shop, baskets, days
    )


def _returned_within(days: Ints) -> Floats:
    """P(a line is back within so many days, if it comes back)."""
    return np.clip(days / RETURN_WITHIN_DAYS, 0, 1)


def _returns_due(shop: Shop, baskets: Baskets, days: int) -> Floats:
    """Expected value that comes back in the days after the log, of lines bought within it and not
    returned yet.
    """
    bought_day = baskets.bought.day
    pending = (baskets.returned_after == 0) | (bought_day + baskets.returned_after >= shop.n_days)
    age = shop.n_days - 1 - bought_day[pending]
    still_kept = 1 - shop.return_rate * _returned_within(age)
    p_back = (
        shop.return_rate
        * (_returned_within(age + days) - _returned_within(age))
        / np.maximum(still_kept, 1e-12)
    )
    value = baskets.cents[pending] * baskets.quantity[pending] / 100
    due = np.bincount(
        baskets.bought.who[pending], value * p_back, minlength=len(baskets.mean_order_value)
    )
    return due.astype(np.float64)


def _uplifts(
    shop: Shop, customers: Customers, baskets: Baskets, state: State, ahead: Ahead
) -> Mapping[str, Floats]:
    """What each offer adds, by name of the column."""
    worth = baskets.mean_order_value, 1 - shop.return_rate
    columns = {}
    for offer in shop.offers:
        added = _expect(shop, customers, state, offer).purchases - ahead.purchases
        for days in UPLIFT_DAYS:
            columns[f"uplift_{offer.name}_{days}"] = added[:days].sum(axis=0) * worth[0] * worth[1]
    return columns


def _expect(shop: Shop, customers: Customers, state: State, offer: Offer | None = None) -> Ahead:
    """What is to be expected, where an offer is given or none on the first day after the log."""
    return look_ahead(
        state,
        shop.season[shop.truncated_days + shop.n_days :],
        nightly_dormancy=shop.nightly_dormancy,
        course=_course(shop, customers, offer),
    )


def _course(shop: Shop, customers: Customers, offer: Offer | None) -> Course:
    """The rates ahead: past treatments go on as they do, and an offer may come."""
    sent = [*shop.campaign_days.tolist(), *([shop.n_days] if offer else [])]
    edges = {day + age - shop.n_days for day in sent for age in EDGE_AGES}
    n_days = max(HORIZONS_DAYS)
    starts = np.array(sorted({0} | {edge for edge in edges if 0 < edge < n_days}))
    everyone = np.arange(customers.n)
    rise = [customers.rise(shop, everyone, np.full(customers.n, shop.n_days + d)) for d in starts]
    hazard = [customers.hazard(shop, shop.n_days + d) for d in starts.tolist()]
    if offer:
        rise = [a + b * customers.response for a, b in zip(rise, offer.rise(starts), strict=True)]
        hazard = [a * b for a, b in zip(hazard, offer.hazard(starts), strict=True)]
    return Course(
        stretch=np.searchsorted(starts, np.arange(n_days), side="right") - 1,
        purchase_rate=customers.purchase_rate * np.maximum(1 + np.array(rise), 0),
        dropout_rate=customers.dropout_rate * np.array(hazard),
    )


def look_ahead(
    state: State,
    season: Floats,
    *,
    nightly_dormancy: tuple[float, float],
    course: Course | None = None,
) -> Ahead:
    """Follow the chain day by day.

    Parameters
    ----------
    season
        Factor on the purchase rate of each day ahead, shape (n_days,).
    nightly_dormancy
        P(an awake customer is dormant tomorrow), P(a dormant one is awake tomorrow).
    course
        Rates in place of the state's, which stay.
    """
    if course is None:
        always = np.zeros(len(season), dtype=np.int64)
        course = Course(always, state.purchase_rate[None], state.dropout_rate[None])
    shape = (len(season), len(state.k))
    ahead, first_purchase = np.zeros(shape), np.zeros(shape)
    for k in np.unique(state.k[state.alive]).tolist():
        who = np.flatnonzero(state.alive & (state.k == k))
        days = _follow(state.of(who), course.of(who), season, nightly_dormancy)
        for day, (purchases, first) in enumerate(days):
            ahead[day, who] = purchases
            first_purchase[day, who] = first
    return Ahead(purchases=ahead, nothing_yet=np.clip(1 - first_purchase.cumsum(axis=0), 0, 1))


def _follow(
    state: State, course: Course, season: Floats, nightly_dormancy: tuple[float, float]
) -> Iterator[tuple[Floats, Floats]]:
    """Yield for each day the expected purchases and P(the first of them falls on this day), for
    customers of one k.

    Two chains run side by side, shape (2, n, k): over all phases, and over the phases before the
    first purchase.
    """
    n, k, (sleeps, wakes) = len(state.k), int(state.k[0]), nightly_dormancy
    survival = np.exp(-course.dropout_rate)[:, :, None]
    awake, asleep = np.zeros((2, n, k)), np.zeros((2, n, k))
    awake[:, np.arange(n), state.phase] = ~state.dormant
    asleep[:, np.arange(n), state.phase] = state.dormant
    days = list(zip(season.tolist(), course.stretch.tolist(), strict=True))
    transition = {
        (factor, stretch): _transition(k * course.purchase_rate[stretch] * factor, k)
        for factor, stretch in set(days)
    }
    for factor, stretch in days:
        survives = survival[stretch]
        awake, asleep = (
            survives * ((1 - sleeps) * awake + wakes * asleep),
            survives * (sleeps * awake + (1 - wakes) * asleep),
        )
        before = awake
        awake = np.einsum("cnij,cnj->cni", transition[factor, stretch], before)
        phases_passed = k * course.purchase_rate[stretch] * factor * before[0].sum(axis=1)
        # Phases that passed are either still open or were closed by a purchase, k at a time.
        purchases = (phases_passed - (awake[0] - before[0]) @ np.arange(k)) / k
        yield purchases, (before[1] - awake[1]).sum(axis=1)


def _transition(mean_phases: Floats, k: int) -> Floats:
    """P(phase i tomorrow | phase j today), shape (2, n, k, k): counting on after a purchase, and
    stopping at it.
    """
    step = np.arange(k)
    from_to = step[:, None] - step[None, :]
    turn = np.exp(-2j * np.pi * step / k)
    modulo_k = np.fft.ifft(np.exp(mean_phases[:, None] * (turn - 1)), axis=1).real
    factorial = np.cumprod(np.maximum(step, 1))
    exactly = np.exp(-mean_phases)[:, None] * mean_phases[:, None] ** step / factorial
    return np.stack([modulo_k[:, from_to % k], np.where(from_to >= 0, exactly[:, from_to], 0.0)])
