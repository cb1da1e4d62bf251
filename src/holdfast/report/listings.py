"""The run's tables as a reader sees them: captions, headings and cells in words, for page and model
card.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from holdfast.evaluation.evidence import INTERVAL
from holdfast.report import formatting, ranking_curves
from holdfast.report.exports import riskiest_first
from holdfast.report.interval_coverage import tenths
from holdfast.report.report_data import Report
from holdfast.study import ALGORITHMS

Row = tuple[str, ...]
PROOFS = {"churn": ("roc_auc", "brier"), "value": ("wape", "spearman", "total_ratio")}


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A table in words.

    Attributes
    ----------
    n_words
        How many columns, from the left, hold words; the others hold figures.
    """

    caption: str
    columns: Row
    rows: tuple[Row, ...]
    n_words: int = 1


def _listing(caption: str, columns: Row, rows: Iterable[Row], *, n_words: int = 1) -> Listing:
    return Listing(caption=caption, columns=columns, rows=tuple(rows), n_words=n_words)


def segments(report: Report) -> Listing:
    """Each segment's size, worth and risk."""
    money = report.currency
    rows = (
        (
            row["segment"],
            formatting.count(row["customers"]),
            formatting.money(row["total_ltv"], money),
            formatting.money(row["average_ltv"], money),
            formatting.percent(row["average_churn_probability"]),
            formatting.decimal(row["average_risk_score"], 2),
        )
        for row in report.segments.iter_rows(named=True)
    )
    columns = (
        "Segment",
        "Customers",
        "Expected revenue",
        "Per customer",
        "Mean churn probability",
        "Mean risk score",
    )
    return _listing("The six segments", columns, rows)


def recovery(report: Report) -> Listing:
    """What keeping each segment costs and brings, with where the rate comes from."""
    money = report.currency
    rows = (
        (
            row["segment"],
            formatting.count(row["customers"]),
            formatting.money(row["cost"], money),
            f"{formatting.percent(row['rate'])} {row['uplift_source']}",
            formatting.percent(row["break_even_rate"]),
            formatting.money(row["invested"], money),
            formatting.money(row["recovered"], money),
            formatting.money(row["net"], money),
            formatting.percent(None if row["roi_percent"] is None else row["roi_percent"] / 100, 0),
        )
        for row in report.recovery.iter_rows(named=True)
    )
    columns = (
        "Segment",
        "Customers",
        "Cost each",
        "Recovery rate",
        "Break-even rate",
        "Invested",
        "Recovered",
        "Net",
        "ROI",
    )
    return _listing("Revenue recovery by segment", columns, rows)


def _with_interval(metric: str, row: dict[str, float | None], prefix: str, currency: str) -> str:
    value, low, high = (
        formatting.metric(metric, row[f"{prefix}{name}"], currency)
        for name in ("value", "low", "high")
    )
    return value if formatting.NONE in (low, high) else f"{value} ({low} to {high})"


def metrics(report: Report, task: str) -> Listing:
    """The champion beside the naive baseline at the last cutoff that has figures, with 95 %
    intervals.
    """
    table = ranking_curves.contests(report.evidence, ALGORITHMS).filter(pl.col("task") == task)
    last = table.filter(pl.col("cutoff_day") == pl.col("cutoff_day").max())
    when = f" at the last cutoff, {last['cutoff'][0]}" if table["cutoff_day"].n_unique() > 1 else ""
    return _metrics(
        report, last, f"{formatting.capital(task)}{when}: the model against the naive baseline"
    )


def all_metrics(report: Report, task: str) -> Listing:
    """The same at every cutoff; without rows where there is only one."""
    table = ranking_curves.contests(report.evidence, ALGORITHMS).filter(pl.col("task") == task)
    several = table if table["cutoff_day"].n_unique() > 1 else table.clear()
    return _metrics(
        report,
        several,
        f"{formatting.capital(task)}, every cutoff: the model against the naive baseline",
    )


def backtested(report: Report) -> Listing:
    """Each cutoff in a row: the model and, in brackets, the naive baseline; then how often the
    intervals held.
    """
    table, money = ranking_curves.contests(report.evidence, ALGORITHMS), report.currency
    known = set(table.select("task", "metric").iter_rows())
    pairs = [
        (task, metric)
        for task, names in PROOFS.items()
        for metric in names
        if (task, metric) in known
    ]
    beside = {
        (row["cutoff_day"], row["task"], row["metric"]): row for row in table.iter_rows(named=True)
    }
    own = report.evidence.filter(pl.col("model") == INTERVAL)
    covered = {
        (row["cutoff_day"], row["metric"]): row["value"] for row in own.iter_rows(named=True)
    }
    held = own["metric"].unique(maintain_order=True).to_list()

    def cell(day: int, task: str, metric: str) -> str:
        row = beside.get((day, task, metric))
        if row is None:
            return formatting.NONE
        mine, naive = (
            formatting.metric(metric, row[name], money) for name in ("value", "baseline_value")
        )
        return f"{mine} ({naive})"

    rows = (
        (
            formatting.day(day),
            *(cell(day, task, metric) for task, metric in pairs),
            *(formatting.percent(covered.get((day, metric)), 0) for metric in held),
        )
        for day in table["cutoff_day"].unique().sort()
    )
    named = (
        f"{formatting.capital(task)}: {formatting.metric_label(metric)}" for task, metric in pairs
    )
    columns = (
        "Cutoff",
        *named,
        *(f"In the {metric.removeprefix('coverage_')}% interval" for metric in held),
    )
    return _listing("Every cutoff: the model and, in brackets, the naive baseline", columns, rows)


def _metrics(report: Report, table: pl.DataFrame, caption: str) -> Listing:
    rows = (
        (
            row["cutoff"],
            formatting.metric_label(row["metric"]),
            formatting.METRICS[row["metric"]].better if row["metric"] in formatting.METRICS else "",
            _with_interval(row["metric"], row, "", report.currency),
            _with_interval(row["metric"], row, "baseline_", report.currency),
            "yes" if row["wins"] else "no",
        )
        for row in table.iter_rows(named=True)
    )
    names = formatting.listing(
        [formatting.baseline(name) for name in table["baseline"].unique(maintain_order=True)]
    )
    columns = (
        "Cutoff",
        "Metric",
        "Better is",
        "Model",
        f"Naive baseline ({names})" if names else "Naive baseline",
        "Wins",
    )
    return _listing(caption, columns, rows, n_words=3)


def audit(report: Report) -> Listing:
    """Every question of the audit with its answer."""
    asked = (report.summary.get("audit") or {}).get("suspicions", [])
    rows = (
        (
            row["question"],
            formatting.listing([name.replace("-", " ") for name in row["found"]])
            or "nothing found",
        )
        for row in asked
    )
    return _listing("What the audit asked", ("Question", "Answer"), rows, n_words=2)


def candidates(report: Report) -> Listing:
    """Every algorithm that was compared: the mean of each metric over the cutoffs."""
    table = report.evidence.filter(pl.col("model").is_in(ALGORITHMS))
    means = table.group_by("task", "model", "metric", maintain_order=True).agg(
        pl.col("value").mean()
    )
    rows = (
        (
            task,
            formatting.algorithm(model),
            formatting.metric_label(metric),
            formatting.metric(metric, value, report.currency),
        )
        for task, model, metric, value in means.iter_rows()
    )
    return _listing(
        "Algorithms compared, mean over the cutoffs",
        ("Task", "Algorithm", "Metric", "Mean"),
        rows,
        n_words=3,
    )


def ranking(report: Report) -> Listing:
    """How well leavers are ranked, per cutoff and model."""
    rows = (
        (
            formatting.day(row["cutoff_day"]),
            row["model"],
            formatting.count(row["customers"]),
            formatting.percent(row["left"]),
            formatting.decimal(row["area"]),
            formatting.decimal(row["average_precision"]),
        )
        for row in ranking_curves.ranking(report.steps).iter_rows(named=True)
    )
    columns = ("Cutoff", "Ranked by", "Customers", "Left", "ROC-AUC", "Average precision")
    return _listing("Ranking of leavers", columns, rows, n_words=2)


def calibration(report: Report) -> Listing:
    """Predicted against actual churn, per bin of probability."""
    rows = (
        (
            f"{10 * row['bin']}% to {10 * row['bin'] + 10}%",
            formatting.count(row["customers"]),
            formatting.percent(row["predicted"]),
            formatting.percent(row["actual"]),
            f"{formatting.percent(row['low'])} to {formatting.percent(row['high'])}",
        )
        for row in ranking_curves.reliability(report.predictions).iter_rows(named=True)
    )
    columns = ("Probability", "Customers", "Predicted", "Left", "95% interval")
    return _listing("Predicted and actual churn", columns, rows)


def gains(report: Report) -> Listing:
    """What the customers ranked highest hold."""
    table = ranking_curves.gains(report.steps)
    parts = {"churn": "leavers", "value": "revenue"}
    found = {
        task: table.filter(pl.col("task") == task)
        for task in parts
        if task in table["task"].to_list()
    }
    rows = (
        (
            f"top {formatting.percent(share, 0)}",
            *(
                formatting.percent(value)
                for part in found.values()
                for value in ranking_curves.caught(part, share)
            ),
        )
        for share in (0.05, 0.1, 0.2, 0.3, 0.5)
    )
    columns = [
        f"{formatting.capital(parts[task])}, {model}"
        for task in found
        for model in ("model", "baseline")
    ]
    return _listing(
        "Share found in the customers ranked highest",
        ("Customers", *columns),
        rows if found else (),
    )


def promises(report: Report) -> Listing:
    """Predicted against realised revenue, and how often the 80 % interval held, by tenth of
    predicted revenue.
    """
    money = report.currency
    rows = (
        (
            formatting.day(row["cutoff_day"]),
            formatting.count(row["tenth"]),
            formatting.count(row["customers"]),
            *(formatting.money(row[name], money) for name in ("predicted", "actual", "baseline")),
            formatting.percent(row["idle"], 0),
            formatting.percent(row["held_80"], 0),
            formatting.money(row["width_80"], money),
        )
        for row in tenths(report.predictions).iter_rows(named=True)
    )
    columns = (
        "Cutoff",
        "Tenth",
        "Customers",
        "Expected",
        "Came",
        "Naive baseline",
        "Brought nothing",
        "In the 80% interval",
        "Its width",
    )
    return _listing(
        "Expected and realised revenue per customer, by tenth of expected revenue", columns, rows
    )


def tiers(report: Report) -> Listing:
    """Where the value tiers begin and from which score their risk is high."""
    table = ranking_curves.tiers(report.scores)
    rows = (
        (
            row["value_tier"],
            formatting.count(row["customers"]),
            formatting.money(row["from_revenue"], report.currency),
            formatting.decimal(row["risk"], 2),
        )
        for row in table.iter_rows(named=True)
    )
    return _listing(
        "Value tiers", ("Tier", "Customers", "Expected revenue from", "High risk from score"), rows
    )


def importance(report: Report, task: str) -> Listing:
    """Every feature's weight and direction."""
    mine = report.importance.filter(pl.col("task") == task).sort(
        "relative", "feature", descending=[True, False]
    )
    ways = ranking_curves.ways(report.contributions, task, mine["feature"].to_list())
    rows = (
        (formatting.feature(name), way, formatting.percent(relative))
        for name, way, relative in zip(mine["feature"], ways["way"], mine["relative"], strict=True)
    )
    columns = ("Feature", "Direction", "Share of the strongest")
    return _listing(f"What moves the {task} model", columns, rows, n_words=2)


def dependence(report: Report, task: str) -> Listing:
    """Mean effect of the strongest features in groups of rising value."""
    rows = (
        (formatting.feature(name), formatting.count(n), f"{value:,.4g}", f"{effect:+,.4g}")
        for name in ranking_curves.strongest(report.importance, task, 4)
        for value, effect, n in ranking_curves.trend(
            ranking_curves.dependence(report.contributions, task, name)
        )
        .select("value", "contribution", "customers")
        .iter_rows()
    )
    columns = ("Feature", "Customers", "Mean value", "Mean effect on the raw score")
    return _listing(f"Effect on the {task} model by value", columns, rows)


def roles(report: Report) -> Listing:
    """Which features matter for churn, for value, for both."""
    table = ranking_curves.roles(report.importance)
    rows = (
        (formatting.feature(name), role, formatting.percent(churn, 0), formatting.percent(value, 0))
        for name, churn, value, role in table.iter_rows()
    )
    return _listing(
        "Features across the models", ("Feature", "Matters for", "Churn", "Value"), rows, n_words=2
    )


def riskiest(report: Report, n: int = 20) -> Listing:
    """The customers of the highest risk score, with their strongest reasons for leaving in
    words.
    """
    least = report.scores["risk_score"].top_k(min(n, report.scores.height)).min()
    top = riskiest_first(report.scores.filter(pl.col("risk_score") >= least)).head(n)
    said = report.reasons.filter(
        (pl.col("task") == "churn") & pl.col("customer_id").is_in(top["customer_id"].to_list())
    )
    said = said.filter(pl.col("contribution") > 0).sort("customer_id", "rank")
    sentences = dict(said.group_by("customer_id").agg(pl.col("sentence").head(3)).iter_rows())
    rows = (
        (
            row["customer_id"],
            row["segment"],
            "\n".join(map(formatting.capital, sentences.get(row["customer_id"], [])))
            or "Not explained",
            formatting.percent(row["churn_probability"]),
            formatting.money(row["expected_revenue"], report.currency),
            formatting.decimal(row["risk_score"]),
        )
        for row in top.iter_rows(named=True)
    )
    columns = ("Customer", "Segment", "Why", "Churn probability", "Expected revenue", "Risk score")
    return _listing(f"The {top.height} riskiest customers", columns, rows, n_words=3)


def set_aside(report: Report) -> Listing:
    """Why rows were not used, with counts, per source."""
    rows = (
        (source, reason, formatting.count(n))
        for source, reasons in (report.summary.get("reasons") or {}).items()
        for reason, n in sorted(reasons.items(), key=lambda item: -item[1])
    )
    return _listing("Rows not used", ("Source", "Reason", "Rows"), rows, n_words=2)


def seconds(report: Report) -> Listing:
    """How long each step took."""
    rows = ((step, f"{took:.2f}") for step, took in (report.summary.get("seconds") or {}).items())
    return _listing("Seconds per step", ("Step", "Seconds"), rows)


def versions(report: Report) -> Listing:
    """What the run was made with."""
    return _listing("Versions", ("Library", "Version"), sorted(report.versions.items()), n_words=2)


def proof(report: Report) -> Listing:
    """How good each model proved beside the naive baseline, in the figures that a manager needs."""
    tasks = {task: report.summary.get(task) or {} for task in PROOFS}
    was_folded = any(found.get("cross_validated") for found in tasks.values())
    rows = (
        _proof(tasks[task], task, name, report.currency, was_folded=was_folded)
        for task, names in PROOFS.items()
        for name in names
        if tasks[task].get(name) is not None
    )
    columns = (
        "Prediction",
        "Measure",
        "Model",
        *(["Cross-validated"] if was_folded else []),
        "Naive baseline",
        "Better is",
    )
    return _listing("How good the predictions proved", columns, rows, n_words=2)


def _proof(
    found: Mapping[str, Any], task: str, name: str, currency: str, *, was_folded: bool
) -> Row:
    metric = formatting.METRICS[name]
    naive, folded = (
        (found.get(source) or {}).get(name) for source in ("baseline", "cross_validated")
    )
    return (
        formatting.capital(task),
        f"{metric.label}: {metric.meaning}",
        formatting.metric(name, found[name], currency),
        *([formatting.metric(name, folded, currency)] if was_folded else []),
        formatting.metric(name, naive, currency),
        metric.better,
    )


def cross_validated(report: Report) -> Listing:
    """The means over the folds of a snapshot, where there was a cross-validation."""
    rows = (
        (task, formatting.metric_label(name), formatting.metric(name, value, report.currency))
        for task in ("churn", "value")
        for name, value in ((report.summary.get(task) or {}).get("cross_validated") or {}).items()
        if isinstance(value, float)
    )
    return _listing(
        "Cross-validation, mean over the folds", ("Task", "Metric", "Mean"), rows, n_words=2
    )
