"""The customer-day rollup: what every feature and label is later summed from, computed once.

One row per customer and day on which anything happened. Nothing in a row depends on a later day, so that any cutoff may
use the rows before it as they are.
"""

from collections.abc import Mapping

import polars as pl

from holdfast.io.duckdb import Warehouse
from holdfast.tables import ACTIVITY, ENGAGEMENT_KINDS

# Each part names a customer, a day and something to add up, so that one grouping at the end makes days of all of them.
# Counting the lines of an order first and its orders then is several times as fast as count(DISTINCT order_id).
_ORDERS = """
    SELECT customer_id, day, CASE WHEN n_lines > 0 AND order_id IS NOT NULL THEN 1 ELSE 0 END AS n_orders, n_lines,
        gross_minor, returns_minor
    FROM (
        SELECT customer_id, day, order_id, count_if(NOT is_return) AS n_lines,
            sum(CASE WHEN is_return THEN 0 ELSE amount_minor END) AS gross_minor,
            sum(CASE WHEN is_return THEN amount_minor ELSE 0 END) AS returns_minor
        FROM transactions GROUP BY customer_id, day, order_id)
"""
_LINES = """
    SELECT customer_id, day, 0 AS n_orders, CASE WHEN is_return THEN 0 ELSE 1 END AS n_lines,
        CASE WHEN is_return THEN 0 ELSE amount_minor END AS gross_minor,
        CASE WHEN is_return THEN amount_minor ELSE 0 END AS returns_minor
    FROM transactions
"""
_PRODUCTS = """
    SELECT customer_id, day, 1 AS n_products FROM transactions
    WHERE NOT is_return AND product_id IS NOT NULL GROUP BY customer_id, day, product_id
"""
_NEW_PRODUCTS = """
    SELECT customer_id, min(day) AS day, 1 AS n_new_products FROM transactions
    WHERE NOT is_return AND product_id IS NOT NULL GROUP BY customer_id, product_id
"""
_COUNTS = ", ".join(f"CASE WHEN kind = '{kind}' THEN n END AS n_{kind}s" for kind in ENGAGEMENT_KINDS)
_EVENTS = f"SELECT customer_id, day, {_COUNTS} FROM events"
_TREATMENTS = "SELECT customer_id, day, 1 AS n_treatments FROM treatments WHERE treated"

_SQL_TYPES: Mapping[pl.DataType, str] = {pl.Int32(): "INTEGER", pl.Int64(): "BIGINT"}


def roll_up(warehouse: Warehouse, *, with_products: bool, with_orders: bool = True) -> None:
    """Create ACTIVITY from transactions, events and treatments (as far as there are any), sorted by customer and day.

    Parameters
    ----------
    with_orders
        Whether lines name orders. Without, a day of purchases is one order.
    with_products
        Whether lines name products. Without, n_products and n_new_products are 0.
    """
    parts = [_ORDERS if with_orders else _LINES, *([_PRODUCTS, _NEW_PRODUCTS] if with_products else [])]
    parts += [sql for table, sql in (("events", _EVENTS), ("treatments", _TREATMENTS)) if warehouse.has(table)]
    merged = " UNION ALL BY NAME ".join(f"({part})" for part in parts)
    present = {row[0] for row in warehouse.con.execute(f"DESCRIBE {merged}").fetchall()}
    warehouse.con.execute(f"""
        CREATE OR REPLACE TABLE activity AS
        SELECT {", ".join(ACTIVITY.schema)}
        FROM (
            SELECT *, CASE WHEN n_orders > 0 THEN
                day - lag(day) OVER (PARTITION BY customer_id, n_orders > 0 ORDER BY day) END AS purchase_gap
            FROM (SELECT customer_id, day, {_sums(present)} FROM ({merged}) GROUP BY customer_id, day))
        ORDER BY customer_id, day
    """)


def _sums(present: set[str]) -> str:
    totals = {
        column.name: (f"coalesce(sum({column.name}), 0)" if column.name in present else "0", _SQL_TYPES[column.dtype])
        for column in ACTIVITY.columns
        if column.name not in ("customer_id", "day", "purchase_gap")
    }
    # Lines that name no order are one order together, unless the day has orders with names.
    lines, kind = totals["n_lines"][0], totals["n_orders"][1]
    totals["n_orders"] = (f"CASE WHEN {lines} > 0 THEN greatest({totals['n_orders'][0]}, 1) ELSE 0 END", kind)
    return ", ".join(f"CAST({total} AS {kind}) AS {name}" for name, (total, kind) in totals.items())
