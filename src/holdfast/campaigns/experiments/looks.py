"""Looks: how large an effect must be at each planned look, so that looking often is no trick.

Lan and DeMets (1983) spend the chance of a false alarm over the looks; the O'Brien-Fleming shape
spends hardly any early. Two-sided, each side spends `2 (1 - Phi(z_(1 - alpha / 4) / sqrt t))` by
the time a share t of the information is in.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from holdfast.arrays import Vector
from holdfast.errors import InputError

_NODES = 400
_FAR = 12.0


def spend(share: Vector, *, alpha: float) -> Vector:
    """Chance of a false alarm on either side that is spent by a share of the information."""
    return np.asarray(4 * ndtr(-ndtri(1 - alpha / 4) / np.sqrt(share)))


def look_bounds(shares: Sequence[float], *, alpha: float = 0.05) -> Vector:
    """Standard errors that an effect must be away from 0 at each look, shape (n_looks,).

    Parameters
    ----------
    shares
        Information at each look as a share of that at the last, rising to 1: customers whose
        outcome is known, of all.

    Examples
    --------
    >>> look_bounds([0.25, 0.5, 0.75, 1]).round(3)
    array([4.333, 2.963, 2.359, 2.014])
    """
    time = np.asarray(shares, dtype=float)
    if not len(time) or time[0] <= 0 or (np.diff(time) <= 0).any() or time[-1] > 1:
        raise InputError(
            f"the looks are at {list(shares)} of the information",
            fix="give shares that rise from above 0 to 1, such as 0.5, 1",
        )
    spent = np.diff(spend(time, alpha=alpha), prepend=0.0)
    bounds, places, density = [], np.zeros(1), np.ones(1)
    for step, now, part in zip(np.diff(time, prepend=0.0), time, spent, strict=True):
        spread = np.sqrt(step)
        edge = _edge(places, density, spread, part)
        bounds.append(edge / np.sqrt(now))
        # The path's density among those that have not stopped (Armitage, McPherson, Rowe 1969).
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        following = nodes * edge
        kernel = np.exp(-0.5 * ((following[:, None] - places) / spread) ** 2)
        density = weights * edge * (kernel @ density) / (spread * np.sqrt(2 * np.pi))
        places = following
    return np.array(bounds)


def _edge(places: Vector, density: Vector, spread: float, part: float) -> float:
    """Beyond which, on either side, the path ends with a given probability."""

    def beyond(edge: float) -> float:
        tails = ndtr((places - edge) / spread) + ndtr((-places - edge) / spread)
        return float(tails @ density) - part

    return float(brentq(beyond, 0, _FAR, xtol=1e-10))
