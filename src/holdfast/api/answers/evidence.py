"""Answers on what stands behind predictions: evidence, features, forecast, channels."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from holdfast.api.answers.base import Stamp, row_of
from holdfast.tables import CHANNEL_MONTHS, CHANNELS, EVIDENCE, FORECAST


class TaskFigures(BaseModel):
    """How good one model proved; further fields are its metrics, by name."""

    model_config = ConfigDict(extra="allow")

    algorithm: str | None
    horizon_days: int | None = None
    test_cutoffs: list[str] = []
    baseline: dict[str, float | str | None] | None = None


class FindingRow(BaseModel):
    """Something to know before trusting a figure."""

    name: str
    severity: Literal["fatal", "warning", "note"]
    evidence: str
    meaning: str
    fix: str
    acknowledged: bool = False


class EvidenceRow(row_of(EVIDENCE)):  # type: ignore[misc]
    """One metric of one model at one test cutoff."""

    value: Annotated[float | None, Field(description="Null where there is none")]


class HorizonEvidenceRow(EvidenceRow):
    """The same, by the length of the target window."""

    horizon_days: int


class EvidenceAnswer(Stamp):
    """How good the predictions proved."""

    kind: Literal["log", "snapshot"]
    churn: TaskFigures
    value: TaskFigures
    findings: list[FindingRow]
    evidence: list[EvidenceRow]
    horizon_evidence: list[HorizonEvidenceRow]
    model_card: Annotated[str | None, Field(description="Markdown")]


class FeatureRow(BaseModel):
    """A column that the models may read."""

    name: str
    group: str
    unit: str
    sentence: str
    kind: Literal["number", "word", "yes or no"]
    needed: Annotated[bool, Field(description="Must be given to POST /predict; null if unknown")]
    importance: dict[str, float | None]


class FeaturesAnswer(Stamp):
    """What the models read."""

    features: list[FeatureRow]


class Week(row_of(FORECAST, "group_kind")):  # type: ignore[misc]
    """What is expected of a group in a week."""


class ForecastTotals(BaseModel):
    """Of the company, by the number of days."""

    expected_revenue: dict[str, float]
    interval_80: dict[str, tuple[float, float]] = {}
    customers: int
    weeks: int


class ForecastAnswer(Stamp):
    """Revenue and purchases to come, week by week."""

    kind: Literal["company", "cohort", "segment"]
    currency: str
    weeks: list[Week]
    totals: ForecastTotals | None


class ChannelRow(row_of(CHANNELS)):  # type: ignore[misc]
    """What customers won by one channel cost and leave."""


class ChannelMonth(row_of(CHANNEL_MONTHS)):  # type: ignore[misc]
    """What they left by the end of one month."""


class ChannelsAnswer(Stamp):
    """Every channel, and month after month what its customers leave."""

    currency: str
    channels: list[ChannelRow]
    channel_months: list[ChannelMonth]
