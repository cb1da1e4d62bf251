"""Campaigns: what past ones did, and whom to contact with what next."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from holdfast.api import fast_path
from holdfast.api.answer_schemas import CampaignPlanAnswer, CampaignsAnswer
from holdfast.api.deps import (
    CurrentRequest,
    CurrentRun,
    answer,
    describe_body,
    refer_to,
    route,
)
from holdfast.api.examples import PLAN
from holdfast.api.problems import Refused
from holdfast.api.routes import needs
from holdfast.api.schemas import PlanTerms
from holdfast.api.served import Served
from holdfast.campaigns.planning.make_plan import Planning, make_plan
from holdfast.campaigns.planning.plan_values import plan_values
from holdfast.decisions.plans import change_terms, recall_past
from holdfast.study import Study
from holdfast.tables import json_rows

router = APIRouter(tags=["campaigns"])
_KEPT = ("refused", "observed", "verdicts", "notes")


@route(router, "GET", "/campaigns", model=CampaignsAnswer)
def campaigns(served: CurrentRun) -> Response:
    """What past campaigns did, and what is believed of each offer in each segment."""
    kept = served.summary.get("campaigns") or {name: [] for name in _KEPT}
    history = served.summary.get("history") or {"cells": []}
    body = {
        "currency": served.scorer.study.currency,
        "days": served.scorer.study.plan.days,
        "campaigns": json_rows(served.table("campaigns")),
        "history": history["cells"],
        **{name: kept[name] for name in _KEPT},
    }
    return answer(served, body)


@route(
    router,
    "POST",
    "/plan",
    *(400, 409, 413, 415, 422),
    model=CampaignPlanAnswer,
    openapi_extra=describe_body(refer_to(PlanTerms), PLAN),
)
@needs("reader")
def plan(
    request: CurrentRequest,
    served: CurrentRun,
    limit: Annotated[int, Query(ge=0, le=10_000, description="Customers told, best first")] = 100,
) -> Response:
    """Who gets which offer within a budget, what it costs and may bring. Nothing is recorded: it is
    a calculation on the run that is served.
    """
    terms = fast_path.validate(PlanTerms, fast_path.parse_json(request.body))
    given = terms.model_dump(exclude_unset=True)
    offers = given.pop("offers", {})
    study = change_terms(served.scorer.study, plan=given, offers=offers)
    planned = make_plan(_prepare(served, study))
    customers = planned.customers.head(limit)
    body = {**plan_values(planned, study), "customers": json_rows(customers)}
    return answer(served, body)


def _prepare(served: Served, study: Study) -> Planning:
    known = recall_past(study, served.run, scores=served.frame)
    if known is None:
        raise Refused(
            409,
            "this run does not know what past campaigns did with these offers",
            fix="make a new one with `holdfast run`",
        )
    return Planning.prepare(study, known.tables, known.past)
