"""Attribution of a product: its change is shared between the factors that are multiplied."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.learners.algorithms import Learner
from holdfast.learners.design import Attribution, Design
from holdfast.learners.link_functions import chord, inverse


@dataclass(frozen=True)
class Factor:
    """One factor of a product: its value and base per customer, and what each column adds between
    them.
    """

    value: Vector
    base: Vector
    shares: Matrix


def mean_of(one: Attribution, other: Attribution, weight: float) -> Attribution:
    """The mean of two scores of one unit, the other's with this weight; its columns are among the
    one's.
    """
    values = one.values * (1 - weight)
    for name, share in zip(other.columns, other.values.T, strict=True):
        values[:, one.columns.index(name)] += share * weight
    return Attribution(one.columns, values, one.base * (1 - weight) + other.base * weight)


def explain_factor(design: Design, learner: Learner, matrix: Matrix) -> Factor:
    """Explain a learner's prediction: its raw contributions times the mean slope of its link."""
    attribution = design.attribution(learner.contributions(matrix))
    slope = chord(learner.link, attribution.base, attribution.total)
    return Factor(
        inverse(learner.link, attribution.total),
        inverse(learner.link, attribution.base),
        attribution.values * slope[:, None],
    )


def product(columns: tuple[str, ...], factors: Sequence[Factor], *, level: float) -> Attribution:
    """Share a product between its factors by their Shapley values: a factor's own change times the
    mean of the others.

    The mean runs over the orders in which the factors may become known: the known ones count at
    their value, the others at their base.
    """
    values = np.zeros_like(factors[0].shares)
    for index, factor in enumerate(factors):
        others = [other for place, other in enumerate(factors) if place != index]
        values += factor.shares * _mean_of_others(others, len(factor.value))[:, None]
    base = np.prod([factor.base for factor in factors], axis=0)
    return Attribution(columns, level * values, level * base)


def _mean_of_others(others: Sequence[Factor], n: int) -> Vector:
    total, m = np.zeros(n), len(others) + 1
    for size in range(m):
        weight = factorial(size) * factorial(m - 1 - size) / factorial(m)
        for already in combinations(range(m - 1), size):
            total += weight * np.prod(
                [f.value if i in already else f.base for i, f in enumerate(others)], axis=0
            )
    return total
