"""The tables behind charts of the whole base: distributions, grids and quartiles, as small for a
million as for a few.

Amounts are laid out on an axis of log(1 + amount), on which customers of small and of large value
can both be seen.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast import metrics
from holdfast.segments import RISK_BANDS
from holdfast.study import SEGMENT_NAMES

Vector = npt.NDArray[np.float64]
BANDS = ("low", "moderate", "high", "very high")
BAND_FROM = tuple(least for least, _ in RISK_BANDS)
"""Where each band of churn probability begins, as in `segments.churn_level`."""
N_BINS = 40
_SMOOTH = np.array([1, 2, 3, 2, 1]) / 9


def on_axis(amounts: pl.Series) -> Vector:
    """Place amounts on the axis; what is below 0 stands at 0."""
    placed: Vector = np.log1p(np.maximum(amounts.cast(pl.Float64).to_numpy(), 0.0))
    return placed


def ticks(top: float) -> list[float]:
    """Round amounts for the axis, up to the place `top` on it.

    >>> ticks(float(np.log1p(5000)))
    [0.0, 1.0, 10.0, 100.0, 1000.0]
    """
    return [0.0, *(10.0**k for k in range(12) if np.log1p(10.0**k) <= top)]


def revenue_bins(scores: pl.DataFrame, *, n: int = 24) -> pl.DataFrame:
    """How many customers are expected to be worth how much.

    Columns: start and end (on the axis), least and most (currency), customers, expected_revenue
    (sum).
    """
    placed = on_axis(scores["expected_revenue"])
    edges = (
        np.linspace(0, max(float(placed.max()), 1e-9), n + 1)
        if len(placed)
        else np.linspace(0, 1, n + 1)
    )
    where = np.clip(np.searchsorted(edges, placed, side="right") - 1, 0, n - 1)
    revenue = scores["expected_revenue"].to_numpy()
    return pl.DataFrame(
        {
            "start": edges[:-1],
            "end": edges[1:],
            "least": np.expm1(edges[:-1]),
            "most": np.expm1(edges[1:]),
            "customers": np.bincount(where, minlength=n).astype(np.int64),
            "expected_revenue": np.bincount(where, weights=revenue, minlength=n),
        }
    )


def value_density(scores: pl.DataFrame) -> pl.DataFrame:
    """The outline of each segment's distribution of expected revenue.

    Columns: segment, row (0 = the first present segment), place (on the axis), low and high (row -+
    density; the densest place of a segment reaches 0.45).
    """
    parts, present = [], [name for name in SEGMENT_NAMES if (scores["segment"] == name).any()]
    for row, name in enumerate(present):
        placed = on_axis(scores.filter(pl.col("segment") == name)["expected_revenue"])
        top = max(float(placed.max()), 1e-9)
        counts, edges = np.histogram(placed, bins=N_BINS, range=(0.0, top))
        smooth = np.convolve(counts, _SMOOTH, mode="same")
        half = 0.45 * smooth / smooth.max()
        place = (edges[:-1] + edges[1:]) / 2
        parts.append(
            pl.DataFrame({"place": place, "low": row - half, "high": row + half}).select(
                pl.lit(name).alias("segment"), pl.lit(row).alias("row"), pl.all()
            )
        )
    return (
        pl.concat(parts)
        if parts
        else pl.DataFrame(schema={"segment": pl.String, "place": pl.Float64})
    )


def value_quartiles(scores: pl.DataFrame) -> pl.DataFrame:
    """One row per present segment, in their order: customers, tenth, quarter, median,
    three_quarters, nine_tenths.
    """
    value = pl.col("expected_revenue")
    shares = {
        "tenth": 0.1,
        "quarter": 0.25,
        "median": 0.5,
        "three_quarters": 0.75,
        "nine_tenths": 0.9,
    }
    found = scores.group_by(pl.col("segment").cast(pl.String)).agg(
        customers=pl.len().cast(pl.Int64),
        **{name: value.quantile(share, "linear") for name, share in shares.items()},
    )
    return found.sort(
        pl.col("segment").replace_strict(list(SEGMENT_NAMES), range(len(SEGMENT_NAMES)))
    )


def crowd(scores: pl.DataFrame, *, columns: int = 48, rows: int = 32) -> pl.DataFrame:
    """Count customers in the cells of a grid of expected revenue by churn probability; empty cells
    are left out.

    Columns: left, right (on the axis), bottom, top (probability), customers, expected_revenue
    (sum).
    """
    placed, risk = on_axis(scores["expected_revenue"]), scores["churn_probability"].to_numpy()
    width = max(float(placed.max()) if len(placed) else 0.0, 1e-9) / columns
    across = np.minimum((placed / width).astype(np.int64), columns - 1)
    up = np.clip((risk * rows).astype(np.int64), 0, rows - 1)
    cell = up * columns + across
    counts = np.bincount(cell, minlength=rows * columns)
    sums = np.bincount(
        cell, weights=scores["expected_revenue"].to_numpy(), minlength=rows * columns
    )
    taken = np.flatnonzero(counts)
    row, column = np.divmod(taken, columns)
    return pl.DataFrame(
        {
            "left": column * width,
            "right": (column + 1) * width,
            "bottom": row / rows,
            "top": (row + 1) / rows,
            "customers": counts[taken].astype(np.int64),
            "expected_revenue": sums[taken],
        }
    )


def bands(scores: pl.DataFrame) -> pl.DataFrame:
    """Customers and their expected revenue by value tier and band of churn probability.

    Columns: value_tier, band (one of `BANDS`), customers, expected_revenue, share (of all
    customers).
    """
    rank = pl.sum_horizontal(
        (pl.col("churn_probability") >= least).cast(pl.Int32) for least in BAND_FROM[1:]
    )
    band = rank.replace_strict(range(len(BANDS)), list(BANDS), return_dtype=pl.String)
    counted = scores.group_by(pl.col("value_tier").cast(pl.String), band=band).agg(
        customers=pl.len().cast(pl.Int64), expected_revenue=pl.col("expected_revenue").sum()
    )
    grid = pl.DataFrame({"value_tier": ["high", "mid", "low"]}).join(
        pl.DataFrame({"band": BANDS}), how="cross"
    )
    laid = grid.join(
        counted, on=["value_tier", "band"], how="left", maintain_order="left"
    ).fill_null(0)
    return laid.with_columns(share=pl.col("customers") / max(scores.height, 1))


def churn_by_cutoff(predictions: pl.DataFrame) -> pl.DataFrame:
    """Predicted beside actual churn at each past cutoff.

    Columns: cutoff_day, customers, predicted, actual, low, high (Wilson's 95 % interval of the
    actual share).
    """
    known = predictions.select(
        "cutoff_day", "churn_probability", left=pl.col("churned").cast(pl.Float64)
    ).drop_nulls()
    found = known.group_by("cutoff_day").agg(
        customers=pl.len().cast(pl.Int64),
        predicted=pl.col("churn_probability").mean(),
        actual=pl.col("left").mean(),
    )
    low, high = metrics.wilson_interval(pl.col("actual"), pl.col("customers"))
    return found.with_columns(low=low, high=high).sort("cutoff_day")


def deciles(predictions: pl.DataFrame) -> pl.DataFrame:
    """Ten groups of customers, the riskiest first, within each cutoff: what was predicted and what
    happened.

    Columns: decile (1..10), customers, predicted, actual, lift (actual over the actual share of
    everyone).
    """
    known = predictions.select(
        "cutoff_day", "churn_probability", left=pl.col("churned").cast(pl.Float64)
    ).drop_nulls()
    place = pl.col("churn_probability").rank("ordinal", descending=True).over("cutoff_day")
    tenth = ((place - 1) * 10 / pl.len().over("cutoff_day")).floor().cast(pl.Int32) + 1
    found = known.group_by(decile=tenth).agg(
        customers=pl.len().cast(pl.Int64),
        predicted=pl.col("churn_probability").mean(),
        actual=pl.col("left").mean(),
    )
    base = known["left"].mean()
    return found.with_columns(lift=pl.col("actual") / (base or None)).sort("decile")


def weeks(days: pl.DataFrame) -> pl.DataFrame:
    """Purchases and revenue of each whole week of the log.

    Columns: week_start_day, purchases, revenue.
    """
    start = (pl.col("day") - pl.col("day").min()) // 7 * 7 + pl.col("day").min()
    found = days.group_by(week_start_day=start, maintain_order=True).agg(
        pl.len().alias("n"), pl.col("purchases").sum(), pl.col("revenue").sum()
    )
    return found.filter(pl.col("n") == 7).drop("n").sort("week_start_day")


def silent_stretches(days: pl.DataFrame, *, at_least: int = 2) -> pl.DataFrame:
    """Stretches of days on which nobody bought, the longest first: first_day, last_day, days."""
    quiet = (
        days.sort("day")
        .with_columns(run=(pl.col("purchases") > 0).cum_sum())
        .filter(pl.col("purchases") == 0)
    )
    found = quiet.group_by("run").agg(
        first_day=pl.col("day").min(), last_day=pl.col("day").max(), days=pl.len().cast(pl.Int64)
    )
    return (
        found.filter(pl.col("days") >= at_least)
        .drop("run")
        .sort(["days", "first_day"], descending=[True, False])
    )
