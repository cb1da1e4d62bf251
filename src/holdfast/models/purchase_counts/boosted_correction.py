"""A correction of the BTYD pair, boosted on windows that have ended.

One small LightGBM on rows of customer and threshold k learns 1{more than k purchases} and starts
from the pair's log-odds of it, so that it learns only what they do not know, and minimises the
ranked probability score by minimising each of its terms. Its features have no age in them but as
ratios: in a young log ages grow from cutoff to cutoff.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Vector
from holdfast.learners.tree_ensemble import TreeEnsemble, train_lightgbm

MOST_THRESHOLDS = 12  # decision 9
_SETTINGS = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 4,
}
_ROUNDS = 60  # decision 9
_EDGE = 1e-6


@dataclass(frozen=True)
class CorrectionWindow:
    """Customers of a past cutoff, what was predicted of them and what they then did.

    Attributes
    ----------
    pmf
        Predicted, `(n_customers, max_purchases + 1)`.
    bought
        Purchases in the window, (n_customers,).
    weight
        What each of its rows counts, 0..1: the window over the horizon.
    """

    histories: pl.DataFrame
    pmf: Matrix
    bought: Vector
    weight: float


class BoostedCorrection(NamedTuple):
    """The learnt correction of P(more than k), k = 0 .. n_thresholds - 1."""

    trees: TreeEnsemble
    n_thresholds: int

    def apply(self, histories: pl.DataFrame, pmf: Matrix) -> Matrix:
        """Correct a distribution; purchases beyond the last threshold keep their proportions."""
        if not len(pmf):
            return pmf
        matrix, odds = _stack(histories, pmf, self.n_thresholds)
        more = 1 / (1 + np.exp(-(odds + self.trees.raw(matrix)).reshape(-1, self.n_thresholds)))
        more = np.minimum.accumulate(more, axis=1)
        beyond = pmf[:, self.n_thresholds :]
        tail = beyond * (more[:, -1:] / np.maximum(beyond.sum(axis=1, keepdims=True), 1e-12))
        return np.hstack([-np.diff(more, axis=1, prepend=1.0), tail])


def fit_correction(windows: Sequence[CorrectionWindow], *, seed: int) -> BoostedCorrection:
    """Learn from past windows."""
    usual = float(np.quantile(np.concatenate([window.bought for window in windows]), 0.995))
    n = int(np.clip(usual, 1, MOST_THRESHOLDS))
    stacked = [_stack(window.histories, window.pmf, n) for window in windows]
    matrix, start = (
        np.vstack([rows for rows, _ in stacked]),
        np.concatenate([odds for _, odds in stacked]),
    )
    target = np.concatenate([(w.bought[:, None] > np.arange(n)).ravel() for w in windows]).astype(
        np.float64
    )
    weight = np.repeat([w.weight for w in windows], [len(w.bought) * n for w in windows])
    settings = {**_SETTINGS, "min_data_in_leaf": min(1000, max(20, len(matrix) // 20))}
    trees = train_lightgbm(
        matrix, target, settings, rounds=_ROUNDS, seed=seed, weight=weight, start=start
    )
    return BoostedCorrection(trees, n)


def _stack(histories: pl.DataFrame, pmf: Matrix, n: int) -> tuple[Matrix, Vector]:
    """Rows of customer and threshold, and the pair's log-odds of more purchases than it."""
    more = np.clip(1 - np.cumsum(pmf[:, :n], axis=1), _EDGE, 1 - _EDGE)
    bought, silence, tenure = (
        histories[name].cast(pl.Float64).to_numpy()
        for name in ("n_purchases", "days_since_last_purchase", "tenure_days")
    )
    customers = np.column_stack([bought, silence, silence / tenure, silence * bought / tenure])
    matrix = np.column_stack(
        [np.repeat(customers, n, axis=0), np.tile(np.arange(n, dtype=np.float64), len(customers))]
    )
    return matrix, (np.log(more) - np.log1p(-more)).ravel()
