"""Evidence: what was predicted at a cutoff, held against what happened after it, beside the naive
baseline.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from holdfast import metrics
from holdfast.arrays import Vector
from holdfast.findings import Finding
from holdfast.metrics import Interval, Metric, intervals, paired_interval
from holdfast.models.prediction_intervals import Intervals
from holdfast.tables import EVIDENCE, HORIZON_EVIDENCE, PREDICTIONS

if TYPE_CHECKING:
    from holdfast.evaluation.verdict import Verdict

TaskName = Literal["churn", "value"]

CHAMPION = "champion"
DIFFERENCE = "champion minus baseline"
MEDIAN = "median"
INTERVAL = "interval"
NO_MODELS = (DIFFERENCE, MEDIAN, INTERVAL)
"""What EVIDENCE holds beside the champion, the candidates and the baselines."""
PREDICTED: Mapping[TaskName, tuple[str, str]] = {
    "churn": ("churn_probability", "churn_baseline"),
    "value": ("expected_revenue", "value_baseline"),
}
OBSERVED: Mapping[TaskName, str] = {"churn": "churned", "value": "future_revenue"}
_Row = tuple[int, str, str, str, float, float, float]
_BOUNDS = ("low_80", "high_80", "low_95", "high_95")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """How good predictions proved.

    Attributes
    ----------
    evidence, predictions, horizon_evidence
        By the contracts of the same names; the last one without rows for a snapshot, which knows no
        horizon.
    verdicts
        Task -> how the model stands beside the naive baseline over all cutoffs.
    """

    evidence: pl.DataFrame
    predictions: pl.DataFrame
    verdicts: "Mapping[TaskName, Verdict]" = field(default_factory=dict)
    horizon_evidence: pl.DataFrame = field(default_factory=HORIZON_EVIDENCE.empty)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The predictions of one task at one cutoff, and the truth that came.

    Attributes
    ----------
    truth
        1 or 0 for churned, or net revenue in currency, (n_customers,).
    predicted
        Model's name -> its predictions, (n_customers,): "champion" or algorithms, and a "baseline:
        ..." .
    intervals
        The champion's median and intervals of revenue, where it has them.
    """

    task: TaskName
    cutoff_day: int
    customer_id: pl.Series
    truth: Vector
    predicted: Mapping[str, Vector]
    intervals: Intervals | None = None


def churn_metrics(threshold: float) -> dict[str, Metric]:
    """The metrics of a probability of churn; a customer is flagged from `threshold` on."""

    def flag(metric: Metric) -> Metric:
        def of_flags(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
            return metric(truth, (score >= threshold).astype(np.float64), weight)

        return of_flags

    return {
        "roc_auc": metrics.roc_auc,
        "average_precision": metrics.average_precision,
        "brier": metrics.brier,
        "log_loss": metrics.log_loss,
        "ece": metrics.ece,
        "f1": flag(metrics.f1),
        "precision": flag(metrics.precision),
        "recall": flag(metrics.recall),
        "top_decile_lift": partial(metrics.lift, share=0.1),
    }


VALUE_METRICS: dict[str, Metric] = {
    "wape": metrics.wape,
    "spearman": metrics.spearman,
    "tweedie_deviance": metrics.tweedie_deviance,
    "total_ratio": metrics.total_ratio,
    "total_error": metrics.total_error,
    "top_decile_capture": partial(metrics.capture, share=0.1),
    "gini": metrics.normalised_gini,
    "r2": metrics.r2,
    "rmse": metrics.rmse,
    "mae": metrics.mae,
}

COMPARED: Mapping[TaskName, dict[str, Metric]] = {
    "churn": {"roc_auc": metrics.roc_auc, "brier": metrics.brier, "log_loss": metrics.log_loss},
    "value": {
        "spearman": metrics.spearman,
        "tweedie_deviance": metrics.tweedie_deviance,
        "wape": metrics.wape,
    },
}
_BY_HORIZON: Mapping[TaskName, dict[str, Metric]] = {
    "churn": {"roc_auc": metrics.roc_auc, "brier": metrics.brier},
    "value": {name: VALUE_METRICS[name] for name in ("wape", "spearman", "total_ratio")},
}


def metrics_of(task: TaskName, *, threshold: float) -> dict[str, Metric]:
    """The metrics of a task."""
    return churn_metrics(threshold) if task == "churn" else VALUE_METRICS


def evidence_of(forecasts: Sequence[Forecast], *, threshold: float, seed: int) -> pl.DataFrame:
    """The EVIDENCE table: every metric of every model, with its customer bootstrap."""
    rows = [
        row
        for forecast in forecasts
        for row in (
            *_figures(forecast, metrics_of(forecast.task, threshold=threshold), seed),
            *_differences(forecast, seed),
            *_interval_figures(forecast, seed),
        )
    ]
    return EVIDENCE.check(pl.DataFrame(rows, schema=EVIDENCE.schema, orient="row"))


def horizon_evidence_of(forecasts: Mapping[int, Sequence[Forecast]], *, seed: int) -> pl.DataFrame:
    """The HORIZON_EVIDENCE table: the proper scores, ranks and totals of each horizon's
    forecasts.
    """
    rows = [
        (days, *row)
        for days, of_horizon in forecasts.items()
        for forecast in of_horizon
        for row in (
            *_figures(forecast, _BY_HORIZON[forecast.task], seed),
            *_interval_figures(forecast, seed),
        )
    ]
    return HORIZON_EVIDENCE.check(pl.DataFrame(rows, schema=HORIZON_EVIDENCE.schema, orient="row"))


def _row(forecast: Forecast, model: str, metric: str, figure: Interval) -> _Row:
    ends = figure.value, figure.low, figure.high
    return forecast.cutoff_day, forecast.task, model, metric, *ends


def _figures(forecast: Forecast, wanted: Mapping[str, Metric], seed: int) -> Iterator[_Row]:
    for model, predicted in forecast.predicted.items():
        figures = intervals(wanted, forecast.truth, predicted, seed=seed)
        for metric, figure in figures.items():
            yield _row(forecast, model, metric, figure)


def _differences(forecast: Forecast, seed: int) -> Iterator[_Row]:
    """The champion's figures minus the baseline's, on the same draws of customers."""
    predicted, truth = forecast.predicted, forecast.truth
    naive = [each for name, each in predicted.items() if name.startswith("baseline")]
    if CHAMPION not in predicted or not naive:
        return
    for name, metric in COMPARED[forecast.task].items():
        figure = paired_interval(metric, truth, predicted[CHAMPION], naive[0], seed=seed)
        yield _row(forecast, DIFFERENCE, name, figure)


def _interval_figures(forecast: Forecast, seed: int) -> Iterator[_Row]:
    """The median by the rule of medians, the intervals by how often they held."""
    bounds, truth = forecast.intervals, forecast.truth
    if bounds is None:
        return
    by_median = {"wape": metrics.wape, "mae": metrics.mae}
    for name, figure in intervals(by_median, truth, bounds.median, seed=seed).items():
        yield _row(forecast, MEDIAN, name, figure)
    for percent in (80, 95):
        name, low, high = (f"{part}_{percent}" for part in ("coverage", "low", "high"))
        held = (truth >= getattr(bounds, low)) & (truth <= getattr(bounds, high))
        share = intervals({name: metrics.mean}, truth, held.astype(np.float64), seed=seed)[name]
        yield _row(forecast, INTERVAL, name, share)


def predictions_of(forecasts: Sequence[Forecast]) -> pl.DataFrame:
    """The PREDICTIONS table of the champion and the baseline: one row a customer and cutoff, empty
    where not asked.
    """
    tables = [_as_table(forecast) for forecast in forecasts]
    predictions = PREDICTIONS.empty()
    for column in OBSERVED.values():
        parts = [table for table in tables if column in table.columns]
        if parts:
            joined = pl.concat(parts, how="diagonal")
            predictions = predictions.drop(joined.columns[2:]).join(
                joined, on=["customer_id", "cutoff_day"], how="full", coalesce=True
            )
    return PREDICTIONS.check(
        predictions.select(PREDICTIONS.schema.names()).sort("cutoff_day", "customer_id")
    )


def _as_table(forecast: Forecast) -> pl.DataFrame:
    champion, baseline = PREDICTED[forecast.task]
    naive = next(each for name, each in forecast.predicted.items() if name != CHAMPION)
    truth = forecast.truth > 0 if forecast.task == "churn" else forecast.truth
    table = pl.DataFrame(
        {
            "customer_id": forecast.customer_id,
            "cutoff_day": np.full(len(truth), forecast.cutoff_day, dtype=np.int32),
            OBSERVED[forecast.task]: truth,
            champion: forecast.predicted[CHAMPION],
            baseline: naive,
        }
    )
    if forecast.intervals is not None:
        table = table.with_columns(
            median_revenue=forecast.intervals.median,
            **{f"revenue_{name}": getattr(forecast.intervals, name) for name in _BOUNDS},
        )
    return table.cast({name: PREDICTIONS.schema[name] for name in table.columns})


def means(forecasts: Sequence[Forecast], *, threshold: float) -> dict[str, float]:
    """Mean of the champion's figures over forecasts of one task, by metric."""
    wanted: Mapping[str, Callable[..., float]] = metrics_of(forecasts[0].task, threshold=threshold)
    return {
        name: float(np.mean([metric(each.truth, each.predicted[CHAMPION]) for each in forecasts]))
        for name, metric in wanted.items()
    }
