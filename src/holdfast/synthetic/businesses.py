"""Businesses in which the order of orders decides who leaves, with the exact chance of silence.

A customer is in one of a few states, which each order moves on by its kind. The state after an
order says how likely the customer then leaves for good, and how long the gap to the next one is.
Whoever knows the state knows all that a history can tell: that is the ceiling of any model.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.special import gammaincc

from holdfast.errors import InputError
from holdfast.synthetic.baskets import timestamps
from holdfast.synthetic.shop import CUSTOMERS_PER_BATCH, Bools, Floats, Ints
from holdfast.windows import day_of

TRUTH_DAYS = (14, 30, 60, 90)
"""Horizons of the truth."""
N_DAYS, NEWCOMERS_UNTIL = 660, 540
GAP_SPREAD, WORTH_SPREAD = 0.3, 0.3
"""Spread of the logarithm of the mean gap over customers, and of the worth over orders."""
_N_PRODUCTS = 300
_DAY_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True)
class Law:
    """What an order does to a customer.

    Attributes
    ----------
    kinds
        Probability of each kind of order, (n_kinds,).
    lines, worth
        Order lines of each kind, and its median worth (currency), (n_kinds,).
    after
        State before and kind of the order -> state after it, n_states x n_kinds.
    leaves
        P(leaves for good after an order), by the state after it, (n_states,).
    gap_days
        Median over customers of the mean gap that follows, by the same state, (n_states,).
    gap_shape
        Gaps are gamma distributed with this shape.
    begins
        States before the first order, all equally likely.
    horizon_days, eligible_days
        What a study of it asks: who of those that bought in the last `eligible_days` buys nothing
        in the next `horizon_days`.
    """

    kinds: tuple[float, ...]
    lines: tuple[int, ...]
    worth: tuple[float, ...]
    after: tuple[tuple[int, ...], ...]
    leaves: tuple[float, ...]
    gap_days: tuple[float, ...]
    gap_shape: float
    begins: tuple[int, ...] = (0,)
    horizon_days: int
    eligible_days: int


LAWS: Mapping[str, Law] = {
    # Large, small after another small one, small after a large one.
    "downgrade": Law(
        kinds=(0.4, 0.6), lines=(6, 2), worth=(60.0, 20.0),
        after=((0, 2), (0, 1), (0, 1)), begins=(1,),
        leaves=(0.03, 0.03, 0.5), gap_days=(18.0, 18.0, 18.0), gap_shape=4.0,
        horizon_days=30, eligible_days=60,
    ),
    # Two short gaps, then a long one.
    "refill": Law(
        kinds=(1.0,), lines=(2,), worth=(30.0,),
        after=((1,), (2,), (0,)), begins=(0, 1, 2),
        leaves=(0.03, 0.03, 0.03), gap_days=(7.0, 7.0, 28.0), gap_shape=20.0,
        horizon_days=14, eligible_days=45,
    ),
    # Of the orders that mean something the last was none or of line Y, of line X, of Y after X.
    "long-memory": Law(
        kinds=(0.8, 0.1, 0.1), lines=(1, 5, 9), worth=(30.0, 30.0, 30.0),
        after=((0, 1, 0), (1, 1, 2), (2, 1, 2)),
        leaves=(0.02, 0.02, 0.35), gap_days=(9.0, 9.0, 9.0), gap_shape=4.0,
        horizon_days=30, eligible_days=30,
    ),
}  # fmt: skip
"""Name -> law: a small order after a large one is a farewell; gaps are short, short, long; four
orders of five mean nothing, and whoever went from line X to Y may leave after any later order until
the next of X.
"""


@dataclass(frozen=True, kw_only=True)
class Business:
    """Customers of one law, who come evenly over the first 540 of 660 days.

    Parameters
    ----------
    name
        Of a law in `LAWS`.
    start
        First day of the log.

    Raises
    ------
    InputError
        There is no such law, or no customer is asked for.
    """

    name: str
    n_customers: int
    seed: int = 42
    start: date = date(2023, 1, 1)

    def __post_init__(self) -> None:
        if self.name not in LAWS:
            raise InputError(
                f"there is no business {self.name!r}", fix=f"choose one of {', '.join(LAWS)}"
            )
        if self.n_customers < 1:
            raise InputError(f"n_customers is {self.n_customers}", fix="choose at least 1")

    @property
    def law(self) -> Law:
        """What its orders do."""
        return LAWS[self.name]

    @property
    def n_batches(self) -> int:
        """Batches of at most 10,000 the customers come in."""
        return -(-self.n_customers // CUSTOMERS_PER_BATCH)


class Histories(NamedTuple):
    """All orders of a batch by customer and time, (n_orders,) each: when in days from the start,
    of which kind, the state after it, and whether the customer then left; `pace` is the customer's
    factor on gaps, (n_customers,).
    """

    who: Ints
    when: Floats
    kind: Ints
    state: Ints
    leaves: Bools
    pace: Floats


def draw_histories(business: Business, batch: int) -> Histories:
    """Follow a batch of customers, order by order, over the 660 days."""
    law, rng = business.law, _stream(business, batch, 0)
    first = batch * CUSTOMERS_PER_BATCH
    n = min(CUSTOMERS_PER_BATCH, business.n_customers - first)
    pace = np.exp(rng.normal(0.0, GAP_SPREAD, n))
    when, state = rng.uniform(0, NEWCOMERS_UNTIL, n), rng.choice(law.begins, n)
    who, steps = np.arange(n), []
    while len(who):
        kind = rng.choice(len(law.kinds), len(who), p=law.kinds)
        state = np.asarray(law.after)[state, kind]
        leaves = rng.random(len(who)) < np.asarray(law.leaves)[state]
        steps.append((who, when, kind, state, leaves))
        mean_gap = np.asarray(law.gap_days)[state] * pace[who]
        when = when + rng.gamma(law.gap_shape, mean_gap / law.gap_shape)
        stays = ~leaves & (when < N_DAYS)
        who, when, state = who[stays], when[stays], state[stays]
    columns = [np.concatenate(column) for column in zip(*steps, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return Histories._make([*(column[order] for column in columns), pace])


def order_lines(business: Business, histories: Histories, batch: int) -> pl.DataFrame:
    """One row per order line: customer_id, occurred_at (UTC), order_id, product_id, quantity,
    unit_price (currency).
    """
    law, rng = business.law, _stream(business, batch, 1)
    n_lines = np.asarray(law.lines)[histories.kind]
    worth = np.asarray(law.worth)[histories.kind] * np.exp(
        rng.normal(0.0, WORTH_SPREAD, len(n_lines))
    )
    order = np.repeat(np.arange(len(n_lines)), n_lines)
    seconds = np.floor((histories.when + day_of(business.start)) * _DAY_SECONDS).astype(np.int64)
    number = pl.Series(order).cast(pl.String).str.zfill(7)
    product = pl.Series(rng.integers(_N_PRODUCTS, size=len(order)))
    return pl.DataFrame(
        {
            "customer_id": _names(business, batch, histories.who[order]),
            "occurred_at": timestamps(seconds[order]),
            "order_id": f"O{batch:04d}" + number,
            "product_id": "P" + product.cast(pl.String).str.zfill(3),
            "quantity": np.ones(len(order), dtype=np.int32),
            "unit_price": np.round(worth / n_lines, 2)[order],
        }
    )


def silence_table(
    business: Business, histories: Histories, batch: int, *, at_day: int = N_DAYS
) -> pl.DataFrame:
    """One row per customer who has ordered before a day, counted from the start, as known then.

    Columns: customer_id; `state` after the last order; `has_left`; and `probability_no_purchase_h`
    for h in 14, 30, 60, 90. With silence r, P(leaves) p and survival S of the gap it is
    (p + (1 - p) S(r + h)) / (p + (1 - p) S(r)), by Bayes' rule.
    """
    seen = np.flatnonzero(histories.when < at_day)
    who = histories.who[seen]
    last = seen[np.flatnonzero(np.append(who[1:] != who[:-1], True))]
    state, law = histories.state[last], business.law
    p, silence = np.asarray(law.leaves)[state], at_day - histories.when[last]
    scale = np.asarray(law.gap_days)[state] * histories.pace[histories.who[last]] / law.gap_shape

    def silent_for(days: Floats) -> Floats:
        survival: Floats = p + (1 - p) * gammaincc(law.gap_shape, days / scale)
        return survival

    chances = {
        f"probability_no_purchase_{days}": silent_for(silence + days) / silent_for(silence)
        for days in TRUTH_DAYS
    }
    return pl.DataFrame(
        {
            "customer_id": _names(business, batch, histories.who[last]),
            "state": state.astype(np.int32),
            "has_left": histories.leaves[last],
            **chances,
        }
    )


def simulate_business(
    business: Business, *, at_day: int = N_DAYS
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield `order_lines` of all 660 days and `silence_table` of a day, batch by batch.

    >>> lines, truth = next(simulate_business(Business(name="refill", n_customers=100)))
    >>> truth.height, lines["customer_id"].n_unique()
    (100, 100)
    """
    for batch in range(business.n_batches):
        histories = draw_histories(business, batch)
        truth = silence_table(business, histories, batch, at_day=at_day)
        yield order_lines(business, histories, batch), truth


def _stream(business: Business, batch: int, number: int) -> np.random.Generator:
    """A stream of its own for lives (0) and for goods (1)."""
    return np.random.default_rng(np.random.SeedSequence(business.seed, spawn_key=(batch, number)))


def _names(business: Business, batch: int, who: Ints) -> pl.Series:
    return "C" + pl.Series(who + batch * CUSTOMERS_PER_BATCH).cast(pl.String).str.zfill(8)
