"""What a contact costs: the contact itself, and what those cost who take the offer up. How many do
is what past campaigns saw in each segment, and otherwise the share that the study assumes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Vector
from holdfast.campaigns.past.acceptance import Acceptance, learn_acceptance
from holdfast.study import SEGMENT_NAMES, Offer

_LEAST, _MOST = 0.01, 0.99


@dataclass(frozen=True)
class ContactCosts:
    """Costs of the study's offers.

    Attributes
    ----------
    acceptance
        What past campaigns say of all offers; None where they say nothing of any.
    """

    offers: Mapping[str, Offer]
    acceptance: Acceptance | None = None

    @classmethod
    def learn(cls, offers: Mapping[str, Offer], accepted: pl.DataFrame) -> "ContactCosts":
        """Learn the acceptance of the offers.

        Parameters
        ----------
        accepted
            ACCEPTANCE.
        """
        counts = accepted.filter(pl.col("offer").is_in(list(offers)))
        if counts.is_empty():
            return cls(offers)
        assumed = float(np.mean([offers[name].acceptance for name in counts["offer"].unique()]))
        learnt = learn_acceptance(
            counts,
            segments=SEGMENT_NAMES,
            offers=list(offers),
            assumed=min(max(assumed, _LEAST), _MOST),
        )
        return cls(offers, learnt)

    @property
    def measured(self) -> frozenset[str]:
        """Offers whose acceptance past campaigns saw."""
        if self.acceptance is None:
            return frozenset()
        return frozenset(self.acceptance.cells.filter(pl.col("contacted") > 0)["offer"])

    def of_customers(self, segments: pl.Series) -> Matrix | Vector:
        """Currency per customer contacted, by customer and offer, (n, n_offers), or (n_offers,)
        where customers do not differ.

        Parameters
        ----------
        segments
            Of each customer, by which the past tells of it.
        """
        costs = np.array([offer.cost_per_contact for offer in self.offers.values()])
        differ = [name for name in self.measured if self.offers[name].cost_if_accepted > 0]
        if not differ:
            return costs
        assert self.acceptance is not None
        costs = np.tile(costs, (len(segments), 1))
        for name in differ:
            rates = dict(self.acceptance.cells.filter(offer=name).select("segment", "rate").rows())
            rate = segments.replace_strict(rates, return_dtype=pl.Float64).to_numpy()
            offer = self.offers[name]
            costs[:, list(self.offers).index(name)] = offer.cost + rate * offer.cost_if_accepted
        return costs

    def in_cells(self, cells: pl.DataFrame) -> pl.DataFrame:
        """Cells of a plan with what is sure of the cost per contact, and cost_if_accepted, which
        comes at a rate that is not.
        """
        sure, unsure = (
            {name: getattr(self.offers[name], each) for name in self.measured}
            for each in ("cost", "cost_if_accepted")
        )
        offer = pl.col("offer")
        return cells.with_columns(
            cost=offer.replace_strict(sure, default=pl.col("cost"), return_dtype=pl.Float64),
            cost_if_accepted=offer.replace_strict(unsure, default=0.0, return_dtype=pl.Float64),
        )

    def values(self) -> list[dict[str, Any]]:
        """Each offer that can be taken up: offer, acceptance, source ("measured" or "assumed");
        measured, contacted, accepted, and by segment acceptance, low and high, too.
        """
        return [
            each
            for name, offer in self.offers.items()
            for each in [self._value(name, offer)]
            if each["acceptance"] > 0
        ]

    def _value(self, name: str, offer: Offer) -> dict[str, Any]:
        if name not in self.measured:
            return {"offer": name, "acceptance": offer.acceptance, "source": "assumed"}
        assert self.acceptance is not None
        cells = self.acceptance.cells.filter(offer=name)
        contacted, accepted = (int(cells[each].sum()) for each in ("contacted", "accepted"))
        return {
            "offer": name, "acceptance": accepted / contacted, "source": "measured",
            "assumed": offer.acceptance or None, "contacted": contacted, "accepted": accepted,
            "segments": cells.select("segment", "rate", "low", "high").to_dicts(),
        }  # fmt: skip
