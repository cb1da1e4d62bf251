"""Prediction intervals: mean, median and bounds of what a customer may bring, from one law.

A customer buys nothing with probability 1 - p; who buys brings mean / p times a factor whose mean
is 1. How that factor is spread is read off the training rows, predicted by fits that had not seen
the customer, apart for those who are unlikely and likely to buy. Every quantile follows:

    Q(u) = 0 for u <= 1 - p,  mean / p x q((u - (1 - p)) / p) above

so the mean lies outside the 80 % interval only where P(nothing) puts it there, and the same law
with the p and the mean of another horizon gives that horizon's.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from holdfast.arrays import Matrix, Vector
from holdfast.learners.parts import Saved

BOUNDS = ("median", "low_80", "high_80", "low_95", "high_95")
"""The fields of Intervals."""
_EDGES = (0.15, 0.35, 0.6, 0.85)  # decision 35
_GRID = np.linspace(0.0, 1.0, 201)
_LEAST_ROWS = 200  # decision 35
_LEAST = 1e-9
_CLOSE = 0.005  # decision 37

Groups = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Intervals:
    """Currency, each (n_customers,); low_95 <= low_80 <= median <= high_80 <= high_95."""

    median: Vector
    low_80: Vector
    high_80: Vector
    low_95: Vector
    high_95: Vector

    def with_median(self, median: Vector) -> "Intervals":
        """The same bounds around another median, which stays within the inner ones."""
        return replace(self, median=np.clip(median, self.low_80, self.high_80))


@dataclass(frozen=True)
class IntervalModel(Saved):
    """How the revenue of those who buy is spread around its mean.

    Attributes
    ----------
    shapes
        Per group of P(buys), from unlikely to likely: 201 evenly spread quantiles of revenue over
        its mean.
    """

    FILE = "law.json"
    shapes: tuple[tuple[float, ...], ...]

    @classmethod
    def fit(cls, buys: Vector, mean: Vector, revenue: Vector, bought: Vector) -> "IntervalModel":
        """Learn from rows whose outcome is known, (n_rows,) each.

        Parameters
        ----------
        buys, mean
            Predicted P(buys) and expected revenue.
        revenue, bought
            What came, and whether anything was bought (1 or 0).
        """
        factor = revenue * buys / np.maximum(mean, _LEAST)
        usable = (bought > 0) & (mean > _LEAST) & np.isfinite(factor)
        group, everyone = _group_of(buys), factor[usable]
        shapes = []
        for place in range(len(_EDGES) + 1):
            rows = factor[usable & (group == place)]
            shapes.append(_shape(rows if len(rows) >= _LEAST_ROWS else everyone))
        return cls(tuple(shapes))

    def predict(self, buys: Vector, mean: Vector) -> Intervals:
        """The intervals of customers of whom P(buys) and expected revenue are predicted.

        Where nothing is so likely that the lower bound cannot miss, the 80 % interval reaches from
        there to the 80 % quantile.
        """
        each = mean / np.maximum(buys, _LEAST)
        group = _group_of(buys)

        def quantile(level: float) -> Vector:
            among_buyers = (level - (1 - buys)) / np.maximum(buys, _LEAST)
            return np.where(among_buyers > 0, each * self._factor(group, among_buyers), 0.0)

        bounds = []
        for outside in (0.1, 0.025):
            silent = 1 - buys >= outside
            low, high = quantile(outside), quantile(1 - outside)
            if outside == 0.1:
                high = np.where(silent, quantile(0.8), high)
            bounds.append((np.where(silent, np.minimum(low, 0.0), low), high))
        (low_80, high_80), (low_95, high_95) = bounds
        median = np.clip(quantile(0.5), low_80, high_80)
        # Where all pay the same the law is narrower than the mean is known.
        low_80, high_80 = (
            np.minimum(low_80, (1 - _CLOSE) * median),
            np.maximum(high_80, (1 + _CLOSE) * median),
        )
        low_95, high_95 = np.minimum(low_95, low_80), np.maximum(high_95, high_80)
        return Intervals(median, low_80, high_80, low_95, high_95)

    def _factor(self, group: Groups, level: Vector) -> Vector:
        """The quantile of each customer's factor."""
        shapes: Matrix = np.array(self.shapes)
        place = np.clip(level, 0.0, 1.0) * (len(_GRID) - 1)
        before = np.minimum(place.astype(np.int64), len(_GRID) - 2)
        share = place - before
        lower, upper = shapes[group, before], shapes[group, before + 1]
        return np.asarray(lower + share * (upper - lower))


def _group_of(buys: Vector) -> Groups:
    return np.digitize(buys, _EDGES).astype(np.int64)


def _shape(factor: Vector) -> tuple[float, ...]:
    """Quantiles of a positive mean, brought to a mean of 1; all 1 where there is nothing to learn
    from.
    """
    if not len(factor) or factor.mean() <= 0:
        return (1.0,) * len(_GRID)
    return tuple((np.quantile(factor, _GRID) / factor.mean()).tolist())
