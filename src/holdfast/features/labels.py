"""Labels: what happened in the target window, cutoff_day <= day < cutoff_day + horizon_days."""

from collections.abc import Sequence

import narwhals as nw

KEYS = ("customer_id", "cutoff_day")


def build_labels(
    activity: nw.LazyFrame, population: nw.LazyFrame, horizons_days: Sequence[int], *, end_day: int
) -> nw.LazyFrame:
    """Observe the outcome of each customer and cutoff over each horizon whose window is complete.

    Parameters
    ----------
    activity
        The ACTIVITY table: one row per customer and day.
    population
        customer_id and cutoff_day, one row each: whose outcome is asked for.
    horizons_days
        Lengths of the target window. At least one.
    end_day
        First day after the log. A window that reaches beyond it is not complete and has no label.

    Returns
    -------
    nw.LazyFrame
        The LABELS table, in no particular order.
    """
    ahead = nw.col("day") - nw.col("cutoff_day")
    outcomes = (
        activity.join(population.select(*KEYS), on="customer_id", how="inner")
        .with_columns(days_ahead=ahead)
        .filter(nw.col("days_ahead") >= 0, nw.col("days_ahead") < max(horizons_days))
        .group_by(*KEYS)
        .agg(**{name: part for days in horizons_days for name, part in _parts(days).items()})
    )
    # Who did nothing at all has no rows to aggregate, and a label all the same.
    observed = population.select(*KEYS).join(outcomes, on=list(KEYS), how="left")
    return nw.concat([_label(observed, days, end_day=end_day) for days in sorted(set(horizons_days))])


def _parts(horizon_days: int) -> dict[str, nw.Expr]:
    inside = nw.col("days_ahead") < horizon_days
    net_minor = nw.col("gross_minor") + nw.col("returns_minor")
    bought = inside & (nw.col("n_orders") > 0)
    return {
        f"n_{horizon_days}": nw.when(bought).then(nw.lit(1)).otherwise(nw.lit(0)).sum(),
        f"revenue_{horizon_days}": nw.when(inside).then(net_minor).otherwise(nw.lit(0)).sum(),
    }


def _label(observed: nw.LazyFrame, horizon_days: int, *, end_day: int) -> nw.LazyFrame:
    n_purchases = nw.col(f"n_{horizon_days}").fill_null(0).cast(nw.Int32)
    return observed.filter(nw.col("cutoff_day") <= end_day - horizon_days).select(
        *KEYS,
        horizon_days=nw.lit(horizon_days, dtype=nw.Int32),
        churned=n_purchases == 0,
        n_future_purchases=n_purchases,
        future_revenue_minor=nw.col(f"revenue_{horizon_days}").fill_null(0).cast(nw.Int64),
    )
