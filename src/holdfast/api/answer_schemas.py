"""What comes out: each answer, field by field, so that a client can be generated of it.

Answers are written without these models; tests hold them against each other.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from holdfast.api.schemas import Segment, Share
from holdfast.segments import Signal
from holdfast.serving.answers import SHOWN_OTHERWISE
from holdfast.tables import (
    CAMPAIGNS,
    CHANNEL_MONTHS,
    CHANNELS,
    EVIDENCE,
    FORECAST,
    HORIZONS,
    PLAN,
    PURCHASES,
    REASONS,
    RECOVERY,
    SCORES,
    SEGMENTS,
    Contract,
)

Level = Literal["🟢 LOW", "🟡 MODERATE", "🟠 HIGH", "🔴 VERY HIGH"]


class Stamp(BaseModel):
    """What every answer carries."""

    run_id: str
    cutoff_day: int
    model_version: str
    scored_at: str


def _row_of(contract: Contract, *left_out: str, may_be_missing: bool = False) -> Any:
    """A model of a table's rows: type, unit and meaning of each column, null where it may be."""
    fields: dict[str, Any] = {}
    for column in contract.columns:
        kind: Any = column.dtype.to_python()
        default, kind = (None, kind | None) if column.nullable or may_be_missing else (..., kind)
        if column.name not in left_out:
            fields[column.name] = kind, Field(default, description=column.unit)
    return create_model(contract.name, **fields)


class Reason(_row_of(REASONS, "customer_id")):  # type: ignore[misc]
    """One reason, in words."""


class HorizonRow(_row_of(HORIZONS, "customer_id")):  # type: ignore[misc]
    """What is expected within some days; null where the run does not know it."""


class Prediction(Stamp, _row_of(SCORES, *SHOWN_OTHERWISE)):  # type: ignore[misc]
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


class Problem(BaseModel):
    """RFC 9457, with what to do."""

    type: Annotated[str, Field(description="As urn:holdfast:problem:CustomerNotEligible")]
    title: str
    status: int
    detail: Annotated[str, Field(description="What was wrong, where and how many")]
    fix: Annotated[str, Field(description="What to do; may be empty")]
    parts: Annotated[dict[str, Any] | None, Field(description="The facts as values")] = None
    request_id: str | None = None


class BatchItem(BaseModel):
    """One customer's answer, or why there is none."""

    index: int
    answer: Prediction | None = None
    error: Problem | None = None


class BatchAnswer(Stamp):
    """The answers, in the order of the request."""

    answers: list[BatchItem]
    n_errors: int


class ScoreRow(_row_of(SCORES, may_be_missing=True)):  # type: ignore[misc]
    """A customer in a list: the columns that `fields` names, all where it names none."""


class CustomersAnswer(Stamp):
    """One page of customers."""

    customers: list[ScoreRow]
    total: int
    next_cursor: str | None


class PurchaseRow(_row_of(PURCHASES, "customer_id")):  # type: ignore[misc]
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


class ReasonsAnswer(Stamp):
    """Why the run says what it says of a customer."""

    customer_id: str
    reasons: list[Reason]


class ChangeReason(BaseModel):
    """What one fact adds to a part of a change."""

    feature: Annotated[str, Field(description="Empty: all others together")]
    was: Annotated[str, Field(description="The value before, as shown; of many customers empty")]
    now: str
    contribution: float
    points: float
    sentence: str


class ChangePart(BaseModel):
    """One part of a change; its reasons add up to it."""

    part: Literal["time", "behaviour", "model"]
    cause: str
    contribution: Annotated[float, Field(description="In the unit of the change")]
    points: Annotated[float, Field(description="Of the probability, 0..1, or currency")]
    reasons: list[ChangeReason]


class TaskChange(BaseModel):
    """Why one score changed; the contributions of its parts add up to the change."""

    task: Literal["churn", "value"]
    unit: Literal["log-odds", "currency"]
    before: Annotated[float, Field(description="P(churned), mean of many; or currency, their sum")]
    after: float
    change: Annotated[float, Field(description="Log-odds of P(churned), mean; or currency, sum")]
    parts: list[ChangePart]
    sentence: str


class EarlierRun(BaseModel):
    """The run that changes are told since."""

    run_id: str
    cutoff_date: str


class CustomerChangesAnswer(Stamp):
    """Why a customer's scores changed."""

    customer_id: str
    cutoff_date: str
    since: EarlierRun
    not_told: Annotated[list[str], Field(description="What cannot be told, and why")]
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
    """Why scores changed; of one segment, the whole is left out."""

    cutoff_date: str
    since: EarlierRun
    not_told: list[str]
    new: OneRunOnly | None
    gone: OneRunOnly | None
    customers: int | None = None
    tasks: list[TaskChange] | None = None
    segments: list[SegmentChanges]


class SegmentRow(_row_of(SEGMENTS)):  # type: ignore[misc]
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


class RecoveryRow(_row_of(RECOVERY)):  # type: ignore[misc]
    """What keeping the customers of a segment would cost and bring."""


class SegmentsAnswer(SegmentSummary):
    """Every segment, with the rule and the recovery that the study assumes."""

    rule: Rule
    recovery: list[RecoveryRow]


class PlanRow(RecoveryRow):
    """The same with its range."""

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


class Figure(BaseModel):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float
    se: float | None


class CampaignRow(_row_of(CAMPAIGNS)):  # type: ignore[misc]
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
    moved: Annotated[float, Field(description="By data, in the assumption's deviations")]
    learnt: float
    basis: Literal["measured", "pooled", "observed", "assumed"]
    unit: Literal["margin", "rate"]
    uplift_source: Literal["experiment", "observed", "assumed"]
    contacted: int
    held_out: int


class CampaignsAnswer(Stamp):
    """What past campaigns did and what is believed of the offers."""

    currency: str
    days: Annotated[int, Field(description="From the draw, in which customers were watched")]
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
    net_low: Annotated[float, Field(description="5 % end")]
    net_high: Annotated[float, Field(description="95 % end")]
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


class PlannedCustomer(_row_of(PLAN)):  # type: ignore[misc]
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
    notes: Annotated[list[str], Field(description="Who is left out")]
    customers: list[ExperimentCustomer]


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


class EvidenceRow(_row_of(EVIDENCE)):  # type: ignore[misc]
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


class Week(_row_of(FORECAST, "group_kind")):  # type: ignore[misc]
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


class ChannelRow(_row_of(CHANNELS)):  # type: ignore[misc]
    """What customers won by one channel cost and leave."""


class ChannelMonth(_row_of(CHANNEL_MONTHS)):  # type: ignore[misc]
    """What they left by the end of one month."""


class ChannelsAnswer(Stamp):
    """Every channel, and month after month what its customers leave."""

    currency: str
    channels: list[ChannelRow]
    channel_months: list[ChannelMonth]


class RunRow(BaseModel):
    """One run; one that is damaged has nothing but its name and why."""

    run_id: str
    created_at: str | None = None
    study: str | None = None
    kind: Literal["log", "snapshot"] | None = None
    cutoff_date: str | None = None
    customers: int | None = None
    champion: bool
    served: bool
    damaged: Annotated[str | None, Field(description="Why it cannot be opened")] = None


class RunsAnswer(Stamp):
    """Every run, newest first."""

    runs: list[RunRow]


class RunFile(BaseModel):
    """One file of a run."""

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """What a run says of itself; an older one may lack a field."""

    model_config = ConfigDict(extra="allow")

    run_id: str
    created_at: str
    study: str | None = None
    kind: Literal["log", "snapshot"] | None = None
    cutoff_date: str | None = None
    customers: int | None = None
    seed: int | None = None
    study_sha256: str | None = None
    data_sha256: str | None = None
    versions: dict[str, str] = {}
    seconds: dict[str, float] = {}
    files: dict[str, RunFile]
    champion: bool


class RunAnswer(Stamp):
    """One run."""

    run: Manifest


class ComparedRun(BaseModel):
    """What a run says of itself."""

    run_id: str
    created_at: str | None
    study: str | None
    kind: Literal["log", "snapshot"] | None
    cutoff_date: str | None
    customers: int | None


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
    stability_index: Annotated[float, Field(description="Population stability index, 0 and more")]
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


class ChampionAnswer(Stamp):
    """Which run is published now."""

    champion: str


class KeyRow(BaseModel):
    """A key, without what opens anything."""

    key_id: str
    role: Literal["reader", "operator", "admin"]
    name: str
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class KeysAnswer(Stamp):
    """Every key."""

    keys: list[KeyRow]


class Readiness(Stamp):
    """What is served can be read."""

    ready: bool
    champion: str | None
    degraded: Annotated[
        str | None,
        Field(description="Why what is served is not the published run as it was written"),
    ]


class Health(BaseModel):
    """The process lives; the run's fields are null before one is published."""

    status: str
    version: str
    run_id: str | None
    cutoff_day: int | None
    model_version: str | None
    scored_at: str | None
