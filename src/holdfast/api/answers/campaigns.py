"""Answers on campaigns: what past ones did, plans and experiments."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from holdfast.api.answers.base import Stamp, row_of
from holdfast.tables import CAMPAIGNS, PLAN


class Figure(BaseModel):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float
    se: float | None


class CampaignRow(row_of(CAMPAIGNS)):  # type: ignore[misc]
    """What one offer of a past campaign did, against those held out."""


class RefusedCampaign(BaseModel):
    """A past campaign that cannot be read out."""

    campaign: str
    code: str
    problem: str
    fix: str


class ObservedCampaign(BaseModel):
    """A past campaign without a hold-out; further fields say how far it can be trusted."""

    model_config = ConfigDict(extra="allow")

    campaign: str
    offer: str
    refused: Annotated[str | None, Field(description="Why nothing is said of its effect")]
    effect: float | None
    uplift_source: Literal["observed"]


class Verdict(BaseModel):
    """Whether an offer works, and whether it matters whom it goes to; further fields are what the
    verdict stands on.
    """

    model_config = ConfigDict(extra="allow")

    offer: str
    word: Literal["choose", "everyone or nobody", "no effect"]
    sentence: str
    effect: Figure
    p_effect: float
    p_choice: float
    persuadable: Annotated[list[str], Field(description="Groups that certainly gain")]
    harmful: Annotated[list[str], Field(description="Rules that put first who gains less")]


class HistoryCell(BaseModel):
    """What is believed of an offer in a segment; amounts are margin per customer contacted, or, by
    `unit`, a rate.
    """

    offer: str
    segment: str
    mean: float
    deviation: float
    low: float
    high: float
    measured_effect: float | None
    measured_error: float | None
    experiments: int
    assumed: float
    moved: Annotated[
        float, Field(description="How far data moved it, in the assumption's standard deviations")
    ]
    learnt: float
    basis: Literal["measured", "pooled", "observed", "assumed"]
    unit: Literal["margin", "rate"]
    uplift_source: Literal["experiment", "observed", "assumed"]
    contacted: int
    held_out: int


class CampaignsAnswer(Stamp):
    """What past campaigns did and what is believed of the offers."""

    currency: str
    days: Annotated[int, Field(description="Days from the draw in which customers were watched")]
    campaigns: list[CampaignRow]
    refused: list[RefusedCampaign]
    observed: list[ObservedCampaign]
    verdicts: list[Verdict]
    history: list[HistoryCell]
    notes: list[str]


class Return(BaseModel):
    """What contacts cost and may bring."""

    cost: float
    net: float
    net_low: Annotated[float, Field(description="5 % end of the net")]
    net_high: Annotated[float, Field(description="95 % end of the net")]
    roi: float | None
    roi_low: float | None
    roi_high: float | None
    p_net_above_0: float | None
    expected_loss: float


class PlannedOffer(Return):
    """One offer's part of a plan."""

    offer: str
    contacts: int
    uplift: float | None
    break_even: float | None
    unit: Literal["margin", "rate"]
    uplift_source: str | None
    capacity_price: float


class PlannedCell(BaseModel):
    """One offer in one segment."""

    segment: str
    offer: str
    contacts: int
    exposure: float
    cost: float
    uplift: float
    break_even: float | None
    net: float
    net_low: float
    net_high: float
    p_net_above_0: float
    basis: Literal["measured", "pooled", "observed", "assumed"]


class PlannedCustomer(row_of(PLAN)):  # type: ignore[misc]
    """Who gets which offer, or would have got it."""


class CampaignPlanAnswer(Stamp):
    """A plan, what it may bring, and its first customers."""

    currency: str
    days: int
    contacted: int
    held_out: int
    total: Return
    budget_price: Annotated[float, Field(description="Net that one more unit of budget brings")]
    contact_price: Annotated[float, Field(description="Net that one more contact would bring")]
    offers: list[PlannedOffer]
    cells: list[PlannedCell]
    notes: list[str]
    customers: list[PlannedCustomer]


class ExperimentCustomer(BaseModel):
    """Whom to contact, and whom to leave alone."""

    customer_id: str
    arm: Literal["contact", "hold out"]
    propensity: Annotated[float, Field(description="The chance of being contacted")]


class ExperimentAnswer(Stamp):
    """The arms of a campaign, which are on record."""

    campaign: str
    export_id: str
    contacted: int
    held_out: int
    notes: Annotated[list[str], Field(description="Which customers are left out, and why")]
    customers: list[ExperimentCustomer]
