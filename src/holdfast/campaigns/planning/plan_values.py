"""A plan, and the history that it stands on, as plain values: for JSON, pages and tables."""

from typing import Any

import polars as pl

from holdfast.campaigns.past.readouts import PastCampaigns
from holdfast.campaigns.planning.contact_costs import ContactCosts
from holdfast.campaigns.planning.make_plan import CampaignPlan
from holdfast.campaigns.planning.offer_history import OfferHistory
from holdfast.campaigns.planning.plan_return import PlanReturn
from holdfast.study import Study
from holdfast.tables import json_rows

_SEGMENTS_NOTE = (
    "segments are those on the day of the contact, by the study's rule with {worth} in place of "
    "expected revenue and without the churn probability; today's segments would already know what "
    "the campaign did"
)


def history_values(
    past: PastCampaigns, history: OfferHistory, study: Study, *, worth: str
) -> dict[str, Any]:
    """What is believed of each offer in each segment, and where from, as plain values.

    Parameters
    ----------
    worth
        As of `PastSegments`; empty without any.
    """
    cells = history.table()
    readouts = past.readouts.group_by("offer", "segment").agg(pl.col("contacted", "held_out").sum())
    shown = cells.join(readouts, on=["offer", "segment"], how="left", maintain_order="left")
    lasting = past.persistence
    return {
        "currency": study.currency,
        "days": study.plan.days,
        "cells": json_rows(shown.with_columns(pl.col("contacted", "held_out").fill_null(0))),
        "persistence": json_rows(lasting.kappas) if lasting else [],
        "acceptance": ContactCosts.learn(study.offers, past.accepted).values(),
        "observed": [
            {"campaign": campaign, "offer": offer, **seen.as_dict()}
            for (campaign, offer), seen in past.observed.items()
        ],
        "notes": [
            *([_SEGMENTS_NOTE.format(worth=_name_worth(worth))] if worth else []),
            *past.notes,
            *([lasting.claim] if lasting else []),
        ],
        "findings": [finding.as_dict() for finding in past.findings],
    }  # fmt: skip


def _name_worth(feature: str) -> str:
    """ "spend_90d" -> "spend in 90 days"."""
    what, days = feature.removeprefix("n_").split("_")
    return f"{what} in {days.removesuffix('d')} days"


def plan_values(made: CampaignPlan, study: Study) -> dict[str, Any]:
    """The plan as plain values; of each offer its cost, its return and the break-even beside what
    is known.
    """
    arms = made.customers["arm"]
    prices = made.allocation.prices
    return {
        "currency": study.currency,
        "days": study.plan.days,
        "claimed_days": made.claimed_days,
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
