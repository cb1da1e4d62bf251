"""Fit: the models of a study as known at one cutoff, with the naive baselines beside them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from holdfast.evaluation.evidence import TaskName
from holdfast.features.catalogue import sources_of
from holdfast.findings import Finding
from holdfast.learners.design import Design
from holdfast.models.baselines import (
    RECENCY,
    RecencyRank,
    RecencyRule,
    TrailingSpend,
    TrailingSpendRule,
)
from holdfast.models.churn import ChurnModel, fit_churn
from holdfast.models.constant_models import fit_no_value, fit_same_churn
from holdfast.models.fitted_models import FittedModels
from holdfast.models.horizon_chain import HorizonModel
from holdfast.models.horizon_fitting import fit_horizons
from holdfast.models.prediction_intervals import IntervalModel
from holdfast.models.purchase_counts import fit_btyd_silence
from holdfast.models.purchase_counts.btyd_forecast import HISTORY
from holdfast.models.training_set import TrainingData, TrainingSet, training_set_at
from holdfast.models.value import ValueModel
from holdfast.models.value_fitting import FittedValue, fit_value
from holdfast.study import Study
from holdfast.training.sequence_pool import join_churn, join_value
from holdfast.training.training_data import counts_at, horizon_of, promotions_at


@dataclass(frozen=True)
class FittedChurn:
    """What was learnt of churn at one cutoff.

    Attributes
    ----------
    learnt
        The learnt member at the level of the windows learnt from, without the BTYD models.
    silence
        Horizon -> the share of the customers that the BTYD models expect not to buy; empty where
        the learnt member stands alone.
    """

    model: ChurnModel
    baseline: RecencyRank
    findings: tuple[Finding, ...]
    learnt: ChurnModel
    silence: Mapping[int, float] = field(default_factory=dict)


FittedTask = FittedChurn | FittedValue


def fit_task(study: Study, task: TaskName, data: TrainingData, *, now: int) -> FittedTask:
    """Fit one task on what was known at `now`.

    Raises
    ------
    NotEnoughData
        Nothing can be learnt by then.
    """
    return (_fit_churn if task == "churn" else _fit_value)(study, data, now)


def fit_models(
    study: Study, data: TrainingData, *, now: int, by_rule: Collection[TaskName] = ()
) -> FittedModels:
    """Fit the models that score customers at `now`, on every window that had ended by then.

    Parameters
    ----------
    by_rule
        Tasks whose model proved worse than the naive baseline, which is put in its place.

    Raises
    ------
    NotEnoughData
        Nothing can be learnt by then.
    """
    churn = (_churn_by_rule if "churn" in by_rule else _fit_churn)(study, data, now)
    fit_one = _value_by_rule if "value" in by_rule else _fit_value
    value = fit_one(study, data, now) if "value" in tasks_of(study) else None
    horizons, extrapolated = fit_horizon_chain(study, data, churn, value, now=now)
    counts, counted = counts_at(study, data, now=now)
    promotions = promotions_at(study, data, now=now)
    return FittedModels(
        churn=churn.model,
        value=value.model if value else None,
        horizons=horizons,
        counts=counts,
        promotions=promotions,
        findings=(
            *churn.findings,
            *(value.findings if value else ()),
            *extrapolated,
            *promotions.findings,
            *counted,
        ),
    )


def fit_horizon_chain(
    study: Study, data: TrainingData, churn: FittedChurn, value: FittedValue | None, *, now: int
) -> tuple[HorizonModel, tuple[Finding, ...]]:
    """Link every other horizon to the tasks' own, at the level of churn's."""
    promotions = promotions_at(study, data, now=now)
    horizons, findings = fit_horizons(
        study, data, promotions, churn=churn.learnt, value=value, now=now
    )
    if churn.silence:
        horizons = horizons.at_level(churn.model, data.customers_at(now), churn.silence)
    return horizons, findings


def tasks_of(study: Study) -> tuple[TaskName, ...]:
    """Churn, and value where the log knows amounts."""
    return ("churn", "value") if "amounts" in sources_of(study) else ("churn",)


def _training_set(study: Study, task: TaskName, data: TrainingData, now: int) -> TrainingSet:
    promotions = promotions_at(study, data, now=now)
    horizon_days = horizon_of(study, task)
    return training_set_at(study, data, horizon_days=horizon_days, now=now, promotions=promotions)


def _churn_by_rule(study: Study, data: TrainingData, now: int) -> FittedChurn:
    """Publish the naive baseline: decision 36."""
    training = _training_set(study, "churn", data, now)
    baseline = _recency_rank(training)
    design = Design.learn(training.frame, columns=training.columns)
    rule = RecencyRule.of(baseline, design, training.frame)
    model = ChurnModel(design, rule, None, training.horizon_days)
    return FittedChurn(model, baseline, (Finding.of("churn-by-rule"),), learnt=model)


def _value_by_rule(study: Study, data: TrainingData, now: int) -> FittedValue:
    """Publish the naive baseline, with intervals of its own: decision 36."""
    training = _training_set(study, "value", data, now)
    design = Design.learn(training.frame, columns=training.columns)
    spend, rank = TrailingSpend(training.horizon_days), _recency_rank(training)
    rule = TrailingSpendRule.of(spend, rank, design, training.frame)
    intervals = IntervalModel.fit(
        1 - rank.predict(training.frame),
        spend.predict(training.frame),
        training.revenue * training.horizon_days / training.window,
        (~training.churned).astype(np.float64),
    )
    model = ValueModel(design, rule, horizon_days=training.horizon_days, intervals=intervals)
    return FittedValue(model, findings=(Finding.of("value-by-rule"),))


def _recency_rank(training: TrainingSet) -> RecencyRank:
    silent_days = training.frame[RECENCY].cast(pl.Float64).to_numpy()
    reach = float(training.horizon_days / training.window.mean())
    return RecencyRank.fit(silent_days, training.churned.astype(np.float64), reach=reach)


def _fit_churn(study: Study, data: TrainingData, now: int) -> FittedChurn:
    training = _training_set(study, "churn", data, now)
    baseline = _recency_rank(training)
    if training.situation.all_alike:
        model, findings = fit_same_churn(training)
        return FittedChurn(model, baseline, findings, learnt=model)
    learnt, findings = fit_churn(training, study.churn.of_table, seed=study.seed)
    today = data.customers_at(now)
    fitted = FittedChurn(learnt, baseline, findings, learnt=learnt)
    if today.is_empty():
        return fitted
    if study.churn.calibrate and set(HISTORY) <= set(training.columns):
        fitted = _pool_btyd(study, data, training, fitted, today)
    if not study.churn.asks_for_sequence:
        return fitted
    model, more = join_churn(study, data, training, fitted.model, today)
    return replace(fitted, model=model, findings=(*findings, *more))


def _pool_btyd(
    study: Study,
    data: TrainingData,
    training: TrainingSet,
    fitted: FittedChurn,
    today: pl.DataFrame,
) -> FittedChurn:
    now = training.now
    counts, _ = counts_at(study, data, now=now)
    btyd = fit_btyd_silence(counts, today, horizon_days=training.horizon_days, now=now)
    silence = {days: float(btyd.silent(today, days).mean()) for days in study.all_horizons}
    share = silence[training.horizon_days]
    model = fitted.learnt.at_level(today, share, training.situation.level_trust)
    member = btyd if study.churn.pool_btyd else None
    return replace(fitted, model=replace(model, btyd=member), silence=silence)


def _fit_value(study: Study, data: TrainingData, now: int) -> FittedValue:
    training = _training_set(study, "value", data, now)
    if training.situation.earns_nothing:
        return fit_no_value(training)
    counts, _ = counts_at(study, data, now=now)
    today = data.customers_at(now)
    settings = study.value.of_table
    fitted = fit_value(training, settings, counts=counts, today=today, seed=study.seed)
    if not study.value.asks_for_sequence or today.is_empty():
        return fitted
    model, more = join_value(study, data, training, fitted.model, today)
    return replace(fitted, model=model, findings=(*fitted.findings, *more))
