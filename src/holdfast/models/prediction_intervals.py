"""Prediction intervals: what a customer may bring beside the mean, a median and two intervals.

Quantile regression (Koenker, Bassett 1978, "Regression Quantiles", Econometrica 46) of the
revenue's ratio to the reference spend, on a few numbers: what the mean's own model predicts, and
the customer's recent past. Predictions of the training rows come from fits that had not seen the
customer. The bounds are then widened, per value tier, until they hold on the latest cutoff learnt
from, which the quantiles have not seen (Romano, Patterson, Candes 2019, "Conformalized Quantile
Regression", equations 6 and 8, with scores in units of the reference spend).

Because a promise is kept a horizon after it was fitted, how often it must hold there is learnt from
earlier pairs of cutoffs so far apart (Gibbs, Candes 2021, "Adaptive Conformal Inference Under
Distribution Shift", equation 2, a whole cutoff a step): where bounds that held on the one fell
short on the other, the next must hold more often.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.arrays import Matrix, Vector
from holdfast.learners.parts import Part, Saved
from holdfast.learners.tree_ensemble import TreeEnsemble, train_lightgbm

LEVELS = (0.025, 0.1, 0.5, 0.8, 0.9, 0.975)
COVERAGES = (0.8, 0.95)
_TIERS = (1 / 3, 2 / 3)  # decision 13
_PARAMETERS = {
    "objective": "quantile",
    "learning_rate": 0.08,
    "num_leaves": 8,
    "min_data_in_leaf": 60,
    "max_bin": 127,
}
_ROUNDS = 80  # decision 13
_MANY_NEGATIVE = 0.001  # decision 13
_STEP, _LEAST_ROWS = 0.5, 100  # decision 13

BOUNDS = ("median", "low_80", "high_80", "low_95", "high_95")
"""The fields of Intervals."""

Truths = npt.NDArray[np.bool_]
Days = npt.NDArray[np.int64]


@dataclass(frozen=True)
class IntervalInputs:
    """What is predicted of the same customers before their intervals: each (n_customers,).

    Attributes
    ----------
    buys
        P(at least one purchase), 0..1.
    mean, scale
        Expected revenue and reference spend, currency, as in a usual season.
    frame
        The customers' features.
    """

    buys: Vector
    mean: Vector
    scale: Vector
    frame: pl.DataFrame

    def rows(self, chosen: Truths) -> "IntervalInputs":
        """The same of some customers."""
        return IntervalInputs(
            self.buys[chosen], self.mean[chosen], self.scale[chosen], self.frame.filter(chosen)
        )

    @property
    def matrix(self) -> Matrix:
        """What quantiles are learnt from, (n_customers, 10)."""
        money = [self._feature(f"spend_{days}d") / self.scale for days in (90, 180, 365)]
        plain = ("days_since_last_purchase", "n_purchases_365d", "n_purchases", "tenure_days")
        past = [self._feature(name) for name in plain]
        return np.column_stack(
            [self.buys, self.mean / self.scale, np.log(self.scale), *money, *past]
        )

    def _feature(self, name: str) -> Vector:
        return self.frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


@dataclass(frozen=True)
class Intervals:
    """Currency, each (n_customers,); low_95 <= low_80 <= median <= high_80 <= high_95."""

    median: Vector
    low_80: Vector
    high_80: Vector
    low_95: Vector
    high_95: Vector


@dataclass(frozen=True)
class IntervalModel(Saved):
    """Quantiles of revenue over the reference spend.

    Attributes
    ----------
    quantiles
        One ensemble for each of LEVELS.
    tier_edges
        Borders of expected revenue between the value tiers.
    widening
        Coverage -> per tier, what is added on both sides, over the reference spend.
    season
        The coming season, 1 = as usual.
    floor
        The least a customer may bring, currency: 0 where hardly anyone brought less, else None.
    """

    FILE = "own.json"
    quantiles: Annotated[Mapping[float, TreeEnsemble], Part()]
    tier_edges: tuple[float, float]
    widening: Mapping[str, tuple[float, float, float]]
    season: float = 1.0
    floor: float | None = None

    @classmethod
    def fit(
        cls,
        inputs: IntervalInputs,
        revenue: Vector,
        *,
        cutoff: Days,
        horizon_days: int,
        season: float = 1.0,
        seed: int,
    ) -> "IntervalModel":
        """Learn from rows of several cutoffs.

        Parameters
        ----------
        revenue
            Observed, as in a usual season, currency, (n_rows,).
        cutoff
            Day of each row, (n_rows,): those of the latest widen the bounds, the others teach the
            quantiles. Where there is only one, it does both.
        """
        ratio, matrix, latest = revenue / inputs.scale, inputs.matrix, cutoff == cutoff.max()
        taught = ~latest if not latest.all() else latest
        # The square root of the scale: between one customer one vote and one pound one vote.
        weight = np.sqrt(inputs.scale[taught])
        quantiles = {
            level: train_lightgbm(
                matrix[taught],
                ratio[taught],
                {**_PARAMETERS, "alpha": level},
                rounds=_ROUNDS,
                seed=seed,
                weight=weight,
            )
            for level in LEVELS
        }
        edges = np.quantile(inputs.mean[latest], _TIERS)
        floor = 0.0 if (revenue < 0).mean() < _MANY_NEGATIVE else None
        model = cls(quantiles, (float(edges[0]), float(edges[1])), {}, season, floor)
        return replace(model, widening=model._widening(inputs, ratio, cutoff, horizon_days))

    def _widening(
        self, inputs: IntervalInputs, ratio: Vector, cutoff: Days, horizon_days: int
    ) -> dict[str, tuple[float, float, float]]:
        """What must be added to the bounds, per coverage and tier, for them to hold a horizon after
        the latest row.
        """
        tier, ratios = self._tier(inputs), self._ratios(inputs)
        widening = {}
        for coverage in COVERAGES:
            low, high, silent = _bounds(ratios, inputs.buys, coverage)
            # A bound that cannot miss is not moved: the other one alone is made to hold.
            missed = np.where(silent, ratio - high, np.maximum(low - ratio, ratio - high))
            widening[str(coverage)] = tuple(
                _adapt(missed[tier == k], cutoff[tier == k], coverage, horizon_days)
                for k in range(3)
            )
        return widening  # type: ignore[return-value]

    def predict(self, inputs: IntervalInputs) -> Intervals:
        """The intervals of each customer, in the coming season."""
        tier, ratios, money = self._tier(inputs), self._ratios(inputs), self.season * inputs.scale
        bounds = []
        for coverage in COVERAGES:
            low, high, silent = _bounds(ratios, inputs.buys, coverage)
            more = np.array(self.widening[str(coverage)])[tier]
            low = np.where(silent, low, low - more)
            high = np.maximum(high + more, low)
            bounds += [self._apply_floor(money * low), self._apply_floor(money * high)]
        low_80, high_80, low_95, high_95 = bounds
        # Who more likely than not buys nothing brings nothing, in the median.
        middle = np.where(inputs.buys < 0.5, 0.0, money * ratios[LEVELS.index(0.5)])
        median = np.clip(middle, low_80, high_80)
        low_95, high_95 = np.minimum(low_95, low_80), np.maximum(high_95, high_80)
        return Intervals(median, low_80, high_80, low_95, high_95)

    def _ratios(self, inputs: IntervalInputs) -> Matrix:
        """(n_levels, n_customers), rising with the level."""
        matrix = inputs.matrix
        return np.sort([self.quantiles[level].predict(matrix) for level in LEVELS], axis=0)

    def _tier(self, inputs: IntervalInputs) -> npt.NDArray[np.int64]:
        return np.searchsorted(self.tier_edges, inputs.mean).astype(np.int64)

    def _apply_floor(self, money: Vector) -> Vector:
        return money if self.floor is None else np.maximum(money, self.floor)


def _bounds(ratios: Matrix, buys: Vector, coverage: float) -> tuple[Vector, Vector, Truths]:
    """Lower and upper ratio before widening, and for whom silence is likely.

    Where silence is so likely that the lower bound cannot miss, all of the room is given to the
    upper one.
    """
    ratio = dict(zip(LEVELS, ratios, strict=True))
    outside = (1 - coverage) / 2
    silent = 1 - buys >= outside
    low, high = ratio[round(outside, 3)], ratio[round(1 - outside, 3)]
    one_sided = ratio[0.8] if coverage == 0.8 else high
    return np.where(silent, np.minimum(0.0, low), low), np.where(silent, one_sided, high), silent


def _adapt(missed: Vector, cutoff: Days, coverage: float, horizon_days: int) -> float:
    """What makes the bounds of the latest cutoff hold a horizon later; below 0 they were
    too wide.
    """
    scores = {int(day): missed[cutoff == day] for day in np.unique(cutoff)}
    level = coverage
    for day in list(scores)[:-1]:
        before = [past for past in scores if past <= day - horizon_days]
        if before and min(len(scores[before[-1]]), len(scores[day])) >= _LEAST_ROWS:
            share = float((scores[day] <= _conformal(scores[before[-1]], level)).mean())
            # At most half of what may miss is given or taken.
            room = (1 - coverage) / 2
            level = float(
                np.clip(level + _STEP * (coverage - share), coverage - room, coverage + room)
            )
    return _conformal(missed[cutoff == cutoff.max()], level) if len(missed) else 0.0


def _conformal(missed: Vector, coverage: float) -> float:
    """The (1 + 1/n) coverage quantile of by how much the bounds missed; below 0 they were
    too wide.
    """
    if not len(missed):
        return 0.0
    return float(np.quantile(missed, min(1.0, coverage * (1 + 1 / len(missed)))))
