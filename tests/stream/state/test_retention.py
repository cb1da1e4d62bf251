"""What is over goes after some days; what is not, stays however old it is."""

import json

from tests.stream.shops import Shop, order

from holdfast.stream.state.retention import remove_old


def _write_outbox(shop: Shop, numbers: range) -> None:
    with shop.connect() as connection:
        for number in numbers:
            connection.execute(
                "INSERT INTO outbox (body) VALUES (%s)",
                [json.dumps(order(number, "A", "2025-05-01"))],
            )


def _tidy(shop: Shop, *, keep_days: int = 90) -> int:
    with shop.connect() as connection:
        return remove_old(connection, keep_days=keep_days)


def test_old_events_of_the_outbox_go_once_they_were_read(shop: Shop) -> None:
    shop.settings = {"source": "outbox", "path": None}
    shop.begin()
    _write_outbox(shop, range(10, 13))
    shop.run()
    _write_outbox(shop, range(13, 15))
    with shop.connect() as connection:
        connection.execute("UPDATE outbox SET created_at = now() - interval '91 days'")
    assert _tidy(shop, keep_days=92) == 0
    assert _tidy(shop) == 3
    assert shop.run().accepted == 2
    assert shop.value("SELECT count(*) FROM lines WHERE event_id LIKE 'o1_'") == 5


def test_messages_go_once_they_were_sent_and_dead_ones_once_they_were_tried_again(
    shop: Shop,
) -> None:
    shop.begin()
    with shop.connect() as connection:
        for key, sent in (("sent", "now() - interval '91 days'"), ("waits", "NULL")):
            connection.execute(
                "INSERT INTO deliveries (transition, route, body, idempotency_key, created_at, "
                f"sent_at) VALUES ('test', 'crm', '{{}}', '{key}', "
                f"now() - interval '1 year', {sent})"
            )
            connection.execute(
                "INSERT INTO dead (partition, position, body, reason, received_at, retried_at) "
                f"VALUES (0, 1, 'x', '{key}', now() - interval '1 year', {sent})"
            )
    assert _tidy(shop) == 2
    assert shop.value("SELECT idempotency_key FROM deliveries") == "waits"
    assert shop.value("SELECT reason FROM dead") == "waits"
