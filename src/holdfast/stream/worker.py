"""The worker: reads the partitions that nobody else reads, step by step, until it is told to end.

Whatever breaks between two steps (PostgreSQL restarts, the broker is gone, a consumer that silently
receives nothing) is answered in one way: everything is closed, and opened again at the positions
that are stored.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError
from holdfast.io.warehouse import Warehouse
from holdfast.storage.runs import Registry
from holdfast.stream.alerts.episode_store import tell_operator
from holdfast.stream.clock import Clock
from holdfast.stream.judging import Judge, require_streamable
from holdfast.stream.published import PublishedRun
from holdfast.stream.sources.source import Gap, Source, Unavailable, open_source
from holdfast.stream.state import tables as state
from holdfast.stream.state.postgres import Unreachable, connect, read_row, require_state
from holdfast.stream.step import Outcome, Stepper, Watcher
from holdfast.stream.sweep import Rolling
from holdfast.study import Study

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection
    from holdfast.study.stream import Stream

_STALLED_SECONDS = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE, _PATIENCE_SECONDS = 0.2, 5.0, 600.0
_LAG_SECONDS, _GAP_SECONDS = 1.0, 10.0
_DIRTY = "number IN (SELECT number FROM customers WHERE dirty ORDER BY number LIMIT %s)"
_DIRTY_AT_ONCE = 2000
_WINDOW, _LEAST_WINDOW = 1000, 100


class Stalled(HoldfastError):
    """Messages wait, and none arrives."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """How a worker is to work.

    Attributes
    ----------
    until_caught_up
        End when nothing waits any more.
    accept_gap
        Go on where messages are gone, and note it.
    only
        The partitions to read; empty: all that nobody else reads.
    """

    until_caught_up: bool = False
    accept_gap: bool = False
    only: Sequence[int] = ()


class DeadShare:
    """How many of the last messages were dead."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._steps: deque[Outcome] = deque()

    def add(self, outcome: Outcome) -> None:
        """Count a step.

        Raises
        ------
        HoldfastError
            Too many were dead.
        """
        if not outcome.read:
            return
        self._steps.append(outcome)
        while sum(each.read for each in self._steps) - self._steps[0].read >= _WINDOW:
            self._steps.popleft()
        read = sum(each.read for each in self._steps)
        dead = sum(each.dead for each in self._steps)
        if read >= _LEAST_WINDOW and dead > self._most * read:
            raise HoldfastError(
                f"{dead:,} of the last {read:,} messages cannot be understood, more than "
                f"{self._most:.0%}",
                fix="`holdfast stream dead list` shows why; correct the sender or the study, then "
                "`holdfast stream dead retry`",
                dead=dead,
                read=read,
            )


@dataclass
class Worker:
    """Reads a study's stream.

    Attributes
    ----------
    say
        Called with each sentence for the terminal.
    stopping
        Set to end after the step at work.
    """

    study: Study
    clock: Clock
    registry: Registry
    orders: Orders = Orders()
    say: Callable[[str], None] = field(default=lambda _: None)
    open_source: Callable[[Study], Source] = open_source
    reached: Watcher = field(default=lambda _: None)
    stopping: bool = False
    total: Outcome = field(default_factory=Outcome)

    def run(self) -> Outcome:
        """Work until told to end; returns what was done in all.

        Raises
        ------
        HoldfastError
            Messages are gone (`Gap`), too many are dead, or another worker has taken over.
        """
        import psycopg

        dead_share, pause, broken_since = DeadShare(self._settings.max_dead_share), 0.0, 0.0
        has_worked = False
        with Warehouse.temporary() as warehouse:
            judge = Judge(self.study, warehouse)
            while not self.stopping:
                try:
                    with _Session(self, judge, dead_share) as session:
                        has_worked, pause = True, 0.0
                        session.work()
                    break
                except (psycopg.OperationalError, Unavailable, Unreachable, Stalled) as error:
                    if isinstance(error, Unreachable) and not has_worked:
                        raise
                    broken_since = broken_since if pause else time.monotonic()
                    if time.monotonic() - broken_since > _PATIENCE_SECONDS:
                        raise
                    self.say(f"{_first_line(error)}; trying again from the stored position")
                    pause = min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
                    time.sleep(pause)
        return self.total

    def stop(self) -> None:
        """End after the step at work."""
        self.stopping = True

    @property
    def _settings(self) -> "Stream":
        assert self.study.stream is not None
        return self.study.stream


@contextmanager
def one_stepper(
    study: Study, clock: Clock, registry: Registry, *, say: Callable[[str], None]
) -> Iterator[Stepper]:
    """What evaluates customers once, without reading the source.

    Raises
    ------
    HoldfastError
        There is no state, or the published run cannot score.
    """
    require_streamable(study)
    assert study.stream is not None
    with Warehouse.temporary() as warehouse, connect(study.stream) as connection:
        require_state(connection)
        connection.execute(state.TEMPORARY)
        published = PublishedRun(study, registry, tell=lambda _, text: say(text))
        published.look(today=clock.today)
        judge = Judge(study, warehouse)
        yield Stepper(study, connection, judge, published.evaluator, clock)


class _Session:
    """One connection and one opened source, as long as both hold."""

    def __init__(self, worker: Worker, judge: Judge, dead_share: DeadShare) -> None:
        self._worker, self._dead_share, self._settings = worker, dead_share, worker._settings
        self._connection: Connection = connect(self._settings)
        try:
            require_state(self._connection)
            self._connection.execute(state.TEMPORARY)
            self._source = worker.open_source(worker.study)
        except BaseException:
            self._connection.close()
            raise
        self._published = PublishedRun(
            worker.study, worker.registry, tell=self._tell_operator, reached=worker.reached
        )
        self._stepper = Stepper(
            worker.study, self._connection, judge, self._published.evaluator, worker.clock,
            worker.reached,
        )  # fmt: skip
        self._rolling = Rolling(self._stepper)
        self._lags: dict[int, _Lag] = {}

    def __enter__(self) -> "_Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()
        self._connection.close()

    def work(self) -> None:
        """Take steps until told to end."""
        while not (positions := self._claim_soon()):
            if self._worker.stopping:
                return
            if self._worker.orders.until_caught_up:
                raise HoldfastError(
                    "every partition is read by another worker", fix="wait for it, or end it"
                )
            self._worker.say("every partition is read by another worker; this one stands by")
        self._lags = {each.partition: _Lag() for each in positions}
        checked = 0.0
        while not self._worker.stopping:
            if time.monotonic() - checked > _GAP_SECONDS:
                checked = time.monotonic()
                self._require_no_gap(positions)
            if self._published.look(today=self._worker.clock.today):
                self._stepper.evaluator = self._published.evaluator
            busy = [self._advance(position, len(positions)) for position in positions]
            busy.append(self._evaluate_dirty())
            if self._worker.orders.until_caught_up:
                if not any(busy) and not any(lag.value for lag in self._lags.values()):
                    return
            else:
                self._rolling.advance(self._published.run_id)

    def _claim_soon(self) -> list[state.Position]:
        """The partitions that nobody reads; whoever was killed may hold theirs for a moment."""
        for _ in range(int(_LONGEST_PAUSE / _FIRST_PAUSE)):
            if positions := self._claim_partitions():
                return positions
            if self._worker.stopping:
                break
            time.sleep(_FIRST_PAUSE)
        return []

    def _claim_partitions(self) -> list[state.Position]:
        """Lock the partitions that nobody reads; the lock is gone with the connection."""
        wanted = self._worker.orders.only or self._source.partitions()
        claimed = [
            partition
            for partition in wanted
            if read_row(
                self._connection,
                "SELECT pg_try_advisory_lock(hashtext(%s), %s)",
                [self._settings.postgres_schema, partition],
            )[0]
        ]
        for partition in claimed:
            self._connection.execute(
                "INSERT INTO positions (partition, position) VALUES (%s, %s) "
                "ON CONFLICT DO NOTHING",
                [partition, self._source.first(partition) - 1],
            )
        positions = [state.Position(self._connection, partition) for partition in claimed]
        return positions

    def _require_no_gap(self, positions: Sequence[state.Position]) -> None:
        for position in positions:
            first = self._source.first(position.partition)
            if first > position.value + 1:
                gap = Gap(
                    self._settings.topic or self._settings.source,
                    partition=position.partition,
                    after=position.value,
                    first=first,
                )
                self._step_over(position, gap)

    def _step_over(self, position: state.Position, gap: Gap) -> None:
        if not self._worker.orders.accept_gap:
            raise gap
        to = int(str(gap.parts["first"])) - 1
        with self._connection.transaction():
            position.jump(self._connection, to)
            state.log_for_operator(self._connection, "gap", gap.problem)
        position.value = to
        self._worker.say(f"{gap.problem}; accepted")

    def _advance(self, position: state.Position, n_partitions: int) -> bool:
        """Read a partition on, and take a step if anything was there."""
        wait = self._settings.batch_ms / 1000 / n_partitions
        most, partition = self._settings.batch_events, position.partition
        try:
            records = self._source.read(partition, position.value, most=most, wait_seconds=wait)
        except Gap as gap:
            self._step_over(position, gap)
            return True
        lag = self._lags[partition]
        after = records[-1].position if records else position.value
        lag.measure(self._source, partition, after, arrived=len(records))
        if not records and not (position.is_catching_up and lag.value <= most):
            return False
        self._count(self._stepper.take(position, records, lag=lag.value))
        return True

    def _count(self, outcome: Outcome) -> None:
        total = self._worker.total
        self._worker.total = Outcome(
            total.read + outcome.read, total.accepted + outcome.accepted,
            total.scored + outcome.scored, total.dead + outcome.dead,
        )  # fmt: skip
        self._dead_share.add(outcome)

    def _evaluate_dirty(self) -> bool:
        with self._connection.transaction():
            if state.is_anybody_behind(self._connection):
                return False
        evaluated = self._stepper.evaluate(_DIRTY, [_DIRTY_AT_ONCE])
        self._count(Outcome(scored=evaluated))
        return evaluated > 0

    def _tell_operator(self, kind: str, text: str) -> None:
        self._worker.say(text)
        with self._connection.transaction():
            state.log_for_operator(self._connection, kind, text)
            if kind == "trouble":
                key = f"trouble/{self._worker.clock.today}/{text}"
                tell_operator(self._connection, self._worker.study, text, key=key)


class _Lag:
    """How much waits in a partition, and since when nothing of it has arrived."""

    def __init__(self) -> None:
        self.value, self._measured, self._arrived = 1, 0.0, time.monotonic()

    def measure(self, source: Source, partition: int, after: int, *, arrived: int) -> None:
        """Look again, once a second or where nothing arrived.

        Raises
        ------
        Stalled
            Something waits, and has not arrived for long.
        """
        now = time.monotonic()
        self.value = max(self.value - arrived, 0)
        if arrived:
            self._arrived = now
        if not arrived or now - self._measured > _LAG_SECONDS:
            self.value, self._measured = source.lag(partition, after), now
        if not self.value:
            self._arrived = now
        if now - self._arrived > _STALLED_SECONDS:
            raise Stalled(
                f"{self.value:,} messages wait in partition {partition}, and none has arrived for "
                f"{_STALLED_SECONDS:.0f} seconds",
                fix="the source is opened again",
            )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
