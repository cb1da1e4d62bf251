"""What the reader must know about the rows before trusting a figure."""

from collections.abc import Iterator, Sequence

from holdfast.findings import Finding, Severity
from holdfast.ingest.money import FOREIGN, NO_RATE
from holdfast.ingest.row_mappings import NO_CUSTOMER
from holdfast.ingest.sql import placeholder_sql
from holdfast.ingest.timestamps import describe_forms
from holdfast.ingest.validation import STRAY, ValidatedSource
from holdfast.io.warehouse import Warehouse
from holdfast.study import Transactions
from holdfast.windows import date_of

_BESIDE = ("events", "customers", "treatments")
_DATED = ("transactions", "events", "treatments")
_MANY = 0.01
_LONELY_SHARE, _LONELY_DAYS = 0.001, 90


def describe_lines(
    log: Transactions, lines: ValidatedSource, warehouse: Warehouse
) -> Iterator[Finding]:
    """Say what is odd about the order lines."""
    yield from _amounts(log, warehouse)
    read, nameless = lines.rows.read, lines.reasons.get(NO_CUSTOMER, 0)
    if nameless > _MANY * read:
        yield Finding.of(
            "lines-without-customer", nameless=nameless, read=read, share=nameless / read
        )
    yield from _placeholders(warehouse)
    yield from _other_currencies(lines)
    if count := lines.reasons.get(STRAY):
        more = ", ..." if count > len(lines.strays) else ""
        yield Finding.of(
            "stray-days", count=count, read=read, strays=", ".join(lines.strays), more=more
        )
    yield from _lonely_days(warehouse)


def describe_sources(sources: Sequence[ValidatedSource], warehouse: Warehouse) -> Iterator[Finding]:
    """Say what is odd about how each source was read, and about who is in one and not in
    another.
    """
    for source in sources:
        if count := source.rows.quarantined:
            reason, rows = source.count_reasons()[0]
            severity: Severity = "warning" if count > _MANY * source.rows.read else "note"
            key = "quarantined-{source.name}"
            yield Finding.of(key, severity=severity, source=source, rows=rows, reason=reason)
    for source in sources:
        yield from _date_forms(source, warehouse)
    for source in sources:
        if source.trimmed:
            yield Finding.of("blanks-around-ids-{source.name}", source=source)
    for source in sources:
        if source.pointed:
            yield Finding.of("ids-with-a-point-{source.name}", source=source)
    for source in sources:
        if source.name in _BESIDE:
            yield from _strangers(source.name, warehouse)


def _amounts(log: Transactions, warehouse: Warehouse) -> Iterator[Finding]:
    if not log.columns.has_amount:
        yield Finding.of("no-amounts")
        return
    if log.amount_of == "order":
        # All lines of an order but one have no amount of their own.
        return
    (count,) = warehouse.row(
        "SELECT count(*) FROM transactions WHERE amount_minor = 0 AND NOT is_return"
    )
    if count:
        yield Finding.of("zero-amounts", count=count)


def _other_currencies(lines: ValidatedSource) -> Iterator[Finding]:
    for reason in (FOREIGN, NO_RATE):
        if count := lines.reasons.get(reason):
            yield Finding.of(
                "lines-in-other-currencies",
                count=count,
                read=lines.rows.read,
                share=count / lines.rows.read,
                reason=reason,
            )


def _date_forms(source: ValidatedSource, warehouse: Warehouse) -> Iterator[Finding]:
    """Say where dates are written in more than one way."""
    if source.name not in _DATED:
        return
    forms = warehouse.query(f"""
        SELECT date_form, count(*) AS n FROM {source.table} WHERE verdict = 0 AND date_form > 0
        GROUP BY date_form ORDER BY n DESC, date_form
    """).rows()
    if len(forms) > 1:
        yield Finding.of(
            "several-date-forms-{source.name}", source=source, forms=describe_forms(forms)
        )


def _placeholders(warehouse: Warehouse) -> Iterator[Finding]:
    customers = warehouse.execute(f"""
        SELECT customer_id, count(*) FROM transactions
        WHERE {placeholder_sql("customer_id")} GROUP BY ALL ORDER BY ALL
    """).fetchall()
    if customers:
        yield Finding.of(
            "placeholder-customers",
            evidence=", ".join(f"'{name}' has {count:,} lines" for name, count in customers),
        )


def _lonely_days(warehouse: Warehouse) -> Iterator[Finding]:
    """Look for a few lines long after all the others: one mistyped year moves the end of
    the log.
    """
    usual, last, after = warehouse.row(f"""
        WITH days AS (
            SELECT day, n, sum(n) OVER (ORDER BY day) AS upto, sum(n) OVER () AS every
            FROM (SELECT day, count(*) AS n FROM transactions GROUP BY day)),
        usual AS (
            SELECT min(day) AS day FROM days WHERE upto >= {1 - _LONELY_SHARE} * every)
        SELECT any_value(usual.day), max(days.day),
            CAST(sum(n) FILTER (days.day > usual.day + {_LONELY_DAYS}) AS BIGINT)
        FROM days, usual
    """)
    if after:
        yield Finding.of(
            "lonely-last-days",
            after=after,
            later_than=date_of(usual + _LONELY_DAYS),
            last=date_of(last),
            share=1 - _LONELY_SHARE,
            usual=date_of(usual),
        )


def _strangers(name: str, warehouse: Warehouse) -> Iterator[Finding]:
    total, strange = warehouse.row(f"""
        SELECT count(*), count(*) FILTER (customer_id NOT IN (SELECT customer_id FROM transactions))
        FROM (SELECT DISTINCT customer_id FROM {name})
    """)
    if strange:
        yield Finding.of(
            "customers-only-in-{name}",
            severity="warning" if strange > total / 2 else "note",
            strange=strange,
            total=total,
            name=name,
        )
