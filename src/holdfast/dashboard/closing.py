"""Closing an alert by a person: a form for operators, and what became of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from holdfast.dashboard.access import describe_viewer, may_export
from holdfast.dashboard.components import fail, plain
from holdfast.dashboard.live_state import close_alert
from holdfast.dashboard.run_view import read_study
from holdfast.errors import HoldfastError
from holdfast.storage import audit_log

_NOTE = 1_000


def offer_closing(alerts: Sequence[Mapping[str, Any]], *, key: str) -> None:
    """A form that closes one of these open alerts; nothing for a reader."""
    if not alerts or not may_export():
        return
    names = {each["id"]: f"{each['customer_id']}: {each['rule']}" for each in alerts}
    with (
        st.expander("Close an alert", icon=":material/task_alt:"),
        st.form(f"close-{key}", border=False, clear_on_submit=True),
    ):
        chosen = st.selectbox("Alert", list(names), format_func=lambda each: names[each])
        note = st.text_input(
            "Note", max_chars=_NOTE, placeholder="What was done, or why it is nothing"
        )
        st.caption(
            "It is written to the audit log. The rule says no more of the customer until they have "
            "bought again."
        )
        if st.form_submit_button("Close it"):
            _close(chosen, names[chosen], note)


def _close(episode_id: int, name: str, note: str) -> None:
    who = describe_viewer()
    project = Path(read_study().project_dir)
    try:
        # What cannot be recorded is not done.
        with audit_log.write_ahead(project, "close alert", who=who, alert=episode_id):
            close_alert(episode_id, by=who, note=note)
    except HoldfastError as error:
        fail(error)
    else:
        st.success(f"Closed: {plain(name)}.", icon=":material/check:")
