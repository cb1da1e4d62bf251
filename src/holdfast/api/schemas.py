"""What goes in, as strict models; what comes out is in `answers`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Scalar = Annotated[
    bool | float | str | None, Field(description="A number, a word, true, false or null")
]
Text = Annotated[str, Field(min_length=1, max_length=256)]
Word = Annotated[str, Field(max_length=1_000)]
Moment = Annotated[
    Annotated[str, Field(max_length=64)] | Annotated[float, Field(ge=0, le=5e18)],
    Field(
        description="ISO 8601, as the study's timestamp_format has it, or seconds since 1970; "
        "without an offset in the business's time zone"
    ),
]
Amount = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Segment = Literal[
    "Champion", "At-Risk VIP", "Promising", "Vulnerable", "Hibernating", "Losing Customer"
]
LARGEST_HISTORY = 10_000
LARGEST_BATCH = 1_000
LARGEST_HANDOVER = 1_000


class Strict(BaseModel):
    """Nothing unknown, nothing that is not finite, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Order(Strict):
    """One order line, by role; only the roles that the study maps may be given."""

    occurred_at: Moment
    order_id: Word | None = None
    product_id: Word | None = None
    quantity: Amount | None = None
    unit_price: Amount | None = None
    amount: Amount | None = None
    raw: Annotated[dict[Word, Scalar], Field(max_length=50)] | None = None
    """Further columns of the source that the study's rules read."""


class Event(Strict):
    """One event: a session, a view, a click."""

    occurred_at: Moment
    kind: Word
    n: Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)] | None = None


class Treatment(Strict):
    """One campaign contact, or a customer held out of it."""

    occurred_at: Moment
    campaign: Word
    treated: bool
    propensity: Share | None = None
    cost: Amount | None = None
    offer: Word | None = None
    assigned: bool | None = None
    delivered: bool | None = None
    accepted: bool | None = None


class History(Strict):
    """A customer's raw orders and events, as the shop's systems tell them."""

    customer_id: Text = "new"
    orders: Annotated[list[Order], Field(min_length=1, max_length=LARGEST_HISTORY)]
    events: Annotated[list[Event], Field(max_length=LARGEST_HISTORY)] = []
    treatments: Annotated[list[Treatment], Field(max_length=LARGEST_HISTORY)] = []
    attributes: Annotated[dict[Word, Scalar], Field(max_length=200)] = {}
    as_of: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    """The first day not seen; the run's cutoff where it is not given."""


class Batch(Strict):
    """Many customers by features; each is answered by itself."""

    customers: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=LARGEST_BATCH)]


class CampaignCase(Strict):
    """One segment's assumption."""

    cost: Annotated[float, Field(ge=0, le=1e12)]
    rate: Share
    low_rate: Share | None = None
    high_rate: Share | None = None


class WhatIf(Strict):
    """Costs and rates by segment, over those of the study."""

    segments: dict[Literal["At-Risk VIP", "Vulnerable", "Losing Customer"], CampaignCase] = {}
    margin_rate: Share | None = None


class OfferTerms(Strict):
    """What an offer costs and brings, over what the study says; a new one needs cost and rate."""

    cost: Annotated[float, Field(ge=0, le=1e12)] | None = None
    acceptance: Share | None = None
    cost_if_accepted: Annotated[float, Field(ge=0, le=1e12)] | None = None
    rate: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    """Assumed share of those who would be lost that a contact keeps; where past campaigns measured
    the offer, it only says what was expected before.
    """
    capacity: Annotated[int, Field(ge=0)] | None = None
    segments: Annotated[list[Segment], Field(max_length=6)] | None = None


class PlanTerms(Strict):
    """How much there is to give, over what the study says; null: no limit."""

    budget: Annotated[float, Field(ge=0, le=1e15)] | None = None
    contacts: Annotated[int, Field(ge=0)] | None = None
    least_return: Annotated[float, Field(ge=0, le=1e6)] | None = None
    holdout_share: Annotated[float, Field(ge=0, lt=1)] | None = None
    offers: Annotated[dict[Text, OfferTerms], Field(max_length=20)] = {}


class Experiment(Strict):
    """A campaign whose arms are to be drawn among the customers of the run."""

    campaign: Annotated[str, Field(min_length=1, max_length=60)]
    holdout_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    segments: Annotated[list[Segment], Field(max_length=6)] = []
    size: Annotated[int, Field(ge=2)] | None = None
    offer: Text | None = None


class ClosingNote(Strict):
    """What the person who closes an alert says."""

    note: Annotated[str, Field(max_length=1_000)] = ""


class Events(Strict):
    """Events as they happened: each a row of [transactions], [events] or [treatments] by the
    study's own names of columns; `source` says of which, without it of [transactions].
    """

    events: Annotated[list[dict[Word, Scalar]], Field(min_length=1, max_length=LARGEST_HANDOVER)]


class AlertsQuery(BaseModel):
    """Which alerts, how many."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[
        Literal["open", "closed"],
        Field(description="open: the most at stake first; closed: the latest first"),
    ] = "open"
    rule: Text | None = None
    segment: Segment | None = None
    severity: Literal["info", "warning", "critical"] | None = None
    customer_id: Text | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    cursor: (
        Annotated[str, Field(max_length=2_000, description="`next_cursor` of the page before")]
        | None
    ) = None


class CustomersQuery(BaseModel):
    """Which customers, in which order, how many."""

    model_config = ConfigDict(extra="forbid")

    segment: Segment | None = None
    tier: Literal["low", "mid", "high"] | None = None
    risk: Literal["LOW", "MODERATE", "HIGH", "VERY HIGH"] | None = None
    min_value: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max_value: Annotated[float, Field(allow_inf_nan=False)] | None = None
    text: (
        Annotated[str, Field(min_length=1, max_length=100, description="Part of a customer's name")]
        | None
    ) = None
    sort: Literal[
        "customer_id",
        "-customer_id",
        "churn_probability",
        "-churn_probability",
        "expected_revenue",
        "-expected_revenue",
        "risk_score",
        "-risk_score",
        "risk_rank",
        "-risk_rank",
        "at_stake",
        "-at_stake",
    ] = "-at_stake"
    limit: Annotated[int, Field(ge=1, le=10_000)] = 100
    cursor: (
        Annotated[str, Field(max_length=2_000, description="`next_cursor` of the page before")]
        | None
    ) = None
    fields: (
        Annotated[str, Field(max_length=1_000, description="Names of columns, separated by commas")]
        | None
    ) = None
