"""Replay: what happened since a day is read again from the source and rolled up again, without
alerting on the past.

Lines that the state has are recognised by their ids. All partitions count as behind until they are
read to their ends, so that customers are evaluated once, as they are then.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.errors import ProjectBusy
from holdfast.stream.sources.source import Source
from holdfast.stream.state.postgres import explain_refusal, read_row

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_BEFORE = "SELECT position FROM checkpoints WHERE partition = %s AND day >= %s ORDER BY day LIMIT 1"


@dataclass(frozen=True)
class Replay:
    """What will be worked out again: partitions that are read again, and customers."""

    partitions: int
    customers: int


def prepare_replay(connection: "Connection", source: Source, *, schema: str, day: int) -> Replay:
    """Put the positions back to before the first step on or after a day, and mark everyone of whom
    anything happened since.

    Raises
    ------
    ProjectBusy
        A worker is at work.
    """
    with explain_refusal("prepare the replay"), connection.transaction():
        partitions = [p for (p,) in connection.execute("SELECT partition FROM positions")]
        for partition in partitions:
            _claim(connection, schema, partition)
        moved = sum(_put_back(connection, source, partition, day) for partition in partitions)
        customers = connection.execute(
            "UPDATE customers SET dirty = true "
            "WHERE number IN (SELECT customer FROM lines WHERE day >= %s)",
            [day],
        ).rowcount
    return Replay(moved, customers)


def _claim(connection: "Connection", schema: str, partition: int) -> None:
    claimed = read_row(
        connection, "SELECT pg_try_advisory_xact_lock(hashtext(%s), %s)", [schema, partition]
    )
    if claimed != (True,):
        raise ProjectBusy(
            f"a worker reads partition {partition}",
            fix="end `holdfast stream run`, then replay and start it again",
        )


def _put_back(connection: "Connection", source: Source, partition: int, day: int) -> bool:
    row = connection.execute(_BEFORE, [partition, day]).fetchone()
    if row is None:
        return False
    # What the source no longer has is among the lines.
    position = max(int(row[0]), source.first(partition) - 1)
    connection.execute(
        "UPDATE positions SET position = %s, catching_up = true WHERE partition = %s",
        [position, partition],
    )
    return True
