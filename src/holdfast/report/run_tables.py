"""The tables of what a run says: which columns each has, for the report, the model card, the
dashboard and the terminal. How good that proved stands in `evidence_tables`.
"""

from typing import Any

import polars as pl

from holdfast.report import chart_data, feature_effects, formatting
from holdfast.report.charts.cohorts import latest
from holdfast.report.exports import riskiest_first
from holdfast.report.report_data import Report
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table


def segments(report: Report) -> Table:
    """Each segment's size, worth and risk."""
    names = "segment customers total_ltv average_ltv average_churn_probability average_risk_score"
    return make_table("The six segments", report.segments, names, currency=report.currency)


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


def tiers(report: Report) -> Table:
    """Where the value tiers begin and from which score their risk is high."""
    rows = chart_data.tiers(report.scores)
    names = "value_tier customers from_revenue high_risk_from_score:score"
    renamed = rows.rename({"risk": "high_risk_from_score"})
    return make_table("Value tiers", renamed, names, currency=report.currency)


def importance(report: Report, task: str) -> Table:
    """Every feature's weight and direction."""
    weights = report.importance.filter(task=task).sort(
        "relative", "feature", descending=[True, False]
    )
    ways = feature_effects.ways(report.contributions, task, weights["feature"].to_list())
    rows = weights.with_columns(direction=ways["way"])
    return make_table(f"What moves the {task} model", rows, "feature direction relative")


def dependence(report: Report, task: str) -> Table:
    """Mean effect of the strongest features in groups of rising value."""
    trends = [
        feature_effects.trend(feature_effects.dependence(report.contributions, task, name))
        for name in feature_effects.strongest(report.importance, task, 4)
    ]
    rows = pl.concat(trends).rename({"value": "mean_value"}).to_dicts() if trends else []
    names = "feature customers mean_value contribution"
    return make_table(f"Effect on the {task} model by value", rows, names)


def roles(report: Report) -> Table:
    """Which features matter for churn, for value, for both."""
    rows = feature_effects.roles(report.importance).rename({"role": "matters_for"})
    names = "feature matters_for churn:whole_percent value:whole_percent"
    return make_table("Features across the models", rows, names)


def riskiest(report: Report, n: int = 20) -> Table:
    """The customers of the highest risk score, with their strongest reasons for leaving in
    words.
    """
    least = report.scores["risk_score"].top_k(min(n, report.scores.height)).min()
    top = riskiest_first(report.scores.filter(pl.col("risk_score") >= least)).head(n)
    shown = pl.col("customer_id").is_in(top["customer_id"].to_list())
    raising = report.reasons.filter(shown, pl.col("contribution") > 0, task="churn")
    sentences = raising.sort("customer_id", "rank").group_by("customer_id")
    reasons = dict(sentences.agg(pl.col("sentence").head(3)).iter_rows())
    why = [
        "\n".join(map(formatting.capital, reasons.get(name, []))) or "Not explained"
        for name in top["customer_id"]
    ]
    rows = top.with_columns(why=pl.Series(why, dtype=pl.String))
    names = "customer_id segment why churn_probability expected_revenue risk_score"
    caption = f"The {top.height} riskiest customers"
    return make_table(caption, rows, names, currency=report.currency)


def set_aside(report: Report) -> Table:
    """Why rows were not used, with counts, per source."""
    rows = [
        {"source": source, "reason": reason, "rows": n}
        for source, reasons in (report.summary.get("reasons") or {}).items()
        for reason, n in sorted(reasons.items(), key=lambda item: -item[1])
    ]
    return make_table("Rows not used", rows)


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


def revenue_bins(scores: pl.DataFrame, *, currency: str) -> Table:
    """Customers by what they are expected to bring."""
    bins = chart_data.revenue_bins(scores, n=12).filter(pl.col("customers") > 0)
    rows = bins.rename({"expected_revenue": "in_all"})
    names = "revenue_each customers in_all:money"
    return make_table("Customers by expected revenue", rows, names, currency=currency)


def value_quartiles(scores: pl.DataFrame, *, currency: str) -> Table:
    """The spread of each segment."""
    rows = chart_data.value_quartiles(scores)
    names = "segment customers tenth_value quarter median three_quarters nine_tenths"
    renamed = rows.rename({"tenth": "tenth_value"})
    return make_table("Expected revenue by segment", renamed, names, currency=currency)


def bands(scores: pl.DataFrame, *, currency: str) -> Table:
    """Value tier by band of risk."""
    rows = chart_data.bands(scores)
    names = "value_tier band customers share expected_revenue"
    return make_table("Value tier by risk", rows, names, currency=currency)


def breakdown(groups: pl.DataFrame, *, by: str, currency: str) -> Table:
    """Groups of customers by something known of them."""
    caption = f"Customers by {by[0].lower()}{by[1:]}"
    rows = groups.rename({"churn_probability": "average_churn_probability"})
    names = "customers share_at_risk average_churn_probability expected_revenue revenue_at_risk"
    return make_table(caption, rows, Col("group", by, "text"), names, currency=currency)


def moves(flows: pl.DataFrame, *, currency: str) -> Table:
    """Who moved, the largest flows first, without those who stayed."""
    moved = flows.filter(pl.col("was") != pl.col("now")).rename({"now": "is_now"})
    names = "was is_now customers expected_revenue"
    return make_table("Moves since the run before", moved, names, currency=currency)


def profile(beside: pl.DataFrame) -> Table:
    """A customer's features beside the segment's median."""
    rows = beside.rename({"value": "this_customer", "median": "segment_median"})
    names = "feature this_customer segment_median rank:whole_percent median_rank:whole_percent"
    return make_table("Profile", rows, names)


def reasons(of_customer: pl.DataFrame) -> Table:
    """A customer's reasons in words."""
    return make_table("Reasons", of_customer, "task sentence contribution")


def horizons(of_customer: pl.DataFrame, *, currency: str) -> Table:
    """What is expected of a customer within each horizon."""
    rows = of_customer.sort("horizon_days")
    names = (
        "horizon_days churn_probability expected_purchases expected_revenue median_revenue "
        "interval_80 expected_margin clv"
    )
    return make_table("Every horizon", rows, names, currency=currency)


def purchases(of_customer: pl.DataFrame, *, currency: str) -> Table:
    """A customer's latest purchases, the last first."""
    rows = of_customer.sort("day", descending=True)
    return make_table("Latest purchases", rows, "day:day revenue", currency=currency)


def retention(cohorts: pl.DataFrame) -> Table:
    """Each cohort's size and share of buyers in some months after the first."""
    share = pl.when("complete").then(pl.col("active") / pl.col("customers"))
    rows: dict[str, dict[str, Any]] = {}
    for row in latest(cohorts).with_columns(share=share).sort("cohort").iter_rows(named=True):
        first = {"first_purchase": row["cohort"], "customers": row["customers"]}
        rows.setdefault(row["cohort"], first)[f"month_{row['months_since']}"] = row["share"]
    months = " ".join(f"month_{month}:whole_percent" for month in (1, 2, 3, 6, 9, 12))
    caption = "Share that bought in the month"
    return make_table(caption, [*rows.values()], f"first_purchase customers {months}")


def survival(curves: pl.DataFrame) -> Table:
    """Everyone's curve at round days."""
    rows = curves.filter(pl.col("day") % 91 == 0, cohort="all")
    names = "days_since_the_first_purchase at_risk survival interval_95"
    return make_table("Everyone", rows.rename({"day": "days_since_the_first_purchase"}), names)


def cohort_value(cohorts: pl.DataFrame, *, currency: str) -> Table:
    """Cumulative revenue per customer, quarter by quarter of life."""
    rows = chart_data.cumulative_value(cohorts).filter(pl.col("months_since") % 3 == 0)
    renamed = rows.rename({"year": "first_purchase_in", "value": "revenue_per_customer_so_far"})
    names = "first_purchase_in:text months_since customers revenue_per_customer_so_far:money"
    return make_table("Cumulative revenue", renamed, names, currency=currency)


def forecast(weeks: pl.DataFrame, *, currency: str) -> Table:
    """The coming weeks."""
    rows = weeks.sort("week_start_day")
    names = "week_start_day expected_revenue interval_80 expected_purchases:count"
    return make_table("Weeks to come", rows, names, currency=currency)


def quiet(days: pl.DataFrame) -> Table:
    """Stretches without a purchase."""
    longest = chart_data.silent_stretches(days).head(20)
    return make_table("Stretches without a purchase", longest, "first_day last_day days")


def weeks(days: pl.DataFrame, *, currency: str) -> Table:
    """The latest weeks of the log."""
    rows = chart_data.weeks(days).tail(26)
    names = "week_start_day purchases revenue"
    return make_table("The latest weeks", rows, names, currency=currency)


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
