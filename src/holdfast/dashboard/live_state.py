"""Live alerts as the pages read them: by the study's file as it is now, at most two seconds old,
and asked once for all who look.
"""

import time

import streamlit as st

from holdfast.dashboard.run_view import read_study
from holdfast.stream import live_view
from holdfast.stream.alerts.closing import close_episode
from holdfast.stream.clock import Clock
from holdfast.stream.live_view import EpisodeFilter, Page, Row
from holdfast.stream.state.connections import Connections
from holdfast.stream.throughput import Throughput
from holdfast.study.stream import Stream

_SECONDS = 2.0
_DEAD = 5


def is_followed() -> bool:
    """Whether the study has a stream at all."""
    return read_study().stream is not None


def read_status() -> Row:
    """The whole stream in figures, the latest dead letters and the rate of each partition.

    Raises
    ------
    HoldfastError
        The state cannot be read.
    """
    return _read_status(_settings())


def read_alerts(wanted: EpisodeFilter, *, most: int, after: tuple[float, int] | None) -> Page:
    """A page of alerts; raises as `read_status` does."""
    return _read_alerts(_settings(), wanted, most, after)


def read_timeline(customer_id: str) -> Row | None:
    """What the stream knows of a customer; raises as `read_status` does."""
    return _read_timeline(_settings(), customer_id)


def close_alert(episode_id: int, *, by: str, note: str) -> None:
    """Close an alert by a person; what is kept of alerts is forgotten.

    Raises
    ------
    EpisodeNotFound, EpisodeClosed, HoldfastError
        It is not open, or the state cannot be written.
    """
    study = read_study()
    day = Clock(study.time_zone).today
    with _connections(_settings()).write() as connection:
        close_episode(connection, study, episode_id, by=by, note=note, day=day)
    for kept in (_read_status, _read_alerts, _read_timeline):
        kept.clear()


def _settings() -> str:
    """[stream] as a text, by which is kept what was read."""
    stream = read_study().stream
    assert stream is not None
    return stream.model_dump_json()


@st.cache_resource(max_entries=4, show_spinner=False, on_release=Connections.close)
def _connections(settings: str) -> Connections:
    return Connections(Stream.model_validate_json(settings))


@st.cache_resource(max_entries=4, show_spinner=False)
def _throughput(_: str) -> Throughput:
    return Throughput()


@st.cache_resource(ttl=_SECONDS, max_entries=200, show_spinner=False)
def _read_status(settings: str) -> Row:
    with _connections(settings).read() as connection:
        status = live_view.read_status(connection)
        latest = live_view.list_dead(connection, most=_DEAD)
    totals = {each["partition"]: each["messages"] for each in status["partitions"]}
    rates = _throughput(settings).add(time.monotonic(), totals)
    return {**status, "latest_dead": latest, "rates": rates}


@st.cache_resource(ttl=_SECONDS, max_entries=200, show_spinner=False)
def _read_alerts(
    settings: str, wanted: EpisodeFilter, most: int, after: tuple[float, int] | None
) -> Page:
    with _connections(settings).read() as connection:
        return live_view.list_episodes(connection, wanted, most=most, after=after)


@st.cache_resource(ttl=_SECONDS, max_entries=200, show_spinner=False)
def _read_timeline(settings: str, customer_id: str) -> Row | None:
    with _connections(settings).read() as connection:
        return live_view.read_timeline(connection, customer_id)
