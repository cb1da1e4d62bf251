"""What is bought and what comes back: a catalogue of products, order lines, and their returns."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.synthetic.behaviour import Customers, Times
from holdfast.synthetic.shop import RETURN_WITHIN_DAYS, Bools, Floats, Ints, Shop

N_PRODUCTS = 300
MORE_LINES, P_ONE_MORE = 3, 0.35
"""An order has 1 + Binomial(3, 0.35) lines."""
MEAN_MORE_UNITS, MORE_UNITS_SHAPE = 0.8, 2.0
"""A line has 1 + Poisson(u) units, u gamma distributed over customers."""


@dataclass(frozen=True)
class Catalogue:
    """Products by falling popularity: prices in cents, and shares of the order lines (Zipf); shape
    (N_PRODUCTS,).
    """

    cents: Ints
    share: Floats

    @classmethod
    def of(cls, shop: Shop) -> "Catalogue":
        """The shop's products, the same for every batch."""
        rng = np.random.default_rng(shop.seed)
        cents = np.maximum(np.round(100 * rng.lognormal(2.3, 0.7, size=N_PRODUCTS)), 50).astype(
            np.int64
        )
        weight = 1 / np.arange(1, N_PRODUCTS + 1)
        return cls(cents, weight / weight.sum())

    @property
    def mean_price(self) -> float:
        """Expected price of an order line's product, currency."""
        return float(self.cents @ self.share) / 100


@dataclass(frozen=True)
class Baskets:
    """Order lines in order of customer and time: who buys when, of which order, what, and whether
    it comes back.

    Each of shape (n_lines,), but for `mean_order_value`, the expected value of a customer's order
    before returns, in currency, of shape (n_customers,). `returned_after` is in days; 0 for what is
    kept.
    """

    bought: Times
    order_number: Ints
    product: Ints
    cents: Ints
    quantity: Ints
    returned_after: Ints
    mean_order_value: Floats


def fill_baskets(
    shop: Shop, customers: Customers, orders: Times, rng: np.random.Generator
) -> Baskets:
    """Draw the lines of all orders, and which of them come back."""
    catalogue = Catalogue.of(shop)
    units = rng.gamma(MORE_UNITS_SHAPE, MEAN_MORE_UNITS / MORE_UNITS_SHAPE, size=customers.n)
    order = np.repeat(
        np.arange(len(orders.who)), 1 + rng.binomial(MORE_LINES, P_ONE_MORE, size=len(orders.who))
    )
    product = rng.choice(N_PRODUCTS, size=len(order), p=catalogue.share)
    returned = rng.random(len(order)) < shop.return_rate
    return Baskets(
        bought=Times(orders.who[order], orders.when[order]),
        order_number=_ranks(orders.when)[order],
        product=product,
        cents=catalogue.cents[product],
        quantity=1 + rng.poisson(units[orders.who[order]]),
        returned_after=np.where(
            returned, rng.integers(1, RETURN_WITHIN_DAYS + 1, size=len(order)), 0
        ),
        mean_order_value=(1 + MORE_LINES * P_ONE_MORE) * (1 + units) * catalogue.mean_price,
    )


def _ranks(values: Floats) -> Ints:
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks


def order_log(shop: Shop, baskets: Baskets, *, batch: int, customer_ids: pl.Series) -> pl.DataFrame:
    """One row per order line or returned line within the log, by customer and time.

    A return's order_id starts with R and ends like that of its order; its quantity is negative.
    """
    line, is_return, when = _movements(shop, baskets)
    number = pl.Series(baskets.order_number[line]).cast(pl.String).str.zfill(7)
    return pl.DataFrame(
        {
            "customer_id": customer_ids.gather(baskets.bought.who[line]),
            "occurred_at": timestamps(shop.seconds(when)),
            "order_id": pl.Series(["O", "R"]).gather(is_return.astype(np.int64))
            + f"{batch:04d}"
            + number,
            "product_id": "P" + pl.Series(baskets.product[line]).cast(pl.String).str.zfill(3),
            "quantity": (baskets.quantity[line] * np.where(is_return, -1, 1)).astype(np.int32),
            "unit_price": baskets.cents[line] / 100,
        }
    )


def _movements(shop: Shop, baskets: Baskets) -> tuple[Ints, Bools, Floats]:
    """Goods out and goods back within the log, in order: row of the line, whether it is a return,
    time.
    """
    back = np.flatnonzero(baskets.returned_after)
    line = np.concatenate([np.arange(len(baskets.product)), back])
    is_return = np.arange(len(line)) >= len(baskets.product)
    when = baskets.bought.when[line] + np.where(is_return, baskets.returned_after[line], 0)
    kept = np.flatnonzero((when >= 0) & (when < shop.n_days))
    kept = kept[np.lexsort((line[kept], when[kept], baskets.bought.who[line[kept]]))]
    return line[kept], is_return[kept], when[kept]


def timestamps(seconds: Ints) -> pl.Series:
    """Moments in UTC of seconds since 1970-01-01."""
    return pl.Series(seconds * 1_000_000, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
