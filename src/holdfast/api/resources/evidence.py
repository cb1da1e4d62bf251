"""What stands behind the predictions: proofs, features, the forecast of the whole."""

from typing import Annotated, Literal

import polars as pl
from fastapi import APIRouter, Query, Response

from holdfast.api.answers.evidence import (
    ChannelsAnswer,
    EvidenceAnswer,
    FeaturesAnswer,
    ForecastAnswer,
    MonitorAnswer,
)
from holdfast.api.deps import CurrentRun, answer, route
from holdfast.api.problems import Refused
from holdfast.runs.monitoring import read_monitoring
from holdfast.serving.feature_list import list_features
from holdfast.serving.load import has_table
from holdfast.tables import json_rows

router = APIRouter(tags=["evidence"])
_CARD = "model_card.md"


@route(router, "GET", "/evidence", model=EvidenceAnswer)
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


@route(router, "GET", "/monitor", model=MonitorAnswer)
def monitor(served: CurrentRun) -> Response:
    """Whether the run still holds: drift in its last month, how good its predictions are expected
    to be before the outcomes are known, and what came of earlier ones.
    """
    return answer(served, read_monitoring(served.run).as_dict())


@route(router, "GET", "/features", model=FeaturesAnswer)
def features(served: CurrentRun) -> Response:
    """What the models read: unit and meaning of each column, and how much it counts."""
    return answer(served, {"features": list_features(served.scorer)})


@route(router, "GET", "/forecast", 404, 422, model=ForecastAnswer)
def forecast(
    served: CurrentRun,
    kind: Annotated[Literal["company", "cohort", "segment"], Query()] = "company",
) -> Response:
    """Expected revenue and purchases by week: of the company, of each cohort or of each segment;
    parts add up.
    """
    if not has_table(served.run, "forecast"):
        what = f"run {served.run_id} has no forecast"
        raise Refused(404, what, fix="make a new run with `holdfast run`")
    rows = served.table("forecast").filter(pl.col("group_kind") == kind)
    body = {
        "kind": kind,
        "currency": served.scorer.study.currency,
        "weeks": json_rows(rows.sort("group", "week_start_day").drop("group_kind")),
        "totals": served.summary.get("forecast"),
    }
    return answer(served, body)


@route(router, "GET", "/channels", 404, model=ChannelsAnswer)
def channels(served: CurrentRun) -> Response:
    """What customers won by each channel cost, have brought and are expected to bring, and in which
    month that covers the cost.
    """
    if not has_table(served.run, "channels"):
        what = f"run {served.run_id} has no figures of channels"
        raise Refused(404, what, fix="write [acquisition] in the study, and run it again")
    body = {
        "currency": served.scorer.study.currency,
        **{name: json_rows(served.table(name)) for name in ("channels", "channel_months")},
    }
    return answer(served, body)
