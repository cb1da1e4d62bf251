"""The customer-day rollup: what every feature and label is later summed from, computed once.

One row per customer and day on which anything happened. Nothing in a row depends on a later day, so that any cutoff may
use the rows before it as they are.
"""

import polars as pl

from holdfast.io.duckdb import Warehouse
from holdfast.tables import ACTIVITY, ENGAGEMENT_KINDS

_SUMMED = {
    column.name: {pl.Int32(): "INTEGER", pl.Int64(): "BIGINT"}[column.dtype]
    for column in ACTIVITY.columns
    if column.name not in ("customer_id", "day", "purchase_gap")
}

# Counting the lines of an order first, then the orders of a day, is four times as fast as count(DISTINCT order_id).
_LINES = """
    SELECT customer_id, day,
        CASE WHEN sum(bought) > 0 THEN greatest(count(order_id) FILTER (bought > 0), 1) ELSE 0 END AS n_orders,
        sum(bought) AS n_lines, sum(gross) AS gross_minor, sum(returned) AS returns_minor
    FROM (
        SELECT customer_id, day, order_id, count(*) FILTER (NOT is_return) AS bought,
            coalesce(sum(amount_minor) FILTER (NOT is_return), 0) AS gross,
            coalesce(sum(amount_minor) FILTER (is_return), 0) AS returned
        FROM transactions GROUP BY customer_id, day, order_id)
    GROUP BY customer_id, day
"""
_PRODUCTS = """
    SELECT customer_id, day, count(*) AS n_products
    FROM (SELECT DISTINCT customer_id, day, product_id FROM transactions WHERE NOT is_return AND product_id IS NOT NULL)
    GROUP BY customer_id, day
"""
_NEW_PRODUCTS = """
    SELECT customer_id, first AS day, count(*) AS n_new_products
    FROM (
        SELECT customer_id, product_id, min(day) AS first FROM transactions
        WHERE NOT is_return AND product_id IS NOT NULL GROUP BY customer_id, product_id)
    GROUP BY customer_id, first
"""
_EVENTS = f"""
    SELECT customer_id, day, {", ".join(f"sum(n) FILTER (kind = '{kind}') AS n_{kind}s" for kind in ENGAGEMENT_KINDS)}
    FROM events GROUP BY customer_id, day
"""
_TREATMENTS = (
    "SELECT customer_id, day, count(*) AS n_treatments FROM treatments WHERE treated GROUP BY customer_id, day"
)


def roll_up(warehouse: Warehouse, *, with_products: bool) -> None:
    """Create ACTIVITY from transactions, events and treatments (as far as there are any), sorted by customer and day.

    Parameters
    ----------
    with_products
        Whether lines name products. Without, n_products and n_new_products are 0 and cost nothing.
    """
    parts = [_LINES, *([_PRODUCTS, _NEW_PRODUCTS] if with_products else [])]
    parts += [sql for table, sql in (("events", _EVENTS), ("treatments", _TREATMENTS)) if warehouse.has(table)]
    merged = " UNION ALL BY NAME ".join(f"({part})" for part in parts)
    present = {row[0] for row in warehouse.con.execute(f"DESCRIBE {merged}").fetchall()}
    sums = ", ".join(
        f"CAST({f'coalesce(sum({name}), 0)' if name in present else 0} AS {kind}) AS {name}"
        for name, kind in _SUMMED.items()
    )
    before = "lag(day) OVER (PARTITION BY customer_id, n_orders > 0 ORDER BY day)"
    columns = [name if name != "purchase_gap" else _GAP for name in ACTIVITY.schema]
    warehouse.con.execute(f"""
        CREATE OR REPLACE TABLE activity AS
        SELECT {", ".join(columns)}
        FROM (SELECT *, {before} AS day_before
              FROM (SELECT customer_id, day, {sums} FROM ({merged}) GROUP BY customer_id, day))
        ORDER BY customer_id, day
    """)


_GAP = "CASE WHEN n_orders > 0 THEN day - day_before END AS purchase_gap"
