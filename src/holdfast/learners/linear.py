"""Linear models on robustly scaled columns: logistic for probabilities, ridge for means.

Money and counts have long tails that would own the fit; asinh is linear in the middle and
logarithmic in the tails, for either sign, and each column still contributes one number that adds
up.
"""

from dataclasses import dataclass

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.learners.link_functions import Link, inverse
from holdfast.learners.parts import Saved


@dataclass(frozen=True)
class Scaling:
    """z = (asinh((x - centre) / spread) - mean) / deviation, per column; a missing x counts as the
    average, z = 0.
    """

    centre: list[float]
    spread: list[float]
    mean: list[float]
    deviation: list[float]

    @classmethod
    def learn(cls, matrix: Matrix) -> "Scaling":
        """Learn the middle and spread of each column of (n_rows, n_columns)."""
        present = [column[~np.isnan(column)] for column in matrix.T]
        middle = [_middle(column) for column in present]
        bent = [
            np.arcsinh((x - centre) / spread)
            for x, (centre, spread) in zip(present, middle, strict=True)
        ]
        return cls(
            [centre for centre, _ in middle],
            [spread for _, spread in middle],
            [float(z.mean()) if z.size else 0.0 for z in bent],
            [float(z.std()) or 1.0 if z.size else 1.0 for z in bent],
        )

    def apply(self, matrix: Matrix) -> Matrix:
        """Scale (n_rows, n_columns)."""
        bent = np.arcsinh((matrix - np.asarray(self.centre)) / np.asarray(self.spread))
        z = (bent - np.asarray(self.mean)) / np.asarray(self.deviation)
        return np.asarray(np.nan_to_num(z, nan=0.0), dtype=np.float64)


def _middle(column: Vector) -> tuple[float, float]:
    if not column.size:
        return 0.0, 1.0
    low, centre, high = np.quantile(column, [0.25, 0.5, 0.75])
    spread = (high - low) / 1.349 or column.std() or 1.0
    return float(centre), float(spread)


@dataclass(frozen=True)
class LinearModel(Saved):
    """A fitted linear model; `weights` are per unit of z."""

    FILE = "linear.json"
    algorithm: str
    link: Link
    scaling: Scaling
    weights: list[float]
    intercept: float

    def raw(self, matrix: Matrix) -> Vector:
        """Log-odds, or the mean; (n_rows,)."""
        raw = np.full(len(matrix), self.intercept)
        # Column by column: a matrix product may round one row otherwise than many.
        for column, weight in zip(self.scaling.apply(matrix).T, self.weights, strict=True):
            raw += weight * column
        return raw

    def predict(self, matrix: Matrix) -> Vector:
        """Probability, or the mean; (n_rows,)."""
        return inverse(self.link, self.raw(matrix))

    def contributions(self, matrix: Matrix) -> Matrix:
        """(n_rows, n_columns + 1), base last: weight x z, the Shapley value of a linear model."""
        each = self.scaling.apply(matrix) * np.asarray(self.weights)
        return np.column_stack([each, np.full(len(matrix), self.intercept)])


def constant(algorithm: str, raw: float, *, n_columns: int) -> LinearModel:
    """A model of as many columns that says the same of everyone: log-odds of a logistic one, else
    the mean.
    """
    zero, one = [0.0] * n_columns, [1.0] * n_columns
    link: Link = "logit" if algorithm == "logistic" else "identity"
    return LinearModel(algorithm, link, Scaling(zero, one, zero, one), zero, raw)
