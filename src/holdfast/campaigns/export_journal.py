"""The export journal: every audience and list that was saved, written, downloaded or pushed, by
which rule of which run, and a table of treatments of each that left.

An export is recorded before it leaves: what cannot be recorded stays. A push that stopped gets a
second line, with how far it came; what never went out is withdrawn by one.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.campaigns.audience import GLOBAL_HOLD_OUT, Audience, Rule, keep_first_contacts
from holdfast.campaigns.treatments import CONTACT
from holdfast.errors import (
    HoldfastError,
    InputError,
    StudyError,
    first_line,
    nearest,
    system_error,
)
from holdfast.io import webhook
from holdfast.storage import audit_log, jsonl
from holdfast.storage.export_records import (
    JOURNAL,
    SAVED,
    WITHDRAWN,
    campaign_of,
    read_journal,
    sent_exports,
    treatments_file,
)
from holdfast.storage.safe_files import replace_file, write_parquet
from holdfast.study import Webhook
from holdfast.windows import day_of

UNFINISHED = "not finished"


@dataclass(frozen=True, kw_only=True)
class _Export:
    """One export: where it is recorded, as which campaign, when it was made (UTC) and how (csv,
    parquet, webhook).
    """

    project: Path
    export_id: str
    campaign: str
    at: datetime
    how: str

    @classmethod
    def of(cls, audience: Audience, project: Path, *, at: datetime, how: str) -> "_Export":
        export_id = _export_id(at, audience.rule.fingerprint, how)
        campaign = name_campaign(audience.rule, project, at=at)
        return cls(project=project, export_id=export_id, campaign=campaign, at=at, how=how)

    def append(self, **facts: Any) -> None:
        """Add a line."""
        entry = {
            "export_id": self.export_id, "at": f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
            "day": day_of(self.at.date()), "how": self.how, "campaign": self.campaign, **facts,
        }  # fmt: skip
        jsonl.append(self.project / JOURNAL, entry)

    def write_treatments(self, table: pl.DataFrame) -> None:
        """Write both arms; no file where nobody is in either."""
        path = treatments_file(self.project, self.export_id)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.parent.chmod(0o700)
            if table.is_empty():
                path.unlink(missing_ok=True)
            else:
                replace_file(path, partial(write_parquet, table))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise system_error(error) or HoldfastError(
                f"{path.parent} cannot be written: {first_line(error)}",
                fix="free the folder or the disk",
            ) from None

    def begin(self, table: pl.DataFrame, **facts: Any) -> None:
        """Write both, or neither."""
        self.write_treatments(table)
        try:
            self.append(**facts)
        except HoldfastError:
            treatments_file(self.project, self.export_id).unlink(missing_ok=True)
            raise

    def list_treatments(self, audience: Audience) -> pl.DataFrame:
        return list_treatments(audience, at=self.at, campaign=self.campaign)


def _export_id(at: datetime, what: str, how: str) -> str:
    return f"{at:%Y%m%dT%H%M%S%fZ}-{what}-{how}"


def name_campaign(rule: Rule, project: Path, *, at: datetime) -> str:
    """The rule's name, with the day where it was exported on another one before: each is a campaign
    with a window of its own. Without a name, the day and the rule.
    """
    if not rule.name:
        return f"{at.date()} {rule.fingerprint}"
    before = (each for each in sent_exports(project) if each["day"] != day_of(at.date()))
    is_taken = any(campaign_of(each) == rule.name for each in before)
    return f"{rule.name} {at.date()}" if is_taken else rule.name


def _facts_of(audience: Audience) -> dict[str, Any]:
    """What the journal says of an audience."""
    rule, figures = asdict(audience.rule), dict(audience.figures)
    return {"run_id": audience.run_id, "rule": rule, "figures": figures}


def record_export(
    audience: Audience, project: Path, *, at: datetime, how: str, who: str = ""
) -> str:
    """Record an audience that is about to leave as a file.

    Parameters
    ----------
    at
        The moment of the export, in UTC.
    how
        csv or parquet.
    who
        For the audit log; without it, the user of the operating system.

    Returns
    -------
    str
        The export's id: `exports/<id>.parquet` holds its treatments, a line of `exports.jsonl` its
        rule.

    Raises
    ------
    HoldfastError
        It cannot be written, and may not leave.
    """
    export = _Export.of(audience, project, at=at, how=how)
    facts = {"export_id": export.export_id, "contacted": audience.figures["contacted"]}
    with audit_log.write_ahead(project, "export", who=who, **facts):
        export.begin(export.list_treatments(audience), **_facts_of(audience))
    return export.export_id


@dataclass(frozen=True, kw_only=True)
class CampaignList:
    """The two arms of a campaign that leaves as a list.

    Attributes
    ----------
    made_by
        What made it: "plan" or "assign".
    arms
        One row per customer: customer_id, treated, propensity (chance of being contacted), offer
        and cost (currency); null where neither is known.
    expected
        What it is expected to come to, currency, for whoever compares it with the result: cost,
        net, net_low and net_high; empty where nobody knows.
    """

    campaign: str
    made_by: str
    run_id: str
    arms: pl.DataFrame
    expected: Mapping[str, float] = field(default_factory=dict)

    def treatments(self, at: datetime) -> pl.DataFrame:
        """Both arms, laid out as `list_treatments` does. Several offers are as many campaigns: who
        was held out of one would have got that offer, and says nothing of the others.
        """
        offer = pl.col("offer")
        several = self.arms["offer"].n_unique() > 1
        of_offer = pl.format("{}: {}", pl.lit(self.campaign), offer)
        return self.arms.select(
            "customer_id",
            occurred_at=pl.lit(at.replace(tzinfo=None), pl.Datetime("us")),
            campaign=of_offer if several else pl.lit(self.campaign),
            treated="treated",
            propensity=pl.col("propensity").cast(pl.Float64),
            cost=pl.when("treated").then(pl.col("cost").cast(pl.Float64)).otherwise(0.0),
            offer=offer.cast(pl.String),
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the campaign's name, 12 hex digits."""
        return hashlib.sha256(self.campaign.encode()).hexdigest()[:12]

    @property
    def facts(self) -> dict[str, Any]:
        """For the audit log."""
        contacted = int(self.arms["treated"].sum())
        held_out = self.arms.height - contacted
        return {
            "campaign": self.campaign, "run_id": self.run_id, "contacted": contacted,
            "held_out": held_out,
        }  # fmt: skip


@contextmanager
def recording(
    listed: CampaignList, project: Path, *, at: datetime, how: str, who: str = ""
) -> Iterator[str]:
    """Record the arms of a list, then let its files be written; where they cannot be, the record is
    withdrawn. Yields the export's id.

    Raises
    ------
    HoldfastError
        It cannot be recorded, and no file is written.
    """
    export_id = _export_id(at, listed.fingerprint, how)
    export = _Export(project=project, export_id=export_id, campaign=listed.campaign, at=at, how=how)
    facts = listed.facts
    figures = {name: facts[name] for name in ("contacted", "held_out")} | dict(listed.expected)
    line = {"run_id": listed.run_id, "made_by": listed.made_by, "figures": figures}
    with audit_log.write_ahead(
        project, listed.made_by, who=who, export_id=export.export_id, **facts
    ):
        export.begin(listed.treatments(at), **line)
        try:
            yield export.export_id
        except BaseException:
            with suppress(HoldfastError):
                export.append(**line, **{WITHDRAWN: f"{at:%Y-%m-%dT%H:%M:%SZ}"})
            raise


def withdraw_exports(project: Path, name: str, *, at: datetime, who: str = "") -> list[str]:
    """Say of the exports of a campaign that they never went out: nobody reads them any more.

    Parameters
    ----------
    name
        Of the campaign, or the id of one export.
    at
        The moment, in UTC.

    Returns
    -------
    list of str
        The ids of the exports.

    Raises
    ------
    InputError
        There is no such export, or it was withdrawn before.
    """
    sent = sent_exports(project)
    meant = [entry for entry in sent if name in (campaign_of(entry), entry["export_id"])]
    if not meant:
        names = sorted({campaign_of(entry) for entry in sent})
        raise InputError(
            f"no export of a campaign '{name}' is recorded that was not withdrawn",
            fix=nearest(name, names) if names else "nothing is recorded that could be withdrawn",
        )
    ids = [entry["export_id"] for entry in meant]
    with audit_log.write_ahead(project, "withdraw", who=who, campaign=name, export_ids=ids):
        for entry in meant:
            line = {**entry, WITHDRAWN: f"{at:%Y-%m-%dT%H:%M:%SZ}"}
            jsonl.append(project / JOURNAL, line)
    return ids


def record_hold_out(audience: Audience, project: Path, *, who: str = "") -> None:
    """Record in the audit log that the list of those held out is about to leave."""
    held_out, rule_id = audience.held_out.height, audience.rule.fingerprint
    audit_log.record(project, "export of a hold-out", who=who, rule_id=rule_id, held_out=held_out)


def push_audience(
    audience: Audience, target: Webhook | None, project: Path, *, at: datetime, who: str = ""
) -> int:
    """Post the customers to be contacted to the study's webhook; the number of requests it took.

    It is recorded, as `record_export` does, before the first request.

    Raises
    ------
    StudyError
        The study names no webhook.
    HoldfastError
        It cannot be recorded, and nothing left; or the receiver refused: then the record has the
        batches that were accepted, and their comparison.
    """
    if target is None:
        raise StudyError(
            "the study names no webhook",
            fix='write [webhook] and url = "https://..." into holdfast.toml',
        )
    export = _Export.of(audience, project, at=at, how="webhook")
    facts = {"export_id": export.export_id, "contacted": audience.figures["contacted"]}
    with audit_log.write_ahead(project, "push", who=who, **facts):
        sent = _facts_of(audience)
        export.begin(export.list_treatments(audience), **sent, batches=UNFINISHED)
        try:
            n = webhook.push(target, _head(audience), audience.contacts.drop("at_stake").to_dicts())
        except HoldfastError as error:
            _record_stop(export, audience, accepted=int(str(error.parts.get("accepted", 0))))
            raise
    export.append(**sent)
    return n


def _head(audience: Audience) -> dict[str, Any]:
    """What every request of a push carries."""
    rule = audience.rule
    return {"run_id": audience.run_id, "rule": asdict(rule), "rule_id": rule.fingerprint}


def _record_stop(export: _Export, audience: Audience, *, accepted: int) -> None:
    """Record how far a push came."""
    batches = ceil(audience.figures["contacted"] / webhook.BATCH)
    done = keep_first_contacts(audience, accepted * webhook.BATCH)
    export.write_treatments(export.list_treatments(done))
    export.append(**_facts_of(done), batches=f"{accepted} of {batches}")


def list_treatments(audience: Audience, *, at: datetime, campaign: str) -> pl.DataFrame:
    """Who was contacted and who was held out of this campaign, laid out as a study reads
    [treatments]. Those held out of every campaign are in no campaign's comparison.

    Columns: customer_id, occurred_at (UTC), campaign, treated, propensity (chance of being
    contacted), cost (currency), offer (null: an audience names none).
    """
    contacted = pl.col("arm") == CONTACT
    return audience.customers.filter(pl.col("arm") != GLOBAL_HOLD_OUT).select(
        "customer_id",
        occurred_at=pl.lit(at.replace(tzinfo=None), pl.Datetime("us")),
        campaign=pl.lit(campaign),
        treated=contacted,
        propensity=pl.lit(1 - audience.rule.holdout_share, pl.Float64),
        cost=pl.when(contacted).then(pl.lit(audience.rule.cost)).otherwise(pl.lit(0.0)),
        offer=pl.lit(None, pl.String),
    )


def save_audience(audience: Audience, project: Path, *, at: datetime) -> None:
    """Keep the rule under its name, so that it can be opened again; nobody leaves.

    Raises
    ------
    InputError
        It has no name.
    """
    if not audience.rule.name:
        raise InputError("the audience has no name", fix="give it one, and save it again")
    _Export.of(audience, project, at=at, how=SAVED).append(**_facts_of(audience))


def saved_rules(project: Path) -> dict[str, Rule]:
    """Every named audience that was saved or exported, by its latest rule; the latest first."""
    rules: dict[str, Rule] = {}
    for entry in read_journal(project):
        rule = entry.get("rule", {})
        if (name := rule.get("name")) and name not in rules:
            rules[name] = _read_rule(rule)
    return rules


def _read_rule(raw: Mapping[str, Any]) -> Rule:
    """A rule as JSON has it: lists for tuples."""
    values: dict[str, Any] = {
        each.name: tuple(value) if isinstance(value := raw[each.name], list) else value
        for each in fields(Rule)
        if each.name in raw
    }
    values["where"] = tuple((name, tuple(chosen)) for name, chosen in raw.get("where", ()))
    return Rule(**values)


def find_resting(project: Path, *, day: int, rest_days: int) -> Sequence[str]:
    """Customers of the audiences that were given away in the last so many days before `day`."""
    if not rest_days:
        return []
    recent = (entry for entry in sent_exports(project) if entry["day"] > day - rest_days)
    paths = (treatments_file(project, entry["export_id"]) for entry in recent)
    # Of a push that nobody accepted there is none.
    tables = [pl.read_parquet(path, columns=["customer_id"]) for path in paths if path.is_file()]
    return pl.concat(tables)["customer_id"].unique().sort().to_list() if tables else []
