"""The record of past campaigns as a run keeps it: what each did, what all say of each offer and
segment, whether it matters whom an offer goes to, and of which customers of today they tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from holdfast.campaigns.experiments.past_campaigns import (
    CampaignLog,
    CampaignResult,
    campaign_table,
)
from holdfast.campaigns.past.observed import Observed
from holdfast.campaigns.past.persistence import Persistence
from holdfast.campaigns.past.readouts import (
    PastCampaigns,
    PastSegments,
    count_days_before,
    read_campaigns,
)
from holdfast.campaigns.treatments import read_treatments
from holdfast.campaigns.uplift.log_verdicts import judge_trials, learn_effects
from holdfast.campaigns.uplift.verdict import OfferVerdict
from holdfast.errors import InputError
from holdfast.findings import Finding
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.tables import (
    ACCEPTANCE,
    CAMPAIGNS,
    EFFECTS,
    PAST_SEGMENTS,
    PERSISTENCE,
    READOUTS,
)


@dataclass(frozen=True, kw_only=True)
class CampaignRecord:
    """What a log's past campaigns say.

    Attributes
    ----------
    results, refused
        Of each campaign what it did, or why that cannot be said.
    past
        What they say of the study's offers, by segment.
    verdicts
        Of each offer whether it works, and whether it matters whom it goes to.
    effects
        EFFECTS.
    segments
        PAST_SEGMENTS.
    worth
        The feature in place of expected revenue in past segments.
    recorded_offers
        All that past campaigns made, whether the study knows them or not.
    """

    results: tuple[CampaignResult, ...] = ()
    refused: Mapping[str, InputError] = field(default_factory=dict)
    past: PastCampaigns
    verdicts: tuple[OfferVerdict, ...] = ()
    effects: pl.DataFrame
    segments: pl.DataFrame
    worth: str
    recorded_offers: tuple[str, ...] = ()

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """CAMPAIGNS, READOUTS, ACCEPTANCE, PAST_SEGMENTS, EFFECTS and maybe PERSISTENCE."""
        lasting = self.past.persistence
        return {
            **({"persistence": PERSISTENCE.check(lasting.kappas)} if lasting else {}),
            "acceptance": ACCEPTANCE.check(self.past.accepted),
            "campaigns": CAMPAIGNS.check(campaign_table(self.results)),
            "readouts": READOUTS.check(self.past.readouts),
            "past_segments": PAST_SEGMENTS.check(self.segments),
            "effects": EFFECTS.check(self.effects),
        }

    @property
    def summary(self) -> dict[str, Any]:
        """All else, as plain values."""
        return {
            "offers": dict(self.past.offers),
            "recorded_offers": list(self.recorded_offers),
            "worth": self.worth,
            "outcome": self.past.outcome,
            "results": [result.as_dict() for result in self.results],
            "refused": [
                {"campaign": name, "code": error.code, "problem": error.problem, "fix": error.fix}
                for name, error in self.refused.items()
            ],
            "observed": [
                {"campaign": campaign, "offer": offer, **seen.as_dict()}
                for (campaign, offer), seen in self.past.observed.items()
            ],
            "verdicts": [verdict.as_dict() for verdict in self.verdicts],
            "notes": list(self.past.notes),
            "findings": [finding.as_dict() for finding in self.past.findings],
        }


def read_record(
    study: Study, warehouse: Warehouse, features: pl.DataFrame, *, end_day: int
) -> CampaignRecord:
    """Read all past campaigns.

    Parameters
    ----------
    warehouse
        Holds the study's order log, as `read_order_log` leaves it.
    features
        FEATURES of today's customers.
    end_day
        First day that is not seen.
    """
    segments = PastSegments.learn(study, features, days_seen=count_days_before(warehouse))
    of_today = features.select("customer_id", past_segment=segments.of(features))
    record = CampaignRecord(
        past=PastCampaigns.none(), segments=of_today, worth=segments.worth, effects=EFFECTS.empty()
    )
    if not warehouse.has("treatments"):
        return record
    results, refused = _read_results(study, warehouse, end_day=end_day)
    names = read_treatments(warehouse).filter("treated")["offer"].unique().sort()
    record = replace(record, results=results, refused=refused, recorded_offers=tuple(names))
    try:
        past = read_campaigns(study, warehouse, segments, end_day=end_day)
    except InputError as error:  # a run that is done says why, and stands
        return replace(record, past=replace(record.past, notes=(error.problem,)))
    if past.trials is None:
        return replace(record, past=past)
    verdicts = judge_trials(past.trials, seed=study.seed)
    effects = learn_effects(past.trials, verdicts, features, seed=study.seed)
    return replace(record, past=past, verdicts=verdicts, effects=effects)


def _read_results(
    study: Study, warehouse: Warehouse, *, end_day: int
) -> tuple[tuple[CampaignResult, ...], dict[str, InputError]]:
    campaigns = CampaignLog(
        study,
        warehouse,
        days=study.plan.days,
        return_days=study.plan.return_days,
        end_day=end_day,
    )
    return campaigns.read_all()


def recall(summary: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]) -> PastCampaigns:
    """What a run kept of its past campaigns.

    Parameters
    ----------
    summary
        As of `CampaignRecord`.
    tables
        readouts, persistence and acceptance of the run.
    """
    kappas = tables["persistence"]
    observed = {
        (each["campaign"], each["offer"]): Observed.from_dict(each) for each in summary["observed"]
    }
    return PastCampaigns(
        readouts=tables["readouts"],
        observed=observed,
        offers=summary["offers"],
        persistence=None if kappas.is_empty() else Persistence(kappas),
        accepted=tables["acceptance"],
        notes=tuple(summary["notes"]),
        findings=tuple(Finding(**each) for each in summary["findings"]),
    )
