"""How promises held, cutoff by cutoff: those of money by tenth of what was expected, and those of
every horizon.
"""

import polars as pl

from holdfast.evaluation.evidence import CHAMPION, INTERVAL, MEDIAN

TENTHS = pl.Schema(
    {"cutoff_day": pl.Int32(), "tenth": pl.Int32(), "customers": pl.Int64()}
    | dict.fromkeys(
        ("predicted", "actual", "baseline", "idle", "held_80", "width_80"), pl.Float64()
    )
)
_BESIDE_NAIVE = ("roc_auc", "brier", "wape", "spearman", "total_ratio")
_FIGURES = (
    *(f"{whose}{metric}" for metric in _BESIDE_NAIVE for whose in ("", "naive_")),
    *("median_wape", "coverage_80", "coverage_95"),
)
HORIZONS_PROVED = pl.Schema(
    {"horizon_days": pl.Int32(), "cutoff_day": pl.Int32()} | dict.fromkeys(_FIGURES, pl.Float64())
)
_LOW, _HIGH = "revenue_low_80", "revenue_high_80"


def tenths(predictions: pl.DataFrame) -> pl.DataFrame:
    """Hold predicted revenue and its 80 % interval against what came, in ten equal groups by
    predicted revenue.

    One row per cutoff and tenth, 1 = least expected: customers; mean predicted and actual revenue
    and what the naive baseline said (currency); idle, the share that brought nothing; held_80, the
    share inside the interval, and its mean width; both null where no interval was given.

    Parameters
    ----------
    predictions
        PREDICTIONS; those of an older run may lack the intervals.
    """
    predicted = predictions.filter(
        pl.col("future_revenue").is_not_null() & pl.col("expected_revenue").is_not_null()
    )
    for name in (_LOW, _HIGH):
        if name not in predicted.columns:
            predicted = predicted.with_columns(pl.lit(None, pl.Float64).alias(name))
    place = pl.col("expected_revenue").rank("ordinal").over("cutoff_day") - 1
    tenth = (10 * place // pl.len().over("cutoff_day") + 1).cast(pl.Int32)
    came = pl.col("future_revenue")
    grouped = predicted.with_columns(tenth=tenth).group_by("cutoff_day", "tenth")
    table = grouped.agg(
        customers=pl.len().cast(pl.Int64),
        predicted=pl.col("expected_revenue").mean(),
        actual=came.mean(),
        baseline=pl.col("value_baseline").mean(),
        idle=(came <= 0).mean(),
        held_80=came.is_between(pl.col(_LOW), pl.col(_HIGH)).mean(),
        width_80=(pl.col(_HIGH) - pl.col(_LOW)).mean(),
    )
    return table.sort("cutoff_day", "tenth").select(TENTHS.names()).cast(TENTHS)


def by_horizon(horizon_evidence: pl.DataFrame) -> pl.DataFrame:
    """What HORIZON_EVIDENCE says, by HORIZONS_PROVED: one row per horizon and cutoff.

    Figures of the naive baseline beside the model's; the median's by the rule of medians; how often
    intervals held. Null where something was not told, or is not defined: a ratio to customers who
    brought nothing.
    """
    whose = (
        pl.when(pl.col("model").is_in([CHAMPION, INTERVAL]))
        .then(pl.lit(""))
        .when(pl.col("model") == MEDIAN)
        .then(pl.lit("median_"))
        .otherwise(pl.lit("naive_"))
    )
    named = horizon_evidence.with_columns(
        pl.col("value").fill_nan(None), name=whose + pl.col("metric")
    )
    wanted = [
        pl.col("value").filter(pl.col("name") == name).first().alias(name) for name in _FIGURES
    ]
    return (
        named.group_by("horizon_days", "cutoff_day").agg(wanted).sort("horizon_days", "cutoff_day")
    )
