"""The lines of a log: giants among them, returns and what they return, and lines that
occur twice.
"""

from collections.abc import Iterator
from math import ceil
from typing import Any

import polars as pl

from holdfast.findings import Finding
from holdfast.ingest.order_log import OrderLog
from holdfast.ingest.validation import DUPLICATE
from holdfast.quality.quantiles import quantile_sql
from holdfast.quality.topics import Topic
from holdfast.study.currencies import write_amount

GIANT = 300
"""Times the 99th percentile of a line's quantity or amount from which on a line is named."""
SOON_MINUTES = 60
UNMATCHED = 0.2
MANY_EQUAL = 0.01
NAMED = 5
_MOST_GIANTS = 100
_LINES_PER_RANGE = 20_000_000


def describe_giant_lines(log: OrderLog) -> Topic | None:
    """Name the lines that are far larger than all others, and whether they were sent back: the
    customer's return of the same product and amount.
    """
    if not log.columns.has_amount:
        return None
    rows = _read_giants(log)
    named = rows.head(NAMED).iter_rows(named=True)
    giants = tuple(_describe(row, log.study.currency) for row in named)
    return Topic(
        "giant-lines",
        "Giant lines",
        {"lines": rows.height, "sent_back": rows["back_after_minutes"].count()},
        giants or (f"No line exceeds {GIANT} times the 99th percentile.",),
        table=rows.with_columns(pl.col("occurred_at").dt.to_string("%Y-%m-%d %H:%M"))
        if giants
        else None,
        findings=tuple(_find_giants(rows, giants)),
    )


def _read_giants(log: OrderLog) -> pl.DataFrame:
    return log.query(f"""
        WITH usual AS (
            SELECT ({_usual("quantity")}) AS quantity, ({_usual("amount_minor")}) AS amount),
        giant AS (
            SELECT t.* FROM transactions AS t, usual
            WHERE NOT is_return AND (t.quantity > {GIANT} * usual.quantity
                OR t.amount_minor > {GIANT} * usual.amount)
            ORDER BY t.amount_minor DESC, t.customer_id LIMIT {_MOST_GIANTS})
        SELECT g.order_id, g.customer_id, g.product_id, g.occurred_at, g.quantity,
            g.amount_minor / {log.scale} AS amount,
            CAST(min(date_diff('second', g.occurred_at, r.occurred_at)) / 60 AS DOUBLE)
                AS back_after_minutes
        FROM giant AS g
        LEFT JOIN transactions AS r ON r.is_return AND r.customer_id = g.customer_id
            AND r.product_id IS NOT DISTINCT FROM g.product_id
            AND r.amount_minor = -g.amount_minor AND r.occurred_at >= g.occurred_at
        GROUP BY ALL ORDER BY amount DESC, g.customer_id
    """)


def _usual(column: str) -> str:
    rows = "transactions WHERE NOT is_return AND amount_minor > 0"
    return f"SELECT value FROM ({quantile_sql(column, 0.99, rows=rows)})"


def _describe(row: dict[str, Any], currency: str) -> str:
    units = f"{row['quantity']:,.0f} units, " if row["quantity"] is not None else ""
    order = f"order {row['order_id']}" if row["order_id"] else "an order"
    after = row["back_after_minutes"]
    ends = "" if after is None else f", cancelled {_format_minutes(after)} later"
    amount = write_amount(row["amount"], currency)
    return f"{order} of customer {row['customer_id']}: {units}{amount}{ends}"


def _format_minutes(minutes: float) -> str:
    for size, name in ((1440, "day"), (60, "hour")):
        if minutes >= 2 * size:
            return f"{minutes / size:,.0f} {name}s"
    return f"{minutes:,.0f} minutes"


def _find_giants(rows: pl.DataFrame, giants: tuple[str, ...]) -> Iterator[Finding]:
    if giants:
        more = f"; and {rows.height - NAMED} more" if rows.height > NAMED else ""
        soon = rows.filter(pl.col("back_after_minutes") <= SOON_MINUTES).height
        yield Finding.of(
            "giant-lines-undone" if soon else "giant-lines",
            evidence="; ".join(giants) + more,
            soon=soon,
            n=rows.height,
        )


def describe_returns(log: OrderLog) -> Topic | None:
    """Match returns with what was bought before, by customer and product or, where there are no
    products, by customer and amount.
    """
    if not log.columns.has_amount:
        return None
    facts = _count_returns(log)
    n, matched = facts["returns"], facts["matched"]
    sentences: tuple[str, ...] = ("The log has no returns.",)
    if n:
        sentences = (
            f"{n:,} returns, {facts['amount']:,.0f} {log.study.currency}; {matched:,} "
            f"({matched / n:.0%}) after a purchase of the same {facts['key']}.",
            f"{facts['soon']:,} purchases were undone within the hour.",
        )
    findings = tuple(_find_unmatched_returns(facts, log.study.currency))
    return Topic("returns", "Returns", facts, sentences, findings=findings)


def _count_returns(log: OrderLog) -> dict[str, Any]:
    by_product = log.columns.product_id is not None
    key, other = ("product_id", "product_id") if by_product else ("amount_minor", "-amount_minor")
    ranges = ceil(log.sources[0].rows.accepted / _LINES_PER_RANGE)
    parts = [
        log.warehouse.row(_returns_sql(key, other, f"hash(customer_id) % {ranges} = {i}"))
        for i in range(ranges)
    ]
    n, matched, amount, unmatched_amount, soon = map(sum, zip(*parts, strict=True))
    return {
        "returns": n,
        "matched": matched,
        "amount": float(amount) / log.scale,
        "unmatched_amount": float(unmatched_amount) / log.scale,
        "soon": 0 if log.has_dates_only else soon,
        "key": "customer and product" if by_product else "customer and amount",
    }


def _returns_sql(key: str, other: str, in_range: str) -> str:
    return f"""
        WITH back AS (
            SELECT *, {other} AS key FROM transactions WHERE is_return AND {in_range}),
        sold AS (
            SELECT customer_id, {key} AS key, -amount_minor AS amount_minor, occurred_at
            FROM transactions WHERE NOT is_return AND {in_range}),
        bought AS (
            SELECT customer_id, key, min(occurred_at) AS first FROM sold GROUP BY ALL),
        matched AS (
            SELECT back.amount_minor, bought.first <= back.occurred_at AS is_matched
            FROM back LEFT JOIN bought USING (customer_id, key)),
        soon AS (
            SELECT date_diff('minute', sold.occurred_at, back.occurred_at) AS minutes
            FROM back ASOF JOIN sold ON back.customer_id = sold.customer_id AND back.key = sold.key
                AND back.amount_minor = sold.amount_minor AND back.occurred_at >= sold.occurred_at)
        SELECT count(*), count(*) FILTER (is_matched), coalesce(-sum(amount_minor), 0),
            coalesce(-sum(amount_minor) FILTER (is_matched IS NOT true), 0),
            (SELECT count(*) FROM soon WHERE minutes <= {SOON_MINUTES})
        FROM matched
    """


def _find_unmatched_returns(facts: dict[str, Any], currency: str) -> Iterator[Finding]:
    n, lost = facts["returns"], facts["returns"] - facts["matched"]
    if lost > UNMATCHED * n:
        yield Finding.of(
            "returns-without-purchase",
            lost=lost,
            n=n,
            share=lost / n,
            facts=facts,
            currency=currency,
        )


def describe_duplicates(log: OrderLog) -> Topic:
    """Say how many accepted lines equal an earlier one, and how many of those stand in another
    file.
    """
    source = log.sources[0]
    equal, across_files = log.warehouse.row(f"""
        SELECT CAST(coalesce(sum(n - 1), 0) AS BIGINT), CAST(coalesce(sum(files - 1), 0) AS BIGINT)
        FROM (
            SELECT sum(n) AS n, count(*) AS files
            FROM (
                SELECT count(*) AS n, _file,
                    hash(customer_id, occurred_at, order_id, product_id, quantity, amount_minor)
                        AS line
                FROM {source.table} WHERE verdict = 0 GROUP BY ALL)
            GROUP BY line)
    """)
    facts = {
        "set_aside": source.reasons.get(DUPLICATE, 0),
        "equal": equal,
        "across_files": across_files,
        "files": len(source.labels),
        "accepted": source.rows.accepted,
    }
    sentences = [
        f"{equal:,} accepted lines equal an earlier one in customer, moment, order, product and "
        "amount."
    ]
    if facts["set_aside"]:
        sentences.insert(0, f"{facts['set_aside']:,} exact duplicates were set aside.")
    if facts["files"] > 1:
        sentences.append(
            f"{across_files:,} of them stand in another of the {facts['files']} files."
        )
    findings = tuple(_find_duplicates(facts))
    return Topic("duplicates", "Duplicates", facts, tuple(sentences), findings=findings)


def _find_duplicates(facts: dict[str, int]) -> Iterator[Finding]:
    equal, accepted = facts["equal"], facts["accepted"]
    if equal > MANY_EQUAL * accepted:
        yield Finding.of(
            "lines-occur-twice", equal=equal, accepted=accepted, share=equal / accepted
        )
    if facts["files"] > 1 and facts["across_files"]:
        yield Finding.of("duplicates-across-files", facts=facts, accepted=accepted)
