"""Fit: the models of a study, with the naive baselines beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import polars as pl

from holdfast.errors import NotEnoughData
from holdfast.evaluation.evidence import TaskName
from holdfast.features.catalogue import sources_of
from holdfast.findings import Finding
from holdfast.models.baselines import Baseline, RecencyRank, TrailingSpend
from holdfast.models.churn import ChurnModel, fit_churn
from holdfast.models.constant_models import churned_alike, earns_nothing, no_value, same_churn
from holdfast.models.horizon_chain import HorizonModel, Past, fit_horizons
from holdfast.models.level_adjustment import Today, livelier, money_over, towards
from holdfast.models.purchase_counts import fit_spend_law
from holdfast.models.purchase_counts.btyd_revenue import INPUTS
from holdfast.models.seasonality import YEAR_DAYS, a_year_before
from holdfast.models.training_set import Examples, examples
from holdfast.models.value import FittedValue, ValueModel, fit_value
from holdfast.study import Study
from holdfast.training.training_data import History, counts_at, horizon_of, promotions_at

Model = ChurnModel | ValueModel


@dataclass(frozen=True)
class Learnt:
    """One task's model and baseline, as known at one cutoff.

    Attributes
    ----------
    usual, today
        Of churn whose level the laws of buying tell: the model at the level of the windows learnt
        from, and of whom they tell it.
    """

    model: Model
    baseline: Baseline
    findings: tuple[Finding, ...] = ()
    value: FittedValue | None = None
    usual: ChurnModel | None = None
    today: Today | None = None


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
        return _churn(study, history, found, now=now)
    value = _value(study, history, found, now=now)
    return Learnt(value.model, TrailingSpend(found.horizon_days), value.findings, value)


def _churn(study: Study, history: History, found: Examples, *, now: int) -> Learnt:
    days = found.frame["days_since_last_purchase"].cast(pl.Float64).to_numpy()
    reach = float(found.horizon_days / found.window.mean())
    baseline = RecencyRank.fit(days, found.churned.astype(np.float64), reach=reach)
    if churned_alike(found):
        alike, findings = same_churn(found)
        return Learnt(alike, baseline, findings)
    churn, findings = fit_churn(found, study.churn, seed=study.seed)
    today = _today(study, history, found.cutoffs, now=now)
    if today is None:
        return Learnt(churn, baseline, findings)
    levelled = churn.at_level(today)
    told = _level_by_law(
        float(churn.predict(today.frame).mean()), float(levelled.predict(today.frame).mean())
    )
    return Learnt(levelled, baseline, (*findings, told), usual=churn, today=today)


def _today(study: Study, history: History, cutoffs: Sequence[int], *, now: int) -> Today | None:
    """Whom the laws of buying tell the level for; None where the windows learnt from tell it."""
    frame = history.features.filter(pl.col("cutoff_day") == now)
    if not study.churn.calibrate or a_year_before(cutoffs, now) or frame.is_empty():
        return None
    return Today(frame, counts_at(study, history, now=now)[0])


def _value(study: Study, history: History, found: Examples, *, now: int) -> FittedValue:
    if earns_nothing(found):
        return no_value(found)
    value = fit_value(found, study.value, first_day=history.first_day, now=now, seed=study.seed)
    frame = history.features.filter(pl.col("cutoff_day") == now)
    if (
        value.outlook is None
        or frame.is_empty()
        or not _money_by_law(found, first_day=history.first_day, now=now)
    ):
        return value
    assert found.purchases is not None
    try:
        law, _ = fit_spend_law(
            found.purchases,
            now=now,
            horizon_days=found.horizon_days,
            first_day=history.first_day,
            seed=study.seed,
        )
    except NotEnoughData:
        # All orders are worth the same: a law of their worth has nothing to learn from.
        return value
    factor = towards(1.0, money_over(value.model, law, frame))
    return replace(
        value, model=livelier(value.model, factor), findings=(*value.findings, _money_level(factor))
    )


def _money_by_law(found: Examples, *, first_day: int, now: int) -> bool:
    """Whether the log shows a year of a business that is older than it, but no window of the season
    to come.
    """
    return (
        found.turnover is not None
        and found.turnover.opens_midway
        and found.purchases is not None
        and set(INPUTS) <= set(found.columns)
        and not found.promotions.revenue.windows
        and now - first_day >= YEAR_DAYS
        and not a_year_before(found.cutoffs, now)
    )


def _money_level(factor: float) -> Finding:
    return Finding.note(
        "value-level-by-law",
        evidence="the business is older than its log, and no window a year before the coming one "
        f"was learnt from: expected revenue is put at {factor:.2f} times what those learnt from "
        "would suggest, by the laws of buying",
        meaning="Who brings more than whom is learnt; how much all of them bring is mostly what "
        "the laws tell.",
        fix="Nothing; a log that is a few months longer tells the season itself.",
    )


def _level_by_law(learnt: float, told: float) -> Finding:
    return Finding.note(
        "churn-level-by-law",
        evidence="no window a year before the coming one was learnt from: at the level of those "
        f"that were, {learnt:.1%} of the customers would churn, and most of the way to what the "
        f"laws of buying tell {told:.1%}",
        meaning="Who is likelier to churn than whom is learnt; how many will, in all, is mostly "
        "what the laws tell.",
        fix="Nothing; a log that is a year longer tells the season itself.",
    )


def tasks_of(study: Study) -> tuple[TaskName, ...]:
    """Churn, and value where the log knows amounts."""
    return ("churn", "value") if "amounts" in sources_of(study) else ("churn",)


def fit_log(
    study: Study,
    history: History,
    *,
    now: int,
    learnt: Mapping[TaskName, Learnt] = MappingProxyType({}),
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
    found = {
        task: learnt.get(task) or learn(study, task, history, now=now) for task in tasks_of(study)
    }
    value = found["value"].value if "value" in found else None

    churn, today = found["churn"].model, found["churn"].today
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
    usual = found["churn"].usual or churn
    horizons, said = fit_horizons(past, study.all_horizons, churn=usual, value=value)
    if today is not None:
        horizons = horizons.at_level(churn, today)
    return Fitted(
        models={task: learnt.model for task, learnt in found.items()},
        horizons=horizons,
        findings=(
            *(finding for learnt in found.values() for finding in learnt.findings),
            *said,
            *promotions.findings,
        ),
    )
