"""How good is a ranking by effect, and what is a decision worth: estimates with standard errors,
all from the one AIPW score per customer (`holdfast.evaluation.aipw`).

Every estimate is a mean of influences, one per row, so that standard errors, clusters and the
difference of two rankings are the same arithmetic everywhere. Equal scores count as if they were
in random order. Scores should come from models that have not seen the row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import erfc, sqrt

import numpy as np

from holdfast.arrays import Integers, Matrix, Vector

_Z_95 = 1.959964
_FIFTHS = 5
_BESIDE_CUT = 0.1
"""Share of the customers on each side of a cut of whom is learnt what those at the cut gain."""


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error.

    Attributes
    ----------
    influence
        (n_rows,), mean 0: value - truth is about its mean. Kept for differences.
    """

    value: float
    se: float
    influence: Vector | None = None

    @classmethod
    def of(cls, value: float, influence: Vector, cluster: Integers | None = None) -> "Estimate":
        """Take the standard error from the influences; of clusters from their sums."""
        centred = influence - influence.mean()
        return cls(float(value), _standard_error(centred, cluster), centred)

    def minus(self, other: "Estimate", cluster: Integers | None = None) -> "Estimate":
        """The difference of two estimates of the same rows."""
        assert self.influence is not None
        assert other.influence is not None
        return Estimate.of(self.value - other.value, self.influence - other.influence, cluster)

    @classmethod
    def mean(cls, estimates: "Sequence[Estimate]", cluster: Integers | None = None) -> "Estimate":
        """The mean of estimates of the same rows, as of one quantity by several splits."""
        influences = [each.influence for each in estimates if each.influence is not None]
        value = float(np.mean([each.value for each in estimates]))
        return cls.of(value, np.mean(influences, axis=0), cluster)

    def bare(self) -> "Estimate":
        """The same without the influences, to keep."""
        return replace(self, influence=None)

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - _Z_95 * self.se

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + _Z_95 * self.se

    @property
    def p(self) -> float:
        """Of a two-sided test against 0; 1 where nothing varies."""
        return erfc(abs(self.value) / self.se / sqrt(2)) if self.se > 0 else 1.0

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def _standard_error(centred: Vector, cluster: Integers | None) -> float:
    n = len(centred)
    if cluster is None:
        return float(np.sqrt(np.sum(centred**2) / n / max(n - 1, 1)))
    sums = cluster_sums(centred[:, None], cluster)[:, 0]
    m = len(sums)
    return float(np.sqrt(np.sum(sums**2) * m / max(m - 1, 1)) / n)


def cluster_sums(values: Matrix, cluster: Integers) -> Matrix:
    """The sum of each column over each cluster, (n_clusters, n_columns)."""
    _, of_row = np.unique(cluster, return_inverse=True)
    return np.column_stack([np.bincount(of_row, weights=column) for column in values.T])


def mean_effect(psi: Vector, cluster: Integers | None = None) -> Estimate:
    """The mean effect of an offer on everybody."""
    return Estimate.of(float(psi.mean()), psi, cluster)


def mid_ranks(score: Vector) -> Vector:
    """Each score's place among all, 0..1, equal ones at their middle.

    >>> mid_ranks(np.array([3.0, 1.0, 3.0]))
    array([0.66666667, 0.16666667, 0.66666667])
    """
    _, group = np.unique(score, return_inverse=True)
    size = np.bincount(group)
    return np.asarray((np.cumsum(size) - size / 2)[group] / len(score))


def qini(psi: Vector, score: Vector, cluster: Integers | None = None) -> Estimate:
    """Q: the area between the Qini curve per customer and that of a random order.

    Q = mean of psi (u - 1/2), u the mid-rank of the score (Radcliffe 2007; the RATE with Qini
    weights of Yadlowsky et al. 2025, equation 2.4). The standard error allows for the ranking.
    """
    centred = psi - psi.mean()
    rank = mid_ranks(score) - 0.5
    value = float(np.mean(centred * rank))
    return Estimate.of(value, centred * rank + _effect_above(centred, score), cluster)


def _effect_above(centred: Vector, score: Vector) -> Vector:
    """Sum of psi over those who score higher, and half of those who score the same, over n."""
    _, group = np.unique(score, return_inverse=True)
    of_group = np.bincount(group, weights=centred)
    above = np.cumsum(of_group[::-1])[::-1] - of_group / 2
    return np.asarray(above[group] / len(score))


def uplift_at(
    psi: Vector, score: Vector, *, share: float, cluster: Integers | None = None
) -> Estimate:
    """The mean effect on the `share` of customers with the highest scores."""
    weight = _share_of_top(score, share)
    value = float(np.sum(weight * psi) / np.sum(weight))
    return Estimate.of(value, weight * (psi - value) / weight.mean(), cluster)


def effect_of_top(
    psi: Vector, score: Vector, *, share: float, cluster: Integers | None = None
) -> Estimate:
    """What contacting the `share` of customers with the highest scores adds per customer of all: a
    point of the Qini curve, whose area above the line from 0 to the mean effect is Q.

    The standard error allows for where the ranking is cut: of who stands there in place of another,
    only what they gain beyond those at the cut counts.
    """
    ends = np.clip([share - _BESIDE_CUT, share, share + _BESIDE_CUT], 0, 1)
    below, weight, above = _share_of_top(score, ends)
    at_cut = above - below
    gained_there = float(np.sum(at_cut * psi) / np.sum(at_cut))
    return Estimate.of(float(np.mean(weight * psi)), weight * (psi - gained_there), cluster)


def _share_of_top(score: Vector, share: float | Vector) -> Vector:
    """How much of each customer is among the top; equal scores share what room is left."""
    _, group = np.unique(-score, return_inverse=True)
    size = np.bincount(group)
    top = np.asarray(share)[..., None] * len(score)
    room = np.clip(top - (np.cumsum(size) - size), 0, size)
    return np.asarray((room / size)[..., group])


def calibration_slope(
    psi: Vector, score: Vector, cluster: Integers | None = None
) -> Estimate | None:
    """By how much the effect differs where the predicted effect differs by 1: 1 is calibrated.

    The slope of the best linear prediction of psi by the score (Chernozhukov, Demirer, Duflo,
    Fernandez-Val 2025, equation 3.1). None where everybody has the same score.
    """
    x, y = score - score.mean(), psi - psi.mean()
    spread = float(np.mean(x**2))
    if spread <= 0:
        return None
    slope = float(np.mean(x * y)) / spread
    return Estimate.of(slope, x * (y - slope * x) / spread, cluster)


@dataclass(frozen=True)
class Group:
    """Customers of neighbouring scores: the share of all, and the mean effect on them."""

    share: float
    effect: Estimate


def gates(
    psi: Vector, score: Vector, *, n_groups: int = _FIFTHS, cluster: Integers | None = None
) -> list[Group]:
    """The mean effect by fifths of the score, the lowest first.

    Equal scores are in one group, so that there may be fewer groups, of other sizes.
    """
    place = np.minimum((mid_ranks(score) * n_groups).astype(np.int64), n_groups - 1)
    groups = []
    for k in np.unique(place):
        inside = (place == k).astype(np.float64)
        share = float(inside.mean())
        value = float(np.mean(inside * psi) / share)
        groups.append(Group(share, Estimate.of(value, inside * (psi - value) / share, cluster)))
    return groups


def policy_gain(
    psi: Matrix, decision: Integers, cost: Sequence[float], cluster: Integers | None = None
) -> Estimate:
    """What a decision brings per customer over contacting nobody, net of cost.

    Parameters
    ----------
    psi
        (n_rows, n_offers), in the unit of the cost: effect on margin.
    decision
        (n_rows,): the offer of each customer, 0 for none, by a rule learnt from other customers.
    cost
        Of contacting a customer with each offer, n_offers.
    """
    net = np.column_stack([np.zeros(len(psi)), psi - np.asarray(cost)])
    gain = net[np.arange(len(psi)), decision]
    return Estimate.of(float(gain.mean()), gain, cluster)


def normalised_qini(outcome: Vector, treated: Vector, score: Vector) -> float:
    """Qini as scikit-uplift 0.5.1 has it (`qini_auc_score`), for comparison only.

    The area is over that of an order which knows every customer's outcome; such an order cannot be
    had. For outcomes of 0 or 1 and one offer.
    """
    perfect = _qini_area(outcome, treated, outcome * treated - outcome * (1 - treated))
    actual = _qini_area(outcome, treated, score)
    return actual / perfect if perfect else 0.0


def _qini_area(outcome: Vector, treated: Vector, score: Vector) -> float:
    """Area between the curve of incremental outcomes and the diagonal."""
    order = np.argsort(score, kind="mergesort")[::-1]
    t, y, s = treated[order], outcome[order], score[order]
    ends = np.append(np.flatnonzero(np.diff(s)), len(s) - 1)
    n = np.append(0, ends + 1)
    n_treated, of_treated = np.cumsum(t)[ends], np.cumsum(y * t)[ends]
    n_control, of_control = np.cumsum(1 - t)[ends], np.cumsum(y * (1 - t))[ends]
    scaled = np.divide(n_treated, n_control, out=np.zeros(len(ends)), where=n_control > 0)
    curve = np.append(0, of_treated - of_control * scaled)
    diagonal = n[-1] * curve[-1] / 2
    return float(np.trapezoid(curve, n) - diagonal)
