"""The customers of a log: resellers and robots among them, ids that may be one, and those older
than the log.
"""

import numpy as np
import polars as pl

from holdfast.findings import Finding
from holdfast.quality.topics import Topic
from holdfast.windows import date_of

WHOLESALE_SPEND, WHOLESALE_QUANTITY = 50, 5
"""Times the median customer's revenue, and the median customer's mean units a line."""
BOT_ORDERS_A_DAY = 24
BOT_HOURS = 22
TOO_EVEN = 0.02
"""Spread of the gaps between 100 orders or more over their mean: no person is so regular."""
FEW_BUYERS_HOLD = 0.5
NAMED = 5
_RAMP_DAYS = 180
OLDER = 0.2
CLOSED_AFTER = 0.6


def unusual(
    rows: pl.DataFrame, *, customers: int, revenue: float, top_share: float, currency: str
) -> Topic:
    """Name customers who buy like a reseller or a robot.

    Parameters
    ----------
    rows
        One row per unusual customer, by revenue: customer_id, kind ("wholesale" or "robot"),
        revenue, lines, orders, units_per_line, most_orders_a_day, hours_used.
    top_share
        Share of the revenue that the largest hundredth of the customers brings.
    """
    findings = []
    for kind, meaning, fix in (
        (
            "wholesale",
            "Resellers buy for others: means are theirs, and a model of shoppers does not fit "
            "them.",
            "make a study of their own for them, or set them aside by customer",
        ),
        (
            "robot",
            "Test accounts, marketplaces or scripts are no customers, and their orders are no "
            "habit.",
            "set them aside by customer if they are none",
        ),
    ):
        found = rows.filter(pl.col("kind") == kind)
        if found.is_empty():
            continue
        share = float(found["revenue"].sum()) / revenue if revenue > 0 else 0.0
        findings.append(
            Finding.note(
                f"{kind}-customers",
                evidence=f"{found.height:,} of {customers:,} customers buy like a {_LIKE[kind]} "
                f"and bring {share:.0%} of the revenue: {_named(found, currency)}",
                meaning=meaning,
                fix=fix,
            )
        )
    kinds = dict(rows["kind"].value_counts().iter_rows())
    return Topic(
        name="unusual-customers",
        title="Unusual customers",
        facts={
            "customers": customers,
            "top_hundredth_share": top_share,
            **{k: kinds.get(k, 0) for k in _LIKE},
        },
        sentences=(
            f"{customers:,} customers; the largest hundredth brings {top_share:.0%} of the "
            "revenue.",
            f"{kinds.get('wholesale', 0):,} buy like a reseller, {kinds.get('robot', 0):,} like a "
            "robot.",
        ),
        table=rows.head(2 * NAMED) if rows.height else None,
        findings=tuple(findings),
    )


_LIKE = {"wholesale": "reseller", "robot": "robot"}


def _named(found: pl.DataFrame, currency: str) -> str:
    told = [
        f"{row['customer_id']} ({row['revenue']:,.0f} {currency}, {row['orders']:,} orders)"
        for row in found.head(NAMED).iter_rows(named=True)
    ]
    more = f" and {found.height - NAMED:,} more" if found.height > NAMED else ""
    return ", ".join(told) + more


def newcomers(
    firsts: pl.DataFrame, *, first_day: int, end_day: int, known_before: int | None
) -> Topic:
    """Estimate how many customers bought before the log began: those who only seem new when it
    does.

    A steady shop wins as many customers a day at the beginning of its log as later on. What exceeds
    that in the first half year is customers whose earlier purchases lie before the log.

    Parameters
    ----------
    firsts
        One row per day on which customers were first seen: day, customers.
    known_before
        Customers whose attributes were known before the log began; None where the study does not
        say.
    """
    counts = np.zeros(end_day - first_day)
    counts[firsts["day"].to_numpy() - first_day] = firsts["customers"].to_numpy()
    total, findings = int(counts.sum()), []
    last_new = first_day + int(np.flatnonzero(counts)[-1])
    closed = (last_new + 1 - first_day) < CLOSED_AFTER * len(counts)
    older = None if closed or len(counts) < 2 * _RAMP_DAYS else _excess(counts)
    facts = {
        "customers": total,
        "older_than_the_log": older,
        "known_before": known_before,
        "last_new_customer": date_of(last_new).isoformat(),
        "closed_cohort": bool(closed),
    }
    said = [f"The last new customer came on {date_of(last_new)}."]
    if closed:
        said.append("None is new after that: the log follows a closed group.")
        findings.append(_closed(first_day, last_new, end_day, total))
    if older is not None:
        said.append(
            f"About {older:,} of {total:,} customers ({older / total:.0%}) are older than the log."
        )
        findings += [_truncated(older, total, first_day)] if older > OLDER * total else []
    if known_before is not None:
        said.append(f"{known_before:,} customers were known before the first day of the log.")
    return Topic(
        name="newcomers",
        title="New customers",
        facts=facts,
        sentences=tuple(said),
        findings=tuple(findings),
    )


def _excess(counts: np.ndarray) -> int:
    usual = (
        float(
            np.median(
                counts[len(counts) // 2 :][: 7 * (len(counts) // 14)].reshape(-1, 7).sum(axis=1)
            )
        )
        / 7
    )
    return max(round(float(counts[:_RAMP_DAYS].sum()) - usual * _RAMP_DAYS), 0)


def _closed(first_day: int, last_new: int, end_day: int, total: int) -> Finding:
    return Finding.note(
        "closed-cohort",
        evidence=f"all {total:,} customers were first seen between {date_of(first_day)} and "
        f"{date_of(last_new)}, none in the {end_day - 1 - last_new:,} days after",
        meaning="The log follows a group from its beginning; how many customers the shop wins "
        "cannot be read from it.",
        fix="nothing, if the group was chosen so; read totals as those of the group",
    )


def _truncated(older: int, total: int, first_day: int) -> Finding:
    return Finding.note(
        "customers-older-than-the-log",
        evidence=f"about {older:,} of {total:,} customers ({older / total:.0%}) are first seen in "
        "the log's first half year beyond what later months win",
        meaning=f"They bought before {date_of(first_day)}: their tenure and number of purchases "
        "are larger than seen.",
        fix="load a longer log, or read tenure and cohorts of the first months with that in mind",
    )


def identities(*, customers: int, by_case: int, by_blanks: int, examples: list[str]) -> Topic:
    """Say how many ids differ only by case, or by blanks or signs within them.

    Parameters
    ----------
    by_case, by_blanks
        Ids that are equal to another one, were it not for case; for blanks, dashes and the like.
    """
    facts = {"customers": customers, "differ_by_case": by_case, "differ_by_blanks": by_blanks}
    if not by_case + by_blanks:
        return Topic(
            name="ids",
            title="Customer ids",
            facts=facts,
            sentences=("No two ids differ by case or blanks.",),
        )
    said = (
        f"{by_case:,} ids differ from another only by case, {by_blanks:,} by blanks or signs "
        "within: "
        f"{', '.join(examples)}"
    )
    return Topic(
        name="ids",
        title="Customer ids",
        facts=facts,
        sentences=(said + ".",),
        findings=(
            Finding(
                "ids-alike",
                "warning" if by_case + by_blanks > 0.01 * customers else "note",
                evidence=said,
                meaning="They count as different customers; if they are one, it seems to leave "
                "when the other comes.",
                fix="write the ids alike in the source, if they mean the same customer",
            ),
        ),
    )
