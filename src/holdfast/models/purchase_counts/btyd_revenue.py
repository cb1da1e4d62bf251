"""Revenue by the BTYD models: expected purchases times what an order of the customer is worth.

The Gamma-Gamma model is fitted to all orders and not to repeat orders alone: what a one-time buyer
spent says most of what the next order will be worth. Used where no window of the horizon has ended,
so that nothing but such models can extrapolate to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Annotated

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.btyd import GammaGamma
from holdfast.findings import Finding
from holdfast.learners.design import Attribution
from holdfast.learners.parts import Part, Saved
from holdfast.models.prediction_intervals import BOUNDS, Intervals
from holdfast.models.purchase_counts.fitting import fit_counts
from holdfast.models.purchase_counts.histories import histories_at, purchases_in
from holdfast.models.purchase_counts.model import CountModel
from holdfast.models.purchase_counts.revenue_distribution import revenue_intervals

INPUTS = ("n_purchases", "days_since_last_purchase", "tenure_days", "spend_total")
"""Features that are read."""
_SILENCE = pl.col("days_since_last_purchase").clip(1, pl.col("tenure_days"))
_CHUNK_ROWS = 20_000
_CENT = 0.01
_PAST_PARTS, _HISTORY_DAYS = (2, 3), 90  # decision 10
_LEVELS = (0.5, 2.0)  # decision 10


@dataclass(frozen=True)
class BTYDRevenue(Saved):
    """Expected purchases over a horizon x the mean value of an order.

    Attributes
    ----------
    now
        The cutoff it was learnt at; frames that name no cutoff are of that day.
    usual
        INPUTS of the customer against whom others are explained.
    level
        Revenue over what is expected of past windows, their counts put right: those who buy again
        spend more.
    """

    FILE = "law.json"
    counts: Annotated[CountModel, Part()]
    gamma_gamma: GammaGamma
    horizon_days: int
    now: int
    usual: tuple[float, ...]
    level: float = 1.0

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features that are read."""
        return INPUTS

    def revenue(self, frame: pl.DataFrame) -> Vector:
        """Expected net revenue over the horizon, currency, (n_customers,)."""
        inputs = self._inputs(frame)
        return self.level * self._purchases(inputs) * self._order_value(inputs)

    def intervals_of(self, frame: pl.DataFrame, horizon_days: int | None = None) -> Intervals:
        """Median and intervals of revenue over its own horizon or another, currency,
        (n_customers,) each.
        """
        horizon = self.horizon_days if horizon_days is None else horizon_days
        inputs = self._inputs(frame).with_columns(_SILENCE)
        parts = [self._revenue_intervals(rows, horizon) for rows in inputs.iter_slices(_CHUNK_ROWS)]
        return Intervals(
            *(
                self.level * np.concatenate([getattr(part, name) for part in parts])
                for name in BOUNDS
            )
        )

    def _revenue_intervals(self, inputs: pl.DataFrame, horizon_days: int) -> Intervals:
        pmf = self.counts.btyd_pmf(inputs, horizon_days)
        spent = np.maximum(inputs["spend_total"].to_numpy(), _CENT)
        return revenue_intervals(pmf, self.gamma_gamma, inputs["n_purchases"].to_numpy(), spent)

    def attribution(self, frame: pl.DataFrame) -> Attribution:
        """What each input adds to the revenue beyond that of the usual customer: exact Shapley
        values.
        """
        inputs = self._inputs(frame)
        worth = {subset: self._partly(inputs, subset) for subset in _subsets(INPUTS)}
        values = np.zeros((frame.height, len(INPUTS)))
        for place, name in enumerate(INPUTS):
            for others in _subsets(tuple(other for other in INPUTS if other != name)):
                weight = (
                    factorial(len(others))
                    * factorial(len(INPUTS) - len(others) - 1)
                    / factorial(len(INPUTS))
                )
                values[:, place] += weight * (worth[others | {name}] - worth[others])
        return Attribution(INPUTS, values, worth[frozenset()])

    def _partly(self, inputs: pl.DataFrame, subset: frozenset[str]) -> Vector:
        hidden = {
            name: pl.lit(usual)
            for name, usual in zip(INPUTS, self.usual, strict=True)
            if name not in subset
        }
        return self.revenue(inputs.with_columns(**hidden))

    def _inputs(self, frame: pl.DataFrame) -> pl.DataFrame:
        cutoff = pl.col("cutoff_day") if "cutoff_day" in frame.columns else pl.lit(self.now)
        bought = pl.col("n_purchases").cast(pl.Float64).fill_null(1).clip(lower_bound=1)
        tenure = pl.col("tenure_days").cast(pl.Float64).fill_null(1).clip(lower_bound=1)
        return frame.select(
            cutoff_day=cutoff.cast(pl.Int64),
            n_purchases=bought,
            days_since_last_purchase=pl.col("days_since_last_purchase")
            .cast(pl.Float64)
            .fill_null(1),
            tenure_days=tenure,
            spend_total=pl.col("spend_total").cast(pl.Float64).fill_null(0),
        )

    def _purchases(self, inputs: pl.DataFrame) -> Vector:
        return self.counts.expected_purchases(inputs.with_columns(_SILENCE), self.horizon_days)

    def _order_value(self, inputs: pl.DataFrame) -> Vector:
        return expected_order_value(
            self.gamma_gamma, inputs["n_purchases"].to_numpy(), inputs["spend_total"].to_numpy()
        )


def expected_order_value(orders: GammaGamma, n_purchases: Vector, spent: Vector) -> Vector:
    """Expected value of the next order, currency; what came back or was free says as much as an
    order of a cent.
    """
    return orders.expected_mean_order_value(
        n_purchases, np.maximum(spent / np.maximum(n_purchases, 1), _CENT)
    )


def fit_btyd_revenue(
    purchases: pl.DataFrame, *, now: int, horizon_days: int, first_day: int, seed: int
) -> tuple[BTYDRevenue, tuple[Finding, ...]]:
    """Learn counts and order values from the purchases before `now`.

    Parameters
    ----------
    purchases
        customer_id, day and net (currency), one row per customer and day of purchase.

    Raises
    ------
    NotEnoughData
        Order values that do not differ.
    """
    counts, findings = fit_counts(
        purchases, now=now, horizon_days=horizon_days, first_day=first_day, seed=seed
    )
    spenders = _spenders_at(purchases, now)
    bought = spenders["n_purchases"].cast(pl.Float64).to_numpy()
    mean = spenders["spend_total"].to_numpy() / bought
    orders = GammaGamma().fit(bought[mean > 0], mean[mean > 0])
    usual = spenders.select(pl.col(INPUTS).cast(pl.Float64).median()).row(0)
    starts = [
        now - horizon_days // part
        for part in _PAST_PARTS
        if now - horizon_days // part >= first_day + _HISTORY_DAYS
    ]
    levels = [_level(purchases, counts, orders, start=start, now=now) for start in starts]
    level = float(np.clip(np.mean(levels), *_LEVELS)) if levels else 1.0
    return BTYDRevenue(counts, orders, horizon_days, now, usual, level), findings


def _spenders_at(purchases: pl.DataFrame, cutoff_day: int) -> pl.DataFrame:
    """Histories with `spend_total`."""
    spent = (
        purchases.filter(pl.col("day") < cutoff_day)
        .group_by("customer_id")
        .agg(spend_total=pl.col("net").sum())
    )
    return histories_at(purchases, cutoff_day).join(
        spent, on="customer_id", how="left", maintain_order="left"
    )


def _level(
    purchases: pl.DataFrame, counts: CountModel, orders: GammaGamma, *, start: int, now: int
) -> float:
    """Revenue of start <= day < now over what is expected, the expected purchases having been
    brought to the total made.
    """
    spenders = _spenders_at(purchases, start)
    worth = expected_order_value(
        orders, spenders["n_purchases"].to_numpy(), spenders["spend_total"].to_numpy()
    )
    expected, made = (
        counts.expected_purchases(spenders, now - start),
        purchases_in(purchases, spenders, now - start),
    )
    inside = purchases.filter(pl.col("day").is_between(start, now - 1)).join(
        spenders, on="customer_id", how="semi"
    )
    revenue = float(expected @ worth) * float(made.sum()) / max(float(expected.sum()), _CENT)
    return float(inside["net"].sum()) / revenue if revenue > 0 else 1.0


def _subsets(names: tuple[str, ...]) -> Iterator[frozenset[str]]:
    return (frozenset(some) for size in range(len(names) + 1) for some in combinations(names, size))
