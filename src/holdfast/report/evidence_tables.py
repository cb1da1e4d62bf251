"""The tables of evidence: how good the predictions proved, beside what, and at which cutoffs."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from holdfast.evaluation.evidence import INTERVAL
from holdfast.report import formatting, ranking_curves
from holdfast.report.ranking_curves import by_horizon, tenths
from holdfast.report.report_data import Report
from holdfast.report.table_columns import COLUMNS, Col
from holdfast.report.table_format import Table, make_table
from holdfast.study import ALGORITHMS

PROOFS = {"churn": ("roc_auc", "brier"), "value": ("wape", "spearman", "total_ratio")}

COMPARED = {
    "churn": ["roc_auc", "average_precision", "brier", "log_loss"],
    "value": ["wape", "spearman", "total_ratio", "coverage_80", "coverage_95"],
}


def metrics(report: Report, task: str) -> Table:
    """The champion beside the naive baseline at the last cutoff that has figures, with 95 %
    intervals.
    """
    contests = ranking_curves.contests(report.evidence).filter(task=task)
    last = contests.filter(pl.col("cutoff_day") == pl.col("cutoff_day").max())
    when = f" at the last cutoff, {last['cutoff'][0]}" if last.height < contests.height else ""
    return _contests(report, last, f"{formatting.capital(task)}{when}")


def all_metrics(report: Report, task: str) -> Table:
    """The same at every cutoff; without rows where there is only one."""
    contests = ranking_curves.contests(report.evidence).filter(task=task)
    several = contests if contests["cutoff_day"].n_unique() > 1 else contests.clear()
    return _contests(report, several, f"{formatting.capital(task)}, every cutoff")


def _contests(report: Report, contests: pl.DataFrame, what: str) -> Table:
    names = contests["baseline"].unique(maintain_order=True).to_list()
    naive = f" ({formatting.listing(list(map(formatting.baseline, names)))})" if names else ""
    interval = "{baseline_value} ({baseline_low} to {baseline_high})"
    model = Col("value", "Model", "metric", "{value} ({low} to {high})")
    baseline = Col("baseline_value", f"Naive baseline{naive}", "metric", interval)
    caption, money = f"{what}: the model against the naive baseline", report.currency
    return make_table(
        caption, contests, "cutoff metric better", model, baseline, "wins", currency=money
    )


def every_cutoff(report: Report) -> Table:
    """Each cutoff in a row: the model and, in brackets, the naive baseline; then how often the
    intervals held.
    """
    named = pl.format("{} {}", "task", "metric")
    contests = ranking_curves.contests(report.evidence).with_columns(name=named)
    both = contests.pivot("name", index="cutoff_day", values=["value", "baseline_value"])
    held = report.evidence.filter(model=INTERVAL)
    shares = held.pivot("metric", index="cutoff_day", values="value")
    rows = both.join(shares, on="cutoff_day", how="left", maintain_order="left")
    shown = [(task, metric) for task, names in PROOFS.items() for metric in names]
    columns = [_beside_naive(*pair) for pair in shown if " ".join(pair) in contests["name"]]
    coverage = shares.columns[1:] if contests.height else ()
    caption = "Every cutoff: the model and, in brackets, the naive baseline"
    return make_table(caption, rows, "cutoff_day", *columns, *coverage, currency=report.currency)


def _beside_naive(task: str, metric: str) -> Col:
    """A metric of the model with, in brackets, that of the naive baseline."""
    name, described = f"{task} {metric}", formatting.METRICS[metric]
    heading = f"{formatting.capital(task)}: {described.label}"
    return Col(name, heading, described.unit, f"{{value_{name}}} ({{baseline_value_{name}}})")


def audit_answers(suspicions: Iterable[Mapping[str, Any]]) -> Table:
    """Every question of an audit with its answer, from the audit's plain values."""
    rows = [
        {
            "question": row["question"],
            "answer": [name.replace("-", " ") for name in row["found"]] or "nothing found",
        }
        for row in suspicions
    ]
    return make_table("What the audit asked", rows)


def candidates(report: Report) -> Table:
    """Every algorithm that was compared: the mean of each metric over the cutoffs."""
    compared = report.evidence.filter(pl.col("model").is_in(ALGORITHMS))
    means = compared.group_by("task", "metric", algorithm="model", maintain_order=True).agg(
        mean=pl.col("value").mean()
    )
    names = "task algorithm metric mean:metric"
    caption = "Algorithms compared, mean over the cutoffs"
    return make_table(caption, means, names, currency=report.currency)


def calibration(predictions: pl.DataFrame) -> Table:
    """Predicted against actual churn, per bin of probability."""
    bins = ranking_curves.reliability(predictions)
    percent = pl.format("{}% to {}%", 10 * pl.col("bin"), 10 * pl.col("bin") + 10)
    names = "probability customers predicted actual interval_95"
    return make_table("Predicted and actual churn", bins.with_columns(probability=percent), names)


def gains(steps: pl.DataFrame) -> Table:
    """What the customers ranked highest hold, of `ranking_curves.cumulative`."""
    holds = {"churn": "leavers", "value": "revenue"}
    whose = dict(zip(ranking_curves.NAMES, ("model", "baseline"), strict=True))
    curves = ranking_curves.gains(steps).with_columns(
        name=pl.format("{}_{}", pl.col("task").replace(holds), pl.col("model").replace(whose)),
        half_percents=(200 * pl.col("x")).round().cast(pl.Int32),
    )
    shown = curves.filter(pl.col("half_percents").is_in([10, 20, 40, 60, 100]))
    rows = shown.pivot("name", index="half_percents", values="y").with_columns(
        customers=pl.format("top {}%", pl.col("half_percents") // 2)
    )
    columns = [
        f"{holds[task]}_{each}:percent"
        for task in curves["task"].unique(maintain_order=True)
        for each in whose.values()
    ]
    return make_table("Share found in the customers ranked highest", rows, "customers", *columns)


def revenue_by_tenth(predictions: pl.DataFrame, *, currency: str) -> Table:
    """Predicted against actual revenue, and how often the 80 % interval held, by tenth of predicted
    revenue.
    """
    rows = tenths(predictions)
    caption = "Revenue per customer, by tenth of predicted revenue"
    names = "tenth customers predicted:money actual:money baseline:money idle held_80 width_80"
    if rows["cutoff_day"].n_unique() == 1:
        caption = f"{caption}, {formatting.day(rows['cutoff_day'][0])}"
    else:
        names = f"cutoff_day {names}"
    return make_table(caption, rows, names, currency=currency)


def proof(summary: Mapping[str, Any], *, currency: str) -> Table:
    """How good each model proved beside the naive baseline, in the figures that a manager needs."""
    tasks = {task: summary.get(task) or {} for task in PROOFS}
    rows = [
        {
            "task": formatting.capital(task),
            "measure": f"{formatting.METRICS[metric].label}: {formatting.METRICS[metric].meaning}",
            "metric": metric,
            "model": tasks[task][metric],
            "cross_validated": (tasks[task].get("cross_validated") or {}).get(metric),
            "naive_baseline": (tasks[task].get("baseline") or {}).get(metric),
            "better": formatting.METRICS[metric].better,
        }
        for task, metrics in PROOFS.items()
        for metric in metrics
        if tasks[task].get(metric) is not None
    ]
    was_folded = any(figures.get("cross_validated") for figures in tasks.values())
    folded = "cross_validated:metric" if was_folded else ""
    names = f"task measure model:metric {folded} naive_baseline:metric better"
    return make_table("How good the predictions proved", rows, names, currency=currency)


def cross_validation(report: Report) -> Table:
    """The means over the folds of a snapshot, where there was a cross-validation."""
    rows = [
        {"task": task, "metric": metric, "mean": value}
        for task in PROOFS
        for metric, value in ((report.summary.get(task) or {}).get("cross_validated") or {}).items()
        if isinstance(value, float)
    ]
    caption = "Cross-validation, mean over the folds"
    return make_table(caption, rows, "task metric mean:metric", currency=report.currency)


def horizon_proof(
    horizon_evidence: pl.DataFrame,
    *,
    currency: str,
    metrics: str = "roc_auc brier wape total_ratio",
) -> Table:
    """Every horizon at every cutoff whose window has ended: the model and, in brackets, the naive
    baseline.
    """
    caption = "Every horizon: the model and, in brackets, the naive baseline"
    names = f"horizon_days cutoff_day {metrics} coverage_80 coverage_95"
    return make_table(caption, by_horizon(horizon_evidence), names, currency=currency)


def model_comparisons(evidence: pl.DataFrame, *, currency: str) -> list[Table]:
    """A table for each task and cutoff: every model that was measured, with half the width of the
    95 % interval of each metric.
    """
    half = (pl.col("high") - pl.col("low")) / 2
    groups = evidence.with_columns(half=half).group_by("task", "cutoff_day", maintain_order=True)
    return [_measured_models(str(task), day, rows, currency) for (task, day), rows in groups]


def _measured_models(task: str, day: Any, rows: pl.DataFrame, currency: str) -> Table:
    models = rows.pivot("metric", index="model", values=["value", "half"])
    columns = [
        replace(COLUMNS[name], pattern=f"{{value_{name}}} ±{{half_{name}}}")
        for name in COMPARED[task]
        if name in rows["metric"]
    ]
    caption = f"{formatting.capital(task)}, {formatting.day(day)}"
    return make_table(caption, models, "model", *columns, currency=currency)
