"""Contacts: which customers of a run may be contacted at all, and the two files of a campaign."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from shlex import quote
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from holdfast.campaigns.export_journal import CampaignList, recording
from holdfast.decisions.list_formats import Receiver
from holdfast.errors import HoldfastError, InputError
from holdfast.ingest.order_log import read_campaign_names
from holdfast.report.exports.customer_rows import neutralise
from holdfast.storage.export_records import campaign_of, sent_exports
from holdfast.storage.safe_files import hold, os_errors_as, replace_file, write_parquet
from holdfast.study import Study


@dataclass(frozen=True, kw_only=True)
class ContactList:
    """What was written.

    Attributes
    ----------
    contact, holdout
        The files.
    """

    campaign: str
    run_id: str
    contact: Path
    holdout: Path
    contacted: int
    held_out: int
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "campaign": self.campaign, "run_id": self.run_id, "contact": str(self.contact),
            "holdout": str(self.holdout), "contacted": self.contacted, "held_out": self.held_out,
            "notes": list(self.notes),
        }  # fmt: skip


def write_arms(
    path: Path,
    contacted: pl.DataFrame,
    held_out: pl.DataFrame,
    *,
    listed: CampaignList,
    study: Study,
    receiver: Receiver | None = None,
) -> ContactList:
    """Write whom to contact to `path`, and whom to leave alone to the same name with "-holdout";
    the ending chooses CSV or Parquet. Both arms are on record first, and each file appears whole.

    Parameters
    ----------
    listed
        The same customers, as they are recorded.
    receiver
        Whose form the lists take, as CSV. Whom they cannot carry is in neither arm.

    Raises
    ------
    InputError
        The file is neither CSV nor Parquet, or there is a campaign of that name.
    HoldfastError
        It cannot be written.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"{path.name} is no list", fix="end its name with .csv or .parquet")
    notes: list[str] = []
    if receiver is not None:
        if path.suffix != ".csv":
            raise InputError(f"{path.name} is not CSV", fix="end its name with .csv")
        listed, (contacted, held_out), notes = receiver.fit(listed, contacted, held_out)
    elif path.suffix == ".csv":
        contacted, held_out = _neutralise(contacted), _neutralise(held_out)
    other, how = path.with_stem(f"{path.stem}-holdout"), path.suffix.removeprefix(".")
    taken = read_campaign_names(study)
    with (
        record_list(listed, study, how=how, taken=taken),
        os_errors_as(
            HoldfastError, f"{path} cannot be written", fix="name a file in a folder that is yours"
        ),
    ):
        # The hold-out first: a list of contacts without it is a campaign that nobody can measure.
        for place, rows in ((other, held_out), (path, contacted)):
            replace_file(place, partial(_write, rows, path.suffix))
    return ContactList(
        campaign=listed.campaign,
        run_id=listed.run_id,
        contact=path,
        holdout=other,
        contacted=contacted.height,
        held_out=held_out.height,
        notes=tuple(notes),
    )


def name_by_day(what: str, study: Study) -> str:
    """A name that no recorded export has: what it is, and the day; from the second on, a number."""
    today = datetime.now(ZoneInfo(study.time_zone)).date()
    names = (f"{what}-{today}{'' if n == 1 else f'-{n}'}" for n in count(1))
    taken = _exported_names(study)
    return next(name for name in names if name not in taken)


def _exported_names(study: Study) -> set[str]:
    return {campaign_of(entry) for entry in sent_exports(Path(study.project_dir))}


@contextmanager
def record_list(
    listed: CampaignList, study: Study, *, how: str, taken: Collection[str], who: str = ""
) -> Iterator[str]:
    """Record the arms of a campaign before they leave, one campaign at a time. Yields the export's
    id.

    Parameters
    ----------
    how
        csv, parquet or api.
    taken
        Names of campaigns that the study's own record has.

    Raises
    ------
    InputError
        There is a campaign of that name.
    HoldfastError
        It cannot be recorded.
    """
    project, fix = Path(study.project_dir), "free the folder or the disk"
    with ExitStack() as stack:
        with os_errors_as(HoldfastError, f"{project} cannot be written", fix=fix):
            stack.enter_context(hold(project / ".exports.lock"))
        _refuse_taken_name(listed.campaign, study, taken)
        now = datetime.now(UTC)
        yield stack.enter_context(recording(listed, project, at=now, how=how, who=who))


def _refuse_taken_name(name: str, study: Study, taken: Collection[str]) -> None:
    """Raise where another campaign has the name: both would be read out as one."""
    if name in _exported_names(study):
        raise InputError(
            f"a campaign '{name}' was exported before",
            fix=f"give another name, or say that it never went out with `holdfast experiment "
            f"withdraw {quote(name)}`",
        )
    if name in taken:
        raise InputError(
            f"[treatments] has a campaign '{name}' already", fix="give another name with --name"
        )


def _write(table: pl.DataFrame, suffix: str, path: Path) -> None:
    if suffix == ".parquet":
        write_parquet(table, path)
        return
    path.write_text(table.write_csv(), encoding="utf-8")


def as_csv(table: pl.DataFrame) -> bytes:
    """A list as CSV: UTF-8, comma, LF; no cell runs as a formula."""
    return _neutralise(table).write_csv().encode()


def _neutralise(table: pl.DataFrame) -> pl.DataFrame:
    words = [name for name, kind in table.schema.items() if kind == pl.String]
    return table.with_columns(map(neutralise, words))
