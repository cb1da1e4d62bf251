"""A step: some messages of one partition are taken in, and all that follows from them, in one
transaction. It is there whole or not at all, and so every message counts once.

Positions move by comparison: whoever else moved one in between has taken these messages in, and
this step leaves nothing. While a partition is far behind, lines are only inserted and their
customers marked; they are rolled up and evaluated once, when nobody is behind any more. So alerts
speak of the present, never of a past that is read again.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.stream.clock import Clock
from holdfast.stream.evaluation import Evaluator
from holdfast.stream.judging import Judge, Judged
from holdfast.stream.messages import Dead
from holdfast.stream.sources.source import Record
from holdfast.stream.state import tables as state
from holdfast.stream.state.folding import fold
from holdfast.stream.state.personal import STEP_LOCK
from holdfast.stream.state.postgres import explain_refusal
from holdfast.study import Study

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

POINTS = ("inserted", "folded", "scored", "episodes", "before commit", "after commit")
"""Where a step may be watched, or killed."""
Watcher = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What a step did: messages read, lines that were new, customers scored, messages dead."""

    read: int = 0
    accepted: int = 0
    scored: int = 0
    dead: int = 0


@dataclass
class Stepper:
    """Takes steps on one connection.

    Attributes
    ----------
    reached
        Called at each of POINTS.
    """

    study: Study
    connection: "Connection"
    judge: Judge
    evaluator: Evaluator
    clock: Clock
    reached: Watcher = field(default=lambda _: None)

    def take(self, position: state.Position, records: Sequence[Record], *, lag: int) -> Outcome:
        """Take messages in.

        Parameters
        ----------
        lag
            How many more wait.

        Raises
        ------
        Zombie
            Another worker has taken them in.
        """
        behind = self._is_behind(position, lag)
        with explain_refusal("take events in"), self.connection.transaction():
            self.connection.execute(STEP_LOCK)
            self.judge.reread_people()
            judged = self.judge.judge(records, last_day=self.clock.today + 1)
            accepted, dead = self._insert(position.partition, judged)
            scored = 0
            if accepted and behind:
                state.mark_dirty(self.connection)
            elif accepted:
                scored = self._follow_up()
            position.move(self.connection, records, lag=lag, behind=behind)
            state.keep_checkpoint(self.connection, position, day=self.clock.today)
            self.reached("before commit")
        position.value = records[-1].position if records else position.value
        position.is_catching_up = behind
        self.reached("after commit")
        return Outcome(len(records), accepted, scored, dead)

    def evaluate(self, where: str, values: Sequence[object]) -> int:
        """Roll up, where lines were only inserted, and score the customers of a condition; returns
        how many.
        """
        with explain_refusal("evaluate customers"), self.connection.transaction():
            self.connection.execute(STEP_LOCK)
            count = state.lock_numbers(self.connection, where, values)
            if count:
                self._follow_up()
        return count

    def _insert(self, partition: int, judged: Judged) -> tuple[int, int]:
        counts: Counter[tuple[str, str, str]] = Counter(judged.counts)
        dead, accepted = list(judged.dead), 0
        if judged.lines.height:
            state.lock_customers(self.connection, judged.lines["customer_id"])
            accepted, other = state.insert_lines(self.connection, judged.lines)
            counts["", "accepted", ""] += accepted
            counts["", "repeated", ""] += judged.lines.height - accepted - len(other)
            counts["", "dead", state.OTHER_CONTENT] += len(other)
            dead += [Dead(judged.records[place], state.OTHER_CONTENT) for place in other]
        with_body = self.judge.keeps_bodies()
        state.keep_dead(self.connection, partition, dead, with_body=with_body)
        state.count_messages(self.connection, partition, counts)
        self.reached("inserted")
        return accepted, len(judged.dead)

    def _follow_up(self) -> int:
        fold(self.connection, self.study)
        self.reached("folded")
        scored = self.evaluator.evaluate(self.connection, cutoff_day=self.clock.cutoff_day)
        self.reached("episodes")
        return scored

    def _is_behind(self, position: state.Position, lag: int) -> bool:
        settings = self.study.stream
        assert settings is not None
        most = settings.batch_events if position.is_catching_up else settings.catch_up_events
        return lag > most
