"""Blend: the mean log-odds of boosted trees and a logistic regression on bent lines.

Trees see thresholds and interactions, the line sees what goes on steadily; on small tables their
errors differ enough for the mean to be better than either. Equal weights leave nothing to fit;
others are learnt from what both predict of rows that they had not seen (Breiman 1996, "Stacked
Regressions"), which calibrates the sum, too. Each number enters the line with hinges
max(0, x - knot), so that its effect may bend (Friedman 1991, "MARS", equation 2.8).
"""

from dataclasses import dataclass
from itertools import chain
from typing import Annotated, ClassVar

import numpy as np

from holdfast.arrays import Floats, Matrix, Vector
from holdfast.learners.linear import LinearModel
from holdfast.learners.link_functions import Link, fit_log_odds, inverse
from holdfast.learners.parts import InFile, Part, Saved
from holdfast.learners.tree_ensemble import TreeEnsemble

_KNOTS = (0.2, 0.4, 0.6, 0.8)
_FEWEST_VALUES = 10
_MOST_COLUMNS = 1_000
_PRIOR = 5.0  # decision 32


@dataclass(frozen=True)
class Hinges(Saved):
    """The knots of each column; columns of few values have none."""

    FILE = "blend.json"
    knots: Annotated[tuple[tuple[float, ...], ...], InFile("blend.json")]

    @classmethod
    def learn(cls, matrix: Matrix) -> "Hinges":
        """Put knots at the fifths of each column of (n_rows, n_columns); none where the columns are
        so many that the line would have more of them than it can learn.
        """
        if matrix.shape[1] * (1 + len(_KNOTS)) > _MOST_COLUMNS:
            return cls(((),) * matrix.shape[1])
        return cls(tuple(_knots(column[~np.isnan(column)]) for column in matrix.T))

    def apply(self, matrix: Matrix) -> Matrix:
        """Each column, followed by its hinges; a missing number stays missing in all of them."""
        columns = (
            [x, *(np.maximum(x - knot, 0) for knot in knots)]
            for x, knots in zip(matrix.T, self.knots, strict=True)
        )
        return np.column_stack(list(chain.from_iterable(columns)))

    def fold(self, contributions: Matrix) -> Matrix:
        """Sum what a column and its hinges add, (n_rows, n_columns + 1), base last."""
        starts = np.cumsum([0, *(1 + len(knots) for knots in self.knots)])
        return np.asarray(np.add.reduceat(contributions, starts, axis=1))


def _knots(values: Vector) -> tuple[float, ...]:
    distinct = np.unique(values)
    if len(distinct) < _FEWEST_VALUES:
        return ()
    return tuple(
        float(knot) for knot in np.unique(np.quantile(values, _KNOTS)) if knot < distinct[-1]
    )


@dataclass(frozen=True)
class BlendWeights(Saved):
    """What each raw score counts for, neither less than nothing, and what is added."""

    FILE = "blend_weights.json"
    trees: float = 0.5
    line: float = 0.5
    intercept: float = 0.0

    @classmethod
    def learn(cls, trees: Vector, line: Vector, truth: Vector) -> "BlendWeights":
        """Maximise the likelihood of `truth`, given both raw scores of unseen rows, (n_rows,).

        A prior of a few observations draws towards equal weights where rows are few.
        """
        terms = np.column_stack([trees, line, np.ones(len(truth))])
        start = np.array([0.5, 0.5, 0.0])
        return cls(*map(float, fit_log_odds(terms, truth, start, prior=_PRIOR, least=0.0)))


@dataclass(frozen=True)
class Blend(Saved):
    """Two fitted classifiers whose raw scores are log-odds; without weights, their mean."""

    FILE = Hinges.FILE
    trees: Annotated[TreeEnsemble, Part()]
    line: Annotated[LinearModel, Part()]
    hinges: Annotated[Hinges, Part()]
    weights: Annotated[BlendWeights | None, Part()] = None
    algorithm: ClassVar[str] = "blend"
    link: ClassVar[Link] = "logit"

    def raw(self, matrix: Matrix) -> Vector:
        """Log-odds, (n_rows,)."""
        line = self.line.raw(self.hinges.apply(matrix))
        return self._weigh(self.trees.raw(matrix), line) + self._weights.intercept

    def predict(self, matrix: Matrix) -> Vector:
        """Probability, (n_rows,)."""
        return inverse(self.link, self.raw(matrix))

    def contributions(self, matrix: Matrix) -> Matrix:
        """(n_rows, n_columns + 1), base last: that of both, weighted, which adds up as both do."""
        line = self.hinges.fold(self.line.contributions(self.hinges.apply(matrix)))
        both = self._weigh(self.trees.contributions(matrix), line)
        both[:, -1] += self._weights.intercept
        return both

    @property
    def _weights(self) -> BlendWeights:
        return self.weights or BlendWeights()

    def _weigh(self, trees: Floats, line: Floats) -> Floats:
        both: Floats = self._weights.trees * trees + self._weights.line * line
        return both
