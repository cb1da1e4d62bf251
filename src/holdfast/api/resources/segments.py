"""Segments, and what keeping those at risk would bring."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError

from holdfast.api import fast_path
from holdfast.api.deps import AskedNow, Current, answer, problems
from holdfast.api.examples import WHAT_IF
from holdfast.api.problems import Refused
from holdfast.api.schemas import Anything, SegmentsAnswer, WhatIf
from holdfast.api.served import Served
from holdfast.campaigns.what_if import Assumption, recovery_what_if
from holdfast.tables import SEGMENTS

router = APIRouter(tags=["segments"])


def _rows(served: Served) -> list[dict[str, Any]]:
    table = served.table("segments")
    actions = served.scorer.study.actions
    rows = served.without_zeros(
        table if table is not None else SEGMENTS.empty(), "average_ltv", "total_ltv"
    )
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
    assumed: dict[str, Assumption] = {
        name: Assumption(**case.model_dump()) for name, case in wanted.segments.items()
    }
    table = served.table("segments")
    found = await run_in_threadpool(
        recovery_what_if,
        served.scorer.study,
        SEGMENTS.empty() if table is None else table,
        assumed,
        margin_rate=wanted.margin_rate,
    )
    return answer(served, {"currency": served.scorer.study.currency, **found})


SCHEMAS = (WhatIf,)
