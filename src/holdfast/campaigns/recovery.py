"""Recovery: what a campaign would cost and bring if its cost, rate and reach were others than the
study's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from holdfast.campaigns import economics
from holdfast.evaluation.totals import range_of
from holdfast.study import AT_RISK_SEGMENTS, Recovery, Study


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """One segment's campaign.

    Attributes
    ----------
    cost
        Currency per customer contacted.
    rate
        Share of the value of those contacted that is recovered, 0..1.
    reach
        Share of the segment that is contacted, 0..1.
    """

    cost: float
    rate: float
    reach: float = 1.0


def campaigns_of(study: Study) -> dict[str, Campaign]:
    """The study's own assumptions, everyone contacted."""
    return {
        name: Campaign(cost=study.recovery[name].cost, rate=study.recovery[name].rate)
        for name in AT_RISK_SEGMENTS
        if name in study.recovery
    }


def simulate_recovery(
    segments: pl.DataFrame,
    campaigns: Mapping[str, Campaign],
    evidence: pl.DataFrame,
    *,
    margin_rate: float,
) -> pl.DataFrame:
    """Simulate one campaign per segment.

    Whoever is contacted is worth what the segment is worth on average; a fraction of a customer is
    not contacted.

    Returns
    -------
    polars.DataFrame
        RECOVERY, and net_low and net_high: net if the total of expected revenue is off as it was at
        the past cutoffs (null where there are none).
    """
    reached = _reached(segments, campaigns)
    settings = {name: Recovery(cost=each.cost, rate=each.rate) for name, each in campaigns.items()}
    plan = economics.recovery(reached, settings, margin_rate=margin_rate)
    ranges = [range_of(amount, evidence) for amount in plan["recovered"]]
    ends = {
        f"net_{name}": pl.Series(
            [None if each is None else each[side] for each in ranges], dtype=pl.Float64
        )
        for side, name in enumerate(("low", "high"))
    }
    return plan.with_columns(**ends).with_columns(
        pl.col("net_low", "net_high") - pl.col("invested")
    )


def _reached(segments: pl.DataFrame, campaigns: Mapping[str, Campaign]) -> pl.DataFrame:
    reach = {name: each.reach for name, each in campaigns.items()}
    share = pl.col("segment").replace_strict(reach, default=0.0, return_dtype=pl.Float64)
    contacted = (pl.col("customers") * share).floor().cast(pl.Int64)
    return segments.with_columns(customers=contacted, total_ltv=pl.col("average_ltv") * contacted)
