"""Blend: the mean log-odds of boosted trees and a logistic regression on bent lines.

Trees see thresholds and interactions, the line sees what goes on steadily; on small tables their
errors differ enough for the mean to be better than either (Breiman 1996, "Stacked Regressions";
equal weights leave nothing to fit). Each number enters the line with hinges max(0, x - knot), so
that its effect may bend (Friedman 1991, "MARS", equation 2.8).
"""

from dataclasses import dataclass
from itertools import chain
from typing import Annotated, ClassVar

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.learners.linear import LinearModel
from holdfast.learners.link_functions import Link, inverse
from holdfast.learners.parts import InFile, Part, Saved
from holdfast.learners.tree_ensemble import TreeEnsemble

_KNOTS = (0.2, 0.4, 0.6, 0.8)
_FEWEST_VALUES = 10


@dataclass(frozen=True)
class Hinges(Saved):
    """The knots of each column; columns of few values have none."""

    FILE = "blend.json"
    knots: Annotated[tuple[tuple[float, ...], ...], InFile("blend.json")]

    @classmethod
    def learn(cls, matrix: Matrix) -> "Hinges":
        """Put knots at the fifths of each column of (n_rows, n_columns)."""
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
class Blend(Saved):
    """Two fitted classifiers whose raw scores are log-odds."""

    FILE = Hinges.FILE
    trees: Annotated[TreeEnsemble, Part()]
    line: Annotated[LinearModel, Part()]
    hinges: Annotated[Hinges, Part()]
    algorithm: ClassVar[str] = "blend"
    link: ClassVar[Link] = "logit"

    def raw(self, matrix: Matrix) -> Vector:
        """Log-odds, (n_rows,)."""
        return (self.trees.raw(matrix) + self.line.raw(self.hinges.apply(matrix))) / 2

    def predict(self, matrix: Matrix) -> Vector:
        """Probability, (n_rows,)."""
        return inverse(self.link, self.raw(matrix))

    def contributions(self, matrix: Matrix) -> Matrix:
        """(n_rows, n_columns + 1), base last: the mean of both, which adds up as both do."""
        line = self.hinges.fold(self.line.contributions(self.hinges.apply(matrix)))
        return (self.trees.contributions(matrix) + line) / 2
