"""Algorithms: one record each, and the recipe that fits any of them.

An algorithm of one's own is a record here and a name in `study.ALGORITHMS`, which lies below.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from threading import Lock
from typing import Any, Literal, Protocol

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.errors import MissingExtra, StudyError, nearest
from holdfast.learners import converters
from holdfast.learners.blend import Blend, Hinges
from holdfast.learners.linear import LinearModel, Scaling
from holdfast.learners.link_functions import threads_for
from holdfast.learners.tree_ensemble import TreeEnsemble
from holdfast.study import SEQUENCE

Aim = Literal["probability", "mean"]
Parameters = Mapping[str, bool | int | float | str | None]
Learner = Blend | LinearModel | TreeEnsemble
"""What was fitted, by any algorithm; a blend holds the files of both others."""
_HISTOGRAMS = Lock()
"""Held by who fits scikit-learn's histogram trees, one after the other."""


class Predictor(Protocol):
    """Who predicts; X is (n_rows, n_columns) with NaN where missing."""

    def predict(self, matrix: Matrix, /) -> Vector:
        """Probability or mean, (n_rows,)."""


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
        The task's own, over the algorithm's.

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
        if self.aim not in self._record.aims:
            raise StudyError(
                f"{self.algorithm} cannot predict a {self.aim}",
                fix=f"use {self._record.instead}",
                value=self.algorithm,
            )

    @property
    def _record(self) -> "Algorithm":
        return ALGORITHMS[self.algorithm]

    def fit(self, matrix: Matrix, target: Vector, weight: Vector | None = None) -> Learner:
        """Learn `target`, (n_rows,), from (n_rows, n_columns).

        Raises
        ------
        MissingExtra
            The library is not installed.
        """
        return self._record.fit(self, matrix, target, weight)

    def trial(self, matrix: Matrix, target: Vector) -> Predictor:
        """Learn as `fit` does, to predict unseen rows and be forgotten: a forest is not
        rewritten.
        """
        if self.algorithm == "random_forest":
            return _ForestTrial(self.train(matrix, target))
        return self.fit(matrix, target)

    def train(self, matrix: Matrix, target: Vector, weight: Vector | None = None) -> Any:
        """Fit the library's own estimator; a refused parameter is the study's error."""
        from lightgbm.basic import LightGBMError

        estimator = self._estimator(threads_for(matrix))
        try:
            return estimator.fit(matrix, target, sample_weight=weight)
        except (LightGBMError, ValueError) as error:
            raise StudyError(
                f"{type(estimator).__name__} refuses: {error}", fix="correct its parameters"
            ) from error

    def _estimator(self, n_threads: int) -> Any:
        """Build the estimator with defaults, fixed settings and the study's parameters.

        An alias in the parameters (LightGBM's num_boost_round for n_estimators) replaces the
        default it stands for.
        """
        record = self._record
        kind = record.estimator(self.aim)
        spellings = _spellings(self.algorithm, kind)
        for name in self.parameters:
            if name not in spellings:
                raise StudyError(
                    f"{self.algorithm} has no parameter '{name}'",
                    fix=nearest(name, sorted(spellings)),
                )
        threads = {record.threads: n_threads} if record.threads else {}
        ours = {**record.defaults, **self.defaults, **record.settings, **threads}
        given = {spellings[name] for name in self.parameters}
        kept = {
            name: value
            for name, value in {**ours, record.seed: self.seed}.items()
            if spellings.get(name, name) not in given
        }
        return kind(**kept, **self.parameters)


def _spellings(algorithm: str, estimator: type) -> dict[str, str]:
    """Every accepted spelling of a parameter -> the one that all its aliases share."""
    names: dict[str, str] = {}
    for base in inspect.getmro(estimator):
        parameters = inspect.signature(vars(base).get("__init__", object.__init__)).parameters
        names |= {name: name for name in parameters if name not in ("self", "args", "kwargs")}
    if algorithm == "lightgbm":
        from lightgbm.basic import _ConfigAliases

        for name, aliases in _ConfigAliases._get_all_param_aliases().items():
            names |= dict.fromkeys(aliases, name)
    return names


@dataclass(frozen=True)
class _ForestTrial:
    """scikit-learn's own forest."""

    forest: Any

    def predict(self, matrix: Matrix) -> Vector:
        # Threads would add the trees up in any order, so that the last bits would change from run
        # to run.
        forest = self.forest.set_params(n_jobs=1)
        if hasattr(forest, "classes_"):
            return np.asarray(forest.predict_proba(matrix)[:, 1], dtype=np.float64)
        return np.asarray(forest.predict(matrix), dtype=np.float64)


def _fit_trees(
    recipe: Recipe, matrix: Matrix, target: Vector, weight: Vector | None
) -> TreeEnsemble:
    convert = ALGORITHMS[recipe.algorithm].convert
    assert convert is not None
    return convert(recipe.train(matrix, target, weight), matrix.shape[1])


def _fit_histogram(
    recipe: Recipe, matrix: Matrix, target: Vector, weight: Vector | None
) -> TreeEnsemble:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # A column without any value cannot be binned; as a constant it can, and is never split on.
    filled = np.where(np.isnan(matrix).all(axis=0), 0.0, matrix)
    # The limit is the process's. With more threads the last bits of sums may change.
    with _HISTOGRAMS, threadpool_limits(1, user_api="openmp"):
        return _fit_trees(recipe, filled, target, weight)


def _fit_linear(
    recipe: Recipe, matrix: Matrix, target: Vector, weight: Vector | None
) -> LinearModel:
    scaling = Scaling.learn(matrix)
    model = recipe.train(scaling.apply(matrix), target, weight)
    return LinearModel(
        recipe.algorithm,
        "logit" if recipe.aim == "probability" else "identity",
        scaling,
        weights=np.ravel(model.coef_).tolist(),
        intercept=float(np.ravel(model.intercept_)[0]),
    )


def _fit_blend(recipe: Recipe, matrix: Matrix, target: Vector, weight: Vector | None) -> Blend:
    trees = Recipe(
        "lightgbm",
        recipe.aim,
        seed=recipe.seed,
        parameters=recipe.parameters,
        defaults=ALGORITHMS["blend"].defaults,
    )
    hinges, line = fit_bent_line(matrix, target, recipe.seed, weight)
    return Blend(_fit_trees(trees, matrix, target, weight), line, hinges)


def fit_bent_line(
    matrix: Matrix, target: Vector, seed: int, weight: Vector | None = None
) -> tuple[Hinges, LinearModel]:
    """Fit a logistic regression on each column and its hinges."""
    hinges, recipe = Hinges.learn(matrix), Recipe("logistic", "probability", seed=seed)
    return hinges, _fit_linear(recipe, hinges.apply(matrix), target, weight)


@dataclass(frozen=True)
class Algorithm:
    """One algorithm.

    Attributes
    ----------
    title
        As its authors write it.
    classifier, regressor
        The library's estimators for a probability and a mean: "module:Class".
    convert
        Makes a fitted estimator of so many columns a tree ensemble.
    defaults
        Small, slow trees: customers are few and noisy. A study's parameters go over these.
    ratio_defaults
        Over them, for ratios of money, which are mostly noise: few rounds and large leaves.
    settings, seed, threads
        What no default changes, and what the estimator calls the seed and the threads.
    instead
        Who predicts the aim that it does not have.
    compared
        Whether the comparison of algorithms shows it.
    joins_pool
        Whether it is no learner of a table, but joins the pool of one, from an order log.
    """

    name: str
    title: str
    classifier: str = ""
    regressor: str = ""
    convert: Callable[[Any, int], TreeEnsemble] | None = None
    fit: Callable[[Recipe, Matrix, Vector, Vector | None], Learner] = _fit_trees
    defaults: Parameters = field(default_factory=dict)
    ratio_defaults: Parameters = field(default_factory=dict)
    settings: Parameters = field(default_factory=dict)
    seed: str = "random_state"
    threads: str = ""
    aims: tuple[Aim, ...] = ("probability", "mean")
    instead: str = ""
    compared: bool = True
    joins_pool: bool = False

    def estimator(self, aim: Aim) -> Any:
        """The library's class.

        Raises
        ------
        MissingExtra
            The library is not installed.
        """
        try:
            return resolve_name(self.classifier if aim == "probability" else self.regressor)
        except ImportError:
            raise MissingExtra("compare", needed_for=f"algorithm '{self.name}'") from None


_RECORDS = (
    Algorithm(
        "logistic",
        "logistic regression",
        classifier="sklearn.linear_model:LogisticRegression",
        fit=_fit_linear,
        defaults={"max_iter": 1000},
        aims=("probability",),
        instead="ridge",
    ),
    Algorithm(
        "ridge",
        "ridge regression",
        regressor="sklearn.linear_model:Ridge",
        fit=_fit_linear,
        ratio_defaults={"alpha": 1000.0},
        aims=("mean",),
        instead="logistic",
    ),
    Algorithm(
        "random_forest",
        "random forest",
        classifier="sklearn.ensemble:RandomForestClassifier",
        regressor="sklearn.ensemble:RandomForestRegressor",
        convert=converters.from_forest,
        defaults={"n_estimators": 200, "min_samples_leaf": 10, "max_features": 0.5},
        ratio_defaults={"min_samples_leaf": 100},
        settings={"n_jobs": 2},
    ),
    Algorithm(
        "hist_gradient_boosting",
        "histogram gradient boosting",
        classifier="sklearn.ensemble:HistGradientBoostingClassifier",
        regressor="sklearn.ensemble:HistGradientBoostingRegressor",
        convert=converters.from_histogram,
        fit=_fit_histogram,
        defaults={
            "max_iter": 150,
            "learning_rate": 0.03,
            "max_leaf_nodes": 8,
            "early_stopping": False,
        },
        ratio_defaults={"loss": "poisson", "max_iter": 60},
    ),
    Algorithm(
        "xgboost",
        "XGBoost",
        classifier="xgboost:XGBClassifier",
        regressor="xgboost:XGBRegressor",
        convert=converters.from_xgboost,
        defaults={"n_estimators": 150, "learning_rate": 0.03, "max_depth": 3},
        ratio_defaults={"objective": "reg:tweedie", "n_estimators": 60},
        threads="n_jobs",
    ),
    Algorithm(
        "lightgbm",
        "LightGBM",
        classifier="lightgbm:LGBMClassifier",
        regressor="lightgbm:LGBMRegressor",
        convert=converters.from_lightgbm,
        defaults={
            "n_estimators": 150,
            "learning_rate": 0.03,
            "num_leaves": 8,
            "min_child_samples": 20,
        },
        ratio_defaults={
            "objective": "tweedie",
            "tweedie_variance_power": 1.5,
            "n_estimators": 60,
        },
        settings={"deterministic": True, "force_row_wise": True, "verbosity": -1},
        threads="n_jobs",
    ),
    Algorithm(
        "catboost",
        "CatBoost",
        classifier="catboost:CatBoostClassifier",
        regressor="catboost:CatBoostRegressor",
        convert=converters.from_catboost,
        defaults={"iterations": 150, "learning_rate": 0.06, "depth": 4},
        ratio_defaults={"iterations": 60},
        settings={"allow_writing_files": False, "verbose": False},
        seed="random_seed",
        threads="thread_count",
    ),
    Algorithm(
        "blend",
        "blend",
        fit=_fit_blend,
        defaults={"num_leaves": 4, "n_estimators": 300, "learning_rate": 0.05},
        aims=("probability",),
        instead="lightgbm",
        compared=False,
    ),
    Algorithm(SEQUENCE, "recurrent network", joins_pool=True),
)
ALGORITHMS: Mapping[str, Algorithm] = {record.name: record for record in _RECORDS}
