"""Is it enough? Six counts that a log needs before its answers mean something, and what falls away
below them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import narwhals as nw
import polars as pl

from holdfast.errors import NotEnoughData
from holdfast.findings import Finding, Severity
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study, eligible_days
from holdfast.study.settings import Needs
from holdfast.windows import date_of, day_of, parse_day

Result = Literal["churn", "value", "backtest", "rhythm", "scores of today"]

RHYTHM_PURCHASES = 3
"""Purchases from which on a customer has two gaps, and so a rhythm."""
_ADVICE = {
    "few-customers": (
        "Totals, gaps and the churn window can still be given, with their ranges; scores of single "
        "customers cannot.",
        "collect more customers, or pool shops that sell alike",
    ),
    "short-log": (
        "What was bought can be counted, and the gaps so far; no outcome is old enough to learn "
        "from and to prove on.",
        "use a longer log, or a churn.horizon_days of at most {longest}",
    ),
    "stale-log": (
        "The past can be described and proved; who is at risk today cannot, since the latest "
        "orders are not in the log.",
        "load the latest orders, or check for a source that stopped",
    ),
    "no-rhythm": (
        "Who buys a second time can be said; how often somebody buys, and who is overdue, cannot.",
        "use a longer log, or a customer_id that is the same from order to order",
    ),
    "few-churned": (
        "The share that left can be given, not who is next.",
        "use a longer log, or a shorter churn.horizon_days: more customers are silent for a "
        "shorter time",
    ),
    "few-kept": (
        "The share that stayed can be given, not who will, nor what they will spend.",
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
        "The share that left can be given, not who is next.",
        "collect more customers who left",
    ),
    "few-kept": (
        "The share that stayed can be given, not who will.",
        "collect more customers who stayed",
    ),
}


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


def check_log(study: Study, warehouse: Warehouse, *, end_day: int) -> Sufficiency:
    """Ask whether the log in the warehouse is enough for the study."""
    return check_activity(
        warehouse.table("activity"),
        end_day=end_day,
        horizon_days=study.churn.horizon_days,
        eligible_days=eligible_days(study.churn.eligible),
        needs=study.check.needs,
        as_of_day=as_of_day(study),
    )


def as_of_day(study: Study) -> int | None:
    """The day that the data should reach up to; None where the study names none."""
    day = study.check.as_of
    if day == "today":
        return day_of(datetime.now(ZoneInfo(study.time_zone)).date())
    return None if day is None else parse_day(day)


def check_activity(
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
    seen = _count_customers(activity, end_day - horizon_days, eligible_days)
    if not seen["customers"]:
        raise NotEnoughData("the log has no order", fix="check which rows were accepted")
    needs, now_day = needs or Needs(), end_day if as_of_day is None else as_of_day
    span, since = end_day - seen["first_day"], now_day - seen["last_day"]
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
    now = "log's end" if as_of_day is None else f"day asked about, {date_of(now_day)}"
    over = f"over the {horizon_days} days from {date_of(end_day - horizon_days)}"
    advice = {
        name: (remains, fix.format(longest=max(span // 2, 1)))
        for name, (remains, fix) in _ADVICE.items()
    }
    return Sufficiency(counts, tuple(_find_lacks(counts, advice, now=now, over=f" {over}")))


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
    return Sufficiency(counts, tuple(_find_lacks(counts, _SNAPSHOT_ADVICE)))


def _count_customers(
    activity: nw.LazyFrame[Any], cutoff_day: int, eligible_days: int | None
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
    eligible = ~last_before.is_null()
    if eligible_days is not None:
        eligible = last_before >= cutoff_day - eligible_days
    kept = nw.col("last_day") >= cutoff_day
    counted = customers.select(
        customers=nw.len(),
        first_day=nw.col("first_day").min(),
        last_day=nw.col("last_day").max(),
        rhythm=_count_where(nw.col("purchases") >= RHYTHM_PURCHASES),
        churned=_count_where(eligible & ~kept),
        kept=_count_where(eligible & kept),
    )
    row: pl.DataFrame = counted.collect("polars").to_native()
    return {name: int(value or 0) for name, value in row.row(0, named=True).items()}


def _count_where(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0)).sum()


def _find_lacks(
    counts: tuple[Count, ...],
    advice: Mapping[str, tuple[str, str]],
    *,
    now: str = "",
    over: str = "",
) -> Iterator[Finding]:
    for count in counts:
        if count.holds:
            continue
        needed, is_outcome = f"{count.needed:,}", count.name in ("few-churned", "few-kept")
        evidence = f"{count.actual:,} {count.unit}, {needed} are needed: {count.missing:,} too few"
        if count.name == "stale-log":
            evidence = f"the last order is {count.actual} days before the {now}, at most {needed}"
            evidence += " are allowed"
        remains, fix = advice[count.name]
        yield Finding(
            count.name,
            _severity(count),
            evidence=evidence + (over if is_outcome else ""),
            meaning=f"Withheld: {', '.join(count.withheld)}. {remains}",
            fix=fix,
        )


def _severity(count: Count) -> Severity:
    # Where nobody left, or nobody stayed, there is nothing to learn from.
    return "fatal" if count.name in ("few-churned", "few-kept") and count.actual == 0 else "warning"
