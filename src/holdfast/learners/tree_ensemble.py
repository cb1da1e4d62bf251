"""Tree ensembles: what LightGBM's text predicts, how it explains itself and how it is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.errors import StudyError, nearest
from holdfast.learners.lightgbm_predictor import LightgbmTrees
from holdfast.learners.link_functions import Link, inverse, threads_for
from holdfast.learners.parts import InFile, Saved
from holdfast.learners.treeshap import MANY_ROWS, TreeShap

# What each library calls its losses; a custom objective leaves no name.
_LOSSES: Mapping[Link, tuple[str, ...]] = {
    "logit": ("binary", "cross_entropy", "log_loss", "binary:logistic", "Logloss"),
    "identity": (
        *("regression", "regression_l1", "huber", "fair", "quantile", "mape"),
        *("squared_error", "absolute_error", "RMSE", "MAE"),
        *("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror"),
    ),
    "log": (
        *("poisson", "gamma", "tweedie", "Poisson"),
        *("count:poisson", "reg:gamma", "reg:tweedie"),
    ),
    "cloglog": ("custom",),
}


@dataclass(frozen=True)
class TreeEnsemble(Saved):
    """A fitted ensemble.

    Attributes
    ----------
    text
        The trees, in LightGBM's text format. A damaged text aborts the interpreter: check its hash
        before building one.
    link
        How the sum of leaves becomes the prediction.
    single_precision
        The library compared float32 values; so do we.
    offset
        Added to the sum of leaves.
    """

    FILE = "trees.json"
    algorithm: str
    text: Annotated[str, InFile("trees.txt")]
    link: Link
    single_precision: bool = False
    offset: float = 0.0

    @classmethod
    def of_booster(cls, booster: Any, *, offset: float = 0.0) -> "TreeEnsemble":
        """Keep a trained LightGBM booster; `offset` is what its training started from."""
        text = booster.model_to_string()
        head = dict(line.partition("=")[::2] for line in text.split("\n\n", 1)[0].splitlines())
        objective = head.get("objective", "custom").split()[0]
        return cls("lightgbm", text, link_of(objective, "lightgbm"), offset=offset)

    @cached_property
    def _trees(self) -> LightgbmTrees:
        return LightgbmTrees(self.text)

    @cached_property
    def _shap(self) -> TreeShap | None:
        return TreeShap.of_lightgbm(self.text)

    def _rows(self, matrix: Matrix) -> Matrix:
        return matrix.astype(np.float32).astype(np.float64) if self.single_precision else matrix

    def raw(self, matrix: Matrix) -> Vector:
        """The sum of leaves, (n_rows,)."""
        if not len(matrix):
            return np.empty(0)
        rows = self._rows(matrix)
        if len(matrix) == 1:
            return np.array([self._trees.raw_of_one(rows[0]) + self.offset])
        return self._trees.predict(rows, "raw", threads=threads_for(matrix)) + self.offset

    def predict(self, matrix: Matrix) -> Vector:
        """Probability or mean, (n_rows,)."""
        return inverse(self.link, self.raw(matrix))

    def contributions(self, matrix: Matrix) -> Matrix:
        """TreeSHAP: (n_rows, n_columns + 1), base last; rows add up to `raw`."""
        if not len(matrix):
            return np.empty((0, matrix.shape[1] + 1))
        rows, shap = self._rows(matrix), self._shap if len(matrix) >= MANY_ROWS else None
        values = (
            shap.contributions(rows)
            if shap is not None
            else self._trees.predict(rows, "contributions", threads=threads_for(matrix))
        )
        return np.column_stack([values[:, :-1], values[:, -1] + self.offset])


def link_of(loss: str, algorithm: str) -> Link:
    """How a raw score fitted with this loss becomes a prediction.

    Raises
    ------
    StudyError
        The loss has no link that is known.
    """
    links = {name: link for link, names in _LOSSES.items() for name in names}
    if loss not in links:
        raise StudyError(f"{algorithm} cannot be asked for '{loss}'", fix=nearest(loss, [*links]))
    return links[loss]


def deterministic(matrix: Matrix, seed: int) -> dict[str, Any]:
    """Settings by which LightGBM gives the same bytes for the same seed and data."""
    return {
        "seed": seed, "num_threads": threads_for(matrix), "deterministic": True,
        "force_row_wise": True, "verbosity": -1,
    }  # fmt: skip


def train_lightgbm(
    matrix: Matrix,
    target: Vector,
    parameters: Mapping[str, Any],
    *,
    rounds: int,
    seed: int,
    weight: Vector | None = None,
    start: Vector | None = None,
    offset: float = 0.0,
) -> TreeEnsemble:
    """Train LightGBM so that the same seed and data give the same bytes.

    Parameters
    ----------
    matrix, target, weight
        (n_rows, n_columns), (n_rows,) and (n_rows,).
    start
        Raw scores to start from, (n_rows,); `offset` is what every later prediction starts from.
    """
    import lightgbm

    settings = {**parameters, **deterministic(matrix, seed)}
    data = lightgbm.Dataset(matrix, target, weight=weight, init_score=start)
    return TreeEnsemble.of_booster(lightgbm.train(settings, data, rounds), offset=offset)
