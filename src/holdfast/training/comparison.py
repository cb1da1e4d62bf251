"""Comparison: algorithms for each task on the same folds, each with its own bootstrap intervals; on
an order log also the pool that a network joins.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from holdfast.errors import InputError, MissingExtra, nearest
from holdfast.evaluation.evidence import CHAMPION, Evidence, Forecast, TaskName, evidence_of
from holdfast.findings import Finding
from holdfast.ingest.read import OrderLog, Snapshot, read_sources
from holdfast.io.warehouse import Warehouse
from holdfast.learners.algorithms import ALGORITHMS
from holdfast.models.training_set import TrainingData
from holdfast.progress import Listener, Silence, Steps
from holdfast.study import Study
from holdfast.tables import PREDICTIONS
from holdfast.training.backtest import forecast_at, scratch_warehouse
from holdfast.training.fit import fit_task, tasks_of
from holdfast.training.fit_snapshot import prove
from holdfast.training.training_data import TASKS, proving_cutoffs, read_training_data

Fold = tuple[TaskName, Callable[[Study], Forecast]]


def compare(study: Study, *, task: str | None = None, listener: Listener | None = None) -> Evidence:
    """Benchmark every algorithm on the same folds, without publishing anything.

    Parameters
    ----------
    task
        "churn" or "value"; None: both.

    Raises
    ------
    InputError
        There is no such task.
    """
    tasks = [name for name in TASKS if task in (None, name)]
    if not tasks:
        raise InputError(f"there is no task {task!r}", fix=nearest(str(task), TASKS))
    steps = Steps(listener or Silence())
    with scratch_warehouse() as warehouse:
        with steps("Read the sources") as step:
            data = read_sources(study, warehouse)
            step.detail = data.size
        with steps("Compare"):
            if isinstance(data, OrderLog):
                return _compare(study, _log_folds(study, data, warehouse, tasks))
            return _compare(study, _snapshot_folds(data, tasks))


def _log_folds(
    study: Study, log: OrderLog, warehouse: Warehouse, tasks: Sequence[TaskName]
) -> Iterator[Fold]:
    """The study's test cutoffs, each learnt from what was known then."""
    first, end = log.first_day, log.end_day
    data = read_training_data(study, warehouse, first_day=first, end_day=end, with_activity=True)
    for task in tasks_of(study):
        if task in tasks:
            for cutoff in proving_cutoffs(study, task, first_day=first, end_day=end):
                yield task, partial(_at_cutoff, task=task, data=data, cutoff=cutoff)


def _at_cutoff(study: Study, *, task: TaskName, data: TrainingData, cutoff: int) -> Forecast:
    return forecast_at(study, task, data, cutoff, fitted=fit_task(study, task, data, now=cutoff))


def _snapshot_folds(snapshot: Snapshot, tasks: Sequence[TaskName]) -> Iterator[Fold]:
    """The customers that the study holds out."""
    frame, columns = snapshot.frame, snapshot.columns
    for task in tasks:
        if task == "churn" or "value" in frame.columns:
            yield task, partial(prove, task=task, frame=frame, columns=columns)


def _compare(study: Study, folds: Iterator[Fold]) -> Evidence:
    forecasts: list[Forecast] = []
    findings: dict[str, Finding] = {}
    for task, forecast_of in folds:
        by_algorithm: dict[str, Forecast] = {}
        for name in _compared_algorithms(task, log=study.snapshot is None):
            try:
                by_algorithm[name] = forecast_of(_with_algorithm(study, task, name))
            except MissingExtra as missing:
                findings[name] = Finding.of(
                    "{algorithm}-not-compared", algorithm=name, install=missing.fix
                )
        forecasts.append(_merge(by_algorithm))
    return Evidence(
        evidence=evidence_of(forecasts, threshold=study.churn.threshold, seed=study.seed),
        predictions=PREDICTIONS.empty(),
        findings=tuple(findings.values()),
    )


def _merge(by_algorithm: Mapping[str, Forecast]) -> Forecast:
    """One forecast with every candidate's predictions under its own name, then the baseline's."""
    first = next(iter(by_algorithm.values()))
    candidates = {name: forecast.predicted[CHAMPION] for name, forecast in by_algorithm.items()}
    baselines = {name: each for name, each in first.predicted.items() if name != CHAMPION}
    return replace(first, predicted=candidates | baselines, intervals=None)


def _with_algorithm(study: Study, task: TaskName, algorithm: str) -> Study:
    """The study with one algorithm; its parameters stay with the algorithm that they were written
    for.
    """
    settings = study.churn if task == "churn" else study.value
    parameters = settings.parameters if settings.algorithm == algorithm else {}
    update = {"algorithm": algorithm, "parameters": parameters}
    return study.model_copy(update={task: settings.model_copy(update=update)})


def _compared_algorithms(task: TaskName, *, log: bool) -> list[str]:
    aim = "probability" if task == "churn" else "mean"
    return [
        each.name
        for each in ALGORITHMS.values()
        if each.compared and aim in each.aims and (log or not each.joins_pool)
    ]
