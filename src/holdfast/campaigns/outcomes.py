"""Outcomes: what customers did in a window of days that begins on a day of each one's own."""

import polars as pl

from holdfast.io.warehouse import Warehouse

_DONE = """
SELECT c.customer_id, c.day,
    count(*) FILTER (WHERE a.n_orders > 0 AND a.day < c.day + $1) AS bought,
    sum(CASE WHEN a.day < c.day + $1 THEN a.gross_minor ELSE 0 END)
        + sum(a.returns_minor) AS net_minor
FROM window_starts c JOIN activity a
    ON a.customer_id = c.customer_id AND a.day >= c.day AND a.day < c.day + $1 + $2
GROUP BY 1, 2
"""
_LEFT = """
SELECT c.customer_id, c.day,
    CAST(sum(CASE WHEN m.day < c.day + $1 THEN m.bought_margin ELSE 0 END)
        + sum(m.returned_margin) AS DOUBLE) AS margin_minor
FROM window_starts c JOIN daily_margins m
    ON m.customer_id = c.customer_id AND m.day >= c.day AND m.day < c.day + $1 + $2
GROUP BY 1, 2
"""


def sum_windows(
    warehouse: Warehouse, starts: pl.DataFrame, *, days: int, return_days: int = 0
) -> pl.DataFrame:
    """Sum up what each row did in its window.

    Returns count for longer than purchases, so that what is bought in the window is net of all its
    returns; what else comes back then does so in both arms.

    Parameters
    ----------
    starts
        customer_id and day, the first of the window.

    Returns
    -------
    polars.DataFrame
        In the rows' order: bought (days with a purchase), net_minor (purchases less returns); 0
        where nothing happened.
    """
    seen = _sum_days(_DONE, warehouse, starts, days, return_days)
    return seen.select(
        pl.col("bought").fill_null(0), pl.col("net_minor").fill_null(0).cast(pl.Float64)
    )


def sum_margins(
    warehouse: Warehouse, starts: pl.DataFrame, *, days: int, return_days: int = 0
) -> pl.Series:
    """Sum up what each row's window left, in minor units, in the rows' order; as `sum_windows`."""
    seen = _sum_days(_LEFT, warehouse, starts, days, return_days)
    return seen["margin_minor"].fill_null(0.0)


def _sum_days(
    query: str, warehouse: Warehouse, starts: pl.DataFrame, days: int, return_days: int
) -> pl.DataFrame:
    keys = starts.select("customer_id", "day")
    warehouse.con.register("window_starts", keys.unique().to_arrow())
    try:
        seen = warehouse.query(query, days, return_days)
    finally:
        warehouse.con.unregister("window_starts")
    return keys.join(seen, on=["customer_id", "day"], how="left", maintain_order="left")
