"""Horizons: what is expected of each customer over every horizon of the study."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.campaigns.economics import margin_rate, present_value, value_at_stake
from holdfast.evaluation.totals import level_errors
from holdfast.models.fitted_models import FittedModels
from holdfast.models.horizon_chain import expected_purchases, waiting_days
from holdfast.models.prediction_intervals import BOUNDS, Intervals
from holdfast.models.purchase_counts import CountModel, RenewalModel
from holdfast.models.revenue_forecast import COMPANY, Noise, forecast, sum_up, totals
from holdfast.study import Study
from holdfast.tables import FORECAST, HORIZONS

SOLID_PURCHASES = 4


def horizons_table(
    study: Study, models: FittedModels, frame: pl.DataFrame, scores: pl.DataFrame
) -> pl.DataFrame:
    """HORIZONS of scored customers, by the models of an order log.

    Parameters
    ----------
    frame
        Features, one row per customer.
    scores
        Their customer_id, churn_probability and expected_revenue, which stand at the tasks' own
        horizons; and their margin_rate, without which they have the study's.
    """
    assert models.horizons is not None
    assert models.counts is not None
    ordered = frame.select("customer_id").join(scores, on="customer_id", maintain_order="left")
    probability = ordered["churn_probability"].to_numpy()
    silent = models.horizons.silent(models.churn, frame, probability)
    counts = models.counts.ahead(frame, list(silent))
    purchases = expected_purchases(silent, dict(zip(silent, counts, strict=True)))
    earned: Mapping[int, Vector] = {}
    intervals: Mapping[int, Intervals] = {}
    if models.value is not None:
        expected = ordered["expected_revenue"].to_numpy()
        earned = models.horizons.predict_revenue(models.value, frame, expected)
        intervals = models.horizons.intervals_of(models.value, frame, silent, earned)
    rate = ordered.select(rate=margin_rate(scores, study))["rate"].to_numpy()
    margin = {days: money * rate for days, money in earned.items()}
    worth = present_value(margin, rate_per_year=study.value.discount_rate_per_year)
    names = dict(zip(BOUNDS, ("median_revenue", *BOUNDS[1:]), strict=True))
    parts = []
    for days in sorted(silent):
        columns: dict[str, Vector | None] = {
            "churn_probability": silent[days],
            "expected_purchases": purchases[days],
            "expected_revenue": earned.get(days),
            **{names[bound]: getattr(intervals.get(days), bound, None) for bound in BOUNDS},
            "expected_margin": margin.get(days),
            "clv": worth.get(days),
        }
        length = pl.lit(days, pl.Int32).alias("horizon_days")
        series = [
            pl.Series(name, [None] * frame.height if values is None else values, dtype=pl.Float64)
            for name, values in columns.items()
        ]
        parts.append(frame.select("customer_id", length).with_columns(series))
    return HORIZONS.check(pl.concat(parts).select(HORIZONS.schema.names()).sort(HORIZONS.grain))


def horizon_columns(
    study: Study, models: FittedModels, frame: pl.DataFrame, horizons: pl.DataFrame
) -> pl.DataFrame:
    """The columns of SCORES beside those of the two models: one row per customer."""
    assert models.counts is not None
    value = horizons.filter(horizon_days=study.value.horizon_days).select(
        "customer_id", "median_revenue", revenue_low_80="low_80", revenue_high_80="high_80"
    )
    churn = horizons.filter(horizon_days=study.churn.horizon_days).select(
        "customer_id", "expected_purchases"
    )
    wide = frame.select("customer_id").join(
        horizons.pivot("horizon_days", index="customer_id", values="churn_probability"),
        on="customer_id",
        maintain_order="left",
    )
    silent = {days: wide[str(days)].to_numpy() for days in study.all_horizons}
    by_customer = frame.select(
        "customer_id",
        pl.Series("p_alive", models.counts.p_alive(frame), dtype=pl.Float64),
        next_purchase_day=pl.Series(_next_days(models.counts, frame, silent))
        .fill_nan(None)
        .cast(pl.Int32),
        evidence_level=evidence_level(horizon_days=study.churn.horizon_days),
    )
    return by_customer.join(value, on="customer_id", how="left").join(
        churn, on="customer_id", how="left"
    )


def _next_days(
    counts: CountModel | RenewalModel, frame: pl.DataFrame, silent: Mapping[int, Vector]
) -> Vector:
    if isinstance(counts, RenewalModel):
        return counts.due_day(frame)
    return frame["cutoff_day"].to_numpy() + np.ceil(waiting_days(silent)) - 1


def evidence_level(*, horizon_days: int) -> pl.Expr:
    """How much of a customer has been seen: "cold start" is one purchase, "solid" four over at
    least a horizon.
    """
    solid = (pl.col("n_purchases") >= SOLID_PURCHASES) & (pl.col("tenure_days") >= horizon_days)
    return (
        pl.when(pl.col("n_purchases") <= 1)
        .then(pl.lit("cold start"))
        .when(solid)
        .then(pl.lit("solid"))
        .otherwise(pl.lit("thin"))
    )


def look_ahead(
    study: Study, models: FittedModels, frame: pl.DataFrame, scores: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add what is expected over every horizon to the scores of customers.

    Parameters
    ----------
    frame, scores
        As for `horizons_table`; SCORES.

    Returns
    -------
    tuple
        SCORES and HORIZONS.
    """
    horizons = horizons_table(study, models, frame, scores)
    added = horizon_columns(study, models, frame, horizons)
    kept = scores.drop([name for name in added.columns if name != "customer_id"])
    enriched = kept.join(added, on="customer_id", how="left", maintain_order="left")
    at_stake = value_at_stake(
        enriched,
        horizons,
        horizon_days=study.value.horizon_days,
        contractual=study.churn.kind == "contractual",
    )
    return at_stake, horizons


def sum_up_groups(
    frame: pl.DataFrame, scores: pl.DataFrame, horizons: pl.DataFrame
) -> pl.DataFrame:
    """The sums of `revenue_forecast.sum_up` by cohort (the quarter of the first purchase) and by
    segment.
    """
    first = pl.from_epoch(pl.col("cutoff_day") - pl.col("tenure_days"), time_unit="d")
    quarter = pl.format("{}-Q{}", first.dt.year(), first.dt.quarter())
    groups = {
        "cohort": frame.select("customer_id", group=quarter),
        "segment": scores.select("customer_id", group="segment"),
    }
    return sum_up(horizons, groups)


@dataclass(frozen=True)
class CompanyForecast:
    """What everybody together will bring: FORECAST, and its totals for the summary."""

    weeks: pl.DataFrame
    summary: Mapping[str, Any]


def forecast_company(
    study: Study,
    models: FittedModels,
    sums: pl.DataFrame,
    horizon_evidence: pl.DataFrame,
    days: pl.DataFrame,
) -> CompanyForecast:
    """Spread what is expected over the weeks to come.

    Parameters
    ----------
    sums
        Of `sum_up_groups`, over all customers.
    horizon_evidence
        HORIZON_EVIDENCE: how far off totals were gives the interval of the forecast.
    days
        DAYS of the log.
    """
    assert models.counts is not None
    weeks, whole = FORECAST.empty(), []
    if models.value:
        lifts, now = models.promotions.revenue, int(days["day"].to_numpy()[-1]) + 1
        usual = days.with_columns(
            revenue=pl.col("revenue") / lifts.of(days["day"].cast(pl.Int64).to_numpy())
        )
        errors = level_errors(horizon_evidence, study.all_horizons)
        widths = {length: error.log_width() for length, error in errors.items()}
        noise = Noise.learn(widths, usual)
        ahead = now + np.arange(max(study.all_horizons))
        shape = models.counts.pace(ahead) * lifts.of(ahead)
        weeks = forecast(sums, now=now, shape=shape, noise=noise)
        whole = totals(sums, noise).to_dicts()
    totals_of = {str(row["horizon_days"]): row for row in whole}
    summary = {
        "expected_revenue": {days: row["expected_revenue"] for days, row in totals_of.items()},
        "interval_80": {days: [row["low_80"], row["high_80"]] for days, row in totals_of.items()},
        "weeks": weeks.filter(pl.col("group_kind") == COMPANY).height,
    }
    return CompanyForecast(weeks, summary)
