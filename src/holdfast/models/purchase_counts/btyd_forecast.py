"""What the BTYD models expect of a customer over a horizon: silence, and revenue.

They read the customer's history and nothing else, whatever the length of the log and of the
horizon, so their level holds where that of learnt windows does not; the models of churn and value
are means of a learnt member and of these.

The Gamma-Gamma model is fitted to all orders and not to repeat orders alone: what a one-time buyer
spent says most of what the next order will be worth. Purchases are those of the Pareto/NBD, whose
mean has a closed form: a customer comes out the same alone and among others.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Annotated

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.btyd import GammaGamma
from holdfast.learners.design import Attribution
from holdfast.learners.link_functions import log_odds
from holdfast.learners.parts import Part, Saved
from holdfast.models.purchase_counts.histories import READ, histories_at, purchases_in
from holdfast.models.purchase_counts.model import CountModel
from holdfast.models.purchase_counts.renewals import RenewalModel

HISTORY = ("n_purchases", "days_since_last_purchase", "tenure_days")
SPENT, LAST = "spend_total", "purchase_value_last"
"""The features that are read; money reads SPENT too, of contracts LAST instead."""
_HALF, _ALONE = 0.5, 1.0  # decisions 29, 37
_CENT = 0.01
_PAST_PARTS, _HISTORY_DAYS = (2, 3), 90  # decision 10
_LEVEL_SPREAD, _LEVEL_DRIFT = 0.25, 0.15  # decision 29

Worth = Callable[[pl.DataFrame], Vector]


@dataclass(frozen=True)
class BTYDSilence(Saved):
    """P(no purchase) over a horizon.

    Attributes
    ----------
    now
        The cutoff it was learnt at; frames that name no cutoff are of that day.
    usual
        The features of the customer against whom others are explained.
    """

    FILE = "law.json"
    counts: Annotated[CountModel | RenewalModel, Part()]
    horizon_days: int
    now: int
    usual: Mapping[str, float]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features that are read."""
        return tuple(self.usual)

    @property
    def weight(self) -> float:
        """In the pool with what was learnt: a half; of contracts, all of it."""
        return _weight(self.counts)

    def silent(self, frame: pl.DataFrame, horizon_days: int | None = None) -> Vector:
        """P(no purchase) over its own horizon or another, (n_customers,)."""
        days = self.horizon_days if horizon_days is None else horizon_days
        return self.counts.silent(read_history(frame, self.now), days)

    def attribution(self, frame: pl.DataFrame) -> Attribution:
        """What each feature adds to the log-odds of silence beyond those of the usual customer:
        exact Shapley values.
        """
        history = read_history(frame, self.now)
        days = self.horizon_days
        return shapley(history, self.usual, lambda rows: log_odds(self.counts.silent(rows, days)))


@dataclass(frozen=True)
class BTYDRevenue(Saved):
    """Expected purchases over a horizon x the mean value of an order.

    Attributes
    ----------
    gamma_gamma
        Of the order values; None: the next is worth as much as the last, as a contract's is.
    now, usual
        As those of `BTYDSilence`.
    level
        Revenue over what is expected of past windows, their counts put right: those who buy again
        spend more.
    """

    FILE = "law.json"
    counts: Annotated[CountModel | RenewalModel, Part()]
    gamma_gamma: GammaGamma | None
    horizon_days: int
    now: int
    usual: Mapping[str, float] | tuple[float, ...]
    level: float = 1.0

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features that are read."""
        return (*HISTORY, SPENT if self.gamma_gamma else LAST)

    @property
    def weight(self) -> float:
        """As that of `BTYDSilence`."""
        return _weight(self.counts)

    def revenue(self, frame: pl.DataFrame, horizon_days: int | None = None) -> Vector:
        """Expected net revenue over its own horizon or another, currency, (n_customers,)."""
        days = self.horizon_days if horizon_days is None else horizon_days
        return self._revenue(read_history(frame, self.now), days)

    def buys(self, frame: pl.DataFrame, horizon_days: int) -> Vector:
        """P(at least one purchase), (n_customers,)."""
        return 1 - self.counts.silent(read_history(frame, self.now), horizon_days)

    def attribution(self, frame: pl.DataFrame) -> Attribution:
        """What each feature adds to the revenue beyond that of the usual customer: exact Shapley
        values.
        """
        # A run of an earlier version has the values alone, in the order of the features.
        usual = self.usual
        named = usual if isinstance(usual, Mapping) else dict(zip(self.inputs, usual, strict=True))
        history = read_history(frame, self.now)
        return shapley(history, named, lambda rows: self._revenue(rows, self.horizon_days))

    def _revenue(self, history: pl.DataFrame, horizon_days: int) -> Vector:
        orders = expected_order_value(self.gamma_gamma, history)
        return self.level * self.counts.quick_purchases(history, horizon_days) * orders


def read_history(frame: pl.DataFrame, now: int) -> pl.DataFrame:
    """What the BTYD models read of customers' features; what is not known is the least it can be.

    Parameters
    ----------
    now
        The cutoff of frames that name none.
    """
    bought, silence, tenure = (np.fmax(_numbers(frame, name), 1.0) for name in HISTORY)
    has_cutoff = "cutoff_day" in frame.columns
    cutoff = _numbers(frame, "cutoff_day") if has_cutoff else np.full(frame.height, now)
    money = [name for name in (SPENT, LAST) if name in frame.columns]
    # Not as a query: one customer would wait for it longer than for the models.
    return pl.DataFrame(
        {
            "cutoff_day": cutoff.astype(np.int64),
            "n_purchases": bought,
            "days_since_last_purchase": np.minimum(silence, tenure),
            "tenure_days": tenure,
            **{name: np.nan_to_num(_numbers(frame, name)) for name in money},
        }
    )


def _numbers(frame: pl.DataFrame, name: str) -> Vector:
    """A column, NaN where it is missing."""
    column = frame[name].cast(pl.Float64)
    return (column.fill_null(float("nan")) if column.null_count() else column).to_numpy()


def shapley(history: pl.DataFrame, usual: Mapping[str, float], worth: Worth) -> Attribution:
    """Share what a function of a few features adds for each customer beyond the usual one: the mean
    over all orders in which the features may become known (Shapley 1953).
    """
    names = tuple(usual)

    def partly(subset: frozenset[str]) -> Vector:
        hidden = {name: pl.lit(value) for name, value in usual.items() if name not in subset}
        rows = history.with_columns(**hidden)
        silence = pl.min_horizontal("days_since_last_purchase", "tenure_days")
        distinct = rows.with_columns(days_since_last_purchase=silence)
        return worth(distinct)

    each = {subset: partly(subset) for subset in _subsets(names)}
    values = np.zeros((history.height, len(names)))
    for place, name in enumerate(names):
        for others in _subsets(tuple(other for other in names if other != name)):
            weight = factorial(len(others)) * factorial(len(names) - len(others) - 1)
            gain = each[others | {name}] - each[others]
            values[:, place] += weight / factorial(len(names)) * gain
    return Attribution(names, values, each[frozenset()])


def _subsets(names: tuple[str, ...]) -> Iterator[frozenset[str]]:
    return (frozenset(some) for size in range(len(names) + 1) for some in combinations(names, size))


def _weight(counts: CountModel | RenewalModel) -> float:
    return _ALONE if isinstance(counts, RenewalModel) else _HALF


def expected_order_value(orders: GammaGamma | None, history: pl.DataFrame) -> Vector:
    """Expected value of the next order, currency; what came back or was free says as much as an
    order of a cent.
    """
    if orders is None:
        return history[LAST].to_numpy()
    n_purchases, spent = history["n_purchases"].to_numpy(), history[SPENT].to_numpy()
    return orders.expected_mean_order_value(
        n_purchases, np.maximum(spent / np.maximum(n_purchases, 1), _CENT)
    )


def fit_btyd_silence(
    counts: CountModel | RenewalModel, histories: pl.DataFrame, *, horizon_days: int, now: int
) -> BTYDSilence:
    """Take the count model's P(no purchase) over a horizon.

    Parameters
    ----------
    histories
        The features of customers, of whom the usual one is the median.
    """
    return BTYDSilence(counts, horizon_days, now, _usual(histories, HISTORY))


def fit_btyd_revenue(
    purchases: pl.DataFrame,
    counts: CountModel | RenewalModel,
    *,
    now: int,
    horizon_days: int,
    first_day: int,
) -> BTYDRevenue:
    """Learn order values from the purchases before `now`.

    Parameters
    ----------
    purchases
        customer_id, day and net (currency), one row per customer and day of purchase.

    Raises
    ------
    NotEnoughData
        Order values that do not differ.
    """
    spenders = _spenders_at(purchases, now)
    orders = None if isinstance(counts, RenewalModel) else _fit_orders(spenders)
    level = (
        _price_change(purchases, now)
        if orders is None
        else _past_level(purchases, counts, orders, horizon_days, first_day=first_day, now=now)
    )
    usual = _usual(spenders, (*HISTORY, SPENT if orders else LAST))
    return BTYDRevenue(counts, orders, horizon_days, now, usual, level)


def _price_change(purchases: pl.DataFrame, now: int) -> float:
    """What customers' charges are worth over what the ones before them were, net of returns."""
    charges = purchases.filter(pl.col("day") < now).sort("customer_id", "day")
    before = pl.col("net").shift(1).over("customer_id")
    pairs = charges.with_columns(before=before).drop_nulls("before")
    paid, former = (float(pairs[name].to_numpy().sum()) for name in ("net", "before"))
    return paid / former if min(paid, former) > 0 else 1.0


def _past_level(
    purchases: pl.DataFrame,
    counts: CountModel | RenewalModel,
    orders: GammaGamma,
    horizon_days: int,
    *,
    first_day: int,
    now: int,
) -> float:
    starts = [
        now - horizon_days // part
        for part in _PAST_PARTS
        if now - horizon_days // part >= first_day + _HISTORY_DAYS
    ]
    levels = [_log_level(purchases, counts, orders, start=start, now=now) for start in starts]
    return float(np.exp(np.mean(levels))) if levels else 1.0


def _fit_orders(spenders: pl.DataFrame) -> GammaGamma:
    bought = spenders["n_purchases"].cast(pl.Float64).to_numpy()
    mean = spenders[SPENT].to_numpy() / bought
    return GammaGamma().fit(bought[mean > 0], mean[mean > 0])


def _usual(frame: pl.DataFrame, names: tuple[str, ...]) -> dict[str, float]:
    # The lower of two middle values: half a purchase is nobody's history.
    medians = pl.col(names).cast(pl.Float64).quantile(0.5, "lower").fill_null(1.0)
    return dict(zip(names, frame.select(medians).row(0), strict=True))


def _spenders_at(purchases: pl.DataFrame, cutoff_day: int) -> pl.DataFrame:
    """Histories with what was spent in all, and last."""
    # In order: the last digits of a sum of floats depend on it.
    spent = (
        purchases.filter(pl.col("day") < cutoff_day)
        .sort("customer_id", "day")
        .group_by("customer_id", maintain_order=True)
        .agg(pl.col("net").sum().alias(SPENT), pl.col("net").last().alias(LAST))
    )
    return histories_at(purchases, cutoff_day).join(
        spent, on="customer_id", how="left", maintain_order="left"
    )


def _log_level(
    purchases: pl.DataFrame,
    counts: CountModel | RenewalModel,
    orders: GammaGamma,
    *,
    start: int,
    now: int,
) -> float:
    """Logarithm of the revenue of start <= day < now over what is expected, the expected purchases
    having been brought to the total made.

    Shrunk to 0 by how far it could be chance: levels differ by 0.25 between logs and move by 0.15
    between windows, and the sum is as uncertain as if each customer's part of it might not have
    come.
    """
    spenders = _spenders_at(purchases, start)
    worth = expected_order_value(orders, spenders)
    expected = counts.quick_purchases(spenders.select(READ), now - start)
    made = purchases_in(purchases, spenders, now - start)
    inside = purchases.filter(pl.col("day").is_between(start, now - 1)).join(
        spenders, on="customer_id", how="semi"
    )
    by_customer = inside.sort("customer_id", "day").group_by("customer_id", maintain_order=True)
    each = by_customer.agg(pl.col("net").sum())["net"].to_numpy()
    revenue = float(expected @ worth) * float(made.sum()) / max(float(expected.sum()), _CENT)
    came = float(each.sum())
    if min(revenue, came) <= 0:
        return 0.0
    chance = _LEVEL_DRIFT**2 + float((each**2).sum()) / came**2
    return float(np.log(came / revenue)) * _LEVEL_SPREAD**2 / (_LEVEL_SPREAD**2 + chance)
