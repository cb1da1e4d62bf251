"""Tree ensembles of five libraries, trained by each and kept as LightGBM text."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.errors import StudyError, nearest
from holdfast.learners.lightgbm_text import LightgbmTrees
from holdfast.learners.link_functions import Link, inverse, threads_for
from holdfast.learners.parts import InFile, Saved
from holdfast.learners.tree_ensemble import (
    catboost_trees,
    forest_trees,
    histogram_trees,
    lightgbm_text,
    xgboost_trees,
)
from holdfast.learners.treeshap import MANY_ROWS, TreeShap

_LIGHTGBM_LINKS: dict[str, Link] = {
    "binary": "logit",
    "cross_entropy": "logit",
    "regression": "identity",
    "regression_l1": "identity",
    "huber": "identity",
    "fair": "identity",
    "quantile": "identity",
    "mape": "identity",
    "poisson": "log",
    "gamma": "log",
    "tweedie": "log",
    "custom": "cloglog",
}
_LOSS_LINKS: dict[str, Link] = {
    "log_loss": "logit",
    "squared_error": "identity",
    "absolute_error": "identity",
    "quantile": "identity",
    "poisson": "log",
    "gamma": "log",
    "binary:logistic": "logit",
    "reg:squarederror": "identity",
    "reg:absoluteerror": "identity",
    "reg:pseudohubererror": "identity",
    "count:poisson": "log",
    "reg:gamma": "log",
    "reg:tweedie": "log",
    "Logloss": "logit",
    "RMSE": "identity",
    "MAE": "identity",
    "Poisson": "log",
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
        if len(matrix) == 1:
            return np.array([self._trees.raw_of_one(self._rows(matrix)[0]) + self.offset])
        return (
            self._trees.predict(self._rows(matrix), "raw", threads=threads_for(matrix))
            + self.offset
        )

    def predict(self, matrix: Matrix) -> Vector:
        """Probability or mean, (n_rows,)."""
        return inverse(self.link, self.raw(matrix))

    def contributions(self, matrix: Matrix) -> Matrix:
        """TreeSHAP: (n_rows, n_columns + 1), base last; rows add up to `raw`."""
        if not len(matrix):
            return np.empty((0, matrix.shape[1] + 1))
        rows, shap = self._rows(matrix), self._shap if len(matrix) >= MANY_ROWS else None
        if shap is not None:
            found = shap.contributions(rows)
        else:
            found = self._trees.predict(rows, "contributions", threads=threads_for(matrix))
        return np.column_stack([found[:, :-1], found[:, -1] + self.offset])


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

    settings = {
        **parameters,
        "seed": seed,
        "num_threads": threads_for(matrix),
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(matrix, target, weight=weight, init_score=start)
    return from_lightgbm(lightgbm.train(settings, data, rounds), offset=offset)


def from_lightgbm(booster: Any, *, offset: float = 0.0) -> TreeEnsemble:
    """Keep a trained LightGBM booster; `offset` is what its training started from."""
    text = booster.model_to_string()
    return TreeEnsemble(
        "lightgbm", text, _link(_LIGHTGBM_LINKS, _objective(text), "lightgbm"), offset=offset
    )


def _objective(text: str) -> str:
    lines = [
        line for line in text.split("\n\n", 1)[0].splitlines() if line.startswith("objective=")
    ]
    # A custom objective leaves no line.
    return lines[0].removeprefix("objective=").split()[0] if lines else "custom"


def from_forest(forest: Any, *, n_features: int) -> TreeEnsemble:
    """Keep a fitted random forest; its raw score is the probability, or the mean, itself."""
    text = lightgbm_text(list(forest_trees(forest)), n_features=n_features, link="identity")
    return TreeEnsemble("random_forest", text, "identity", single_precision=True)


def from_histogram(model: Any, *, n_features: int) -> TreeEnsemble:
    """Keep a fitted HistGradientBoosting model."""
    link = _link(_LOSS_LINKS, model.loss, "hist_gradient_boosting")
    base = float(np.ravel(model._baseline_prediction)[0])
    text = lightgbm_text(list(histogram_trees(model)), n_features=n_features, link=link, base=base)
    return TreeEnsemble("hist_gradient_boosting", text, link)


def from_xgboost(model: Any, *, n_features: int) -> TreeEnsemble:
    """Keep a fitted XGBoost model."""
    link = _link(_LOSS_LINKS, model.objective, "xgboost")
    trees, score = xgboost_trees(model.get_booster())
    text = lightgbm_text(trees, n_features=n_features, link=link, base=_forward(link, score))
    return TreeEnsemble("xgboost", text, link, single_precision=True)


def from_catboost(model: Any, *, n_features: int) -> TreeEnsemble:
    """Keep a fitted CatBoost model."""
    link = _link(_LOSS_LINKS, model.get_all_params()["loss_function"], "catboost")
    trees, bias = catboost_trees(model)
    text = lightgbm_text(trees, n_features=n_features, link=link, base=bias)
    return TreeEnsemble("catboost", text, link, single_precision=True)


def _forward(link: Link, score: float) -> float:
    if link == "identity":
        return score
    return float(np.log(score / (1 - score)) if link == "logit" else np.log(score))


def _link(known: Mapping[str, Link], objective: str, algorithm: str) -> Link:
    if objective not in known:
        raise StudyError(
            f"{algorithm} cannot be asked for '{objective}'", fix=nearest(objective, list(known))
        )
    return known[objective]
