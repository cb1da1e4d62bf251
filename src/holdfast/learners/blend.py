"""Blend: the mean log-odds of boosted trees and a logistic regression on bent lines.

Trees see thresholds and interactions, the line sees what goes on steadily; on small tables their
errors differ enough for the mean to be better than either (Breiman 1996, "Stacked Regressions";
equal weights leave nothing to fit). Each number enters the line with hinges max(0, x - knot), so
that its effect may bend (Friedman 1991, "MARS", equation 2.8).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.learners.forest_converters import TreeEnsemble
from holdfast.learners.linear import LinearModel
from holdfast.learners.link_functions import Link, inverse

MARK = "blend.json"
_KNOTS = (0.2, 0.4, 0.6, 0.8)
_FEWEST_VALUES = 10


@dataclass(frozen=True)
class Hinges:
    """The knots of each column; columns of few values have none."""

    knots: tuple[tuple[float, ...], ...]

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

    def folded(self, contributions: Matrix) -> Matrix:
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
class Blend:
    """Two fitted classifiers whose raw scores are log-odds."""

    trees: TreeEnsemble
    line: LinearModel
    hinges: Hinges
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
        line = self.hinges.folded(self.line.contributions(self.hinges.apply(matrix)))
        return (self.trees.contributions(matrix) + line) / 2

    def parts(self) -> dict[str, bytes]:
        """Both models' files, and one with the knots."""
        return {
            **self.trees.parts(),
            **self.line.parts(),
            MARK: json.dumps(self.hinges.knots).encode(),
        }

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> "Blend":
        """Rebuild from `parts`, whose hashes have been checked."""
        hinges = Hinges(tuple(tuple(knots) for knots in json.loads(parts[MARK])))
        return cls(TreeEnsemble.from_parts(parts), LinearModel.from_parts(parts), hinges)
