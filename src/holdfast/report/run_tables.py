"""The tables of a run: which columns each has, for the report, the model card, the dashboard and
the terminal.
"""

from functools import partial
from typing import Any

import polars as pl

from holdfast.evaluation.evidence import INTERVAL
from holdfast.report import chart_data, formatting, ranking_curves
from holdfast.report.charts.cohorts import cumulative_value, latest
from holdfast.report.exports import riskiest_first
from holdfast.report.interval_coverage import by_horizon, tenths
from holdfast.report.report_data import Report
from holdfast.report.table_format import Col, Table, make_table
from holdfast.study import ALGORITHMS

PROOFS = {"churn": ("roc_auc", "brier"), "value": ("wape", "spearman", "total_ratio")}
INTERVAL_95 = Col("low", "95% interval", "percent", "{low} to {high}")
INTERVAL_80 = Col("low_80", "80% interval", "money", "{low_80} to {high_80}")
COLUMNS = {
    col.name: col
    for col in (
        Col("algorithm", kind="algorithm"),
        Col("area", "ROC-AUC", "ratio"),
        Col("at_stake", "Revenue at stake", "money"),
        Col("average_churn_probability", "Mean churn probability", "percent"),
        Col("average_ltv", "Per customer", "money"),
        Col("average_precision", kind="ratio"),
        Col("average_risk_score", "Mean risk score", "score"),
        Col("band", "Churn probability"),
        Col("better", "Better is"),
        Col("break_even_rate", "Break-even rate", "percent"),
        Col("churn_probability", kind="percent"),
        Col("clv", "CLV", "money"),
        Col("cost", "Cost each", "money"),
        Col("coverage_80", "In the 80% interval", "whole percent"),
        Col("coverage_95", "In the 95% interval", "whole percent"),
        Col("customer_id", "Customer"),
        Col("customers", kind="count"),
        Col("cutoff_day", "Cutoff", "day"),
        Col("day", kind="day"),
        Col("decile", "Tenth"),
        Col("expected_margin", "Margin", "money"),
        Col("expected_purchases", "Purchases", "number"),
        Col("expected_revenue", kind="money"),
        Col("feature", kind="feature"),
        Col("first_day", "From", "day"),
        Col("found", kind="count"),
        Col("horizon_days", "Days ahead"),
        Col("idle", "Brought nothing", "whole percent"),
        Col("invested", kind="money"),
        Col("last_day", "To", "day"),
        Col("left", kind="percent"),
        Col("lift", kind="score"),
        Col("metric", kind="metric name"),
        Col("net", kind="money"),
        Col("predicted", kind="percent"),
        Col("purchases", kind="count"),
        Col("rate", "Recovery rate", "percent"),
        Col("recovered", kind="money"),
        Col("relative", "Share of the strongest", "percent"),
        Col("revenue", "Net revenue", "money"),
        Col("revenue_at_risk", kind="money"),
        Col("risk_score", kind="ratio"),
        Col("roi", "ROI", "whole percent"),
        Col("rows", kind="count"),
        Col("segment"),
        Col("share", kind="percent"),
        Col("task", "Prediction"),
        Col("total_ltv", "Expected revenue", "money"),
        Col("uplift_source", "Rate is"),
        Col("week_start_day", "Week from", "day"),
    )
}
"""How a column of a run's tables is headed and written, wherever it is shown; those that are not
here are called and written as they are.
"""
_table = partial(make_table, catalogue=COLUMNS)


def segments(report: Report) -> Table:
    """Each segment's size, worth and risk."""
    return _table(
        "The six segments",
        report.segments,
        "segment customers total_ltv average_ltv average_churn_probability average_risk_score",
        currency=report.currency,
    )


def recovery(plan: pl.DataFrame, *, currency: str) -> Table:
    """What keeping each segment costs and brings, with where the rate comes from; the net return
    with its range, where one is known.
    """
    ranged = Col("net_low", "Net, range", "money", "{net_low} to {net_high}")
    return _table(
        "Revenue recovery by segment",
        plan.with_columns(roi=pl.col("roi_percent") / 100),
        "segment customers cost rate uplift_source break_even_rate invested recovered net",
        *([ranged] if "net_low" in plan.columns else []),
        "roi",
        currency=currency,
    )


def metrics(report: Report, task: str) -> Table:
    """The champion beside the naive baseline at the last cutoff that has figures, with 95 %
    intervals.
    """
    contests = ranking_curves.contests(report.evidence, ALGORITHMS).filter(task=task)
    last = contests.filter(pl.col("cutoff_day") == pl.col("cutoff_day").max())
    when = f" at the last cutoff, {last['cutoff'][0]}" if last.height < contests.height else ""
    return _contests(report, last, f"{formatting.capital(task)}{when}")


def all_metrics(report: Report, task: str) -> Table:
    """The same at every cutoff; without rows where there is only one."""
    contests = ranking_curves.contests(report.evidence, ALGORITHMS).filter(task=task)
    several = contests if contests["cutoff_day"].n_unique() > 1 else contests.clear()
    return _contests(report, several, f"{formatting.capital(task)}, every cutoff")


def _contests(report: Report, contests: pl.DataFrame, what: str) -> Table:
    better = {name: metric.better for name, metric in formatting.METRICS.items()}
    names = contests["baseline"].unique(maintain_order=True).to_list()
    naive = f" ({formatting.listing(list(map(formatting.baseline, names)))})" if names else ""
    interval = "{baseline_value} ({baseline_low} to {baseline_high})"
    return _table(
        f"{what}: the model against the naive baseline",
        contests.with_columns(
            better=pl.col("metric").replace_strict(better, default="", return_dtype=pl.String)
        ),
        "cutoff metric better",
        Col("value", "Model", "metric", "{value} ({low} to {high})"),
        Col("baseline_value", f"Naive baseline{naive}", "metric", interval),
        "wins",
        currency=report.currency,
    )


def backtested(report: Report) -> Table:
    """Each cutoff in a row: the model and, in brackets, the naive baseline; then how often the
    intervals held.
    """
    contests = ranking_curves.contests(report.evidence, ALGORITHMS)
    rows: dict[int, dict[str, Any]] = {day: {"cutoff_day": day} for day in contests["cutoff_day"]}
    for row in contests.iter_rows(named=True):
        name = f"{row['task']} {row['metric']}"
        rows[row["cutoff_day"]] |= {name: row["value"], f"{name} naive": row["baseline_value"]}
    held = report.evidence.filter(pl.col("cutoff_day").is_in(list(rows)), model=INTERVAL)
    for day, metric, share in held.select("cutoff_day", "metric", "value").iter_rows():
        rows[day][metric] = share
    compared = set(contests.select("task", "metric").iter_rows())
    return _table(
        "Every cutoff: the model and, in brackets, the naive baseline",
        list(rows.values()),
        "cutoff_day",
        *(
            _beside_naive(
                f"{task} {metric}",
                f"{formatting.capital(task)}: {formatting.metric_label(metric)}",
                metric,
                naive=f"{task} {metric} naive",
            )
            for task, metrics in PROOFS.items()
            for metric in metrics
            if (task, metric) in compared
        ),
        *held["metric"].unique(maintain_order=True),
        currency=report.currency,
    )


def _beside_naive(name: str, heading: str, metric: str, *, naive: str) -> Col:
    """A metric of the model with, in brackets, that of the naive baseline."""
    return Col(name, heading, formatting.METRICS[metric].unit, f"{{{name}}} ({{{naive}}})")


def audit(report: Report) -> Table:
    """Every question of the audit with its answer."""
    rows = [
        {
            "question": row["question"],
            "answer": [name.replace("-", " ") for name in row["found"]] or "nothing found",
        }
        for row in (report.summary.get("audit") or {}).get("suspicions", [])
    ]
    return _table("What the audit asked", rows)


def candidates(report: Report) -> Table:
    """Every algorithm that was compared: the mean of each metric over the cutoffs."""
    compared = report.evidence.filter(pl.col("model").is_in(ALGORITHMS))
    means = compared.group_by("task", "model", "metric", maintain_order=True).agg(
        pl.col("value").mean()
    )
    return _table(
        "Algorithms compared, mean over the cutoffs",
        means.rename({"model": "algorithm"}),
        "task algorithm metric",
        Col("value", "Mean", "metric"),
        currency=report.currency,
    )


def ranking(report: Report) -> Table:
    """How well leavers are ranked, per cutoff and model."""
    return _table(
        "Ranking of leavers",
        ranking_curves.ranking(report.steps),
        "cutoff_day",
        Col("model", "Ranked by"),
        "customers left area average_precision",
    )


def calibration(report: Report) -> Table:
    """Predicted against actual churn, per bin of probability."""
    percent = pl.format("{}% to {}%", 10 * pl.col("bin"), 10 * pl.col("bin") + 10)
    return _table(
        "Predicted and actual churn",
        ranking_curves.reliability(report.predictions).with_columns(probability=percent),
        "probability customers predicted",
        Col("actual", "Left", "percent"),
        INTERVAL_95,
    )


def gains(report: Report) -> Table:
    """What the customers ranked highest hold."""
    curves = ranking_curves.gains(report.steps)
    holds = {"churn": "Leavers", "value": "Revenue"}
    columns = [
        Col(f"{task} {model}", f"{what}, {model}", "percent")
        for task, what in holds.items()
        if task in curves["task"]
        for model in ("model", "baseline")
    ]
    rows = [
        {"customers": f"top {share:.0%}"}
        | {
            f"{task} {model}": value
            for task in holds
            for model, value in zip(
                ("model", "baseline"),
                ranking_curves.caught(curves.filter(task=task), share),
                strict=True,
            )
        }
        for share in (0.05, 0.1, 0.2, 0.3, 0.5)
    ]
    return _table(
        "Share found in the customers ranked highest",
        rows if columns else [],
        Col("customers", kind="text"),
        *columns,
    )


def promises(predictions: pl.DataFrame, *, currency: str) -> Table:
    """Expected against realised revenue, and how often the 80 % interval held, by tenth of expected
    revenue.
    """
    return _table(
        "Expected and realised revenue per customer, by tenth of expected revenue",
        tenths(predictions),
        "cutoff_day tenth customers",
        Col("predicted", "Expected", "money"),
        Col("actual", "Came", "money"),
        Col("baseline", "Naive baseline", "money"),
        "idle",
        Col("held_80", "In the 80% interval", "whole percent"),
        Col("width_80", "Its width", "money"),
        currency=currency,
    )


def tiers(report: Report) -> Table:
    """Where the value tiers begin and from which score their risk is high."""
    return _table(
        "Value tiers",
        ranking_curves.tiers(report.scores),
        Col("value_tier", "Tier"),
        "customers",
        Col("from_revenue", "Expected revenue from", "money"),
        Col("risk", "High risk from score", "score"),
        currency=report.currency,
    )


def importance(report: Report, task: str) -> Table:
    """Every feature's weight and direction."""
    weights = report.importance.filter(task=task).sort(
        "relative", "feature", descending=[True, False]
    )
    ways = ranking_curves.ways(report.contributions, task, weights["feature"].to_list())
    return _table(
        f"What moves the {task} model",
        weights.with_columns(ways["way"]),
        "feature",
        Col("way", "Direction"),
        "relative",
    )


def dependence(report: Report, task: str) -> Table:
    """Mean effect of the strongest features in groups of rising value."""
    trends = [
        ranking_curves.trend(ranking_curves.dependence(report.contributions, task, name))
        for name in ranking_curves.strongest(report.importance, task, 4)
    ]
    return _table(
        f"Effect on the {task} model by value",
        pl.concat(trends) if trends else [],
        "feature customers",
        Col("value", "Mean value", "number"),
        Col("contribution", "Mean effect on the raw score", "effect"),
    )


def roles(report: Report) -> Table:
    """Which features matter for churn, for value, for both."""
    return _table(
        "Features across the models",
        ranking_curves.roles(report.importance),
        "feature",
        Col("role", "Matters for"),
        Col("churn", kind="whole percent"),
        Col("value", kind="whole percent"),
    )


def riskiest(report: Report, n: int = 20) -> Table:
    """The customers of the highest risk score, with their strongest reasons for leaving in
    words.
    """
    least = report.scores["risk_score"].top_k(min(n, report.scores.height)).min()
    top = riskiest_first(report.scores.filter(pl.col("risk_score") >= least)).head(n)
    raising = report.reasons.filter(
        pl.col("customer_id").is_in(top["customer_id"].to_list()),
        pl.col("contribution") > 0,
        task="churn",
    ).sort("customer_id", "rank")
    reasons = dict(raising.group_by("customer_id").agg(pl.col("sentence").head(3)).iter_rows())
    why = ["\n".join(map(formatting.capital, reasons.get(name, []))) for name in top["customer_id"]]
    return _table(
        f"The {top.height} riskiest customers",
        top.with_columns(why=pl.Series(why, dtype=pl.String).replace("", "Not explained")),
        "customer_id segment why churn_probability expected_revenue risk_score",
        currency=report.currency,
    )


def set_aside(report: Report) -> Table:
    """Why rows were not used, with counts, per source."""
    rows = [
        {"source": source, "reason": reason, "rows": n}
        for source, reasons in (report.summary.get("reasons") or {}).items()
        for reason, n in sorted(reasons.items(), key=lambda item: -item[1])
    ]
    return _table("Rows not used", rows, "source reason rows")


def seconds(report: Report) -> Table:
    """How long each step took."""
    taken = (report.summary.get("seconds") or {}).items()
    rows = [{"step": step, "seconds": seconds} for step, seconds in taken]
    return _table("Seconds per step", rows, "step", Col("seconds", kind="score"))


def versions(report: Report) -> Table:
    """What the run was made with."""
    rows = [
        {"library": name, "version": number} for name, number in sorted(report.versions.items())
    ]
    return _table("Versions", rows)


def proof(report: Report) -> Table:
    """How good each model proved beside the naive baseline, in the figures that a manager needs."""
    tasks = {task: report.summary.get(task) or {} for task in PROOFS}
    was_folded = any(figures.get("cross_validated") for figures in tasks.values())
    rows = [
        {
            "task": formatting.capital(task),
            "measure": f"{formatting.METRICS[metric].label}: {formatting.METRICS[metric].meaning}",
            "metric": metric,
            "model": tasks[task][metric],
            "folded": (tasks[task].get("cross_validated") or {}).get(metric),
            "naive": (tasks[task].get("baseline") or {}).get(metric),
            "better": formatting.METRICS[metric].better,
        }
        for task, metrics in PROOFS.items()
        for metric in metrics
        if tasks[task].get(metric) is not None
    ]
    return _table(
        "How good the predictions proved",
        rows,
        "task measure",
        Col("model", kind="metric"),
        *([Col("folded", "Cross-validated", "metric")] if was_folded else []),
        Col("naive", "Naive baseline", "metric"),
        "better",
        currency=report.currency,
    )


def cross_validated(report: Report) -> Table:
    """The means over the folds of a snapshot, where there was a cross-validation."""
    rows = [
        {"task": task, "metric": metric, "value": value}
        for task in PROOFS
        for metric, value in ((report.summary.get(task) or {}).get("cross_validated") or {}).items()
        if isinstance(value, float)
    ]
    return _table(
        "Cross-validation, mean over the folds",
        rows,
        "task metric",
        Col("value", "Mean", "metric"),
        currency=report.currency,
    )


def revenue_bins(scores: pl.DataFrame, *, currency: str) -> Table:
    """Customers by what they are expected to bring."""
    bins = chart_data.revenue_bins(scores, n=12).filter(pl.col("customers") > 0)
    each = Col("least", "Expected revenue each", "money", "{least} to {most}")
    return _table(
        "Customers by expected revenue",
        bins,
        each,
        "customers",
        Col("expected_revenue", "In all", "money"),
        currency=currency,
    )


def value_quartiles(scores: pl.DataFrame, *, currency: str) -> Table:
    """The spread of each segment."""
    return _table(
        "Expected revenue by segment",
        chart_data.value_quartiles(scores),
        "segment customers",
        Col("tenth", "10% are below", "money"),
        Col("quarter", "25%", "money"),
        Col("median", kind="money"),
        Col("three_quarters", "75%", "money"),
        Col("nine_tenths", "90%", "money"),
        currency=currency,
    )


def churn_by_cutoff(predictions: pl.DataFrame) -> Table:
    """Predicted and actual churn of the past."""
    past = chart_data.churn_by_cutoff(predictions)
    return _table(
        "Past cutoffs",
        past,
        "cutoff_day customers predicted",
        Col("actual", "Left", "percent"),
        INTERVAL_95,
    )


def deciles(predictions: pl.DataFrame) -> Table:
    """Ten groups, the riskiest first."""
    return _table(
        "Tenths of the customers, riskiest first",
        chart_data.deciles(predictions),
        "decile customers predicted",
        Col("actual", "Left", "percent"),
        "lift",
    )


def standings(compared: pl.DataFrame, *, currency: str) -> Table:
    """Champion, candidates and baselines, from `charts.ranking.standings`."""
    return _table(
        "Models compared",
        compared,
        "task metric",
        Col("name", "Model"),
        Col("kind", "Role"),
        Col("value", "Mean over the cutoffs", "metric"),
        currency=currency,
    )


def bands(scores: pl.DataFrame, *, currency: str) -> Table:
    """Value tier by band of risk."""
    return _table(
        "Value tier by risk",
        chart_data.bands(scores),
        "value_tier band customers share expected_revenue",
        currency=currency,
    )


def breakdown(groups: pl.DataFrame, *, by: str, currency: str) -> Table:
    """Groups of customers by something known of them."""
    return _table(
        f"Customers by {by[0].lower()}{by[1:]}",
        groups,
        Col("group", by, "text"),
        "customers",
        Col("share_at_risk", "Likely to leave", "percent"),
        Col("churn_probability", "Mean churn probability", "percent"),
        "expected_revenue revenue_at_risk",
        currency=currency,
    )


def moves(flows: pl.DataFrame, *, currency: str) -> Table:
    """Who moved, the largest flows first, without those who stayed."""
    return _table(
        "Moves since the run before",
        flows.filter(pl.col("was") != pl.col("now")),
        "was",
        Col("now", "Is now"),
        "customers expected_revenue",
        currency=currency,
    )


def profile(beside: pl.DataFrame) -> Table:
    """A customer's features beside the segment's median."""
    return _table(
        "Profile",
        beside,
        "feature",
        Col("value", "This customer", "number"),
        Col("median", "Segment's median", "number"),
        Col("rank", "Rank among all", "whole percent"),
        Col("median_rank", "Median's rank", "whole percent"),
    )


def reasons(of_customer: pl.DataFrame) -> Table:
    """A customer's reasons in words."""
    return _table(
        "Reasons",
        of_customer,
        Col("task", "For"),
        Col("sentence", "Why", "sentence"),
        Col("contribution", "Effect on the raw score", "effect"),
    )


def horizons(of_customer: pl.DataFrame, *, currency: str) -> Table:
    """What is expected of a customer within each horizon."""
    return _table(
        "Every horizon",
        of_customer.sort("horizon_days"),
        "horizon_days churn_probability",
        Col("expected_purchases", "Purchases", "number"),
        Col("expected_revenue", "Revenue, mean", "money"),
        Col("median_revenue", "Revenue, median", "money"),
        INTERVAL_80,
        "expected_margin clv",
        currency=currency,
    )


def purchases(of_customer: pl.DataFrame, *, currency: str) -> Table:
    """A customer's latest purchases, the last first."""
    latest_first = of_customer.sort("day", descending=True)
    return _table("Latest purchases", latest_first, "day revenue", currency=currency)


def retention(cohorts: pl.DataFrame) -> Table:
    """Each cohort's size and share of buyers in some months after the first."""
    share = pl.when("complete").then(pl.col("active") / pl.col("customers"))
    rows: dict[str, dict[str, Any]] = {}
    for row in latest(cohorts).with_columns(share=share).sort("cohort").iter_rows(named=True):
        months = rows.setdefault(row["cohort"], {"cohort": row["cohort"]})
        months[f"month_{row['months_since']}"] = row["share"]
        if row["months_since"] == 0:
            months["customers"] = row["customers"]
    return _table(
        "Share that bought in the month",
        list(rows.values()),
        Col("cohort", "First purchase"),
        "customers",
        *(Col(f"month_{month}", kind="whole percent") for month in (1, 2, 3, 6, 9, 12)),
    )


def survival(curves: pl.DataFrame) -> Table:
    """Everyone's curve at round days."""
    return _table(
        "Everyone",
        curves.filter(pl.col("day") % 91 == 0, cohort="all"),
        Col("day", "Days since the first purchase", "count"),
        Col("at_risk", kind="count"),
        Col("survival", "Still buying", "percent"),
        INTERVAL_95,
    )


def cohort_value(cohorts: pl.DataFrame, *, currency: str) -> Table:
    """Cumulative revenue per customer, quarter by quarter of life."""
    return _table(
        "Cumulative revenue",
        cumulative_value(cohorts).filter(pl.col("months_since") % 3 == 0),
        Col("year", "First purchase in", "text"),
        Col("months_since", "Months after", "count"),
        "customers",
        Col("value", "Revenue per customer so far", "money"),
        currency=currency,
    )


def forecast(weeks: pl.DataFrame, *, currency: str) -> Table:
    """The coming weeks."""
    return _table(
        "Weeks to come",
        weeks.sort("week_start_day"),
        "week_start_day expected_revenue",
        INTERVAL_80,
        Col("expected_purchases", "Purchases", "count"),
        currency=currency,
    )


def quiet(days: pl.DataFrame) -> Table:
    """Stretches without a purchase."""
    longest = chart_data.silent_stretches(days).head(20)
    return _table("Stretches without a purchase", longest, "first_day last_day days")


def weeks(days: pl.DataFrame, *, currency: str) -> Table:
    """The latest weeks of the log."""
    latest_weeks = chart_data.weeks(days).tail(26)
    return _table(
        "The latest weeks", latest_weeks, "week_start_day purchases revenue", currency=currency
    )


def quarantine(rows: pl.DataFrame, *, at_most: int = 50) -> Table:
    """Rows that could not be understood, as they were read."""
    return _table(
        f"The first {min(at_most, rows.height)} quarantined rows",
        rows.head(at_most),
        "source",
        Col("row", kind="count"),
        "reason",
        Col("raw", "As read", "text"),
    )


def audience(customers: pl.DataFrame, *, currency: str, at_most: int = 25) -> Table:
    """The first customers of an audience."""
    return _table(
        f"The first {min(at_most, customers.height)} of {formatting.count(customers.height)}",
        customers.head(at_most),
        "customer_id segment arm churn_probability expected_revenue at_stake",
        currency=currency,
    )


def horizons_proved(horizon_evidence: pl.DataFrame, *, currency: str) -> Table:
    """Every horizon at every cutoff whose window has ended: the model and, in brackets, the naive
    baseline.
    """
    compared = ("roc_auc", "brier", "wape", "total_ratio")
    return _table(
        "Every horizon: the model and, in brackets, the naive baseline",
        by_horizon(horizon_evidence),
        "horizon_days cutoff_day",
        *(
            _beside_naive(metric, formatting.metric_label(metric), metric, naive=f"naive_{metric}")
            for metric in compared
        ),
        "coverage_80 coverage_95",
        currency=currency,
    )
