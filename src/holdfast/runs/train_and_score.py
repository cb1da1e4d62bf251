"""The outcome of a run before it is published: its tables, its models' parts and its summary."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from holdfast.campaigns import economics
from holdfast.campaigns.acquisition import read_channels
from holdfast.campaigns.score_totals import ScoreTotals, sum_up_segments
from holdfast.explain import Explanation, Wording, top_reasons
from holdfast.ingest.contacts.addresses import read_addresses
from holdfast.ingest.contacts.permissions import read_permissions
from holdfast.ingest.contract import refuse
from holdfast.ingest.read import OrderLog, Snapshot, read_sources
from holdfast.io.warehouse import Warehouse
from holdfast.models.churn import ChurnModel
from holdfast.models.fitted_models import FittedModels
from holdfast.progress import Steps
from holdfast.report.exports.customer_rows import first_customers
from holdfast.runs.campaign_outcome import find_campaigns, plan_snapshot
from holdfast.runs.fitting import Fit, fit_log, fit_study_snapshot
from holdfast.runs.monitoring import Made, watch
from holdfast.runs.run_summary import collect_findings, summarise_run
from holdfast.runs.score_changes import Now, find_changes, known_features
from holdfast.segments import SegmentRule
from holdfast.serving.day_effects import tell_worst_days
from holdfast.serving.score import explain_scores, score
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.training.horizon_tables import forecast_company, look_ahead, sum_up_groups

_DAYS_TOLD = 10
"""Of so many customers the report tells the day that raises the risk most."""


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
        past_segments, effects, plan and budget_curve, and reference, drift, expected and
        realised; after an earlier run changes, change_reasons,
        change_sums.
    parts
        Path below the run's folder -> bytes: the models, the segment rule and the wording of
        reasons.
    summary
        What `holdfast run --json` prints, but for what only a published run has.
    data_fingerprint
        SHA-256 of the accepted data.
    worst_days
        As the report has them.
    shown
        What the report shows in the place of tables that lie in parts below the run's folder, one
        for each bucket of customers: scores and reasons of a sample, and of those who come first.
    """

    tables: Mapping[str, pl.DataFrame]
    parts: Mapping[str, bytes]
    summary: Mapping[str, Any]
    data_fingerprint: str
    worst_days: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, pl.DataFrame] = field(default_factory=dict)


def train_and_score(
    study: Study, warehouse: Warehouse, steps: Steps, *, published: Sequence[Run] = ()
) -> Outcome:
    """Learn from a study's data, prove it on customers or time not learnt from, score today's
    customers, explain what changed since the published run, and hold what was predicted before
    against what came.

    Parameters
    ----------
    published
        Runs that were published, the one that is first.

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
        fit_log(study, data, warehouse, steps, published)
        if isinstance(data, OrderLog)
        else fit_study_snapshot(study, data, steps)
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
            scores, horizons = look_ahead(study, fit.models, fit.frame, scores)
            sums = sum_up_groups(fit.frame, scores, horizons)
            evidence = fit.proof.horizon_evidence
            company = forecast_company(study, fit.models, sums, evidence, tables["days"])
            step.detail = ", ".join(f"{days}" for days in study.all_horizons) + " days"
        tables |= {"scores": scores, "horizons": horizons, "forecast": company.weeks}
        with steps("Drift, and what came of earlier predictions") as step:
            made = Made(fit.models.tasks, fit.frame, scored, tables["horizons"])
            watched = watch(study, data, warehouse, made, published)
            tables |= watched.tables
            step.detail = f"{watched.tables['realised']['run_id'].n_unique()} earlier runs"
        won, of_channels = read_channels(study, warehouse, tables["horizons"], end_day=data.end_day)
        tables |= won
        campaigns = find_campaigns(study, data, warehouse, tables, steps)
        ahead = {
            "forecast": {**company.summary, "customers": scores.height},
            "challenger": fit.challenge.as_dict(study),
            **campaigns.summary,
        }
        of_channels = [*of_channels, *watched.findings]
    else:
        of_channels = []
        tables["scores"] = economics.value_at_stake(scores)
        campaigns = plan_snapshot(study, tables)
        ahead = campaigns.summary
    tables |= campaigns.tables
    tables |= plan_recovery(study, sum_up_segments(tables["scores"]))
    if published:
        past_features = known_features(study, warehouse) if isinstance(data, OrderLog) else None
        now = Now(study, fit.models.tasks, fit.frame, tables["scores"], wording, past_features)
        with steps("Why scores changed"):
            changes = find_changes(now, published[0])
        tables |= changes.tables
        ahead = {**ahead, "changes": changes.summary}
    of_scores = [*scored.rule.findings(), *explanation.findings, *of_channels]
    reasons = top_reasons(explanation, wording=wording)
    totals = ScoreTotals.of(tables["scores"], threshold=study.churn.threshold)
    summary = {
        **summarise_run(study, data, fit, totals, tables, reasons),
        "findings": collect_findings(study, data, fit, of_scores),
        **fit.summary,
        **ahead,
    }
    parts = run_parts(fit.models, scored.rule, wording)
    return Outcome(
        tables=tables,
        parts=parts,
        summary=summary,
        data_fingerprint=data.fingerprint,
        worst_days=worst_days(study, fit, tables["scores"]),
    )


def run_parts(models: FittedModels, rule: SegmentRule, wording: Wording) -> dict[str, bytes]:
    """The files of a run beside its tables: models, segment rule and the wording of reasons."""
    parts = {f"models/{name}": part for name, part in models.parts().items()}
    for name, plain in (("segments", rule), ("wording", wording)):
        parts[f"{name}.json"] = json.dumps(plain.to_dict(), ensure_ascii=False).encode()
    return parts


def worst_days(study: Study, fit: Fit, scores: pl.DataFrame) -> dict[str, str]:
    """Of the customers with the most revenue at stake: customer -> the day that raises the risk
    most, in words.
    """
    churn, first = fit.models.tasks.get("churn"), first_customers(scores, _DAYS_TOLD)
    if not isinstance(churn, ChurnModel):
        return {}
    features = fit.frame.join(first.select("customer_id"), on="customer_id", how="semi")
    return tell_worst_days(churn, features, currency=study.currency)


def plan_recovery(study: Study, segments: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The segments, and what keeping them would bring."""
    rate = economics.one_rate(segments, study)
    plan = economics.recovery(segments, study.recovery, margin_rate=rate)
    return {"segments": segments, "recovery": plan}


def _tables(
    data: OrderLog | Snapshot, fit: Fit, explanation: Explanation
) -> dict[str, pl.DataFrame]:
    return {
        "features": fit.frame, "reasons": explanation.reasons,
        "contributions": explanation.contributions, "importance": explanation.importance,
        "evidence": fit.proof.evidence, "predictions": fit.proof.predictions,
        "horizon_evidence": fit.proof.horizon_evidence, "quarantine": data.quarantine,
    }  # fmt: skip
