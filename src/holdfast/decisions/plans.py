"""Plans: from a published run, the log's past campaigns and the study's offers to what is believed
of each offer, to a plan, and to the two lists of who is contacted and who is left alone.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.campaigns.past.readouts import (
    PastCampaigns,
    PastSegments,
    count_days_before,
    read_campaigns,
)
from holdfast.campaigns.planning.make_plan import (
    CampaignPlan,
    OfferHistory,
    learn_offers,
    make_plan,
    margin_at_stake,
)
from holdfast.campaigns.planning.plan_return import PlanReturn
from holdfast.campaigns.treatments import CONTACT, HOLD_OUT
from holdfast.decisions.contacts import drop_untouchable, write_arms
from holdfast.errors import DataError, InputError, NotEnoughData
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Listener, Silence, Steps
from holdfast.report.formatting import feature
from holdfast.serving.load import read_table
from holdfast.storage.run_folder import Run
from holdfast.study import Offer, Study
from holdfast.tables import json_rows

_SEGMENTS_NOTE = (
    "segments are those on the day of the contact, by the study's rule with {worth} in place of "
    "expected revenue and without the churn probability; today's segments would already know what "
    "the campaign did"
)


@dataclass(frozen=True, kw_only=True)
class PastAndOffers:
    """Past campaigns, what is believed of the offers, and the run's customers with the segment by
    which the past tells of them.

    Attributes
    ----------
    worth
        The feature in place of expected revenue in past segments; empty without any.
    """

    study: Study
    run: Run
    past: PastCampaigns
    customers: pl.DataFrame
    worth: str = ""

    @property
    def offers(self) -> OfferHistory:
        """What is believed of the study's offers; without any, of its campaigns as contacts."""
        if not self.study.offers and self.past.readouts.is_empty():
            raise NotEnoughData(
                "the study has no offer, and its data no past campaign with enough customers",
                fix="write [offers.NAME], and name the table of past campaigns in [treatments]",
            )
        offers = self.study.offers or {CONTACT: Offer(cost=0)}
        margin = margin_at_stake(self.customers, self.study)
        return learn_offers(offers, self.past, at_stake=max(float(margin.mean()), 1e-9))


def read_past(study: Study, run: Run, *, listener: Listener | None = None) -> PastAndOffers:
    """Read the log's past campaigns, seen from the customers of a run.

    Raises
    ------
    NotEnoughData
        The run has no customer.
    DataError
        The run is older than what is at stake of its customers.
    """
    scores = read_table(run, "scores")
    if scores.is_empty():
        raise NotEnoughData(f"run {run.run_id} has no customer", fix="widen churn.eligible")
    if "at_stake" not in scores.columns:
        raise DataError(
            f"run {run.run_id} is older than what is at stake of a customer",
            fix="make a new one with `holdfast run`",
        )
    steps = Steps(listener or Silence())
    if study.transactions is None:
        customers = scores.with_columns(past_segment=pl.col("segment").cast(pl.String))
        return PastAndOffers(study=study, run=run, past=PastCampaigns.none(), customers=customers)
    features = scores.select("customer_id").join(
        read_table(run, "features"), on="customer_id", how="left", maintain_order="left"
    )
    with Warehouse.temporary() as warehouse:
        with steps("Read the log") as step:
            log = read_order_log(study, warehouse)
            step.detail = log.size
        with steps("Read past campaigns") as step:
            seen = count_days_before(warehouse)
            segments = PastSegments.learn(study, features, days_seen=seen)
            past = read_campaigns(study, warehouse, segments, end_day=log.end_day)
            step.detail = f"{len(past.offers)} campaigns"
    customers = scores.with_columns(past_segment=segments.of(features))
    return PastAndOffers(study=study, run=run, past=past, customers=customers, worth=segments.worth)


def plan(
    study: Study, run: Run, *, budget: float | None = None, listener: Listener | None = None
) -> CampaignPlan:
    """Plan with the study's offers.

    Parameters
    ----------
    budget
        In place of the study's.

    Raises
    ------
    InputError
        There is nothing to plan with, or nothing pays.
    """
    if budget is not None:
        if not budget >= 0:  # nor anything that is no number
            raise InputError(f"the budget is {budget:g}", fix="give an amount above 0")
        limited = study.plan.model_copy(update={"budget": budget})
        study = study.model_copy(update={"plan": limited})
    history = read_past(study, run, listener=listener)
    customers, notes = drop_untouchable(history.customers, run, study)
    made = make_plan(customers, study, history.past, evidence=read_table(run, "evidence"))
    return replace(made, notes=(*made.notes, *notes))


def summarise_history(history: PastAndOffers) -> dict[str, Any]:
    """The history as plain values."""
    cells = history.offers.table()
    readouts = history.past.readouts.group_by("offer", "segment").agg(
        pl.col("contacted", "held_out").sum()
    )
    shown = cells.join(readouts, on=["offer", "segment"], how="left", maintain_order="left")
    terms = {name: offer.acceptance for name, offer in history.study.offers.items()}
    return {
        "run_id": history.run.run_id,
        "currency": history.study.currency,
        "days": history.study.plan.days,
        "cells": json_rows(shown.with_columns(pl.col("contacted", "held_out").fill_null(0))),
        "acceptance": [
            {"offer": name, "acceptance": share, "source": "assumed"}
            for name, share in terms.items()
            if share
        ],
        "observed": [
            {
                "campaign": name, "offer": history.past.offers[name], "refused": seen.refused,
                "overlap": seen.overlap, "placebo": seen.placebo, "effect": seen.effect,
                "ranges": {str(each): ends for each, ends in seen.ranges.items()},
                "e_value": seen.e_value, "test_size": seen.test_size,
            }
            for name, seen in history.past.observed.items()
        ],
        "notes": [
            *([_SEGMENTS_NOTE.format(worth=feature(history.worth))] if history.worth else []),
            *history.past.notes,
        ],
        "findings": [finding.as_dict() for finding in history.past.findings],
    }  # fmt: skip


def summarise_plan(made: CampaignPlan, study: Study, run: Run) -> dict[str, Any]:
    """The plan as plain values; of each offer its cost, its return and the break-even beside what
    is known.
    """
    arms = made.customers["arm"]
    prices = made.allocation.prices
    return {
        "run_id": run.run_id,
        "currency": study.currency,
        "days": study.plan.days,
        "contacted": int((arms == "contact").sum()),
        "held_out": int((arms == "hold out").sum()),
        "total": _return_values(made.total),
        "budget_price": prices.budget,
        "contact_price": prices.contacts,
        "offers": [
            _offer_values(made, name, each) | {"capacity_price": float(price)}
            for (name, each), price in zip(made.offers.items(), prices.capacity, strict=True)
        ],
        "cells": json_rows(_per_contact(made, made.total.cells)),
        "notes": [*made.notes, *made.total.notes, *_list_unfounded(made)],
    }


def _return_values(each: PlanReturn) -> dict[str, Any]:
    net, low, high = each.net
    roi = each.roi or (None, None, None)
    return {
        "cost": each.cost, "net": net, "net_low": low, "net_high": high,
        "roi": roi[0], "roi_low": roi[1], "roi_high": roi[2],
        "p_net_above_0": each.p_net_above_0, "expected_loss": each.expected_loss,
    }  # fmt: skip


def _list_unfounded(made: CampaignPlan) -> list[str]:
    """Sentences on offers that nobody gets because nothing sure is known of them."""
    offers = made.history.table().filter(uplift_source="observed")["offer"].unique().sort()
    return [
        f"{name} is given to nobody: its past campaigns had no hold-out, so what it brings is not "
        "known; hold some customers out next time"
        for name in offers
    ]


def _per_contact(made: CampaignPlan, cells: pl.DataFrame) -> pl.DataFrame:
    """The cells with contacts; what an offer that was tried adds is margin per contact."""
    is_rate = pl.col("offer").is_in(list(made.history.rates))
    factor = pl.when(is_rate).then(1.0).otherwise(pl.col("exposure") / pl.col("contacts"))
    return cells.filter(pl.col("contacts") > 0).with_columns(
        pl.col("uplift", "break_even") * factor
    )


def _offer_values(made: CampaignPlan, name: str, each: PlanReturn) -> dict[str, Any]:
    """One offer's part of the plan, its uplift beside that at which it only breaks even."""
    cells = each.cells.filter(pl.col("contacts") > 0)
    units = float(cells["exposure" if name in made.history.rates else "contacts"].sum())
    rows = made.customers.filter(offer=name)
    return {
        "offer": name,
        "contacts": int(cells["contacts"].sum()),
        **_return_values(each),
        **({} if units else {"p_net_above_0": None}),
        "uplift": (each.net[0] + each.cost) / units if units else None,
        "break_even": each.cost / units if units else None,
        "unit": "rate" if name in made.history.rates else "margin",
        "uplift_source": " and ".join(rows["uplift_source"].unique().sort().to_list()) or None,
    }


def write_lists(made: CampaignPlan, path: Path, *, project: Path, run: Run) -> tuple[Path, Path]:
    """Write whom to contact to `path`, and beside it whom to leave alone.

    Raises
    ------
    InputError
        The file is neither CSV nor Parquet, or cannot be written.
    """
    contacted, held_out = (
        made.customers.filter(arm=arm).drop("arm").with_columns(run_id=pl.lit(run.run_id))
        for arm in (CONTACT, HOLD_OUT)
    )
    other = write_arms(path, contacted, held_out, project=project, deed="plan", run_id=run.run_id)
    return path, other
