"""Answers on segments, and on what keeping their customers would bring."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from holdfast.api.answers.base import Stamp, row_of
from holdfast.segments import Signal
from holdfast.tables import RECOVERY, SEGMENTS


class SegmentRow(row_of(SEGMENTS)):  # type: ignore[misc]
    """One segment; its revenue is null where nobody's is estimated."""

    average_ltv: float | None
    total_ltv: float | None
    actions: list[str]


class SegmentSummary(Stamp):
    """Every segment."""

    total_customers: int
    currency: str
    segments: list[SegmentRow]


class Rule(BaseModel):
    """What puts a customer into a segment."""

    mid_above: float
    high_above: float
    high_risk_rank: float
    signals: list[Signal]


class RecoveryRow(row_of(RECOVERY)):  # type: ignore[misc]
    """What keeping the customers of a segment would cost and bring."""


class SegmentsAnswer(SegmentSummary):
    """Every segment, with the rule and the recovery that the study assumes."""

    rule: Rule
    recovery: list[RecoveryRow]


class PlanRow(RecoveryRow):
    """What keeping the customers of a segment would cost and bring, with its range."""

    recovered_low: float
    recovered_high: float
    net_low: float
    net_high: float


class PlanTotal(BaseModel):
    """All segments together."""

    invested: float
    recovered: float
    net: float
    roi_percent: float | None
    net_low: float
    net_high: float


class PlanAnswer(Stamp):
    """What recovery would cost and bring under other costs and rates."""

    currency: str
    segments: list[PlanRow]
    total: PlanTotal
    margin_rate: Annotated[float | None, Field(description="Null: each customer's own")]
    uplift_source: Literal["experiment", "assumed"]
    range: Annotated[str, Field(description="What the ranges span")]
