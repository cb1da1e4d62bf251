"""Two audiences of one run beside each other: whom both contact, and what each costs and brings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.campaigns.audience import Audience

COMPARED = ("contacted", "held_out", "saves", "invested", "recovered", "net")


@dataclass(frozen=True, kw_only=True)
class AudienceComparison:
    """What two audiences share.

    Attributes
    ----------
    in_both, only_first, only_second
        Customers who are contacted.
    rows
        Of each audience its name and `COMPARED` of its figures: counts, customers expected to stay
        because of it, currency.
    """

    in_both: int
    only_first: int
    only_second: int
    rows: tuple[Mapping[str, Any], ...]


def compare_audiences(first: Audience, second: Audience) -> AudienceComparison:
    """Compare whom two audiences contact, and what they come to."""
    one, other = (set(each.contacts["customer_id"]) for each in (first, second))
    return AudienceComparison(
        in_both=len(one & other),
        only_first=len(one - other),
        only_second=len(other - one),
        rows=tuple(
            {"audience": each.rule.name} | {name: each.figures[name] for name in COMPARED}
            for each in (first, second)
        ),
    )
