"""The tables of what a run says: which columns each has, for the report, the model card, the
dashboard and the terminal. How good that proved stands in `evidence_tables`.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from holdfast.evaluation.totals import explain_reach
from holdfast.explain.reasons import NOTHING_RAISES
from holdfast.report import chart_data, feature_effects, formatting
from holdfast.report.exports.customer_rows import first_customers
from holdfast.report.report_data import Report
from holdfast.report.summary import facts
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table


def segments(rows: pl.DataFrame, *, currency: str) -> Table:
    """Each segment's size, worth and risk."""
    names = (
        "segment customers total_ltv at_stake average_churn_probability average_ltv "
        "average_risk_score"
    )
    return make_table("The six segments", rows, names, currency=currency)


def recovery(plan: pl.DataFrame, *, currency: str) -> Table:
    """What keeping each segment costs and brings, with where the rate comes from; the net return
    with its range, where one is known.
    """
    rate = pl.format("{}% {}", (100 * pl.col("rate")).round(1), "uplift_source")
    rows = plan.with_columns(roi=pl.col("roi_percent") / 100, recovery_rate=rate)
    ranged = "net_range" if "net_low" in plan.columns else ""
    names = (
        f"segment customers cost recovery_rate break_even_rate invested recovered net {ranged} roi"
    )
    return make_table("Revenue recovery by segment", rows, names, currency=currency)


def channels(rows: pl.DataFrame, *, currency: str, brief: bool = False) -> Table:
    """What a customer of each channel costs, has brought and is expected to bring, and when it
    pays; without any cost, what they bring. In brief: both together.
    """
    priced = bool(rows["cost"].count())
    with_payback = rows.with_columns(
        payback=pl.Series(map(payback, rows.to_dicts()), dtype=pl.String)
    )
    return make_table(
        "A customer won, by channel",
        with_payback,
        Col("channel", "Won by"),
        f"customers {'cost' if priced else ''}",
        *([] if brief else [Col("margin", "Margin so far", "money")]),
        *([] if brief else [Col("expected_margin", "Expected margin", "money")]),
        "lifetime_value",
        *([Col("value_to_cost", "Value over cost", "score"), Col("payback", "Pays")] * priced),
        currency=currency,
    )


def payback(row: Mapping[str, Any]) -> str:
    """Say of a row of CHANNELS when winning a customer pays.

    >>> row = {"cost": 9.0, "payback_months": 3, "payback_source": "observed"}
    >>> payback(row), payback(row | {"payback_source": "expected"})
    ('within 3 months', 'within 3 months, the last of them expected')
    """
    if row["cost"] is None:
        return formatting.NONE
    if row["payback_months"] is None:
        months = row["months_observed"] + row["months_expected"]
        return f"not within {formatting.plural(months, 'month')}"
    within = f"within {formatting.plural(row['payback_months'], 'month')}"
    return within if row["payback_source"] == "observed" else f"{within}, the last of them expected"


def importance(importance: pl.DataFrame, contributions: pl.DataFrame, task: str) -> Table:
    """Every feature's weight and direction."""
    weights = importance.filter(task=task).sort("relative", "feature", descending=[True, False])
    ways = feature_effects.ways(contributions, task, weights["feature"].to_list())
    rows = weights.with_columns(direction=ways["way"])
    return make_table(f"What moves the {task} model", rows, "feature direction relative")


def who_first(report: Report, n: int, *, reasons: int = 3, with_days: bool = False) -> Table:
    """The customers with the most revenue at stake, with their strongest reasons for leaving in
    words.

    Parameters
    ----------
    with_days
        Whether the day that raises the risk most is one of them.
    """
    top = first_customers(report.scores, n)
    shown = pl.col("customer_id").is_in(top["customer_id"].to_list())
    raising = pl.col("sentence").filter(pl.col("contribution") > 0).head(reasons)
    of_churn = report.reasons.filter(shown, task="churn").sort("customer_id", "rank")
    of = dict(of_churn.group_by("customer_id").agg(raising).iter_rows())
    if with_days:
        for name in report.worst_days.keys() & of.keys():
            of[name] = [*of[name], report.worst_days[name]]
    why = [
        "\n".join(map(_reason, of[name])) or NOTHING_RAISES if name in of else "Not explained"
        for name in top["customer_id"]
    ]
    rows = top.with_columns(why=pl.Series(why, dtype=pl.String))
    money = "at_stake" if report.knows_value else "risk_score"
    names = f"customer_id {money} segment why churn_probability"
    names += " expected_revenue" * report.knows_value
    caption = f"The {formatting.plural(top.height, 'customer')} to begin with"
    return make_table(caption, rows, names, currency=report.currency)


def _reason(sentence: str) -> str:
    """A reason where only those that raise the risk are shown."""
    return formatting.capital(sentence.removesuffix(", which raises the risk"))


def forecast_totals(
    totals: Mapping[str, Any], horizon_evidence: pl.DataFrame, *, currency: str
) -> Table:
    """What all customers bring within each horizon, with what the forecast's tests reach."""
    intervals = totals.get("interval_80", {})
    rows = [
        {"horizon_days": days, "expected_revenue": total}
        | dict(zip(("low_80", "high_80"), intervals.get(days, (None, None)), strict=True))
        for days, total in totals["expected_revenue"].items()
    ]
    longest = max(map(int, totals["expected_revenue"]))
    caption = f"Expected revenue of all customers{explain_reach(longest, horizon_evidence)}"
    names = "horizon_days expected_revenue interval_80"
    return make_table(caption, rows, names, currency=currency)


def set_aside(report: Report) -> Table:
    """Why rows were not used, with counts, per source."""
    rows = [
        {"source": source, "reason": reason, "rows": n}
        for source, reasons in (report.summary.get("reasons") or {}).items()
        for reason, n in sorted(reasons.items(), key=lambda item: -item[1])
    ]
    return make_table("Rows not used", rows)


def identity(report: Report) -> Table:
    """What the run was made of."""
    rows = [{"about": name, "the run": text} for name, text in facts(report)]
    return make_table("", rows)


def seconds(report: Report) -> Table:
    """How long each step took."""
    taken = (report.summary.get("seconds") or {}).items()
    rows = [{"step": step, "seconds": seconds} for step, seconds in taken]
    return make_table("Seconds per step", rows, "step seconds:score")


def versions(report: Report) -> Table:
    """What the run was made with."""
    libraries = sorted(report.versions.items())
    rows = [{"library": library, "version": version} for library, version in libraries]
    return make_table("Versions", rows)


def breakdown(groups: pl.DataFrame, *, by: str, currency: str) -> Table:
    """Groups of customers by something known of them."""
    caption = f"Customers by {by[0].lower()}{by[1:]}"
    rows = groups.rename({"churn_probability": "average_churn_probability"})
    names = "customers share_at_risk average_churn_probability expected_revenue at_stake"
    return make_table(caption, rows, Col("group", by, "text"), names, currency=currency)


def quiet(days: pl.DataFrame) -> Table:
    """Stretches without a purchase."""
    longest = chart_data.silent_stretches(days).head(20)
    return make_table("Stretches without a purchase", longest, "first_day last_day days")


def quarantine(rows: pl.DataFrame, *, at_most: int = 50) -> Table:
    """Rows that could not be understood, as they were read."""
    shown = rows.head(at_most).rename({"raw": "as_read"})
    caption = f"The first {shown.height} quarantined rows"
    return make_table(caption, shown, "source row reason as_read")


def audience(customers: pl.DataFrame, *, currency: str, at_most: int = 25) -> Table:
    """The first customers of an audience."""
    shown = customers.head(at_most)
    caption = f"The first {shown.height} of {formatting.count(customers.height)}"
    names = "customer_id segment arm churn_probability expected_revenue at_stake"
    return make_table(caption, shown, names, currency=currency)
