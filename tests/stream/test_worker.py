"""What a worker does when messages, the broker, PostgreSQL or the published run are in trouble."""

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from tests.stream.shops import HISTORY, Shop, order, visit

from holdfast.errors import HoldfastError, MachineError
from holdfast.stream import worker as worker_module
from holdfast.stream.sources.file_source import FileSource
from holdfast.stream.sources.source import Gap, Record, Unavailable
from holdfast.stream.state.postgres import NoState, Unreachable, connect
from holdfast.stream.worker import Orders
from holdfast.study.stream import Stream

POISON = {
    "{half a message": "not a JSON object",
    '["no", "object"]': "not a JSON object",
    '{"id": "x1", "at": "2025-05-01", "amount": 1}': "no customer",
    '{"id": "x2", "customer": "A", "at": "2025-05-01", "amount": "ten"}': "amount is not a number",
    '{"customer": "A", "at": "2025-05-01", "amount": 1}': "event_id is missing",
    '{"id": "x3", "customer": "A", "at": "soon", "amount": 1}': "occurred_at is not a date",
    '{"id": "x\\u0000", "customer": "A", "at": "2025-05-01", "amount": 1}':
        "a text holds a character that no text may have",
    '{"source": "treatments", "id": "x4"}': "the study has no [treatments]",
    '{"id": "x5", "customer": "A", "at": "2025-07-02", "amount": 1}': "its day is after tomorrow",
}  # fmt: skip


def test_poison_is_kept_with_its_place_and_reason_and_everything_else_counts(shop: Shop) -> None:
    shop.begin()
    shop.send([order(3, "A", "2025-05-01"), *POISON, order(4, "A", "2025-07-01")])
    outcome = shop.run()
    assert (outcome.read, outcome.accepted, outcome.dead) == (11, 2, 9)
    kept = shop.rows("SELECT body, reason, position::bigint FROM dead ORDER BY position")
    assert {bytes(body).decode(): reason for body, reason, _ in kept} == POISON
    text = (shop.folder / "stream.ndjson").read_bytes()
    assert all(text[: end + 1].endswith(bytes(body) + b"\n") for body, _, end in kept)
    # Tomorrow's order is known, and no day that is seen has it yet.
    assert shop.value("SELECT max(day) FROM customer_days") == 20270


def test_what_is_understood_and_not_wanted_is_counted_and_not_kept(shop: Shop) -> None:
    shop.begin()
    shop.send([visit(5, "A", "2025-05-01", kind="logout")])
    shop.run()
    assert shop.rows("SELECT outcome, reason, messages::int FROM ledger") == [
        ("set aside", "kind is not in [events.kinds]", 1)
    ]
    assert shop.value("SELECT count(*) FROM dead") == 0


def test_a_stream_that_is_mostly_poison_stops_with_a_sentence(shop: Shop) -> None:
    shop.settings = {"batch_events": 50}
    shop.begin()
    shop.send(["{"] * 60 + [order(n, "A", "2025-05-01") for n in range(10, 200)])
    with pytest.raises(
        HoldfastError, match="60 of the last 100 messages cannot be understood"
    ) as e:
        shop.run()
    assert e.value.exit_code == 1
    assert shop.value("SELECT count(*) FROM dead") == 60


class Trimmed(FileSource):
    """A broker that has removed what was not read."""

    def first(self, partition: int) -> int:
        return 10


def test_a_gap_stops_the_worker_until_somebody_accepts_it(shop: Shop) -> None:
    shop.begin()
    shop.send([order(3, "A", "2025-05-01"), order(4, "A", "2025-05-02")])
    with pytest.raises(Gap, match="are lost: -1 was read last, and what is still there begins at"):
        shop.run(open_source=Trimmed.of)
    assert shop.value("SELECT position::int FROM positions") == -1
    accepted = Orders(until_caught_up=True, accept_gap=True)
    assert shop.run(open_source=Trimmed.of, orders=accepted).read == 2
    assert shop.value("SELECT kind FROM operator_log WHERE kind = 'gap'") == "gap"


class Deaf(FileSource):
    """A consumer that the broker has forgotten: it receives nothing, without any error."""

    opened = 0

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        type(self).opened += 1

    def read(self, *where: int, **how: float) -> Sequence[Record]:
        return [] if self.opened == 1 else super().read(*where, **how)  # type: ignore[arg-type]


def test_a_source_that_falls_silent_is_opened_again_from_the_stored_position(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_STALLED_SECONDS", 0.05)
    monkeypatch.setattr(Deaf, "opened", 0)
    shop.begin()
    shop.send([order(3, "A", "2025-05-01")])
    told: list[str] = []
    assert shop.run(open_source=Deaf.of, say=told.append).accepted == 1
    assert Deaf.opened == 2
    assert "none has arrived" in told[0] or "none has arrived" in told[1]


def test_a_broker_that_is_away_is_tried_again(shop: Shop) -> None:
    shop.begin()
    shop.send([order(3, "A", "2025-05-01")])
    tries: list[int] = []

    def open_later(study: object) -> FileSource:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("nobody answers", fix="wait")
        return FileSource(shop.folder / "stream.ndjson")

    assert shop.run(open_source=open_later).accepted == 1
    assert len(tries) == 3


def test_postgresql_that_breaks_off_is_connected_to_again(shop: Shop) -> None:
    shop.settings = {"batch_events": 1}
    shop.begin()
    shop.send([order(n, "A", "2025-05-01") for n in (3, 4, 5)])
    broken: list[str] = []

    def break_off(point: str) -> None:
        if point == "before commit" and not broken:
            broken.append(point)
            with psycopg.connect("postgresql://postgres@127.0.0.1/postgres") as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity "
                    "USING (pid) WHERE locktype = 'advisory' AND classid::bigint = "
                    "(hashtext(%s)::bigint & 4294967295)",
                    [shop.schema],
                )

    assert shop.run(reached=break_off).read == 3
    assert broken
    assert shop.value("SELECT sum(messages)::int FROM ledger") == 3


def test_postgresql_that_still_starts_is_waited_for(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.settings = {"batch_events": 1}
    shop.begin()
    shop.send([order(n, "A", "2025-05-01") for n in (3, 4, 5)])
    tries: list[str] = []

    def connect_later(settings: Stream) -> Any:
        tries.append("tried")
        if len(tries) in (2, 3):
            raise Unreachable("PostgreSQL cannot be reached: it is starting up", fix="wait")
        return connect(settings)

    def break_off(point: str) -> None:
        if point == "before commit" and len(tries) == 1:
            raise psycopg.OperationalError("the connection is gone")

    monkeypatch.setattr(worker_module, "connect", connect_later)
    assert shop.run(reached=break_off).read == 3
    assert len(tries) == 4
    assert shop.value("SELECT sum(messages)::int FROM ledger") == 3


def test_a_worker_that_never_reached_postgresql_says_so_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.begin()
    monkeypatch.setenv("HOLDFAST_POSTGRES_DSN", "postgresql://postgres@127.0.0.1:1/postgres")
    with pytest.raises(Unreachable, match="PostgreSQL cannot be reached"):
        shop.run()


def test_a_full_disk_of_the_server_is_a_sentence_and_nothing_is_kept(shop: Shop) -> None:
    shop.begin()
    shop.send([order(3, "A", "2025-05-01")])

    def fill(point: str) -> None:
        if point == "folded":
            raise psycopg.errors.DiskFull("could not extend file: No space left on device")

    with pytest.raises(MachineError, match="PostgreSQL could not take events in, and nothing"):
        shop.run(reached=fill)
    assert shop.value("SELECT count(*) FROM lines") == len(HISTORY)


def test_a_worker_ends_after_the_step_at_work(shop: Shop) -> None:
    shop.settings = {"batch_events": 1}
    shop.begin()
    shop.send([order(n, "A", "2025-05-01") for n in (3, 4, 5)])
    worker = shop.worker(orders=Orders())
    worker.reached = lambda point: worker.stop() if point == "inserted" else None
    assert worker.run().read == 1
    assert shop.value("SELECT count(*) FROM lines") == len(HISTORY) + 1


def test_without_a_state_a_worker_says_how_to_make_one(shop: Shop) -> None:
    shop.write_history(HISTORY)
    shop.send([])
    with pytest.raises(NoState, match="run `holdfast stream init`"):
        shop.run()
