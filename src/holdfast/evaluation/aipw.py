"""AIPW: one score per customer and offer whose mean is the offer's effect, whatever the learner.

    psi_k = m_k - m_0 + 1[w = k] (y - m_k) / e_k - 1[w = 0] (y - m_0) / e_0

(Robins, Rotnitzky, Zhao 1994; Chernozhukov et al. 2018, "Double/debiased machine learning",
equation 5.3.) The chances e are known from the design, so that psi is unbiased for any m; a better
m only makes it less noisy. m of a row never comes from the row's own cluster.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.evaluation.trial import Trial
from holdfast.learners.linear import LinearModel, constant
from holdfast.learners.tree_ensemble import TreeEnsemble, train_lightgbm

# decision 63
_NUISANCE: Mapping[str, Any] = {"learning_rate": 0.05, "num_leaves": 4}
_ROUNDS = 100
_MANY_ROWS, _LEAVES_OF_MANY = 25_000, 31
_FEW_REFUNDS = 0.1
"""Of the money that came in: then a customer's mean outcome is an amount from 0 up."""
_OF_MONEY: Mapping[str, Any] = {"objective": "tweedie", "tweedie_variance_power": 1.5}
FOLDS = 3
MOST_FITTED = 50_000
"""Rows of an arm from which its mean is learnt: whatever the model of the mean, AIPW scores are
right where the chances are known, and beyond so many they become hardly less noisy."""


class Mean(Protocol):
    """Who predicts the mean of the outcome."""

    def predict(self, matrix: Matrix, /) -> Vector:
        """(n_rows,)."""


FitMean = Callable[[Matrix, Vector, int], Mean]


def fit_mean(features: Matrix, outcome: Vector, seed: int) -> TreeEnsemble | LinearModel:
    """Learn the mean outcome of one arm: a rate, an amount from 0 up, or, where much is
    refunded, an amount of any sign.
    """
    if len(outcome) > MOST_FITTED:
        rows = np.random.default_rng(seed).choice(len(outcome), MOST_FITTED, replace=False)
        features, outcome = features[rows], outcome[rows]
    if np.ptp(outcome) == 0:
        return constant("ridge", float(outcome[0]), n_columns=features.shape[1])
    loss: Mapping[str, Any] = {"objective": "regression"}
    if np.isin(outcome, (0.0, 1.0)).all():
        loss = {"objective": "binary"}
    elif -np.minimum(outcome, 0).sum() <= _FEW_REFUNDS * np.maximum(outcome, 0).sum():
        loss, outcome = _OF_MONEY, np.maximum(outcome, 0)
    many = {"num_leaves": _LEAVES_OF_MANY} if len(outcome) > _MANY_ROWS else {}
    parameters = {**_NUISANCE, **many, **loss}
    return train_lightgbm(features, outcome, parameters, rounds=_ROUNDS, seed=seed)


def fit_arms(trial: Trial, *, seed: int, fit: FitMean = fit_mean) -> list[Mean]:
    """Learn the mean outcome of the control and of each offer."""
    return [
        fit(trial.features[trial.offer == arm], trial.outcome[trial.offer == arm], seed)
        for arm in range(len(trial.offers) + 1)
    ]


def predict_arms(means: list[Mean], features: Matrix) -> Matrix:
    """(n_rows, n_arms)."""
    return np.column_stack([mean.predict(features) for mean in means])


def cross_fitted_means(
    trial: Trial, *, seed: int, n_folds: int = FOLDS, fit: FitMean = fit_mean
) -> Matrix:
    """The mean outcome of every arm, of each row by models of other clusters; (n_rows, n_arms)."""
    means = np.empty(trial.propensities.shape)
    for split in trial.folds(n_folds, seed=seed):
        arms = fit_arms(trial.take(split.train), seed=seed, fit=fit)
        means[split.test] = predict_arms(arms, trial.features[split.test])
    return means


def aipw_scores(trial: Trial, means: Matrix) -> Matrix:
    """psi of each offer against the control, (n_rows, n_offers).

    Parameters
    ----------
    means
        (n_rows, n_arms), of models that have not seen the row's cluster.
    """
    taken = trial.offer[:, None] == np.arange(len(trial.offers) + 1)
    corrected = means + taken * (trial.outcome[:, None] - means) / trial.propensities
    return np.asarray(corrected[:, 1:] - corrected[:, :1], dtype=np.float64)
