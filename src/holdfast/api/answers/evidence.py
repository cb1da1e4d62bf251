"""Answers on what stands behind predictions: evidence, features, forecast, channels."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from holdfast.api.answers.base import Stamp, row_of
from holdfast.tables import (
    CHANNEL_MONTHS,
    CHANNELS,
    DRIFT,
    EVIDENCE,
    EXPECTED,
    FORECAST,
    REALISED,
)


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
    """One metric of one model at one test cutoff, for one length of the target window."""

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


class DriftRow(row_of(DRIFT)):  # type: ignore[misc]
    """How far one feature of one group moved in a month."""


class ExpectedRow(row_of(EXPECTED)):  # type: ignore[misc]
    """What is to be expected over one horizon."""


class RealisedRow(row_of(REALISED)):  # type: ignore[misc]
    """One figure of an earlier run, as it came."""


class Contest(BaseModel):
    """The run beside one published before it, on days that neither had learnt from."""

    task: Literal["churn", "value"]
    metric: str
    cutoffs: list[str]
    customers: int
    loss: float
    published: str
    published_loss: float
    difference: float
    low: float
    high: float
    worse: Annotated[
        bool, Field(description="Whether it is certainly worse, by more than monitor.worse_by")
    ]


class Challenger(BaseModel):
    """How the run stood beside the published one when it was made."""

    refused: bool
    contests: list[Contest]
    not_held: Annotated[
        dict[str, str], Field(description="Task -> why there was no such comparison")
    ]


class MonitorAnswer(Stamp):
    """Whether the run still holds."""

    cutoff_date: str
    assumption: Annotated[str, Field(description="On which the expected figures stand")]
    findings: list[FindingRow]
    challenger: Challenger
    expected: list[ExpectedRow]
    realised: list[RealisedRow]
    drift: list[DriftRow]


class FeatureRow(BaseModel):
    """A column that the models may read."""

    name: str
    group: str
    unit: str
    sentence: str
    kind: Literal["number", "word", "yes or no"]
    needed: Annotated[bool, Field(description="Must be given to POST /predict, as null if unknown")]
    importance: dict[str, float | None]


class FeaturesAnswer(Stamp):
    """What the models read."""

    features: list[FeatureRow]


class Week(row_of(FORECAST, "group_kind")):  # type: ignore[misc]
    """What is expected of a group in a week."""


class ForecastTotals(BaseModel):
    """Totals of the company, by the number of days."""

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
    """What customers won by one channel cost and bring."""


class ChannelMonth(row_of(CHANNEL_MONTHS)):  # type: ignore[misc]
    """What customers of a channel have brought by the end of one month."""


class ChannelsAnswer(Stamp):
    """Every channel, and month after month what its customers bring."""

    currency: str
    channels: list[ChannelRow]
    channel_months: list[ChannelMonth]
