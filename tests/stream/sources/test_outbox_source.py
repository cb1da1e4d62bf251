"""The outbox is read in an order in which nothing appears later before what was read."""

from contextlib import closing
from typing import Any

import psycopg
from tests.stream.shops import DSN, Shop

from holdfast.stream.sources.outbox_source import OutboxSource


def write(connection: Any, customer: str, *, schema: str) -> None:
    connection.execute(
        f"INSERT INTO {schema}.outbox (body) VALUES (jsonb_build_object('customer', %s::text))",
        [customer],
    )


def test_an_event_whose_transaction_ends_late_is_not_stepped_over(shop: Shop) -> None:
    shop.settings = {"source": "outbox", "path": None}
    shop.begin()
    assert shop.study.stream is not None
    source = OutboxSource(shop.study.stream)
    slow, quick = psycopg.connect(DSN), psycopg.connect(DSN)
    write(slow, "first id, last commit", schema=shop.schema)
    write(quick, "second id, first commit", schema=shop.schema)
    quick.commit()
    assert source.read(0, -1, most=10, wait_seconds=0) == []
    assert source.lag(0, -1) == 1, "who ends when nothing waits does not end here"
    slow.commit()
    # Whatever else is at work on this server holds it up, too.
    records = list(source.read(0, -1, most=1, wait_seconds=20))
    records += source.read(0, records[0].position, most=10, wait_seconds=20)
    assert [b"first id" in each.body for each in records] == [True, False]
    assert source.lag(0, records[0].position) == 1
    assert source.lag(0, records[1].position) == 0
    for connection in (slow, quick, source):
        connection.close()


def test_transactions_are_read_in_the_order_of_their_numbers_not_of_their_digits(
    shop: Shop,
) -> None:
    shop.settings = {"source": "outbox", "path": None}
    shop.begin()
    assert shop.study.stream is not None
    with shop.connect() as connection:
        for xid in (9, 10, 99, 100):
            connection.execute(
                "INSERT INTO outbox (body, xid) VALUES (%s, %s::text::xid8)", [f'"{xid}"', str(xid)]
            )
    with closing(OutboxSource(shop.study.stream)) as source:
        bodies, after = [], -1
        while records := source.read(0, after, most=1, wait_seconds=0):
            bodies.append(records[0].body)
            after = records[0].position
    assert bodies == [b'"9"', b'"10"', b'"99"', b'"100"']
