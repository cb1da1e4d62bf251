"""Answers on customers: predictions, lists, everything about one, reasons."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from holdfast.api.answers.base import Problem, Stamp, row_of
from holdfast.api.schemas import Segment, Share
from holdfast.serving.answers import SHOWN_OTHERWISE
from holdfast.tables import HORIZONS, PURCHASES, REASONS, SCORES

Level = Literal["🟢 LOW", "🟡 MODERATE", "🟠 HIGH", "🔴 VERY HIGH"]


class Reason(row_of(REASONS, "customer_id")):  # type: ignore[misc]
    """One reason, in words."""


class HorizonRow(row_of(HORIZONS, "customer_id")):  # type: ignore[misc]
    """What is expected within some days; null where the run does not know it."""


class Prediction(Stamp, row_of(SCORES, *SHOWN_OTHERWISE)):  # type: ignore[misc]
    """One customer: the original system's fields, then what stands behind them."""

    customer_id: str
    churn_probability: Share
    churn_risk: Level
    predicted_ltv: float | None
    ltv_tier: Literal["Low", "Mid", "High"] | None
    ltv_not_estimated: Annotated[
        str | None, Field(description="Why `predicted_ltv` and `ltv_tier` are null")
    ] = None
    segment: Segment
    actions: list[str]
    currency: str
    cutoff_date: str
    evidence: str | None = None
    reasons: list[Reason] | None = None
    horizons: list[HorizonRow] | None = None
    warnings: list[str] | None = None


class BatchItem(BaseModel):
    """One customer's answer, or why there is none."""

    index: int
    answer: Prediction | None = None
    error: Problem | None = None


class BatchAnswer(Stamp):
    """The answers, in the order of the request."""

    answers: list[BatchItem]
    n_errors: int


class ScoreRow(row_of(SCORES, may_be_missing=True)):  # type: ignore[misc]
    """A customer in a list: the columns that `fields` names, all where it names none."""


class CustomersAnswer(Stamp):
    """One page of customers."""

    customers: list[ScoreRow]
    total: int
    next_cursor: str | None


class PurchaseRow(row_of(PURCHASES, "customer_id")):  # type: ignore[misc]
    """A day on which the customer bought."""


class Rank(BaseModel):
    """The customer's place among all; 1 is the most valuable, and the likeliest to leave."""

    by_value: int | None
    by_churn_probability: int
    of: int


class CustomerAnswer(Prediction):
    """Everything about one customer."""

    reasons: list[Reason]
    horizons: list[HorizonRow] | None
    history: list[PurchaseRow] | None
    rank: Rank
    not_told: Annotated[dict[str, str], Field(description="Why a part is null, by its name")]


class DayEffect(BaseModel):
    """A day on which the customer did something, and what it says to the network of the pool."""

    date: str
    added: Annotated[float, Field(description="Its share of the network's log-odds of churn")]
    against_usual: Annotated[
        float, Field(description="What it adds to them beside the customer's usual day")
    ]
    sentence: str


class DaysAnswer(Stamp):
    """The days of a customer as the network of the pool reads them, the latest first."""

    customer_id: str
    horizon_days: int | None
    weight: Annotated[float | None, Field(description="Of the network in the pool, 0 to 1")]
    days: list[DayEffect] | None
    not_told: Annotated[str | None, Field(description="Why `days` is null")]


class ReasonsAnswer(Stamp):
    """Why the run says what it says of a customer."""

    customer_id: str
    reasons: list[Reason]
