"""The lines of a log: giants among them, returns and what they return, and lines that
occur twice.
"""

from typing import Any

import polars as pl

from holdfast.findings import Finding
from holdfast.quality.topics import Topic

GIANT = 300
"""Times the 99th percentile of a line's quantity or amount from which on a line is named."""
SOON_MINUTES = 60
UNMATCHED = 0.2
MANY_EQUAL = 0.01
NAMED = 5


def giants(rows: pl.DataFrame, *, currency: str) -> Topic:
    """Name the lines that are far larger than all others.

    Parameters
    ----------
    rows
        One row per giant line, the largest first: order_id, customer_id, product_id, occurred_at,
        quantity, amount, back_after_minutes (until the customer's return of the same product and
        quantity; null where there is none).
    """
    back = rows.filter(pl.col("back_after_minutes").is_not_null())
    said = [_giant(row, currency) for row in rows.head(NAMED).iter_rows(named=True)]
    told = tuple(said) or (f"No line exceeds {GIANT} times the 99th percentile.",)
    return Topic(
        name="giant-lines",
        title="Giant lines",
        facts={"lines": rows.height, "sent_back": back.height},
        sentences=told,
        table=rows.with_columns(pl.col("occurred_at").dt.to_string("%Y-%m-%d %H:%M"))
        if rows.height
        else None,
        findings=tuple(_about_giants(rows, back, said)),
    )


def _giant(row: dict[str, Any], currency: str) -> str:
    units = f"{row['quantity']:,.0f} units, " if row["quantity"] is not None else ""
    order = f"order {row['order_id']}" if row["order_id"] else "an order"
    after = row["back_after_minutes"]
    ends = "" if after is None else f", cancelled {_lasted(after)} later"
    return f"{order} of customer {row['customer_id']}: {units}{row['amount']:,.2f} {currency}{ends}"


def _lasted(minutes: float) -> str:
    for size, name in ((1440, "day"), (60, "hour")):
        if minutes >= 2 * size:
            return f"{minutes / size:,.0f} {name}s"
    return f"{minutes:,.0f} minutes"


def _about_giants(rows: pl.DataFrame, back: pl.DataFrame, said: list[str]) -> list[Finding]:
    if rows.is_empty():
        return []
    more = f"; and {rows.height - NAMED} more" if rows.height > NAMED else ""
    soon = back.filter(pl.col("back_after_minutes") <= SOON_MINUTES).height
    meaning = (
        f"{soon} of {rows.height} were undone within the hour: mistyped, most likely. Such a line "
        "counts as a "
        "purchase, and between it and its return as revenue."
        if soon
        else "A single line of this size decides means and totals."
    )
    return [
        Finding.warning(
            "giant-lines",
            evidence="; ".join(said) + more,
            meaning=meaning,
            fix='if they are no orders, set them aside: [transactions.set_aside] "mistyped" = '
            '"quantity > ..."',
        )
    ]


def returns(facts: dict[str, Any], *, currency: str) -> Topic:
    """Match returns with what was bought before.

    Parameters
    ----------
    facts
        returns, matched (there was a purchase of the same customer and product before), soon (same
        quantity, within the hour), amount, unmatched_amount (currency, >= 0); `key`: what they were
        matched by.
    """
    n, matched = facts["returns"], facts["matched"]
    if not n:
        return Topic(
            name="returns", title="Returns", facts=facts, sentences=("The log has no returns.",)
        )
    lost = n - matched
    found = [
        Finding.note(
            "returns-without-purchase",
            evidence=f"{lost:,} of {n:,} returns ({lost / n:.0%}, {facts['unmatched_amount']:,.0f} "
            f"{currency}) come without an earlier purchase of the same {facts['key']}",
            meaning="They were bought before the log began, by another customer id, or are no "
            "returns at all: they lower the revenue of customers who never brought it.",
            fix="check how returns are marked, [transactions.returns]; discounts and fees may be "
            "set aside by a rule",
        )
    ]
    return Topic(
        name="returns",
        title="Returns",
        facts=facts,
        sentences=(
            f"{n:,} returns, {facts['amount']:,.0f} {currency}; {matched:,} ({matched / n:.0%}) "
            "after a purchase of "
            f"the same {facts['key']}.",
            f"{facts['soon']:,} purchases were undone within the hour.",
        ),
        findings=tuple(found) if lost > UNMATCHED * n else (),
    )


def duplicates(facts: dict[str, Any]) -> Topic:
    """Say how many lines occur more than once.

    Parameters
    ----------
    facts
        set_aside (exact duplicates that were), equal (accepted lines equal to an earlier one in
        customer, moment, order, product, quantity and amount), across_files (of those, with the
        earlier one in another file), files, accepted.
    """
    told = (
        [f"{facts['set_aside']:,} exact duplicates were set aside."] if facts["set_aside"] else []
    )
    told.append(
        f"{facts['equal']:,} accepted lines equal an earlier one in customer, moment, order, "
        "product and amount."
    )
    found = [_many_equal(facts)] if facts["equal"] > MANY_EQUAL * facts["accepted"] else []
    if facts["files"] > 1:
        told.append(
            f"{facts['across_files']:,} of them stand in another of the {facts['files']} files."
        )
        if facts["across_files"]:
            found.append(_across_files(facts))
    topic = Topic(
        name="duplicates",
        title="Duplicates",
        facts=facts,
        sentences=tuple(told),
        findings=tuple(found),
    )
    return topic


def _many_equal(facts: dict[str, Any]) -> Finding:
    return Finding.note(
        "lines-occur-twice",
        evidence=f"{facts['equal']:,} of {facts['accepted']:,} lines "
        f"({facts['equal'] / facts['accepted']:.1%}) equal an earlier one in customer, moment, "
        "order, product and amount",
        meaning="Two of a thing on one receipt, or an export that overlaps another and counts "
        "purchases twice.",
        fix='if they are double entries, set transactions.exact_duplicates = "drop"',
    )


def _across_files(facts: dict[str, Any]) -> Finding:
    return Finding.warning(
        "duplicates-across-files",
        evidence=f"{facts['across_files']:,} of {facts['accepted']:,} lines stand in two of the "
        f"{facts['files']} files",
        meaning="Exports that overlap count the same purchase twice.",
        fix='set transactions.exact_duplicates = "drop"; name columns that tell the exports apart '
        "as `provenance`",
    )
