"""Integrals that the papers write as Gaussian hypergeometric functions, done in log space: nothing
overflows.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import betaln, expit

from holdfast.arrays import Floats

N_BETA_NODES = 96
LOG_NEGLIGIBLE = 40.0  # e^-40 is below the rounding of a sum of doubles


@cache
def legendre(n_nodes: int) -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss-Legendre quadrature on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    return (nodes + 1) / 2, weights / 2


def beta_nodes(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Points p and weights for sums over a Beta(a, b) of functions that vanish at p = 0 and p = 1.

    The trapezoidal rule in logit(p). There the integrand is analytic in a strip of half-width pi
    (its singularities sit at p = 0, p = 1, infinity and at negative p, as of (1 + p t / alpha)^-r),
    so that evenly spaced points converge exponentially (Trefethen & Weideman 2014, SIAM Review 56,
    theorem 5.1) whatever a, b, r and t are.

    Returns
    -------
    points, weights
        Shape `(n, N_BETA_NODES)` each, for `a` and `b` of shape `(n,)`.
    """
    left, right = _negligible_beyond(a + 1, b + 1)
    width = (right - left) / (N_BETA_NODES - 1)
    logit = left[:, None] + width[:, None] * np.arange(N_BETA_NODES)
    log_density = -a[:, None] * np.logaddexp(0.0, -logit) - b[:, None] * np.logaddexp(0.0, logit)
    return expit(logit), width[:, None] * np.exp(log_density - betaln(a, b)[:, None])


def beta_mean(
    function: Callable[[Floats], Floats],
    at_zero: Floats,
    *,
    a: Floats,
    b: Floats,
    points: Floats,
    weights: Floats,
) -> Floats:
    """Mean of `function(p)` over p ~ Beta(a, b), its value `at_zero` given as a limit.

    The straight line between the ends is integrated exactly, so that the sum sees a function that
    vanishes at both and a Beta with a pole at 0 or 1 does no harm.
    """
    slope = function(np.ones((len(points), 1)))[:, 0] - at_zero
    bent = function(points) - at_zero[:, None] - slope[:, None] * points
    return np.asarray(at_zero + slope * a / (a + b) + (weights * bent).sum(axis=1))


def _negligible_beyond(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Where p^a (1-p)^b has fallen by e^-40 on either side of its mode, in logit(p)."""
    mode = np.log(a) - np.log(b)

    def log_height(logit: Floats) -> Floats:
        return np.asarray(-a * np.logaddexp(0.0, -logit) - b * np.logaddexp(0.0, logit))

    floor = log_height(mode) - LOG_NEGLIGIBLE
    # Newton's method on a concave function from outside closes in without ever passing the root.
    left, right = floor / a, -floor / b
    for _ in range(12):
        left = left - (log_height(left) - floor) / (a * expit(-left) - b * expit(left))
        right = right - (log_height(right) - floor) / (a * expit(-right) - b * expit(right))
    return left, right
