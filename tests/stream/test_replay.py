"""A replay works out again what happened since a day."""

from contextlib import closing

import pytest
from polars.testing import assert_frame_equal
from tests.stream.shops import HISTORY, Shop, order

from holdfast.errors import ProjectBusy
from holdfast.stream.replay import Replay, prepare_replay
from holdfast.stream.sources.source import open_source
from holdfast.windows import parse_day

FIRST = [order(3, "A", "2025-05-01")]
SECOND = [order(4, "A", "2025-06-01"), order(5, "C", "2025-06-02")]


def replay(shop: Shop, since: str) -> Replay:
    day = parse_day(since)
    with shop.connect() as connection, closing(open_source(shop.study)) as source:
        return prepare_replay(connection, source, schema=shop.schema, day=day)


def run_two_days(shop: Shop) -> None:
    shop.begin()
    for messages, day in ((FIRST, "2025-05-01"), (SECOND, "2025-06-02")):
        shop.send(messages)
        shop.run(today=parse_day(day))


def test_what_happened_since_a_day_is_read_and_rolled_up_again(shop: Shop) -> None:
    run_two_days(shop)
    with shop.connect() as connection:
        connection.execute("UPDATE customer_days SET n_lines = 99 WHERE day > 20240")
    assert replay(shop, "2025-06-01") == Replay(partitions=1, customers=2)
    outcome = shop.run()
    assert (outcome.read, outcome.accepted) == (2, 0)
    assert_frame_equal(shop.folded(), shop.batch([*HISTORY, *FIRST, *SECOND]))


def test_a_replay_while_a_worker_reads_is_refused(shop: Shop) -> None:
    run_two_days(shop)
    shop.send([order(6, "A", "2025-06-03")])

    def try_replay(point: str) -> None:
        if point == "inserted":
            with pytest.raises(ProjectBusy, match="a worker reads partition 0"):
                replay(shop, "2025-06-01")

    assert shop.run(reached=try_replay).accepted == 1
