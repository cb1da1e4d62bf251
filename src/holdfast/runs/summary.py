"""Summarise: a run in one JSON object, for a manager's terminal and for machines."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from holdfast.campaigns import economics
from holdfast.findings import Finding
from holdfast.serving.score import Scored
from holdfast.study import Study
from holdfast.tables import json_rows
from holdfast.windows import date_of

CHAMPION = "champion"


def summarise(
    study: Study,
    scored: Scored,
    evidence: pl.DataFrame,
    *,
    algorithms: Mapping[str, str],
    cross_validated: Mapping[str, Mapping[str, float]],
    top_reasons: Sequence[Mapping[str, Any]],
    findings: Sequence[Finding],
) -> dict[str, Any]:
    """Sum up what was found.

    At risk is a customer whose churn probability reaches `churn.threshold`; revenue at risk is
    their expected revenue.

    Parameters
    ----------
    evidence
        EVIDENCE; the last cutoff with a figure speaks for a task.
    algorithms, cross_validated
        Task -> the champion's algorithm; task -> metric -> mean over folds, for a snapshot.
    """
    scores = scored.scores
    at_risk = scores.filter(pl.col("churn_probability") >= study.churn.threshold)
    cutoff_day = int(scores["cutoff_day"][0])
    return {
        "study": {
            "name": study.name,
            "currency": study.currency,
            "kind": "log" if study.transactions else "snapshot",
        },
        "customers": scores.height,
        "cutoff_day": cutoff_day,
        "cutoff_date": date_of(cutoff_day).isoformat(),
        "churn": _task(study, "churn", evidence, algorithms, cross_validated),
        "value": _task(study, "value", evidence, algorithms, cross_validated),
        "share_at_risk": at_risk.height / scores.height,
        "expected_revenue": float(scores["expected_revenue"].sum()),
        "revenue_at_risk": float(at_risk["expected_revenue"].sum()),
        "top_reasons": [dict(reason) for reason in top_reasons],
        "segments": json_rows(scored.segments),
        "recovery": {**economics.totals(scored.recovery), "segments": json_rows(scored.recovery)},
        "findings": [finding.with_acknowledgement(study.acknowledge) for finding in findings],
    }


def _task(
    study: Study,
    task: str,
    evidence: pl.DataFrame,
    algorithms: Mapping[str, str],
    cross_validated: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    proved = evidence.filter(pl.col("task") == task)
    last = proved.filter(pl.col("cutoff_day") == pl.col("cutoff_day").max())
    naive = [
        name for name in last["model"].unique(maintain_order=True) if name.startswith("baseline")
    ]
    horizon = (study.churn if task == "churn" else study.value).horizon_days
    return {
        "algorithm": algorithms.get(task),
        "horizon_days": horizon if study.transactions else None,
        **({"threshold": study.churn.threshold} if task == "churn" else {}),
        "test_cutoff": date_of(int(last["cutoff_day"][0])).isoformat() if last.height else None,
        **_metrics(last, CHAMPION),
        "cross_validated": json_rows(pl.DataFrame([cross_validated[task]]))[0]
        if task in cross_validated
        else None,
        "baseline": {"name": naive[0], **_metrics(last, naive[0])} if naive else None,
    }


def _metrics(evidence: pl.DataFrame, model: str) -> dict[str, float | None]:
    rows = json_rows(evidence.filter(pl.col("model") == model).select("metric", "value"))
    return {row["metric"]: row["value"] for row in rows}
