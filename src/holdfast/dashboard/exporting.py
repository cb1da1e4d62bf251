"""Lists that leave: files of contacts and of those held out, each recorded before it is a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import polars as pl
import streamlit as st

from holdfast.campaigns import export_journal as journal
from holdfast.campaigns.audience import Audience, Rule, build_audience
from holdfast.dashboard.access import describe_viewer, may_export
from holdfast.dashboard.components import bullets, explain
from holdfast.dashboard.run_view import RunView
from holdfast.decisions.list_formats import FORMATS, Receiver
from holdfast.report import formatting
from holdfast.report.customer_tables import for_mailing
from holdfast.report.exports.customer_rows import write_audience
from holdfast.serving.customer_lists import describe_customers
from holdfast.study import Study
from holdfast.windows import day_of

Form = Literal["csv", "parquet"]
RECEIVERS = {"klaviyo": "Klaviyo", "hubspot": "HubSpot", "meta": "Meta"}
"""How receivers write their names."""


@dataclass(frozen=True, kw_only=True)
class Giver:
    """What gives an audience away: whose customers, where it is recorded, who asks, and in whose
    form; None: in Holdfast's.
    """

    run: RunView
    project: Path
    who: str
    receiver: Receiver | None = None

    def contacts(self, audience: Audience, form: Form) -> bytes:
        """The file of the contacts, after it was recorded; what cannot be recorded is no file."""
        content = self._file(audience, audience.contacts, form)
        now = datetime.now(UTC)
        journal.record_export(audience, self.project, at=now, how=form, who=self.who)
        return content

    def write_held_out(self, audience: Audience) -> bytes:
        """The file of those held out, after it was recorded."""
        content = self._file(audience, audience.held_out, "csv")
        journal.record_hold_out(audience, self.project, who=self.who)
        return content

    def _file(self, audience: Audience, customers: pl.DataFrame, form: Form) -> bytes:
        if self.receiver is not None:
            return self._lay_out(audience, customers, self.receiver)
        rows = describe_customers(self.run.run, customers, study=self.run.study)
        facts = {"rule_id": audience.rule.fingerprint, "run_id": audience.run_id}
        out = BytesIO()
        write_audience(for_mailing(rows) if form == "csv" else rows, out, form=form, facts=facts)
        return out.getvalue()

    def _lay_out(self, audience: Audience, customers: pl.DataFrame, receiver: Receiver) -> bytes:
        campaign = journal.name_campaign(audience.rule, self.project, at=datetime.now(UTC))
        rows = customers.select("customer_id", "segment", run_id=pl.lit(audience.run_id))
        return receiver.lay_out(rows, campaign).write_csv().encode()


def choose_receiver(run: RunView, *, key: str) -> Receiver | None:
    """Whoever is to import the lists, as the reader says; None: nobody in particular."""
    if run.table("addresses").is_empty():
        st.caption(
            "For lists that Klaviyo, HubSpot or Meta import, name the column email or phone under "
            "[customers.columns], and run again."
        )
        return None
    name = st.selectbox(
        "Laid out for",
        [None, *FORMATS],
        format_func=lambda name: RECEIVERS[name] if name else "No tool in particular",
        key=f"{key}-for",
    )
    return Receiver.of(name, run.run) if name else None


def make_audience(run: RunView, rule: Rule, study: Study) -> Audience:
    """The audience of a rule among a run's customers.

    Parameters
    ----------
    study
        As it stands today: the global hold-out is its, no run has a copy of it.
    """
    today = day_of(datetime.now(UTC).date())
    project = Path(study.project_dir)
    return build_audience(
        run.scores,
        rule,
        run_id=run.run.run_id,
        study=run.study.model_copy(update={"campaigns": study.campaigns}),
        permissions=run.table("permissions"),
        resting=journal.find_resting(project, day=today, rest_days=rule.rest_days),
    )


def is_allowed() -> bool:
    """Whether whoever looks may export; where not, it is said."""
    if may_export():
        return True
    why = "A reader looks; to export customers, sign in with a key of the role operator."
    explain("You may not export.", why, "holdfast keys create --role operator")
    return False


def offer_files(run: RunView, project: Path, audience: Audience, *, key: str = "download") -> None:
    """Buttons for the contacts, as CSV and Parquet or as a receiver imports them, and for those
    held out.
    """
    receiver = choose_receiver(run, key=key)
    if receiver is not None:
        audience, notes = receiver.fit_audience(audience)
        bullets([formatting.sentence(note) for note in notes])
    giver = Giver(run=run, project=project, who=describe_viewer(), receiver=receiver)
    rule_id, n = audience.rule.fingerprint, audience.figures
    # A rerun would take the file away from a second click that comes before it has ended.
    download = partial(
        st.download_button, icon=":material/download:", on_click="ignore", width="stretch"
    )
    contacts, parquet, held_out = st.columns(3)
    forms: Mapping[Form, Any] = {"csv": contacts, "parquet": parquet}
    for form, place in forms.items():
        if receiver is not None and form != "csv":
            continue
        with place:
            download(
                f"Contacts, {formatting.count(n['contacted'])} "
                f"({'CSV' if form == 'csv' else 'Parquet'})",
                data=partial(giver.contacts, audience, form),
                file_name=f"contacts-{rule_id}.{form}",
                disabled=audience.contacts.is_empty(),
                key=f"{key}-{form}",
            )
    with held_out:
        download(
            f"Hold-out list, {formatting.count(audience.held_out.height)} (CSV)",
            data=partial(giver.write_held_out, audience),
            file_name=f"hold-out-{rule_id}.csv",
            disabled=audience.held_out.is_empty(),
            key=f"{key}-hold-out",
        )
