"""Every event counts once, whatever dies in between."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from polars.testing import assert_frame_equal
from tests.stream.shops import DSN, HISTORY, Shop, order, visit

from holdfast.stream.state.tables import Position, Zombie
from holdfast.stream.step import POINTS
from holdfast.stream.worker import Orders

SENT = [
    *(order(n, f"C{n % 4}", f"2025-05-{n:02d}", f"P{n % 3}") for n in range(3, 15)),
    *(visit(n, f"C{n % 5}", f"2025-05-{n:02d}") for n in range(3, 15)),
]
OF_STEPS = [point for point in POINTS if point not in ("scored", "episodes")]
"""Those that a stream without a published run reaches, too."""


class Crash(Exception):
    """What no code of the worker catches."""


def crash_at(point: str, *, second_time: bool = True) -> "list[str]":
    class Watch(list[str]):
        def __call__(self, reached: str) -> None:
            self.append(reached)
            if reached == point and self.count(point) == 1 + second_time:
                raise Crash

    return Watch()


def assert_each_once(shop: Shop) -> None:
    assert shop.value("SELECT count(*) FROM lines") == len(HISTORY) + len(SENT)
    assert shop.value("SELECT sum(messages) FROM ledger") == len(SENT)
    assert shop.value("SELECT sum(messages) FROM ledger WHERE outcome = 'accepted'") == len(SENT)
    assert_frame_equal(shop.folded(), shop.batch([*HISTORY, *SENT]))


@pytest.mark.parametrize("point", OF_STEPS)
def test_a_worker_that_dies_within_a_step_counts_every_event_once(shop: Shop, point: str) -> None:
    shop.settings = {"batch_events": 5}
    shop.begin()
    shop.send(SENT)
    with pytest.raises(Crash):
        shop.run(reached=crash_at(point))
    shop.run()
    assert_each_once(shop)


def test_a_process_that_is_killed_before_its_commit_leaves_nothing_half_done(shop: Shop) -> None:
    shop.settings = {"batch_events": 5}
    shop.begin()
    shop.send(SENT)
    script = str(Path(__file__).with_name("kill_worker.py"))
    command = [sys.executable, script, str(shop.folder), shop.schema, "before commit"]
    root = str(Path(__file__).parents[2])
    killed = subprocess.run(command, check=False, capture_output=True, cwd=root,
                            env={**os.environ, "PYTHONPATH": f"{root}/src:{root}"})  # fmt: skip
    assert killed.returncode == -9, killed.stderr.decode()
    assert shop.value("SELECT count(*) FROM lines") == len(HISTORY) + 5
    shop.run()
    assert_each_once(shop)


def test_a_zombie_whose_partition_was_read_on_writes_nothing(shop: Shop) -> None:
    shop.settings = {"batch_events": 5}
    shop.begin()
    shop.send(SENT)

    def read_on(point: str) -> None:
        if point == "inserted":
            with shop.connect() as connection:
                Position(connection, 0).jump(connection, 100)

    with pytest.raises(Zombie, match="another worker reads partition 0"):
        shop.run(reached=read_on)
    assert shop.value("SELECT count(*) FROM lines") == len(HISTORY)


def test_a_second_worker_of_a_partition_is_refused_and_waits_where_it_may(shop: Shop) -> None:
    shop.begin()
    shop.send(SENT)
    second = []

    def start_second(point: str) -> None:
        if point == "inserted" and not second:
            second.append(shop.worker())
            with pytest.raises(Exception, match="every partition is read by another worker"):
                second[0].run()

    shop.run(reached=start_second)
    assert second
    assert_each_once(shop)


def test_partitions_that_share_customers_are_read_side_by_side(shop: Shop) -> None:
    shop.settings = {"source": "outbox", "partitions": 2, "path": None, "batch_events": 3}
    shop.begin()
    with shop.connect() as connection:
        for place, message in enumerate(SENT):
            connection.execute(
                "INSERT INTO outbox (partition, body) VALUES (%s, %s)",
                [place % 2, json.dumps(message)],
            )
    workers = [
        shop.worker(orders=Orders(until_caught_up=True, only=(partition,))) for partition in (0, 1)
    ]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [worker.total.accepted for worker in workers] == [12, 12]
    assert_each_once(shop)


def test_who_ends_when_caught_up_waits_for_a_transaction_that_holds_the_outbox_back(
    shop: Shop,
) -> None:
    shop.settings = {"source": "outbox", "path": None}
    shop.begin()
    with psycopg.connect(DSN) as elsewhere:
        elsewhere.execute("SELECT pg_current_xact_id()")
        with shop.connect() as connection:
            connection.execute("INSERT INTO outbox (body) VALUES (%s)", [json.dumps(SENT[0])])
        worker = shop.worker()
        thread = threading.Thread(target=worker.run)
        thread.start()
        thread.join(1)
        assert thread.is_alive()
    thread.join(60)
    assert worker.total.accepted == 1


def test_the_same_id_with_other_content_is_kept_for_a_person_and_does_not_count(
    shop: Shop,
) -> None:
    shop.begin()
    shop.send([order(1, "A", "2025-01-10", amount=99), order(1, "A", "2025-01-10")])
    shop.run()
    assert shop.value("SELECT reason FROM dead") == "same id, other content"
    assert shop.value("SELECT amount_minor FROM lines WHERE event_id = 'o1'") == 1000
    outcomes = dict(shop.rows("SELECT outcome, messages::int FROM ledger WHERE messages > 0"))
    assert outcomes == {"dead": 1, "repeated": 1}
