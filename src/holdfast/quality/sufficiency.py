"""Is it enough? Six counts that a log needs before its answers mean something, and what falls away
below them.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import narwhals as nw
import polars as pl

from holdfast.errors import NotEnoughData
from holdfast.findings import Finding, Severity
from holdfast.study import Needs
from holdfast.windows import date_of

Result = Literal["churn", "value", "backtest", "rhythm", "scores of today"]

RHYTHM_PURCHASES = 3
"""Purchases from which on a customer has two gaps, and so a rhythm."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """One count of the gate.

    Attributes
    ----------
    name
        Of the finding where it fails.
    needed, found
        In `unit`; at least, but for days since the last order: at most.
    missing
        By how much it fails; 0 where it holds.
    withheld
        Results that are not to be told where it fails.
    """

    name: str
    unit: str
    needed: int
    found: int
    missing: int
    withheld: tuple[Result, ...]

    @property
    def holds(self) -> bool:
        """Whether there is enough."""
        return self.missing == 0


@dataclass(frozen=True, kw_only=True)
class Sufficiency:
    """The gate's answer: all counts, and a finding for each that fails."""

    counts: tuple[Count, ...]
    findings: tuple[Finding, ...]

    @property
    def withheld(self) -> tuple[Result, ...]:
        """Results that are not to be told, in order of the counts that fail."""
        return tuple(
            dict.fromkeys(
                result for count in self.counts if not count.holds for result in count.withheld
            )
        )

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "enough": not self.withheld,
            "counts": [asdict(count) | {"holds": count.holds} for count in self.counts],
            "withheld": list(self.withheld),
            "findings": [finding.as_dict() for finding in self.findings],
        }


def sufficiency(
    activity: nw.LazyFrame[Any],
    *,
    end_day: int,
    horizon_days: int,
    eligible_days: int | None,
    needs: Needs | None = None,
    as_of_day: int | None = None,
) -> Sufficiency:
    """Hold a log against what its answers need.

    Parameters
    ----------
    activity
        The ACTIVITY table. Of it are read: customer_id, day, n_orders.
    end_day
        First day after the log.
    horizon_days
        Length of the target window.
    eligible_days
        An outcome counts for customers who bought in the last so many days before the cutoff; None:
        at any time before.
    as_of_day
        The day from which the age of the last order is counted; None: the log's end.

    Raises
    ------
    NotEnoughData
        The log has no order at all.
    """
    seen = _seen(activity, cutoff_day=end_day - horizon_days, eligible_days=eligible_days)
    if not seen["customers"]:
        raise NotEnoughData("the log has no order", fix="check which rows were accepted")
    now_day = end_day if as_of_day is None else as_of_day
    counts = _counts(
        seen, needs or Needs(), end_day=end_day, now_day=now_day, horizon_days=horizon_days
    )
    now = "log's end" if as_of_day is None else f"day asked about, {date_of(now_day)}"
    span_days = end_day - seen["first_day"]
    situation = _Situation(end_day=end_day, horizon_days=horizon_days, span_days=span_days, now=now)
    return Sufficiency(
        counts=counts,
        findings=tuple(_finding(count, situation) for count in counts if not count.holds),
    )


def snapshot_sufficiency(churned: pl.Series, *, needs: Needs | None = None) -> Sufficiency:
    """Hold a snapshot against the counts that it can show: its customers, and how many of them left
    and stayed.
    """
    left, needs = int(churned.sum()), needs or Needs()
    counts = (
        _at_least("few-customers", "customers", needs.customers, len(churned), "churn", "value"),
        _at_least("few-churned", "customers who churned", needs.outcomes, left, "churn"),
        _at_least(
            "few-kept", "customers who were kept", needs.outcomes, len(churned) - left, "churn"
        ),
    )
    return Sufficiency(
        counts=counts, findings=tuple(_finding(count, None) for count in counts if not count.holds)
    )


def _seen(
    activity: nw.LazyFrame[Any], *, cutoff_day: int, eligible_days: int | None
) -> dict[str, int]:
    day, last_before = nw.col("day"), nw.col("last_before")
    customers = (
        activity.filter(nw.col("n_orders") > 0)
        .group_by("customer_id")
        .agg(
            purchases=nw.len(),
            first_day=day.min(),
            last_day=day.max(),
            last_before=nw.when(day < cutoff_day).then(day).max(),
        )
    )
    eligible = (
        ~last_before.is_null()
        if eligible_days is None
        else last_before >= cutoff_day - eligible_days
    )
    kept = nw.col("last_day") >= cutoff_day
    counted = customers.select(
        customers=nw.len(),
        first_day=nw.col("first_day").min(),
        last_day=nw.col("last_day").max(),
        rhythm=_how_many(nw.col("purchases") >= RHYTHM_PURCHASES),
        churned=_how_many(eligible & ~kept),
        kept=_how_many(eligible & kept),
    )
    row: pl.DataFrame = counted.collect("polars").to_native()
    return {name: int(value or 0) for name, value in row.row(0, named=True).items()}


def _how_many(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0)).sum()


def _counts(
    seen: dict[str, int], needs: Needs, *, end_day: int, now_day: int, horizon_days: int
) -> tuple[Count, ...]:
    span, since = end_day - seen["first_day"], now_day - seen["last_day"]
    learning: tuple[Result, ...] = ("churn", "value", "backtest")
    return (
        _at_least(
            "few-customers",
            "customers with an order",
            needs.customers,
            seen["customers"],
            *learning,
        ),
        _at_least(
            "short-log",
            "days of log",
            max(needs.span_days, needs.span_horizons * horizon_days),
            span,
            *learning,
        ),
        Count(
            name="stale-log",
            unit="days since the last order",
            needed=needs.last_order_days,
            found=since,
            missing=max(since - needs.last_order_days, 0),
            withheld=("scores of today",),
        ),
        _at_least(
            "no-rhythm",
            "customers with three purchases",
            needs.rhythm_customers,
            seen["rhythm"],
            "rhythm",
        ),
        _at_least("few-churned", "customers who churned", needs.outcomes, seen["churned"], "churn"),
        _at_least(
            "few-kept", "customers who were kept", needs.outcomes, seen["kept"], "churn", "value"
        ),
    )


def _at_least(name: str, unit: str, needed: int, found: int, *withheld: Result) -> Count:
    missing = max(needed - found, 0)
    return Count(
        name=name, unit=unit, needed=needed, found=found, missing=missing, withheld=withheld
    )


@dataclass(frozen=True, kw_only=True)
class _Situation:
    end_day: int
    horizon_days: int
    span_days: int
    now: str


def _finding(count: Count, log: _Situation | None) -> Finding:
    remains, fix = (_ADVICE if log else _SNAPSHOT_ADVICE)[count.name]
    return Finding(
        count.name,
        _severity(count),
        evidence=_evidence(count, log) if log else _said(count),
        meaning=f"Withheld: {', '.join(count.withheld)}. {remains}",
        fix=fix.format(longest=max(log.span_days // 2, 1)) if log else fix,
    )


def _evidence(count: Count, log: _Situation) -> str:
    if count.name == "stale-log":
        return (
            f"the last order is {count.found} days before the {log.now}, at most {count.needed} "
            "are allowed"
        )
    if count.name in ("few-churned", "few-kept"):
        return (
            f"{_said(count)} over the {log.horizon_days} days from "
            f"{date_of(log.end_day - log.horizon_days)}"
        )
    return _said(count)


def _said(count: Count) -> str:
    return f"{count.found:,} {count.unit}, {count.needed:,} are needed: {count.missing:,} too few"


def _severity(count: Count) -> Severity:
    # Where nobody left, or nobody stayed, there is nothing to learn from.
    return "fatal" if count.name in ("few-churned", "few-kept") and count.found == 0 else "warning"


_ADVICE = {
    "few-customers": (
        "Totals, gaps and the churn window can still be told, with their ranges; scores of single "
        "customers cannot.",
        "collect more customers, or pool shops that sell alike",
    ),
    "short-log": (
        "What was bought can be told, and the gaps so far; no outcome is old enough to learn from "
        "and to prove on.",
        "use a longer log, or a churn.horizon_days of at most {longest}",
    ),
    "stale-log": (
        "The past can be told and proved; who is at risk today cannot, since the latest orders are "
        "not in the log.",
        "load the latest orders, or check for a source that stopped",
    ),
    "no-rhythm": (
        "Who buys a second time can be told; how often somebody buys, and who is overdue, cannot.",
        "use a longer log, or a customer_id that is the same from order to order",
    ),
    "few-churned": (
        "The share that left can be told, not who is next.",
        "use a longer log, or a shorter churn.horizon_days: more customers are silent for a "
        "shorter time",
    ),
    "few-kept": (
        "The share that stayed can be told, not who will, nor what they will spend.",
        "use a longer log, or a longer churn.horizon_days: more customers return within a longer "
        "time",
    ),
}
_SNAPSHOT_ADVICE = {
    "few-customers": (
        "The columns can be described; scores of single customers cannot be trusted.",
        "collect more customers",
    ),
    "few-churned": (
        "The share that left can be told, not who is next.",
        "collect more customers who left",
    ),
    "few-kept": (
        "The share that stayed can be told, not who will.",
        "collect more customers who stayed",
    ),
}
