"""Simulated shops whose truth is known: the same seed gives the same shop, of any size, batch by
batch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.synthetic.baskets import fill_baskets, order_log
from holdfast.synthetic.behaviour import (
    CHANNELS,
    COUNTRIES,
    Customers,
    draw_customers,
    draw_purchases,
)
from holdfast.synthetic.businesses import LAWS, TRUTH_DAYS, Business, simulate_business
from holdfast.synthetic.engagement import event_log, treatment_log
from holdfast.synthetic.offers import OFFERS, Offer
from holdfast.synthetic.shop import Shop
from holdfast.synthetic.truth import truth_table
from holdfast.windows import day_of

__all__ = [
    "LAWS",
    "OFFERS",
    "TRUTH_DAYS",
    "Business",
    "Offer",
    "Shop",
    "SimulatedBatch",
    "simulate",
    "simulate_batch",
    "simulate_business",
]


@dataclass(frozen=True)
class SimulatedBatch:
    """Up to 10,000 customers and all they did, as frames with moments in UTC.

    Parameters
    ----------
    orders
        One row per order line: customer_id, occurred_at, order_id, product_id, quantity (negative
        and order_id R... for a return), unit_price (currency).
    events
        One row per event: customer_id, occurred_at, kind.
    customers
        One row per customer, also those without an order within the log: customer_id, known_from,
        channel, country.
    treatments
        One row per campaign and known customer: customer_id, occurred_at, campaign, treated,
        propensity, cost; of several offers also offer, of one that can be accepted also accepted.
    truth
        One row per customer; see `holdfast.synthetic.truth.truth_table`.
    """

    orders: pl.DataFrame
    events: pl.DataFrame
    customers: pl.DataFrame
    treatments: pl.DataFrame
    truth: pl.DataFrame


def simulate(shop: Shop) -> Iterator[SimulatedBatch]:
    """Yield the shop's customers in batches of 10,000.

    >>> batch = next(simulate(Shop(n_customers=100)))
    >>> batch.customers.height, batch.truth.height
    (100, 100)
    """
    return (simulate_batch(shop, batch) for batch in range(shop.n_batches))


def simulate_batch(shop: Shop, batch: int) -> SimulatedBatch:
    """Simulate one batch, which depends on no other: customers keep their fate when the shop has
    more batches.

    Parameters
    ----------
    batch
        0 .. shop.n_batches - 1.
    """
    # One stream a subject, so that a shop without events, say, sells the same.
    lives, buys, fills, engages, accepts = (
        np.random.default_rng(seed)
        for seed in np.random.SeedSequence(shop.seed, spawn_key=(batch,)).spawn(5)
    )
    customers = draw_customers(shop, batch, lives)
    purchases, phase = draw_purchases(shop, customers, buys)
    baskets = fill_baskets(shop, customers, purchases.where(purchases.when < shop.n_days), fills)
    ids = _customer_ids(customers)
    return SimulatedBatch(
        orders=order_log(shop, baskets, batch=batch, customer_ids=ids),
        events=event_log(shop, customers, purchases, engages, customer_ids=ids),
        customers=_customer_table(shop, customers, ids),
        treatments=treatment_log(shop, customers, accepts, customer_ids=ids),
        truth=truth_table(shop, customers, baskets, phase, customer_ids=ids),
    )


def _customer_ids(customers: Customers) -> pl.Series:
    number = customers.first_number + pl.int_range(customers.n, eager=True)
    return "C" + number.cast(pl.String).str.zfill(8)


def _customer_table(shop: Shop, customers: Customers, customer_ids: pl.Series) -> pl.DataFrame:
    first_day = pl.Series(customers.first_day + day_of(shop.start))
    return pl.DataFrame(
        {
            "customer_id": customer_ids,
            "known_from": first_day.cast(pl.Int32).cast(pl.Date),
            "channel": pl.Series(CHANNELS).gather(customers.channel),
            "country": pl.Series(COUNTRIES).gather(customers.country),
        }
    )
