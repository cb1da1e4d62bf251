"""The customer-day rollup: what every feature and label is later summed from, computed once.

One row per customer and day on which anything happened. Nothing in a row depends on a later day, so that any cutoff may
use the rows before it as they are.
"""

from collections.abc import Mapping

import polars as pl

from holdfast.io.duckdb import Warehouse
from holdfast.tables import ACTIVITY, ENGAGEMENT_KINDS

# Each part names a customer, a day and something to add up, so that one grouping at the end makes days of all of them.
_LINES = """
    SELECT customer_id, day, CASE WHEN is_return THEN 0 ELSE 1 END AS n_lines,
        CASE WHEN is_return THEN 0 ELSE amount_minor END AS gross_minor,
        CASE WHEN is_return THEN amount_minor ELSE 0 END AS returns_minor,
        CASE WHEN NOT is_return AND order_id IS NOT NULL THEN hash(order_id) END AS order_hash
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
_SUMMED = {
    column.name: _SQL_TYPES[column.dtype]
    for column in ACTIVITY.columns
    if column.name not in ("customer_id", "day", "purchase_gap")
}


# Lines that name no order are one order together, unless the day has orders with names. Counting different names on
# every day is dear, and on most days the first name is the last: only the other days are counted, afterwards.
_N_ORDERS = """
    CASE WHEN coalesce(sum(n_lines), 0) = 0 THEN 0
         WHEN min(order_hash) IS NULL OR min(order_hash) = max(order_hash) THEN 1
         WHEN sum(n_lines) = 2 THEN 2 END
"""
_COUNT_THE_OTHERS = """
    UPDATE activity SET n_orders = counted.n_orders
    FROM (SELECT customer_id, day, count(DISTINCT order_id) AS n_orders
          FROM transactions SEMI JOIN (SELECT customer_id, day FROM activity WHERE n_orders IS NULL) AS uncounted
              USING (customer_id, day)
          WHERE NOT is_return GROUP BY customer_id, day) AS counted
    WHERE activity.n_orders IS NULL AND activity.customer_id = counted.customer_id AND activity.day = counted.day
"""


def roll_up(warehouse: Warehouse, *, with_products: bool, with_orders: bool = True) -> None:
    """Create ACTIVITY from transactions, events and treatments (as far as there are any), in no particular order.

    Parameters
    ----------
    with_orders
        Whether lines name orders. Without, a day of purchases is one order.
    with_products
        Whether lines name products. Without, n_products and n_new_products are 0.
    """
    parts = [_LINES, *([_PRODUCTS, _NEW_PRODUCTS] if with_products else [])]
    parts += [sql for table, sql in (("events", _EVENTS), ("treatments", _TREATMENTS)) if warehouse.has(table)]
    merged = " UNION ALL BY NAME ".join(f"({part})" for part in parts)
    present = {row[0] for row in warehouse.con.execute(f"DESCRIBE {merged}").fetchall()}
    sums = {name: f"CAST({_sum(name)} AS {kind})" for name, kind in _SUMMED.items() if name in present | {"n_orders"}}
    days = ", ".join(f"{total} AS {name}" for name, total in sums.items())
    # What no source tells is 0, and added last: the window need not carry it.
    told = {name: name if name in sums else f"CAST(0 AS {kind}) AS {name}" for name, kind in _SUMMED.items()}
    before = "lag(CASE WHEN n_lines > 0 THEN day END IGNORE NULLS) OVER (PARTITION BY customer_id ORDER BY day)"
    warehouse.con.execute(f"""
        CREATE OR REPLACE TABLE activity AS
        SELECT {", ".join(told.get(name, name) for name in ACTIVITY.schema)}
        FROM (
            SELECT *, CASE WHEN n_lines > 0 THEN day - {before} END AS purchase_gap
            FROM (SELECT customer_id, day, {days} FROM ({merged}) GROUP BY customer_id, day))
    """)
    if with_orders:
        warehouse.con.execute(_COUNT_THE_OTHERS)


def _sum(name: str) -> str:
    return _N_ORDERS if name == "n_orders" else f"coalesce(sum({name}), 0)"
