"""Recent days: a customer's last rows of ACTIVITY before a cutoff, as one column of a frame.

Whoever scores reads them anew, so that a batch, a server and a stream say the same without a state
of the network being kept anywhere (decision 98).
"""

import polars as pl

from holdfast.tables import ACTIVITY

RECENT_DAYS = "recent_days"
"""The column: a list of days, oldest first."""
MOST_DAYS = 256
"""So many days at most are read of a customer."""
DAY_FIELDS = {name: dtype for name, dtype in ACTIVITY.schema.items() if name != "customer_id"}
"""What a day has: name -> type."""
COUNTS = (
    "n_orders", "n_lines", "n_products", "n_new_products", "n_treatments", "n_sessions",
    "n_page_views", "n_clicks", "n_wishlist_adds", "n_cart_adds", "n_campaign_responses",
)  # fmt: skip
"""Fields of a day that a network reads as the logarithm of a count."""
READ_FIELDS = ("day", "gross_minor", "returns_minor", *COUNTS)
"""All fields of a day that a network reads."""
RECENT_DAYS_TYPE = pl.List(pl.Struct(DAY_FIELDS))


def add_recent_days(frame: pl.DataFrame, activity: pl.DataFrame) -> pl.DataFrame:
    """Give customers their last `MOST_DAYS` days before their cutoff; those without get none.

    Parameters
    ----------
    frame
        One row per customer and cutoff: customer_id, cutoff_day, and whatever else it has.
    activity
        ACTIVITY of these customers, in any order.

    Returns
    -------
    polars.DataFrame
        The same rows in the same order, with `RECENT_DAYS`.
    """
    keys = ["customer_id", "cutoff_day"]
    days = (
        activity.lazy()
        .join(frame.lazy().select(keys).unique(), on="customer_id")
        .filter(pl.col("day") < pl.col("cutoff_day"))
        .sort("day")
        .group_by(keys, maintain_order=True)
        .agg(pl.struct(*DAY_FIELDS).tail(MOST_DAYS).alias(RECENT_DAYS))
        .collect()
    )
    none = pl.lit([], dtype=RECENT_DAYS_TYPE)
    return frame.join(days, on=keys, how="left", maintain_order="left").with_columns(
        pl.col(RECENT_DAYS).fill_null(none)
    )
