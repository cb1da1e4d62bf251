"""Fit: what a run learns from a log or a snapshot, proved and audited, before anybody is scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from holdfast.audits.audit import (
    LOG_AUDITS,
    PROOF_AUDITS,
    TABLE_AUDITS,
    ask_before_learning,
    refuse_fatal,
)
from holdfast.audits.question import Answer, ask_all
from holdfast.audits.subjects import Log, Proof
from holdfast.audits.table import snapshot_table
from holdfast.campaigns.customer_margins import MarginRates, read_margin_rates, study_rate
from holdfast.errors import NotEnoughData, NotHonest, StudyError
from holdfast.evaluation.evidence import Evidence
from holdfast.features import feature_tables
from holdfast.findings import Finding
from holdfast.ingest.read import OrderLog, Snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.models.fitted_models import FittedModels
from holdfast.progress import Step, Steps, Within
from holdfast.quality.churn_window import read_churn_window, summarise_churn_window
from holdfast.quality.data_report import RUN_TOPICS, describe_log, find_in_log
from holdfast.quality.sufficiency import check_log, check_snapshot
from holdfast.runs.activity_tables import log_record
from holdfast.runs.challenge import Challenge, challenge
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.training.backtest import backtest_data
from holdfast.training.fit import fit_models
from holdfast.training.fit_snapshot import fit_snapshot
from holdfast.training.training_data import read_training_data
from holdfast.windows import date_of


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What was fitted, and all that was found on the way; `frame` has the customers to score."""

    frame: pl.DataFrame
    models: FittedModels
    proof: Evidence
    findings: Sequence[Finding]
    answers: tuple[Answer, ...]
    margin_rates: MarginRates
    challenge: Challenge = field(default_factory=Challenge)
    cross_validated: Mapping[Any, Mapping[str, float]] = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)


def fit_log(
    study: Study, log: OrderLog, warehouse: Warehouse, steps: Steps, published: Sequence[Run]
) -> Fit:
    """Learn from a log, prove it on later time and hold it against the published run.

    Raises
    ------
    NotEnoughData, NotHonest
        Nothing can be learnt, or a fatal finding is not acknowledged.
    """
    with steps("Data and churn window") as step:
        findings, summary = _look_at_log(study, log, warehouse, step)
    with steps("Features and labels") as step:
        data = read_training_data(study, warehouse, first_day=log.first_day, end_day=log.end_day)
        rows, cutoffs = data.features.height, data.features["cutoff_day"].n_unique()
        step.detail = f"{rows:,} rows at {cutoffs} cutoffs"
    with steps("Leakage check") as step:
        answers = ask_before_learning(LOG_AUDITS, Log(log, data), study, step)
    with steps("Backtest on later data") as step:
        proof = backtest_data(study, data, on_progress=step.advance)
        step.detail = f"{proof.evidence['cutoff_day'].n_unique()} test cutoffs"
    answers += ask_all(PROOF_AUDITS, Proof.of(proof, seed=study.seed), cheaply=True)
    with steps("Learn") as step:
        by_rule = [task for task, verdict in proof.verdicts.items() if verdict.prefers_rule]
        contests = challenge(study, data, proof, published, by_rule=by_rule)
        with_listener = replace(data, listener=Within(step))
        models = fit_models(study, with_listener, now=log.end_day, by_rule=by_rule)
        step.detail = models.algorithms
    with steps("Features of today") as step:
        frame = _features_of_today(study, log, warehouse)
        step.detail = f"{frame.height:,} customers, {frame.width - 2} features"
    with steps("Purchases, cohorts, survival"):
        tables = log_record(
            study, warehouse, first_day=log.first_day, end_day=log.end_day, scored=frame
        )
    return Fit(
        frame=frame,
        models=models,
        proof=proof,
        findings=[*findings, *models.findings],
        answers=answers,
        margin_rates=read_margin_rates(study, warehouse),
        challenge=contests,
        tables=tables,
        summary=summary,
    )


def _features_of_today(study: Study, log: OrderLog, warehouse: Warehouse) -> pl.DataFrame:
    frame = feature_tables.features(
        study, warehouse, [log.end_day], recent_days=study.asks_for_sequence
    )
    if frame.is_empty():
        raise NotEnoughData(
            f"no customer is eligible on {date_of(log.end_day)} ({study.churn.eligible})",
            fix="widen churn.eligible",
        )
    return frame


def _look_at_log(
    study: Study, log: OrderLog, warehouse: Warehouse, step: Step
) -> tuple[list[Finding], dict[str, Any]]:
    """What is odd about a log, and what the summary says of it."""
    besides = list(find_in_log(log))
    refuse_fatal(besides, study, NotHonest)
    sufficiency = check_log(study, warehouse, end_day=log.end_day)
    refuse_fatal(sufficiency.findings, study, NotEnoughData)
    topics = describe_log(log, RUN_TOPICS)
    window = read_churn_window(study, warehouse, end_day=log.end_day)
    days = window.window.days
    length = f"window {days} days" if days is not None else "no churn window"
    step.detail = f"{window.regime.name}, {length}"
    doubts = _given_all_the_same(sufficiency.findings)
    odd = [finding for topic in topics for finding in topic.findings]
    summary = {
        "sufficiency": sufficiency.as_dict()["counts"],
        "data_report": [
            {"title": topic.title, "sentences": list(topic.sentences)} for topic in topics
        ],
        "churn_window": summarise_churn_window(window),
    }
    return [*doubts, *odd, *besides, *window.findings], summary


def fit_study_snapshot(study: Study, snapshot: Snapshot, steps: Steps) -> Fit:
    """Learn from a snapshot and prove it on customers not learnt from.

    Raises
    ------
    StudyError, NotEnoughData, NotHonest
        It has rows at several cutoffs; nothing can be learnt; or a fatal finding is not
        acknowledged.
    """
    if study.snapshot is not None and study.snapshot.cutoff is not None:
        raise StudyError(
            "a table with rows at several cutoffs can be audited, not run", fix="give the order log"
        )
    sufficiency = check_snapshot(snapshot.frame["churned"], needs=study.check.needs)
    refuse_fatal(sufficiency.findings, study, NotEnoughData)
    with steps("Leakage check") as step:
        table = snapshot_table(study, snapshot)
        answers = ask_before_learning(TABLE_AUDITS, table, study, step)
    with steps("Learn and test") as step:
        fitted = fit_snapshot(study, snapshot.frame, columns=snapshot.columns)
        step.detail = fitted.models.algorithms
    proof, cross_validated = fitted.proof, fitted.cross_validated
    audited = Proof.of(proof, seed=study.seed, table=table, cross_validated=cross_validated)
    answers += ask_all(PROOF_AUDITS, audited, cheaply=True)
    return Fit(
        frame=snapshot.frame,
        models=fitted.models,
        proof=proof,
        findings=_given_all_the_same(sufficiency.findings),
        answers=answers,
        margin_rates=study_rate(study),
        cross_validated=cross_validated,
    )


def _given_all_the_same(findings: Sequence[Finding]) -> list[Finding]:
    """What too little data leaves in doubt: `check` withholds it, a run gives it and says so."""
    in_doubt = "Given all the same, and not to be relied on: "
    return [
        replace(each, meaning=each.meaning.replace("Withheld: ", in_doubt)) for each in findings
    ]
