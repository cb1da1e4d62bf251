"""The last window that has passed, as an experiment in which nothing was done: what power is found
out on.
"""

from typing import Literal

import numpy as np
import polars as pl

from holdfast.campaigns.experiments.power import Past
from holdfast.campaigns.outcomes import sum_windows
from holdfast.errors import NotEnoughData
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study, eligible_days
from holdfast.windows import date_of

MOST_CUSTOMERS = 100_000
"""Of a larger shop as many are drawn: the law of their spending is known well enough from them."""


def read_past(
    study: Study,
    warehouse: Warehouse,
    *,
    days: int,
    end_day: int,
    outcome: Literal["purchase", "revenue"],
) -> tuple[Past, int]:
    """Watch everybody who was eligible before the window; what they spent in as many days before
    it is the known value.

    Parameters
    ----------
    end_day
        First day after the log: the window ends there.

    Returns
    -------
    Past, int
        The window; how many were eligible.

    Raises
    ------
    NotEnoughData
        The log is too short, or hardly anybody was eligible.
    """
    start = end_day - days
    within = eligible_days(study.churn.eligible)
    bought = warehouse.query(
        "SELECT customer_id FROM activity WHERE n_orders > 0 AND day < $1 GROUP BY 1 "
        "HAVING max(day) >= $2 ORDER BY 1",
        start,
        -(2**31) if within is None else start - within,
    )
    if bought.is_empty():
        raise NotEnoughData(
            f"nobody had bought before {date_of(start)}, where the last {days} days begin",
            fix="watch fewer days, or use a longer log",
        )
    n = bought.height
    people = bought.sample(MOST_CUSTOMERS, seed=study.seed) if n > MOST_CUSTOMERS else bought
    starts = people.with_columns(day=pl.lit(start, pl.Int32))
    after = sum_windows(warehouse, starts, days=days)
    before = sum_windows(
        warehouse, starts.with_columns(pl.lit(start - days, pl.Int32).alias("day")), days=days
    )
    if outcome == "purchase":
        return Past(
            (after["bought"] > 0).cast(pl.Float64).to_numpy(),
            before["bought"].cast(pl.Float64).to_numpy(),
        ), n
    scale = 10.0**study.minor_digits
    return Past(
        np.asarray(after["net_minor"].to_numpy() / scale),
        np.asarray(before["net_minor"].to_numpy() / scale),
    ), n
