"""The tables behind charts of the whole base, by worth, risk and time: as small for a million as
for a few. Samples are evenly spaced in a sorted order, so that the extremes stay.

Amounts are laid out on an axis of log(1 + amount), on which customers of small and of large value
can both be seen.
"""

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.segments import RISK_BANDS
from holdfast.study import AT_RISK_SEGMENTS, SEGMENT_NAMES

BANDS = tuple(level.split(maxsplit=1)[1].lower() for _, level in RISK_BANDS)
BAND_FROM = tuple(least for least, _ in RISK_BANDS)
"""The bands of churn probability, and where each begins."""
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
    place, width = _steps_of_revenue(scores, n)
    bins = scores.group_by(bin=place).agg(
        customers=pl.len().cast(pl.Int64), expected_revenue=pl.col("expected_revenue").sum()
    )
    start, end = pl.col("bin") * width, (pl.col("bin") + 1) * width
    amounts = {"least": start.exp() - 1, "most": end.exp() - 1}
    return bins.sort("bin").select("customers", "expected_revenue", start=start, end=end, **amounts)


def _steps_of_revenue(scores: pl.DataFrame, n: int) -> tuple[pl.Expr, float]:
    """Which of `n` equal steps on the axis a customer stands on, and their width."""
    revenue = pl.col("expected_revenue").clip(0).log1p()
    width = max(scores.select(revenue.max()).item() or 0.0, 1e-9) / n
    return (revenue / width).floor().clip(0, n - 1), width


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
    quartiles = scores.group_by(pl.col("segment").cast(pl.String)).agg(
        customers=pl.len().cast(pl.Int64),
        **{name: value.quantile(share, "linear") for name, share in shares.items()},
    )
    return quartiles.sort(
        pl.col("segment").replace_strict(list(SEGMENT_NAMES), range(len(SEGMENT_NAMES)))
    )


def crowd(scores: pl.DataFrame, *, columns: int = 48, rows: int = 32) -> pl.DataFrame:
    """Count customers in the cells of a grid of expected revenue by churn probability; empty cells
    are left out.

    Columns: left, right (on the axis), bottom, top (probability), customers, expected_revenue
    (sum).
    """
    across, width = _steps_of_revenue(scores, columns)
    up = (pl.col("churn_probability") * rows).floor().clip(0, rows - 1)
    cells = scores.group_by(row=up, column=across).agg(
        customers=pl.len().cast(pl.Int64), expected_revenue=pl.col("expected_revenue").sum()
    )
    left, bottom = pl.col("column") * width, pl.col("row") / rows
    sides = {"left": left, "right": left + width, "bottom": bottom, "top": bottom + 1 / rows}
    return cells.sort("row", "column").select("customers", "expected_revenue", **sides)


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


def weeks(days: pl.DataFrame) -> pl.DataFrame:
    """Purchases and revenue of each whole week of the log.

    Columns: week_start_day, purchases, revenue.
    """
    start = (pl.col("day") - pl.col("day").min()) // 7 * 7 + pl.col("day").min()
    whole = days.filter((pl.len() == 7).over(start))
    sums = whole.group_by(week_start_day=start).agg(pl.col("purchases", "revenue").sum())
    return sums.sort("week_start_day")


def silent_stretches(days: pl.DataFrame, *, at_least: int = 2) -> pl.DataFrame:
    """Stretches of days on which nobody bought, the longest first: first_day, last_day, days."""
    quiet = days.sort("day").with_columns(run=(pl.col("purchases") > 0).cum_sum())
    stretches = (
        quiet.filter(pl.col("purchases") == 0)
        .group_by("run")
        .agg(
            first_day=pl.col("day").min(),
            last_day=pl.col("day").max(),
            days=pl.len().cast(pl.Int64),
        )
    )
    longest = stretches.sort(["days", "first_day"], descending=[True, False]).drop("run")
    return longest.filter(pl.col("days") >= at_least)


def evenly(frame: pl.DataFrame, n: int) -> pl.DataFrame:
    """Keep at most `n` rows, evenly spaced, the first and the last among them."""
    return (
        frame
        if frame.height <= n
        else frame[np.linspace(0, frame.height - 1, n).round().astype(np.int64)]
    )


def quadrant(scores: pl.DataFrame, *, columns: int = 45, rows: int = 30) -> pl.DataFrame:
    """Count the customers of each segment in the cells of a grid of value by risk; empty cells are
    left out.

    Columns: segment, left and right (on an axis from 0 to 1 that gives each value tier of `tiers`
    the same width, however many customers it has, and orders them in it), bottom and top (risk
    score), customers, expected_revenue (sum).
    """
    share = (pl.col("expected_revenue").rank("ordinal") - 0.5) / pl.len()
    inside = (share - pl.col("from_share")) / (pl.col("to_share") - pl.col("from_share"))
    place = pl.col("start") + inside.clip(0, 1) * (pl.col("end") - pl.col("start"))
    low, high = (
        scores.select(pl.col("risk_score").min().alias("low"), high="risk_score").max().row(0)
    )
    height = max(high - low, 1e-9) / rows
    placed = scores.join(tiers(scores), on="value_tier", maintain_order="left").select(
        pl.col("segment").cast(pl.String),
        "expected_revenue",
        column=(place * columns).floor().clip(0, columns - 1),
        row=((pl.col("risk_score") - low) / height).floor().clip(0, rows - 1),
    )
    cells = placed.group_by("segment", "column", "row").agg(
        customers=pl.len().cast(pl.Int64), expected_revenue=pl.col("expected_revenue").sum()
    )
    left, bottom = pl.col("column") / columns, low + pl.col("row") * height
    sides = {"left": left, "right": left + 1 / columns, "bottom": bottom, "top": bottom + height}
    ordered = cells.sort("row", "column", "segment")
    return ordered.select("segment", "customers", "expected_revenue", **sides)


def tiers(scores: pl.DataFrame) -> pl.DataFrame:
    """The value tiers, lowest first: how many customers, from which revenue, and from which score
    their risk is high.

    Columns: value_tier, customers, from_revenue, to_revenue, risk (null where nobody is at risk),
    from_share and to_share (of all customers in order of revenue, 0..1), start and end (on the axis
    of `quadrant`, 0..1).
    """
    revenue, at_risk = pl.col("expected_revenue"), pl.col("segment").is_in(AT_RISK_SEGMENTS)
    rows = scores.group_by("value_tier").agg(
        customers=pl.len(),
        from_revenue=revenue.min(),
        to_revenue=revenue.max(),
        risk=pl.col("risk_score").filter(at_risk).min(),
    )
    place, to_share = pl.int_range(pl.len()), pl.col("customers").cum_sum() / pl.sum("customers")
    shares = {"to_share": to_share, "from_share": to_share.shift(1, fill_value=0.0)}
    return rows.sort("from_revenue", "to_revenue").with_columns(
        start=place / pl.len(), end=(place + 1) / pl.len(), **shares
    )


def cumulative_value(cohorts: pl.DataFrame) -> pl.DataFrame:
    """Net revenue per customer up to each month, by year: year, months_since, customers, value."""
    done = cohorts.filter("complete").sort("cohort", "months_since")
    done = done.select(pl.col("cohort").str.slice(0, 4).alias("year"), pl.exclude("cohort"))
    months = done.group_by("year", "months_since").agg(pl.col("customers", "revenue").sum())
    months = months.sort("year", "months_since")
    each = pl.col("revenue") / pl.col("customers")
    return months.select("year", "months_since", "customers", value=each.cum_sum().over("year"))
