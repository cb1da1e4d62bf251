"""Renewals: how many purchases a customer with a rhythm makes in a time, while it lives."""

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc

from holdfast.arrays import Floats

RHYTHMS = np.exp(np.linspace(np.log(0.25), np.log(64.0), 22))
"""Shapes k of the gaps between purchases: below 1 in bursts, 1 at random, above by the clock."""


def count_renewals(rhythm: npt.NDArray[np.int64], mean_gaps: Floats) -> Floats:
    """Expected purchases in a time of so many mean gaps, just after a purchase, of the same shape
    as both.

    The sum over n of P(the n-th purchase has come) (Cox 1962, Renewal theory, section 4.2); far
    away, what it tends to.
    """
    steps, table = _renewal_table()
    far = mean_gaps + (1 / RHYTHMS[rhythm] - 1) / 2
    place = np.minimum(mean_gaps / steps[1], len(steps) - 1.001)
    before = place.astype(np.int64)
    share = place - before
    near = (1 - share) * table[rhythm, before] + share * table[rhythm, before + 1]
    return np.where(mean_gaps < steps[-1], near, np.maximum(far, 0.0))


@cache
def _renewal_table() -> tuple[Floats, Floats]:
    steps = np.linspace(0.0, 12.0, 481)
    n = np.arange(1, 96)[:, None]
    return steps, np.array([gammainc(n * k, k * steps).sum(axis=0) for k in RHYTHMS])
