"""What keeping customers at risk would cost and bring under assumed rates, and what later money is
worth today.
"""

import math
from collections.abc import Mapping

import numpy as np
import polars as pl

from holdfast import study, tables
from holdfast.arrays import Vector
from holdfast.windows import YEAR_DAYS


def recovery(
    segments: pl.DataFrame, settings: Mapping[str, study.Recovery], *, margin_rate: float = 1.0
) -> pl.DataFrame:
    """Simulate one campaign for each at-risk segment that the study gives a cost and a rate.

    `invested = customers x cost`, `recovered = total value x margin_rate x rate`, `net = recovered
    - invested`. The rates are nobody's measurement, so each row is labelled `assumed` and says at
    which rate it would only break even.

    Parameters
    ----------
    segments
        One row per segment, by the contract `tables.SEGMENTS`.
    settings
        Segment -> cost in the currency per customer, and share of the value recovered.
    margin_rate
        Share of revenue that is margin, 0..1.

    Returns
    -------
    polars.DataFrame
        One row per segment of `settings`, in the order of `study.AT_RISK_SEGMENTS`; by
        `tables.RECOVERY`.

    Examples
    --------
    >>> row = {"segment": "Vulnerable", "customers": 10, "total_ltv": 1000.0}
    >>> terms = {"Vulnerable": study.Recovery(cost=25, rate=0.35)}
    >>> recovery(pl.DataFrame([row]), terms).row(0)[4:]
    (250.0, 350.0, 100.0, 40.0, 0.25, 'assumed')
    """
    assumed = pl.DataFrame(
        [
            (name, settings[name].cost, settings[name].rate)
            for name in study.AT_RISK_SEGMENTS
            if name in settings
        ],
        schema={"segment": pl.String, "cost": pl.Float64, "rate": pl.Float64},
        orient="row",
    )
    value = pl.col("total_ltv") * margin_rate
    plan = (
        assumed.join(segments, on="segment", how="left", maintain_order="left")
        .with_columns(pl.col("customers", "total_ltv").fill_null(0))
        .with_columns(
            invested=pl.col("customers") * pl.col("cost"), recovered=value * pl.col("rate")
        )
        .with_columns(net=pl.col("recovered") - pl.col("invested"))
        .with_columns(
            roi_percent=_null_unless(
                100 * pl.col("net") / pl.col("invested"), where=pl.col("invested") > 0
            ),
            break_even_rate=_null_unless(pl.col("invested") / value, where=value > 0),
            uplift_source=pl.lit("assumed"),
        )
    )
    return tables.RECOVERY.check(plan.select(tables.RECOVERY.schema.names()))


def _null_unless(ratio: pl.Expr, *, where: pl.Expr) -> pl.Expr:
    """The ratio; null where it is not defined, or beyond what a number can hold."""
    return pl.when(where & ratio.is_finite()).then(ratio)


def totals(plan: pl.DataFrame) -> dict[str, float | None]:
    """Add up a recovery table: `invested`, `recovered`, `net` in the currency and `roi_percent`.

    The ROI is None where nothing is invested.
    """
    invested, recovered = (float(sum(plan[column])) for column in ("invested", "recovered"))
    roi_percent = 100 * (recovered - invested) / invested if invested > 0 else math.inf
    return {
        "invested": invested,
        "recovered": recovered,
        "net": recovered - invested,
        "roi_percent": roi_percent if math.isfinite(roi_percent) else None,
    }


def present_value(margin: Mapping[int, Vector], *, rate_per_year: float) -> dict[int, Vector]:
    """Discount what comes within each horizon to the cutoff; each increment as if it came in the
    middle of its days.

    Parameters
    ----------
    margin
        Horizon in days -> margin within it, currency, (n_customers,).
    rate_per_year
        0.1: a unit in a year is worth 1 / 1.1 today.

    Examples
    --------
    >>> present_value({365: np.array([110.0])}, rate_per_year=0.21)[365].round(6)
    array([100.])
    """
    worth, total, before, start = {}, np.zeros(1), np.zeros(1), 0
    for days in sorted(margin):
        middle = (start + days) / 2 / YEAR_DAYS
        total = total + (margin[days] - before) * (1 + rate_per_year) ** -middle
        worth[days], before, start = total, margin[days], days
    return worth
