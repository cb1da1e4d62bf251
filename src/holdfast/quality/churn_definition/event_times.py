"""How long until it ends, and for which cause: Aalen and Johansen's estimate (1978).

The incidence of a cause up to day t is the sum, over the days up to t, of the share still there
times the share of those who leave for that cause on the day. The curves of all causes and the share
still there add up to 1 on every day; one minus a Kaplan-Meier curve of one cause alone would exceed
it, since it counts as if who left for another cause could still leave for this one. With a single
cause, the share still there is that of Kaplan and Meier (1958).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

CONFIDENCE_Z = 1.959964


@dataclass(frozen=True)
class EventTimes:
    """How many of those who were watched left on which day.

    Attributes
    ----------
    at_risk
        Who was watched for so many days and had not left before, shape (longest + 1,).
    left
        Who left after exactly so many days, by cause, shape (n_causes, longest + 1).
    """

    at_risk: Ints
    left: Ints

    @classmethod
    def count(cls, days: Ints, *causes: Booleans, times: Ints | None = None) -> Self:
        """Count rows: for how many days each was watched, and whether it ended for each cause.

        Parameters
        ----------
        times
            How many each row stands for; None: one.
        """
        size, n = int(days.max(initial=0)) + 1, np.ones(len(days)) if times is None else times
        watched = np.bincount(days, weights=n, minlength=size)
        left = [np.bincount(days[each], weights=n[each], minlength=size) for each in causes]
        at_risk = watched[::-1].cumsum()[::-1]
        return cls(at_risk.astype(np.int64), np.stack(left).astype(np.int64))

    @cached_property
    def gone(self) -> Ints:
        """Who left after exactly so many days, whatever the cause."""
        return np.asarray(self.left.sum(axis=0), dtype=np.int64)

    @cached_property
    def still_there(self) -> Floats:
        """P(still there after so many days)."""
        shares = 1 - self.gone / np.maximum(self.at_risk, 1)
        return np.asarray(np.cumprod(shares), dtype=np.float64)

    @cached_property
    def hazard_variance(self) -> Floats:
        """Greenwood's term of each day (1926), 0 where everyone who was left leaves: their running
        sum is the variance of log `still_there`.
        """
        stayed = self.at_risk - self.gone
        out = np.zeros(len(stayed))
        return np.divide(self.gone, self.at_risk * stayed, out=out, where=stayed > 0)

    def estimate_incidence(self, cause: int) -> tuple[Floats, Floats]:
        """P(left for the cause within so many days), and its variance by the delta method
        (Marubini and Valsecchi 1995).
        """
        left, at_risk = self.left[cause], np.maximum(self.at_risk, 1)
        before = np.concatenate([[1.0], self.still_there[:-1]])
        share = np.cumsum(before * left / at_risk)
        # A sum over the days up to t of polynomials in share(t): running sums do.
        spread = self.hazard_variance
        of_cause = before**2 * left * (at_risk - left) / at_risk**3.0
        both = before * left / at_risk**2.0
        squares = (
            share**2 * spread.cumsum()
            - 2 * share * (share * spread).cumsum()
            + (share**2 * spread).cumsum()
        )
        variance = (
            squares + of_cause.cumsum() - 2 * (share * both.cumsum() - (share * both).cumsum())
        )
        return share, np.maximum(variance, 0)


def log_log_limits(share: Floats, log_variance: Floats) -> tuple[Floats, Floats]:
    """95 % limits of a share on the log-log scale, which stays within 0..1."""
    inside = (share > 0) & (share < 1)
    log = np.log(np.where(inside, share, 0.5))
    half = CONFIDENCE_Z * np.sqrt(log_variance) / log
    ends = np.stack([np.exp(log * np.exp(-half)), np.exp(log * np.exp(half))])
    low, high = np.where(inside, ends, share)
    return np.minimum(low, high), np.maximum(low, high)
