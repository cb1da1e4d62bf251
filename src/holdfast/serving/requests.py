"""What is given of a customer whom the run need not know: raw rows, or the features that they
became.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RawHistory:
    """What a customer did, as the shop's systems tell it: one mapping per row, by role
    (occurred_at, order_id, ...).

    Attributes
    ----------
    orders
        A row may hold `raw`: further columns of the source that the study's rules read.
    attributes
        The columns of [customers], as known before the cutoff.
    """

    customer_id: str
    orders: Sequence[Row]
    events: Sequence[Row] = ()
    treatments: Sequence[Row] = ()
    attributes: Row = field(default_factory=dict)


@dataclass(frozen=True)
class Features:
    """One customer's features, by name, and what the caller should know about them."""

    values: dict[str, Any]
    notes: tuple[str, ...] = ()
