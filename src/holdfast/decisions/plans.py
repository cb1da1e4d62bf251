"""Plans: from a published run, what it knows of past campaigns and the study's offers to what is
believed of each offer, to a plan, and to the two lists of who is contacted and who is left alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from holdfast.campaigns.export_journal import CampaignList
from holdfast.campaigns.past.campaign_record import recall
from holdfast.campaigns.past.readouts import (
    PastCampaigns,
    PastSegments,
    count_days_before,
    read_campaigns,
)
from holdfast.campaigns.planning.make_plan import (
    CampaignPlan,
    Planning,
    believe,
    make_plan,
    name_past_segments,
)
from holdfast.campaigns.planning.offer_history import OfferHistory
from holdfast.campaigns.planning.plan_values import history_values, plan_values
from holdfast.campaigns.treatments import CONTACT, HOLD_OUT
from holdfast.decisions.contacts import ContactList, as_csv, name_by_day, record_list, write_arms
from holdfast.decisions.list_formats import Receiver
from holdfast.errors import DataError, InputError, NotEnoughData
from holdfast.ingest.order_log import read_campaign_names, read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Listener, Silence, Steps
from holdfast.serving.customer_lists import describe_customers
from holdfast.serving.load import load_study, read_table
from holdfast.storage.export_records import WITHDRAWN, read_exports
from holdfast.storage.run_folder import Run
from holdfast.study import Offer, Study

_OF_THE_PAST = ("readouts", "persistence", "acceptance")
_TABLES = ("evidence", "permissions", "effects", "past_segments")


@dataclass(frozen=True, kw_only=True)
class PastAndOffers:
    """A run's tables, what is known of past campaigns, and what is believed of the study's offers.

    Attributes
    ----------
    tables
        As `Planning.prepare` takes them.
    worth
        The feature in place of expected revenue in past segments; empty without any.
    """

    study: Study
    run: Run
    past: PastCampaigns
    tables: Mapping[str, pl.DataFrame]
    worth: str = ""

    @property
    def offers(self) -> OfferHistory:
        """What is believed of the study's offers; without any, of its campaigns as contacts."""
        if not self.study.offers and self.past.readouts.is_empty():
            raise NotEnoughData(
                "the study has no offer, and its data no past campaign with enough customers",
                fix="write [offers.NAME], and name the table of past campaigns in [treatments] or "
                "write a list",
            )
        offers = self.study.offers or {CONTACT: Offer(cost=0)}
        study = self.study.model_copy(update={"offers": offers})
        return believe(study, name_past_segments(self.tables), self.past)


def read_past(study: Study, run: Run, *, listener: Listener | None = None) -> PastAndOffers:
    """What is known of past campaigns: as the run found it, or, where the study has changed since
    in what it says of them, as the log has it now.

    Raises
    ------
    NotEnoughData
        The run has no customer.
    DataError
        The run is older than what is at stake of its customers.
    """
    return recall_past(study, run) or _read_log(study, run, Steps(listener or Silence()))


def recall_past(
    study: Study, run: Run, *, scores: pl.DataFrame | None = None
) -> PastAndOffers | None:
    """What the run knows of past campaigns; None where it would be another by the study.

    Parameters
    ----------
    scores
        SCORES of the run, where they are at hand.

    Raises
    ------
    NotEnoughData, DataError
        As of `read_past`.
    """
    tables = _tables_of(run, scores)
    if study.transactions is None:
        del tables["past_segments"]
        return PastAndOffers(study=study, run=run, past=PastCampaigns.none(), tables=tables)
    kept = run.summary.get("campaigns")
    if kept is None or _was_withdrawn(study, since=run.manifest["created_at"]):
        return None
    recorded = kept["recorded_offers"]
    if _past_of(study, recorded) != _past_of(load_study(run), recorded):
        return None
    past = recall(kept, {name: read_table(run, name) for name in _OF_THE_PAST})
    return PastAndOffers(study=study, run=run, past=past, tables=tables, worth=kept["worth"])


def _tables_of(run: Run, scores: pl.DataFrame | None = None) -> dict[str, pl.DataFrame]:
    tables = {name: read_table(run, name) for name in _TABLES}
    tables["scores"] = read_table(run, "scores") if scores is None else scores
    _check_scores(tables["scores"], run)
    return tables


def _check_scores(scores: pl.DataFrame, run: Run) -> None:
    if scores.is_empty():
        raise NotEnoughData(f"run {run.run_id} has no customer", fix="widen churn.eligible")
    if "at_stake" not in scores.columns:
        raise DataError(
            f"run {run.run_id} is older than what is at stake of a customer",
            fix="make a new one with `holdfast run`",
        )


def _past_of(study: Study, recorded: Sequence[str]) -> tuple[Any, ...]:
    """All of a study that changes what past campaigns say."""
    made = {
        name: sorted(offer.campaigns)
        for name, offer in study.offers.items()
        if offer.campaigns or name in recorded
    }
    windows = (study.plan.days, study.plan.return_days, study.plan.claimed_days)
    sources = (study.treatments, study.campaigns.read_exports)
    margins: tuple[Any, ...] = (study.value.margin_rate, study.value.margin_by_category)
    if study.transactions is not None:
        columns = study.transactions.columns
        margins = (*margins, columns.cost, columns.unit_cost, columns.category)
    return *sources, made, windows, study.segments, margins


def _was_withdrawn(study: Study, *, since: str) -> bool:
    """Whether an export was withdrawn that the run may still have read."""
    exports = read_exports(Path(study.project_dir))
    return any(entry.get(WITHDRAWN, "") >= since for entry in exports)


def _read_log(study: Study, run: Run, steps: Steps) -> PastAndOffers:
    tables = _tables_of(run)
    features = (
        tables["scores"]
        .select("customer_id")
        .join(read_table(run, "features"), on="customer_id", how="left", maintain_order="left")
    )
    with Warehouse.temporary() as warehouse:
        with steps("Read the log") as step:
            log = read_order_log(study, warehouse)
            step.detail = log.size
        with steps("Read past campaigns") as step:
            seen = count_days_before(warehouse)
            segments = PastSegments.learn(study, features, days_seen=seen)
            past = read_campaigns(study, warehouse, segments, end_day=log.end_day)
            step.detail = f"{len(past.offers)} campaigns"
    of_today = features.select("customer_id", past_segment=segments.of(features))
    return PastAndOffers(
        study=study,
        run=run,
        past=past,
        tables={**tables, "past_segments": of_today},
        worth=segments.worth,
    )


def plan(
    study: Study, run: Run, *, budget: float | None = None, listener: Listener | None = None
) -> CampaignPlan:
    """Plan with the study's offers.

    Parameters
    ----------
    budget
        In place of the study's.

    Raises
    ------
    InputError
        There is nothing to plan with, or nothing pays.
    """
    if budget is not None:
        if not budget >= 0:  # nor anything that is no number
            raise InputError(f"the budget is {budget:g}", fix="give an amount above 0")
        study = change_terms(study, plan={"budget": budget})
    recalled = read_past(study, run, listener=listener)
    return make_plan(Planning.prepare(study, recalled.tables, recalled.past))


def change_terms(
    study: Study,
    *,
    plan: Mapping[str, Any] | None = None,
    offers: Mapping[str, Mapping[str, Any]] | None = None,
) -> Study:
    """The study under other terms.

    Parameters
    ----------
    plan
        Keys of [plan] -> values.
    offers
        Offer -> keys of [offers.NAME] -> values; an offer that the study lacks is added.

    Raises
    ------
    StudyError
        The terms are none.
    """
    named = {
        name: {**(study.offers[name].model_dump() if name in study.offers else {}), **terms}
        for name, terms in (offers or {}).items()
    }
    changed = {
        "plan": {**study.plan.model_dump(), **(plan or {})},
        "offers": {**{name: each.model_dump() for name, each in study.offers.items()}, **named},
    }
    return Study.from_dict({**study.model_dump(), **changed, "project_dir": study.project_dir})


def summarise_history(history: PastAndOffers) -> dict[str, Any]:
    """The history as plain values."""
    values = history_values(history.past, history.offers, history.study, worth=history.worth)
    return {"run_id": history.run.run_id, **values}


def summarise_plan(made: CampaignPlan, study: Study, run: Run) -> dict[str, Any]:
    """The plan as plain values."""
    return {"run_id": run.run_id, **plan_values(made, study)}


def write_lists(
    made: CampaignPlan,
    path: Path,
    *,
    study: Study,
    run: Run,
    name: str | None = None,
    receiver: str | None = None,
) -> ContactList:
    """Write whom to contact to `path`, and beside it whom to leave alone.

    Both arms are recorded before either file appears, as a campaign of this name.

    Parameters
    ----------
    receiver
        Whose form the lists take: "klaviyo", "hubspot" or "meta".

    Raises
    ------
    InputError
        The file is neither CSV nor Parquet, cannot be written, or there is a campaign of that name.
    """
    campaign = name or name_by_day("plan", study)
    listed, contacted, held_out = list_arms(made, campaign, study=study, run=run)
    sent_to = Receiver.of(receiver, run) if receiver else None
    return write_arms(path, contacted, held_out, listed=listed, study=study, receiver=sent_to)


class GivenLists(NamedTuple):
    """Two CSV files, name -> content: whom to contact, and whom to leave alone; and sentences on
    who is in neither.
    """

    files: Mapping[str, bytes]
    notes: Sequence[str] = ()


def give_lists(
    made: CampaignPlan,
    campaign: str,
    *,
    study: Study,
    run: Run,
    who: str,
    receiver: Receiver | None = None,
) -> GivenLists:
    """Whom to contact and whom to leave alone, after both arms were recorded as a campaign of this
    name.

    Parameters
    ----------
    who
        Whoever gets the files, for the audit log.
    receiver
        Whose form the lists take.

    Raises
    ------
    InputError
        There is a campaign of that name, or nobody whom the receiver can reach.
    HoldfastError
        It cannot be recorded, and there is no file.
    """
    listed, contacted, held_out = list_arms(made, campaign, study=study, run=run)
    notes: list[str] = []
    if receiver is None:
        described = describe_customers(run, contacted, study=study)
        on_one_line = described.with_columns(pl.col("why").str.replace_all("\n", "; "))
        contents = [as_csv(rows) for rows in (on_one_line, held_out)]
    else:
        listed, lists, notes = receiver.fit(listed, contacted, held_out)
        contents = [rows.write_csv().encode() for rows in lists]
    names = (f"{listed.fingerprint}-contacts.csv", f"{listed.fingerprint}-holdout.csv")
    with record_list(listed, study, how="csv", taken=read_campaign_names(study), who=who):
        return GivenLists(dict(zip(names, contents, strict=True)), notes)


def list_arms(
    made: CampaignPlan, campaign: str, *, study: Study, run: Run
) -> tuple[CampaignList, pl.DataFrame, pl.DataFrame]:
    """The plan as it is recorded, whom it contacts and whom it leaves alone."""
    arms = made.customers.select(
        "customer_id",
        "offer",
        "cost",
        treated=pl.col("arm") == CONTACT,
        propensity=pl.lit(1 - study.plan.holdout_share),
    )
    net, low, high = made.total.net
    expected = {"cost": made.total.cost, "net": net, "net_low": low, "net_high": high}
    listed = CampaignList(
        campaign=campaign, made_by="plan", run_id=run.run_id, arms=arms, expected=expected
    )
    contacted, held_out = (
        made.customers.filter(arm=arm).drop("arm").with_columns(run_id=pl.lit(run.run_id))
        for arm in (CONTACT, HOLD_OUT)
    )
    return listed, contacted, held_out
