"""What a report is made of: the study, the summary of the run and the run's tables. Nothing is
computed here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from holdfast.report import formatting
from holdfast.report.ranking_curves import cumulative
from holdfast.study import Study
from holdfast.study.settings import Promotion
from holdfast.tables import (
    BUDGET_CURVE,
    CAMPAIGNS,
    CHANNEL_MONTHS,
    CHANNELS,
    DAYS,
    DRIFT,
    EXPECTED,
    FORECAST,
    HORIZON_EVIDENCE,
    REALISED,
)


@dataclass(frozen=True, kw_only=True)
class Report:
    """One run, as a reader sees it. Contracts of the tables are in `holdfast.tables`.

    Attributes
    ----------
    summary
        What `holdfast run --json` prints.
    contributions
        Of a sample of customers; without rows where nothing was explained.
    reasons
        Of any customers; the report shows those of the twenty with the most revenue at stake.
    horizon_evidence
        How well every horizon was predicted; without rows for a snapshot.
    forecast, days
        Revenue forecast, week by week, and actual revenue; without rows for a snapshot.
    channels, channel_months
        What customers of each channel leave; without rows where the study names none.
    campaigns, budget_curve
        What past campaigns did, and what budgets may bring; without rows where there are none.
    drift, expected, realised
        What monitoring saw; without rows for a snapshot.
    versions
        Library -> version.
    worst_days
        Customer -> the day that raises the risk most, in words; of the first customers of a run
        whose pool has a network.
    """

    study: Study
    summary: Mapping[str, Any]
    scores: pl.DataFrame
    reasons: pl.DataFrame
    contributions: pl.DataFrame
    importance: pl.DataFrame
    segments: pl.DataFrame
    recovery: pl.DataFrame
    predictions: pl.DataFrame
    evidence: pl.DataFrame
    horizon_evidence: pl.DataFrame = field(default_factory=HORIZON_EVIDENCE.empty)
    forecast: pl.DataFrame = field(default_factory=FORECAST.empty)
    days: pl.DataFrame = field(default_factory=DAYS.empty)
    channels: pl.DataFrame = field(default_factory=CHANNELS.empty)
    channel_months: pl.DataFrame = field(default_factory=CHANNEL_MONTHS.empty)
    campaigns: pl.DataFrame = field(default_factory=CAMPAIGNS.empty)
    budget_curve: pl.DataFrame = field(default_factory=BUDGET_CURVE.empty)
    drift: pl.DataFrame = field(default_factory=DRIFT.empty)
    expected: pl.DataFrame = field(default_factory=EXPECTED.empty)
    realised: pl.DataFrame = field(default_factory=REALISED.empty)
    versions: Mapping[str, str] = field(default_factory=dict)
    worst_days: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def steps(self) -> pl.DataFrame:
        """`curves.cumulative` of the predictions, which several charts and tables draw on."""
        return cumulative(self.predictions)

    @property
    def currency(self) -> str:
        """ISO 4217, as in the study."""
        return self.study.currency

    @property
    def promotions(self) -> Sequence[Promotion]:
        """Of the study's calendar, past and planned."""
        return self.study.calendar.promotions if self.study.calendar else ()

    @property
    def knows_value(self) -> bool:
        """Whether there is a value model; a snapshot may have no value label."""
        return bool((self.summary.get("value") or {}).get("algorithm"))

    @property
    def is_snapshot(self) -> bool:
        """Whether the run stands on one row per customer, so that nothing was proved in time."""
        return self.study.snapshot is not None

    @property
    def is_assumed(self) -> bool:
        """Whether any recovery rate is the study's word and not measured."""
        return bool((self.recovery["uplift_source"] == "assumed").any())

    @property
    def made_at(self) -> str:
        """When the run was made."""
        made = str(self.summary.get("created_at", formatting.NONE))
        return made.replace("T", " ").replace("Z", " UTC")
