"""Dead letters: messages that could not be understood, to be tried again once the study, or whoever
sends them, was corrected.
"""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.stream.judging import Judge, Judged
from holdfast.stream.sources.source import Record
from holdfast.stream.state import tables as state
from holdfast.stream.state.postgres import explain_refusal

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_AT_ONCE = 1000
_NEXT = """
    SELECT id, partition, body, reason FROM dead
    WHERE retried_at IS NULL AND body IS NOT NULL AND id > %s ORDER BY id LIMIT %s FOR UPDATE
"""


@dataclass(frozen=True)
class Retried:
    """What became of dead messages: understood now, still not, or never kept as they came."""

    understood: int = 0
    dead: int = 0
    withheld: int = 0


def retry_dead(connection: "Connection", judge: Judge, *, last_day: int) -> Retried:
    """Judge every dead message again; what is understood now counts, and its customers are
    evaluated by the worker.
    """
    understood = dead = after = 0
    while True:
        with explain_refusal("try dead messages again"), connection.transaction():
            rows = connection.execute(_NEXT, [after, _AT_ONCE]).fetchall()
            if not rows:
                break
            after = rows[-1][0]
            remaining = _retry(connection, judge, rows, last_day)
        dead += remaining
        understood += len(rows) - remaining
    row = connection.execute(
        "SELECT count(*) FROM dead WHERE retried_at IS NULL AND body IS NULL"
    ).fetchone()
    return Retried(understood, dead, row[0] if row else 0)


def _retry(
    connection: "Connection",
    judge: Judge,
    rows: "list[tuple[int, int, bytes, str]]",
    last_day: int,
) -> int:
    """Take in what is understood now; returns how many are not."""
    records = [Record(number, bytes(body)) for number, _, body, _ in rows]
    judged = judge.judge(records, last_day=last_day)
    reasons = {each.record.position: each.reason for each in judged.dead}
    reasons |= _insert(connection, judged)
    changes: dict[int, Counter[tuple[str, str, str]]] = {}
    for number, partition, _, reason in rows:
        counts = changes.setdefault(partition, Counter())
        counts["", "dead", reason] -= 1
        now = reasons.get(number)
        counts[("", "dead", now) if now else ("", "understood later", "")] += 1
    for partition, counts in changes.items():
        state.count_messages(connection, partition, counts)
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE dead SET reason = %s WHERE id = %s",
                           [(reason, number) for number, reason in reasons.items()])  # fmt: skip
        done = [(number,) for number, *_ in rows if number not in reasons]
        cursor.executemany("UPDATE dead SET retried_at = now() WHERE id = %s", done)
    return len(reasons)


def _insert(connection: "Connection", judged: Judged) -> dict[int, str]:
    """Insert the lines, and say which have an id of other content."""
    if judged.lines.is_empty():
        return {}
    state.lock_customers(connection, judged.lines["customer_id"])
    _, other = state.insert_lines(connection, judged.lines)
    state.mark_dirty(connection)
    return {judged.records[place].position: state.OTHER_CONTENT for place in other}
