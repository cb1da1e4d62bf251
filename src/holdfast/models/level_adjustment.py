"""Level adjustment: how many customers will stay silent, and what they will bring, by the BTYD
models.

The learnt models know who is likelier to come back than whom, and how many came back in the windows
learnt from. That is the level of another season, and in a young log whatever adds up with time
(orders, spend, tenure) promises more than it did of those learnt from. The BTYD models read
histories of any length, in business time: their mean is most of the level, and the order of the
customers stays as it was learnt.
"""

from collections.abc import Callable

from holdfast.arrays import Vector

TRUST = 0.75  # decision 25
"""How far the level goes from the learnt one to that of the BTYD models, in ratio."""
EXTRAPOLATED = 1.0  # decision 10
"""The same where the learnt level is itself stretched from shorter windows."""
_MONEY_LIMITS = (0.5, 2.0)  # decision 25
_LIMIT = 30.0
_EXACT = 1e-9


def revenue_ratio(expected: Vector, learnt: Vector) -> float:
    """The revenue that the BTYD models expect of the customers, in all, over the learnt one, within
    0.5 and 2.

    1 where one of them expects nothing.
    """
    total, learnt_total = float(expected.sum()), float(learnt.sum())
    if min(total, learnt_total) <= 0:
        return 1.0
    return min(max(total / learnt_total, _MONEY_LIMITS[0]), _MONEY_LIMITS[1])


def find_factor(mean: Callable[[float], float], share: float) -> float:
    """The factor between 1/30 and 30 at which a falling mean is `share`; the nearer end where none
    of them is.

    >>> round(find_factor(lambda factor: 0.5**factor, 0.25), 6)
    2.0
    """
    from scipy.optimize import brentq

    low, high = 1 / _LIMIT, _LIMIT
    if mean(low) <= share:
        return low
    if mean(high) >= share:
        return high
    return float(brentq(lambda factor: mean(factor) - share, low, high, xtol=_EXACT))


def find_power(probability: Vector, share: float) -> float:
    """The power of the probabilities, (n,), at which their mean is `share`."""
    return find_factor(lambda power: float((probability**power).mean()), share)


def move_towards(learnt: float, expected: float, trust: float = TRUST) -> float:
    """A factor most of the way from the learnt one to the one that the BTYD models expect.

    >>> move_towards(1.0, 16.0), move_towards(1.0, 16.0, trust=EXTRAPOLATED)
    (8.0, 16.0)
    """
    return float(learnt ** (1 - trust) * expected**trust)
