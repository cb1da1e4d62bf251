"""Effects: the difference between two arms per head, and how sure it is.

The predicted value, known before the campaign, explains much of who buys how much: taking its share
of the difference out (CUPED: Deng, Xu, Kohavi, Walker 2013) makes the interval narrower. And where
one arm is small, its own variance is not to be trusted: with heavy tails it misses the rare large
orders and finds both its mean and its variance too small. There the variance is that of both arms
pooled. With customers of one household in the same arm, sums over households vary, not customers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from holdfast.arrays import Integers, Vector

METHODS: Mapping[str, Mapping[str, bool]] = {
    "difference": {"adjusted": False, "pooled": False},
    "adjusted": {"adjusted": True, "pooled": False},
    "adjusted, pooled": {"adjusted": True, "pooled": True},
}
"""Ways to read out: Welch's; with the predicted value's share taken out; and with one variance."""
MOST_UNEQUAL = 2.0
"""Ratio of the arms' sizes above which the variance of money is pooled."""


class Arm(NamedTuple):
    """What is known of one arm; each a number, or one per draw.

    `yy`, `xx`, `xy` are sample (co)variances of the outcome and the prediction, `robust_..` the
    same per head of cluster sums: equal to them where everyone is a cluster.
    """

    n: Any
    clusters: Any
    y: Any
    x: Any
    yy: Any
    xx: Any
    xy: Any
    robust_yy: Any
    robust_xx: Any
    robust_xy: Any


@dataclass(frozen=True)
class Effect:
    """A difference per head, its standard error and degrees of freedom; each a number or one per
    draw.
    """

    estimate: Any
    standard_error: Any
    degrees: Any

    def interval(self, *, confidence: float = 0.95, critical: float | None = None) -> Any:
        """Low and high end; `critical` standard errors away where given, else by Student's t."""
        reach = stdtrit(self.degrees, (1 + confidence) / 2) if critical is None else critical
        return self.estimate - reach * self.standard_error, (
            self.estimate + reach * self.standard_error
        )

    @property
    def p_value(self) -> Any:
        """Two-sided, of no effect."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(self.estimate) / self.standard_error
        return 2 * stdtr(self.degrees, -np.nan_to_num(t, nan=0.0))


def arm_of(outcome: Vector, predicted: Vector, clusters: Integers | None = None) -> Arm:
    """Sum one arm up.

    Parameters
    ----------
    clusters
        Number of each customer's household, from 0; None: everyone on their own.
    """
    n, y, x = len(outcome), outcome.mean(), predicted.mean()
    off_y, off_x = outcome - y, predicted - x
    plain = [float(a @ b) / (n - 1) for a, b in ((off_y, off_y), (off_x, off_x), (off_y, off_x))]
    if clusters is None:
        return Arm(n, n, y, x, *plain, *plain)
    _, number = np.unique(clusters, return_inverse=True)
    sums_y, sums_x = np.bincount(number, off_y), np.bincount(number, off_x)
    g = len(sums_y)
    robust = [
        float(a @ b) * g / (g - 1) / n
        for a, b in ((sums_y, sums_y), (sums_x, sums_x), (sums_y, sums_x))
    ]
    return Arm(n, g, y, x, *plain, *robust)


def compare(treated: Arm, control: Arm, *, adjusted: bool = True, pooled: bool = False) -> Effect:
    """The effect per head.

    Parameters
    ----------
    adjusted
        Whether the predicted value's share is taken out.
    pooled
        Whether both arms have one variance; else each its own (Welch).
    """
    theta = slope_on_prediction(treated, control) if adjusted else 0.0
    estimate = treated.y - control.y - theta * (treated.x - control.x)
    one, zero = (
        arm.robust_yy - 2 * theta * arm.robust_xy + theta**2 * arm.robust_xx
        for arm in (treated, control)
    )
    if pooled:
        both = treated.n + control.n - 2
        same = ((treated.n - 1) * one + (control.n - 1) * zero) / both
        error = np.sqrt(same * (1 / treated.n + 1 / control.n))
        return Effect(estimate, error, treated.clusters + control.clusters - 2)
    one, zero = one / treated.n, zero / control.n
    squares = one**2 / (treated.clusters - 1) + zero**2 / (control.clusters - 1)
    # Without any variance there is nothing to be unsure of: any degrees will do.
    degrees = np.where(squares > 0, (one + zero) ** 2 / np.where(squares > 0, squares, 1), 1.0)
    return Effect(estimate, np.sqrt(one + zero), degrees)


def slope_on_prediction(treated: Arm, control: Arm) -> Any:
    """The slope of the outcome on the prediction over both arms together; 0 where all are equal."""
    between = treated.n * control.n / (treated.n + control.n)
    xx = (treated.n - 1) * treated.xx + (control.n - 1) * control.xx
    xy = (treated.n - 1) * treated.xy + (control.n - 1) * control.xy
    xx = xx + between * (treated.x - control.x) ** 2
    xy = xy + between * (treated.x - control.x) * (treated.y - control.y)
    return np.where(xx > 0, xy / np.where(xx > 0, xx, 1.0), 0.0)


def method_for(n_treated: int, n_control: int) -> str:
    """How money is read out: pooled where one arm has more than twice the other's customers."""
    larger, smaller = max(n_treated, n_control), min(n_treated, n_control)
    return "adjusted, pooled" if larger > MOST_UNEQUAL * smaller else "adjusted"
