"""The summary of a run: one object for a manager's terminal and for machines."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import polars as pl

from holdfast.campaigns import economics
from holdfast.campaigns.score_totals import ScoreTotals
from holdfast.evaluation.evidence import TaskName
from holdfast.evaluation.totals import past_error
from holdfast.findings import Finding, sort_findings
from holdfast.ingest.read import OrderLog, Snapshot
from holdfast.runs.fitting import Fit
from holdfast.runs.task_summary import summarise_task
from holdfast.serving.score import no_value_finding
from holdfast.study import Study
from holdfast.tables import json_rows
from holdfast.windows import date_of


def collect_findings(
    study: Study,
    data: OrderLog | Snapshot,
    fit: Fit,
    of_scores: Sequence[Finding],
) -> list[dict[str, Any]]:
    """All findings of a run, the gravest first, each with whether the study acknowledges it."""
    suspicions = [finding for answer in fit.answers for finding in answer.findings]
    proving = [
        replace(finding, evidence=f"in the backtest, {finding.evidence}")
        for finding in fit.proof.findings
    ]
    nothing = no_value_finding(fit.models.tasks, study)
    lost = fit.challenge.findings(study)
    every = [*data.findings, *suspicions, *fit.findings, *proving, *of_scores, *nothing, *lost]
    return [finding.with_acknowledgement(study.acknowledge) for finding in sort_findings(every)]


def summarise_run(
    study: Study,
    data: OrderLog | Snapshot,
    fit: Fit,
    totals: ScoreTotals,
    tables: Mapping[str, pl.DataFrame],
    reasons: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Sum a run up.

    Parameters
    ----------
    tables
        segments, recovery and, where there are any, channels.
    reasons
        The strongest ones, over all customers.
    """
    recovery, cutoff_day = tables["recovery"], int(fit.frame["cutoff_day"][0])
    return {
        "rows": asdict(data.rows),
        "reasons": data.reasons,
        "study": {"name": study.name, "currency": study.currency, "kind": data.kind},
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
        **totals.headline(),
        "top_reasons": list(reasons),
        "segments": json_rows(tables["segments"]),
        "recovery": economics.totals(recovery) | {"segments": json_rows(recovery)},
        **({"channels": json_rows(tables["channels"])} if "channels" in tables else {}),
        "audit": {
            "acknowledged": study.acknowledge,
            "suspicions": [answer.as_dict() for answer in fit.answers],
        },
    }


def _task_summary(study: Study, task: TaskName, fit: Fit) -> dict[str, Any]:
    folds = fit.cross_validated.get(task)
    return summarise_task(study, task, fit.models, fit.proof, folds)
