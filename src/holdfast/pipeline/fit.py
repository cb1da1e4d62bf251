"""Fit: the models of a study, with the naive baselines beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl

from holdfast.evaluation.backtest import TaskName
from holdfast.features.catalogue import sources_of
from holdfast.findings import Finding
from holdfast.models.alike import churned_alike, earns_nothing, no_value, same_churn
from holdfast.models.baseline import Baseline, RecencyRank, TrailingSpend
from holdfast.models.churn import ChurnModel, fit_churn
from holdfast.models.examples import examples
from holdfast.models.horizons import HorizonModel, Past, fit_horizons
from holdfast.models.value import FittedValue, ValueModel, fit_value
from holdfast.pipeline.history import History, horizon_of, promotions_at
from holdfast.study import Study

Model = ChurnModel | ValueModel


@dataclass(frozen=True)
class Learnt:
    """One task's model and baseline, as known at one cutoff."""

    model: Model
    baseline: Baseline
    findings: tuple[Finding, ...] = ()
    value: FittedValue | None = None


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The models of a study.

    Attributes
    ----------
    models
        "churn" and, where something was earned, "value".
    horizons
        What the other horizons add; None for a snapshot.
    """

    models: dict[TaskName, Model]
    horizons: HorizonModel | None = None
    findings: tuple[Finding, ...]


def learn(study: Study, task: TaskName, history: History, *, now: int) -> Learnt:
    """Fit one task on what was known at `now`.

    Raises
    ------
    NotEnoughData
        Nothing can be learnt by then.
    """
    found = examples(
        study,
        history.features,
        history.labels,
        horizon_days=horizon_of(study, task),
        first_day=history.first_day,
        now=now,
        purchases=history.purchases,
        promotions=promotions_at(study, history, now=now),
    )
    if task == "churn":
        churn, findings = same_churn(found) if churned_alike(found) else fit_churn(found, study.churn, seed=study.seed)
        days = found.frame["days_since_last_purchase"].cast(pl.Float64).to_numpy()
        reach = float(found.horizon_days / found.window.mean())
        baseline = RecencyRank.fit(days, found.churned.astype(np.float64), reach=reach)
        return Learnt(churn, baseline, findings)
    value = (
        no_value(found)
        if earns_nothing(found)
        else fit_value(found, study.value, first_day=history.first_day, now=now, seed=study.seed)
    )
    return Learnt(value.model, TrailingSpend(found.horizon_days), value.findings, value)


def tasks_of(study: Study) -> tuple[TaskName, ...]:
    """Churn, and value where the log knows amounts."""
    return ("churn", "value") if "amounts" in sources_of(study) else ("churn",)


def fit_log(
    study: Study, history: History, *, now: int, learnt: Mapping[TaskName, Learnt] = MappingProxyType({})
) -> Fitted:
    """Fit the models that score customers at `now`, on every window that had ended by then.

    Parameters
    ----------
    learnt
        What was learnt at `now` before; other tasks are learnt here.

    Raises
    ------
    NotEnoughData
        Nothing can be learnt by then.
    """
    found = {task: learnt.get(task) or learn(study, task, history, now=now) for task in tasks_of(study)}
    value = found["value"].value if "value" in found else None

    churn = found["churn"].model
    assert isinstance(churn, ChurnModel)
    promotions = promotions_at(study, history, now=now)
    past = Past(
        features=history.features,
        labels=history.labels.filter(pl.col("cutoff_day") + pl.col("horizon_days") <= now),
        now=now,
        minor_digits=study.minor_digits,
        seed=study.seed,
        promotions=promotions,
    )
    horizons, said = fit_horizons(past, study.all_horizons, churn=churn, value=value)
    return Fitted(
        models={task: learnt.model for task, learnt in found.items()},
        horizons=horizons,
        findings=(*(finding for learnt in found.values() for finding in learnt.findings), *said, *promotions.findings),
    )
