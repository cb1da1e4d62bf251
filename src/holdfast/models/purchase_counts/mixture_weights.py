"""Mixture weights: which members forecast which customers, by how well they did on windows that
had ended.

A linear pool of distributions, its weights learnt per group of customers by maximum likelihood of
what happened (Hall & Mitchell 2007, Combining density forecasts, International Journal of
Forecasting 23, eq. 9), drawn half-way to equal weights: past windows overlap, and teach less than
their rows would suggest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from holdfast.arrays import Matrix, Vector

GROUPS = ("one-time", "sparse", "regular", "dense")
"""1 purchase; 2 or 3; 4 to 9; 10 and more."""
_FROM = (2, 4, 10)  # decision 9
_ROUNDS = 200
_TRUST = 0.5  # decision 9
_ENOUGH_ROWS = 1_000  # decision 9
_LEAST = 1e-12


@dataclass(frozen=True)
class MixtureWeights:
    """Weights of the members by group; they sum to 1."""

    members: tuple[str, ...]
    weights: Mapping[str, tuple[float, ...]]

    @classmethod
    def equal(cls, members: tuple[str, ...], shares: Sequence[float]) -> "MixtureWeights":
        """The same weights for everyone."""
        return cls(members, {group: tuple(shares) for group in GROUPS})

    def of(self, n_purchases: Vector) -> Matrix:
        """Weights of each customer, `(n_customers, n_members)`."""
        table = np.array([self.weights[group] for group in GROUPS])
        return np.asarray(table[group_of(n_purchases)])


@dataclass(frozen=True)
class PastWindow:
    """What the members predicted at a past cutoff, `(n_customers, max_purchases + 1)` each, and
    what happened.
    """

    n_purchases: Vector
    pmfs: tuple[Matrix, ...]
    bought: Vector


def group_of(n_purchases: Vector) -> npt.NDArray[np.intp]:
    """Position in GROUPS of each customer.

    >>> group_of(np.array([1.0, 3, 9, 10]))
    array([0, 1, 2, 3])
    """
    return np.asarray(np.searchsorted(_FROM, n_purchases, side="right"), dtype=np.intp)


def fit_weights(
    members: tuple[str, ...], shares: Sequence[float], windows: Sequence[PastWindow]
) -> MixtureWeights:
    """Learn the weights from past windows.

    Parameters
    ----------
    shares
        The weights where nothing is known, and half of what is used where something is.
    """
    if not windows:
        return MixtureWeights.equal(members, shares)
    likelihood = np.vstack(
        [np.column_stack([_likelihood(pmf, w.bought) for pmf in w.pmfs]) for w in windows]
    )
    group = np.concatenate([group_of(window.n_purchases) for window in windows])
    prior = np.asarray(shares, dtype=np.float64)
    overall = _best_weights(likelihood, prior)
    weights = {}
    for number, name in enumerate(GROUPS):
        rows = likelihood[group == number]
        group_weights = _best_weights(rows, prior) if len(rows) else overall
        learnt = (len(rows) * group_weights + _ENOUGH_ROWS * overall) / (len(rows) + _ENOUGH_ROWS)
        weights[name] = tuple((_TRUST * learnt + (1 - _TRUST) * prior).tolist())
    return MixtureWeights(members, weights)


def _likelihood(pmf: Matrix, bought: Vector) -> Vector:
    place = np.minimum(bought, pmf.shape[1] - 1).astype(np.int64)
    return np.asarray(np.maximum(pmf[np.arange(len(pmf)), place], _LEAST))


def _best_weights(likelihood: Matrix, start: Vector) -> Vector:
    """Maximise the mean log-likelihood of the mixture by expectation-maximisation."""
    weights: Vector = start / start.sum()
    for _ in range(_ROUNDS):
        share = likelihood * weights
        weights = np.asarray((share / share.sum(axis=1, keepdims=True)).mean(axis=0))
    return weights
