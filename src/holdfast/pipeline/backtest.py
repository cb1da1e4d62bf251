"""Backtest: at each test cutoff, fit what could have been known, predict, and hold it against what happened."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from holdfast.evaluation.backtest import CHAMPION, Evidence, Forecast, TaskName, evidence_of, predictions_of
from holdfast.findings import Finding
from holdfast.io.duckdb import Warehouse
from holdfast.models.links import Vector
from holdfast.models.value import ValueModel
from holdfast.pipeline.fit import learn, tasks_of
from holdfast.pipeline.history import History, horizon_of, proving_cutoffs, read_history
from holdfast.study import Study
from holdfast.windows import date_of

OnFold = Callable[[str], None]


def backtest(
    study: Study,
    warehouse: Warehouse,
    *,
    first_day: int,
    end_day: int,
    cutoffs: Sequence[int] | None = None,
    history: History | None = None,
    on_progress: OnFold | None = None,
) -> Evidence:
    """Prove the study on time that its models have not seen.

    Parameters
    ----------
    end_day
        First day after the log.
    cutoffs
        Test cutoffs, instead of the study's.
    history
        What `read_history` built for the same arguments, if it was built before.
    on_progress
        Told the task and date of each fold that begins.
    """
    if history is None:
        history = read_history(study, warehouse, first_day=first_day, end_day=end_day, cutoffs=cutoffs)
    forecasts, findings = [], []
    for task in tasks_of(study):
        tests = proving_cutoffs(study, task, first_day=first_day, end_day=end_day, asked=cutoffs)
        if not tests:
            findings.append(_unproved(study, task, history))
        for cutoff in tests:
            if on_progress:
                on_progress(f"{task} at {date_of(cutoff)}")
            forecast, said = forecast_at(study, task, history, cutoff)
            forecasts.append(forecast)
            findings.extend(said)
    return Evidence(
        evidence=evidence_of(forecasts, threshold=study.churn.threshold, seed=study.seed),
        predictions=predictions_of(forecasts),
        findings=tuple({finding.name: finding for finding in findings}.values()),
    )


def forecast_at(study: Study, task: TaskName, history: History, cutoff: int) -> tuple[Forecast, tuple[Finding, ...]]:
    """Fit at a cutoff, predict its eligible customers, and look up what they did."""
    learnt = learn(study, task, history, now=cutoff)
    frame, truth = observed(study, task, history, cutoff)
    said = {CHAMPION: learnt.model.predict(frame), learnt.baseline.name: learnt.baseline.predict(frame)}
    spread = learnt.model.spread_of(frame) if isinstance(learnt.model, ValueModel) else None
    forecast = Forecast(
        task=task, cutoff_day=cutoff, customer_id=frame["customer_id"], truth=truth, said=said, spread=spread
    )
    return forecast, learnt.findings


def observed(study: Study, task: TaskName, history: History, cutoff: int) -> tuple[pl.DataFrame, Vector]:
    """The features of a cutoff's customers, and what they did over the task's horizon: (n_customers,)."""
    labels = history.labels.filter(pl.col("cutoff_day") == cutoff, pl.col("horizon_days") == horizon_of(study, task))
    frame = history.features.filter(pl.col("cutoff_day") == cutoff).join(
        labels, on=["customer_id", "cutoff_day"], how="inner", maintain_order="left"
    )
    truth = pl.col("churned") if task == "churn" else pl.col("future_revenue_minor") / 10**study.minor_digits
    return frame, np.asarray(frame.select(truth.cast(pl.Float64)).to_series().to_numpy(), dtype=np.float64)


def _unproved(study: Study, task: TaskName, history: History) -> Finding:
    horizon = horizon_of(study, task)
    return Finding(
        name=f"{task}-not-backtested",
        severity="warning",
        evidence=f"the log covers {history.end_day - history.first_day} days: no cutoff has a complete window of "
        f"{horizon} days after it and anything to learn from before it",
        meaning=f"Nothing proves the {task} predictions.",
        fix=f"use a longer log, or set {task}.horizon_days below {horizon}",
    )
