"""Segments, and what keeping those at risk would bring."""

from typing import Any

import polars as pl
from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError

from holdfast.api import fast_path
from holdfast.api.deps import AskedNow, Current, answer, problems
from holdfast.api.examples import WHAT_IF
from holdfast.api.problems import Refused
from holdfast.api.schemas import Anything, SegmentsAnswer, WhatIf
from holdfast.api.served import Served
from holdfast.campaigns.recovery import Campaign, add_up, campaigns_of, explain_range
from holdfast.campaigns.recovery import simulate_recovery as simulate
from holdfast.tables import EVIDENCE, SEGMENTS, Contract

router = APIRouter(tags=["segments"])


def _rows(served: Served) -> list[dict[str, Any]]:
    actions = served.scorer.study.actions
    rows = served.without_zeros(_table(served, "segments", SEGMENTS), "average_ltv", "total_ltv")
    return [{**row, "actions": actions.get(row["segment"], [])} for row in rows.to_dicts()]


@router.get("/segment/summary", response_model=SegmentsAnswer, responses=problems())
def segment_summary(served: Current) -> Response:
    """Every segment: how many, worth what, at which risk, what to do."""
    told = {
        "total_customers": served.frame.height,
        "currency": served.scorer.study.currency,
        "segments": _rows(served),
    }
    return answer(served, told)


@router.get("/segments", response_model=SegmentsAnswer, responses=problems())
def segments(served: Current) -> Response:
    """The same, with the rule that puts customers there and the recovery that the study assumes."""
    rule, recovery = served.scorer.rule, served.table("recovery")
    told = {
        "total_customers": served.frame.height,
        "currency": served.scorer.study.currency,
        "segments": _rows(served),
        "rule": {
            "mid_above": rule.mid_above,
            "high_above": rule.high_above,
            "high_risk_rank": rule.high_risk_rank,
            "signals": [
                {"name": s.name, "weight": s.weight, "low": s.low, "high": s.high}
                for s in rule.signals
            ],
        },
        "recovery": recovery.to_dicts() if recovery is not None else [],
    }
    return answer(served, told)


@router.post(
    "/simulate/recovery",
    response_model=Anything,
    responses=problems(400, 413, 415, 422),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/WhatIf"},
                    "examples": {"what-if": WHAT_IF},
                }
            },
        }
    },
)
async def simulate_recovery(asked: AskedNow, served: Current) -> Response:
    """What recovery would cost and bring under other costs and rates: an assumption, told with its
    range.
    """
    try:
        wanted = WhatIf.model_validate(fast_path.parsed(asked.body))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Refused(
            422, f"{where[:200]}: {first['msg']}", fix="see the example in the documentation"
        ) from None
    study = served.scorer.study
    given = {name: Campaign(**case.model_dump()) for name, case in wanted.segments.items()}
    margin = study.value.margin_rate if wanted.margin_rate is None else wanted.margin_rate
    past = _table(served, "evidence", EVIDENCE)
    plan = await run_in_threadpool(
        simulate,
        _table(served, "segments", SEGMENTS),
        campaigns_of(study) | given,
        past,
        margin_rate=margin,
    )
    told = {
        "currency": study.currency,
        "segments": plan.to_dicts(),
        "total": add_up(plan),
        "margin_rate": margin,
        "uplift_source": "assumed",
        "range": explain_range(past),
    }
    return answer(served, told)


def _table(served: Served, name: str, contract: Contract) -> pl.DataFrame:
    table = served.table(name)
    return contract.empty() if table is None else table


SCHEMAS = (WhatIf,)
