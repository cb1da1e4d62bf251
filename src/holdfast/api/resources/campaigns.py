"""Campaigns: what past ones did, and whom to contact with what next."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response

from holdfast.api import fast_path
from holdfast.api.answers.campaigns import CampaignPlanAnswer, CampaignsAnswer, ExperimentAnswer
from holdfast.api.context import RequestContext
from holdfast.api.deps import (
    CurrentRequest,
    CurrentRun,
    answer,
    describe_body,
    refer_to,
    reply,
    route,
)
from holdfast.api.examples import EXPERIMENT, PLAN
from holdfast.api.problems import Refused
from holdfast.api.resources.runs import Token
from holdfast.api.routes import needs
from holdfast.api.schemas import Experiment, PlanTerms
from holdfast.api.served import Served
from holdfast.report.plan_tables import effect_unit, verdict_sentence
from holdfast.storage.keys import describe_key
from holdfast.study import Study
from holdfast.tables import json_rows

if TYPE_CHECKING:
    from holdfast.campaigns.planning.make_plan import Planning
    from holdfast.decisions.experiments import DrawnExperiment

router = APIRouter(tags=["campaigns"])
LARGEST_DRAW = 100_000
"""Customers in an answer; more would take minutes to send."""
_KEPT = ("refused", "observed", "verdicts", "notes")


@route(router, "GET", "/campaigns", model=CampaignsAnswer)
def campaigns(served: CurrentRun) -> Response:
    """What past campaigns did, and what is believed of each offer in each segment."""
    kept = served.summary.get("campaigns") or {name: [] for name in _KEPT}
    history = served.summary.get("history") or {"cells": []}
    currency = served.scorer.study.currency
    unit = effect_unit(kept.get("outcome", "margin"), currency)
    verdicts = [
        {**verdict, "sentence": verdict_sentence(verdict, unit=unit)}
        for verdict in kept["verdicts"]
    ]
    body = {
        "currency": currency,
        "days": served.scorer.study.plan.days,
        "campaigns": json_rows(served.table("campaigns")),
        "history": history["cells"],
        **{name: kept[name] for name in _KEPT},
        "verdicts": verdicts,
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
    limit: Annotated[
        int, Query(ge=0, le=10_000, description="How many customers to list, the best first")
    ] = 100,
) -> Response:
    """Who gets which offer within a budget, what it costs and may bring. Nothing is recorded: it is
    a calculation on the run that is served.
    """
    # It brings an optimiser, which a server that nobody asks for a plan never needs.
    from holdfast.campaigns.planning.make_plan import make_plan
    from holdfast.campaigns.planning.plan_values import plan_values
    from holdfast.decisions.plans import change_terms

    terms = fast_path.validate(PlanTerms, fast_path.parse_json(request.body))
    given = terms.model_dump(exclude_unset=True)
    offers = given.pop("offers", {})
    study = change_terms(served.scorer.study, plan=given, offers=offers)
    planned = make_plan(_prepare(served, study))
    customers = planned.customers.head(limit)
    body = {**plan_values(planned, study), "customers": json_rows(customers)}
    return answer(served, body)


@route(
    router,
    "POST",
    "/experiments",
    *(400, 409, 413, 415, 422),
    model=ExperimentAnswer,
    openapi_extra=describe_body(refer_to(Experiment), EXPERIMENT),
)
def draw(request: CurrentRequest, served: CurrentRun, token: Token = None) -> Response:
    """Draw the arms of a campaign among the customers of the run, and record them: once its window
    is over, the next run reads out what it did. Send only to the arm `contact`.
    """
    from holdfast.campaigns.experiments.contact_list import Draw
    from holdfast.decisions.experiments import draw_experiment

    experiment = fast_path.validate(Experiment, fast_path.parse_json(request.body))
    drawn = draw_experiment(
        served.frame,
        served.table("permissions"),
        Draw(**{**experiment.model_dump(), "segments": tuple(experiment.segments)}),
        study=served.scorer.study,
        run_id=served.run_id,
    )
    if drawn.customers.height > LARGEST_DRAW:
        raise Refused(
            422,
            f"{drawn.customers.height:,} customers are drawn, and an answer holds {LARGEST_DRAW:,}",
            fix="give a size or segments, or use `holdfast experiment design --list`",
        )
    status, body = request.context.idempotency.change_once(
        token,
        f"experiments\n{request.body.decode()}",
        holder=request.key.key_id,
        change=lambda: (200, _record(drawn, request, served)),
    )
    details = {"notes": list(drawn.notes), "customers": json_rows(drawn.customers)}
    return reply({**body, **details, **served.stamp}, status=status)


def _record(drawn: "DrawnExperiment", request: RequestContext, served: Served) -> dict[str, Any]:
    from holdfast.decisions.contacts import record_list

    project = request.context.settings.project
    study = served.scorer.study.model_copy(update={"project_dir": project})
    offers = served.summary.get("campaigns", {}).get("offers", {})
    who = describe_key(request.key)
    with record_list(drawn.listed, study, how="api", taken=offers, who=who) as export_id:
        return {"export_id": export_id, **drawn.listed.facts}


def _prepare(served: Served, study: Study) -> "Planning":
    from holdfast.campaigns.planning.make_plan import Planning
    from holdfast.decisions.plans import recall_past

    recalled = recall_past(study, served.run, scores=served.frame)
    if recalled is None:
        raise Refused(
            409,
            "this run does not know what past campaigns did with these offers",
            fix="make a new one with `holdfast run`",
        )
    return Planning.prepare(study, recalled.tables, recalled.past)
