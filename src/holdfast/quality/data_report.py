"""Data report: count what the checks ask about, in the warehouse that holds the log.

`cheap_topics` reads the days and the largest lines, and runs with every run; `all_topics` reads
every line several times, and belongs to `holdfast check`.
"""

import re
from collections.abc import Iterator, Mapping

import polars as pl
import polars.selectors as cs

from holdfast.findings import Finding
from holdfast.ingest.order_log import OrderLog
from holdfast.ingest.snapshot import Snapshot
from holdfast.ingest.sources import open_source
from holdfast.ingest.sql import identifier_sql, literal
from holdfast.ingest.validation import DUPLICATE, ValidatedSource
from holdfast.io.warehouse import Warehouse
from holdfast.quality.calendar import calendar
from holdfast.quality.clock import clock
from holdfast.quality.customers import (
    BOT_HOURS,
    BOT_ORDERS_A_DAY,
    TOO_EVEN,
    WHOLESALE_QUANTITY,
    WHOLESALE_SPEND,
    identities,
    newcomers,
    unusual,
)
from holdfast.quality.lines import GIANT, SOON_MINUTES, duplicates, giants, returns
from holdfast.quality.topics import Topic
from holdfast.quality.units import amounts, rates
from holdfast.study import Study, Transactions

_CURRENCY = re.compile(
    r"^(.*[_ ])?(currency|curr|ccy|w(ae|ä)hrung|moneda|devise)([_ ]?code)?$", re.IGNORECASE
)
_MOST_GIANTS = 100
_MOST_UNUSUAL = 200


def cheap_topics(study: Study, warehouse: Warehouse, got: OrderLog) -> Iterator[Topic]:
    """Describe the calendar, the giant lines and the new customers."""
    zone = study.time_zone
    yield calendar(warehouse.read(warehouse.con.sql(_days_sql(zone))))
    if _log(study).columns.has_amount:
        yield giants(warehouse.read(warehouse.con.sql(_giants_sql(study))), currency=study.currency)
    yield newcomers(
        warehouse.read(warehouse.con.sql(_FIRSTS)),
        first_day=warehouse.row("SELECT min(day) FROM activity WHERE n_orders > 0")[0],
        end_day=got.end_day,
        known_before=_known_before(study, warehouse, got.first_day),
    )


def all_topics(study: Study, warehouse: Warehouse, got: OrderLog) -> Iterator[Topic]:
    """Describe everything that can be told of the log."""
    yield from cheap_topics(study, warehouse, got)
    halves = warehouse.read(warehouse.con.sql(_halves_sql(study.time_zone)))
    at = _local(study.time_zone)
    at_midnight = warehouse.row(
        f"SELECT count(*) FROM transactions WHERE {at} = date_trunc('day', {at})"
    )[0]
    times = clock(halves, at_midnight=at_midnight, zone=study.time_zone)
    yield times
    yield _duplicates(got.sources[0], warehouse)
    if _log(study).columns.has_amount:
        yield _returns(study, warehouse, with_times=not times.facts["dates_only"])
        yield from _amounts(study, warehouse, got.sources[0])
        yield _unusual(study, warehouse)
    yield _identities("transactions", warehouse)


def snapshot_topics(study: Study, got: Snapshot, warehouse: Warehouse) -> Iterator[Topic]:
    """Describe the columns of a snapshot, and its ids."""
    yield _columns(got.frame.select(got.columns))
    warehouse.con.register("snapshot_frame", got.frame.select("customer_id"))
    yield _identities("snapshot_frame", warehouse)


def attribute_findings(study: Study, warehouse: Warehouse) -> list[Finding]:
    """Find mixed units among the attributes of the customer table."""
    if study.customers is None or not study.customers.attributes:
        return []
    frame = warehouse.read(warehouse.table("customers")).select(cs.float())
    return rates(dict(zip(frame.columns, frame.iter_columns(), strict=True)))


def unused_rules(study: Study, validated: ValidatedSource) -> list[Finding]:
    """Say which rules of the study hold for no row at all: most likely they are written for other
    data.
    """
    unused = [rule for rule in _log(study).set_aside if not validated.reasons.get(rule)]
    if not unused:
        return []
    return [
        Finding.note(
            "rules-without-rows",
            evidence="[transactions.set_aside] sets no row aside for "
            f"{', '.join(map(repr, unused))}",
            meaning="The rule is for other data, misspelt, or compares with another unit than the "
            "column has.",
            fix="correct the rule, or drop it",
        )
    ]


def _log(study: Study) -> Transactions:
    assert study.transactions is not None
    return study.transactions


def _local(zone: str) -> str:
    return (
        "occurred_at"
        if zone == "UTC"
        else f"timezone({literal(zone)}, timezone('UTC', occurred_at))"
    )


def _days_sql(zone: str) -> str:
    """Days with their lines; a log of dates has no last second."""
    return f"""
        SELECT CAST(day AS INTEGER) AS day, count(*) AS lines, count(DISTINCT customer_id) AS
            customers,
            nullif(max(date_diff('second', date_trunc('day', local), local)), 0) AS last_second
        FROM (SELECT day, customer_id, {_local(zone)} AS local FROM transactions) GROUP BY day ORDER
            BY day
    """


def _halves_sql(zone: str) -> str:
    return f"""
        SELECT CAST(day AS INTEGER) AS day, CAST(2 * hour(local) + minute(local) // 30 AS INTEGER)
            AS half,
            count(*) AS lines
        FROM (SELECT day, {_local(zone)} AS local FROM transactions) GROUP BY ALL ORDER BY ALL
    """


def _giants_sql(study: Study) -> str:
    scale = 10**study.minor_digits
    return f"""
        WITH usual AS (
            SELECT quantile_cont(quantity, 0.99) AS quantity, quantile_cont(amount_minor, 0.99) AS
                amount
            FROM transactions WHERE NOT is_return AND amount_minor > 0),
        giant AS (
            SELECT t.* FROM transactions AS t, usual WHERE NOT is_return
                AND (t.quantity > {GIANT} * usual.quantity OR t.amount_minor > {GIANT} *
                    usual.amount)
            ORDER BY t.amount_minor DESC, t.customer_id LIMIT {_MOST_GIANTS})
        SELECT g.order_id, g.customer_id, g.product_id, g.occurred_at, g.quantity, g.amount_minor /
            {scale} AS amount,
            CAST(min(date_diff('second', g.occurred_at, r.occurred_at)) / 60 AS DOUBLE) AS
                back_after_minutes
        FROM giant AS g LEFT JOIN transactions AS r ON r.is_return AND r.customer_id = g.customer_id
            AND r.product_id IS NOT DISTINCT FROM g.product_id AND r.amount_minor = -g.amount_minor
            AND r.occurred_at >= g.occurred_at
        GROUP BY ALL ORDER BY amount DESC, g.customer_id
    """


_FIRSTS = """
    SELECT CAST(day AS INTEGER) AS day, count(*) AS customers
    FROM (SELECT min(day) AS day FROM activity WHERE n_orders > 0 GROUP BY customer_id) GROUP BY day
        ORDER BY day
"""


def _known_before(study: Study, warehouse: Warehouse, first_day: int) -> int | None:
    if study.customers is None or study.customers.columns.known_from is None:
        return None
    sql = (
        "SELECT count(DISTINCT customer_id) FROM customers SEMI JOIN transactions USING "
        "(customer_id)"
    )
    return int(warehouse.row(f"{sql} WHERE known_from_day < ?", first_day)[0])


def _duplicates(validated: ValidatedSource, warehouse: Warehouse) -> Topic:
    equal, across = warehouse.row(f"""
        SELECT CAST(coalesce(sum(n - 1), 0) AS BIGINT), CAST(coalesce(sum(files - 1), 0) AS BIGINT)
        FROM (SELECT count(*) AS n, count(DISTINCT _file) AS files
              FROM {validated.table} WHERE verdict = 0
              GROUP BY hash(customer_id, occurred_at, order_id, product_id, quantity, amount_minor))
    """)
    return duplicates(
        {
            "set_aside": validated.reasons.get(DUPLICATE, 0),
            "equal": equal,
            "across_files": across,
            "files": len(validated.labels),
            "accepted": validated.rows.accepted,
        }
    )


def _returns(study: Study, warehouse: Warehouse, *, with_times: bool) -> Topic:
    by_product = _log(study).columns.product_id is not None
    key, other = ("product_id", "product_id") if by_product else ("amount_minor", "-amount_minor")
    row = warehouse.row(f"""
        WITH back AS (SELECT *, {other} AS key FROM transactions WHERE is_return),
        bought AS (
            SELECT customer_id, {key} AS key, min(occurred_at) AS first
            FROM transactions WHERE NOT is_return GROUP BY ALL),
        same AS (
            SELECT customer_id, {key} AS key, -amount_minor AS amount_minor, occurred_at
            FROM transactions WHERE NOT is_return),
        matched AS (
            SELECT back.amount_minor, bought.first <= back.occurred_at AS found
            FROM back LEFT JOIN bought USING (customer_id, key)),
        soon AS (
            SELECT date_diff('minute', same.occurred_at, back.occurred_at) AS minutes
            FROM back ASOF JOIN same ON back.customer_id = same.customer_id AND back.key = same.key
                AND back.amount_minor = same.amount_minor AND back.occurred_at >= same.occurred_at)
        SELECT count(*), count(*) FILTER (found), coalesce(-sum(amount_minor), 0),
            coalesce(-sum(amount_minor) FILTER (found IS NOT true), 0),
            (SELECT count(*) FROM soon WHERE minutes <= {SOON_MINUTES}) FROM matched
    """)
    scale = 10**study.minor_digits
    facts = {
        "returns": row[0],
        "matched": row[1],
        "amount": float(row[2]) / scale,
        "unmatched_amount": float(row[3]) / scale,
        "soon": row[4] if with_times else 0,
        "key": "customer and product" if by_product else "customer and amount",
    }
    return returns(facts, currency=study.currency)


def _amounts(study: Study, warehouse: Warehouse, validated: ValidatedSource) -> Iterator[Topic]:
    month = "strftime(DATE '1970-01-01' + day, '%Y-%m')"
    currencies = _currencies(study, warehouse, validated)
    months = warehouse.read(warehouse.con.sql(_usual_sql(month, "transactions", study)))
    yield amounts(months, of="month", currency=study.currency, currencies=currencies)
    if len(validated.labels) > 1:
        files = f"list_extract([{', '.join(map(literal, validated.labels))}], _file + 1)"
        source = f"(SELECT * FROM {validated.table} WHERE verdict = 0)"
        found = amounts(
            warehouse.read(warehouse.con.sql(_usual_sql(files, source, study))),
            of="file",
            currency=study.currency,
        )
        yield from [found] if found.findings else []


def _usual_sql(period: str, table: str, study: Study) -> str:
    return f"""
        SELECT {period} AS period, count(*) AS lines, median(amount_minor) /
            {10**study.minor_digits} AS median
        FROM {table} WHERE NOT is_return AND amount_minor > 0 GROUP BY period ORDER BY period
    """


def _currencies(
    study: Study, warehouse: Warehouse, validated: ValidatedSource
) -> list[tuple[str, int]]:
    """Count the words of a column of currencies, which takes another look at the source."""
    named = next((name for name in validated.fields if _CURRENCY.match(name.strip())), None)
    if named is None:
        return []
    again = open_source(
        _log(study), warehouse, name="transactions_again", project_dir=study.project_dir
    )
    word = identifier_sql(again.fields[named])
    with again.reading():
        found: list[tuple[str, int]] = warehouse.con.execute(
            f"SELECT {word} AS word, count(*) AS n FROM {again.view} GROUP BY word HAVING word IS "
            "NOT NULL "
            "ORDER BY n DESC, word LIMIT 20"
        ).fetchall()
    return found


def _unusual(study: Study, warehouse: Warehouse) -> Topic:
    scale = 10**study.minor_digits
    hour = f"hour({_local(study.time_zone)})"
    warehouse.con.execute(f"""
        CREATE OR REPLACE TEMP TABLE spenders AS
        SELECT customer_id, CAST(sum(amount_minor) AS DOUBLE) / {scale} AS revenue,
            count(*) FILTER (NOT is_return) AS lines,
            coalesce(avg(quantity) FILTER (NOT is_return), 1) AS units_per_line,
            count(DISTINCT {hour}) AS hours_used FROM transactions GROUP BY customer_id
    """)
    customers, revenue, top = warehouse.row("""
        SELECT count(*), sum(revenue), sum(revenue) FILTER (place <= greatest(1, n // 100))
        FROM (SELECT revenue, row_number() OVER (ORDER BY revenue DESC) AS place, count(*) OVER ()
            AS n FROM spenders)
    """)
    rows = warehouse.read(
        warehouse.con.sql(f"""
        WITH usual AS (SELECT median(revenue) AS revenue, median(units_per_line) AS units FROM
            spenders),
        habits AS (
            SELECT customer_id, CAST(sum(n_orders) AS BIGINT) AS orders, max(n_orders) AS
                most_orders_a_day,
                count(purchase_gap) >= 100 AND stddev_pop(purchase_gap) < {TOO_EVEN} *
                    avg(purchase_gap) AS even
            FROM activity WHERE n_orders > 0 GROUP BY customer_id)
        SELECT customer_id, CASE WHEN most_orders_a_day > {BOT_ORDERS_A_DAY} OR even
                OR (hours_used >= {BOT_HOURS} AND orders >= 100) THEN 'robot' ELSE 'wholesale' END
                    AS kind,
            s.revenue, lines, orders, units_per_line, most_orders_a_day, hours_used
        FROM spenders AS s JOIN habits USING (customer_id), usual
        WHERE most_orders_a_day > {BOT_ORDERS_A_DAY} OR even OR (hours_used >= {BOT_HOURS} AND
            orders >= 100)
            OR (s.revenue > {WHOLESALE_SPEND} * usual.revenue AND units_per_line >
                {WHOLESALE_QUANTITY} * usual.units)
        ORDER BY s.revenue DESC, customer_id LIMIT {_MOST_UNUSUAL}
    """)
    )
    share = top / revenue if revenue and revenue > 0 else 0.0
    return unusual(
        rows, customers=customers, revenue=revenue or 0.0, top_share=share, currency=study.currency
    )


def _identities(table: str, warehouse: Warehouse) -> Topic:
    plain = "regexp_replace(lower(id), '[\\s_.\\-]+', '', 'g')"
    warehouse.con.execute(
        f"CREATE OR REPLACE TEMP TABLE ids AS SELECT DISTINCT customer_id AS id FROM {table} ORDER "
        "BY id"
    )
    n, lower, bare = warehouse.row(
        f"SELECT count(*), count(DISTINCT lower(id)), count(DISTINCT {plain}) FROM ids"
    )
    pairs = warehouse.con.execute(
        f"SELECT string_agg(id, ' / ' ORDER BY id) FROM ids GROUP BY {plain} HAVING count(*) > 1 "
        "ORDER BY 1 LIMIT 3"
    ).fetchall()
    return identities(
        customers=n, by_case=n - lower, by_blanks=lower - bare, examples=[pair for (pair,) in pairs]
    )


def _columns(frame: pl.DataFrame) -> Topic:
    """Describe each column; a number's range shows its unit."""
    rows = [_column(frame[name]) for name in frame.columns]
    numbers = {name: frame[name] for name in frame.select(cs.float()).columns}
    constant = [str(row["column"]) for row in rows if row["different"] <= 1]  # type: ignore[operator]
    findings = rates(numbers)
    if constant:
        findings.append(
            Finding.note(
                "constant-columns",
                evidence=f"{', '.join(constant)} {'is' if len(constant) == 1 else 'are'} the same "
                "for every customer",
                meaning="Such a column tells nobody apart, and no model uses it.",
                fix="nothing, unless it should differ",
            )
        )
    missing = sum(int(row["missing"]) for row in rows)  # type: ignore[call-overload]
    return Topic(
        name="columns",
        title="Columns",
        facts={"customers": frame.height, "columns": len(rows), "missing_cells": missing},
        sentences=(f"{frame.height:,} customers, {len(rows)} columns, {missing:,} cells missing.",),
        table=pl.DataFrame(rows, infer_schema_length=None),
        findings=tuple(findings),
    )


def _column(values: pl.Series) -> Mapping[str, object]:
    kind = (
        "number"
        if values.dtype.is_float()
        else "yes or no"
        if values.dtype == pl.Boolean
        else "words"
    )
    known = values.drop_nulls() if kind == "number" else values.clear()
    ends = [known.min(), known.median(), known.max()] if len(known) else [None] * 3
    return {
        "column": values.name,
        "holds": kind,
        "missing": values.null_count(),
        "different": values.n_unique(),
        **dict(zip(("lowest", "median", "highest"), ends, strict=True)),
    }
