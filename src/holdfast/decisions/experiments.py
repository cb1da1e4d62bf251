"""Experiments of a study: read its past campaigns out, plan the next one, say whether customers
differ in what an offer does to them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from holdfast.campaigns.audience import drop_untouchable
from holdfast.campaigns.experiments import power
from holdfast.campaigns.experiments.contact_list import Draw, draw_list
from holdfast.campaigns.experiments.past_campaigns import CampaignLog, CampaignResult
from holdfast.campaigns.experiments.past_window import MOST_CUSTOMERS, read_past
from holdfast.campaigns.export_journal import CampaignList
from holdfast.campaigns.past.readouts import of_offers
from holdfast.campaigns.treatments import CONTACT, read_treatments
from holdfast.campaigns.uplift.log_verdicts import judge_trials
from holdfast.campaigns.uplift.trials import Outcome, Watch, read_trials
from holdfast.campaigns.uplift.verdict import OfferVerdict
from holdfast.decisions.contacts import ContactList, write_arms
from holdfast.decisions.list_formats import Receiver
from holdfast.errors import InputError, StudyError, nearest
from holdfast.findings import Finding
from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Listener, Silence, Steps
from holdfast.report.plan_tables import effect_unit, verdict_sentence
from holdfast.serving.load import read_table
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.tables import json_rows

_SIZES = (0.125, 0.25, 0.5, 1, 2, 4, 8, 16)
_FEWEST_HELD_OUT = 20
_DRAWN_AT_MOST = 50_000_000


@contextmanager
def _reading(study: Study, steps: Steps) -> Iterator[tuple[OrderLog, Warehouse]]:
    """Hold the study's order log in a warehouse."""
    if study.transactions is None:
        raise StudyError(
            "a snapshot does not say what customers did after a campaign",
            fix="give the order log as [transactions], and past campaigns as [treatments]",
        )
    with Warehouse.temporary() as warehouse:
        with steps("Read the log") as step:
            log = read_order_log(study, warehouse)
            step.detail = log.size
        yield log, warehouse


@dataclass(frozen=True, kw_only=True)
class PastCampaigns:
    """What campaigns did.

    Attributes
    ----------
    refused
        Campaign -> why it cannot be read out.
    """

    days: int
    results: tuple[CampaignResult, ...]
    refused: dict[str, InputError] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        refused = [
            {"campaign": name, "code": error.code, "problem": error.problem, "fix": error.fix}
            for name, error in self.refused.items()
        ]
        campaigns = [result.as_dict() for result in self.results]
        return {"days": self.days, "campaigns": campaigns, "refused": refused}


def read_campaigns(
    study: Study,
    campaign: str | None = None,
    *,
    days: int,
    return_days: int = 0,
    listener: Listener | None = None,
) -> PastCampaigns:
    """Read one campaign out, or all of them.

    Parameters
    ----------
    days, return_days
        Length of the window from the day of the draw; days more in which goods may come back.

    Raises
    ------
    InputError
        The campaign cannot be read out; of all of them, it is in `refused`.
    HoldfastError
        The sources cannot be read, or no campaign is known.
    """
    steps = Steps(listener or Silence())
    with _reading(study, steps) as (log, warehouse), steps("Read the campaigns out") as step:
        campaigns = CampaignLog(
            study, warehouse, days=days, return_days=return_days, end_day=log.end_day
        )
        step.detail = f"{len(campaigns.names)} campaigns"
        if campaign is not None:
            return PastCampaigns(days=days, results=(campaigns.read(campaign),))
        results, refused = campaigns.read_all()
    return PastCampaigns(days=days, results=results, refused=refused)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What an experiment is to find.

    Attributes
    ----------
    effect, holdout_share, size
        As in `power.Design`; without a size, everybody who is eligible.
    days
        Length of the window.

    Raises
    ------
    InputError
        The effect is 0, or no relative change.
    """

    effect: float
    holdout_share: float = 0.5
    size: int | None = None
    days: int = 30
    outcome: Literal["purchase", "revenue"] = "revenue"

    def __post_init__(self) -> None:
        if not -1 <= self.effect <= 10 or self.effect == 0:
            raise InputError(
                f"an effect of {self.effect:g} cannot be planned for",
                fix="give the relative change: 0.1 for a tenth more",
            )


@dataclass(frozen=True, kw_only=True)
class ExperimentPlan:
    """How sure an experiment would be.

    Attributes
    ----------
    customers
        Those who were eligible at the start of the window.
    audit
        Of `power.audit`, at the design's size.
    curve
        Power by size, and what is needed.
    """

    question: Question
    customers: int
    mean: float
    design: power.Design
    audit: pl.DataFrame
    curve: power.PowerCurve

    @property
    def chosen(self) -> dict[str, Any]:
        """The row of the audit of the readout that the curve is of."""
        return self.audit.filter(method=self.curve.method).row(0, named=True)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            **asdict(self.question), "size": self.design.size, "customers": self.customers,
            "mean": self.mean, "method": self.curve.method,
            "methods": json_rows(self.audit.drop("chosen")),
            "curve": json_rows(self.curve.curve), "needed": self.curve.needed,
            "needed_range": list(self.curve.needed_range),
        }  # fmt: skip


def plan_experiment(
    study: Study, question: Question, *, listener: Listener | None = None
) -> ExperimentPlan:
    """Find out, on the shop's own last window, how sure an experiment would be.

    Raises
    ------
    InputError
        An arm would be empty.
    NotEnoughData
        The log is too short.
    """
    steps = Steps(listener or Silence())
    with _reading(study, steps) as (log, warehouse):
        past, customers = read_past(
            study, warehouse, days=question.days, end_day=log.end_day, outcome=question.outcome
        )
    design = power.Design(
        effect=question.effect,
        size=question.size or min(customers, MOST_CUSTOMERS),
        holdout_share=question.holdout_share,
    )
    with steps("Draw it again and again") as step:
        draws = max(100, min(1_000, _DRAWN_AT_MOST // design.size))
        audit = power.audit(past, design, draws=draws, seed=study.seed)
        curve = power.power_curve(past, design, _sizes(past, design), seed=study.seed)
        step.detail = f"{len(past.outcome):,} customers, {draws:,} times"
    return ExperimentPlan(
        question=question,
        customers=customers,
        mean=float(past.outcome.mean()),
        design=design,
        audit=audit,
        curve=curve,
    )


def _sizes(past: power.Past, design: power.Design) -> list[int]:
    """From an eighth of the customers to sixteen times as many, with some in each arm."""
    smaller_arm = min(design.holdout_share, 1 - design.holdout_share)
    least = round(_FEWEST_HELD_OUT / smaller_arm)
    sizes = {min(round(part * len(past.outcome)), MOST_CUSTOMERS) for part in _SIZES}
    return sorted(each for each in sizes if each >= least) or [least]


@dataclass(frozen=True, kw_only=True)
class DrawnExperiment:
    """The arms of a campaign.

    Attributes
    ----------
    customers
        customer_id, arm ("contact" or "hold out"), propensity (of being contacted).
    listed
        The same as it is recorded.
    notes
        Sentences on who is left out.
    """

    customers: pl.DataFrame
    listed: CampaignList
    notes: tuple[str, ...]


def draw_experiment(
    scores: pl.DataFrame, permissions: pl.DataFrame, draw: Draw, *, study: Study, run_id: str
) -> DrawnExperiment:
    """Draw the arms of a campaign among a run's customers.

    Parameters
    ----------
    scores, permissions
        SCORES and PERMISSIONS of the run.

    Raises
    ------
    InputError
        There is no such offer, or there are too few customers.
    """
    if draw.offer is not None and draw.offer not in study.offers:
        raise InputError(
            f"the study has no offer '{draw.offer}'", fix=nearest(draw.offer, list(study.offers))
        )
    customers, notes = drop_untouchable(scores, permissions, study)
    drawn = draw_list(customers, draw)
    arms = drawn.select(
        "customer_id",
        "propensity",
        treated=pl.col("arm") == CONTACT,
        offer=pl.lit(draw.offer, pl.String),
        cost=pl.lit(study.offers[draw.offer].cost_per_contact if draw.offer else None, pl.Float64),
    )
    listed = CampaignList(campaign=draw.campaign, made_by="assign", run_id=run_id, arms=arms)
    return DrawnExperiment(customers=drawn, listed=listed, notes=tuple(notes))


def write_contact_list(
    run: Run, path: Path, draw: Draw, *, study: Study, receiver: str | None = None
) -> ContactList:
    """Draw the arms of a campaign among a run's customers, and write each arm to a file of its own.

    Both arms are recorded before either file appears, and each appears whole.

    Parameters
    ----------
    path
        Of those to be contacted; the held out go to the same name with "-holdout".
    receiver
        As of `holdfast.decisions.plans.write_lists`.

    Raises
    ------
    InputError
        There is a campaign of that name, or no such offer.
    HoldfastError
        A file or the record cannot be written.
    """
    permissions = read_table(run, "permissions")
    drawn = draw_experiment(run.scores, permissions, draw, study=study, run_id=run.run_id)
    contacted = drawn.customers.filter(arm=CONTACT)
    held_out = drawn.customers.filter(pl.col("arm") != CONTACT)
    sent_to = Receiver.of(receiver, run) if receiver else None
    written = write_arms(
        path, contacted, held_out, listed=drawn.listed, study=study, receiver=sent_to
    )
    return replace(written, notes=(*drawn.notes, *written.notes))


@dataclass(frozen=True, kw_only=True)
class OfferVerdicts:
    """What past campaigns say of each offer."""

    watch: Watch
    rows: int
    verdicts: tuple[OfferVerdict, ...]
    findings: tuple[Finding, ...]
    currency: str

    def describe(self, verdict: OfferVerdict) -> str:
        """A verdict in words."""
        unit = effect_unit(self.watch.outcome, self.currency)
        return verdict_sentence(verdict.as_dict(), unit=unit)

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "days": self.watch.days, "outcome": self.watch.outcome, "rows": self.rows,
            "offers": [
                {**verdict.as_dict(), "sentence": self.describe(verdict)}
                for verdict in self.verdicts
            ],
            "findings": [finding.as_dict() for finding in self.findings],
        }  # fmt: skip


def judge_past_offers(
    study: Study,
    *,
    days: int,
    return_days: int = 0,
    outcome: Outcome | None = None,
    listener: Listener | None = None,
) -> OfferVerdicts:
    """Say of each offer of past campaigns whether it works, and whether it matters whom it goes to.

    Parameters
    ----------
    days, return_days, outcome
        As in `Watch`; without an outcome the margin, or the purchase where the log has no amounts.

    Raises
    ------
    NotEnoughData
        There is no treatment, no control, or no window is over.
    """
    steps = Steps(listener or Silence())
    with _reading(study, steps) as (log, warehouse):
        default: Outcome = "margin" if log.columns.has_amount else "purchase"
        watch = Watch(days=days, return_days=return_days, outcome=outcome or default)
        with steps("See each customer as on the day") as step:
            rows, _ = of_offers(study, read_treatments(warehouse))
            trials = read_trials(study, warehouse, rows, watch, end_day=log.end_day)
            step.detail = f"{trials.rows:,} customers and campaigns"
    with steps("Test and compare") as step:
        verdicts = judge_trials(trials, seed=study.seed)
        step.detail = f"{len(verdicts)} offers"
    return OfferVerdicts(
        watch=watch,
        rows=trials.rows,
        verdicts=verdicts,
        findings=trials.findings,
        currency=study.currency,
    )
