"""The feed of alerts: every opening and closing, in an order in which nothing appears later before
what was read already.

Ids are given before their transactions commit, so that the order is that of transactions first, and
what an older transaction may still add to is not read yet.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.stream.live_view import EPISODE, Row, fetch_rows

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_PLACE = re.compile(r"(\d{1,19})-(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the feed somebody is: behind one transition. Written as "812-97"."""

    transaction: int
    number: int

    def __str__(self) -> str:
        return f"{self.transaction}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """The place of such a text; None where it is none.

        >>> Place.parse("812-97"), Place.parse("yesterday")
        (Place(transaction=812, number=97), None)
        """
        match = _PLACE.fullmatch(text)
        return cls(int(match[1]), int(match[2])) if match else None


START = Place(0, 0)


def find_end(connection: "Connection") -> Place:
    """The place behind the last that can be read now; the same for all who ask meanwhile."""
    rows = fetch_rows(
        connection,
        """
        SELECT CAST(xid AS text) AS xid, id FROM transitions
        WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY transitions.xid DESC, id DESC LIMIT 1
        """,
    )
    return Place(int(rows[0]["xid"]), rows[0]["id"]) if rows else START


def read_transitions(connection: "Connection", after: Place, *, most: int) -> list[Row]:
    """What follows a place, in order: `place`, `transition` (opened or closed), `at` and the alert
    as it is now.
    """
    rows = fetch_rows(
        connection,
        f"""
        SELECT CAST(t.xid AS text) AS xid, t.id AS number, t.transition, t.at, {EPISODE}
        FROM transitions AS t JOIN episodes AS e ON e.id = t.episode_id
        LEFT JOIN scores AS s USING (customer_id)
        WHERE t.xid < pg_snapshot_xmin(pg_current_snapshot())
          AND (t.xid, t.id) > (CAST(%(xid)s AS xid8), %(number)s)
        ORDER BY t.xid, t.id LIMIT %(most)s
        """,
        {"xid": str(after.transaction), "number": after.number, "most": most},
    )
    return [{"place": Place(int(row.pop("xid")), row.pop("number")), **row} for row in rows]
