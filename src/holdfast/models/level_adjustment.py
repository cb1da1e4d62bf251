"""Level: how many of today's customers will stay silent, and what they will bring, by the laws of
buying.

Learnt models know who is likelier to come back than whom, and how many came back in the windows
learnt from. Where none of these lay a year before the coming one, that is the level of another
season; and in a young log whatever adds up with time (orders, spend, tenure) promises more than it
did of those learnt from. The laws tell histories of any length, in the shop's own time: their mean
is most of the level then, and who is likelier than whom stays as it was learnt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from holdfast.arrays import Vector

if TYPE_CHECKING:
    from holdfast.models.purchase_counts import CountModel, SpendLaw
    from holdfast.models.value import ValueModel

TRUST = 0.75
"""How far the level goes from what was learnt to what the laws tell, in ratio."""
_REACH = 30.0
_EXACT = 1e-9


@dataclass(frozen=True)
class Today:
    """The customers at the cutoff of a fit, and the count model fitted there."""

    frame: pl.DataFrame
    counts: "CountModel"

    def silent(self, horizons_days: Sequence[int]) -> dict[int, float]:
        """The share that will not buy, by horizon."""
        told = self.counts.ahead(self.frame, horizons_days)
        return {
            days: float(none.mean()) for days, (_, none) in zip(horizons_days, told, strict=True)
        }


def money_over(model: "ValueModel", law: "SpendLaw", frame: pl.DataFrame) -> float:
    """What a law tells of the customers' revenue, in all, over what a model does: between half and
    twice.

    1 where one of them expects nothing.
    """
    told, learnt = float(law.revenue(frame).sum()), float(model.predict(frame).sum())
    return min(max(told / learnt, 0.5), 2.0) if min(told, learnt) > 0 else 1.0


def livelier(model: "ValueModel", factor: float) -> "ValueModel":
    """The model in a season so much livelier; its median and intervals follow."""
    spread = model.spread and replace(model.spread, season=model.spread.season * factor)
    return replace(model, level=model.level * factor, spread=spread)


def reached(mean: Callable[[float], float], share: float) -> float:
    """The factor between 1/30 and 30 at which a falling mean is `share`; the nearer end where none
    of them is.

    >>> round(reached(lambda factor: 0.5**factor, 0.25), 6)
    2.0
    """
    from scipy.optimize import brentq

    low, high = 1 / _REACH, _REACH
    if mean(low) <= share:
        return low
    if mean(high) >= share:
        return high
    return float(brentq(lambda factor: mean(factor) - share, low, high, xtol=_EXACT))


def powered(probability: Vector, share: float) -> float:
    """The power of the probabilities, (n,), at which their mean is `share`."""
    return reached(lambda power: float((probability**power).mean()), share)


def towards(learnt: float, told: float) -> float:
    """A factor most of the way from the learnt one to the one that laws tell.

    >>> towards(1.0, 16.0)
    8.0
    """
    return float(learnt ** (1 - TRUST) * told**TRUST)
