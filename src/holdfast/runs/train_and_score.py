"""The outcome of a run before it is published: its tables, its models' parts and its summary."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
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
from holdfast.campaigns import economics
from holdfast.campaigns.acquisition import read_channels
from holdfast.campaigns.customer_margins import MarginRates, read_margin_rates, study_rate
from holdfast.errors import NotEnoughData, NotHonest, StudyError
from holdfast.evaluation.evidence import CHAMPION, Evidence, TaskName
from holdfast.evaluation.expectation import expect
from holdfast.evaluation.totals import past_error
from holdfast.explain import Explanation, top_reasons
from holdfast.features import feature_tables
from holdfast.findings import Finding, sort_findings
from holdfast.ingest.addresses import read_addresses
from holdfast.ingest.contract import refuse
from holdfast.ingest.permissions import read_permissions
from holdfast.ingest.read import OrderLog, Snapshot, read_sources
from holdfast.io.warehouse import Warehouse
from holdfast.models.fitted_models import FittedModels
from holdfast.progress import Step, Steps
from holdfast.quality.churn_window import read_churn_window, summarise_churn_window
from holdfast.quality.data_report import RUN_TOPICS, describe_log, find_in_log
from holdfast.quality.sufficiency import check_log, check_snapshot
from holdfast.runs.activity_tables import log_record
from holdfast.runs.campaign_outcome import find_campaigns, plan_snapshot
from holdfast.runs.score_changes import Now, find_changes, known_features
from holdfast.segments import is_likely_to_leave
from holdfast.segments import summary as summarise_segments
from holdfast.serving.score import explain_scores, no_value_finding, score
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.tables import json_rows
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
        predictions, evidence, quarantine; of a log also days, cohorts, survival, purchases,
        unscored and, where the study says so much, permissions, addresses, channels, channel_months
        and, where it has campaigns or offers, campaigns, readouts, acceptance, persistence,
        past_segments, effects, plan and budget_curve; after an earlier run changes, change_reasons,
        change_sums.
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


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """What was fitted, and all that was found on the way; `frame` has the customers to score."""

    frame: pl.DataFrame
    models: FittedModels
    proof: Evidence
    findings: Sequence[Finding]
    answers: tuple[Answer, ...]
    margin_rates: MarginRates
    cross_validated: Mapping[Any, Mapping[str, float]] = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)


def train_and_score(
    study: Study, warehouse: Warehouse, steps: Steps, *, before: Run | None = None
) -> Outcome:
    """Learn from a study's data, prove it on customers or time not learnt from, score today's
    customers, and explain what changed since the run before.

    Raises
    ------
    NotEnoughData
        Nobody is eligible, or nothing can be learnt.
    """
    with steps("Read the sources") as step:
        data = read_sources(study, warehouse)
        refuse(data.failures)
        step.detail = data.size
    fit = (
        _fit_log(study, data, warehouse, steps)
        if isinstance(data, OrderLog)
        else _fit_snapshot(study, data, steps)
    )
    with steps("Score and segment") as step:
        scored = score(study, fit.models.tasks, fit.frame)
        step.detail = f"{scored.scores.height:,} customers"
    scores = fit.margin_rates.of(scored.scores)
    with steps("Explain") as step:
        explanation, wording = explain_scores(study, fit.models.tasks, fit.frame, scored)
        step.detail = f"{explanation.reasons['customer_id'].n_unique():,} customers"
    ahead: Mapping[str, Any] = {}
    tables = {**_tables(data, fit, explanation), **fit.tables}
    if (permissions := read_permissions(study, warehouse, scored=fit.frame)) is not None:
        tables["permissions"] = permissions
    if (addresses := read_addresses(study, warehouse, scored=fit.frame)) is not None:
        tables["addresses"] = addresses
    if isinstance(data, OrderLog):
        with steps("Forecast of every horizon") as step:
            looked = horizon_tables(
                study,
                fit.models,
                fit.frame,
                scores,
                fit.proof.horizon_evidence,
                tables["days"],
            )
            step.detail = ", ".join(f"{days}" for days in study.all_horizons) + " days"
        tables = {**tables, **looked.tables}
        won, of_channels = read_channels(study, warehouse, tables["horizons"], end_day=data.end_day)
        tables |= won
        campaigns = find_campaigns(study, data, warehouse, tables, steps)
        ahead = {"forecast": looked.summary, **campaigns.summary}
    else:
        of_channels = []
        tables["scores"] = economics.value_at_stake(scores)
        campaigns = plan_snapshot(study, tables)
        ahead = campaigns.summary
    tables |= {**campaigns.tables, **_sums(study, tables["scores"])}
    if before is not None:
        known = known_features(study, warehouse) if isinstance(data, OrderLog) else None
        now = Now(study, fit.models.tasks, fit.frame, tables["scores"], wording, known)
        with steps("Why scores changed"):
            changes = find_changes(now, before)
        tables |= changes.tables
        ahead = {**ahead, "changes": changes.summary}
    of_scores = [*scored.rule.findings(), *explanation.findings, *of_channels]
    findings = sort_findings(_findings(study, data, fit, of_scores))
    reasons = top_reasons(explanation, wording=wording)
    summary = {
        **_summary(study, data, fit, tables, reasons),
        "findings": [finding.with_acknowledgement(study.acknowledge) for finding in findings],
        **fit.summary,
        **ahead,
    }
    parts = {f"models/{name}": part for name, part in fit.models.parts().items()}
    for name, plain in (("segments", scored.rule), ("wording", wording)):
        parts[f"{name}.json"] = json.dumps(plain.to_dict(), ensure_ascii=False).encode()
    return Outcome(tables=tables, parts=parts, summary=summary, data_fingerprint=data.fingerprint)


def _sums(study: Study, scores: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The segments, and what keeping them would bring."""
    segments = summarise_segments(scores)
    plan = economics.recovery(
        segments, study.recovery, margin_rate=economics.one_rate(segments, study)
    )
    return {"segments": segments, "recovery": plan}


def _tables(
    data: OrderLog | Snapshot, fit: _Fit, explanation: Explanation
) -> dict[str, pl.DataFrame]:
    return {
        "features": fit.frame, "reasons": explanation.reasons,
        "contributions": explanation.contributions, "importance": explanation.importance,
        "evidence": fit.proof.evidence, "predictions": fit.proof.predictions,
        "horizon_evidence": fit.proof.horizon_evidence, "quarantine": data.quarantine,
    }  # fmt: skip


def _findings(
    study: Study, data: OrderLog | Snapshot, fit: _Fit, of_scores: Sequence[Finding]
) -> list[Finding]:
    suspicions = [finding for answer in fit.answers for finding in answer.findings]
    proving = [
        replace(finding, evidence=f"in the backtest, {finding.evidence}")
        for finding in fit.proof.findings
    ]
    nothing = no_value_finding(fit.models.tasks, study)
    return [*data.findings, *suspicions, *fit.findings, *proving, *of_scores, *nothing]


def _summary(
    study: Study,
    data: OrderLog | Snapshot,
    fit: _Fit,
    tables: Mapping[str, pl.DataFrame],
    reasons: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """A run in one object, for a manager's terminal and for machines."""
    scores, recovery = tables["scores"], tables["recovery"]
    leaving = scores.filter(is_likely_to_leave(study.churn.threshold))
    cutoff_day = int(scores["cutoff_day"][0])
    return {
        "rows": asdict(data.rows),
        "reasons": data.reasons,
        "study": {"name": study.name, "currency": study.currency, "kind": data.kind},
        "customers": scores.height,
        "cutoff_day": cutoff_day,
        "cutoff_date": date_of(cutoff_day).isoformat(),
        "churn": {
            **_task_summary(study, "churn", fit),
            "past_error": past_error(fit.proof.predictions),
        },
        "value": {
            **_task_summary(study, "value", fit),
            "margin_rate": fit.margin_rates.overall,
        },
        "share_at_risk": leaving.height / scores.height,
        "expected_revenue": float(scores["expected_revenue"].sum()),
        "at_stake": float(scores["at_stake"].sum()),
        "top_reasons": list(reasons),
        "segments": json_rows(tables["segments"]),
        "recovery": economics.totals(recovery) | {"segments": json_rows(recovery)},
        **({"channels": json_rows(tables["channels"])} if "channels" in tables else {}),
        "audit": {
            "acknowledged": study.acknowledge,
            "suspicions": [answer.as_dict() for answer in fit.answers],
        },
    }


def _task_summary(study: Study, task: TaskName, fit: _Fit) -> dict[str, Any]:
    """A model's figures: their means over the test cutoffs, their range and number, between what
    they should come out at the next one, and how they stand beside the naive baseline's.
    """
    proved = fit.proof.evidence.filter(pl.col("task") == task)
    cutoffs = proved["cutoff_day"].unique().sort().to_list()
    naive = [name for name in proved["model"].unique(maintain_order=True) if "baseline:" in name]
    model, folds = fit.models.tasks.get(task), fit.cross_validated.get(task)
    horizon_days = (study.churn if task == "churn" else study.value).horizon_days
    champion = proved.filter(model=CHAMPION)
    verdict = fit.proof.verdicts.get(task)
    published = proved
    if model and model.algorithm.startswith("rule"):
        published = proved.filter(model=naive[0]).with_columns(model=pl.lit(CHAMPION))
    return {
        "algorithm": model and model.algorithm,
        "horizon_days": horizon_days if study.transactions else None,
        **({"threshold": study.churn.threshold} if task == "churn" else {}),
        "test_cutoff": date_of(cutoffs[-1]).isoformat() if cutoffs else None,
        "test_cutoffs": [date_of(cutoff).isoformat() for cutoff in cutoffs],
        **_means(champion),
        "range": _ranges(champion),
        "expected": {name: list(ends) for name, ends in expect(published).items()}
        if study.transactions
        else {},
        "cross_validated": folds and json_rows(pl.DataFrame([folds]))[0],
        "baseline": {"name": naive[0], **_means(proved.filter(model=naive[0]))} if naive else None,
        "against_baseline": verdict.as_dict() if verdict else {},
        "ranks_by_chance": verdict.ranks_by_chance if verdict else None,
    }


def _means(evidence: pl.DataFrame) -> dict[str, float | None]:
    means = evidence.group_by("metric", maintain_order=True).agg(pl.col("value").mean())
    return {row["metric"]: row["value"] for row in json_rows(means)}


def _ranges(evidence: pl.DataFrame) -> dict[str, list[float | None]]:
    """Metric -> least and most at a cutoff."""
    ends = evidence.group_by("metric", maintain_order=True).agg(
        low=pl.col("value").min(), high=pl.col("value").max()
    )
    return {row["metric"]: [row["low"], row["high"]] for row in json_rows(ends)}


def _fit_log(study: Study, log: OrderLog, warehouse: Warehouse, steps: Steps) -> _Fit:
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
        models = fit_models(study, data, now=log.end_day, by_rule=by_rule)
        step.detail = models.algorithms
    with steps("Features of today") as step:
        frame = _features_of_today(study, log, warehouse)
        step.detail = f"{frame.height:,} customers, {frame.width - 2} features"
    with steps("Purchases, cohorts, survival"):
        tables = log_record(
            study, warehouse, first_day=log.first_day, end_day=log.end_day, scored=frame
        )
    return _Fit(
        frame=frame,
        models=models,
        proof=proof,
        findings=[*findings, *models.findings],
        answers=answers,
        margin_rates=read_margin_rates(study, warehouse),
        tables=tables,
        summary=summary,
    )


def _features_of_today(study: Study, log: OrderLog, warehouse: Warehouse) -> pl.DataFrame:
    frame = feature_tables.features(study, warehouse, [log.end_day])
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


def _fit_snapshot(study: Study, snapshot: Snapshot, steps: Steps) -> _Fit:
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
    return _Fit(
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
