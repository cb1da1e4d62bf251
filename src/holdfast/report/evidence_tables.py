"""The tables of evidence: how good the predictions proved, beside what, and at which cutoffs."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from holdfast.evaluation.evidence import CHAMPION, INTERVAL
from holdfast.report import formatting, ranking_curves
from holdfast.report.ranking_curves import by_horizon, tenths
from holdfast.report.report_data import Report
from holdfast.report.table_columns import COLUMNS, Col
from holdfast.report.table_format import Table, make_table
from holdfast.study import ALGORITHMS

PROOFS = {
    "churn": ("roc_auc", "brier", "ece"),
    "value": ("spearman", "tweedie_deviance", "wape", "total_error"),
}

COMPARED = {
    "churn": ["roc_auc", "average_precision", "brier", "log_loss"],
    "value": "wape tweedie_deviance spearman total_ratio coverage_80 coverage_95".split(),
}


def metrics(report: Report, task: str) -> Table:
    """The model beside the naive baseline: the means over all test cutoffs with their range, of
    a single one with its 95 % interval.
    """
    contests = ranking_curves.contests(report.evidence).filter(task=task)
    cutoffs = contests["cutoff_day"].n_unique()
    if cutoffs < 2:
        return _contests(report, contests, formatting.capital(task))
    figures = report.summary.get(task) or {}
    next_one = figures.get("expected") or {}
    verdicts = figures.get("against_baseline") or {}
    rows = [
        {
            **row,
            "verdict": (verdicts.get(row["metric"]) or {}).get("verdict"),
            **dict(zip(("next_low", "next_high"), next_one.get(row["metric"], ()), strict=False)),
        }
        for row in ranking_curves.average(contests).iter_rows(named=True)
    ]
    caption = f"{formatting.capital(task)}, mean over {formatting.plural(cutoffs, 'test cutoff')}"
    expected = Col("next_low", "Next time, 9 of 10", "metric", "{next_low} to {next_high}")
    columns = (_MODEL, expected, _baseline(contests, "{baseline_value}"), "verdict")
    return make_table(
        f"{caption}, with range", rows, "metric better", *columns, currency=report.currency
    )


def all_metrics(report: Report, task: str) -> Table:
    """The same at every cutoff, with 95 % intervals; without rows where there is only one."""
    contests = ranking_curves.contests(report.evidence).filter(task=task)
    several = contests if contests["cutoff_day"].n_unique() > 1 else contests.clear()
    return _contests(report, several, f"{formatting.capital(task)}, every cutoff")


_MODEL = Col("value", "Model", "metric", "{value} ({low} to {high})")


def _baseline(contests: pl.DataFrame, pattern: str) -> Col:
    names = contests["baseline"].unique(maintain_order=True).to_list()
    naive = f" ({formatting.listing(list(map(formatting.baseline, names)))})" if names else ""
    return Col("baseline_value", f"Naive baseline{naive}", "metric", pattern)


def _contests(report: Report, contests: pl.DataFrame, what: str) -> Table:
    baseline = _baseline(contests, "{baseline_value} ({baseline_low} to {baseline_high})")
    caption = f"{what}: the model against the naive baseline"
    columns = ("cutoff metric better", _MODEL, baseline, "verdict")
    return make_table(caption, contests, *columns, currency=report.currency)


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
    return make_table("What was asked", rows)


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
    names = "probability customers predicted actual interval_95 gap"
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
    """How good each model proved beside the naive baseline, in the figures that a manager needs:
    means over all test cutoffs, with their range.
    """
    rows = [
        _proof_row(task, metric, summary[task])
        for task, metrics in PROOFS.items()
        for metric in metrics
        if (summary.get(task) or {}).get(metric) is not None
    ]
    was_folded = any(row["cross_validated"] is not None for row in rows)
    folded = ["cross_validated:metric"] if was_folded else []
    model = Col("model", "Model", "metric", "{model} ({low} to {high})")
    naive = Col("naive_baseline", "Naive rule", "metric")
    tests = {task: len((summary.get(task) or {}).get("test_cutoffs") or ()) for task in PROOFS}
    n = formatting.listing(sorted({str(n) for n in tests.values() if n}))
    several = f": mean and range of {n} tests" if max(tests.values()) > 1 else ""
    caption = f"How good the predictions proved, beside a naive rule{several}"
    return make_table(caption, rows, "measure", model, *folded, naive, "verdict", currency=currency)


def _proof_row(task: str, metric: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    described = formatting.METRICS[metric]
    low, high = (figures.get("range") or {}).get(metric, (None, None))
    verdict = (figures.get("against_baseline") or {}).get(metric) or {}
    return {
        "measure": f"{formatting.capital(task)}, {described.label}: {described.meaning}",
        "metric": metric,
        "model": figures[metric],
        "low": low if low != high else None,
        "high": high,
        "cross_validated": (figures.get("cross_validated") or {}).get(metric),
        "naive_baseline": (figures.get("baseline") or {}).get(metric),
        "verdict": verdict.get("verdict"),
    }


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
    named = rows.with_columns(pl.col("model").replace(CHAMPION, "model"))
    models = named.pivot("metric", index="model", values=["value", "half"])
    columns = [
        replace(COLUMNS[name], pattern=f"{{value_{name}}} ±{{half_{name}}}")
        for name in COMPARED[task]
        if name in rows["metric"]
    ]
    caption = f"{formatting.capital(task)}, {formatting.day(day)}"
    return make_table(caption, models, "model", *columns, currency=currency)
