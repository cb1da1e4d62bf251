"""A plan: who gets which offer, whom to hold out, what it costs and what it may bring.

What an offer is worth to a customer is the margin per head that past experiments let expect in the
customer's segment; without any, `margin x assumed rate x what is at stake of the customer`. Of an
offer of which only campaigns without a hold-out tell, nothing is known, and it is given to nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from holdfast.arrays import Booleans, Matrix, Vector
from holdfast.campaigns import economics
from holdfast.campaigns.experiments.assignment import GLOBAL_SALT, hold_out
from holdfast.campaigns.past.history import (
    Assumed,
    History,
    SeparateHistories,
    learn_history,
)
from holdfast.campaigns.past.readouts import PastCampaigns
from holdfast.campaigns.planning.allocation import Allocation, allocate
from holdfast.campaigns.planning.offers import Limits
from holdfast.campaigns.planning.plan_return import PlanReturn, simulate_plan
from holdfast.errors import InputError, StudyError
from holdfast.evaluation.totals import level_error, total_ratios
from holdfast.study import SEGMENT_NAMES, Offer, Study

SOURCES = {
    "measured": "experiment", "pooled": "experiment", "observed": "observed", "assumed": "assumed",
}  # fmt: skip
"""Of a cell's basis, what its uplift comes from."""


_IN_MARGIN = (
    "mean", "deviation", "low", "high", "measured_effect", "measured_error", "assumed",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class OfferHistory:
    """What is believed of the offers.

    Attributes
    ----------
    beliefs
        Cells of segment and offer. The uplift of an offer that was tried is a share of what the
        held-out of the segment brought; that of one that was never tried is a rate.
    rates
        Names of the offers that were never tried.
    base
        Segment -> what the held-out brought, margin per head.
    """

    beliefs: SeparateHistories
    rates: frozenset[str]
    base: Mapping[str, float]

    def table(self) -> pl.DataFrame:
        """The cells, uplift_source, and `unit`: "rate", or "margin" per customer contacted."""
        is_rate = pl.col("offer").is_in(list(self.rates))
        base = pl.col("segment").replace_strict(self.base, default=1.0, return_dtype=pl.Float64)
        return self.beliefs.cells.with_columns(
            pl.col(_IN_MARGIN) * pl.when(is_rate).then(1.0).otherwise(base),
            unit=pl.when(is_rate).then(pl.lit("rate")).otherwise(pl.lit("margin")),
            uplift_source=pl.col("basis").replace_strict(SOURCES, return_dtype=pl.String),
        )


def learn_offers(
    offers: Mapping[str, Offer], past: PastCampaigns, *, at_stake: float
) -> OfferHistory:
    """Learn what each offer adds in each segment; offers that were tried teach each other.

    They do so as shares of what the held-out brought: segments that spend ten times as much are
    alike in these, and not in money. An offer without any experiment learns nothing from others.

    Parameters
    ----------
    at_stake
        Margin at stake of a customer on average: no contact brings much more, and where no rate is
        assumed this is how far from 0 an uplift may be.

    Raises
    ------
    StudyError
        An offer was never tried, and no rate is assumed.
    """
    measured, observed, never = _sort_by_source(offers, past.readouts)
    for name in never:
        if offers[name].rate is None:
            raise StudyError(
                f"nothing says what the offer '{name}' brings: no past campaign made it, and no "
                "rate is assumed",
                fix=f"name its campaigns in [offers.{name}], or give the rate that you assume",
            )
    nothing = past.readouts.clear()
    parts = [_learn(nothing, [name], Assumed(uplift=_rate(offers[name]))) for name in never]
    base, overall = _bases(past.readouts)
    shares = past.readouts.with_columns(
        pl.col("effect", "standard_error")
        / pl.col("segment").replace_strict(base, return_dtype=pl.Float64)
    )
    for tried in (measured, *([name] for name in observed)):
        if tried:
            rates = [_rate(offers[name]) for name in tried if offers[name].rate is not None]
            share = at_stake / overall
            assumed = Assumed(uplift=float(np.mean(rates or [0.0])) * share, spread=share)
            parts.append(_learn(shares.filter(pl.col("offer").is_in(tried)), tried, assumed))
    return OfferHistory(beliefs=SeparateHistories(tuple(parts)), rates=frozenset(never), base=base)


def _sort_by_source(
    offers: Mapping[str, Offer], readouts: pl.DataFrame
) -> tuple[list[str], list[str], list[str]]:
    """Offers with an experiment, those that were only observed, and those never tried."""
    measured = set(readouts.filter(uplift_source="experiment")["offer"])
    tried = set(readouts["offer"])
    return (
        [name for name in offers if name in measured],
        [name for name in offers if name in tried - measured],
        [name for name in offers if name not in tried],
    )


def _rate(offer: Offer) -> float:
    return offer.rate or 0.0


def _bases(readouts: pl.DataFrame) -> tuple[dict[str, float], float]:
    """What the held-out brought in each segment and in all; where they brought nothing, or nobody
    was held out, as in all.
    """
    held = readouts.drop_nulls("mean_held_out")
    brought = pl.col("mean_held_out") * pl.col("held_out")
    mean = brought.sum() / pl.col("held_out").sum()
    by_segment = dict(held.group_by("segment").agg(mean).iter_rows())
    overall = held.select(mean).item() if held.height else None
    overall = overall if overall is not None and overall > 0 else 1.0
    of = {name: by_segment.get(name) or overall for name in SEGMENT_NAMES}
    return {name: each if each > 0 else overall for name, each in of.items()}, overall


def _learn(readouts: pl.DataFrame, offers: list[str], assumed: Assumed) -> History:
    return learn_history(readouts, segments=SEGMENT_NAMES, offers=offers, assumed=assumed)


@dataclass(frozen=True, kw_only=True)
class CampaignPlan:
    """A plan.

    Attributes
    ----------
    customers
        Everybody who gets an offer or would have got it: customer_id, segment, offer, arm
        ("contact" or "hold out"), expected_uplift (margin, before the cost), cost (currency),
        uplift_source; most net first.
    total
        What the whole plan may bring.
    offers
        Offer -> the same of it alone.
    allocation
        With the prices of the limits.
    notes
        Sentences on who is left out.
    """

    customers: pl.DataFrame
    total: PlanReturn
    offers: Mapping[str, PlanReturn]
    allocation: Allocation
    history: OfferHistory
    notes: tuple[str, ...] = ()


def make_plan(
    customers: pl.DataFrame, study: Study, past: PastCampaigns, *, evidence: pl.DataFrame
) -> CampaignPlan:
    """Choose at most one offer per customer within the study's limits.

    Parameters
    ----------
    customers
        SCORES, and `past_segment`: the segment by which the past tells of a customer.
    evidence
        EVIDENCE of the run: how far off predicted totals were.

    Raises
    ------
    StudyError
        There is no offer, or nothing says what one brings.
    InputError
        Nothing pays, or the limits leave nothing to give.
    """
    _check(study)
    margin = margin_at_stake(customers, study)
    history = learn_offers(study.offers, past, at_stake=max(float(margin.mean()), 1e-9))
    cells = history.table()
    value, founded = _values(customers, cells, margin, study)
    out = hold_out(
        customers["customer_id"],
        salt=f"{GLOBAL_SALT} {study.name}",
        share=study.plan.holdout_share,
    )
    allocation = allocate(
        value,
        np.array([offer.cost_per_contact for offer in study.offers.values()]),
        _limits(study),
        eligible=founded & _eligible(customers, study),
        held_out=out if out.any() else None,
        seed=study.seed,
    )
    if not allocation.contacted.any():
        raise _explain_nothing(allocation, cells)
    chosen = _list_choices(customers, study, allocation, value, out, cells)
    total, each = _returns(chosen, study, history, evidence)
    best_first = pl.col("expected_uplift") - pl.col("cost")
    return CampaignPlan(
        customers=chosen.drop("past_segment", "at_stake").sort(
            best_first, "customer_id", descending=[True, False]
        ),
        total=total, offers=each, allocation=allocation, history=history,
    )  # fmt: skip


def margin_at_stake(customers: pl.DataFrame, study: Study) -> Vector:
    """What is at stake of each customer, as margin: currency, (n_customers,)."""
    rate = economics.margin_rate(customers, study)
    return customers.select(margin=pl.col("at_stake") * rate)["margin"].to_numpy()


def _check(study: Study) -> None:
    if not study.offers:
        raise StudyError(
            "the study has no offer, so there is nothing to plan",
            fix="write [offers.NAME] with its cost, and its past campaigns or an assumed rate",
        )
    if study.plan.budget == 0:
        raise InputError(
            "the budget is 0, so nobody is contacted", fix="give a budget, or leave it out"
        )


def _explain_nothing(allocation: Allocation, cells: pl.DataFrame) -> InputError:
    if set(cells["basis"]) == {"observed"}:
        return InputError(
            "no offer's past campaign had a hold-out, so what any brings is not known, and nobody "
            "is contacted",
            fix="hold some customers out next time; to plan on an assumed rate, take the campaigns "
            "out of [offers]",
        )
    problem, _, fix = "; ".join(allocation.notes).partition("; ")
    return InputError(problem, fix=fix)


def _limits(study: Study) -> Limits:
    capacity = [
        np.inf if offer.capacity is None else offer.capacity for offer in study.offers.values()
    ]
    plan = study.plan
    return Limits(
        budget=plan.budget,
        capacity=capacity,
        contacts=plan.contacts,
        least_return=plan.least_return,
    )


def _values(
    customers: pl.DataFrame, cells: pl.DataFrame, margin: Vector, study: Study
) -> tuple[Matrix, Booleans]:
    """What each offer is expected to add for each customer, and whether anything says so."""
    values, founded = [], []
    for name in study.offers:
        of_offer = cells.filter(offer=name).select("segment", "mean", "unit", "basis")
        rows = customers.select(segment="past_segment").join(
            of_offer, on="segment", how="left", maintain_order="left"
        )
        unit = np.where((rows["unit"] == "rate").to_numpy(), margin, 1.0)
        values.append(rows["mean"].to_numpy() * unit)
        founded.append((rows["basis"] != "observed").to_numpy())
    return np.column_stack(values), np.column_stack(founded)


def _eligible(customers: pl.DataFrame, study: Study) -> Booleans:
    segment = customers["segment"].cast(pl.String)
    return np.column_stack(
        [
            segment.is_in(offer.segments or SEGMENT_NAMES).to_numpy()
            for offer in study.offers.values()
        ]
    )


def _list_choices(
    customers: pl.DataFrame,
    study: Study,
    allocation: Allocation,
    value: Matrix,
    out: Booleans,
    cells: pl.DataFrame,
) -> pl.DataFrame:
    """Everybody who gets an offer, or would have got it but for the hold-out."""
    rows = np.flatnonzero(allocation.contacted | (out & (allocation.offer > 0)))
    offer = allocation.offer[rows].astype(np.int64) - 1
    costs = np.array([each.cost_per_contact for each in study.offers.values()])
    margin = pl.Series(margin_at_stake(customers, study)[rows])
    chosen = customers[rows].select(
        "customer_id", pl.col("segment").cast(pl.String), "past_segment", at_stake=margin
    )
    return chosen.with_columns(
        offer=pl.Series(list(study.offers)).gather(offer),
        arm=pl.Series(np.where(allocation.contacted[rows], "contact", "hold out").tolist()),
        expected_uplift=pl.Series(value[rows, offer]),
        cost=pl.Series(costs[offer]),
    ).join(
        cells.select("offer", "uplift_source", past_segment="segment"),
        on=["past_segment", "offer"],
        how="left",
        maintain_order="left",
    )


def _exposure(chosen: pl.DataFrame, history: OfferHistory) -> pl.Series:
    """What a customer's uplift is a share of: what the held-out brought, or what is at stake."""
    base = chosen["past_segment"].replace_strict(history.base, return_dtype=pl.Float64)
    is_rate = chosen["offer"].is_in(list(history.rates)).to_numpy()
    return pl.Series(np.where(is_rate, chosen["at_stake"].to_numpy(), base.to_numpy()))


def _returns(
    chosen: pl.DataFrame, study: Study, history: OfferHistory, evidence: pl.DataFrame
) -> tuple[PlanReturn, dict[str, PlanReturn]]:
    """What the plan may bring, in all and by offer."""
    cells = (
        chosen.with_columns(exposure=_exposure(chosen, history))
        .filter(arm="contact")
        .group_by("past_segment", "offer")
        .agg(contacts=pl.len().cast(pl.Int64), exposure=pl.col("exposure").sum(),
             cost=pl.col("cost").mean())
        .rename({"past_segment": "segment"})
    )  # fmt: skip
    settings: dict[str, Any] = {"seed": study.seed}
    error = level_error(total_ratios(evidence)).spread

    def simulate(offers: list[str]) -> PlanReturn:
        # What was measured per head owes nothing to a predicted value.
        off = error if set(offers) & history.rates else 0.0
        part = cells.filter(pl.col("offer").is_in(offers))
        return simulate_plan(part, history.beliefs, value_error=off, **settings)

    return simulate(list(study.offers)), {name: simulate([name]) for name in study.offers}
