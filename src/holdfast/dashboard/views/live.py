"""Live: which alerts are open, of whom and with how much at stake; how far the stream is, and what
went wrong. It renews itself, and leaves alone where the reader is.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from holdfast.dashboard.closing import offer_closing
from holdfast.dashboard.components import (
    Page,
    box,
    card,
    cards,
    explain,
    fail,
    figure,
    plain,
    write_table,
)
from holdfast.dashboard.filters import link
from holdfast.dashboard.live_state import is_followed, read_alerts, read_status
from holdfast.dashboard.run_view import RunView
from holdfast.errors import HoldfastError
from holdfast.report import alert_tables, charts, formatting
from holdfast.stream.live_view import EpisodeFilter
from holdfast.study import SEGMENT_NAMES

_EVERY = "5s"
_SHOWN = 10
_PLACES = "alert_pages"
"""Where the pages before the one that is shown began."""
_QUIET_SECONDS = 60
_ALL = "All"


def _draw(run: RunView) -> None:
    if not is_followed():
        why = "Say under [stream] in holdfast.toml from where they come, then run these."
        explain("No events are followed yet.", why, "holdfast stream init\nholdfast stream run")
        return
    status = read_status()
    _figures(run)
    wanted = _choose(status)
    _list(run, wanted)
    _offer_closing(wanted)
    _stream()


@st.fragment(run_every=_EVERY)
def _figures(run: RunView) -> None:
    status = _try_status()
    if status is None:
        return
    of = status["open"]
    cards(
        card(
            "Open alerts",
            formatting.count(of["alerts"]),
            below=f"Of {formatting.plural(of['customers'], 'customer')}",
        ),
        card(
            "Revenue at stake",
            formatting.money(of["at_stake"], run.currency),
            "Of customers with an open alert; each counts once",
            below="Each customer once",
        ),
        card(
            "Opened in 24 hours",
            formatting.count(of["new_alerts"]),
            below=f"{formatting.money(of['new_at_stake'], run.currency)} at stake",
        ),
        card(
            "Events waiting",
            formatting.count(sum(each["lag"] for each in status["partitions"])),
            below=_describe_sweep(status["sweep"]),
        ),
    )
    _warn(status)
    make = partial(charts.open_alerts, status["alerts"], currency=run.currency)
    figure(run, "open-alerts", make, keep=False)


def _describe_sweep(sweep: Mapping[str, Any]) -> str:
    if sweep["cutoff_day"] is None:
        return "Nobody was evaluated yet"
    day = formatting.day(sweep["cutoff_day"] - 1)
    evaluated, customers = (formatting.count(sweep[name]) for name in ("evaluated", "customers"))
    return f"{evaluated} of {customers} customers evaluated for {day}"


def _warn(status: Mapping[str, Any]) -> None:
    """What should not wait: a stream that stands still, messages that do not arrive."""
    for icon, text in (
        ("hourglass", _describe_standstill(status["partitions"])),
        ("mark_email_unread", _describe_failures(status["deliveries"])),
        ("warning", _describe_dead(status["dead"])),
    ):
        if text:
            st.warning(plain(text), icon=f":material/{icon}:")


def _describe_standstill(partitions: Sequence[Mapping[str, Any]]) -> str:
    still = [
        f"partition {each['partition']} for {formatting.age(each['silent_seconds'])}"
        for each in partitions
        if each["lag"] and each["silent_seconds"] > _QUIET_SECONDS
    ]
    if not still:
        return ""
    names = formatting.listing(still)
    return f"Events wait, and nothing was read of {names}: is holdfast stream run at work?"


def _describe_failures(deliveries: Sequence[Mapping[str, Any]]) -> str:
    failing = {each["route"]: each["failing"] + each["given_up"] for each in deliveries}
    routes = [f"{route} ({formatting.count(n)})" for route, n in failing.items() if n]
    if not routes:
        return ""
    errors = (each["last_error"] for each in deliveries if each["last_error"])
    last = f" The last error: {formatting.sentence(next(errors, 'not known'))}"
    n = formatting.plural(sum(failing.values()), "message")
    return f"{n} could not be delivered: {formatting.listing(routes)}.{last}"


def _describe_dead(counts: Sequence[Mapping[str, Any]]) -> str:
    new = sum(each["new_messages"] for each in counts)
    events = formatting.plural(new, "event")
    return f"{events} of the last 24 hours could not be understood." if new else ""


def _choose(status: Mapping[str, Any]) -> EpisodeFilter:
    """Which alerts to list."""
    st.subheader("Open alerts")
    open_counts = status["alerts"]
    rules = sorted({each["rule"] for each in open_counts})
    severities = [
        each for each in ("critical", "warning", "info")
        if each in {count["severity"] for count in open_counts}
    ]  # fmt: skip
    choices = {"rule": rules, "segment": list(SEGMENT_NAMES), "severity": severities}
    chosen = {}
    for place, (name, values) in zip(st.columns(len(choices)), choices.items(), strict=True):
        with place:
            chosen[name] = st.selectbox(
                formatting.capital(name),
                [_ALL, *values],
                key=f"alert_{name}",
                bind="query-params",
                on_change=_begin_again,
            )
    return EpisodeFilter(**{name: value for name, value in chosen.items() if value != _ALL})


def _begin_again() -> None:
    st.session_state[_PLACES] = []


@st.fragment(run_every=_EVERY)
def _list(run: RunView, wanted: EpisodeFilter) -> None:
    places: list[Any] = st.session_state.setdefault(_PLACES, [])
    try:
        status = read_status()
        page = read_alerts(wanted, most=_SHOWN, after=places[-1] if places else None)
    except HoldfastError as error:
        fail(error)
        return
    if not page.episodes:
        st.caption("No open alert meets this." if status["alerts"] else "No alert is open.")
        return
    first = len(places) * _SHOWN + 1
    caption = f"Open alerts {first} to {first + len(page.episodes) - 1}, the most at stake first"
    table = alert_tables.open_alerts(
        page.episodes, caption=caption, currency=run.currency, now=status["at"]
    )
    box(table, [link("customer", customer=each["customer_id"]) for each in page.episodes])
    with st.container(horizontal=True):
        if places:
            st.button("Previous", on_click=places.pop, icon=":material/chevron_left:")
        if page.following:
            further = (page.following,)
            st.button("Next", on_click=places.append, args=further, icon=":material/chevron_right:")


@st.fragment
def _offer_closing(wanted: EpisodeFilter) -> None:
    places: list[Any] = st.session_state.get(_PLACES) or []
    try:
        page = read_alerts(wanted, most=_SHOWN, after=places[-1] if places else None)
        offer_closing(page.episodes, key="live")
    except HoldfastError as error:
        fail(error)


@st.fragment(run_every=_EVERY)
def _stream() -> None:
    """How far the stream is, what it could not read, what it has sent."""
    status = _try_status()
    if status is None:
        return
    st.subheader("The stream")
    box(alert_tables.partitions(status["partitions"], status["rates"]))
    box(alert_tables.deliveries(status["deliveries"], status["at"]))
    left, right = st.columns(2)
    with left:
        box(alert_tables.closed_alerts(status["closed_7_days"], days=7))
    with right:
        box(alert_tables.dead_letters(status["dead"], status["at"]))
        if status["latest_dead"]:
            with st.expander("The latest that could not be understood"):
                write_table(alert_tables.latest_dead(status["latest_dead"]))
    if status["operator_log"]:
        box(alert_tables.operator_log(status["operator_log"]))


def _try_status() -> dict[str, Any] | None:
    """The status; None where it cannot be read, which is said."""
    try:
        return read_status()
    except HoldfastError as error:
        fail(error)
        return None


PAGE = Page("Live", "notifications_active", "live", _draw)
