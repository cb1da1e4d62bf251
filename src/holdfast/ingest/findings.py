"""What the reader must know about the rows before trusting a figure."""

from collections.abc import Sequence

from holdfast.findings import Finding
from holdfast.ingest.row_mappings import NO_CUSTOMER, has_amount
from holdfast.ingest.validation import STRAY, ValidatedSource
from holdfast.io.warehouse import Warehouse
from holdfast.study import Transactions
from holdfast.windows import date_of

_PLACEHOLDERS = (
    "unknown",
    "guest",
    "anonymous",
    "null",
    "none",
    "nan",
    "n/a",
    "na",
    "undefined",
    "0",
    "-1",
    "test",
)
_BESIDE = ("events", "customers", "treatments")
_MANY = 0.01
_LONELY_SHARE, _LONELY_DAYS = 0.001, 90


def of_lines(log: Transactions, validated: ValidatedSource, warehouse: Warehouse) -> list[Finding]:
    """Say what is odd about the order lines."""
    found = [_worthless(log), _zero_amounts(log, warehouse), _without_customer(validated)]
    found += [_placeholders(warehouse), _strays(validated), _lonely_days(warehouse)]
    return [finding for finding in found if finding is not None]


def of_sources(validated: Sequence[ValidatedSource], warehouse: Warehouse) -> list[Finding]:
    """Say what is odd about how each source was read, and about who is in one and not in
    another.
    """
    found = [_not_understood(each) for each in validated]
    found += [_trimmed(each) for each in validated] + [_pointed(each) for each in validated]
    found += [_strangers(each.name, warehouse) for each in validated if each.name in _BESIDE]
    return [finding for finding in found if finding is not None]


def _worthless(log: Transactions) -> Finding | None:
    if has_amount(log):
        return None
    return Finding.warning(
        "no-amounts",
        evidence="the log has no amounts: neither `amount` nor `quantity` and `unit_price` are "
        "mapped",
        meaning="Every purchase counts, and each is worth 0: revenue, value tiers and plans say "
        "nothing.",
        fix="map an amount if there is one; churn needs none",
    )


def _zero_amounts(log: Transactions, warehouse: Warehouse) -> Finding | None:
    count = warehouse.row(
        "SELECT count(*) FROM transactions WHERE amount_minor = 0 AND NOT is_return"
    )[0]
    if not count or not has_amount(log):
        return None
    return Finding.note(
        "zero-amounts",
        evidence=f"{count:,} lines of amount 0",
        meaning="They count as purchases (a sample, a voucher) and bring no revenue.",
        fix='if they are none, add to [transactions.set_aside]: "free of charge" = "amount = 0", '
        "with your column",
    )


def _without_customer(validated: ValidatedSource) -> Finding | None:
    count = validated.reasons.get(NO_CUSTOMER, 0)
    if count <= _MANY * validated.rows.read:
        return None
    return Finding.note(
        "lines-without-customer",
        evidence=f"{count:,} of {validated.rows.read:,} lines "
        f"({count / validated.rows.read:.1%}) name no customer",
        meaning="Their revenue belongs to nobody and is in no figure of this run.",
        fix="join the customer in the source if it is known there",
    )


def _placeholders(warehouse: Warehouse) -> Finding | None:
    found = warehouse.con.execute(
        "SELECT customer_id, count(*) FROM transactions WHERE list_contains(?, lower(customer_id)) "
        "GROUP BY ALL ORDER BY ALL",
        [list(_PLACEHOLDERS)],
    ).fetchall()
    if not found:
        return None
    return Finding.warning(
        "placeholder-customers",
        evidence=", ".join(f"'{name}' has {count:,} lines" for name, count in found),
        meaning="That is most likely no customer but many, taken together.",
        fix='add to [transactions.set_aside]: "no real customer" = "customer_id IN (...)", with '
        "your column",
    )


def _lonely_days(warehouse: Warehouse) -> Finding | None:
    """Look for a few lines long after all the others: one mistyped year moves the end of
    the log.
    """
    usual, last, after = warehouse.row(f"""
        WITH usual AS (SELECT quantile_disc(day, {1 - _LONELY_SHARE}) AS day FROM transactions)
        SELECT any_value(usual.day), max(t.day), count(*) FILTER (t.day > usual.day +
            {_LONELY_DAYS})
        FROM transactions AS t, usual
    """)
    if not after:
        return None
    return Finding.warning(
        "lonely-last-days",
        evidence=f"{after:,} lines are later than {date_of(usual + _LONELY_DAYS)}, up to "
        f"{date_of(last)}; {1 - _LONELY_SHARE:.1%} are up to {date_of(usual)}",
        meaning="The log seems to end later than it does, and customers seem to have left.",
        fix=f'if those dates are wrong, set transactions.last_day = "{date_of(usual)}", or correct '
        "them in the source",
    )


def _strays(validated: ValidatedSource) -> Finding | None:
    count = validated.reasons.get(STRAY, 0)
    if not count:
        return None
    more = ", ..." if count > len(validated.strays) else ""
    return Finding.warning(
        "stray-days",
        evidence=f"a year or more from all other lines, and set aside: {count:,} of "
        f"{validated.rows.read:,}, {', '.join(validated.strays)}{more}",
        meaning="Most likely the year is mistyped; left in, one such line moves an end of the log.",
        fix="correct them in the source; if they are right, set transactions.first_day or "
        "transactions.last_day so that they are in",
    )


def _not_understood(validated: ValidatedSource) -> Finding | None:
    count = validated.rows.quarantined
    if not count:
        return None
    most = max(
        validated.quarantined["reason"].value_counts().sort("count", "reason").iter_rows(),
        key=lambda row: row[1],
    )
    return Finding(
        f"quarantined-{validated.name}",
        "warning" if count > _MANY * validated.rows.read else "note",
        evidence=f"{count:,} of {validated.rows.read:,} rows of {validated.name} were not "
        f"understood, {most[1]:,} of them because: {most[0]}",
        meaning="They are in quarantine.parquet with their reason, and in no figure.",
        fix="correct them in the source, or the dialect in the study",
    )


def _trimmed(validated: ValidatedSource) -> Finding | None:
    if not validated.trimmed:
        return None
    return Finding.note(
        f"blanks-around-ids-{validated.name}",
        evidence=f"{validated.trimmed:,} rows of {validated.name} had blanks around the "
        f"customer_id, which were removed; {validated.merged:,} customers occur both with and "
        "without",
        meaning="They are taken as the same customer.",
        fix="nothing, unless blanks tell customers apart",
    )


def _pointed(validated: ValidatedSource) -> Finding | None:
    if not validated.pointed:
        return None
    return Finding.note(
        f"ids-with-a-point-{validated.name}",
        evidence=f"every customer_id of {validated.name} ends in '.0', which was removed",
        meaning="An export made numbers with a fraction of them; 12345.0 is customer 12345.",
        fix="nothing, unless the ids really end so",
    )


def _strangers(name: str, warehouse: Warehouse) -> Finding | None:
    total, strange = warehouse.row(f"""
        SELECT count(*), count(*) FILTER (customer_id NOT IN (SELECT customer_id FROM transactions))
        FROM (SELECT DISTINCT customer_id FROM {name})
    """)
    if not strange:
        return None
    return Finding(
        f"customers-only-in-{name}",
        "warning" if strange > total / 2 else "note",
        evidence=f"{strange:,} of the {total:,} customers in {name} have no line in the order log",
        meaning="Customers are scored from their first purchase on; if all are missing, the ids do "
        "not match.",
        fix="check that both sources name customers in the same way",
    )
