"""Warehouse SQL: the queries behind ACTIVITY and the features, for a warehouse that has the rows.

The features' query is the one that DuckDB runs for the study, translated. What the warehouse must
have is ACTIVITY, or the tables of which the second query makes it.
"""

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import sqlglot
from sqlglot import exp

from holdfast.errors import StudyError
from holdfast.expressions import quote
from holdfast.features.build import build_features
from holdfast.features.catalogue import features_for, sources_of
from holdfast.io.dialect_names import Dialect
from holdfast.io.dialects import divide, name, parse_table, write_sql
from holdfast.io.warehouse import memory_database
from holdfast.study import Study, eligible_days
from holdfast.tables import ACTIVITY, ENGAGEMENT_KINDS

_COUNTED = [field for field in ACTIVITY.schema if field not in (*ACTIVITY.grain, "purchase_gap")]
_LINES = """
    SELECT customer_id, day, {fields} FROM (
        SELECT customer_id, day, n_lines, gross_minor, returns_minor,
            CASE WHEN named_orders > 0 THEN named_orders WHEN n_lines > 0 THEN 1 ELSE 0
            END AS n_orders
        FROM (
            SELECT customer_id, day, {orders} AS named_orders,
                SUM(CASE WHEN is_return THEN 0 ELSE 1 END) AS n_lines,
                SUM(CASE WHEN is_return THEN 0 ELSE amount_minor END) AS gross_minor,
                SUM(CASE WHEN is_return THEN amount_minor ELSE 0 END) AS returns_minor
            FROM transactions GROUP BY customer_id, day
        ) AS counted
    ) AS ordered
"""
_NAMED_ORDERS = "COUNT(DISTINCT CASE WHEN NOT is_return THEN order_id END)"
_PRODUCTS = """
    SELECT customer_id, day, {fields} FROM (
        SELECT customer_id, day, COUNT(*) AS n_products,
            SUM(CASE WHEN day = first_day THEN 1 ELSE 0 END) AS n_new_products
        FROM (
            SELECT customer_id, day, product_id,
                MIN(day) OVER (PARTITION BY customer_id, product_id) AS first_day
            FROM (
                SELECT DISTINCT customer_id, day, product_id FROM transactions
                WHERE NOT is_return AND product_id IS NOT NULL
            ) AS bought
        ) AS first_bought GROUP BY customer_id, day
    ) AS counted
"""
_EVENTS = "SELECT customer_id, day, {fields} FROM events"
_TREATMENTS = "SELECT customer_id, day, {fields} FROM treatments WHERE treated"
_OF_KIND = "CASE WHEN kind = '{kind}' THEN n ELSE 0 END"
_BEFORE = """
    MAX(CASE WHEN n_lines > 0 THEN day END) OVER (
        PARTITION BY customer_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
"""
_GAP = "CASE WHEN n_lines > 0 THEN day - bought_before END AS purchase_gap"


def features_sql(
    study: Study,
    cutoff_day: int,
    dialect: Dialect = "duckdb",
    *,
    activity: str = "activity",
    customers: str = "customers",
) -> str:
    """Write the query behind `features` at one cutoff, with the attributes where the study has
    them.

    Parameters
    ----------
    activity, customers
        The tables ACTIVITY and CUSTOMERS, as the dialect names them; the second is read where the
        study has attributes.

    Raises
    ------
    StudyError
        The study has a snapshot: nothing is made of its columns.
    InputError
        A table's name is not one.
    """
    _require_log(study)
    tables = {"activity": activity, "customers": customers}
    parsed = {place: parse_table(text, dialect) for place, text in tables.items()}
    query = _duckdb_query(study, cutoff_day)
    if study.customers is not None and study.customers.attributes:
        query = _add_attributes(query, study.customers.attributes, cutoff_day)
    return write_sql(_neutral(query), dialect, parsed)


def activity_sql(study: Study, dialect: Dialect = "duckdb") -> str:
    """Write the query that makes ACTIVITY of the tables `transactions` and, as far as the study has
    them, `events` and `treatments`, which keep the contracts of these names.

    Raises
    ------
    StudyError
        The study has a snapshot.
    """
    _require_log(study)
    sums = ", ".join(f"CAST(SUM({field}) AS BIGINT) AS {field}" for field in _COUNTED)
    ordered = ", ".join(_GAP if field == "purchase_gap" else field for field in ACTIVITY.schema)
    query = f"""
        WITH parts AS ({" UNION ALL ".join(_parts(study))}),
        days AS (SELECT customer_id, day, {sums} FROM parts GROUP BY customer_id, day),
        gaps AS (SELECT *, {_BEFORE} AS bought_before FROM days)
        SELECT {ordered} FROM gaps
    """
    return write_sql(_neutral(_parse(query)), dialect)


def _parse(query: str) -> exp.Select:
    tree = sqlglot.parse_one(query, dialect="duckdb")
    assert isinstance(tree, exp.Select)
    return tree


def _require_log(study: Study) -> None:
    if study.snapshot is not None:
        raise StudyError(
            "a snapshot's features are its own columns: there is no query",
            fix="list them with `holdfast features`",
        )


def _parts(study: Study) -> list[str]:
    """What each source counts of a customer and day, as queries of the same columns."""
    sources = sources_of(study)
    lines = _LINES.replace("{orders}", _NAMED_ORDERS if "orders" in sources else "0")
    of_lines = ("n_orders", "n_lines", "gross_minor", "returns_minor")
    parts = [_part(lines, **{field: field for field in of_lines})]
    if "products" in sources:
        parts.append(_part(_PRODUCTS, n_products="n_products", n_new_products="n_new_products"))
    if study.events is not None:
        kinds = {f"n_{kind}s": _OF_KIND.format(kind=kind) for kind in ENGAGEMENT_KINDS}
        parts.append(_part(_EVENTS, **kinds))
    if study.treatments is not None:
        parts.append(_part(_TREATMENTS, n_treatments="1"))
    return parts


def _part(query: str, **counted: str) -> str:
    fields = (f"{counted.get(field, '0')} AS {field}" for field in _COUNTED)
    return query.replace("{fields}", ", ".join(fields))


def _duckdb_query(study: Study, cutoff_day: int) -> exp.Select:
    """What DuckDB runs on `activity`."""
    with memory_database() as con:
        con.register("empty", ACTIVITY.empty())
        con.execute("CREATE TABLE activity AS FROM empty")
        built = build_features(
            nw.from_native(con.table("activity")),
            [cutoff_day],
            features_for(sources_of(study)),
            eligible_days=eligible_days(study.churn.eligible),
            minor_digits=study.minor_digits,
        )
        return _parse(built.to_native().sql_query())


def _neutral(query: exp.Select) -> exp.Expr:
    """The same question, in the part of SQL that all warehouses understand alike."""
    for select in query.find_all(exp.Select):
        if not select.args.get("joins"):
            _name_tables(select)
    # The innermost first: what is replaced is not looked into again.
    for node in reversed(list(query.walk())):
        node.replace(_rewrite(node))
    steps = {each.alias: f"step_{place}" for place, each in enumerate(query.ctes, 1)}
    return query.transform(
        lambda node: (
            name(steps.get(node.name, node.name)) if isinstance(node, exp.Identifier) else node
        )
    )


def _rewrite(node: exp.Expr) -> Any:
    """Settle what a translation of syntax would pass on in silence."""
    if isinstance(node, exp.Div) and not node.args.get("typed"):
        return divide(node.left, node.right)
    if isinstance(node, exp.Lag) and not isinstance(node.this, exp.Cast):
        # Of the first row ClickHouse says 0 where the column has no nulls.
        node.set("this", exp.cast(node.this, exp.DType.BIGINT))
    if isinstance(node, exp.Paren) and not isinstance(node.this, exp.Binary | exp.Unary):
        return node.this
    return node


def _name_tables(select: exp.Select) -> None:
    """Say of each column which table it is of: ClickHouse would take it for an alias."""
    source = select.args["from_"].this
    for each in select.find_all(exp.Column):
        if each.find_ancestor(exp.Select) is select:
            each.set("table", name(source.alias_or_name))


def _add_attributes(query: exp.Select, attributes: Sequence[str], cutoff_day: int) -> exp.Select:
    """Add what was known of the customer on the days before the cutoff: the latest of it."""
    features = ", ".join(f"built.{quote(each.alias_or_name)}" for each in query.selects)
    given = ", ".join(map(quote, attributes))
    # Where there is no row ClickHouse has empty words and zeros, not nulls.
    known = ", ".join(
        f"CASE WHEN latest.place = 1 THEN latest.{quote(each)} END AS {quote(each)}"
        for each in attributes
    )
    outer = _parse(
        f"""
        SELECT {features}, {known} FROM built LEFT JOIN latest
        ON latest.customer_id = built.customer_id AND latest.place = 1
        """
    )
    latest = _parse(
        f"""
        SELECT customer_id, {given},
            ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY -known_from_day) AS place
        FROM customers WHERE known_from_day < {cutoff_day}
        """
    )
    steps = query.args["with_"]
    query.set("with_", None)
    for step, select in {"built": query, "latest": latest}.items():
        steps.append("expressions", exp.CTE(this=select, alias=exp.TableAlias(this=name(step))))
    outer.set("with_", steps)
    return outer
