"""What a run finds out about campaigns: what past ones did, and the plan that follows from them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from holdfast.campaigns.past.campaign_record import CampaignRecord, read_record
from holdfast.campaigns.past.readouts import PastCampaigns
from holdfast.campaigns.planning.budget_curve import budget_curve
from holdfast.campaigns.planning.make_plan import Planning, believe, make_plan, name_past_segments
from holdfast.campaigns.planning.plan_values import history_values, plan_values
from holdfast.errors import InputError
from holdfast.ingest.order_log import OrderLog
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Steps
from holdfast.study import Study
from holdfast.tables import PLAN


class CampaignOutcome(NamedTuple):
    """Tables, and parts of the summary: `campaigns`, `history` and `plan`, where there are any."""

    tables: Mapping[str, pl.DataFrame]
    summary: Mapping[str, Any]


def find_campaigns(
    study: Study,
    log: OrderLog,
    warehouse: Warehouse,
    tables: Mapping[str, pl.DataFrame],
    steps: Steps,
) -> CampaignOutcome:
    """Read the past campaigns of a log out, and plan with the study's offers.

    Parameters
    ----------
    tables
        scores, features, evidence and, where there are any, permissions.
    """
    if not (warehouse.has("treatments") or study.offers):
        return CampaignOutcome({}, {})
    with steps("Past campaigns") as step:
        record = read_record(study, warehouse, tables["features"], end_day=log.end_day)
        step.detail = f"{len(record.results)} read out, {len(record.refused)} not"
    outcome = CampaignOutcome(record.tables, {"campaigns": record.summary})
    if not study.offers:
        return outcome
    with steps("Plan") as step:
        planned = _plan(study, record.past, {**tables, **record.tables}, record)
        step.detail = "nobody" if "refused" in planned.summary["plan"] else "made"
    return CampaignOutcome(
        {**outcome.tables, **planned.tables}, {**outcome.summary, **planned.summary}
    )


def plan_snapshot(study: Study, tables: Mapping[str, pl.DataFrame]) -> CampaignOutcome:
    """Plan with the study's offers for the customers of a snapshot."""
    if not study.offers:
        return CampaignOutcome({}, {})
    return _plan(study, PastCampaigns.none(), tables)


def _plan(
    study: Study,
    past: PastCampaigns,
    tables: Mapping[str, pl.DataFrame],
    record: CampaignRecord | None = None,
) -> CampaignOutcome:
    """The history and the plan; where there can be no plan, why."""
    try:
        history = believe(study, name_past_segments(tables), past)
        worth = record.worth if record else ""
        summary = {"history": history_values(past, history, study, worth=worth)}
        planning = Planning.prepare(study, tables, past)
        curve = budget_curve(planning)
        made = make_plan(planning)
    except InputError as error:
        refused = {"problem": error.problem, "fix": error.fix}
        return CampaignOutcome({}, {"plan": {"refused": refused}})
    planned = {"plan": PLAN.check(made.customers), "budget_curve": curve}
    return CampaignOutcome(planned, {**summary, "plan": plan_values(made, study)})
