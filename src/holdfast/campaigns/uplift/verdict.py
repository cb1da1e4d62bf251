"""What a trial says of an offer: does it work, is there evidence for choosing among customers,
which ranking is proven, and which is harmful.

Whether anything is claimed is decided by tests that hold their level where nothing is going on:
Holm over the mean effect and the interactions of all offers; a named rule by the largest of all
rules' statistics; and a ranking that was learnt only if its Q is 1.96 x sqrt(2) standard errors
above 0, since folds count the evidence twice (decision 63).
"""

from dataclasses import asdict, dataclass, fields
from math import sqrt
from typing import Any, ClassVar, Literal

from holdfast.evaluation.policy import Estimate, Group

LEVEL = 0.05
_LEARNT_Z = 1.959964 * sqrt(2)
TOGETHER = "all rankings together"
Word = Literal["choose", "everyone or nobody", "no effect"]
_FIFTHS = ("last", "fourth", "third", "second", "first")


@dataclass(frozen=True)
class RankingResult:
    """One ranking of customers who had not been seen.

    Attributes
    ----------
    qini, slope
        Q, and the slope of the effect on the score; None where the score is the same for everybody.
    p
        Of a named rule, two-sided, adjusted for the number of rules; None for what was learnt.
    """

    name: str
    qini: Estimate
    slope: Estimate | None
    p: float | None

    @property
    def is_rule(self) -> bool:
        """Whether it was named before the outcome."""
        return self.p is not None

    @property
    def is_proven(self) -> bool:
        """Whether those it puts first certainly gain more than the others."""
        if self.p is not None:
            return self.p < LEVEL and self.qini.value > 0
        return self.qini.value > _LEARNT_Z * self.qini.se

    @property
    def is_harmful(self) -> bool:
        """Whether those it puts first certainly gain less than the others."""
        return self.p is not None and self.p < LEVEL and self.qini.value < 0


@dataclass(frozen=True)
class QiniPoint:
    """What contacting the first of a ranking of unseen customers adds.

    Attributes
    ----------
    ranking
        A named rule, or `TOGETHER`.
    share
        Of the customers, 0..1.
    effect, low, high
        Per customer of all, in the outcome's unit; the ends are of this point's 95 % interval, not
        of a band that holds the whole curve.
    """

    ranking: str
    share: float
    effect: float
    low: float
    high: float


@dataclass(frozen=True)
class OfferVerdict:
    """What is known of one offer.

    Attributes
    ----------
    contacted, held_out
        Rows of the trial in each arm.
    effect
        Mean effect per customer, in the outcome's unit.
    p_effect, p_choice
        Of the mean effect and of the interactions, adjusted by Holm over all offers.
    rankings
        Of unseen customers; none where the interactions show nothing.
    blend
        All of them together, as weighed within the training rows; `heaviest` is what counted most
        there, split by split.
    best_rule, against_rule
        The named rule of the largest Q, and the blend's Q less that rule's.
    groups
        Mean effect by fifths of the blend, the lowest first.
    curve
        The Qini curves of the blend and of the best rule.
    compared_on
        Rows on which rankings were compared.
    """

    uplift_source: ClassVar[str] = "experiment"
    offer: str
    contacted: int
    held_out: int
    effect: Estimate
    p_effect: float
    p_choice: float
    rankings: tuple[RankingResult, ...] = ()
    blend: RankingResult | None = None
    heaviest: tuple[str, ...] = ()
    best_rule: str | None = None
    against_rule: Estimate | None = None
    groups: tuple[Group, ...] = ()
    curve: tuple[QiniPoint, ...] = ()
    compared_on: int = 0

    @property
    def word(self) -> Word:
        """Whether to choose among customers, to contact everyone or nobody, or nothing is known."""
        proven = any(each.is_proven for each in (*self.rankings, self.blend) if each)
        if self.p_choice < LEVEL and proven:
            return "choose"
        return "everyone or nobody" if self.p_effect < LEVEL else "no effect"

    @property
    def beside_rule(self) -> Literal["better", "tie", "worse"] | None:
        """How the blend stands beside the best named rule."""
        if self.against_rule is None:
            return None
        if self.against_rule.low > 0:
            return "better"
        return "worse" if self.against_rule.high < 0 else "tie"

    @property
    def harmful(self) -> tuple[str, ...]:
        """Rules that put those first who gain less than the others."""
        return tuple(each.name for each in self.rankings if each.is_harmful)

    @property
    def persuadable(self) -> tuple[str, ...]:
        """Fifths of the blend's ranking that certainly gain: groups, never customers."""
        if self.word != "choose":
            return ()
        names = _FIFTHS[-len(self.groups) :]
        pairs = zip(names, self.groups, strict=True)
        return tuple(name for name, group in pairs if group.effect.low > 0)

    def as_dict(self) -> dict[str, Any]:
        """The verdict as plain values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **{name: _plain(value) for name, value in values.items()},
            "uplift_source": self.uplift_source,
            "word": self.word,
            "beside_rule": self.beside_rule,
            "harmful": list(self.harmful),
            "persuadable": list(self.persuadable),
        }


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return {"value": value.value, "low": value.low, "high": value.high, "se": value.se}
    if isinstance(value, RankingResult):
        parts = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {**parts, "proven": value.is_proven, "harmful": value.is_harmful}
    if isinstance(value, Group):
        return {"share": value.share, "effect": _plain(value.effect)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
