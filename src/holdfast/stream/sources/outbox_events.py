"""Events that applications hand over: checked for what makes them rows of the study, and written
into the outbox. What else they hold is judged when the stream reads them.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

from holdfast.errors import DataError, StudyError, nearest
from holdfast.study import Study

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_SOURCES = ("transactions", "events", "treatments")
_NEEDED = ("customer_id", "event_id", "occurred_at")
_LONGEST = 1_000


def require_outbox(study: Study) -> None:
    """Refuse where nobody would read the events.

    Raises
    ------
    StudyError
        The study's stream reads elsewhere, or there is none.
    """
    stream = study.stream
    if stream is not None and stream.source == "outbox":
        return
    source = "no [stream]" if stream is None else f'[stream] source = "{stream.source}"'
    raise StudyError(
        f"the study has {source}, so that nobody would read these events",
        fix='set source = "outbox" under [stream], or send events to where it reads',
    )


def assign_partitions(events: Sequence[Any], study: Study) -> list[int]:
    """The partition of each event, by its customer.

    Raises
    ------
    DataError
        An event is no row of the study; its place is the part `index`.
    """
    assert study.stream is not None
    needed = {name: _needed_columns(study, name) for name in _SOURCES}
    read = {name: columns for name, columns in needed.items() if columns}
    return [
        crc32(_find_customer(event, read, place).encode()) % study.stream.partitions
        for place, event in enumerate(events)
    ]


def add_events(
    connection: "Connection", body: str, partitions: Sequence[int], *, are_many: bool
) -> int:
    """Write events into the outbox, in their order; returns how many.

    Parameters
    ----------
    body
        JSON as it came, so that no digit of a number is lost: an event, or {"events": [...]}.
    """
    sql = """
        INSERT INTO outbox (partition, body)
        SELECT partition, body
        FROM ROWS FROM (
            unnest(CAST(%s AS integer[])),
            jsonb_path_query(CAST(%s AS jsonb), CAST(%s AS jsonpath))
        ) WITH ORDINALITY AS handed (partition, body, place)
        ORDER BY place
    """
    path = "$.events[*]" if are_many else "$"
    return connection.execute(sql, [list(partitions), body, path]).rowcount


def _needed_columns(study: Study, name: str) -> dict[str, str]:
    """Role -> column of what a row of a source cannot be without."""
    source = getattr(study, name)
    roles = source.columns.model_dump() if source else {}
    return {role: roles[role] for role in _NEEDED if roles.get(role)}


def _find_customer(event: Any, needed: Mapping[str, Mapping[str, str]], place: int) -> str:
    """The customer of an event that is a row of one of the sources."""
    if not isinstance(event, dict):
        raise DataError(
            f"event {place} is no JSON object", fix="send one object for each", index=place
        )
    source = event.get("source", _SOURCES[0])
    if not isinstance(source, str) or source not in needed:
        raise DataError(
            f"event {place} has the source {source!r:.80}, which the study does not have",
            fix=nearest(str(source), list(needed)),
            index=place,
        )
    for name, value in event.items():
        if not isinstance(value, str | int | float | bool | None):
            raise DataError(
                f"event {place}: {name!r:.80} is a list or an object",
                fix="send numbers, words, true, false or null",
                index=place,
            )
    for role, column in needed[source].items():
        if not str(event.get(column) if event.get(column) is not None else "").strip():
            raise DataError(
                f"event {place} has no {column!r}, which is the study's {role}",
                fix=f"send the columns of [{source}] by their own names",
                index=place,
            )
    return str(event[needed[source]["customer_id"]])[:_LONGEST]
