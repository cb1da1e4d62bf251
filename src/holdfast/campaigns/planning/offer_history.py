"""What is believed of the study's offers: of those that were tried the margin per head that past
experiments let expect in each segment, of the others the rate that is assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from holdfast.campaigns.past.history import (
    Assumed,
    Beliefs,
    History,
    SeparateHistories,
    learn_history,
)
from holdfast.campaigns.past.persistence import LastingBeliefs, Persistence
from holdfast.campaigns.past.readouts import PastCampaigns
from holdfast.errors import StudyError
from holdfast.study import SEGMENT_NAMES, Offer

SOURCES = {
    "measured": "experiment", "pooled": "experiment", "observed": "observed", "assumed": "assumed",
}  # fmt: skip
"""Of a cell's basis, what its uplift comes from."""


_IN_MARGIN = (
    "mean", "deviation", "low", "high", "measured_effect", "measured_error", "assumed",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class OfferHistory:
    """What is believed of the offers.

    Attributes
    ----------
    beliefs
        Cells of segment and offer. The uplift of an offer that was tried is a share of what the
        held-out of the segment brought; that of one that was never tried is a rate.
    rates
        Names of the offers that were never tried.
    base
        Segment -> what the held-out brought, margin per head.
    """

    beliefs: Beliefs
    rates: frozenset[str]
    base: Mapping[str, float]

    def lasting(self, persistence: Persistence | None) -> "OfferHistory":
        """What is left after the days for which a plan claims its return; of an offer that was
        never tried the rate that is assumed.
        """
        if persistence is None:
            return self
        tried = persistence.kappas.filter(~pl.col("offer").is_in(list(self.rates)))
        return replace(
            self, beliefs=LastingBeliefs(self.beliefs, replace(persistence, kappas=tried))
        )

    def table(self) -> pl.DataFrame:
        """The cells, uplift_source, and `unit`: "rate", or "margin" per customer contacted."""
        is_rate = pl.col("offer").is_in(list(self.rates))
        base = pl.col("segment").replace_strict(self.base, default=1.0, return_dtype=pl.Float64)
        return self.beliefs.cells.with_columns(
            pl.col(_IN_MARGIN) * pl.when(is_rate).then(1.0).otherwise(base),
            unit=pl.when(is_rate).then(pl.lit("rate")).otherwise(pl.lit("margin")),
            uplift_source=pl.col("basis").replace_strict(SOURCES, return_dtype=pl.String),
        )


def learn_offers(
    offers: Mapping[str, Offer], past: PastCampaigns, *, at_stake: float
) -> OfferHistory:
    """Learn what each offer adds in each segment; offers that were tried teach each other.

    They do so as shares of what the held-out brought: segments that spend ten times as much are
    alike in these, and not in money. An offer without any experiment learns nothing from others.

    Parameters
    ----------
    at_stake
        Margin at stake of a customer on average: no contact brings much more, and where no rate is
        assumed this is how far from 0 an uplift may be.

    Raises
    ------
    StudyError
        An offer was never tried, and no rate is assumed.
    """
    measured, observed, never = _sort_by_source(offers, past.readouts)
    for name in never:
        if offers[name].rate is None:
            raise StudyError(
                f"nothing says what the offer '{name}' brings: no past campaign made it, and no "
                "rate is assumed",
                fix=f"name its campaigns in [offers.{name}], or give the rate that you assume",
            )
    nothing = past.readouts.clear()
    parts = [_learn(nothing, [name], Assumed(uplift=_rate(offers[name]))) for name in never]
    base, overall = _bases(past.readouts)
    shares = past.readouts.with_columns(
        pl.col("effect", "standard_error")
        / pl.col("segment").replace_strict(base, return_dtype=pl.Float64)
    )
    for tried in (measured, *([name] for name in observed)):
        if tried:
            rates = [_rate(offers[name]) for name in tried if offers[name].rate is not None]
            share = at_stake / overall
            assumed = Assumed(uplift=float(np.mean(rates or [0.0])) * share, spread=share)
            parts.append(_learn(shares.filter(pl.col("offer").is_in(tried)), tried, assumed))
    return OfferHistory(beliefs=SeparateHistories(tuple(parts)), rates=frozenset(never), base=base)


def _sort_by_source(
    offers: Mapping[str, Offer], readouts: pl.DataFrame
) -> tuple[list[str], list[str], list[str]]:
    """Offers with an experiment, those that were only observed, and those never tried."""
    measured = set(readouts.filter(uplift_source="experiment")["offer"])
    tried = set(readouts["offer"])
    return (
        [name for name in offers if name in measured],
        [name for name in offers if name in tried - measured],
        [name for name in offers if name not in tried],
    )


def _rate(offer: Offer) -> float:
    return offer.rate or 0.0


def _bases(readouts: pl.DataFrame) -> tuple[dict[str, float], float]:
    """What the held-out brought in each segment and in all; where they brought nothing, or nobody
    was held out, as in all.
    """
    held = readouts.drop_nulls("mean_held_out")
    brought = pl.col("mean_held_out") * pl.col("held_out")
    mean = brought.sum() / pl.col("held_out").sum()
    by_segment = dict(held.group_by("segment").agg(mean).iter_rows())
    overall = held.select(mean).item() if held.height else None
    overall = overall if overall is not None and overall > 0 else 1.0
    of = {name: by_segment.get(name) or overall for name in SEGMENT_NAMES}
    return {name: each if each > 0 else overall for name, each in of.items()}, overall


def _learn(readouts: pl.DataFrame, offers: list[str], assumed: Assumed) -> History:
    return learn_history(readouts, segments=SEGMENT_NAMES, offers=offers, assumed=assumed)
