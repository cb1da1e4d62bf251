"""What if: the recovery simulation of a published run under other costs and rates, told with its
range.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from holdfast.campaigns import economics
from holdfast.errors import DataError, nearest
from holdfast.study import AT_RISK_SEGMENTS, Recovery, Study

_SPREAD = 0.5


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """What keeping one segment would take and bring.

    Attributes
    ----------
    cost
        Currency per customer contacted.
    rate
        Share of the segment's expected revenue that is recovered, 0..1.
    low_rate, high_rate
        Between them the rate lies; None: half of it, and half as much again.
    """

    cost: float
    rate: float
    low_rate: float | None = None
    high_rate: float | None = None


def recovery_what_if(
    study: Study,
    segments: pl.DataFrame,
    assumed: Mapping[str, Assumption],
    *,
    margin_rate: float | None = None,
) -> dict[str, Any]:
    """Simulate one campaign per segment.

    Parameters
    ----------
    segments
        SEGMENTS of a run.
    assumed
        Segment -> assumption, over the study's own; empty: the study's.
    margin_rate
        Share of revenue that is margin; None: the study's.

    Returns
    -------
    dict
        `segments`, one entry per campaign with `recovered`, `net` and their `_low` and `_high`;
        `total`; `uplift_source`.

    Raises
    ------
    DataError
        A segment is not one at risk, or a range does not hold its rate.
    """
    plans = {
        name: Assumption(cost=told.cost, rate=told.rate) for name, told in study.recovery.items()
    }
    for name, assumption in assumed.items():
        if name not in AT_RISK_SEGMENTS:
            raise DataError(
                f"'{name}' is no segment at risk", fix=nearest(name, AT_RISK_SEGMENTS), segment=name
            )
        plans[name] = assumption
    margin = study.value.margin_rate if margin_rate is None else margin_rate
    found = {
        which: economics.recovery(segments, _rates(plans, which), margin_rate=margin)
        for which in ("rate", "low", "high")
    }
    rows = [
        {**middle, **_ends("recovered", low, high), **_ends("net", low, high)}
        for middle, low, high in zip(
            *(found[which].to_dicts() for which in ("rate", "low", "high")), strict=True
        )
    ]
    totals = {which: economics.totals(table) for which, table in found.items()}
    return {
        "segments": rows,
        "total": {**totals["rate"], **_ends("net", totals["low"], totals["high"])},
        "margin_rate": margin,
        "uplift_source": "assumed",
        "range": "from the low to the high rate; where none is given, from half the rate to half "
        "as much again",
    }


def _rates(plans: Mapping[str, Assumption], which: str) -> dict[str, Recovery]:
    return {
        name: Recovery(cost=plan.cost, rate=_rate(name, plan, which))
        for name, plan in plans.items()
    }


def _rate(name: str, plan: Assumption, which: str) -> float:
    low = plan.rate * _SPREAD if plan.low_rate is None else plan.low_rate
    high = min(plan.rate * (1 + _SPREAD), 1.0) if plan.high_rate is None else plan.high_rate
    if not low <= plan.rate <= high:
        raise DataError(
            f"the rate {plan.rate:g} of '{name}' is not within {low:g}..{high:g}",
            fix="widen the range",
        )
    return {"rate": plan.rate, "low": low, "high": high}[which]


def _ends(column: str, low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{column}_low": low[column], f"{column}_high": high[column]}
