"""Readouts: what the past campaigns of an order log added in each segment, offer by offer.

The segment of a past day is not recorded, and today's would not do: it already knows what the
campaign did. So a customer's segment is taken as of the contact, by the study's own rule with what
was to be seen then: recent spend in place of expected revenue, and the risk signals without the
churn probability. Spend is that of as many days as the log had before the first campaign, so that
it is the same on every day. The rule is learnt from today's customers, whose segment is found in
the same way where a plan asks what the past says of them; and who would not have been scored on the
day of the contact says nothing of those who are today.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from holdfast.arrays import Integers, Vector
from holdfast.campaigns.experiments.effects import METHODS, arm_of, compare, method_for
from holdfast.campaigns.past.matured import FEWEST, read_persistence
from holdfast.campaigns.past.observed import Observed
from holdfast.campaigns.past.observed_campaigns import observe_campaign
from holdfast.campaigns.past.persistence import Persistence
from holdfast.campaigns.treatments import CONTACT, read_treatments
from holdfast.campaigns.uplift.trials import (
    LogTrials,
    Outcome,
    Watch,
    features_on_contact,
    read_trials,
)
from holdfast.errors import NotEnoughData, StudyError, nearest
from holdfast.evaluation.trial import Trial
from holdfast.findings import Finding, join_names
from holdfast.io.warehouse import Warehouse
from holdfast.segments import SegmentRule
from holdfast.study import SEGMENT_NAMES, Study, eligible_days
from holdfast.tables import ACCEPTANCE, READOUTS

_WORTH = ("spend", "n_purchases")
_WINDOWS_DAYS = (365, 180, 90, 30, 7)
_SILENCE = "days_since_last_purchase"


@dataclass(frozen=True, kw_only=True)
class PastSegments:
    """How a customer's segment is found from what was to be seen on a day.

    Attributes
    ----------
    worth
        The feature in place of expected revenue.
    eligible_days
        Who had not bought for longer was not scored; None: everybody was.
    """

    rule: SegmentRule
    worth: str
    eligible_days: int | None

    @classmethod
    def learn(cls, study: Study, features: pl.DataFrame, *, days_seen: int) -> "PastSegments":
        """Learn the rule from the features of today's customers.

        Parameters
        ----------
        days_seen
            Days of log before the first campaign.
        """
        days = next((days for days in _WINDOWS_DAYS if days <= days_seen), _WINDOWS_DAYS[-1])
        names = (f"{each}_{days}d" for each in _WORTH)
        worth = next(name for name in names if name in features.columns)
        seen = {
            name: weight
            for name, weight in study.segments.risk.items()
            if name in features.columns and features[name].dtype.is_numeric()
        }
        settings = study.segments.model_copy(update={"risk": seen or {_SILENCE: 1.0}})
        base = features.with_columns(expected_revenue=_fill(worth))
        return cls(
            rule=SegmentRule.learn(settings, base),
            worth=worth,
            eligible_days=eligible_days(study.churn.eligible),
        )

    def of(self, features: pl.DataFrame) -> pl.Series:
        """The segment of each customer, by the features of one day."""
        return self.rule.assign(features.with_columns(expected_revenue=_fill(self.worth)))[
            "segment"
        ]

    @property
    def names(self) -> tuple[str, ...]:
        """The features that it looks at."""
        return tuple({self.worth, _SILENCE, *(signal.name for signal in self.rule.signals)})


def _fill(worth: str) -> pl.Expr:
    return pl.col(worth).cast(pl.Float64).fill_nan(None).fill_null(0.0)


@dataclass(frozen=True, kw_only=True)
class PastCampaigns:
    """What a log's campaigns say.

    Attributes
    ----------
    readouts
        READOUTS.
    observed
        Campaign without a hold-out, and offer -> what may be said of it.
    offers
        Campaign -> the offers that it made.
    trials
        Of the campaigns with a hold-out, one an offer; None where there is none.
    persistence
        How much of an effect is left after the days for which plans are to claim it; None where
        these are the days in which it is counted.
    accepted
        ACCEPTANCE: how many took the offers up.
    outcome
        Of the trials: margin, or purchase where the log has no amounts.
    notes
        What was left out.
    """

    readouts: pl.DataFrame
    observed: Mapping[tuple[str, str], Observed]
    offers: Mapping[str, str]
    trials: LogTrials | None = None
    persistence: Persistence | None = None
    accepted: pl.DataFrame = field(default_factory=ACCEPTANCE.empty)
    outcome: Outcome = "margin"
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @classmethod
    def none(cls) -> "PastCampaigns":
        """Of data without campaigns."""
        return cls(readouts=pl.DataFrame(schema=READOUTS.schema), observed={}, offers={})


def count_days_before(warehouse: Warehouse) -> int:
    """Days of log before the first campaign; 365 without any campaign."""
    if not warehouse.has("treatments"):
        return _WINDOWS_DAYS[0]
    (days,) = warehouse.row(
        "SELECT (SELECT min(day) FROM treatments) - (SELECT min(day) FROM activity)"
    )
    return _WINDOWS_DAYS[0] if days is None else int(days)


def read_campaigns(
    study: Study, warehouse: Warehouse, segments: PastSegments, *, end_day: int
) -> PastCampaigns:
    """Read every past campaign: an experiment where customers were held out, else observed.

    Parameters
    ----------
    warehouse
        Holds the study's order log, as `read_order_log` leaves it.
    end_day
        First day that is not seen.

    Raises
    ------
    StudyError
        An offer names a campaign that is not there.
    """
    if not warehouse.has("treatments"):
        return PastCampaigns.none()
    rows, unnamed = of_offers(study, read_treatments(warehouse))
    has_amount = study.transactions is not None and study.transactions.columns.has_amount
    watch = Watch(
        days=study.plan.days,
        return_days=study.plan.return_days,
        outcome="margin" if has_amount else "purchase",
    )
    alone = pl.col("treated").all().over("campaign")
    held, unheld = rows.filter(~alone), rows.filter(alone)
    trials, notes = None, [f"{join_names(unnamed)} named by no offer"] if unnamed else []
    if held.height:
        try:
            trials = read_trials(study, warehouse, held, watch, end_day=end_day)
        except NotEnoughData as error:  # until then there is what is assumed
            notes.append(f"{error.problem}; {error.fix}")
    by_offer = unheld.sort("campaign", "offer").group_by("campaign", "offer", maintain_order=True)
    observed = {
        (str(campaign), str(offer)): observe_campaign(
            study, warehouse, part, days=watch.days, end_day=end_day
        )
        for (campaign, offer), part in by_offer
    }
    claims_more = has_amount and study.plan.claimed_days > watch.days and not rows.is_empty()
    lasting = read_persistence(study, warehouse, rows, end_day=end_day) if claims_more else None
    # Of more purchases nobody knows what they bring.
    measured = list(_read_cells(trials, segments)) if trials and has_amount else []
    seen = list(_observed_cells(observed, unheld))
    return PastCampaigns(
        readouts=pl.DataFrame([*measured, *seen], schema=READOUTS.schema),
        observed=observed,
        offers=_name_offers(rows),
        trials=trials,
        persistence=lasting,
        accepted=_count_accepted(study, warehouse, rows, segments),
        notes=(*notes, *(lasting.notes if lasting else ())),
        outcome=watch.outcome,
        findings=trials.findings if trials else (),
    )


def of_offers(study: Study, rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The rows of campaigns that made an offer of the study, each under that offer's name, and the
    campaigns that made none. Without any offer in the study, every campaign is a contact.

    What a row says that the customer got comes before what the study says of its campaign.
    """
    campaigns = rows["campaign"].unique().sort().to_list()
    for name in study.offer_of_campaign:
        if name not in campaigns:
            raise StudyError(
                f"an offer names the campaign '{name}', of which there is no record",
                fix=nearest(name, campaigns),
            )
    if not study.offers:
        return rows.with_columns(offer=pl.lit(CONTACT)), []
    offer_of_row = pl.when(pl.col("offer").is_in(list(study.offers))).then("offer")
    of_campaign = pl.col("campaign").replace_strict(
        study.offer_of_campaign, default=None, return_dtype=pl.String
    )
    named = rows.with_columns(offer=pl.when("treated").then(pl.coalesce(offer_of_row, of_campaign)))
    made = pl.col("offer").is_not_null()
    lost = (pl.col("treated") & ~made).any().over("campaign")
    kept = named.with_columns(lost=lost).filter(
        pl.when("treated").then(made).otherwise(made.any().over("campaign"))
    )
    unnamed = sorted(set(campaigns) - set(kept["campaign"]))
    # The chance is of any offer: without some of them, it is that of the others' sizes.
    chance = pl.when("lost").then(pl.col("treated").mean().over("campaign"))
    return kept.with_columns(
        pl.col("offer").fill_null(CONTACT), propensity=chance.otherwise("propensity")
    ).drop("lost"), unnamed


def _name_offers(rows: pl.DataFrame) -> dict[str, str]:
    """Campaign -> the offers that it made."""
    made = rows.filter("treated").group_by("campaign").agg(pl.col("offer").unique().sort())
    return {name: join_names(offers) for name, offers in made.sort("campaign").iter_rows()}


def _count_accepted(
    study: Study, warehouse: Warehouse, rows: pl.DataFrame, segments: PastSegments
) -> pl.DataFrame:
    """How many of those whom an offer reached took it up, by segment on the day of the contact."""
    answered = rows.filter("treated").drop_nulls("accepted")
    if answered.is_empty():
        return ACCEPTANCE.empty()
    features = features_on_contact(study, warehouse, answered)
    seen = features[_SILENCE].is_not_null()
    if segments.eligible_days is not None:
        seen &= (features[_SILENCE] <= segments.eligible_days).fill_null(False)
    answers = answered.select("offer", "accepted").with_columns(segment=segments.of(features))
    counts = (
        answers.filter(seen)
        .group_by("offer", "segment")
        .agg(contacted=pl.len().cast(pl.Int64), accepted=pl.col("accepted").sum().cast(pl.Int64))
    )
    return counts.sort("offer", "segment")


def _read_cells(trials: LogTrials, segments: PastSegments) -> Iterator[dict[str, object]]:
    """One readout per offer, segment and chance of contact: only customers who were as likely to be
    contacted may be held against each other.
    """
    for offer, trial in trials.trials.items():
        features = trials.design.columns_of(trial.features, segments.names)
        before = features[segments.worth].fill_nan(0.0).to_numpy()
        groups = pl.DataFrame(
            {"segment": segments.of(features), "chance": trial.propensities[:, 1]}
        ).with_row_index("row")
        if segments.eligible_days is not None:
            groups = groups.filter(features[_SILENCE] <= segments.eligible_days)
        for (segment, _), rows in groups.group_by("segment", "chance", maintain_order=True):
            places = rows["row"].to_numpy().astype(np.int64)
            cell = _read_cell(trial, before, places)
            if cell is not None:
                yield {"offer": offer, "segment": segment, **cell}


def _read_cell(trial: Trial, before: Vector, rows: Integers) -> dict[str, object] | None:
    """The effect in a cell, with the share of earlier spend taken out; None with too few customers
    or where nobody bought.
    """
    arms = [rows[trial.offer[rows] == arm] for arm in (0, 1)]
    sizes = [len(arm) for arm in arms]
    drawn = [len(arm if trial.cluster is None else np.unique(trial.cluster[arm])) for arm in arms]
    if min(drawn) < FEWEST:
        return None
    of_arm = [
        arm_of(
            trial.outcome[arm], before[arm], None if trial.cluster is None else trial.cluster[arm]
        )
        for arm in arms
    ]
    effect = compare(of_arm[1], of_arm[0], **METHODS[method_for(sizes[1], sizes[0])])
    if not effect.standard_error > 0:
        return None
    return {
        "contacted": sizes[1], "held_out": sizes[0],
        "mean_held_out": float(of_arm[0].y), "effect": float(effect.estimate),
        "standard_error": float(effect.standard_error), "uplift_source": "experiment",
    }  # fmt: skip


def _observed_cells(
    observed: Mapping[tuple[str, str], Observed], rows: pl.DataFrame
) -> Iterator[dict[str, object]]:
    """What was observed holds for all segments alike, and teaches nothing: where the gates refuse
    to say anything, the effect is 0 with an error of 1, which nobody reads.
    """
    for (campaign, offer), seen in observed.items():
        for segment in SEGMENT_NAMES:
            yield {
                "offer": offer, "segment": segment,
                "contacted": rows.filter(campaign=campaign, offer=offer).height, "held_out": 0,
                "effect": seen.effect or 0.0, "standard_error": seen.standard_error or 1.0,
                "uplift_source": "observed",
            }  # fmt: skip
