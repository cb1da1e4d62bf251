"""The tables beside charts of the whole base, of one customer and of plans: captions, headings and
cells in words.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from holdfast.report import chart_data, formatting
from holdfast.report.charts.cohorts import cumulative_value, latest
from holdfast.report.interval_coverage import by_horizon
from holdfast.report.listings import Listing, Row


def _listing(caption: str, columns: Row, rows: Iterable[Row], *, n_words: int = 1) -> Listing:
    return Listing(caption=caption, columns=columns, rows=tuple(rows), n_words=n_words)


def _span(low: float | None, high: float | None, currency: str) -> str:
    return (
        formatting.NONE
        if low is None or high is None
        else f"{formatting.money(low, currency)} to {formatting.money(high, currency)}"
    )


def revenue_bins(scores: pl.DataFrame, *, currency: str) -> Listing:
    """Customers by what they are expected to bring."""
    rows = (
        (
            _span(row["least"], row["most"], currency),
            formatting.count(row["customers"]),
            formatting.money(row["expected_revenue"], currency),
        )
        for row in chart_data.revenue_bins(scores, n=12).iter_rows(named=True)
        if row["customers"]
    )
    return _listing(
        "Customers by expected revenue", ("Expected revenue each", "Customers", "In all"), rows
    )


def value_quartiles(scores: pl.DataFrame, *, currency: str) -> Listing:
    """The spread of each segment."""
    shares = ("tenth", "quarter", "median", "three_quarters", "nine_tenths")
    rows = (
        (
            row["segment"],
            formatting.count(row["customers"]),
            *(formatting.money(row[name], currency) for name in shares),
        )
        for row in chart_data.value_quartiles(scores).iter_rows(named=True)
    )
    columns = ("Segment", "Customers", "10% are below", "25%", "Median", "75%", "90%")
    return _listing("Expected revenue by segment", columns, rows)


def churn_by_cutoff(predictions: pl.DataFrame) -> Listing:
    """Predicted and actual churn of the past."""
    rows = (
        (
            formatting.day(row["cutoff_day"]),
            formatting.count(row["customers"]),
            formatting.percent(row["predicted"]),
            formatting.percent(row["actual"]),
            f"{formatting.percent(row['low'])} to {formatting.percent(row['high'])}",
        )
        for row in chart_data.churn_by_cutoff(predictions).iter_rows(named=True)
    )
    return _listing(
        "Past cutoffs", ("Cutoff", "Customers", "Predicted", "Actual", "95% interval"), rows
    )


def deciles(predictions: pl.DataFrame) -> Listing:
    """Ten groups, the riskiest first."""
    rows = (
        (
            str(row["decile"]),
            formatting.count(row["customers"]),
            formatting.percent(row["predicted"]),
            formatting.percent(row["actual"]),
            formatting.decimal(row["lift"], 2),
        )
        for row in chart_data.deciles(predictions).iter_rows(named=True)
    )
    return _listing(
        "Tenths of the customers, riskiest first",
        ("Tenth", "Customers", "Predicted", "Left", "Lift"),
        rows,
    )


def standings(table: pl.DataFrame, *, currency: str) -> Listing:
    """Champion, candidates and baselines, from `charts.ranking.standings`."""
    rows = (
        (
            row["task"],
            formatting.metric_label(row["metric"]),
            row["name"],
            row["kind"],
            formatting.metric(row["metric"], row["value"], currency),
        )
        for row in table.iter_rows(named=True)
    )
    return _listing(
        "Models compared",
        ("Task", "Metric", "Model", "Role", "Mean over the cutoffs"),
        rows,
        n_words=4,
    )


def bands(scores: pl.DataFrame, *, currency: str) -> Listing:
    """Value tier by band of risk."""
    rows = (
        (
            row["value_tier"],
            row["band"],
            formatting.count(row["customers"]),
            formatting.percent(row["share"]),
            formatting.money(row["expected_revenue"], currency),
        )
        for row in chart_data.bands(scores).iter_rows(named=True)
    )
    columns = ("Value tier", "Churn probability", "Customers", "Share", "Expected revenue")
    return _listing("Value tier by risk", columns, rows, n_words=2)


def breakdown(table: pl.DataFrame, *, by: str, currency: str) -> Listing:
    """Groups of customers by something known of them."""
    rows = (
        (
            row["group"],
            formatting.count(row["customers"]),
            formatting.percent(row["share_at_risk"]),
            formatting.percent(row["churn_probability"]),
            *(
                formatting.money(row[name], currency)
                for name in ("expected_revenue", "revenue_at_risk")
            ),
        )
        for row in table.iter_rows(named=True)
    )
    columns = (
        by,
        "Customers",
        "Likely to leave",
        "Mean churn probability",
        "Expected revenue",
        "Revenue at risk",
    )
    return _listing(f"Customers by {by[0].lower()}{by[1:]}", columns, rows)


def moves(table: pl.DataFrame, *, currency: str) -> Listing:
    """Who moved, the largest flows first, without those who stayed."""
    moved = table.filter(pl.col("was") != pl.col("now"))
    rows = (
        (
            row["was"],
            row["now"],
            formatting.count(row["customers"]),
            formatting.money(row["expected_revenue"], currency),
        )
        for row in moved.iter_rows(named=True)
    )
    return _listing(
        "Moves since the run before",
        ("Was", "Is now", "Customers", "Expected revenue"),
        rows,
        n_words=2,
    )


def recovery(plan: pl.DataFrame, *, currency: str) -> Listing:
    """Campaigns with the range of their net return."""
    rows = (
        (
            row["segment"],
            f"{formatting.percent(row['rate'])} {row['uplift_source']}",
            formatting.count(row["customers"]),
            formatting.money(row["cost"], currency),
            formatting.percent(row["break_even_rate"]),
            formatting.money(row["invested"], currency),
            formatting.money(row["recovered"], currency),
            formatting.money(row["net"], currency),
            _span(row["net_low"], row["net_high"], currency),
            formatting.percent(None if row["roi_percent"] is None else row["roi_percent"] / 100, 0),
        )
        for row in plan.iter_rows(named=True)
    )
    columns = (
        "Segment",
        "Rate",
        "Contacted",
        "Cost each",
        "Break-even",
        "Invested",
        "Recovered",
        "Net",
        "Net, range",
        "ROI",
    )
    return _listing(
        "Campaigns, every figure resting on the rate's source", columns, rows, n_words=2
    )


def profile(table: pl.DataFrame) -> Listing:
    """A customer's features beside the segment's median."""
    rows = (
        (
            formatting.capital(formatting.feature(row["feature"])),
            _number(row["value"]),
            _number(row["median"]),
            formatting.percent(row["rank"], 0),
            formatting.percent(row["median_rank"], 0),
        )
        for row in table.iter_rows(named=True)
    )
    columns = ("Feature", "This customer", "Segment's median", "Rank among all", "Median's rank")
    return _listing("Profile", columns, rows)


def _number(value: float | None) -> str:
    return (
        formatting.NONE
        if value is None
        else f"{value:,.4g}"
        if abs(value) < 10_000
        else f"{value:,.0f}"
    )


def reasons(table: pl.DataFrame) -> Listing:
    """A customer's reasons in words."""
    rows = (
        (row["task"], formatting.capital(row["sentence"]), f"{row['contribution']:+.3f}")
        for row in table.iter_rows(named=True)
    )
    return _listing("Reasons", ("For", "Why", "Effect on the raw score"), rows, n_words=2)


def horizons(table: pl.DataFrame, *, currency: str) -> Listing:
    """What is expected of a customer within each horizon."""
    rows = (
        (
            formatting.plural(row["horizon_days"], "day"),
            formatting.percent(row.get("churn_probability")),
            formatting.decimal(row.get("expected_purchases"), 1),
            formatting.money(row["expected_revenue"], currency),
            formatting.money(row.get("median_revenue"), currency),
            _span(row.get("low_80"), row.get("high_80"), currency),
            formatting.money(row.get("expected_margin"), currency),
            formatting.money(row.get("clv"), currency),
        )
        for row in table.sort("horizon_days").iter_rows(named=True)
    )
    columns = (
        "Within",
        "Churn probability",
        "Purchases",
        "Revenue, mean",
        "Revenue, median",
        "80% interval",
        "Margin",
        "CLV",
    )
    return _listing("Every horizon", columns, rows)


def purchases(table: pl.DataFrame, *, currency: str) -> Listing:
    """A customer's latest purchases, the last first."""
    rows = (
        (formatting.day(day), formatting.money(amount, currency))
        for day, amount in table.sort("day", descending=True).select("day", "revenue").iter_rows()
    )
    return _listing("Latest purchases", ("Day", "Net revenue"), rows)


def retention(cohorts: pl.DataFrame) -> Listing:
    """Each cohort's size and share of buyers in some months after the first."""
    months = (1, 2, 3, 6, 9, 12)
    shown = latest(cohorts).with_columns(
        share=pl.when("complete").then(pl.col("active") / pl.col("customers"))
    )
    found = {(row["cohort"], row["months_since"]): row for row in shown.iter_rows(named=True)}
    rows = (
        (
            name,
            formatting.count(found[name, 0]["customers"]),
            *(
                formatting.percent(found[name, month]["share"], 0) if (name, month) in found else ""
                for month in months
            ),
        )
        for name in shown["cohort"].unique().sort()
    )
    return _listing(
        "Share that bought in the month",
        ("First purchase", "Customers", *(f"Month {m}" for m in months)),
        rows,
    )


def survival(table: pl.DataFrame) -> Listing:
    """Everyone's curve at round days."""
    everyone = table.filter((pl.col("cohort") == "all") & (pl.col("day") % 91 == 0))
    rows = (
        (
            formatting.count(row["day"]),
            formatting.count(row["at_risk"]),
            formatting.percent(row["survival"]),
            f"{formatting.percent(row['low'])} to {formatting.percent(row['high'])}",
        )
        for row in everyone.iter_rows(named=True)
    )
    return _listing(
        "Everyone",
        ("Days since the first purchase", "At risk", "Still buying", "95% interval"),
        rows,
    )


def cohort_value(cohorts: pl.DataFrame, *, currency: str) -> Listing:
    """Cumulative revenue per customer, quarter by quarter of life."""
    table = cumulative_value(cohorts).filter(pl.col("months_since") % 3 == 0)
    rows = (
        (
            row["year"],
            formatting.count(row["months_since"]),
            formatting.count(row["customers"]),
            formatting.money(row["value"], currency),
        )
        for row in table.iter_rows(named=True)
    )
    columns = ("First purchase in", "Months after", "Customers", "Revenue per customer so far")
    return _listing("Cumulative revenue", columns, rows)


def forecast(table: pl.DataFrame, *, currency: str) -> Listing:
    """The coming weeks."""
    rows = (
        (
            formatting.day(row["week_start_day"]),
            formatting.money(row["expected_revenue"], currency),
            _span(row["low_80"], row["high_80"], currency),
            formatting.decimal(row["expected_purchases"], 0),
        )
        for row in table.sort("week_start_day").iter_rows(named=True)
    )
    return _listing(
        "Weeks to come", ("Week from", "Expected revenue", "80% interval", "Purchases"), rows
    )


def quiet(days: pl.DataFrame) -> Listing:
    """Stretches without a purchase."""
    rows = (
        (formatting.day(first), formatting.day(last), formatting.count(n))
        for first, last, n in chart_data.silent_stretches(days)
        .head(20)
        .select("first_day", "last_day", "days")
        .iter_rows()
    )
    return _listing("Stretches without a purchase", ("From", "To", "Days"), rows, n_words=2)


def weeks(days: pl.DataFrame, *, currency: str) -> Listing:
    """The latest weeks of the log."""
    rows = (
        (
            formatting.day(row["week_start_day"]),
            formatting.count(row["purchases"]),
            formatting.money(row["revenue"], currency),
        )
        for row in chart_data.weeks(days).tail(26).iter_rows(named=True)
    )
    return _listing("The latest weeks", ("Week from", "Purchases", "Net revenue"), rows)


def quarantine(table: pl.DataFrame, *, at_most: int = 50) -> Listing:
    """Rows that could not be understood, as they were read."""
    rows = (
        (row["source"], formatting.count(row["row"]), row["reason"], row["raw"])
        for row in table.head(at_most).iter_rows(named=True)
    )
    return _listing(
        f"The first {min(at_most, table.height)} quarantined rows",
        ("Source", "Row", "Reason", "As read"),
        rows,
        n_words=4,
    )


def gate(counts: list[dict[str, Any]]) -> Listing:
    """The sufficiency gate."""
    rows = (
        (
            "enough" if row["holds"] else "too few" if row["name"] != "stale-log" else "too old",
            row["unit"],
            ", ".join(row["withheld"]) if not row["holds"] else "",
            ("at most " if row["name"] == "stale-log" else "at least ")
            + formatting.count(row["needed"]),
            formatting.count(row["found"]),
        )
        for row in counts
    )
    return _listing(
        "What the answers need", ("Answer", "Of", "Withheld", "Needed", "Found"), rows, n_words=3
    )


def audience(customers: pl.DataFrame, *, currency: str, at_most: int = 25) -> Listing:
    """The first customers of an audience."""
    rows = (
        (
            row["customer_id"],
            row["segment"],
            row["arm"],
            formatting.percent(row["churn_probability"]),
            formatting.money(row["expected_revenue"], currency),
            formatting.money(row["at_stake"], currency),
        )
        for row in customers.head(at_most).iter_rows(named=True)
    )
    columns = (
        "Customer",
        "Segment",
        "Arm",
        "Churn probability",
        "Expected revenue",
        "Revenue at stake",
    )
    return _listing(
        f"The first {min(at_most, customers.height)} of {formatting.count(customers.height)}",
        columns,
        rows,
        n_words=3,
    )


def horizons_proved(table: pl.DataFrame, *, currency: str) -> Listing:
    """Every horizon at every cutoff whose window has ended: the model and, in brackets, the naive
    baseline.
    """
    beside = ("roc_auc", "brier", "wape", "total_ratio")

    def cell(row: Mapping[str, Any], metric: str) -> str:
        mine, naive = (
            formatting.metric(metric, row[f"{whose}{metric}"], currency) for whose in ("", "naive_")
        )
        return formatting.NONE if mine == formatting.NONE else f"{mine} ({naive})"

    rows = (
        (
            f"{row['horizon_days']} days",
            formatting.day(row["cutoff_day"]),
            *(cell(row, metric) for metric in beside),
            *(formatting.percent(row[name], 0) for name in ("coverage_80", "coverage_95")),
        )
        for row in by_horizon(table).iter_rows(named=True)
    )
    columns = (
        "Horizon",
        "Cutoff",
        "ROC-AUC",
        "Brier score",
        "WAPE",
        "Predicted / actual total",
        "In the 80% interval",
        "In the 95% interval",
    )
    caption = "Every horizon: the model and, in brackets, the naive baseline"
    return _listing(caption, columns, rows, n_words=2)
