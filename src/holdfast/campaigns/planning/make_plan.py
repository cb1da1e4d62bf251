"""A plan: who gets which offer, whom to hold out, what it costs and what it may bring.

What an offer is worth to a customer is the margin per head that past experiments let expect in the
customer's segment; without any, `margin x assumed rate x what is at stake of the customer`. Where
past experiments prove that customers differ, a segment's margin is shared out by what each of them
is expected to gain. Of an offer of which only campaigns without a hold-out tell, nothing is known,
and it is given to nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from holdfast.arrays import Booleans, Matrix, Vector
from holdfast.campaigns import economics
from holdfast.campaigns.audience import drop_untouchable
from holdfast.campaigns.experiments.assignment import GLOBAL_SALT, hold_out
from holdfast.campaigns.past.persistence import describe_unmatured_effect
from holdfast.campaigns.past.readouts import PastCampaigns
from holdfast.campaigns.planning.allocation import Allocation, allocate
from holdfast.campaigns.planning.contact_costs import ContactCosts
from holdfast.campaigns.planning.offer_history import OfferHistory, learn_offers
from holdfast.campaigns.planning.offers import Limits
from holdfast.campaigns.planning.plan_return import PlanReturn, simulate_plan
from holdfast.campaigns.treatments import CONTACT, HOLD_OUT
from holdfast.errors import InputError, StudyError
from holdfast.evaluation.totals import level_error, total_ratios
from holdfast.study import SEGMENT_NAMES, Study
from holdfast.tables import EFFECTS


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
    claimed_days
        From the contact, for which the return is claimed.
    notes
        Sentences on who is left out.
    """

    customers: pl.DataFrame
    total: PlanReturn
    offers: Mapping[str, PlanReturn]
    allocation: Allocation
    history: OfferHistory
    claimed_days: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Planning:
    """All that a plan is made from.

    Attributes
    ----------
    customers
        SCORES of those who may be contacted, and `past_segment`: the segment by which the past
        tells of a customer.
    effects
        EFFECTS: among the customers of a segment, who gains more than others.
    contact_costs
        What a contact costs.
    claimed_days
        From the contact, for which the return is claimed: as far as past campaigns tell.
    value_error
        How far off predicted totals were, as the standard deviation of a logarithm.
    """

    study: Study
    customers: pl.DataFrame
    history: OfferHistory
    effects: pl.DataFrame
    value_error: float
    contact_costs: ContactCosts
    claimed_days: int
    notes: tuple[str, ...] = ()

    @classmethod
    def prepare(
        cls, study: Study, tables: Mapping[str, pl.DataFrame], past: PastCampaigns
    ) -> "Planning":
        """Look at the tables of a run.

        Parameters
        ----------
        tables
            scores and evidence; of a log past_segments; where there are any, effects and
            permissions.

        Raises
        ------
        StudyError
            There is no offer, or nothing says what one brings.
        """
        if not study.offers:
            raise StudyError(
                "the study has no offer, so there is nothing to plan",
                fix="write [offers.NAME] with its cost, and its past campaigns or an assumed rate",
            )
        everybody = name_past_segments(tables)
        history = believe(study, everybody, past).lasting(past.persistence)
        claimed, claims = _claim(study, past)
        customers, notes = drop_untouchable(everybody, tables.get("permissions"), study)
        return cls(
            study=study,
            customers=customers,
            history=history,
            effects=tables.get("effects", EFFECTS.empty()),
            value_error=level_error(total_ratios(tables["evidence"])).spread,
            contact_costs=ContactCosts.learn(study.offers, past.accepted),
            claimed_days=claimed,
            notes=(*claims, *notes),
        )

    @cached_property
    def cells(self) -> pl.DataFrame:
        """What is believed by segment and offer, in margin."""
        return self.history.table()

    @cached_property
    def exposure(self) -> Matrix:
        """What an offer's uplift is a share of, (n, n_offers), currency: what is at stake of the
        customer, or what the held-out of the segment brought.
        """
        margin = margin_at_stake(self.customers, self.study)
        segment = self.customers["past_segment"]
        base = segment.replace_strict(self.history.base, return_dtype=pl.Float64).to_numpy()
        return np.column_stack([
            margin if name in self.history.rates else base * self._share_out(name)
            for name in self.study.offers
        ])  # fmt: skip

    def _share_out(self, offer: str) -> Vector:
        """What a customer is expected to gain over the mean of the segment, (n,); 1 where nothing
        proves that it matters who gets the offer.
        """
        effects = self.effects.filter(offer=offer).select("customer_id", "effect")
        gains = self.customers.select("customer_id", "past_segment").join(
            effects, on="customer_id", how="left", maintain_order="left"
        )
        gain = pl.col("effect").clip(0)
        share = gain / gain.mean().over("past_segment")
        known_share = pl.when(share.is_finite()).then(share).fill_null(1.0)
        return gains.select(known_share).to_series().to_numpy()

    @cached_property
    def value(self) -> Matrix:
        """What each offer is expected to add for each customer, (n, n_offers), currency."""
        return np.asarray(self.exposure * self._of_cell(self.history.beliefs.cells, "mean"))

    def _of_cell(self, cells: pl.DataFrame, column: str) -> Matrix:
        """A column of the cells by customer and offer, (n, n_offers)."""
        segments = self.customers.select(segment="past_segment")
        columns = []
        for name in self.study.offers:
            of_offer = cells.filter(offer=name).select("segment", column)
            rows = segments.join(of_offer, on="segment", how="left", maintain_order="left")
            columns.append(rows[column].to_numpy())
        return np.column_stack(columns)

    @cached_property
    def costs(self) -> Matrix | Vector:
        """As of `ContactCosts.of_customers`."""
        return self.contact_costs.of_customers(self.customers["past_segment"])

    @cached_property
    def eligible(self) -> Booleans:
        """Who may get what, (n, n_offers): by the offer's segments, and only where something says
        what it brings.
        """
        segment = self.customers["segment"].cast(pl.String)
        allowed = np.column_stack([
            segment.is_in(offer.segments or SEGMENT_NAMES).to_numpy()
            for offer in self.study.offers.values()
        ])  # fmt: skip
        return np.asarray(allowed & (self._of_cell(self.cells, "basis") != "observed"))

    @cached_property
    def held_out(self) -> Booleans:
        """Who is left alone so that the plan can be measured, (n,)."""
        salt = f"{GLOBAL_SALT} {self.study.name}"
        share = self.study.plan.holdout_share
        return np.asarray(hold_out(self.customers["customer_id"], salt=salt, share=share))

    @property
    def limits(self) -> Limits:
        """Those of the study."""
        plan, offers = self.study.plan, self.study.offers.values()
        return Limits(
            budget=plan.budget,
            capacity=[np.inf if offer.capacity is None else offer.capacity for offer in offers],
            contacts=plan.contacts,
            least_return=plan.least_return,
        )

    def simulate(self, chosen: pl.DataFrame, offers: Sequence[str]) -> PlanReturn:
        """What the contacts of some offers may bring.

        Parameters
        ----------
        chosen
            past_segment, offer, arm, exposure and cost of each customer.
        """
        cells = (
            chosen.filter(pl.col("offer").is_in(offers), arm=CONTACT)
            .group_by("past_segment", "offer")
            .agg(contacts=pl.len().cast(pl.Int64), exposure=pl.col("exposure").sum(),
                 cost=pl.col("cost").mean())
            .rename({"past_segment": "segment"})
        )  # fmt: skip
        # What was measured per head owes nothing to a predicted value.
        off = self.value_error if set(offers) & self.history.rates else 0.0
        return simulate_plan(
            self.contact_costs.in_cells(cells),
            self.history.beliefs,
            acceptance=self.contact_costs.acceptance,
            value_error=off,
            seed=self.study.seed,
        )

    def choices(self, allocation: Allocation) -> pl.DataFrame:
        """Everybody who gets an offer, or would have got it but for the hold-out."""
        rows = np.flatnonzero(allocation.contacted | (self.held_out & (allocation.offer > 0)))
        offer = allocation.offer[rows].astype(np.int64) - 1
        contacted = allocation.contacted[rows]
        chosen = self.customers[rows].select(
            "customer_id", pl.col("segment").cast(pl.String), "past_segment"
        )
        return chosen.with_columns(
            offer=pl.Series(list(self.study.offers)).gather(offer),
            arm=pl.Series(np.where(contacted, CONTACT, HOLD_OUT).tolist()),
            expected_uplift=pl.Series(self.value[rows, offer]),
            cost=pl.Series(np.broadcast_to(self.costs, self.value.shape)[rows, offer]),
            exposure=pl.Series(self.exposure[rows, offer]),
        ).join(
            self.cells.select("offer", "uplift_source", past_segment="segment"),
            on=["past_segment", "offer"],
            how="left",
            maintain_order="left",
        )


def name_past_segments(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """SCORES with `past_segment`; of a snapshot it is today's."""
    scores = tables["scores"]
    if "past_segments" not in tables:
        return scores.with_columns(past_segment=pl.col("segment").cast(pl.String))
    return scores.join(tables["past_segments"], on="customer_id", how="left", maintain_order="left")


def margin_at_stake(customers: pl.DataFrame, study: Study) -> Vector:
    """What is at stake of each customer, as margin: currency, (n_customers,)."""
    rate = economics.margin_rate(customers, study)
    return customers.select(margin=pl.col("at_stake") * rate)["margin"].to_numpy()


def believe(study: Study, customers: pl.DataFrame, past: PastCampaigns) -> OfferHistory:
    """What is believed of the study's offers, as seen from a run's customers."""
    margin = margin_at_stake(customers, study)
    return learn_offers(study.offers, past, at_stake=max(float(margin.mean()), 1e-9))


def _claim(study: Study, past: PastCampaigns) -> tuple[int, tuple[str, ...]]:
    """Days for which the return is claimed, and, where they are not those in which effects are
    counted, the sentence on it.
    """
    if past.persistence is not None:
        return past.persistence.claimed_days, (past.persistence.claim,)
    short, long = study.plan.days, study.plan.claimed_days
    return short, (describe_unmatured_effect(short, long),) if long > short else ()


def make_plan(planning: Planning) -> CampaignPlan:
    """Choose at most one offer per customer within the study's limits.

    Raises
    ------
    InputError
        Nothing pays, or the limits leave nothing to give.
    """
    study, out = planning.study, planning.held_out
    if study.plan.budget == 0:
        raise InputError(
            "the budget is 0, so nobody is contacted", fix="give a budget, or leave it out"
        )
    allocation = allocate(
        planning.value,
        planning.costs,
        planning.limits,
        eligible=planning.eligible,
        held_out=out if out.any() else None,
        seed=study.seed,
    )
    if not allocation.contacted.any():
        raise _explain_nothing(allocation, planning.cells)
    chosen = planning.choices(allocation)
    best_first = pl.col("expected_uplift") - pl.col("cost")
    return CampaignPlan(
        customers=chosen.drop("past_segment", "exposure").sort(
            best_first, "customer_id", descending=[True, False]
        ),
        total=planning.simulate(chosen, list(study.offers)),
        offers={name: planning.simulate(chosen, [name]) for name in study.offers},
        allocation=allocation,
        history=planning.history,
        claimed_days=planning.claimed_days,
        notes=planning.notes,
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
