"""Predict: what a published run says of one customer, whether it knows the customer or only the
features.
"""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from holdfast.errors import InputError, nearest
from holdfast.io.runs import Run
from holdfast.segments import churn_level
from holdfast.serving.load import load_study
from holdfast.serving.scorer import Scorer
from holdfast.study import Study


def predict_customer(run: Run, customer_id: str) -> dict[str, Any]:
    """Answer for a customer of the run, from its published scores and reasons.

    Raises
    ------
    InputError
        The run has no such customer.
    """
    score = _rows(run, "scores", customer_id)
    if score.is_empty():
        known = (
            pl.scan_parquet(run.file("tables/scores.parquet"))
            .select("customer_id")
            .head(100_000)
            .collect()
        )
        raise InputError(
            f"run {run.run_id} has no customer {customer_id!r}",
            fix=nearest(customer_id, known["customer_id"].to_list())
            if known.height <= 20_000
            else "try --random",
            customer_id=customer_id,
        )
    kept = _rows(run, "reasons", customer_id)
    told = kept.drop("customer_id").to_dicts() if kept.height else _reasons_now(run, customer_id)
    return _answer(run, load_study(run), score.row(0, named=True), told)


def predict_features(run: Run, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Answer for a customer whom the run never saw.

    Parameters
    ----------
    raw
        A snapshot's given columns, or an order log's features, by name; may hold the customer's id
        and a cutoff_day, which is not read: the features are taken as those of the run's own day.

    Returns
    -------
    dict
        As `predict_customer`, and "warnings": what looks like another unit, or like nothing in the
        run.

    Raises
    ------
    DataError
        A column is unknown, or of another kind than in the run, or one that a model reads is
        missing.
    """
    scorer = Scorer(run)
    name = scorer.study.snapshot.columns.customer_id if scorer.study.snapshot else "customer_id"
    customer_id = str(raw.get(name, raw.get("customer_id", "new")))
    own = (name, "customer_id", "cutoff_day")
    given = scorer.given({key: value for key, value in raw.items() if key not in own})
    score = {"customer_id": customer_id, **scorer.score(given.values)}
    answer = _answer(run, scorer.study, score, scorer.reasons(given.values))
    return {**answer, "warnings": list(given.notes)}


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
    except FileNotFoundError:
        raise InputError(
            f"there is no {path}", fix="name a JSON file with one customer's features"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read: {error}", fix='write {"Frequency": 13, ...}'
        ) from None
    if not isinstance(raw, dict) or any(isinstance(value, dict | list) for value in raw.values()):
        raise InputError(f"{path} does not hold one customer", fix='write {"Frequency": 13, ...}')
    return raw


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number of JSON")


def _rows(run: Run, table: str, customer_id: str) -> pl.DataFrame:
    lazy = pl.scan_parquet(run.file(f"tables/{table}.parquet"))
    return lazy.filter(pl.col("customer_id") == customer_id).collect()


def _reasons_now(run: Run, customer_id: str) -> list[dict[str, Any]]:
    return Scorer(run).reasons(_rows(run, "features", customer_id).row(0, named=True))


def _answer(
    run: Run, study: Study, score: Mapping[str, Any], told: list[dict[str, Any]]
) -> dict[str, Any]:
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
        "reasons": told,
        "currency": study.currency,
        "evidence": evidence_sentence(summary),
        "run_id": run.run_id,
        "cutoff_day": summary["cutoff_day"],
        "cutoff_date": summary["cutoff_date"],
    }


def no_value(summary: Mapping[str, Any]) -> str | None:
    """Say why a run estimates nobody's revenue; None where it does. Its scores then hold 0, which
    is no estimate.
    """
    if summary["value"]["algorithm"] is not None:
        return None
    said = (
        finding["evidence"]
        for finding in summary["findings"]
        if finding["name"] == "no-value-label"
    )
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
    where = (
        "on customers not learnt from"
        if summary["study"]["kind"] == "snapshot"
        else "on time not seen"
    )
    return (
        f"{where}: {', '.join(parts)}"
        if parts
        else "nothing could be proved: see the report's findings"
    )
