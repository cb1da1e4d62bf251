"""Six algorithms, one interface: a recipe is fitted, and what it learnt predicts, explains itself and becomes bytes."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from holdfast.errors import MissingExtra, StudyError, nearest
from holdfast.models import ensembles
from holdfast.models.linear import LinearModel, fit_linear
from holdfast.models.links import Link

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
Aim = Literal["probability", "mean"]
Parameters = Mapping[str, bool | int | float | str | None]

THREADS = 2
"""Fixed, so that the same study gives the same bytes on any machine; `num_threads` or `n_jobs` in a study's parameters
changes it."""

HOUSE_DEFAULTS: dict[str, dict[str, Any]] = {
    "lightgbm": {"n_estimators": 200, "learning_rate": 0.03, "num_leaves": 8, "min_child_samples": 20},
    "hist_gradient_boosting": {"max_iter": 200, "learning_rate": 0.03, "max_leaf_nodes": 8, "early_stopping": False},
    "xgboost": {"n_estimators": 200, "learning_rate": 0.03, "max_depth": 3},
    "catboost": {"iterations": 200, "learning_rate": 0.06, "depth": 4},
    "random_forest": {"n_estimators": 200, "min_samples_leaf": 10, "max_features": 0.5},
    "logistic": {"max_iter": 1000},
    "ridge": {},
}
"""Small, slow trees: customers are few and noisy. A study's parameters go over these."""


class Learner(Protocol):
    """What every fitted algorithm can do; X is (n_rows, n_columns) with NaN where missing."""

    @property
    def algorithm(self) -> str:
        """Its name in a study."""

    @property
    def link(self) -> Link:
        """How the raw score becomes the prediction."""

    def predict(self, matrix: Matrix, /) -> Vector:
        """Probability or mean, (n_rows,)."""

    def raw(self, matrix: Matrix, /) -> Vector:
        """The score that contributions add up to, (n_rows,)."""

    def contributions(self, matrix: Matrix, /) -> Matrix:
        """(n_rows, n_columns + 1), base last."""

    def parts(self) -> dict[str, bytes]:
        """Files, by name."""


def learner_from_parts(parts: Mapping[str, bytes]) -> Learner:
    """Rebuild what `parts` gave. Check the hashes first: nothing is validated here."""
    return LinearModel.from_parts(parts) if "linear.json" in parts else ensembles.TreeEnsemble.from_parts(parts)


@dataclass(frozen=True)
class Recipe:
    """An algorithm with its parameters, ready to be fitted.

    Parameters
    ----------
    aim
        probability: the target is 0 or 1. mean: any number.
    parameters
        Passed to the library's estimator, over the house defaults.

    Raises
    ------
    StudyError
        The algorithm cannot do the task, or does not know a parameter.
    """

    algorithm: str
    aim: Aim
    seed: int = field(kw_only=True)
    parameters: Parameters = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        other = {("ridge", "probability"): "logistic", ("logistic", "mean"): "ridge"}.get((self.algorithm, self.aim))
        if other:
            raise StudyError(f"{self.algorithm} cannot predict a {self.aim}", fix=f"use {other}", value=self.algorithm)

    def fit(self, matrix: Matrix, target: Vector, weight: Vector | None = None) -> Learner:
        """Learn `target`, (n_rows,), from (n_rows, n_columns).

        Raises
        ------
        MissingExtra
            The library is not installed.
        """
        return _FITS[self.algorithm](self, matrix, target, weight)

    def estimator(self, estimator: Callable[..., Any], **fixed: object) -> Any:
        """Build the library's estimator with house defaults, `fixed` settings and the study's parameters.

        An alias in the parameters (LightGBM's num_boost_round for n_estimators) replaces the default it stands for.
        """
        known = _known_parameters(self.algorithm, estimator)
        for name in self.parameters:
            if name not in known:
                raise StudyError(f"{self.algorithm} has no parameter '{name}'", fix=nearest(name, sorted(known)))
        given = {known[name] for name in self.parameters}
        ours = {**HOUSE_DEFAULTS[self.algorithm], **fixed}
        return estimator(**{k: v for k, v in ours.items() if known.get(k, k) not in given}, **self.parameters)


def _known_parameters(algorithm: str, estimator: Callable[..., Any]) -> dict[str, str]:
    """Every accepted spelling of a parameter -> the one that all its aliases share."""
    names = {name: name for base in inspect.getmro(estimator) for name in inspect.signature(base.__init__).parameters}  # type: ignore[arg-type]
    for name in ("self", "args", "kwargs"):
        names.pop(name, None)
    if algorithm == "lightgbm":
        from lightgbm.basic import _ConfigAliases

        _ConfigAliases.get("boosting")
        for name, aliases in (_ConfigAliases.aliases or {}).items():
            names |= {alias: name for alias in aliases}
    return names
