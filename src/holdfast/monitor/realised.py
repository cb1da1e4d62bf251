"""Realised performance: what runs once published said of customers, held against what these did
since, horizon by horizon as their windows end; the shortest ends first.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from holdfast import metrics
from holdfast.arrays import Vector
from holdfast.metrics import Interval, Metric, intervals
from holdfast.monitor.expected import expect_brier, expect_roc_auc
from holdfast.tables import REALISED

_KEYS = ("run_id", "cutoff_day", "horizon_days")
_COVERED = {"coverage_80": 0.8, "coverage_95": 0.95}
_CHURN: Mapping[str, Metric] = {
    "roc_auc": metrics.roc_auc,
    "brier": metrics.brier,
    "ece": metrics.ece,
    # What was observed, whatever was predicted: the mean of its second argument is the truth's.
    "churn_rate": lambda truth, score, weight: metrics.mean(score, truth, weight),
}
_VALUE: Mapping[str, Metric] = {
    "wape": metrics.wape,
    "spearman": metrics.spearman,
    "total_ratio": metrics.total_ratio,
}
Figures = Iterator[tuple[str, str, Interval, float | None]]


def measure_realised(predictions: pl.DataFrame, labels: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Hold predictions of past runs against what came.

    Parameters
    ----------
    predictions
        One row per run, customer and horizon: run_id, cutoff_day and columns of HORIZONS.
    labels
        One row per customer, cutoff and horizon whose window has ended: churned, and
        future_revenue, in currency. A customer may have no row.

    Returns
    -------
    polars.DataFrame
        REALISED; `expected` is what each figure would be if the predictions held.
    """
    matured = predictions.join(labels, on=["customer_id", "cutoff_day", "horizon_days"])
    rows = [
        (*key, rows.height, task, metric, figure.value, figure.low, figure.high, expected)
        for key, rows in matured.sort(*_KEYS, "customer_id").group_by(_KEYS, maintain_order=True)
        for task, metric, figure, expected in (*_churn(rows, seed), *_value(rows, seed))
    ]
    return REALISED.check(pl.DataFrame(rows, schema=REALISED.schema, orient="row"))


def _churn(rows: pl.DataFrame, seed: int) -> Figures:
    truth, score = _floats(rows, "churned"), _floats(rows, "churn_probability")
    expected = {
        "roc_auc": expect_roc_auc(score),
        "brier": expect_brier(score),
        "churn_rate": float(score.mean()),
    }
    for name, figure in intervals(_CHURN, truth, score, seed=seed).items():
        if np.isfinite(figure.value):
            yield "churn", name, figure, expected.get(name)


def _value(rows: pl.DataFrame, seed: int) -> Figures:
    priced = rows.drop_nulls(["expected_revenue", "future_revenue"])
    if priced.is_empty() or not (priced["future_revenue"] != 0).any():
        return
    truth, score = _floats(priced, "future_revenue"), _floats(priced, "expected_revenue")
    for name, figure in intervals(_VALUE, truth, score, seed=seed).items():
        if np.isfinite(figure.value):
            yield "value", name, figure, 1.0 if name == "total_ratio" else None
    bounded = priced.drop_nulls(["low_80", "high_80", "low_95", "high_95"])
    for name, expected in _COVERED.items() if bounded.height else ():
        low, high = (_floats(bounded, name.replace("coverage", end)) for end in ("low", "high"))
        truth = _floats(bounded, "future_revenue")
        held = ((truth >= low) & (truth <= high)).astype(np.float64)
        share = intervals({name: metrics.mean}, truth, held, seed=seed)[name]
        yield "value", name, share, expected


def _floats(rows: pl.DataFrame, name: str) -> Vector:
    return np.asarray(rows[name].cast(pl.Float64).to_numpy(), dtype=np.float64)
