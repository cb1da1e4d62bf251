"""Naive baselines: what a model must beat before anyone should listen to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Vector
from holdfast.features.feature import WINDOWS_DAYS
from holdfast.learners.design import Design
from holdfast.learners.link_functions import Link, log_odds, logistic
from holdfast.learners.parts import Part, Saved

RECENCY = "days_since_last_purchase"


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
        days = frame[RECENCY].cast(pl.Float64).to_numpy()
        return np.asarray(np.interp(days, self.days, self.probability), dtype=np.float64)


@dataclass(frozen=True)
class RecencyRule(Saved):
    """The recency rank in a learner's place: what is published where the learnt model proved worse.

    Attributes
    ----------
    column
        Which column of the design holds the days since the last purchase.
    usual
        Mean log-odds of the rows learnt from, against whom customers are explained.
    """

    FILE = "recency-rule.json"
    column: int
    days: tuple[float, ...]
    probability: tuple[float, ...]
    usual: float
    algorithm: str = "rule: recency"
    link: Link = "logit"

    @classmethod
    def of(cls, rank: RecencyRank, design: Design, frame: pl.DataFrame) -> "RecencyRule":
        """The rule for the rows of a design, usual in `frame`."""
        usual = float(log_odds(rank.predict(frame)).mean())
        return cls(design.names.index(RECENCY), rank.days, rank.probability, usual)

    def raw(self, matrix: Matrix) -> Vector:
        """Log-odds, (n_rows,)."""
        days = np.nan_to_num(matrix[:, self.column], nan=self.days[-1])
        return log_odds(np.interp(days, self.days, self.probability))

    def predict(self, matrix: Matrix) -> Vector:
        """P(churned), (n_rows,)."""
        return logistic(self.raw(matrix))

    def contributions(self, matrix: Matrix) -> Matrix:
        """(n_rows, n_columns + 1), base last: all is due to the one column."""
        return _all_due_to(self.column, self.raw(matrix), matrix, usual=self.usual)


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
    def column(self) -> str:
        """The feature that holds the spend of that window."""
        return f"spend_{self.window_days}d"

    @property
    def name(self) -> str:
        """Which window."""
        return f"baseline: spend of the last {self.window_days} days"

    def predict(self, frame: pl.DataFrame) -> Vector:
        """Net revenue over the horizon, currency, (n_customers,); never below 0."""
        spent = frame[self.column].cast(pl.Float64).to_numpy()
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


@dataclass(frozen=True)
class TrailingSpendRule(Saved):
    """Trailing spend in the place of the learners of value: what is published where the learnt
    model proved worse.

    Attributes
    ----------
    column
        Which column of the design holds the trailing spend.
    scale
        The horizon over the trailing window.
    usual
        Mean prediction of the rows learnt from, against whom customers are explained.
    silence
        P(no purchase) over the horizon, which the intervals need.
    """

    FILE = "trailing-spend-rule.json"
    column: int
    scale: float
    usual: float
    silence: Annotated[RecencyRule, Part("silence-")]
    algorithm: str = "rule: trailing spend"
    link: Link = "identity"

    @classmethod
    def of(
        cls, spend: TrailingSpend, rank: RecencyRank, design: Design, frame: pl.DataFrame
    ) -> "TrailingSpendRule":
        """The rule for the rows of a design, usual in `frame`."""
        return cls(
            design.names.index(spend.column),
            spend.horizon_days / spend.window_days,
            float(spend.predict(frame).mean()),
            RecencyRule.of(rank, design, frame),
        )

    def raw(self, matrix: Matrix) -> Vector:
        """Net revenue over the horizon, currency, (n_rows,); never below 0."""
        return np.asarray(np.maximum(np.nan_to_num(matrix[:, self.column]), 0) * self.scale)

    def predict(self, matrix: Matrix) -> Vector:
        """As `raw`: the link is the identity."""
        return self.raw(matrix)

    def contributions(self, matrix: Matrix) -> Matrix:
        """(n_rows, n_columns + 1), base last: all is due to the one column."""
        return _all_due_to(self.column, self.raw(matrix), matrix, usual=self.usual)


def _all_due_to(column: int, raw: Vector, matrix: Matrix, *, usual: float) -> Matrix:
    added = np.zeros((len(matrix), matrix.shape[1] + 1))
    added[:, column], added[:, -1] = raw - usual, usual
    return added


Baseline = RecencyRank | TrailingSpend | Constant
"""A rule with a name, which starts with "baseline: ", and predictions in the label's unit."""
