"""What a customer is worth to keep, what keeping would cost and bring under assumed rates, and what
later money is worth today. Every page, table and plan takes it from here.

One customer: whoever is kept brings `value_if_kept` within the horizon of value, whoever is lost
brings nothing. Whoever has left already cannot be kept, so that `at_stake = P(still a customer, and
lost within the horizon) x value_if_kept` is what a campaign can save at most. A contact that keeps
a share `rate` of those who would be lost earns `margin_rate x rate x at_stake`, with the customer's
own rate (`customer_margins`), and costs `cost + acceptance x cost_if_accepted`.
"""

import math
from collections.abc import Mapping

import numpy as np
import polars as pl

from holdfast import study, tables
from holdfast.arrays import Vector
from holdfast.windows import YEAR_DAYS

LEAST_STAYING = 0.05  # decision 61
"""A chance to stay is not known to be smaller than that: what is expected of a customer is divided
by it."""


def value_at_stake(
    scores: pl.DataFrame,
    horizons: pl.DataFrame | None = None,
    *,
    horizon_days: int = 0,
    contractual: bool = False,
) -> pl.DataFrame:
    """Fill in what each customer brings if kept, and what is at stake.

    Of an order log, lost is who buys nothing over the horizon of value, so that what is expected of
    a customer is P(kept) x value_if_kept; still a customer is who has not left yet, P(alive). With
    a contract everybody is a customer still. Of a snapshot, whose value is no outcome of a window,
    lost is who churns, and value_if_kept is the value itself.

    Parameters
    ----------
    scores
        SCORES.
    horizons
        HORIZONS of an order log; None for a snapshot.
    horizon_days
        Of value.
    contractual
        Whether customers have a contract, so that P(alive) says that the next charge comes.

    Returns
    -------
    polars.DataFrame
        SCORES.
    """
    value = pl.col("expected_revenue").clip(0)
    if horizons is None:
        kept, lost = value, pl.col("churn_probability")
    else:
        silent = horizons.filter(horizon_days=horizon_days).select(
            "customer_id", lost="churn_probability"
        )
        scores = scores.join(silent, on="customer_id", how="left", maintain_order="left")
        stays = 1 - pl.col("lost")
        alive = pl.lit(1.0) if contractual else pl.col("p_alive").fill_null(1.0)
        kept, lost = value / stays.clip(LEAST_STAYING), (alive - stays).clip(0)
    filled = scores.with_columns(value_if_kept=kept, at_stake=lost * kept)
    return tables.SCORES.check(filled.select(tables.SCORES.schema.names()))


def margin_rate(customers: pl.DataFrame, settings: study.Study) -> pl.Expr:
    """Margin on revenue of each customer of SCORES: their own where the lines of the study's log
    have margins and the run knows them, or else the study's one rate.
    """
    one = settings.value.margin_rate
    if not settings.has_line_margins or "margin_rate" not in customers.columns:
        return pl.lit(one)
    return pl.col("margin_rate").fill_null(one)


def one_rate(segments: pl.DataFrame, settings: study.Study) -> float | None:
    """The study's one rate for all segments; None where their customers have their own."""
    has_own = settings.has_line_margins and "margin_at_stake" in segments.columns
    return None if has_own else settings.value.margin_rate


def recovery(
    segments: pl.DataFrame,
    settings: Mapping[str, study.Recovery],
    *,
    margin_rate: float | None = None,
) -> pl.DataFrame:
    """Simulate one campaign for each at-risk segment that the study gives a cost and a rate.

    `invested = customers x (cost + acceptance x cost_if_accepted)`, `recovered = rate x
    margin_at_stake`, `net = recovered - invested`. With `of = "everyone"` every customer counts as
    lost, as in the original system: `recovered = rate x margin_if_kept`. The rates are
    nobody's measurement, so each row is labelled `assumed` and says at which rate it would only
    break even.

    Parameters
    ----------
    segments
        One row per segment, by the contract `tables.SEGMENTS`. In a run older than `at_stake` the
        rate is a share of all expected revenue, as it was when the run was made.
    settings
        Segment -> terms.
    margin_rate
        Share of revenue that is margin, in place of each customer's own.

    Returns
    -------
    polars.DataFrame
        One row per segment of `settings`, in the order of `study.AT_RISK_SEGMENTS`; by
        `tables.RECOVERY`.

    Examples
    --------
    >>> sums = {"customers": 10, "value_if_kept": 2500.0, "at_stake": 1000.0}
    >>> terms = {"Vulnerable": study.Recovery(cost=25, rate=0.35)}
    >>> segments = pl.DataFrame([{"segment": "Vulnerable", **sums}])
    >>> recovery(segments, terms, margin_rate=1).row(0)[4:]
    (250.0, 350.0, 100.0, 40.0, 0.25, 'assumed')
    """
    terms = {name: settings[name] for name in study.AT_RISK_SEGMENTS if name in settings}
    schema = {"segment": pl.String, "cost": pl.Float64, "rate": pl.Float64, "everyone": pl.Boolean}
    rows = [(name, t.cost_per_contact, t.rate, t.of == "everyone") for name, t in terms.items()]
    assumed = pl.DataFrame(rows, schema=schema, orient="row")
    if "at_stake" not in segments.columns:
        segments = segments.with_columns(value_if_kept="total_ltv", at_stake="total_ltv")
    if margin_rate is not None:
        segments = segments.with_columns(
            margin_if_kept=pl.col("value_if_kept") * margin_rate,
            margin_at_stake=pl.col("at_stake") * margin_rate,
        )
    value = pl.when("everyone").then("margin_if_kept").otherwise("margin_at_stake")
    plan = (
        assumed.join(segments, on="segment", how="left", maintain_order="left")
        .with_columns(pl.col("customers", "margin_if_kept", "margin_at_stake").fill_null(0))
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
