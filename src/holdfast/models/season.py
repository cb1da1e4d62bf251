"""Season: how lively target windows were, and how lively the next one will be.

The level of a cutoff is what its customers then spent over what their own past suggested. It moves with the calendar
and with the shop, but not with the number of customers, so a growing shop is not mistaken for a busy one. The next
window is expected to be as lively as the one a year ago: a model that learnt from summers alone promises a summer at
Christmas.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from holdfast.models.links import Vector

YEAR_DAYS = 365
_NEAR_DAYS = 20
_LEAST_LEVEL = 0.1


@dataclass(frozen=True)
class Season:
    """What the learning cutoffs say of the calendar.

    Attributes
    ----------
    levels
        Cutoff -> revenue of its window over the yardstick, both summed over its customers; in time order.
    usual
        The same over all cutoffs.
    """

    levels: Mapping[int, float]
    usual: float

    @classmethod
    def learn(cls, cutoff: npt.NDArray[np.int64], revenue: Vector, yardstick: Vector) -> "Season":
        """Take the level of each cutoff from its rows, all (n_rows,)."""
        usual = float(revenue.sum() / yardstick.sum())
        cutoffs, place = np.unique(cutoff, return_inverse=True)
        levels = np.bincount(place, weights=revenue) / np.bincount(place, weights=yardstick)
        return cls(dict(zip(cutoffs.tolist(), levels.tolist(), strict=True)), usual)

    def of(self, cutoff: npt.NDArray[np.int64]) -> Vector:
        """How lively each row's window was, (n_rows,), 1 = as usual; at least 0.1."""
        of_cutoff = {c: max(level / self.usual, _LEAST_LEVEL) for c, level in self.levels.items()}
        return np.array([of_cutoff[c] for c in cutoff.tolist()])

    def ahead(self, now: int) -> float | None:
        """How lively the window at `now` should be, 1 = as usual; None where no cutoff lies about a year before."""
        cutoffs, year_ago = list(self.levels), now - YEAR_DAYS
        if not cutoffs[0] - _NEAR_DAYS <= year_ago <= cutoffs[-1] + _NEAR_DAYS:
            return None
        level = float(np.interp(year_ago, cutoffs, list(self.levels.values())))
        return max(level / self.usual, _LEAST_LEVEL)
