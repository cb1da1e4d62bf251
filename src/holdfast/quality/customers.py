"""The customers of a log: resellers and robots among them, ids that may be one, and those older
than the log.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from holdfast.findings import Finding, Severity, join_names
from holdfast.ingest.order_log import OrderLog
from holdfast.io.warehouse import Warehouse
from holdfast.quality.topics import Topic
from holdfast.windows import date_of

WHOLESALE_SPEND, WHOLESALE_QUANTITY = 50, 5
"""Times the median customer's revenue, and the median customer's mean units a line."""
BOT_ORDERS_A_DAY = 24
BOT_HOURS = 22
MANY_ORDERS = 100
TOO_EVEN = 0.02
"""Spread of the gaps between 100 orders or more over their mean: no person is so regular."""
NAMED = 5
OLDER = 0.2
CLOSED_AFTER = 0.6
MOVED = 2.5
"""Times as many new customers a day as earlier in the log."""
MANY_ALIKE = 0.01
_RAMP_DAYS = 180
_MOST_UNUSUAL = 200
_SHOWN_UNSEEN = 3
_SEEN = (
    "nfc_normalize(regexp_replace(id, '[\\x00\\x{AD}\\x{180E}\\x{200B}-\\x{200F}"
    "\\x{202A}-\\x{202E}\\x{2060}-\\x{2064}\\x{FEFF}]', '', 'g'))"
)
"""An id as it looks: without zero width signs, marks of direction and NUL, its accents composed."""
_KINDS = {"wholesale": "reseller", "robot": "robot"}


def describe_unusual_customers(log: OrderLog) -> Topic | None:
    """Name customers who buy like a reseller or a robot."""
    if not log.columns.has_amount:
        return None
    customers, revenue, share = _sum_spenders(log)
    rows = _read_unusual(log)
    n = {kind: rows.filter(kind=kind).height for kind in _KINDS}
    return Topic(
        "unusual-customers",
        "Unusual customers",
        {"customers": customers, "top_hundredth_share": share, **n},
        (
            f"{customers:,} customers; the largest hundredth brings {share:.0%} of the revenue.",
            f"{n['wholesale']:,} buy like a reseller, {n['robot']:,} like a robot.",
        ),
        table=rows.head(2 * NAMED) if rows.height else None,
        findings=tuple(_find_unusual(rows, customers, revenue, log.study.currency)),
    )


def _sum_spenders(log: OrderLog) -> tuple[int, float, float]:
    """Customers, their revenue, and the share of it that the largest hundredth brings; what each
    spends is in the table `spenders`.
    """
    log.warehouse.execute(f"""
        CREATE OR REPLACE TEMP TABLE spenders AS
        SELECT customer_id, CAST(sum(amount_minor) AS DOUBLE) / {log.scale} AS revenue,
            count(*) FILTER (NOT is_return) AS lines,
            coalesce(avg(quantity) FILTER (NOT is_return), 1) AS units_per_line,
            bit_count(bit_or(1 << hour({log.local_time}))) AS hours_used
        FROM transactions GROUP BY customer_id
    """)
    customers, revenue, top = log.warehouse.row("""
        SELECT count(*), sum(revenue), sum(revenue) FILTER (place <= greatest(1, n // 100))
        FROM (
            SELECT revenue, row_number() OVER (ORDER BY revenue DESC) AS place,
                count(*) OVER () AS n
            FROM spenders)
    """)
    revenue = revenue or 0.0
    return customers, revenue, top / revenue if revenue > 0 else 0.0


def _read_unusual(log: OrderLog) -> pl.DataFrame:
    return log.query(f"""
        WITH usual AS (
            SELECT median(revenue) AS revenue, median(units_per_line) AS units FROM spenders),
        habits AS (
            SELECT customer_id, CAST(sum(n_orders) AS BIGINT) AS orders,
                max(n_orders) AS most_orders_a_day,
                count(purchase_gap) >= {MANY_ORDERS}
                    AND stddev_pop(purchase_gap) < {TOO_EVEN} * avg(purchase_gap) AS is_even
            FROM activity WHERE n_orders > 0 GROUP BY customer_id),
        customers AS (
            SELECT *, most_orders_a_day > {BOT_ORDERS_A_DAY} OR is_even
                OR (hours_used >= {BOT_HOURS} AND orders >= {MANY_ORDERS}) AS is_robot
            FROM spenders JOIN habits USING (customer_id))
        SELECT customer_id, CASE WHEN is_robot THEN 'robot' ELSE 'wholesale' END AS kind,
            c.revenue, lines, orders, units_per_line, most_orders_a_day, hours_used
        FROM customers AS c, usual
        WHERE is_robot OR (c.revenue > {WHOLESALE_SPEND} * usual.revenue
            AND units_per_line > {WHOLESALE_QUANTITY} * usual.units)
        ORDER BY c.revenue DESC, customer_id LIMIT {_MOST_UNUSUAL}
    """)


def _find_unusual(
    rows: pl.DataFrame, customers: int, revenue: float, currency: str
) -> Iterator[Finding]:
    for kind, like in _KINDS.items():
        unusual = rows.filter(kind=kind)
        if unusual.is_empty():
            continue
        share = float(unusual["revenue"].sum()) / revenue if revenue > 0 else 0.0
        names = [
            f"{row['customer_id']} ({row['revenue']:,.0f} {currency}, {row['orders']:,} orders)"
            for row in unusual.iter_rows(named=True)
        ]
        yield Finding.of(
            f"{kind}-customers",
            unusual=unusual,
            customers=customers,
            like=like,
            share=share,
            names=join_names(names, at_most=NAMED),
        )


def describe_new_customers(log: OrderLog) -> Topic:
    """Estimate how many customers bought before the log began: those who only seem new when it
    does.

    A steady shop wins as many customers a day at the beginning of its log as later on. What exceeds
    that in the first half year is customers whose earlier purchases lie before the log.
    """
    days, customers = _count_firsts(log)
    first, last, end = int(days[0]), int(days[-1]), log.end_day
    per_day = np.bincount(days - first, weights=customers, minlength=end - first)
    total, is_closed = int(customers.sum()), last + 1 - first < CLOSED_AFTER * (end - first)
    older = None if is_closed or len(per_day) < 2 * _RAMP_DAYS else _excess(per_day)
    known_before, begins = _known_before(log), date_of(first)
    sentences, findings = [f"The last new customer came on {date_of(last)}."], []
    if is_closed:
        sentences.append("None is new after that: the log follows a closed group.")
        closed = Finding.of(
            "closed-cohort", total=total, first=begins, last=date_of(last), days=end - 1 - last
        )
        findings.append(closed)
    if older is not None:
        share = f"{older:,} of {total:,} customers ({older / total:.0%})"
        sentences.append(f"About {share} are older than the log.")
        if older > OLDER * total:
            findings.append(
                Finding.of("customers-older-than-the-log", share=share, first_day=begins)
            )
    if not is_closed:
        findings += _find_moved_acquisition(per_day)
    if known_before is not None:
        sentences.append(f"{known_before:,} customers were known before the first day of the log.")
    facts = {
        "customers": total,
        "older_than_the_log": older,
        "known_before": known_before,
        "last_new_customer": date_of(last).isoformat(),
        "closed_cohort": is_closed,
    }
    return Topic("newcomers", "New customers", facts, tuple(sentences), findings=tuple(findings))


def _count_firsts(log: OrderLog) -> tuple[np.ndarray, np.ndarray]:
    """The days on which customers bought first, and how many did."""
    firsts = log.query("""
        SELECT CAST(day AS INTEGER) AS day, count(*) AS customers
        FROM (SELECT min(day) AS day FROM activity WHERE n_orders > 0 GROUP BY customer_id)
        GROUP BY day ORDER BY day
    """)
    return firsts["day"].to_numpy(), firsts["customers"].to_numpy()


def _find_moved_acquisition(per_day: np.ndarray) -> Iterator[Finding]:
    """A finding where the business wins many times as many new customers as before, or as few.

    Whoever bought before the log began is new in its first third: fewer are judged by the second.
    """
    third = len(per_day) // 3
    if not third:
        return
    first, middle, last = (
        float(part.mean()) for part in (per_day[:third], per_day[third:-third], per_day[-third:])
    )
    before, when = (first, "first") if last > middle else (middle, "second")
    if before and not 1 / MOVED < last / before < MOVED:
        yield Finding.of("acquisition-has-moved", before=before, after=last, when=when)


def _excess(per_day: np.ndarray) -> int:
    """Customers of the first half year beyond those that the median later week wins."""
    later = per_day[len(per_day) // 2 :][: 7 * (len(per_day) // 14)]
    weeks = later.reshape(-1, 7).sum(axis=1)
    usual = float(np.median(weeks)) / 7
    return max(round(float(per_day[:_RAMP_DAYS].sum()) - usual * _RAMP_DAYS), 0)


def _known_before(log: OrderLog) -> int | None:
    """Customers whose attributes were known before the log began; None where the study does not
    say.
    """
    customers = log.study.customers
    if customers is None or customers.columns.known_from is None:
        return None
    sql = """
        SELECT count(DISTINCT customer_id)
        FROM customers SEMI JOIN transactions USING (customer_id)
        WHERE known_from_day < ?
    """
    return int(log.warehouse.row(sql, log.first_day)[0])


def describe_ids(log: OrderLog) -> Topic:
    """Say how many ids of a log differ only by case, by blanks or signs within them, or by signs
    that nobody sees.
    """
    return describe_ids_of("transactions", log.warehouse)


def describe_ids_of(table: str, warehouse: Warehouse) -> Topic:
    """Say the same of a table of the warehouse."""
    bare = "regexp_replace(lower(seen), '[\\s_.\\-]+', '', 'g')"
    warehouse.execute(
        "CREATE OR REPLACE TEMP TABLE ids AS "
        f"SELECT id, {_SEEN} AS seen FROM (SELECT DISTINCT customer_id AS id FROM {table}) "
        "ORDER BY id"
    )
    customers, n_seen, n_lower, n_bare = warehouse.row(
        "SELECT count(*), count(DISTINCT seen), count(DISTINCT lower(seen)), "
        f"count(DISTINCT {bare}) FROM ids"
    )
    pairs = warehouse.execute(f"""
        SELECT string_agg(id, ' / ' ORDER BY id)
        FROM (SELECT min(id) AS id, seen FROM ids GROUP BY seen)
        GROUP BY {bare} HAVING count(*) > 1 ORDER BY 1 LIMIT 3
    """).fetchall()
    by_case, by_blanks = n_seen - n_lower, n_lower - n_bare
    unseen = _find_unseen(customers - n_seen, warehouse)
    facts: dict[str, Any] = {"customers": customers, "differ_unseen": customers - n_seen}
    facts |= {"differ_by_case": by_case, "differ_by_blanks": by_blanks}
    sentence, findings = "No two ids differ by case or blanks.", unseen
    if pairs:
        evidence = (
            f"{by_case:,} ids differ from another only by case, {by_blanks:,} by blanks or signs "
            f"within: {', '.join(pair for (pair,) in pairs)}"
        )
        severity: Severity = "warning" if by_case + by_blanks > MANY_ALIKE * customers else "note"
        alike = Finding.of("ids-alike", evidence=evidence, severity=severity)
        sentence, findings = f"{evidence}.", (alike, *unseen)
    sentences = (sentence, *(each.evidence for each in unseen))
    return Topic("ids", "Customer ids", facts, sentences, findings=findings)


def _find_unseen(twins: int, warehouse: Warehouse) -> tuple[Finding, ...]:
    """A finding where ids hold signs that nobody sees; an example shows them written out."""
    holding = warehouse.row("SELECT count(*) FROM ids WHERE id <> seen")[0]
    if not holding:
        return ()
    examples = warehouse.execute(f"""
        SELECT list(id ORDER BY id)[:2] FROM ids
        GROUP BY seen HAVING bool_or(id <> seen) ORDER BY count(*) DESC, seen LIMIT {_SHOWN_UNSEEN}
    """).fetchall()
    named = "; ".join(" / ".join(map(ascii, ids)) for (ids,) in examples)
    return (
        Finding.of(
            "ids-differ-unseen",
            holding=holding,
            twins=twins,
            examples=named,
            severity="warning" if twins else "note",
        ),
    )
