"""Segments, and what keeping the riskiest of each tier would bring."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Response

from holdfast.api import fast_path
from holdfast.api.answers.segments import PlanAnswer, Rule, SegmentsAnswer, SegmentSummary
from holdfast.api.deps import (
    CurrentRequest,
    CurrentRun,
    answer,
    describe_body,
    refer_to,
    route,
)
from holdfast.api.examples import WHAT_IF
from holdfast.api.routes import needs
from holdfast.api.schemas import WhatIf
from holdfast.api.served import Served
from holdfast.campaigns import economics, recovery
from holdfast.campaigns.recovery import Campaign

router = APIRouter(tags=["segments"])


def _summarise(served: Served) -> dict[str, Any]:
    actions = served.scorer.study.actions
    rows = served.hide_unknown_value(
        served.table("segments"),
        "average_ltv",
        "total_ltv",
        "value_if_kept",
        "at_stake",
        "margin_if_kept",
        "margin_at_stake",
    )
    return {
        "total_customers": served.frame.height,
        "currency": served.scorer.study.currency,
        "segments": [
            {**row, "actions": actions.get(row["segment"], [])} for row in rows.to_dicts()
        ],
    }


@route(router, "GET", "/segment/summary", model=SegmentSummary)
def segment_summary(served: CurrentRun) -> Response:
    """Every segment: how many, worth what, at which risk, what to do."""
    return answer(served, _summarise(served))


@route(router, "GET", "/segments", model=SegmentsAnswer)
def segments(served: CurrentRun) -> Response:
    """Every segment, with the rule that puts customers there and the recovery that the study
    assumes.
    """
    rule = served.scorer.rule
    signals = [asdict(signal) for signal in rule.signals]
    body = {
        **_summarise(served),
        "rule": {**{name: getattr(rule, name) for name in Rule.model_fields}, "signals": signals},
        "recovery": served.table("recovery").to_dicts(),
    }
    return answer(served, body)


@route(
    router,
    "POST",
    "/simulate/recovery",
    *(400, 413, 415, 422),
    model=PlanAnswer,
    openapi_extra=describe_body(refer_to(WhatIf), WHAT_IF),
)
@needs("reader")
def simulate_recovery(request: CurrentRequest, served: CurrentRun) -> Response:
    """What recovery would cost and bring under other costs and rates: an assumption, with its
    range.
    """
    what_if = fast_path.validate(WhatIf, fast_path.parse_json(request.body))
    study, evidence = served.scorer.study, served.table("evidence")
    assumed = recovery.campaigns_of(study)
    given = {
        name: Campaign(**case.model_dump(), of=assumed[name].of if name in assumed else "lost")
        for name, case in what_if.segments.items()
    }
    segments, margin = served.table("segments"), what_if.margin_rate
    if margin is None:
        margin = economics.one_rate(segments, study)
    plan = recovery.simulate_recovery(
        segments,
        assumed | given,
        evidence,
        margin_rate=margin,
    )
    body = {
        "currency": study.currency,
        "segments": plan.to_dicts(),
        "total": recovery.add_up(plan),
        "margin_rate": margin,
        "uplift_source": "assumed",
        "range": recovery.explain_range(evidence),
    }
    return answer(served, body)
