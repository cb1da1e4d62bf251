"""The outcome of a run before it is published: its tables, its models' parts and its summary."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from holdfast.audits.audit import ask_before_learning
from holdfast.audits.log import Log
from holdfast.audits.proof import Proof
from holdfast.audits.question import Answer, ask_all
from holdfast.audits.registry import LOG_AUDITS, PROOF_AUDITS, TABLE_AUDITS
from holdfast.audits.table import snapshot_table
from holdfast.errors import NotEnoughData, StudyError
from holdfast.evaluation.evidence import Evidence
from holdfast.explain import top_reasons
from holdfast.features import feature_tables
from holdfast.findings import Finding, sort_findings
from holdfast.ingest.contract import refuse
from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.ingest.snapshot import Snapshot, read_snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.models.fitted_models import FittedModels
from holdfast.progress import Steps
from holdfast.quality.churn_window import read_churn_window, summarise_churn_window
from holdfast.quality.data_report import RUN_TOPICS, describe_log, find_in_log
from holdfast.quality.sufficiency import check_log, check_snapshot
from holdfast.quality.topics import CheckedLog
from holdfast.runs.activity_tables import log_record
from holdfast.runs.summary import summarise
from holdfast.serving.score import Scored, explained, no_value_finding, score
from holdfast.study import Study
from holdfast.training.backtest import backtest_data
from holdfast.training.fit import fit_models
from holdfast.training.fit_snapshot import fit_snapshot
from holdfast.training.horizon_tables import horizon_tables
from holdfast.training.training_data import read_training_data
from holdfast.windows import date_of


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Everything a run found.

    Attributes
    ----------
    tables
        Name -> table: scores, features, reasons, contributions, importance, segments, recovery,
        predictions, evidence, quarantine; of a log also days, cohorts, survival, purchases.
    parts
        Path below the run's folder -> bytes: the models, the segment rule and the wording of
        reasons.
    summary
        What `holdfast run --json` prints, but for what only a published run has.
    data_fingerprint
        SHA-256 of the accepted data.
    """

    tables: Mapping[str, pl.DataFrame]
    parts: Mapping[str, bytes]
    summary: Mapping[str, Any]
    data_fingerprint: str


def log_outcome(study: Study, warehouse: Warehouse, steps: Steps) -> Outcome:
    """Learn from an order log, prove it on later cutoffs, and score today's customers.

    Raises
    ------
    NotEnoughData
        Nobody is eligible, or nothing can be learnt.
    """
    with steps("Read the sources") as step:
        got = read_order_log(study, warehouse)
        refuse(got.failures)
        step.detail = got.size
        gate = check_log(study, warehouse, end_day=got.end_day)
    with steps("What came in, and what is churn in it") as step:
        checked = CheckedLog(study, warehouse, got)
        topics = describe_log(checked, RUN_TOPICS)
        window = read_churn_window(study, warehouse, end_day=got.end_day)
        noticed = [finding for topic in topics for finding in topic.findings]
        noticed += [*find_in_log(checked), *window.findings]
        days = window.window.days
        step.detail = f"{window.regime.name}, " + (
            f"window {days} days" if days is not None else "no churn window"
        )
    with steps("Features and labels") as step:
        data = read_training_data(study, warehouse, first_day=got.first_day, end_day=got.end_day)
        step.detail = (
            f"{data.features.height:,} rows at {data.features['cutoff_day'].n_unique()} cutoffs"
        )
    with steps("Is it honest?") as step:
        log = Log(study, warehouse, got, data)
        answers = ask_before_learning(LOG_AUDITS, log, study, step)
    with steps("Prove on unseen time") as step:
        proof = backtest_data(study, data)
        step.detail = f"{proof.evidence['cutoff_day'].n_unique()} test cutoffs"
    answers += ask_all(PROOF_AUDITS, Proof.of(proof, seed=study.seed), cheaply=True)
    with steps("Learn") as step:
        models = fit_models(study, data, now=got.end_day)
        step.detail = models.algorithms
    with steps("Features of today") as step:
        frame = feature_tables.features(study, warehouse, [got.end_day])
        step.detail = f"{frame.height:,} customers, {frame.width - 2} features"
    if frame.is_empty():
        raise NotEnoughData(
            f"no customer is eligible on {date_of(got.end_day)} ({study.churn.eligible})",
            fix="widen churn.eligible",
        )
    with steps("Purchases, cohorts, survival"):
        record = log_record(
            study, warehouse, first_day=got.first_day, end_day=got.end_day, scored=frame
        )
    outcome = _completed(
        study,
        got,
        frame,
        models,
        proof,
        steps,
        findings=[*gate.findings, *noticed, *models.findings],
        answers=answers,
    )
    with steps("Every horizon, week by week") as step:
        ahead = horizon_tables(
            study, models, frame, outcome.tables["scores"], proof.evidence, record["days"]
        )
        step.detail = ", ".join(f"{days}" for days in study.all_horizons) + " days"
    summary = {
        **outcome.summary,
        "sufficiency": gate.as_dict()["counts"],
        "forecast": ahead.summary,
        "data_report": [
            {"title": topic.title, "sentences": list(topic.sentences)} for topic in topics
        ],
        "churn_window": summarise_churn_window(window),
    }
    return replace(
        outcome,
        tables={**outcome.tables, **record, **ahead.tables},
        summary=summary,
    )


def snapshot_outcome(study: Study, warehouse: Warehouse, steps: Steps) -> Outcome:
    """Learn from a snapshot, prove it on customers held out, and score them all."""
    assert study.snapshot is not None
    with steps("Read the snapshot") as step:
        got = read_snapshot(study, warehouse)
        refuse(got.failures)
        step.detail = got.size
    if study.snapshot.cutoff is not None:
        raise StudyError(
            "a table with rows at several cutoffs can be audited, not run", fix="give the order log"
        )
    with steps("Is it honest?") as step:
        table = snapshot_table(study, got)
        answers = ask_before_learning(TABLE_AUDITS, table, study, step)
    with steps("Learn and prove") as step:
        fitted = fit_snapshot(study, got.frame, columns=got.columns)
        step.detail = fitted.models.algorithms
    audited = Proof.of(
        fitted.proof, seed=study.seed, table=table, cross_validated=fitted.cross_validated
    )
    answers += ask_all(PROOF_AUDITS, audited, cheaply=True)
    return _completed(
        study,
        got,
        got.frame,
        fitted.models,
        fitted.proof,
        steps,
        findings=check_snapshot(got.frame["churned"], needs=study.check.needs).findings,
        answers=answers,
        cross_validated=fitted.cross_validated,
    )


def _completed(
    study: Study,
    got: OrderLog | Snapshot,
    frame: pl.DataFrame,
    models: FittedModels,
    proof: Evidence,
    steps: Steps,
    *,
    findings: Sequence[Finding],
    answers: Sequence[Answer],
    cross_validated: Mapping[Any, Mapping[str, float]] | None = None,
) -> Outcome:
    """Score, segment, explain and sum up: the same for a log and a snapshot."""
    with steps("Score, segment, simulate recovery") as step:
        scored = score(study, models.tasks, frame)
        step.detail = f"{scored.scores.height:,} customers"
    with steps("Explain") as step:
        found, wording = explained(study, models.tasks, frame, scored)
        step.detail = f"{found.reasons['customer_id'].n_unique():,} customers"
    proving = [
        replace(finding, evidence=f"in the backtest, {finding.evidence}")
        for finding in proof.findings
    ]
    doubts = [finding for answer in answers for finding in answer.findings]
    every = [*got.findings, *doubts, *findings, *proving, *scored.rule.findings(), *found.findings]
    summary = summarise(
        study,
        scored,
        proof.evidence,
        algorithms={task: model.algorithm for task, model in models.tasks.items()},
        cross_validated=cross_validated or {},
        top_reasons=top_reasons(found, wording=wording),
        findings=sort_findings(
            [*every, *no_value_finding(models.tasks, snapshot=study.snapshot is not None)]
        ),
    )
    return Outcome(
        tables={
            "scores": scored.scores,
            "segments": scored.segments,
            "recovery": scored.recovery,
            "features": frame,
            "reasons": found.reasons,
            "contributions": found.contributions,
            "importance": found.importance,
            "evidence": proof.evidence,
            "predictions": proof.predictions,
            "horizon_evidence": proof.horizon_evidence,
            "quarantine": got.quarantine,
        },
        parts=_parts(models, scored, wording.to_dict()),
        summary={
            "rows": asdict(got.rows),
            "reasons": got.reasons,
            **summary,
            "audit": {
                "acknowledged": study.acknowledge,
                "suspicions": [answer.as_dict() for answer in answers],
            },
        },
        data_fingerprint=got.fingerprint,
    )


def _parts(models: FittedModels, scored: Scored, wording: Mapping[str, Any]) -> dict[str, bytes]:
    files = {f"models/{name}": data for name, data in models.parts().items()}
    plain = {"segments.json": scored.rule.to_dict(), "wording.json": wording}
    return files | {
        name: json.dumps(value, ensure_ascii=False).encode() for name, value in plain.items()
    }
