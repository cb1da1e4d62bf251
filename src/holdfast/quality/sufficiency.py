"""Is it enough? Six counts that a log needs before its answers mean something, and what falls away
below them.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import polars as pl

from holdfast.errors import NotEnoughData
from holdfast.findings import Finding, Severity
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study, eligible_days
from holdfast.study.settings import Needs
from holdfast.windows import date_of, day_of, parse_day

Result = Literal["churn", "value", "backtest", "rhythm", "scores of today"]

_OUTCOMES = ("few-churned", "few-kept")
RHYTHM_PURCHASES = 3
"""Purchases from which on a customer has two gaps, and so a rhythm."""


@dataclass(frozen=True)
class Count:
    """One count of the gate.

    Attributes
    ----------
    name
        Of the finding where it fails.
    needed, actual
        In `unit`; at least, but for days since the last order: at most.
    withheld
        Results that are not given where it fails.
    """

    name: str
    unit: str
    needed: int
    actual: int
    withheld: tuple[Result, ...]

    @property
    def missing(self) -> int:
        """By how much it fails; 0 where it holds."""
        lack = self.needed - self.actual
        return max(-lack if self.name == "stale-log" else lack, 0)

    @property
    def holds(self) -> bool:
        """Whether there is enough."""
        return self.missing == 0

    def as_dict(self) -> dict[str, Any]:
        """The count as plain values."""
        plain = asdict(self)
        # "found" is the name in the JSON of `holdfast check`.
        plain["found"] = plain.pop("actual")
        return plain | {"missing": self.missing, "holds": self.holds}


@dataclass(frozen=True)
class Sufficiency:
    """The gate's answer: all counts, and a finding for each that fails."""

    counts: tuple[Count, ...]
    findings: tuple[Finding, ...]

    @property
    def withheld(self) -> tuple[Result, ...]:
        """Results that are not given, in order of the counts that fail."""
        results = (name for count in self.counts if not count.holds for name in count.withheld)
        return tuple(dict.fromkeys(results))

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "enough": not self.withheld,
            "counts": [count.as_dict() for count in self.counts],
            "withheld": list(self.withheld),
            "findings": [finding.as_dict() for finding in self.findings],
        }


def as_of_day(study: Study) -> int | None:
    """The day that the data should reach up to; None where the study names none."""
    day = study.check.as_of
    if day == "today":
        return day_of(datetime.now(ZoneInfo(study.time_zone)).date())
    return None if day is None else parse_day(day)


def check_log(study: Study, warehouse: Warehouse, *, end_day: int) -> Sufficiency:
    """Hold the log in the warehouse against what its answers need.

    Parameters
    ----------
    end_day
        First day after the log.

    Raises
    ------
    NotEnoughData
        The log has no order at all.
    """
    needs, horizon_days, now_day = study.check.needs, study.churn.horizon_days, as_of_day(study)
    seen = _count_customers(study, warehouse, end_day - horizon_days)
    if not seen["customers"]:
        raise NotEnoughData("the log has no order", fix="check which rows were accepted")
    now = "log's end" if now_day is None else f"day asked about, {date_of(now_day)}"
    since = (end_day if now_day is None else now_day) - seen["last_day"]
    span = end_day - seen["first_day"]
    needed_span = max(needs.span_days, needs.span_horizons * horizon_days)
    learning: tuple[Result, ...] = ("churn", "value", "backtest")
    customers, outcomes = seen["customers"], needs.outcomes
    counts = (
        Count("few-customers", "customers with an order", needs.customers, customers, learning),
        Count("short-log", "days of log", needed_span, span, learning),
        Count(
            "stale-log",
            "days since the last order",
            needs.last_order_days,
            since,
            ("scores of today",),
        ),
        Count(
            "no-rhythm",
            "customers with three purchases",
            needs.rhythm_customers,
            seen["rhythm"],
            ("rhythm",),
        ),
        Count("few-churned", "customers who churned", outcomes, seen["churned"], ("churn",)),
        Count("few-kept", "customers who were kept", outcomes, seen["kept"], ("churn", "value")),
    )
    over = f" over the {horizon_days} days from {date_of(end_day - horizon_days)}"
    longest = max(span // 2, 1)
    return Sufficiency(counts, tuple(_find_lacks(counts, now=now, over=over, longest=longest)))


def check_snapshot(churned: pl.Series, *, needs: Needs) -> Sufficiency:
    """Hold a snapshot against the counts that it can show: its customers, and how many of them left
    and stayed.
    """
    n, left = len(churned), int(churned.sum())
    counts = (
        Count("few-customers", "customers", needs.customers, n, ("churn", "value")),
        Count("few-churned", "customers who churned", needs.outcomes, left, ("churn",)),
        Count("few-kept", "customers who were kept", needs.outcomes, n - left, ("churn",)),
    )
    return Sufficiency(counts, tuple(_find_lacks(counts, of=" of a snapshot")))


def _count_customers(study: Study, warehouse: Warehouse, cutoff_day: int) -> dict[str, int]:
    days = eligible_days(study.churn.eligible)
    is_eligible = f"last_before {'IS NOT NULL' if days is None else f'>= {cutoff_day - days}'}"
    counted = warehouse.query(f"""
        SELECT count(*) AS customers, min(first_day) AS first_day, max(last_day) AS last_day,
            count(*) FILTER (purchases >= {RHYTHM_PURCHASES}) AS rhythm,
            count(*) FILTER ({is_eligible} AND last_day < {cutoff_day}) AS churned,
            count(*) FILTER ({is_eligible} AND last_day >= {cutoff_day}) AS kept
        FROM (
            SELECT count(*) AS purchases, min(day) AS first_day, max(day) AS last_day,
                max(day) FILTER (day < {cutoff_day}) AS last_before
            FROM activity WHERE n_orders > 0 GROUP BY customer_id)
    """)
    return counted.row(0, named=True)


def _find_lacks(
    counts: tuple[Count, ...], *, of: str = "", now: str = "", over: str = "", longest: int = 0
) -> Iterator[Finding]:
    # Without a whole window nobody was seen to leave or to stay, which is no outcome of its own.
    outcomes = sum(count.actual for count in counts if count.name in _OUTCOMES)
    for count in counts:
        if count.holds:
            continue
        evidence = (
            f"{count.actual:,} {count.unit}, {count.needed:,} are needed: {count.missing:,} too few"
        )
        severity: Severity = "warning"
        if count.name == "stale-log":
            evidence = (
                f"the last order is {count.actual} days before the {now}, at most "
                f"{count.needed:,} are allowed"
            )
        if count.name in _OUTCOMES:
            evidence += over
            # Where nobody left, or nobody stayed, there is nothing to learn from.
            severity = "fatal" if outcomes and not count.actual else "warning"
        withheld = ", ".join(count.withheld)
        yield Finding.of(
            count.name + of,
            evidence=evidence,
            severity=severity,
            withheld=withheld,
            longest=longest,
        )
