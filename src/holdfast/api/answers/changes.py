"""Answers on what changed: why scores did, and two runs side by side."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from holdfast.api.answers.base import Stamp
from holdfast.api.schemas import Segment


class ChangeReason(BaseModel):
    """What one fact adds to a part of a change."""

    feature: Annotated[str, Field(description="Name of the feature; empty: all others together")]
    was: Annotated[str, Field(description="The value before, as shown; empty for many customers")]
    now: str
    contribution: float
    points: float
    sentence: str


class ChangePart(BaseModel):
    """One part of a change; its reasons add up to it."""

    part: Literal["time", "behaviour", "model"]
    cause: str
    contribution: Annotated[float, Field(description="What it adds, in the unit of the change")]
    points: Annotated[float, Field(description="The same in probability, 0..1, or in currency")]
    reasons: list[ChangeReason]


class TaskChange(BaseModel):
    """Why one score changed; the contributions of its parts add up to the change."""

    task: Literal["churn", "value"]
    unit: Literal["log-odds", "currency"]
    before: Annotated[
        float, Field(description="P(churned), of many the mean; or currency, of many the sum")
    ]
    after: float
    change: Annotated[
        float, Field(description="Log-odds of P(churned), of many the mean; or currency, the sum")
    ]
    parts: list[ChangePart]
    sentence: str


class EarlierRun(BaseModel):
    """The earlier run that changes are counted from."""

    run_id: str
    cutoff_date: str


class CustomerChangesAnswer(Stamp):
    """Why a customer's scores changed."""

    customer_id: str
    cutoff_date: str
    since: EarlierRun
    not_told: Annotated[list[str], Field(description="What is left out, and why")]
    tasks: list[TaskChange]


class OneRunOnly(BaseModel):
    """Customers who are in one of the two runs only."""

    customers: int
    churn_probability: float | None
    expected_revenue: float


class SegmentChanges(BaseModel):
    """Why the scores of a segment's customers changed; the segment is today's."""

    segment: Segment
    customers: int
    tasks: list[TaskChange]


class ChangesAnswer(Stamp):
    """Why scores changed; asked for one segment, without the figures of the whole."""

    cutoff_date: str
    since: EarlierRun
    not_told: list[str]
    new: OneRunOnly | None
    gone: OneRunOnly | None
    customers: int | None = None
    tasks: list[TaskChange] | None = None
    segments: list[SegmentChanges]


class ComparedRun(BaseModel):
    """What a run says of itself."""

    run_id: str
    created_at: str | None
    study: str | None
    kind: Literal["log", "snapshot"] | None
    cutoff_date: str | None
    customers: int | None
    refused: Annotated[
        bool | None, Field(description="Worse than the published run, and so not published")
    ]


class ComparedFigure(BaseModel):
    """A headline figure of both runs."""

    figure: str
    before: float | None
    after: float | None
    change: float | None


class ComparedCustomers(BaseModel):
    """How many customers are in both runs, and in one only."""

    both: int
    new: int
    gone: int


class Drift(BaseModel):
    """How far a feature of the customers differs."""

    feature: str
    stability_index: Annotated[float, Field(description="Population stability index, 0 or more")]
    mean_before: float | None
    mean_after: float | None
    drift: Literal["little", "some", "much"]


class Move(BaseModel):
    """Customers who went from one segment to another."""

    was: str
    now: str
    customers: int
    expected_revenue: float | None


class Difference(BaseModel):
    """Something that the runs do not share."""

    what: str
    before: str | None
    after: str | None


class ComparedMetric(BaseModel):
    """How good the models of both runs proved: means over the test cutoffs."""

    task: Literal["churn", "value"]
    metric: str
    before: float
    after: float
    difference: float
    low: Annotated[float | None, Field(description="2.5 % end of the difference")]
    high: Annotated[float | None, Field(description="97.5 % end of the difference")]
    verdict: Literal["better", "worse", "no difference"] | None


class ComparisonAnswer(Stamp):
    """Two runs side by side."""

    before: ComparedRun
    after: ComparedRun
    figures: list[ComparedFigure]
    customers: ComparedCustomers
    drift: list[Drift]
    moves: list[Move]
    model: list[Difference]
    settings: list[Difference]
    evidence: list[ComparedMetric]
    notes: list[str]
