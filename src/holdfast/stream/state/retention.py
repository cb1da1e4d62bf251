"""Retention: what was read, sent or tried again is removed after some days, so that the state grows
with customers and their events alone.
"""

from typing import TYPE_CHECKING

from holdfast.stream.sources.outbox_source import ID_BITS

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_AT_ONCE = 20_000
_OLD = "now() - make_interval(days => %s)"
_OVER = {
    "outbox": f"""
        SELECT outbox.ctid FROM outbox JOIN positions USING (partition)
        WHERE created_at < {_OLD} AND xid::text::numeric * {2**ID_BITS} + id <= position
    """,
    "deliveries": f"SELECT ctid FROM deliveries WHERE sent_at < {_OLD}",
    "dead": f"SELECT ctid FROM dead WHERE retried_at < {_OLD}",
}
"""Table -> the rows that are over: read, sent, tried again."""


def remove_old(connection: "Connection", *, keep_days: int) -> int:
    """Remove what is over for so many days, some thousand rows of each table at the most; returns
    how many went.
    """
    removed = 0
    with connection.transaction():
        for table, over in _OVER.items():
            removed += connection.execute(
                f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({over} LIMIT {_AT_ONCE}))",
                [keep_days],
            ).rowcount
    return removed
