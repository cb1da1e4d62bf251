"""What a run says of one customer: the same answer in the terminal, Python, the API and the
dashboard.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from holdfast.segments import churn_level
from holdfast.storage.runs import Run
from holdfast.study import SEGMENT_NAMES, Study
from holdfast.tables import SCORES

SHOWN_OTHERWISE = (
    "customer_id", "cutoff_day", "churn_probability", "expected_revenue", "value_tier", "segment",
)  # fmt: skip
_AS_THEY_ARE = tuple(name for name in SCORES.schema if name not in SHOWN_OTHERWISE)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Answers:
    """The answers of one run; what all customers share is worked out once.

    Attributes
    ----------
    stamp
        What every answer carries: run_id, cutoff_day, model_version, scored_at.
    no_value
        Why the run estimates nobody's revenue; None where it does.
    """

    def __init__(self, run: Run, study: Study) -> None:
        summary = run.summary
        self.no_value = explain_no_value(summary)
        self.stamp: dict[str, Any] = {
            "run_id": run.run_id,
            "cutoff_day": summary["cutoff_day"],
            "model_version": _model_version(run),
            "scored_at": run.manifest["created_at"],
        }
        shared = {
            **({"ltv_not_estimated": self.no_value} if self.no_value else {}),
            "currency": study.currency,
            "evidence": summarise_evidence(summary),
            "cutoff_date": summary["cutoff_date"],
            **self.stamp,
        }
        self._shared: dict[str, dict[str, Any]] = {
            name: {"segment": name, "actions": study.actions.get(name, []), **shared}
            for name in SEGMENT_NAMES
        }
        self._endings = {name: f",{_encode(part)[1:]}" for name, part in self._shared.items()}

    def answer(self, score: Mapping[str, Any]) -> dict[str, Any]:
        """Answer with the fields of the original system, then what stands behind them.

        Parameters
        ----------
        score
            A row of SCORES; of a customer who was scored just now it may lack columns.
        """
        return {**self._describe(score), **self._shared[score["segment"]]}

    def answer_now(self, customer_id: str, score: Mapping[str, Any]) -> dict[str, Any]:
        """Answer for a customer who was scored just now."""
        return {**self.answer({"customer_id": customer_id, **score}), "scored_at": utc_now()}

    def answer_json(self, score: Mapping[str, Any]) -> bytes:
        """`answer` as JSON; only what differs from customer to customer is encoded anew."""
        return (_encode(self._describe(score))[:-1] + self._endings[score["segment"]]).encode()

    def _describe(self, score: Mapping[str, Any]) -> dict[str, Any]:
        """The part that differs from customer to customer within a segment."""
        return {
            "customer_id": score["customer_id"],
            "churn_probability": score["churn_probability"],
            "churn_risk": churn_level(score["churn_probability"]),
            "predicted_ltv": None if self.no_value else score["expected_revenue"],
            "ltv_tier": None if self.no_value else score["value_tier"].capitalize(),
            **{name: _finite(score[name]) for name in _AS_THEY_ARE if name in score},
        }


def explain_no_value(summary: Mapping[str, Any]) -> str | None:
    """Say why a run estimates nobody's revenue; None where it does. Its scores then hold 0, which
    is no estimate.
    """
    if summary["value"]["algorithm"] is not None:
        return None
    evidence = (
        finding["evidence"]
        for finding in summary["findings"]
        if finding["name"] == "no-value-label"
    )
    return next(evidence, "no revenue was learnt")


def summarise_evidence(summary: Mapping[str, Any]) -> str:
    """One sentence on how good such predictions proved, mean over all test cutoffs."""
    parts = [
        _describe_metric(summary[task], metric, f"{task} {name}")
        for task, metric, name in (
            ("churn", "roc_auc", "AUC"),
            ("churn", "brier", "Brier"),
            ("value", "spearman", "Spearman"),
        )
    ]
    described = [part for part in parts if part]
    if not described:
        return "nothing could be proved: see the report's findings"
    snapshot = summary["study"]["kind"] == "snapshot"
    where = "on customers not learnt from" if snapshot else "on later data"
    tests = max(len(summary[task].get("test_cutoffs", [])) for task in ("churn", "value"))
    mean = f", mean of {tests} tests" if tests > 1 else ""
    return f"{where}{mean}: {', '.join(described)}"


def _describe_metric(task: Mapping[str, Any], metric: str, name: str) -> str:
    """A figure with its range, that of the naive baseline and the verdict; empty without it."""
    value, naive = task.get(metric), (task["baseline"] or {}).get(metric)
    if value is None or not isfinite(value):
        return ""
    low, high = task.get("range", {}).get(metric, (value, value))
    verdict = task.get("against_baseline", {}).get(metric, {}).get("verdict")
    notes = [f"{low:.3f} to {high:.3f}"] if low < high else []
    if naive is not None:
        notes.append(f"naive {naive:.3f}" + (f": {verdict}" if verdict else ""))
    return f"{name} {value:.3f}" + (f" ({'; '.join(notes)})" if notes else "")


def utc_now() -> str:
    """UTC, to the second."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _model_version(run: Run) -> str:
    """Twelve digits of the SHA-256 over the model files: two runs with equal models share it."""
    files = run.manifest["files"]
    names = sorted(name for name in files if name.startswith("models/"))
    text = "".join(f"{name}{files[name]['sha256']}" for name in names)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value
