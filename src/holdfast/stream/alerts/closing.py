"""Closing an alert by a person, who says so by name; whoever was told that it opened is told."""

from typing import TYPE_CHECKING

from holdfast.errors import InputError
from holdfast.stream.alerts.episode_store import tell_closed
from holdfast.study import Study

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_CLOSE = """
    UPDATE episodes SET closed_day = %s, closed_at = now(), close_reason = %s, note = %s
    WHERE id = %s AND closed_day IS NULL RETURNING *
"""
_LOCK = """
    SELECT FROM customers WHERE customer_id = (SELECT customer_id FROM episodes WHERE id = %s)
    FOR UPDATE
"""
"""A step that has read the alert as open would write it as open again."""
_SCORE = "SELECT * FROM scores WHERE customer_id = %s"


class EpisodeNotFound(InputError):
    """No alert has that number."""


class EpisodeClosed(InputError):
    """The alert was closed before."""


def close_episode(
    connection: "Connection", study: Study, episode_id: int, *, by: str, note: str, day: int
) -> None:
    """Close an open alert; its rule says no more of the customer until they have bought, and its
    cooldown is over.

    Parameters
    ----------
    connection
        In a transaction: the alert and what is told of it are one change.

    Raises
    ------
    EpisodeNotFound, EpisodeClosed
        There is none of that number, or it is not open.
    """
    from psycopg.rows import dict_row

    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_LOCK, [episode_id])
        closed = cursor.execute(_CLOSE, [day, f"by {by}", note, episode_id]).fetchone()
        if closed is not None:
            score = cursor.execute(_SCORE, [closed["customer_id"]]).fetchone()
            tell_closed(connection, study, closed, score)
            return
    row = connection.execute(
        "SELECT close_reason FROM episodes WHERE id = %s", [episode_id]
    ).fetchone()
    if row is None:
        raise EpisodeNotFound(
            f"there is no alert {episode_id}",
            fix="`holdfast alerts list` shows those that are open",
            episode_id=episode_id,
        )
    raise EpisodeClosed(
        f"alert {episode_id} is closed already ({row[0]})", fix="", episode_id=episode_id
    )
