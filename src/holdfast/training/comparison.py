"""Compare: six algorithms for each task on the same folds, each with its own bootstrap
intervals.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from holdfast.errors import MissingExtra
from holdfast.evaluation.evidence import CHAMPION, Evidence, Forecast, TaskName, evidence_of
from holdfast.findings import Finding
from holdfast.ingest.order_log import OrderLog
from holdfast.ingest.snapshot import Snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.tables import PREDICTIONS
from holdfast.training.backtest import forecast_at
from holdfast.training.fit import learn, tasks_of
from holdfast.training.fit_snapshot import prove
from holdfast.training.training_data import History, proving_cutoffs, read_history

CANDIDATES: dict[TaskName, tuple[str, ...]] = {
    "churn": (
        "logistic",
        "random_forest",
        "hist_gradient_boosting",
        "xgboost",
        "lightgbm",
        "catboost",
    ),
    "value": (
        "ridge",
        "random_forest",
        "hist_gradient_boosting",
        "xgboost",
        "lightgbm",
        "catboost",
    ),
}


def compare_log(
    study: Study, got: OrderLog, warehouse: Warehouse, *, tasks: Sequence[TaskName]
) -> Evidence:
    """Compare the candidates at the study's test cutoffs, each learnt from what was known then."""
    history = read_history(study, warehouse, first_day=got.first_day, end_day=got.end_day)
    return _compared(
        study,
        [
            (task, partial(_at_cutoff, task=task, history=history, cutoff=cutoff))
            for task in tasks_of(study)
            if task in tasks
            for cutoff in proving_cutoffs(study, task, first_day=got.first_day, end_day=got.end_day)
        ],
    )


def _at_cutoff(study: Study, *, task: TaskName, history: History, cutoff: int) -> Forecast:
    return forecast_at(study, task, history, cutoff, learnt=learn(study, task, history, now=cutoff))


def compare_snapshot(study: Study, got: Snapshot, *, tasks: Sequence[TaskName]) -> Evidence:
    """Compare the candidates on the customers that the study holds out."""
    known = [task for task in tasks if task == "churn" or "value" in got.frame.columns]
    return _compared(
        study,
        [(task, partial(prove, task=task, frame=got.frame, columns=got.columns)) for task in known],
    )


def _compared(
    study: Study, folds: Sequence[tuple[TaskName, Callable[[Study], Forecast]]]
) -> Evidence:
    forecasts: list[Forecast] = []
    findings: dict[str, Finding] = {}
    for task, forecast_of in folds:
        found: dict[str, Forecast] = {}
        for name in CANDIDATES[task]:
            try:
                found[name] = forecast_of(_only(study, task, name))
            except MissingExtra as missing:
                findings[name] = _not_installed(name, missing)
        forecasts.append(_merged(found))
    return Evidence(
        evidence=evidence_of(forecasts, threshold=study.churn.threshold, seed=study.seed),
        predictions=PREDICTIONS.empty(),
        findings=tuple(findings.values()),
    )


def _merged(found: Mapping[str, Forecast]) -> Forecast:
    """One forecast with every candidate's predictions under its own name, then the baseline's."""
    one = next(iter(found.values()))
    candidates = {name: forecast.said[CHAMPION] for name, forecast in found.items()}
    said = candidates | {name: said for name, said in one.said.items() if name != CHAMPION}
    return replace(one, said=said, spread=None)


def _only(study: Study, task: TaskName, algorithm: str) -> Study:
    """The study with one algorithm; its parameters stay with the algorithm that they were written
    for.
    """
    settings = study.churn if task == "churn" else study.value
    parameters = settings.parameters if settings.algorithm == algorithm else {}
    return study.model_copy(
        update={
            task: settings.model_copy(update={"algorithm": algorithm, "parameters": parameters})
        }
    )


def _not_installed(name: str, missing: MissingExtra) -> Finding:
    return Finding.note(
        f"{name}-not-compared",
        evidence=f"{name} is not installed, so it was not compared",
        meaning="The comparison has fewer algorithms.",
        fix=missing.fix,
    )
