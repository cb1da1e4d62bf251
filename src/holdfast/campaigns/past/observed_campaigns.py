"""A past campaign without a hold-out, laid out for the gates of `observed`: those contacted beside
all others whom the shop knew by then, in the window of the campaign and in the one before.
"""

import numpy as np
import polars as pl

from holdfast.campaigns.past.observed import Observed, Window, observe
from holdfast.errors import NotEnoughData
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

_SEEN = """
SELECT customer_id,
    coalesce(sum(gross_minor + returns_minor) FILTER (WHERE day >= $1 - 365 AND day < $1), 0)
        AS spend,
    count(*) FILTER (WHERE n_orders > 0 AND day >= $1 - 365 AND day < $1) AS purchases,
    $1 - max(day) FILTER (WHERE n_orders > 0 AND day < $1) AS silence,
    $1 - min(day) FILTER (WHERE n_orders > 0) AS age,
    CAST(coalesce(sum(bought_margin + returned_margin)
        FILTER (WHERE day >= $1 AND day < $1 + $2), 0) AS DOUBLE) AS outcome
FROM activity LEFT JOIN daily_margins USING (customer_id, day)
GROUP BY customer_id HAVING min(day) FILTER (WHERE n_orders > 0) < $3
ORDER BY customer_id
"""
_KNOWN = ("spend", "purchases", "silence", "age")


def observe_campaign(
    study: Study, warehouse: Warehouse, contacts: pl.DataFrame, *, days: int, end_day: int
) -> Observed:
    """Go through the gates with one campaign, whose outcome is the margin per customer.

    Parameters
    ----------
    contacts
        customer_id and day of everybody contacted.
    end_day
        First day that is not seen.
    """
    first = int(contacts["day"].to_numpy().min())
    if first + days > end_day:
        return Observed(refused=f"its window of {days} days is not over", overlap=0.0, ranges={})
    factor = 1 / 10**study.minor_digits
    window, before = (
        warehouse.query(_SEEN, day, days, first - days) for day in (first, first - days)
    )
    contacted = window["customer_id"].is_in(contacts["customer_id"].implode()).to_numpy()
    try:
        return observe(contacted, _window(window, factor), _window(before, factor))
    except NotEnoughData as error:
        return Observed(refused=error.problem, overlap=0.0, ranges={})


def _window(seen: pl.DataFrame, factor: float) -> Window:
    features = seen.select(_KNOWN).cast(pl.Float64).to_numpy()
    outcome = seen["outcome"].cast(pl.Float64).to_numpy() * factor
    return Window(features=np.asarray(features), outcome=np.asarray(outcome))
