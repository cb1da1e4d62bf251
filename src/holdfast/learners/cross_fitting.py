"""Cross-fitting: how many trees, and what each member of a blend counts for, are learnt from
predictions of rows that had not been seen; then all rows are learnt from.

Nothing is set aside for it: each row is predicted once, by models of the other splits (Breiman
1996, "Stacked Regressions").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.arrays import Matrix, Split, Vector
from holdfast.learners.algorithms import fit_bent_line
from holdfast.learners.blend import Blend, BlendWeights
from holdfast.learners.selection import HeldOut
from holdfast.learners.tree_ensemble import TreeEnsemble, deterministic, train_lightgbm

# decision 32
_TREES: Mapping[str, Any] = {
    "learning_rate": 0.05,
    "num_leaves": 8,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
}
_FEWEST_ROUNDS, _MOST_ROUNDS, _PATIENCE = 20, 3_000, 50
_MANY_ROWS = 100_000
"""Beyond it one split says enough, and more leaves are learnt."""
_LEAVES_OF_MANY = 31


@dataclass(frozen=True)
class Boosting:
    """How trees are boosted: LightGBM's objective, and for how many rounds."""

    objective: str
    rounds: int
    seed: int

    def fit(self, matrix: Matrix, target: Vector) -> TreeEnsemble:
        """Learn from all rows."""
        return train_lightgbm(
            matrix,
            target,
            {**_parameters(matrix), "objective": self.objective},
            rounds=self.rounds,
            seed=self.seed,
        )


def find_rounds(
    objective: str, matrix: Matrix, target: Vector, splits: Sequence[Split], *, seed: int
) -> tuple[Boosting, HeldOut]:
    """Boost until unseen rows are predicted no better; and their raw scores then."""
    import lightgbm

    splits = _enough(splits, matrix)
    settings = {**_parameters(matrix), "objective": objective, **deterministic(matrix, seed)}
    scores = lightgbm.cv(
        settings,
        lightgbm.Dataset(matrix, target),
        _MOST_ROUNDS,
        folds=[(split.train, split.test) for split in splits],
        return_cvbooster=True,
        callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
    )
    boosters = scores.pop("cvbooster").boosters
    rounds = len(next(iter(scores.values())))
    raw = [
        booster.predict(matrix[split.test], num_iteration=rounds, raw_score=True)
        for booster, split in zip(boosters, splits, strict=True)
    ]
    rows = np.concatenate([split.test for split in splits])
    return Boosting(objective, rounds, seed), HeldOut(rows, np.concatenate(raw))


@dataclass(frozen=True)
class CrossFittedBlend:
    """A blend whose number of trees and weights are known, ready to be fitted to any rows."""

    boosting: Boosting
    weights: BlendWeights

    @classmethod
    def learn(
        cls, matrix: Matrix, truth: Vector, splits: Sequence[Split], *, seed: int
    ) -> "CrossFittedBlend":
        """Learn both from (n_rows, n_columns), and 0 or 1 of each row."""
        if not splits:
            return cls(Boosting("binary", _FEWEST_ROUNDS, seed), BlendWeights())
        boosting, trees = find_rounds("binary", matrix, truth, splits, seed=seed)
        line = [_predict_unseen(split, matrix, truth, seed) for split in _enough(splits, matrix)]
        weights = BlendWeights.learn(trees.predicted, np.concatenate(line), truth[trees.rows])
        return cls(boosting, weights)

    def fit(self, matrix: Matrix, truth: Vector) -> Blend:
        """Learn from all rows."""
        hinges, line = fit_bent_line(matrix, truth, self.boosting.seed)
        return Blend(self.boosting.fit(matrix, truth), line, hinges, self.weights)


def _enough(splits: Sequence[Split], matrix: Matrix) -> Sequence[Split]:
    """One split of many rows, all of few."""
    return splits[:1] if len(matrix) > _MANY_ROWS else splits


def _parameters(matrix: Matrix) -> Mapping[str, Any]:
    return _TREES if len(matrix) <= _MANY_ROWS else {**_TREES, "num_leaves": _LEAVES_OF_MANY}


def _predict_unseen(split: Split, matrix: Matrix, truth: Vector, seed: int) -> Vector:
    hinges, line = fit_bent_line(matrix[split.train], truth[split.train], seed)
    return line.raw(hinges.apply(matrix[split.test]))
