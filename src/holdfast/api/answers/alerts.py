"""Answers on live monitoring: alerts, how far the stream is, events taken."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class AlertReason(BaseModel):
    """One of the strongest reasons for the customer's risk when the alert opened."""

    model_config = ConfigDict(extra="allow")

    feature: str
    sentence: str
    contribution: Annotated[float | None, Field(description="What it adds to the raw score")] = None


class Alert(BaseModel):
    """One alert: one silence of one customer by one rule. The customer's figures are those of
    now; null once they are no longer scored.
    """

    id: int
    rule: str
    customer_id: str
    severity: Literal["info", "warning", "critical"]
    owner: str
    state: str
    anchor_day: Annotated[
        int, Field(description="Day of the last purchase before it, days since 1970-01-01")
    ]
    opened_day: int
    opened_at: str
    value_opened: Annotated[
        float, Field(description="What the rule watches, when the alert opened")
    ]
    value_now: float | None
    reasons: list[AlertReason]
    action: str
    closed_day: int | None
    closed_at: str | None
    close_reason: str | None
    note: str
    run_id: str
    segment: str | None
    value_tier: str | None
    churn_probability: float | None
    at_stake: Annotated[float | None, Field(description="In the study's currency")]


class AlertSums(BaseModel):
    """Open alerts together; a customer with several counts once."""

    alerts: int
    customers: int
    at_stake: float
    new_alerts: Annotated[int, Field(description="Alerts opened in the last 24 hours")]
    new_at_stake: float


class AlertsAnswer(BaseModel):
    """A page of alerts; `open` adds up all open ones that pass the filter, and is null for closed
    ones.
    """

    currency: str
    alerts: list[Alert]
    open: AlertSums | None
    next_cursor: str | None


class AlertMessage(BaseModel):
    """A message about an alert; `sent_at` is null while it waits, and `failed_at` is null unless it
    was given up.
    """

    id: int
    episode_id: int | None
    transition: str
    route: str
    created_at: str
    attempts: int
    sent_at: str | None
    failed_at: str | None
    last_error: str | None


class AlertDetail(Alert):
    """One alert, with the messages about it."""

    messages: list[AlertMessage]


class AlertAnswer(BaseModel):
    """One alert."""

    currency: str
    alert: AlertDetail


class OpenCount(BaseModel):
    """Open alerts of a rule in a segment; null: customers who are no longer scored."""

    rule: str
    severity: str
    segment: str | None
    alerts: int
    at_stake: float


class ClosedCount(BaseModel):
    """Alerts closed within seven days."""

    rule: str
    close_reason: str | None
    alerts: int


class PartitionState(BaseModel):
    """How far one partition is."""

    partition: int
    lag: Annotated[int, Field(description="Events that wait, approximately")]
    catching_up: bool
    updated_at: str
    silent_seconds: Annotated[float, Field(description="Seconds since its last step")]
    messages: Annotated[int, Field(description="Messages read since the beginning")]


class Sweep(BaseModel):
    """The latest day for which customers were evaluated, and how many of all."""

    cutoff_day: int | None
    customers: int
    evaluated: int
    waiting: Annotated[int, Field(description="Customers whose new events are not evaluated yet")]


class DeadCount(BaseModel):
    """Messages that could not be understood."""

    reason: str
    messages: int
    latest_at: str
    new_messages: Annotated[int, Field(description="Messages of the last 24 hours")]


class RouteState(BaseModel):
    """Messages of one route."""

    route: str
    sent: Annotated[int, Field(description="Messages sent in the last 24 hours")]
    waiting: int
    failing: Annotated[int, Field(description="Waiting messages with at least one failed try")]
    given_up: int
    waiting_since: str | None
    last_error: str | None


class OperatorNote(BaseModel):
    """What the operator should know."""

    at: str
    kind: str
    text: str


class StreamStatusAnswer(BaseModel):
    """How live monitoring is doing."""

    currency: str
    at: str
    open: AlertSums
    alerts: list[OpenCount]
    closed_7_days: list[ClosedCount]
    partitions: list[PartitionState]
    sweep: Sweep
    dead: list[DeadCount]
    deliveries: list[RouteState]
    operator_log: list[OperatorNote]


class EventsAnswer(BaseModel):
    """Events that are kept, and are read within a second; one whose id was seen before counts
    once.
    """

    accepted: int
