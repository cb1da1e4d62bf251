"""What stands behind the predictions: proofs, features, the forecast of the whole."""

from typing import Annotated, Literal

import polars as pl
from fastapi import APIRouter, Query, Response

from holdfast.api.answer_schemas import EvidenceAnswer, FeaturesAnswer, ForecastAnswer
from holdfast.api.deps import CurrentRun, answer, route
from holdfast.api.problems import Refused
from holdfast.serving.feature_list import list_features
from holdfast.serving.load import has_table
from holdfast.tables import json_rows

router = APIRouter(tags=["evidence"])
_CARD = "model_card.md"
_EVIDENCE = {
    "kind": "log",
    "churn": {"algorithm": "lightgbm", "roc_auc": 0.87},
    "value": {"algorithm": "lightgbm", "spearman": 0.62},
    "findings": [],
    "evidence": [],
    "horizon_evidence": [],
    "model_card": "# Model card",
}
_FEATURE = {
    "name": "n_purchases",
    "group": "purchases",
    "unit": "count",
    "sentence": "Days with a purchase in all",
    "kind": "number",
    "needed": True,
    "importance": {"churn": 0.4, "value": 1.0},
}
_TOTALS = {"expected_revenue": {"30": 2750.0}, "customers": 1500, "weeks": 53}
_FORECAST = {"kind": "company", "currency": "EUR", "weeks": [], "totals": _TOTALS}


@route(router, "GET", "/evidence", model=EvidenceAnswer, example=_EVIDENCE)
def evidence(served: CurrentRun) -> Response:
    """How good the predictions proved: backtest and calibration beside naive baselines, and the
    model card.
    """
    summary, run = served.summary, served.run
    body = {
        "kind": summary["study"]["kind"],
        **{name: summary[name] for name in ("churn", "value", "findings")},
        **{n: json_rows(served.table(n)) for n in ("evidence", "horizon_evidence")},
        "model_card": run.read(_CARD).decode() if _CARD in run.manifest["files"] else None,
    }
    return answer(served, body)


@route(
    router,
    "GET",
    "/features",
    model=FeaturesAnswer,
    example={"features": [_FEATURE]},
)
def features(served: CurrentRun) -> Response:
    """What the models read: unit and meaning of each column, and how much it counts."""
    return answer(served, {"features": list_features(served.scorer)})


@route(router, "GET", "/forecast", 404, 422, model=ForecastAnswer, example=_FORECAST)
def forecast(
    served: CurrentRun,
    kind: Annotated[Literal["company", "cohort", "segment"], Query()] = "company",
) -> Response:
    """Expected revenue and purchases by week: of the company, of each cohort or of each segment;
    parts add up.
    """
    if not has_table(served.run, "forecast"):
        what = f"run {served.run_id} has no forecast"
        raise Refused(404, what, fix="run the study again with this version")
    rows = served.table("forecast").filter(pl.col("group_kind") == kind)
    body = {
        "kind": kind,
        "currency": served.scorer.study.currency,
        "weeks": json_rows(rows.sort("group", "week_start_day").drop("group_kind")),
        "totals": served.summary.get("forecast"),
    }
    return answer(served, body)
