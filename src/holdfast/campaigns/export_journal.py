"""The export journal: every audience that was saved, downloaded or pushed, by which rule of which
run, and a table of treatments of each that left.

An export is recorded before it leaves: what cannot be recorded stays. A push that stopped gets a
second line, with how far it came; of the lines of one export the last one counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.campaigns.audience import GLOBAL_HOLD_OUT, Audience, Rule, keep_first_contacts
from holdfast.campaigns.treatments import CONTACT
from holdfast.errors import HoldfastError, InputError, StudyError, first_line, system_error
from holdfast.io import webhook
from holdfast.storage import audit_log, jsonl
from holdfast.storage.safe_files import replace_file, write_parquet
from holdfast.study import Webhook
from holdfast.windows import day_of

JOURNAL, FOLDER = "exports.jsonl", "exports"
SAVED = "saved"
UNFINISHED = "not finished"


@dataclass(frozen=True, kw_only=True)
class _Export:
    """One export: where it is recorded, when it was made (UTC) and how (csv, parquet, webhook)."""

    project: Path
    export_id: str
    at: datetime
    how: str

    @classmethod
    def of(cls, audience: Audience, project: Path, *, at: datetime, how: str) -> "_Export":
        export_id = f"{at:%Y%m%dT%H%M%S%fZ}-{audience.rule.fingerprint}-{how}"
        return cls(project=project, export_id=export_id, at=at, how=how)

    @property
    def treatments(self) -> Path:
        return self.project / FOLDER / f"{self.export_id}.parquet"

    def append(self, audience: Audience, batches: str = "") -> None:
        """Add a line; `batches`: of a push, how many were accepted, "2 of 3"."""
        entry = {
            "export_id": self.export_id, "at": f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
            "day": day_of(self.at.date()), "how": self.how, "run_id": audience.run_id,
            "rule": asdict(audience.rule), "figures": dict(audience.figures),
            **({"batches": batches} if batches else {}),
        }  # fmt: skip
        jsonl.append(self.project / JOURNAL, entry)

    def write_treatments(self, audience: Audience) -> None:
        """Write both arms; no file where nobody is in either."""
        path = self.treatments
        campaign = audience.rule.name or self.export_id
        table = list_treatments(audience, at=self.at, campaign=campaign)
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

    def begin(self, audience: Audience, batches: str = "") -> None:
        """Write both, or neither."""
        self.write_treatments(audience)
        try:
            self.append(audience, batches)
        except HoldfastError:
            self.treatments.unlink(missing_ok=True)
            raise


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
        export.begin(audience)
    return export.export_id


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
        export.begin(audience, UNFINISHED)
        try:
            n = webhook.push(target, _head(audience), audience.contacts.drop("at_stake").to_dicts())
        except HoldfastError as error:
            _record_stop(export, audience, accepted=int(str(error.parts.get("accepted", 0))))
            raise
    export.append(audience)
    return n


def _head(audience: Audience) -> dict[str, Any]:
    """What every request of a push carries."""
    rule = audience.rule
    return {"run_id": audience.run_id, "rule": asdict(rule), "rule_id": rule.fingerprint}


def _record_stop(export: _Export, audience: Audience, *, accepted: int) -> None:
    """Record how far a push came."""
    batches = ceil(audience.figures["contacted"] / webhook.BATCH)
    done = keep_first_contacts(audience, accepted * webhook.BATCH)
    export.write_treatments(done)
    export.append(done, f"{accepted} of {batches}")


def list_treatments(audience: Audience, *, at: datetime, campaign: str) -> pl.DataFrame:
    """Who was contacted and who was held out of this campaign, laid out as a study reads
    [treatments]. Those held out of every campaign are in no campaign's comparison.

    Columns: customer_id, occurred_at (UTC), campaign, treated, propensity (chance of being
    contacted), cost (currency).
    """
    contacted = pl.col("arm") == CONTACT
    return audience.customers.filter(pl.col("arm") != GLOBAL_HOLD_OUT).select(
        "customer_id",
        occurred_at=pl.lit(at.replace(tzinfo=None), pl.Datetime("us")),
        campaign=pl.lit(campaign),
        treated=contacted,
        propensity=pl.lit(1 - audience.rule.holdout_share, pl.Float64),
        cost=pl.when(contacted).then(pl.lit(audience.rule.cost)).otherwise(pl.lit(0.0)),
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
    _Export.of(audience, project, at=at, how=SAVED).append(audience)


def saved_rules(project: Path) -> dict[str, Rule]:
    """Every named audience that was saved or exported, by its latest rule; the latest first."""
    rules: dict[str, Rule] = {}
    for entry in read_journal(project):
        name = entry["rule"].get("name")
        if name and name not in rules:
            rules[name] = _read_rule(entry["rule"])
    return rules


def _read_rule(raw: Mapping[str, Any]) -> Rule:
    """A rule as JSON has it: lists for tuples."""
    values: dict[str, Any] = {
        field.name: tuple(value) if isinstance(value := raw[field.name], list) else value
        for field in fields(Rule)
        if field.name in raw
    }
    return Rule(**values)


def read_journal(project: Path) -> list[dict[str, Any]]:
    """Every audience that was saved or given away, the latest first."""
    by_id = {entry["export_id"]: entry for entry in jsonl.entries(project / JOURNAL)}
    return list(by_id.values())[::-1]


def read_exports(project: Path) -> list[dict[str, Any]]:
    """Every export so far, the latest first."""
    return [entry for entry in read_journal(project) if entry["how"] != SAVED]


def find_resting(project: Path, *, day: int, rest_days: int) -> Sequence[str]:
    """Customers of the audiences that were given away in the last so many days before `day`."""
    if not rest_days:
        return []
    recent = (entry for entry in read_exports(project) if entry["day"] > day - rest_days)
    paths = (project / FOLDER / f"{entry['export_id']}.parquet" for entry in recent)
    # Of a push that nobody accepted there is none.
    tables = [pl.read_parquet(path, columns=["customer_id"]) for path in paths if path.is_file()]
    return pl.concat(tables)["customer_id"].unique().sort().to_list() if tables else []
