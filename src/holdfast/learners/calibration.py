"""Beta calibration: a few numbers make probabilities honest and keep their order.

Kull, Silva Filho, Flach (2017), "Beta calibration: a well-founded and easily implemented
improvement on logistic calibration for binary classifiers", AISTATS, equation 5:

    logit(calibrated p) = a log p - b log(1 - p) + c,  a, b > 0

and then p^season: in a season that is twice as lively, silence is as unlikely as in two average
windows.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from holdfast.arrays import Booleans, Matrix, Vector
from holdfast.learners.link_functions import fit_log_odds, logistic
from holdfast.learners.parts import Saved

EDGE = 1e-9
_LEAST_SLOPE = 0.05


@dataclass(frozen=True)
class BetaCalibration(Saved):
    """A fitted calibration map; a = b = season = 1 and c = 0 change nothing.

    The slopes are positive, so the order of customers (and with it the AUC) cannot change.
    """

    FILE = "calibration.json"
    a: float = 1.0
    b: float = 1.0
    c: float = 0.0
    season: float = 1.0

    @classmethod
    def fit(
        cls, probability: Vector, happened: Booleans, *, group: npt.NDArray[np.int64] | None = None
    ) -> "BetaCalibration":
        """Maximise the likelihood of what happened, (n,), given raw probabilities, (n,).

        Parameters
        ----------
        group
            Number of each row's group, 0, 1, ...: each has a level c of its own, so that the slopes
            are learnt within groups; the level of the map is then their mean. None: all rows are of
            one group.
        """
        member = _one_hot(np.zeros(len(probability), dtype=np.int64) if group is None else group)
        terms, truth = np.hstack([_terms(probability), member]), happened.astype(np.float64)
        start = np.concatenate([[1.0, 1.0], np.zeros(member.shape[1])])
        # The prior keeps a group finite in which everyone or nobody left.
        best = fit_log_odds(terms, truth, start, prior=1.0, least=_LEAST_SLOPE)
        return cls(float(best[0]), float(best[1]), float(best[2:].mean()))

    def with_mean(self, probability: Vector, share: float) -> "BetaCalibration":
        """The same slopes, with the level at which the mean calibrated probability is `share`, 0 <
        share < 1.
        """
        from scipy.optimize import brentq
        from scipy.special import expit

        slopes = _terms(probability) @ np.array([self.a, self.b])
        reach = float(np.abs(slopes).max()) + abs(np.log(share / (1 - share))) + 1.0
        return replace(
            self, c=float(brentq(lambda c: expit(slopes + c).mean() - share, -reach, reach))
        )

    def apply(self, probability: Vector) -> Vector:
        """Calibrated probabilities, (n,).

        >>> BetaCalibration(season=2).apply(np.array([0.25, 0.5])).round(6)
        array([0.0625, 0.25  ])
        """
        # Not as a matrix product, which may round one customer otherwise than many.
        rising, falling = _terms(probability).T
        return np.asarray(
            logistic(self.a * rising + self.b * falling + self.c) ** self.season, dtype=np.float64
        )


def _terms(probability: Vector) -> Matrix:
    p = np.clip(probability, EDGE, 1 - EDGE)
    return np.column_stack([np.log(p), -np.log1p(-p)])


def _one_hot(group: npt.NDArray[np.int64]) -> Matrix:
    return np.asarray(group[:, None] == np.arange(group.max() + 1), dtype=np.float64)
