"""Predict: what a published run says of one customer, whether it knows the customer or only the features."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from holdfast.errors import DataError, InputError, nearest
from holdfast.explain import reasons
from holdfast.io.runs import Run
from holdfast.pipeline.load import load_models, load_rule, load_study, load_wording
from holdfast.pipeline.score import Model, predicted
from holdfast.pipeline.snapshot import snapshot_features
from holdfast.segments import churn_level
from holdfast.study import Study

_LISTED = 5


def predict_customer(run: Run, customer_id: str) -> dict[str, Any]:
    """Answer for a customer of the run, from its published scores and reasons.

    Raises
    ------
    InputError
        The run has no such customer.
    """
    score = _rows(run, "scores", customer_id)
    if score.is_empty():
        known = pl.scan_parquet(run.file("tables/scores.parquet")).select("customer_id").head(100_000).collect()
        raise InputError(
            f"run {run.run_id} has no customer {customer_id!r}",
            fix=nearest(customer_id, known["customer_id"].to_list()) if known.height <= 20_000 else "try --random",
            customer_id=customer_id,
        )
    told = _rows(run, "reasons", customer_id)
    if told.is_empty():
        told = _reasons_now(run, customer_id)
    return _answer(run, load_study(run), score.row(0, named=True), told)


def predict_features(run: Run, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Answer for a customer whom the run never saw.

    Parameters
    ----------
    raw
        A snapshot's given columns, or an order log's features, by name; may hold the customer's id.

    Raises
    ------
    DataError
        A column that a model reads is missing.
    """
    study = load_study(run)
    name = study.snapshot.columns.customer_id if study.snapshot else "customer_id"
    customer_id = str(raw.get(name, raw.get("customer_id", "new")))
    models, rule = load_models(run), load_rule(run)
    given = {key: value for key, value in raw.items() if key not in (name, "customer_id")}
    frame = _typed(given, study, models, signals=[s.name for s in rule.signals if s.name != "churn_probability"])
    scored = rule.assign(predicted(models, frame)).with_columns(customer_id=pl.lit(customer_id))
    told = _told(run, study, models, scored)
    return _answer(run, study, scored.row(0, named=True), told)


def anyone(run: Run) -> str:
    """Any customer of the run."""
    scores = run.table("scores")
    return str(scores["customer_id"][random.randrange(scores.height)])


def read_features(path: Path) -> dict[str, Any]:
    """Read one customer's features from a JSON file.

    Raises
    ------
    InputError
        The file cannot be read, or holds anything but one object of plain values.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}", fix='write {"Frequency": 13, ...}') from None
    if not isinstance(raw, dict) or any(isinstance(value, dict | list) for value in raw.values()):
        raise InputError(f"{path} does not hold one customer", fix='write {"Frequency": 13, ...}')
    return raw


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number of JSON")


def _rows(run: Run, table: str, customer_id: str) -> pl.DataFrame:
    lazy = pl.scan_parquet(run.file(f"tables/{table}.parquet"))
    return lazy.filter(pl.col("customer_id") == customer_id).collect()


def _reasons_now(run: Run, customer_id: str) -> pl.DataFrame:
    return _told(run, load_study(run), load_models(run), _rows(run, "features", customer_id))


def _told(run: Run, study: Study, models: Mapping[str, Model], frame: pl.DataFrame) -> pl.DataFrame:
    wording = load_wording(run)
    top = study.explain.reasons
    return pl.concat(
        reasons(task, model.contributions(frame), frame, wording=wording, top=top) for task, model in models.items()
    )


def _typed(
    given: Mapping[str, Any], study: Study, models: Mapping[str, Model], *, signals: Sequence[str]
) -> pl.DataFrame:
    try:
        raw = pl.DataFrame([dict(given)], strict=False)
    except (pl.exceptions.PolarsError, OverflowError) as error:
        raise DataError(f"the features cannot be read: {error}", fix="give plain numbers and words") from None
    frame = snapshot_features(study, raw) if study.snapshot else raw
    needed = dict.fromkeys([*(name for model in models.values() for name in model.columns), *signals])
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        listed = ", ".join(missing[:_LISTED]) + (", ..." if len(missing) > _LISTED else "")
        raise DataError(f"{len(missing)} features are missing: {listed}", fix="give each of them; null if unknown")
    return frame


def _answer(run: Run, study: Study, score: Mapping[str, Any], told: pl.DataFrame) -> dict[str, Any]:
    """Give the fields of the original system's answer, then what stands behind them."""
    summary = run.summary
    unknown = no_value(summary)
    return {
        "customer_id": score["customer_id"],
        "churn_probability": score["churn_probability"],
        "churn_risk": churn_level(score["churn_probability"]),
        "predicted_ltv": None if unknown else score["expected_revenue"],
        "ltv_tier": None if unknown else str(score["value_tier"]).capitalize(),
        **({"ltv_not_estimated": unknown} if unknown else {}),
        "risk_score": score["risk_score"],
        "risk_rank": score["risk_rank"],
        "segment": score["segment"],
        "actions": study.actions.get(score["segment"], []),
        "reasons": told.drop("customer_id").to_dicts(),
        "currency": study.currency,
        "evidence": evidence_sentence(summary),
        "run_id": run.run_id,
        "cutoff_day": summary["cutoff_day"],
        "cutoff_date": summary["cutoff_date"],
    }


def no_value(summary: Mapping[str, Any]) -> str | None:
    """Say why a run estimates nobody's revenue; None where it does. Its scores then hold 0, which is no estimate."""
    if summary["value"]["algorithm"] is not None:
        return None
    said = (finding["evidence"] for finding in summary["findings"] if finding["name"] == "no-value-label")
    return next(said, "no revenue was learnt")


def evidence_sentence(summary: Mapping[str, Any]) -> str:
    """One sentence on how good such predictions proved."""
    parts = []
    for task, metric, name in (
        ("churn", "roc_auc", "AUC"),
        ("churn", "brier", "Brier"),
        ("value", "spearman", "Spearman"),
    ):
        ours, naive = summary[task].get(metric), (summary[task]["baseline"] or {}).get(metric)
        if ours is not None and np.isfinite(ours):
            beside = f" (naive {naive:.3f})" if naive is not None else ""
            parts.append(f"{task} {name} {ours:.3f}{beside}")
    where = "on customers not learnt from" if summary["study"]["kind"] == "snapshot" else "on time not seen"
    return f"{where}: {', '.join(parts)}" if parts else "nothing could be proved: see the report's findings"
