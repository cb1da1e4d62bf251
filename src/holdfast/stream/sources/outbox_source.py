"""The outbox as a source: events that applications write into a table beside the state, in their
own transactions.

Ids are given before their transactions commit: one that reads by id would step over a row that
becomes visible later. So rows are read by transaction and id, and only those of transactions that
everybody else has ended, too. A position is both numbers in one.
"""

from collections.abc import Sequence

from holdfast.stream.sources.source import Record, poll
from holdfast.stream.state.postgres import connect, explain_refusal, read_row, require_state
from holdfast.study.stream import Stream

ID_BITS = 63
_AFTER = "partition = %s AND (xid, id) > (%s::text::xid8, %s)"


class OutboxSource:
    """The table `outbox` of the state."""

    def __init__(self, settings: Stream) -> None:
        self._partitions = range(settings.partitions)
        self._connection = connect(settings)
        require_state(self._connection)

    def partitions(self) -> Sequence[int]:
        """As many as [stream] says."""
        return self._partitions

    def first(self, partition: int) -> int:
        """Nobody removes what was not read."""
        return 0

    def read(
        self, partition: int, after: int, *, most: int, wait_seconds: float
    ) -> Sequence[Record]:
        """Rows after a position, by transaction and id."""
        return poll(lambda: self._read(partition, after, most), wait_seconds=wait_seconds)

    def lag(self, partition: int, after: int) -> int:
        """Rows that are there, those too that wait until transactions before them have ended."""
        sql = f"SELECT count(*) FROM outbox WHERE {_AFTER}"
        with explain_refusal("count the outbox"):
            return int(read_row(self._connection, sql, [partition, *_split(after)])[0])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _read(self, partition: int, after: int, most: int) -> list[Record]:
        sql = f"""
            SELECT xid::text, id, body::text FROM outbox
            WHERE {_AFTER} AND xid < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY outbox.xid, id LIMIT %s
        """
        with explain_refusal("read the outbox"):
            rows = self._connection.execute(sql, [partition, *_split(after), most])
            return [Record(int(xid) << ID_BITS | id_, body.encode()) for xid, id_, body in rows]


def _split(position: int) -> tuple[str, int]:
    position = max(position, 0)
    return str(position >> ID_BITS), position & (1 << ID_BITS) - 1
