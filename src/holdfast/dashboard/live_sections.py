"""Live alerts on other pages: a line of the overview, and a customer's timeline. Where no events
are followed there is nothing.
"""

import streamlit as st

from holdfast.dashboard.closing import offer_closing
from holdfast.dashboard.components import box, fail, plain, write_link
from holdfast.dashboard.filters import link
from holdfast.dashboard.live_state import is_followed, read_status, read_timeline
from holdfast.dashboard.run_view import RunView
from holdfast.errors import HoldfastError
from holdfast.report import alert_tables, formatting


def overview_line(run: RunView) -> None:
    """How many alerts are new and open."""
    if not is_followed():
        return
    try:
        of = read_status()["open"]
    except HoldfastError as error:
        st.caption(plain(formatting.sentence(error.problem)))
        return
    with st.container(border=True):
        st.markdown(plain(_describe(of["new_alerts"], of["new_at_stake"], "new", run.currency)))
        st.caption(plain(_describe(of["alerts"], of["at_stake"], "open", run.currency)))
        write_link(link("live"), "See live alerts")


def _describe(alerts: int, at_stake: float, state: str, currency: str) -> str:
    """As "3 new alerts, €420 at stake"."""
    when = " in 24 hours" if state == "new" else ""
    if not alerts:
        return f"No {state} alerts{when}."
    number = formatting.plural(alerts, f"{state} alert")
    return f"{number}{when}, {formatting.money(at_stake, currency)} at stake."


def customer_timeline(run: RunView, customer_id: str) -> None:
    """What the stream knows of a customer: activity, alerts, messages."""
    if not is_followed():
        return
    st.subheader("Live")
    try:
        history = read_timeline(customer_id)
    except HoldfastError as error:
        fail(error)
        return
    if history is None:
        st.caption("The stream has not heard of this customer.")
        return
    score = history["score"]
    if score is None:
        st.caption("Not scored now: not among those whom the study predicts for.")
    else:
        st.caption(plain(_describe_score(score, run.currency)))
    box(alert_tables.timeline(history, currency=run.currency, minor_digits=run.study.minor_digits))
    offer_closing([each for each in history["episodes"] if each["closed_day"] is None], key="one")


def _describe_score(score: dict[str, object], currency: str) -> str:
    risk = formatting.percent(float(str(score["churn_probability"])), 0)
    day = formatting.day(int(str(score["cutoff_day"])) - 1)
    stake = score["at_stake"]
    held = "" if stake is None else f", {formatting.money(float(str(stake)), currency)} at stake"
    return (
        f"Scored with all events up to {day}: churn probability {risk}{held}. "
        "Earlier live scores are not kept."
    )
