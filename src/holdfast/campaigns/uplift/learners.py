"""Uplift learners: each learns, from one offer against its control, a score that should rise with
the offer's effect on a customer.

T is the difference of the two arms' means. The DR-learners regress the AIPW score on the features
(Kennedy 2023, "Towards optimal doubly robust estimation of heterogeneous causal effects",
algorithm 1), by ridge or by stumps. The relative R-learner learns by which share an offer raises
the expected amount (Nie, Wager 2021, equation 4, on residuals over the expected amount): money
spreads with its mean, so that the share is the scale on which there is most to see. Beside them
stand rules that need no learning of effects: a named column, who is likely to buy anyway, and who
is at risk.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.evaluation.aipw import (
    Mean,
    aipw_scores,
    cross_fitted_means,
    fit_arms,
)
from holdfast.evaluation.trial import Trial
from holdfast.learners.linear import LinearModel, Scaling
from holdfast.learners.tree_ensemble import TreeEnsemble, train_lightgbm

# decision 63
_STUMPS: Mapping[str, Any] = {
    "objective": "regression",
    "learning_rate": 0.05,
    "num_leaves": 2,
    "min_data_in_leaf": 200,
}
_STUMP_ROUNDS = 100
_RELATIVE: Mapping[str, Any] = {
    "objective": "regression",
    "learning_rate": 0.03,
    "num_leaves": 6,
    "min_data_in_leaf": 1_500,
    "lambda_l2": 50.0,
}
_RELATIVE_ROUNDS = 60
_RIDGE_PENALTIES = np.logspace(0, 5, 11)
_LEAST_EXPECTED = 0.05
"""Of the mean: relative to almost nothing, everything is large."""

ANYWAY, RISK = "likely to buy anyway", "churn risk"


@dataclass(frozen=True)
class Lesson:
    """What the learners of one offer share.

    Attributes
    ----------
    trial
        One offer against its control.
    means, psi
        (n_rows, 2) and (n_rows,): means of the arms from models that have not seen the row, and the
        AIPW score by them.
    arms
        Means of control and offer, learnt from all rows.
    """

    trial: Trial
    means: Matrix
    psi: Vector
    arms: list[Mean]
    seed: int

    @classmethod
    def prepare(cls, trial: Trial, *, seed: int) -> "Lesson":
        """Learn the arms' means, and those of each row from other rows."""
        means = cross_fitted_means(trial, seed=seed)
        psi = aipw_scores(trial, means)[:, 0]
        return cls(trial, means, psi, fit_arms(trial, seed=seed), seed)

    def expect_untreated(self, features: Matrix, expected: Vector | None) -> Vector:
        """The outcome expected without the offer, (n_rows,): as given, or by the control's mean."""
        return self.arms[0].predict(features) if expected is None else expected


Score = Callable[[Matrix, Vector | None], Vector]
"""(n_rows, n_features) and what is expected of each row without an offer -> (n_rows,)."""
Learner = Callable[[Lesson], Score]


def t_learner(lesson: Lesson) -> Score:
    """The offer's mean less the control's."""

    def score(features: Matrix, _: Vector | None) -> Vector:
        return lesson.arms[1].predict(features) - lesson.arms[0].predict(features)

    return score


def dr_linear(lesson: Lesson) -> Score:
    """Ridge regression of the AIPW score; the penalty by generalised cross-validation."""
    model = fit_ridge(lesson.trial.features, lesson.psi)
    return lambda features, _: model.predict(features)


def fit_ridge(features: Matrix, target: Vector) -> LinearModel:
    """Ridge regression on scaled features; the penalty of least generalised cross-validation error
    (Golub, Heath, Wahba 1979, equation 1.4).
    """
    scaling = Scaling.learn(features)
    z = scaling.apply(features)
    centre = z.mean(axis=0)
    values, vectors = np.linalg.eigh((z - centre).T @ (z - centre))
    values = np.maximum(values, 0.0)
    y = target - target.mean()
    moment = vectors.T @ ((z - centre).T @ y)
    n, total = len(y), float(y @ y)

    def error(penalty: float) -> float:
        kept = values / (values + penalty)
        explained = moment**2 / (values + penalty) * (2 - kept)
        return (total - float(explained.sum())) / (n - 1 - float(kept.sum())) ** 2

    penalty = min(_RIDGE_PENALTIES.tolist(), key=error)
    weights = vectors @ (moment / (values + penalty))
    intercept = float(target.mean() - centre @ weights)
    return LinearModel("ridge", "identity", scaling, weights.tolist(), intercept)


def dr_lightgbm(lesson: Lesson) -> Score:
    """Stumps boosted on the AIPW score."""
    model = train_lightgbm(
        lesson.trial.features, lesson.psi, _STUMPS, rounds=_STUMP_ROUNDS, seed=lesson.seed
    )
    return lambda features, _: model.predict(features)


def relative_r(lesson: Lesson) -> Score:
    """The relative effect, learnt where much is expected, times what is expected of a customer."""
    trial = lesson.trial
    chance = trial.propensities[:, 1]
    mean = chance * lesson.means[:, 1] + (1 - chance) * lesson.means[:, 0]
    base = _at_least_some(mean if trial.expected is None else trial.expected)
    model = _fit_relative(trial, mean, base, lesson.seed)

    def score(features: Matrix, expected: Vector | None) -> Vector:
        return model.predict(features) * np.maximum(lesson.expect_untreated(features, expected), 0)

    return score


def _fit_relative(trial: Trial, mean: Vector, base: Vector, seed: int) -> TreeEnsemble:
    chance = trial.propensities[:, 1]
    target = (trial.outcome - mean) / ((trial.treated - chance) * base)
    weight = base * chance * (1 - chance)
    return train_lightgbm(
        trial.features, target, _RELATIVE, rounds=_RELATIVE_ROUNDS, seed=seed, weight=weight
    )


def _at_least_some(expected: Vector) -> Vector:
    return np.maximum(expected, _LEAST_EXPECTED * max(float(expected.mean()), 1e-9))


def likely_anyway(lesson: Lesson) -> Score:
    """What a customer does without the offer: the most first."""
    return lesson.expect_untreated


def at_risk(lesson: Lesson) -> Score:
    """What a customer does without the offer: the least first."""
    return lambda features, expected: -lesson.expect_untreated(features, expected)


def by_column(name: str) -> Learner:
    """A named rule: the most of a column first; who has no value counts as average."""

    def learn(lesson: Lesson) -> Score:
        place = lesson.trial.names.index(name)
        column = lesson.trial.features[:, place]
        missing = float(np.mean(column[~np.isnan(column)])) if not np.isnan(column).all() else 0.0
        return lambda features, _: np.nan_to_num(features[:, place], nan=missing)

    return learn


LEARNERS: Mapping[str, Learner] = {
    "T-learner": t_learner,
    "DR-linear": dr_linear,
    "DR-LightGBM": dr_lightgbm,
    "relative R": relative_r,
}
OF_MONEY = ("relative R",)
"""Only where the outcome is an amount."""


def learners_for(trial: Trial) -> dict[str, Learner]:
    """The learners that fit the outcome."""
    return {
        name: learner
        for name, learner in LEARNERS.items()
        if not (trial.is_rate and name in OF_MONEY)
    }


def named_rules(trial: Trial, columns: Mapping[str, str]) -> dict[str, Learner]:
    """Rules that were there before the outcome: given columns, likely to buy anyway, and at risk.

    Parameters
    ----------
    columns
        Name of the rule -> the column of which the most comes first.
    """
    return {
        **{name: by_column(column) for name, column in columns.items()},
        ANYWAY: likely_anyway,
        RISK: at_risk,
    }


@dataclass(frozen=True)
class Candidates:
    """The rankings that are compared: learners of effects, and rules named before."""

    learners: Mapping[str, Learner]
    rules: Mapping[str, Learner]

    @classmethod
    def of(cls, trial: Trial, columns: Mapping[str, str]) -> "Candidates":
        """Those of a trial: see `learners_for` and `named_rules`."""
        return cls(learners_for(trial), named_rules(trial, columns))

    @property
    def all(self) -> dict[str, Learner]:
        """Both."""
        return {**self.learners, **self.rules}
