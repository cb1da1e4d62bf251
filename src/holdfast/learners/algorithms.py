"""Six algorithms, one interface: a recipe is fitted, and what it learnt predicts, explains itself
and becomes bytes.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, Protocol

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.errors import MissingExtra, StudyError, nearest
from holdfast.learners import forest_converters
from holdfast.learners.blend import Blend, Hinges
from holdfast.learners.linear import LinearModel, fit_linear
from holdfast.learners.link_functions import threads_for
from holdfast.learners.parts import rebuild

Aim = Literal["probability", "mean"]
Parameters = Mapping[str, bool | int | float | str | None]

HOUSE_DEFAULTS: dict[str, dict[str, Any]] = {
    "lightgbm": {
        "n_estimators": 150,
        "learning_rate": 0.03,
        "num_leaves": 8,
        "min_child_samples": 20,
    },
    "hist_gradient_boosting": {
        "max_iter": 150,
        "learning_rate": 0.03,
        "max_leaf_nodes": 8,
        "early_stopping": False,
    },
    "xgboost": {"n_estimators": 150, "learning_rate": 0.03, "max_depth": 3},
    "catboost": {"iterations": 150, "learning_rate": 0.06, "depth": 4},
    "random_forest": {"n_estimators": 200, "min_samples_leaf": 10, "max_features": 0.5},
    "logistic": {"max_iter": 1000},
    "ridge": {},
}
"""Small, slow trees: customers are few and noisy. A study's parameters go over these."""
_BLENDED_TREES: Parameters = {"num_leaves": 4, "n_estimators": 300, "learning_rate": 0.05}
_BLENDED_LINE: Parameters = {"C": 1.0}


class Predictor(Protocol):
    """Who predicts; X is (n_rows, n_columns) with NaN where missing."""

    def predict(self, matrix: Matrix, /) -> Vector:
        """Probability or mean, (n_rows,)."""


Learner = Blend | LinearModel | forest_converters.TreeEnsemble
"""What was fitted, by any algorithm; a blend holds the files of both others."""


def learner_from_parts(parts: Mapping[str, bytes]) -> Learner:
    """Rebuild what `parts` gave. Check the hashes first: nothing is validated here."""
    learner: Learner = rebuild(Learner, parts)
    return learner


@dataclass(frozen=True)
class Recipe:
    """An algorithm with its parameters, ready to be fitted.

    Parameters
    ----------
    aim
        probability: the target is 0 or 1. mean: any number.
    parameters
        Passed to the library's estimator, over the defaults.
    defaults
        The task's own, over the house defaults.

    Raises
    ------
    StudyError
        The algorithm cannot do the task, or does not know a parameter.
    """

    algorithm: str
    aim: Aim
    seed: int = field(kw_only=True)
    parameters: Parameters = field(default_factory=dict, kw_only=True)
    defaults: Parameters = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        other = {
            ("ridge", "probability"): "logistic",
            ("logistic", "mean"): "ridge",
            ("blend", "mean"): "lightgbm",
        }.get((self.algorithm, self.aim))
        if other:
            raise StudyError(
                f"{self.algorithm} cannot predict a {self.aim}",
                fix=f"use {other}",
                value=self.algorithm,
            )

    def fit(self, matrix: Matrix, target: Vector, weight: Vector | None = None) -> Learner:
        """Learn `target`, (n_rows,), from (n_rows, n_columns).

        Raises
        ------
        MissingExtra
            The library is not installed.
        """
        return _FITS[self.algorithm](self, matrix, target, weight)

    def trial(self, matrix: Matrix, target: Vector) -> Predictor:
        """Learn as `fit` does, to predict unseen rows and be forgotten: a forest is not
        rewritten.
        """
        if self.algorithm == "random_forest":
            return _ForestTrial(_forest(self, matrix, target, None))
        return self.fit(matrix, target)

    def estimator(self, estimator: type, **fixed: object) -> Any:
        """Build the library's estimator with house defaults, `fixed` settings and the study's
        parameters.

        An alias in the parameters (LightGBM's num_boost_round for n_estimators) replaces the
        default it stands for.
        """
        known = _known_parameters(self.algorithm, estimator)
        for name in self.parameters:
            if name not in known:
                raise StudyError(
                    f"{self.algorithm} has no parameter '{name}'", fix=nearest(name, sorted(known))
                )
        given = {known[name] for name in self.parameters}
        ours = {**HOUSE_DEFAULTS[self.algorithm], **self.defaults, **fixed}
        return estimator(
            **{k: v for k, v in ours.items() if known.get(k, k) not in given}, **self.parameters
        )


def _known_parameters(algorithm: str, estimator: type) -> dict[str, str]:
    """Every accepted spelling of a parameter -> the one that all its aliases share."""
    inits = [inspect.signature(base.__init__) for base in inspect.getmro(estimator)]  # type: ignore[misc]
    names = {
        name: name
        for init in inits
        for name in init.parameters
        if name not in ("self", "args", "kwargs")
    }
    if algorithm == "lightgbm":
        from lightgbm.basic import _ConfigAliases

        for name, aliases in _ConfigAliases._get_all_param_aliases().items():
            names |= dict.fromkeys(aliases, name)
    return names


def _trained(estimator: Any, matrix: Matrix, target: Vector, weight: Vector | None) -> Any:
    """Fit, and turn a refused parameter value into the study's error."""
    from lightgbm.basic import LightGBMError

    try:
        return estimator.fit(matrix, target, sample_weight=weight)
    except (LightGBMError, ValueError) as error:
        raise StudyError(
            f"{type(estimator).__name__} refuses: {error}", fix="correct its parameters"
        ) from error


def _fit_lightgbm(
    recipe: Recipe, matrix: Matrix, target: Vector, weight: Vector | None
) -> forest_converters.TreeEnsemble:
    """Train with LightGBM, deterministically."""
    import lightgbm

    estimator = recipe.estimator(
        lightgbm.LGBMClassifier if recipe.aim == "probability" else lightgbm.LGBMRegressor,
        random_state=recipe.seed,
        n_jobs=threads_for(matrix),
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    )
    return forest_converters.from_lightgbm(_trained(estimator, matrix, target, weight).booster_)


def _fit_linear(
    recipe: Recipe, matrix: Matrix, target: Vector, weight: Vector | None
) -> LinearModel:
    from sklearn.linear_model import LogisticRegression, Ridge

    estimator = recipe.estimator(
        LogisticRegression if recipe.algorithm == "logistic" else Ridge, random_state=recipe.seed
    )
    return fit_linear(estimator, matrix, target, weight=weight, algorithm=recipe.algorithm)


def _forest(recipe: Recipe, matrix: Matrix, target: Vector, weight: Vector | None) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    estimator = recipe.estimator(
        RandomForestClassifier if recipe.aim == "probability" else RandomForestRegressor,
        random_state=recipe.seed,
        n_jobs=2,
    )
    return _trained(estimator, matrix, target, weight)


def _fit_blend(recipe: Recipe, matrix: Matrix, target: Vector, weight: Vector | None) -> Blend:
    trees = Recipe(
        "lightgbm",
        recipe.aim,
        seed=recipe.seed,
        parameters=recipe.parameters,
        defaults=_BLENDED_TREES,
    )
    line = Recipe("logistic", recipe.aim, seed=recipe.seed, defaults=_BLENDED_LINE)
    hinges = Hinges.learn(matrix)
    return Blend(
        _fit_lightgbm(trees, matrix, target, weight),
        _fit_linear(line, hinges.apply(matrix), target, weight),
        hinges,
    )


def _fit_forest(
    recipe: Recipe, matrix: Matrix, target: Vector, weight: Vector | None
) -> forest_converters.TreeEnsemble:
    return forest_converters.from_forest(
        _forest(recipe, matrix, target, weight), n_features=matrix.shape[1]
    )


@dataclass(frozen=True)
class _ForestTrial:
    """scikit-learn's own forest."""

    forest: Any

    def predict(self, matrix: Matrix) -> Vector:
        # Threads would add the trees up in any order, so that the last bits would change from run
        # to run.
        forest = self.forest.set_params(n_jobs=1)
        found = (
            forest.predict_proba(matrix)[:, 1]
            if hasattr(forest, "classes_")
            else forest.predict(matrix)
        )
        return np.asarray(found, dtype=np.float64)


def _fit_histogram(
    recipe: Recipe, matrix: Matrix, target: Vector, weight: Vector | None
) -> forest_converters.TreeEnsemble:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    estimator = recipe.estimator(
        HistGradientBoostingClassifier
        if recipe.aim == "probability"
        else HistGradientBoostingRegressor,
        random_state=recipe.seed,
    )
    # A column without any value cannot be binned; as a constant it can, and is never split on.
    known = np.where(np.isnan(matrix).all(axis=0), 0.0, matrix)
    with threadpool_limits(threads_for(matrix)):
        return forest_converters.from_histogram(
            _trained(estimator, known, target, weight), n_features=matrix.shape[1]
        )


def _extra(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError:
        raise MissingExtra("compare", needed_for=f"algorithm '{name}'") from None


def _fit_xgboost(
    recipe: Recipe, matrix: Matrix, target: Vector, weight: Vector | None
) -> forest_converters.TreeEnsemble:
    xgboost = _extra("xgboost")
    estimator = recipe.estimator(
        xgboost.XGBClassifier if recipe.aim == "probability" else xgboost.XGBRegressor,
        random_state=recipe.seed,
        n_jobs=threads_for(matrix),
    )
    return forest_converters.from_xgboost(
        _trained(estimator, matrix, target, weight), n_features=matrix.shape[1]
    )


def _fit_catboost(
    recipe: Recipe, matrix: Matrix, target: Vector, weight: Vector | None
) -> forest_converters.TreeEnsemble:
    catboost = _extra("catboost")
    estimator = recipe.estimator(
        catboost.CatBoostClassifier if recipe.aim == "probability" else catboost.CatBoostRegressor,
        random_seed=recipe.seed,
        thread_count=threads_for(matrix),
        allow_writing_files=False,
        verbose=False,
    )
    return forest_converters.from_catboost(
        _trained(estimator, matrix, target, weight), n_features=matrix.shape[1]
    )


_FITS: dict[str, Callable[[Recipe, Matrix, Vector, Vector | None], Learner]] = {
    "lightgbm": _fit_lightgbm,
    "blend": _fit_blend,
    "logistic": _fit_linear,
    "ridge": _fit_linear,
    "random_forest": _fit_forest,
    "hist_gradient_boosting": _fit_histogram,
    "xgboost": _fit_xgboost,
    "catboost": _fit_catboost,
}
