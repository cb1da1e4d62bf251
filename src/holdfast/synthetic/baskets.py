"""What is bought and what comes back: a catalogue of products, order lines, and their returns."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.synthetic.behaviour import Customers, Times
from holdfast.synthetic.shop import RETURN_WITHIN_DAYS, Floats, Ints, Shop

N_PRODUCTS = 300
MORE_LINES, P_ONE_MORE = 3, 0.35
"""An order has 1 + Binomial(3, 0.35) lines."""
MEAN_MORE_UNITS, MORE_UNITS_SHAPE = 0.8, 2.0
"""A line has 1 + Poisson(u) units, u gamma distributed over customers."""


@dataclass(frozen=True)
class Catalogue:
    """Products by falling popularity: prices in cents, and shares of the order lines (Zipf)."""

    cents: Ints
    share: Floats

    @classmethod
    def of(cls, shop: Shop) -> "Catalogue":
        """The shop's products, the same for every batch."""
        rng = np.random.default_rng(shop.seed)
        cents = np.maximum(np.round(100 * rng.lognormal(2.3, 0.7, size=N_PRODUCTS)), 50).astype(np.int64)
        weight = 1 / np.arange(1, N_PRODUCTS + 1)
        return cls(cents, weight / weight.sum())

    @property
    def mean_price(self) -> float:
        """Expected price of an order line's product, currency."""
        return float(self.cents @ self.share) / 100


@dataclass(frozen=True)
class Lines:
    """Order lines, in order of customer and time: each the row of its order, its product, units and fate."""

    order: Ints
    product: Ints
    quantity: Ints
    comes_back: Ints
    """Days until the line is returned; 0 = it is kept."""


def draw_units(customers: Customers, rng: np.random.Generator) -> Floats:
    """Mean units of a customer's order line beyond the first, shape (n,)."""
    return rng.gamma(MORE_UNITS_SHAPE, MEAN_MORE_UNITS / MORE_UNITS_SHAPE, size=customers.n)


def mean_order_value(catalogue: Catalogue, units: Floats) -> Floats:
    """Expected value of an order before returns, currency, shape (n,)."""
    return (1 + MORE_LINES * P_ONE_MORE) * (1 + units) * catalogue.mean_price


def draw_lines(
    shop: Shop, catalogue: Catalogue, orders: Times, units: Floats, rng: np.random.Generator
) -> Lines:
    """Fill the baskets of all orders; the returned lines of an order come back together."""
    n = len(orders.who)
    order = np.repeat(np.arange(n), 1 + rng.binomial(MORE_LINES, P_ONE_MORE, size=n))
    lag = rng.integers(1, RETURN_WITHIN_DAYS + 1, size=n)
    returned = rng.random(len(order)) < shop.return_rate
    return Lines(
        order=order,
        product=rng.choice(N_PRODUCTS, size=len(order), p=catalogue.share),
        quantity=1 + rng.poisson(units[orders.who[order]]),
        comes_back=np.where(returned, lag[order], 0),
    )


def order_log(
    shop: Shop, catalogue: Catalogue, orders: Times, lines: Lines, *, batch: int, customer_ids: pl.Series
) -> pl.DataFrame:
    """One row per order line or returned line within the log, by customer and time.

    Returns carry an order_id that starts with R, the number of their order and a negative quantity.
    """
    running = np.empty(len(orders.who), dtype=np.int64)
    running[np.argsort(orders.when, kind="stable")] = np.arange(len(running))
    bought_at = orders.when[lines.order]
    back = lines.comes_back > 0
    when = np.concatenate([bought_at, (bought_at + lines.comes_back)[back]])
    row = np.concatenate([np.arange(len(bought_at)), np.flatnonzero(back)])
    is_return = np.arange(len(row)) >= len(bought_at)
    who = orders.who[lines.order[row]]
    kept = np.flatnonzero((when >= 0) & (when < shop.n_days))
    kept = kept[np.lexsort((when[kept], who[kept]))]
    row, is_return, when, who = row[kept], is_return[kept], when[kept], who[kept]
    return pl.DataFrame({
        "customer_id": customer_ids.gather(who),
        "occurred_at": timestamps(shop.seconds(when)),
        "order": running[lines.order[row]],
        "product": lines.product[row],
        "quantity": (lines.quantity[row] * np.where(is_return, -1, 1)).astype(np.int32),
        "unit_price": catalogue.cents[lines.product[row]] / 100,
        "is_return": is_return,
    }).select(
        "customer_id",
        "occurred_at",
        pl.format(
            f"{{}}{batch:04d}-{{}}",
            pl.when("is_return").then(pl.lit("R")).otherwise(pl.lit("O")),
            pl.col("order").cast(pl.String).str.zfill(7),
        ).alias("order_id"),
        pl.format("P{}", pl.col("product").cast(pl.String).str.zfill(3)).alias("product_id"),
        "quantity",
        "unit_price",
    )  # fmt: skip


def timestamps(seconds: Ints) -> pl.Series:
    """Moments in UTC."""
    return pl.Series(seconds * 1_000_000, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
