"""Backtest: at each test cutoff, fit what could have been known, predict, and hold it against what
happened.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.errors import NotEnoughData
from holdfast.evaluation.evidence import (
    CHAMPION,
    Evidence,
    Forecast,
    TaskName,
    evidence_of,
    horizon_evidence_of,
    predictions_of,
)
from holdfast.findings import Finding
from holdfast.io.warehouse import Warehouse
from holdfast.models.baselines import Baseline, RecencyRank, TrailingSpend
from holdfast.models.churn import ChurnModel
from holdfast.models.prediction_intervals import Spread
from holdfast.models.training_set import learning_cutoffs
from holdfast.models.value import ValueModel
from holdfast.study import Study
from holdfast.training.fit import Learnt, fit_log, learn, tasks_of
from holdfast.training.training_data import History, horizon_of, proving_cutoffs, read_history
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
        history = read_history(
            study, warehouse, first_day=first_day, end_day=end_day, cutoffs=cutoffs
        )
    forecasts, findings = [], []
    learnt: dict[int, dict[TaskName, Learnt]] = defaultdict(dict)
    tests: tuple[int, ...] = ()
    for task in tasks_of(study):
        tests = proving_cutoffs(study, task, first_day=first_day, end_day=end_day, asked=cutoffs)
        if not tests:
            findings.append(_unproved(study, task, history))
        for cutoff in tests:
            if on_progress:
                on_progress(f"{task} at {date_of(cutoff)}")
            learnt[cutoff][task] = found = learn(study, task, history, now=cutoff)
            forecasts.append(forecast_at(study, task, history, cutoff, learnt=found))
            findings.extend(found.findings)
    by_horizon: dict[int, list[Forecast]] = {days: [] for days in study.all_horizons}
    # Of the last task, value if there is one: its cutoffs lie a horizon apart, further than those
    # of churn.
    for cutoff in tests:
        if on_progress:
            on_progress(f"every horizon at {date_of(cutoff)}")
        # What cannot be fitted at a cutoff is not proved there: such a horizon has no row.
        with suppress(NotEnoughData):
            for days, told in forecasts_by_horizon(
                study, history, cutoff, learnt=learnt[cutoff]
            ).items():
                by_horizon[days] += told
    return Evidence(
        evidence=evidence_of(forecasts, threshold=study.churn.threshold, seed=study.seed),
        predictions=predictions_of(forecasts),
        horizon_evidence=horizon_evidence_of(by_horizon, seed=study.seed),
        findings=tuple({finding.name: finding for finding in findings}.values()),
    )


def forecast_at(
    study: Study, task: TaskName, history: History, cutoff: int, *, learnt: Learnt
) -> Forecast:
    """Predict the eligible customers of a cutoff, and look up what they did."""
    frame, truth = observed(study, task, history, cutoff)
    said = {
        CHAMPION: learnt.model.predict(frame),
        learnt.baseline.name: learnt.baseline.predict(frame),
    }
    spread = learnt.model.spread_of(frame) if isinstance(learnt.model, ValueModel) else None
    return Forecast(
        task=task,
        cutoff_day=cutoff,
        customer_id=frame["customer_id"],
        truth=truth,
        said=said,
        spread=spread,
    )


def forecasts_by_horizon(
    study: Study, history: History, cutoff: int, *, learnt: Mapping[TaskName, Learnt]
) -> dict[int, list[Forecast]]:
    """What a run at this cutoff would have said of every horizon whose window has ended since, and
    what came.

    Parameters
    ----------
    learnt
        What was learnt at the cutoff before.

    Raises
    ------
    NotEnoughData
        Churn or value cannot be learnt at the cutoff.
    """
    fitted = fit_log(study, history, now=cutoff, learnt=learnt)
    churn, value, models = fitted.models["churn"], fitted.models.get("value"), fitted.horizons
    assert isinstance(churn, ChurnModel)
    assert models is not None
    frame = history.features.filter(pl.col("cutoff_day") == cutoff)
    silent = models.silent(churn, frame, churn.predict(frame))
    earned: Mapping[int, Vector] = {}
    spread: Mapping[int, Spread] = {}
    if isinstance(value, ValueModel):
        earned = models.earned(value, frame, value.predict(frame))
        spread = models.spread(value, frame, silent)
    found: dict[int, list[Forecast]] = {}
    for days in (days for days in study.all_horizons if cutoff + days <= history.end_day):
        told: dict[TaskName, tuple[Vector, Baseline, Spread | None]]
        told = {"churn": (silent[days], _recency_rank(study, history, days, cutoff), None)}
        if days in earned:
            told["value"] = earned[days], TrailingSpend(days), spread.get(days)
        found[days] = []
        for task, (said, naive, bounds) in told.items():
            same, truth = observed(study, task, history, cutoff, horizon_days=days)
            found[days].append(
                Forecast(
                    task=task,
                    cutoff_day=cutoff,
                    customer_id=same["customer_id"],
                    truth=truth,
                    said={CHAMPION: said, naive.name: naive.predict(same)},
                    spread=bounds,
                )
            )
    return found


def _recency_rank(study: Study, history: History, horizon_days: int, now: int) -> RecencyRank:
    """Silence over a horizon by recency alone, learnt from the churn task's cutoffs.

    Where no window of the horizon has ended by then, from the longest that has.
    """
    cutoffs = learning_cutoffs(
        study, horizon_days=study.churn.horizon_days, first_day=history.first_day, now=now
    )
    ended = history.labels.filter(
        pl.col("cutoff_day").is_in(cutoffs),
        pl.col("horizon_days") <= horizon_days,
        pl.col("cutoff_day") + pl.col("horizon_days") <= now,
    )
    longest = ended.filter(pl.col("horizon_days") == pl.col("horizon_days").max())
    seen = history.features.join(longest, on=["customer_id", "cutoff_day"])
    days, silent = (
        seen[name].cast(pl.Float64).to_numpy() for name in ("days_since_last_purchase", "churned")
    )
    return RecencyRank.fit(days, silent, reach=horizon_days / int(seen["horizon_days"][0]))


def observed(
    study: Study, task: TaskName, history: History, cutoff: int, *, horizon_days: int | None = None
) -> tuple[pl.DataFrame, Vector]:
    """The features of a cutoff's customers, and what they did over a horizon, by default the
    task's: (n_customers,).
    """
    days = horizon_days or horizon_of(study, task)
    labels = history.labels.filter(pl.col("cutoff_day") == cutoff, pl.col("horizon_days") == days)
    frame = history.features.filter(pl.col("cutoff_day") == cutoff).join(
        labels, on=["customer_id", "cutoff_day"], how="inner", maintain_order="left"
    )
    truth = (
        pl.col("churned")
        if task == "churn"
        else pl.col("future_revenue_minor") / 10**study.minor_digits
    )
    return frame, np.asarray(
        frame.select(truth.cast(pl.Float64)).to_series().to_numpy(), dtype=np.float64
    )


def _unproved(study: Study, task: TaskName, history: History) -> Finding:
    horizon = horizon_of(study, task)
    return Finding.warning(
        f"{task}-not-backtested",
        evidence=f"the log covers {history.end_day - history.first_day} days: no cutoff has a "
        f"complete window of {horizon} days after it and anything to learn from before it",
        meaning=f"Nothing proves the {task} predictions.",
        fix=f"use a longer log, or set {task}.horizon_days below {horizon}",
    )
