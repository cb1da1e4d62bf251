"""Recovery: what a campaign would cost and bring if its cost, rate and reach were others than the
study's, and between what its net return may lie.

Two things are uncertain. The rate is nobody's measurement: it lies between a low and a high one.
And the value that it is a share of is a sum of predictions, which past cutoffs showed to be off.
The range spans both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from holdfast.campaigns import economics
from holdfast.errors import DataError, nearest
from holdfast.evaluation.totals import Range, range_of, total_ratios
from holdfast.study import AT_RISK_SEGMENTS, Recovery, Study

_SPREAD = 0.5
_SUMS = ("total_ltv", "value_if_kept", "at_stake", "margin_if_kept", "margin_at_stake")


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """One segment's campaign.

    Attributes
    ----------
    cost
        Currency per customer contacted.
    rate
        Share kept of those contacted who would be lost, 0..1.
    low_rate, high_rate
        Between them the rate lies; None: half of it, and half as much again.
    reach
        Share of the segment that is contacted, 0..1.
    of
        Whom the rate is a share of: "lost", or "everyone".
    """

    cost: float
    rate: float
    low_rate: float | None = None
    high_rate: float | None = None
    reach: float = 1.0
    of: Literal["lost", "everyone"] = "lost"

    @property
    def rate_range(self) -> Range:
        """The lowest and the highest rate, 0..1."""
        low = self.rate * (1 - _SPREAD) if self.low_rate is None else self.low_rate
        high = self.rate * (1 + _SPREAD) if self.high_rate is None else self.high_rate
        return Range(low, min(high, 1.0))


def campaigns_of(study: Study) -> dict[str, Campaign]:
    """The study's own assumptions, everyone contacted."""
    return {
        name: Campaign(cost=terms.cost_per_contact, rate=terms.rate, of=terms.of)
        for name in AT_RISK_SEGMENTS
        if (terms := study.recovery.get(name)) is not None
    }


def simulate_recovery(
    segments: pl.DataFrame,
    campaigns: Mapping[str, Campaign],
    evidence: pl.DataFrame,
    *,
    margin_rate: float | None = None,
) -> pl.DataFrame:
    """Simulate one campaign per segment.

    Whoever is contacted is worth what the segment is worth on average; a fraction of a customer is
    not contacted.

    Parameters
    ----------
    segments, evidence
        SEGMENTS and EVIDENCE of a run.
    margin_rate
        As in `economics.recovery`.

    Returns
    -------
    polars.DataFrame
        RECOVERY, and recovered_low, recovered_high, net_low and net_high: from the low rate to the
        high one, and as far off as the total of expected revenue was at the past cutoffs, if any.

    Raises
    ------
    DataError
        A segment is not one at risk, or a range does not hold its rate.
    """
    for name in campaigns:
        if name not in AT_RISK_SEGMENTS:
            fix = nearest(name, AT_RISK_SEGMENTS)
            raise DataError(f"'{name}' is no segment of high risk", fix=fix, segment=name)
    contacted = _contact(segments, campaigns)
    rates = {name: (each.rate, *_check_range(name, each)) for name, each in campaigns.items()}
    plan, low, high = (
        economics.recovery(
            contacted,
            {
                name: Recovery(cost=each.cost, rate=rates[name][i], of=each.of)
                for name, each in campaigns.items()
            },
            margin_rate=margin_rate,
        )
        for i in range(3)
    )
    ranges = [
        _span(ends, evidence) for ends in zip(low["recovered"], high["recovered"], strict=True)
    ]
    return plan.with_columns(
        pl.Series(f"recovered_{end}", [getattr(each, end) for each in ranges], dtype=pl.Float64)
        for end in Range._fields
    ).with_columns(
        (pl.col(f"recovered_{end}") - pl.col("invested")).alias(f"net_{end}")
        for end in Range._fields
    )


def add_up(plan: pl.DataFrame) -> dict[str, Any]:
    """Add up what `simulate_recovery` gives: `economics.totals`, and net_low and net_high."""
    return {
        **economics.totals(plan),
        **{f"net_{end}": float(plan[f"net_{end}"].sum()) for end in Range._fields},
    }


def explain_range(evidence: pl.DataFrame) -> str:
    """Say what the range of a plan spans."""
    rates = (
        "from the low to the high rate (where none is given, half the rate and half as much again)"
    )
    if not total_ratios(evidence):
        return f"{rates}, with the total of expected revenue as far off as on other logs"
    return f"{rates}, with the total of expected revenue as far off as past totals suggest"


def _contact(segments: pl.DataFrame, campaigns: Mapping[str, Campaign]) -> pl.DataFrame:
    """The segments, cut down to the customers that a campaign reaches."""
    reach = {name: each.reach for name, each in campaigns.items()}
    share = pl.col("segment").replace_strict(reach, default=0.0, return_dtype=pl.Float64)
    contacted = (pl.col("customers") * share).floor().cast(pl.Int64)
    part = pl.when(pl.col("customers") > 0).then(contacted / pl.col("customers")).otherwise(0.0)
    sums = [name for name in _SUMS if name in segments.columns]
    return segments.with_columns(pl.col(sums) * part, customers=contacted)


def _check_range(name: str, campaign: Campaign) -> Range:
    low, high = campaign.rate_range
    if not low <= campaign.rate <= high:
        raise DataError(
            f"the rate {campaign.rate:g} of '{name}' is not within {low:g}..{high:g}",
            fix="widen the range",
        )
    return Range(low, high)


def _span(amounts: tuple[float, float], evidence: pl.DataFrame) -> Range:
    """The lowest and the highest that one of the amounts may come out at."""
    ends = [end for amount in amounts for end in range_of(amount, evidence)]
    return Range(min(ends), max(ends))
