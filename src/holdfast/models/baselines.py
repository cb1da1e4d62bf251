"""Naive baselines: what a model must beat before anyone should listen to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.features.feature import WINDOWS_DAYS


@dataclass(frozen=True)
class RecencyRank:
    """P(churned) as a rising function of the days since the last purchase, and of nothing else."""

    days: tuple[float, ...]
    probability: tuple[float, ...]
    name: str = "baseline: recency rank"

    @classmethod
    def fit(cls, days: Vector, churned: Vector, *, reach: float = 1.0) -> "RecencyRank":
        """Fit the rising function that comes closest to what happened (isotonic regression).

        Parameters
        ----------
        reach
            The horizon over the window in which `churned` was seen; silence at a steady rate lasts
            p^reach.
        """
        from sklearn.isotonic import IsotonicRegression

        fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(days, churned)
        return cls(
            tuple(fitted.X_thresholds_.tolist()), tuple((fitted.y_thresholds_**reach).tolist())
        )

    def predict(self, frame: pl.DataFrame) -> Vector:
        """Probabilities, (n_customers,)."""
        days = frame["days_since_last_purchase"].cast(pl.Float64).to_numpy()
        return np.asarray(np.interp(days, self.days, self.probability), dtype=np.float64)


@dataclass(frozen=True)
class TrailingSpend:
    """What a customer spent in the trailing window as long as the horizon, or in the nearest one,
    scaled.
    """

    horizon_days: int

    @property
    def window_days(self) -> int:
        """The trailing window."""
        return min(WINDOWS_DAYS, key=lambda days: abs(days - self.horizon_days))

    @property
    def name(self) -> str:
        """Which window."""
        return f"baseline: spend of the last {self.window_days} days"

    def predict(self, frame: pl.DataFrame) -> Vector:
        """Net revenue over the horizon, currency, (n_customers,); never below 0."""
        spent = frame[f"spend_{self.window_days}d"].cast(pl.Float64).to_numpy()
        return np.asarray(
            np.maximum(spent, 0) * self.horizon_days / self.window_days, dtype=np.float64
        )


@dataclass(frozen=True)
class Constant:
    """The same number for everyone: the share who left, or the mean."""

    name: str
    value: float

    @classmethod
    def fit(cls, name: str, truth: Sequence[float] | Vector) -> "Constant":
        """Learn the mean."""
        return cls(name, float(np.mean(truth)))

    def predict(self, frame: pl.DataFrame) -> Vector:
        """The number, (n_customers,)."""
        return np.full(frame.height, self.value)


Baseline = RecencyRank | TrailingSpend | Constant
"""A rule with a name, which starts with "baseline: ", and predictions in the label's unit."""
