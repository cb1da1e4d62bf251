"""Prices of the limits: the dual of the allocation, minimised by cutting planes in a trust box.

For any prices p >= 0 of limits b, `g(p) = sum_i max(0, max_j net_ij - p w_ij) + p b` is at least
what any plan within the limits can bring (Lagrange). The least such bound is the linear program's
value. g is convex and piecewise linear; each pass over the customers gives its value and a slope,
hence a plane below it. The next prices are the lowest point of all planes so far within a box
around the best ones (Kelley 1960; the box keeps the first, poor planes from throwing it far away).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog

from holdfast.arrays import Vector
from holdfast.campaigns.planning.offers import Offers

SAMPLE = 20_000
"""Customers that a large problem is solved for first."""
_TOLERANCE = 2e-6
_PASSES = 60
_FIRST_BOX, _WARM_BOX = 0.5, 0.02
_ENOUGH = 0.1
"""Share of the promised fall that makes a step a success."""

Pass = Callable[[Vector], tuple[float, Vector]]
"""Prices -> the bound there and its slope."""


@dataclass
class _Planes:
    """Planes below the bound, as `offset + slope p`."""

    offsets: list[float] = field(default_factory=list)
    slopes: list[Vector] = field(default_factory=list)

    def add(self, prices: Vector, bound: float, slope: Vector) -> None:
        self.offsets.append(bound - float(slope @ prices))
        self.slopes.append(slope)

    def lowest(self, low: Vector, high: Vector) -> tuple[Vector, float]:
        """Where within a box the highest of the planes is lowest, and how low."""
        n = len(low)
        answer = linprog(
            np.r_[np.zeros(n), 1.0],
            A_ub=np.c_[np.array(self.slopes), -np.ones(len(self.slopes))],
            b_ub=-np.array(self.offsets),
            bounds=[*zip(low, high, strict=True), (None, None)],
        )
        return answer.x[:n], float(answer.fun)


def minimise(pass_over: Pass, start: Vector, *, box: float, tolerance: float) -> Vector:
    """The prices of the least bound; prices and bound in units in which both are about 1."""
    best, planes, width = start, _Planes(), np.full(len(start), box)
    least, slope = pass_over(best)
    planes.add(best, least, slope)
    for _ in range(_PASSES):
        low, high = np.maximum(best - width, 0), best + width
        prices, promised = planes.lowest(low, high)
        at_wall = ((prices <= low + 1e-12) & (low > 0)) | (prices >= high - 1e-12)
        fall = least - promised
        if fall <= tolerance * max(least, 1e-12):
            if not at_wall.any():
                break
            width = np.where(at_wall, 4 * width, width)
            continue
        bound, slope = pass_over(prices)
        planes.add(prices, bound, slope)
        success = bound < least - _ENOUGH * fall
        width = np.where(at_wall, 2 * width, width) if success else width / 2
        if bound < least:
            best, least = prices, bound
    return best


def price_limits(offers: Offers, limits: Vector, *, seed: int) -> Vector:
    """Prices of all limits, in net per unit of each, shape of `limits`; 0 where there is none.

    Parameters
    ----------
    limits
        Right-hand sides, infinity where there is no limit.
    """
    start, box = np.zeros(len(limits)), _FIRST_BOX
    if offers.n > 2 * SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(offers.n, SAMPLE, replace=False))
        start = _solve(offers.take(rows), limits * (SAMPLE / offers.n), start, box)
        box = _WARM_BOX
    return _solve(offers, limits, start, box)


def _solve(offers: Offers, limits: Vector, start: Vector, box: float) -> Vector:
    active = np.flatnonzero(np.isfinite(limits))
    free, best = offers.choose(np.zeros(len(limits)))
    size, used = float(best.sum(dtype=float)), offers.use(free).rows
    if size <= 0 or (used[active] <= limits[active]).all():
        return np.zeros(len(limits))
    # What a limit's whole amount is worth is about as large as the plan: that is the unit.
    unit = size / np.maximum(np.maximum(np.abs(used), limits), 1e-9)[active]

    def pass_over(scaled: Vector) -> tuple[float, Vector]:
        prices = np.zeros(len(limits))
        prices[active] = scaled * unit
        choice, left = offers.choose(prices)
        slope = (limits - offers.use(choice).rows)[active]
        bound = float(left.sum(dtype=float)) + float(prices[active] @ limits[active])
        return bound / size, slope * unit / size

    answer = minimise(pass_over, start[active] / unit, box=box, tolerance=_TOLERANCE)
    prices = np.zeros(len(limits))
    prices[active] = answer * unit
    return prices
