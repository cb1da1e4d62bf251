"""Whoever is erased is in no table of the stream, and stays out of it."""

import json

import pytest
from tests.stream.shops import HISTORY, Shop, order

from holdfast.errors import DataError
from holdfast.privacy.access import collect
from holdfast.privacy.erase import erase, find_places
from holdfast.storage.runs import Registry

LEAVING = [
    order(3, "C1", "2025-05-01"), order(4, "C10", "2025-05-02"), order(5, "C1", "soon"),
    order(6, "C10", "soon"),
]  # fmt: skip
TABLES = ("customers", "scores", "episodes", "deliveries", "outbox", "dead")
EPISODE = """
    INSERT INTO episodes (rule, customer_id, anchor_day, severity, opened_day, value_opened,
        evaluated_day, days_below_before, days_below, run_id)
    VALUES ('r', %s, 1, 'info', 2, 0.9, 2, 0, 0, 'x') RETURNING id
"""
DELIVERY = """
    INSERT INTO deliveries (episode_id, transition, route, body, idempotency_key)
    VALUES (%s, 'opened', 'crm', %s, %s)
"""


def begin(shop: Shop) -> Registry:
    shop.begin()
    shop.send(LEAVING)
    shop.run()
    with shop.connect() as connection:
        for name in ("C1", "C10"):
            (episode,) = connection.execute(EPISODE, [name]).fetchone()
            body = json.dumps({"facts": {"customer_id": name}})
            connection.execute(DELIVERY, [episode, body, name])
            connection.execute("INSERT INTO scores (customer_id, run_id, cutoff_day) "
                               "VALUES (%s, 'x', 3)", [name])  # fmt: skip
            connection.execute("INSERT INTO outbox (body) VALUES (%s)",
                               [json.dumps(order(9, name, "2025-05-03"))])  # fmt: skip
    return Registry(shop.folder / "runs")


def named(shop: Shop, customer: str) -> dict[str, int]:
    """Table -> rows in whose text the customer is named, found without any of Holdfast's code."""
    tables, word = TABLES[:-1], rf"\m{customer}\M"
    counts = {
        table: shop.value(
            f"SELECT count(*) FROM {table} AS t WHERE t::text ~ %s", rf"\m{customer}\M"
        )
        for table in tables
    }
    counts["dead"] = shop.value(
        "SELECT count(*) FROM dead WHERE convert_from(body, 'UTF8') ~ %s", word
    )
    return counts


def test_erase_reaches_every_table_of_the_stream_and_nobody_else(stream_shop: Shop) -> None:
    registry = begin(stream_shop)
    everything = dict.fromkeys(
        ("customers", "scores", "episodes", "deliveries", "outbox", "dead"), 1
    )
    assert named(stream_shop, "C1") == everything
    assert (
        sum(
            place.count
            for place in find_places(stream_shop.study, ["C1"], project=stream_shop.folder)
        )
        == 8
    )
    done = erase(stream_shop.study, ["C1"], registry=registry)
    assert (done.stream, done.unknown) == (8, ())
    assert named(stream_shop, "C1") == dict.fromkeys(everything, 0)
    assert named(stream_shop, "C10") == everything
    assert stream_shop.value("SELECT count(*) FROM lines") == len(HISTORY) + 1
    assert find_places(stream_shop.study, ["C1"], project=stream_shop.folder) == []


def test_nothing_of_somebody_who_was_erased_comes_in_again(stream_shop: Shop) -> None:
    registry = begin(stream_shop)
    erase(stream_shop.study, ["C1"], registry=registry)
    stream_shop.send([order(7, "C1", "2025-05-05")])
    outcome = stream_shop.run()
    assert (outcome.read, outcome.accepted, outcome.dead) == (1, 0, 0)
    assert sum(named(stream_shop, "C1").values()) == 0
    reason = "SELECT messages::int FROM ledger WHERE reason = 'erased on request'"
    assert stream_shop.value(reason) == 1


def test_an_export_has_everything_that_the_stream_holds(stream_shop: Shop) -> None:
    registry = begin(stream_shop)
    held = collect(stream_shop.study, "C1", registry=registry)["stream"]
    assert {table: len(rows) for table, rows in held.items()} == {
        "lines": 1, "customer_days": 1, "scores": 1, "deliveries": 1, "episodes": 1, "outbox": 1,
        "dead": 1, "customers": 1,
    }  # fmt: skip
    assert held["lines"][0]["event_id"] == "o3"
    assert json.dumps(held)


def test_an_erasure_that_cannot_reach_the_state_does_not_begin(
    stream_shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = begin(stream_shop)
    monkeypatch.setenv("HOLDFAST_POSTGRES_DSN", "postgresql://postgres@127.0.0.1:1/postgres")
    with pytest.raises(DataError, match="PostgreSQL cannot be reached"):
        erase(stream_shop.study, ["C1"], registry=registry)
    assert not (stream_shop.folder / "erased.txt").exists()
