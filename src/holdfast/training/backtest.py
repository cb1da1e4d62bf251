"""Backtest: at each test cutoff, fit what could have been known, predict, and hold it against what
happened.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

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
from holdfast.evaluation.verdict import judge
from holdfast.findings import Finding
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.models.baselines import Baseline, RecencyRank, TrailingSpend
from holdfast.models.prediction_intervals import Intervals
from holdfast.models.training_set import TrainingData, learning_cutoffs
from holdfast.models.value_fitting import FittedValue
from holdfast.progress import Listener, Silence, Steps
from holdfast.study import Study
from holdfast.training.fit import (
    FittedChurn,
    FittedTask,
    fit_horizon_chain,
    fit_task,
    tasks_of,
)
from holdfast.training.training_data import horizon_of, proving_cutoffs, read_training_data

_FOLDS_AT_ONCE = 2
"""More of them would take more memory."""


class OnFold(Protocol):
    """Is told of each fold that begins: what it is, and how many of all are behind."""

    def __call__(self, what: str, *, done: int, total: int) -> None:
        """Hear of it."""


class _Folds(Silence):
    """Counts the folds of a proof, and tells of each that begins and of what goes on in it."""

    def __init__(self, tests: Mapping[TaskName, Sequence[int]], tell: OnFold | None) -> None:
        # The horizons are proved at the cutoffs of the last task.
        of_horizons = list(tests.values())[-1] if tests else ()
        self._cutoffs: dict[str, Sequence[int]] = {"every horizon": of_horizons}
        self._cutoffs |= {str(task): cutoffs for task, cutoffs in tests.items()}
        self._tell, self._text = tell, ""
        self._ended: list[tuple[str, int]] = []
        self._stopped = False

    def stop(self) -> None:
        """Let no other fold begin, because one of them failed or the user has enough."""
        self._stopped = True

    @contextmanager
    def __call__(self, what: str, cutoff: int) -> Iterator[None]:
        """Tell that a task's cutoff begins; it ends well where `with` does."""
        if self._stopped:
            raise CancelledError
        cutoffs = self._cutoffs[what]
        self._text = f"{what}, cutoff {cutoffs.index(cutoff) + 1} of {len(cutoffs)}"
        self._say(self._text)
        yield
        self._ended.append((what, cutoff))

    def advance(self, step: str, what: str, *, done: int, total: int) -> None:
        """Tell what goes on in the fold."""
        self._say(f"{self._text}, {what}")

    def _say(self, text: str) -> None:
        if self._tell:
            total = sum(map(len, self._cutoffs.values()))
            self._tell(text, done=len(self._ended), total=total)


def backtest(
    study: Study, *, cutoffs: Sequence[int] | None = None, listener: Listener | None = None
) -> Evidence:
    """Prove a study's models on later cutoffs, without publishing anything.

    Parameters
    ----------
    cutoffs
        Test cutoffs, days since 1970-01-01, instead of the study's.

    Raises
    ------
    StudyError
        The study is a snapshot, which has no time to prove on.
    """
    steps = Steps(listener or Silence())
    with scratch_warehouse() as warehouse:
        with steps("Read the sources") as step:
            log = read_order_log(study, warehouse)
            step.detail = log.size
        with steps("Backtest on later data") as step:
            data = read_training_data(
                study, warehouse, first_day=log.first_day, end_day=log.end_day, cutoffs=cutoffs
            )
            return backtest_data(study, data, cutoffs=cutoffs, on_progress=step.advance)


@contextmanager
def scratch_warehouse() -> Iterator[Warehouse]:
    """A warehouse in a scratch folder of its own."""
    with TemporaryDirectory(prefix="holdfast-") as folder, Warehouse(Path(folder)) as warehouse:
        yield warehouse


def backtest_data(
    study: Study,
    data: TrainingData,
    *,
    cutoffs: Sequence[int] | None = None,
    on_progress: OnFold | None = None,
) -> Evidence:
    """Prove the study on time that its models have not seen.

    Parameters
    ----------
    data
        As `read_training_data` built it for the same cutoffs.
    cutoffs
        Test cutoffs, instead of the study's.
    on_progress
        Is told of each fold that begins.
    """
    tests = {
        task: proving_cutoffs(
            study, task, first_day=data.first_day, end_day=data.end_day, cutoffs=cutoffs
        )
        for task in tasks_of(study)
    }
    folds = _Folds(tests, on_progress)
    prove = partial(_prove_at, study, replace(data, listener=folds), tests, folds)
    wanted = sorted({cutoff for of_task in tests.values() for cutoff in of_task})
    with ThreadPoolExecutor(1 if study.asks_for_sequence else _FOLDS_AT_ONCE) as pool:
        try:
            proved = dict(zip(wanted, pool.map(prove, wanted), strict=True))
        except BaseException:
            folds.stop()
            raise
    forecasts = [proved[cutoff].forecasts[task] for task, each in tests.items() for cutoff in each]
    by_horizon = {
        days: [each for cutoff in wanted for each in proved[cutoff].by_horizon.get(days, ())]
        for days in study.all_horizons
    }
    predictions = predictions_of(forecasts)
    return Evidence(
        evidence=evidence_of(forecasts, threshold=study.churn.threshold, seed=study.seed),
        predictions=predictions,
        verdicts=judge(predictions, seed=study.seed),
        horizon_evidence=horizon_evidence_of(by_horizon, seed=study.seed),
        findings=_findings_of(study, data, tests, proved),
    )


@dataclass(frozen=True)
class _Fold:
    """What was fitted at a cutoff, what it predicts, and what came."""

    fitted: Mapping[TaskName, FittedTask]
    forecasts: Mapping[TaskName, Forecast]
    by_horizon: Mapping[int, Sequence[Forecast]]


def _prove_at(
    study: Study,
    data: TrainingData,
    tests: Mapping[TaskName, Sequence[int]],
    folds: _Folds,
    cutoff: int,
) -> _Fold:
    """Prove the tasks that are tested at a cutoff, and every horizon where the last of them is:
    value if there is one, whose cutoffs lie a horizon apart, further than those of churn.
    """
    fitted: dict[TaskName, FittedTask] = {}
    forecasts: dict[TaskName, Forecast] = {}
    by_horizon: Mapping[int, Sequence[Forecast]] = {}
    for task in (task for task, of_task in tests.items() if cutoff in of_task):
        with folds(task, cutoff):
            fitted[task] = fit_task(study, task, data, now=cutoff)
            forecasts[task] = forecast_at(study, task, data, cutoff, fitted=fitted[task])
    if cutoff in list(tests.values())[-1]:
        # What cannot be fitted at a cutoff is not proved there: such a horizon has no row.
        with folds("every horizon", cutoff), suppress(NotEnoughData):
            by_horizon = forecasts_by_horizon(study, data, cutoff, fitted=fitted)
    return _Fold(fitted, forecasts, by_horizon)


def _findings_of(
    study: Study,
    data: TrainingData,
    tests: Mapping[TaskName, Sequence[int]],
    proved: Mapping[int, _Fold],
) -> tuple[Finding, ...]:
    """One finding of a name, the latest."""
    findings: dict[str, Finding] = {}
    for task, cutoffs in tests.items():
        if not cutoffs:
            days, horizon = data.end_day - data.first_day, horizon_of(study, task)
            unproved = Finding.of("{task}-not-backtested", task=task, days=days, horizon=horizon)
            findings[unproved.name] = unproved
        for cutoff in cutoffs:
            findings |= {each.name: each for each in proved[cutoff].fitted[task].findings}
    return tuple(findings.values())


def forecast_at(
    study: Study, task: TaskName, data: TrainingData, cutoff: int, *, fitted: FittedTask
) -> Forecast:
    """Predict the eligible customers of a cutoff, and look up what they did."""
    frame, truth = observe(study, task, data, cutoff)
    predicted, intervals = fitted.model.predict(frame), None
    if isinstance(fitted, FittedValue):
        intervals = fitted.model.intervals_of(frame, predicted)
    return _forecast(task, cutoff, frame, truth, predicted, fitted.baseline, intervals)


def _forecast(
    task: TaskName,
    cutoff: int,
    frame: pl.DataFrame,
    truth: Vector,
    predicted: Vector,
    baseline: Baseline,
    intervals: Intervals | None,
) -> Forecast:
    return Forecast(
        task=task,
        cutoff_day=cutoff,
        customer_id=frame["customer_id"],
        truth=truth,
        predicted={CHAMPION: predicted, baseline.name: baseline.predict(frame)},
        intervals=intervals,
    )


def forecasts_by_horizon(
    study: Study, data: TrainingData, cutoff: int, *, fitted: Mapping[TaskName, FittedTask]
) -> dict[int, list[Forecast]]:
    """What a run at this cutoff would have predicted over every horizon whose window has ended
    since, and what came.

    Parameters
    ----------
    fitted
        What was fitted at the cutoff before; other tasks are fitted here.

    Raises
    ------
    NotEnoughData
        Churn or value cannot be learnt at the cutoff.
    """
    tasks = {
        task: fitted.get(task) or fit_task(study, task, data, now=cutoff)
        for task in tasks_of(study)
    }
    churn, value = tasks["churn"], tasks.get("value")
    assert isinstance(churn, FittedChurn)
    assert value is None or isinstance(value, FittedValue)
    horizons, _ = fit_horizon_chain(study, data, churn, value, now=cutoff)
    frame = data.customers_at(cutoff)
    silent = horizons.silent(churn.model, frame, churn.model.predict(frame))
    earned: Mapping[int, Vector] = {}
    intervals: Mapping[int, Intervals] = {}
    if value is not None:
        earned = horizons.predict_revenue(value.model, frame, value.model.predict(frame))
        intervals = horizons.intervals_of(value.model, frame, silent, earned)
    forecasts: dict[int, list[Forecast]] = {}
    for days in (days for days in study.all_horizons if cutoff + days <= data.end_day):
        rank = _recency_rank(study, data, days, cutoff)
        rows = observe(study, "churn", data, cutoff, horizon_days=days)
        forecasts[days] = [_forecast("churn", cutoff, *rows, silent[days], rank, None)]
        if days in earned:
            rows, spend = (
                observe(study, "value", data, cutoff, horizon_days=days),
                TrailingSpend(days),
            )
            forecasts[days].append(
                _forecast("value", cutoff, *rows, earned[days], spend, intervals.get(days))
            )
    return forecasts


def _recency_rank(study: Study, data: TrainingData, horizon_days: int, now: int) -> RecencyRank:
    """Silence over a horizon by recency alone, learnt from the churn task's cutoffs.

    Where no window of the horizon has ended by then, from the longest that has.
    """
    cutoffs = learning_cutoffs(
        study, horizon_days=study.churn.horizon_days, first_day=data.first_day, now=now
    )
    ended = data.labels_by(now).filter(
        pl.col("cutoff_day").is_in(cutoffs), pl.col("horizon_days") <= horizon_days
    )
    longest = ended.filter(pl.col("horizon_days") == pl.col("horizon_days").max())
    seen = data.features.join(longest, on=["customer_id", "cutoff_day"])
    days, silent = (
        seen[name].cast(pl.Float64).to_numpy() for name in ("days_since_last_purchase", "churned")
    )
    return RecencyRank.fit(days, silent, reach=horizon_days / int(seen["horizon_days"][0]))


def observe(
    study: Study,
    task: TaskName,
    data: TrainingData,
    cutoff: int,
    *,
    horizon_days: int | None = None,
) -> tuple[pl.DataFrame, Vector]:
    """The features of a cutoff's customers, and what they did over a horizon, by default the
    task's: (n_customers,).
    """
    days = horizon_days or horizon_of(study, task)
    labels = data.labels.filter(pl.col("cutoff_day") == cutoff, pl.col("horizon_days") == days)
    frame = data.customers_at(cutoff).join(
        labels, on=["customer_id", "cutoff_day"], how="inner", maintain_order="left"
    )
    money = pl.col("future_revenue_minor") / 10**study.minor_digits
    truth = pl.col("churned") if task == "churn" else money
    return frame, np.asarray(
        frame.select(truth.cast(pl.Float64)).to_series().to_numpy(), dtype=np.float64
    )
