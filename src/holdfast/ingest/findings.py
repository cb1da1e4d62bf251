"""What the reader must know about the rows before trusting a figure."""

from collections.abc import Iterator, Sequence

from holdfast.findings import Finding
from holdfast.ingest import sql
from holdfast.ingest.row_mappings import NO_CUSTOMER
from holdfast.ingest.validation import STRAY, ValidatedSource
from holdfast.io.warehouse import Warehouse
from holdfast.study import Transactions
from holdfast.windows import date_of

_PLACEHOLDERS = (
    *("unknown", "guest", "anonymous", "null", "none", "nan", "n/a", "na", "undefined"),
    *("0", "-1", "test"),
)
_BESIDE = ("events", "customers", "treatments")
_MANY = 0.01
_LONELY_SHARE, _LONELY_DAYS = 0.001, 90


def describe_lines(
    log: Transactions, lines: ValidatedSource, warehouse: Warehouse
) -> Iterator[Finding]:
    """Say what is odd about the order lines."""
    yield from _amounts(log, warehouse)
    read, nameless = lines.rows.read, lines.reasons.get(NO_CUSTOMER, 0)
    if nameless > _MANY * read:
        yield Finding.note(
            "lines-without-customer",
            evidence=f"{nameless:,} of {read:,} lines ({nameless / read:.1%}) name no customer",
            meaning="Their revenue belongs to nobody and is in no figure of this run.",
            fix="join the customer in the source if it is known there",
        )
    yield from _placeholders(warehouse)
    if count := lines.reasons.get(STRAY):
        more = ", ..." if count > len(lines.strays) else ""
        yield Finding.warning(
            "stray-days",
            evidence=f"a year or more from all other lines, and set aside: {count:,} of {read:,}, "
            f"{', '.join(lines.strays)}{more}",
            meaning="Most likely the year is mistyped; left in, one such line moves an end of the "
            "log.",
            fix="correct them in the source; if they are right, set transactions.first_day or "
            "transactions.last_day so that they are in",
        )
    yield from _lonely_days(warehouse)


def describe_sources(sources: Sequence[ValidatedSource], warehouse: Warehouse) -> Iterator[Finding]:
    """Say what is odd about how each source was read, and about who is in one and not in
    another.
    """
    yield from (_quarantine_finding(source) for source in sources if source.rows.quarantined)
    for source in sources:
        if source.trimmed:
            yield Finding.note(
                f"blanks-around-ids-{source.name}",
                evidence=f"{source.trimmed:,} rows of {source.name} had blanks around the "
                f"customer_id, which were removed; {source.merged:,} customers occur both with and "
                "without",
                meaning="They are taken as the same customer.",
                fix="nothing, unless blanks tell customers apart",
            )
    for source in sources:
        if source.pointed:
            yield Finding.note(
                f"ids-with-a-point-{source.name}",
                evidence=f"every customer_id of {source.name} ends in '.0', which was removed",
                meaning="An export made numbers with a fraction of them; 12345.0 is customer "
                "12345.",
                fix="nothing, unless the ids really end so",
            )
    for source in sources:
        if source.name in _BESIDE:
            yield from _strangers(source.name, warehouse)


def _amounts(log: Transactions, warehouse: Warehouse) -> Iterator[Finding]:
    if not log.columns.has_amount:
        yield Finding.warning(
            "no-amounts",
            evidence="the log has no amounts: neither `amount` nor `quantity` and `unit_price` are "
            "mapped",
            meaning="Every purchase counts, and each is worth 0: revenue, value tiers and plans "
            "say nothing.",
            fix="map an amount if there is one; churn needs none",
        )
        return
    (count,) = warehouse.row(
        "SELECT count(*) FROM transactions WHERE amount_minor = 0 AND NOT is_return"
    )
    if count:
        yield Finding.note(
            "zero-amounts",
            evidence=f"{count:,} lines of amount 0",
            meaning="They count as purchases (a sample, a voucher) and bring no revenue.",
            fix='if they are none, add to [transactions.set_aside]: "free of charge" = '
            '"amount = 0", with your column',
        )


def _placeholders(warehouse: Warehouse) -> Iterator[Finding]:
    customers = warehouse.con.execute(f"""
        SELECT customer_id, count(*) FROM transactions
        WHERE lower(customer_id) IN {sql.literals(_PLACEHOLDERS)} GROUP BY ALL ORDER BY ALL
    """).fetchall()
    if customers:
        yield Finding.warning(
            "placeholder-customers",
            evidence=", ".join(f"'{name}' has {count:,} lines" for name, count in customers),
            meaning="That is most likely no customer but many, taken together.",
            fix='add to [transactions.set_aside]: "no real customer" = "customer_id IN (...)", '
            "with your column",
        )


def _lonely_days(warehouse: Warehouse) -> Iterator[Finding]:
    """Look for a few lines long after all the others: one mistyped year moves the end of
    the log.
    """
    usual, last, after = warehouse.row(f"""
        WITH usual AS (SELECT quantile_disc(day, {1 - _LONELY_SHARE}) AS day FROM transactions)
        SELECT any_value(usual.day), max(t.day),
            count(*) FILTER (t.day > usual.day + {_LONELY_DAYS})
        FROM transactions AS t, usual
    """)
    if after:
        yield Finding.warning(
            "lonely-last-days",
            evidence=f"{after:,} lines are later than {date_of(usual + _LONELY_DAYS)}, up to "
            f"{date_of(last)}; {1 - _LONELY_SHARE:.1%} are up to {date_of(usual)}",
            meaning="The log seems to end later than it does, and customers seem to have left.",
            fix=f'if those dates are wrong, set transactions.last_day = "{date_of(usual)}", or '
            "correct them in the source",
        )


def _quarantine_finding(source: ValidatedSource) -> Finding:
    count, read = source.rows.quarantined, source.rows.read
    reasons = source.quarantined["reason"].value_counts()
    reason, rows = reasons.sort(["count", "reason"], descending=[True, False]).row(0)
    return Finding(
        f"quarantined-{source.name}",
        "warning" if count > _MANY * read else "note",
        evidence=f"{count:,} of {read:,} rows of {source.name} were not understood, {rows:,} of "
        f"them because: {reason}",
        meaning="They are in quarantine.parquet with their reason, and in no figure.",
        fix="correct them in the source, or the dialect in the study",
    )


def _strangers(name: str, warehouse: Warehouse) -> Iterator[Finding]:
    total, strange = warehouse.row(f"""
        SELECT count(*), count(*) FILTER (customer_id NOT IN (SELECT customer_id FROM transactions))
        FROM (SELECT DISTINCT customer_id FROM {name})
    """)
    if strange:
        yield Finding(
            f"customers-only-in-{name}",
            "warning" if strange > total / 2 else "note",
            evidence=f"{strange:,} of the {total:,} customers in {name} have no line in the order "
            "log",
            meaning="Customers are scored from their first purchase on; if all are missing, the "
            "ids do not match.",
            fix="check that both sources name customers in the same way",
        )
