"""How promises of money held: by tenth of what was expected, cutoff by cutoff."""

import polars as pl

TENTHS = pl.Schema(
    {
        "cutoff_day": pl.Int32(), "tenth": pl.Int32(), "customers": pl.Int64(), "predicted": pl.Float64(),
        "actual": pl.Float64(), "baseline": pl.Float64(), "idle": pl.Float64(), "held_80": pl.Float64(),
        "width_80": pl.Float64(),
    }
)  # fmt: skip
_LOW, _HIGH = "revenue_low_80", "revenue_high_80"


def tenths(predictions: pl.DataFrame) -> pl.DataFrame:
    """Hold predicted revenue and its 80 % interval against what came, in ten equal groups by predicted revenue.

    One row per cutoff and tenth, 1 = least expected: customers; mean predicted and actual revenue and what the naive
    baseline said (currency); idle, the share that brought nothing; held_80, the share inside the interval, and its mean
    width; both null where no interval was given.

    Parameters
    ----------
    predictions
        PREDICTIONS; those of an older run may lack the intervals.
    """
    known = predictions.filter(pl.col("future_revenue").is_not_null() & pl.col("expected_revenue").is_not_null())
    for name in (_LOW, _HIGH):
        if name not in known.columns:
            known = known.with_columns(pl.lit(None, pl.Float64).alias(name))
    place = pl.col("expected_revenue").rank("ordinal").over("cutoff_day") - 1
    tenth = (10 * place // pl.len().over("cutoff_day") + 1).cast(pl.Int32)
    came = pl.col("future_revenue")
    grouped = known.with_columns(tenth=tenth).group_by("cutoff_day", "tenth")
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
