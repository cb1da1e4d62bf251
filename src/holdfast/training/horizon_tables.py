"""Horizons: what is expected of each customer over every horizon of the study."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.campaigns.economics import present_value
from holdfast.evaluation.evidence import CHAMPION
from holdfast.findings import Finding
from holdfast.models.churn import ChurnModel
from holdfast.models.horizon_chain import HorizonModel, expected_purchases, waiting_days
from holdfast.models.promotions import NO_PROMOTIONS, Lifts, Promotions
from holdfast.models.purchase_counts import CountModel
from holdfast.models.revenue_forecast import COMPANY, Noise, forecast, shape_of, totals
from holdfast.models.value import ValueModel
from holdfast.study import Study
from holdfast.tables import FORECAST, HORIZONS, SCORES

if TYPE_CHECKING:
    from holdfast.training.fit import Fitted
    from holdfast.training.training_data import History

SOLID_PURCHASES = 4


@dataclass(frozen=True)
class Ahead:
    """Everything that looks ahead: the models of churn and value, of counts, and what the other
    horizons add.

    A run's promotions are in its models already; what is told of the weeks needs them once more.
    """

    churn: ChurnModel
    value: ValueModel | None
    horizons: HorizonModel
    counts: CountModel
    promotions: Promotions = NO_PROMOTIONS

    def parts(self) -> dict[str, bytes]:
        """The files of what is not a task of its own, below the folder of models."""
        own = {"horizons": self.horizons.parts(), "counts": self.counts.parts()}
        return {
            f"{folder}/{name}": data
            for folder, files in own.items()
            for name, data in files.items()
        }


def look_ahead(
    study: Study, history: "History", fitted: "Fitted"
) -> tuple[Ahead, tuple[Finding, ...]]:
    """Fit the counts of purchases and join them to what was fitted before."""
    from holdfast.training.training_data import counts_at, promotions_at

    churn, value = fitted.models["churn"], fitted.models.get("value")
    assert isinstance(churn, ChurnModel)
    assert value is None or isinstance(value, ValueModel)
    assert fitted.horizons is not None
    promotions = promotions_at(study, history, now=history.end_day)
    counts, said = counts_at(study, history, now=history.end_day)
    return Ahead(churn, value, fitted.horizons, counts, promotions), said


def horizons_table(
    study: Study, ahead: Ahead, frame: pl.DataFrame, scores: pl.DataFrame
) -> pl.DataFrame:
    """HORIZONS of scored customers.

    Parameters
    ----------
    frame
        Features, one row per customer.
    scores
        Their customer_id, churn_probability and expected_revenue, which stand at the tasks' own
        horizons.
    """
    said = frame.select("customer_id").join(scores, on="customer_id", maintain_order="left")
    probability = said["churn_probability"].to_numpy()
    silent = ahead.horizons.silent(ahead.churn, frame, probability)
    purchases = expected_purchases(
        silent, dict(zip(silent, ahead.counts.ahead(frame, list(silent)), strict=True))
    )
    earned: Mapping[int, Vector] = {}
    spread = {}
    if ahead.value is not None:
        earned = ahead.horizons.earned(ahead.value, frame, said["expected_revenue"].to_numpy())
        spread = ahead.horizons.spread(ahead.value, frame, silent)
    rate, discount = study.value.margin_rate, study.value.discount_rate_per_year
    worth = present_value(
        {days: money * rate for days, money in earned.items()}, rate_per_year=discount
    )
    parts = []
    for days in sorted(silent):
        known = spread.get(days)
        columns: dict[str, Vector | None] = {
            "churn_probability": silent[days],
            "expected_purchases": purchases[days],
            "expected_revenue": earned.get(days),
            "median_revenue": known.median if known else None,
            **{
                name: getattr(known, name) if known else None
                for name in ("low_80", "high_80", "low_95", "high_95")
            },
            "expected_margin": earned[days] * rate if days in earned else None,
            "clv": worth.get(days),
        }
        series = [
            pl.Series(name, values, dtype=pl.Float64)
            for name, values in columns.items()
            if values is not None
        ]
        absent = [
            pl.lit(None, pl.Float64).alias(name)
            for name, values in columns.items()
            if values is None
        ]
        length = pl.lit(days, pl.Int32).alias("horizon_days")
        parts.append(frame.select("customer_id", length).with_columns(*series, *absent))
    return HORIZONS.check(
        pl.concat(parts, how="diagonal").select(HORIZONS.schema.names()).sort(HORIZONS.grain)
    )


def outlook_columns(
    study: Study, ahead: Ahead, frame: pl.DataFrame, horizons: pl.DataFrame
) -> pl.DataFrame:
    """What SCORES tells of each customer beside the two models: one row per customer."""
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
    waited = pl.Series(
        waiting_days({days: wide[str(days)].to_numpy() for days in study.all_horizons})
    ).fill_nan(None)
    own = frame.select(
        "customer_id",
        pl.Series("p_alive", ahead.counts.p_alive(frame), dtype=pl.Float64),
        next_purchase_day=(pl.col("cutoff_day") + waited.ceil() - 1).cast(pl.Int32),
        evidence_level=evidence_level(horizon_days=study.churn.horizon_days),
    )
    return own.join(value, on="customer_id", how="left").join(churn, on="customer_id", how="left")


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


@dataclass(frozen=True)
class Told:
    """What looking ahead adds to a run: scores, horizons and forecast, and their totals for the
    summary.
    """

    tables: Mapping[str, pl.DataFrame]
    summary: Mapping[str, Any]


def with_outlook(
    study: Study,
    ahead: Ahead,
    frame: pl.DataFrame,
    scores: pl.DataFrame,
    evidence: pl.DataFrame,
    days: pl.DataFrame,
) -> Told:
    """Add what is expected over every horizon to the scores, and sum it up week by week.

    Parameters
    ----------
    evidence
        EVIDENCE: how far off totals were tells the interval of the forecast.
    days
        DAYS of the log.
    """
    horizons = horizons_table(study, ahead, frame, scores)
    own = outlook_columns(study, ahead, frame, horizons)
    known = scores.drop([name for name in own.columns if name != "customer_id"])
    enriched = known.join(own, on="customer_id", how="left", maintain_order="left").select(
        SCORES.schema.names()
    )
    proved = evidence.filter(task="value", model=CHAMPION, metric="total_ratio")["value"].to_list()
    lifts = ahead.promotions.revenue
    usual = days.with_columns(
        revenue=pl.col("revenue") / lifts.of(days["day"].cast(pl.Int64).to_numpy())
    )
    noise = Noise.learn(proved, usual)
    weeks = (
        _weeks(frame, enriched, horizons, noise, usual, lifts) if ahead.value else FORECAST.empty()
    )
    whole = totals(horizons, noise) if ahead.value else pl.DataFrame()
    return Told(
        tables={"scores": SCORES.check(enriched), "horizons": horizons, "forecast": weeks},
        summary={
            "expected_revenue": {
                str(row["horizon_days"]): row["expected_revenue"] for row in whole.to_dicts()
            },
            "interval_80": {
                str(row["horizon_days"]): [row["low_80"], row["high_80"]]
                for row in whole.to_dicts()
            },
            "customers": frame.height,
            "weeks": weeks.filter(pl.col("group_kind") == COMPANY).height,
        },
    )


def _weeks(
    frame: pl.DataFrame,
    scores: pl.DataFrame,
    horizons: pl.DataFrame,
    noise: Noise,
    usual: pl.DataFrame,
    lifts: Lifts,
) -> pl.DataFrame:
    now, longest = int(frame["cutoff_day"][0]), int(horizons["horizon_days"].max())  # type: ignore[arg-type]
    first = pl.from_epoch(pl.col("cutoff_day") - pl.col("tenure_days"), time_unit="d")
    quarter = pl.format("{}-Q{}", first.dt.year(), first.dt.quarter())
    groups = {
        "cohort": frame.select("customer_id", group=quarter),
        "segment": scores.select("customer_id", group="segment"),
    }
    shape = shape_of(usual, now=now, n_days=longest) * lifts.of(now + np.arange(longest))
    return forecast(horizons, groups, now=now, shape=shape, noise=noise)
