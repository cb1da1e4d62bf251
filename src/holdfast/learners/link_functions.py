"""How a raw score becomes a prediction, and how steeply."""

from collections.abc import Callable
from math import exp
from threading import current_thread, main_thread
from typing import Literal

import numpy as np

from holdfast.arrays import Matrix, Vector

EDGE = 1e-6
Link = Literal["identity", "logit", "log", "cloglog"]


def logistic(raw: Vector) -> Vector:
    """1 / (1 + exp(-raw)); the same, to the last bit, for one row and for many.

    >>> logistic(np.array([0.0]))
    array([0.5])
    """
    if raw.shape == (1,):
        # A server that answers one by one starts without scipy.special, which takes long to import.
        return np.array([_logistic(raw.item())])
    from scipy.special import expit

    return np.asarray(expit(raw), dtype=np.float64)


def _logistic(raw: float) -> float:
    try:
        return 1 / (1 + exp(-raw))
    except OverflowError:
        return 0.0


def log_odds(probability: Vector) -> Vector:
    """log(p / (1 - p)), of probabilities no nearer to 0 and 1 than 1e-6.

    >>> log_odds(np.array([0.5, 0.0])).round(2)
    array([  0.  , -13.82])
    """
    p = np.clip(probability, EDGE, 1 - EDGE)
    return np.asarray(np.log(p) - np.log1p(-p))


def pool_chances(one: Vector, other: Vector, weight: float | Vector) -> Vector:
    """The probability whose log-odds are the mean of both, the other's with this weight, which may
    be each row's own.

    >>> pool_chances(np.array([0.2]), np.array([0.8]), 0.5)
    array([0.5])
    """
    return logistic(log_odds(one) * (1 - weight) + log_odds(other) * weight)


def fit_log_odds(
    terms: Matrix, truth: Vector, start: Vector, *, prior: float, least: float
) -> Vector:
    """Weights of the terms, (n_rows, n_terms), whose sum is the likeliest log-odds of the truth.

    Parameters
    ----------
    start, prior
        What the weights are drawn towards, and by how many observations.
    least
        The least that the first two weights may be; the others may be any number.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(weights: Vector) -> tuple[float, Vector]:
        odds, away = terms @ weights, weights - start
        value = np.logaddexp(0, odds).sum() - truth @ odds + prior * (away @ away) / 2
        return float(value), terms.T @ (expit(odds) - truth) + prior * away

    bounds = [(least, None)] * 2 + [(None, None)] * (len(start) - 2)
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


_INVERSES: dict[Link, Callable[[Vector], Vector]] = {
    "identity": lambda raw: raw,
    "logit": logistic,
    "log": np.exp,
    "cloglog": lambda raw: np.exp(-np.exp(-raw)),
}


def inverse(link: Link, raw: Vector) -> Vector:
    """The prediction of a raw score.

    `cloglog` is P(no event) = exp(-rate) at raw = -log(rate).

    >>> inverse("logit", np.array([0.0])), inverse("cloglog", np.array([0.0])).round(4)
    (array([0.5]), array([0.3679]))
    """
    return _INVERSES[link](raw)


def chord(link: Link, start: Vector, end: Vector) -> Vector:
    """Mean slope of the prediction between two raw scores, so that slope x difference is exact.

    >>> chord("log", np.array([0.0]), np.array([1.0])).round(4)
    array([1.7183])
    """
    return mean_slope(lambda raw: inverse(link, raw), start, end)


def mean_slope(function: Callable[[Vector], Vector], start: Vector, end: Vector) -> Vector:
    """Mean slope of a smooth function between two points, each (n,)."""
    step = end - start
    near = np.abs(step) < 1e-4
    # Where the points meet, the difference of two nearly equal numbers is noise: step a little to
    # both sides instead.
    middle = (start + end) / 2
    low, high = np.where(near, middle - 5e-5, start), np.where(near, middle + 5e-5, end)
    return np.asarray((function(high) - function(low)) / (high - low), dtype=np.float64)


_MANY_ROWS = 100_000


def threads_for(matrix: Matrix) -> int:
    """One thread for few rows, two for many, and one beside others.

    Two threads that wait for each other after every small tree are slower than one, and much
    slower on a busy machine. LightGBM holds the number for the whole process, so that who works
    beside others must not change it; its trees are the same to the last bit with any number.
    """
    is_alone = current_thread() is main_thread()
    return 2 if is_alone and len(matrix) > _MANY_ROWS else 1
