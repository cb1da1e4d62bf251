"""What people see of a stream: the figures of the state that the test wrote."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.stream.live_state import REASONS, live_state, name_schema

from holdfast.errors import HoldfastError
from holdfast.stream.live_view import (
    EpisodeFilter,
    count_closed,
    count_dead,
    count_deliveries,
    count_open,
    find_episode,
    list_dead,
    list_episodes,
    read_partitions,
    read_status,
    read_sweep,
    read_timeline,
    sum_up_open,
)
from holdfast.stream.state.connections import Connections, Unreachable
from holdfast.stream.state.postgres import NoState
from holdfast.study.stream import Stream

SCHEMA = name_schema("live_view")


@pytest.fixture(scope="module")
def connections() -> Iterator[Connections]:
    with pytest.MonkeyPatch.context() as patch, live_state(patch, SCHEMA) as made:
        yield made


@pytest.fixture
def reading(connections: Connections) -> Iterator[Any]:
    with connections.read() as connection:
        yield connection


def test_open_alerts_are_listed_with_the_most_at_stake_first(reading: Any) -> None:
    page = list_episodes(reading, EpisodeFilter(), most=10)
    shown = [(each["customer_id"], each["at_stake"]) for each in page.episodes]
    assert shown == [("BOB", 300.25), ("BOB", 300.25), ("ANN", 120.0), ("EVE", None)]
    assert page.following is None
    assert page.episodes[0]["reasons"] == REASONS


def test_pages_follow_one_another_and_miss_nobody(reading: Any) -> None:
    seen, after = [], None
    for _ in range(4):
        page = list_episodes(reading, EpisodeFilter(), most=1, after=after)
        seen += [each["id"] for each in page.episodes]
        after = page.following
    assert seen == [3, 2, 1, 4]
    assert after is None


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"rule": "fading"}, [3, 4]),
        ({"segment": "At-Risk VIP", "severity": "critical"}, [2, 1]),
        ({"customer_id": "BOB"}, [3, 2]),
        ({"rule": "'; DROP TABLE episodes; --"}, []),
        ({"is_open": False}, [5]),
    ],
)
def test_a_filter_leaves_those_that_meet_it(
    reading: Any, wanted: dict[str, Any], ids: list[int]
) -> None:
    page = list_episodes(reading, EpisodeFilter(**wanted), most=10)
    assert [each["id"] for each in page.episodes] == ids


def test_a_customer_with_two_alerts_has_one_amount_at_stake(reading: Any) -> None:
    whole = sum_up_open(reading)
    assert whole == {
        "alerts": 4, "customers": 3, "at_stake": 420.25, "new_alerts": 4, "new_at_stake": 420.25,
    }  # fmt: skip
    vips = sum_up_open(reading, EpisodeFilter(segment="At-Risk VIP", rule="silent"))
    assert (vips["alerts"], vips["at_stake"]) == (2, 420.25)


def test_an_alert_is_told_with_the_messages_about_it(reading: Any) -> None:
    episode = find_episode(reading, 2)
    assert episode is not None
    assert episode["action"] == "Call them"
    (message,) = episode["messages"]
    assert (message["route"], message["attempts"], message["last_error"]) == ("crm", 3, "HTTP 503")
    assert find_episode(reading, 99) is None


def test_alerts_are_counted_by_rule_and_segment_and_closed_ones_by_reason(reading: Any) -> None:
    counted = {(each["rule"], each["segment"]): each["alerts"] for each in count_open(reading)}
    assert counted == {
        ("silent", "At-Risk VIP"): 2, ("fading", "At-Risk VIP"): 1, ("fading", "Vulnerable"): 1,
    }  # fmt: skip
    assert count_closed(reading, days=7) == [
        {"rule": "silent", "close_reason": "bought", "alerts": 1}
    ]


def test_each_partition_says_how_many_events_wait_and_how_many_were_read(reading: Any) -> None:
    shown = [(p["partition"], p["lag"], p["messages"]) for p in read_partitions(reading)]
    assert shown == [(0, 0, 802), (1, 2500, 94)]


def test_dead_letters_deliveries_and_the_sweep_are_counted(reading: Any) -> None:
    (dead,) = count_dead(reading)
    assert (dead["reason"], dead["messages"]) == ("not a JSON object", 2)
    assert [each["body"] for each in list_dead(reading, most=1)] == ["[1]"]
    routes = {each["route"]: each for each in count_deliveries(reading)}
    crm, mail = routes["crm"], routes["mail"]
    assert (crm["sent"], crm["waiting"], crm["failing"], crm["last_error"]) == (
        1, 1, 1, "HTTP 503",
    )  # fmt: skip
    assert (mail["waiting"], mail["failing"], mail["last_error"]) == (1, 0, None)
    assert read_sweep(reading) == {
        "cutoff_day": 20001, "customers": 3, "evaluated": 3, "waiting": 0,
    }  # fmt: skip


def test_the_status_has_every_part(reading: Any) -> None:
    status = read_status(reading)
    assert status["open"]["alerts"] == sum(each["alerts"] for each in status["alerts"])
    assert status["operator_log"][0]["text"] == "run R1 scores from now on"


def test_a_timeline_holds_score_days_alerts_and_messages(reading: Any) -> None:
    timeline = read_timeline(reading, "BOB")
    assert timeline is not None
    assert timeline["score"]["at_stake"] == 300.25
    days = [(each["day"], each["n_orders"], each["n_other"]) for each in timeline["days"]]
    assert days == [(19990, 0, 5), (19900, 1, 0)]
    assert [each["rule"] for each in timeline["episodes"]] == ["fading", "silent"]
    assert {each["route"] for each in timeline["messages"]} == {"crm", "mail"}
    assert read_timeline(reading, "nobody") is None


def test_who_reads_cannot_write(connections: Connections) -> None:
    import psycopg

    with (
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        connections.read() as connection,
    ):
        connection.execute("DELETE FROM episodes")


def test_a_connection_that_the_server_has_cut_is_replaced(connections: Connections) -> None:
    with connections.read() as connection:
        pid = connection.info.backend_pid
    with connections.write() as other:
        (cut,) = other.execute("SELECT pg_backend_pid()").fetchone()
    assert cut == pid
    import psycopg
    from tests.stream.live_state import DSN

    with psycopg.connect(DSN, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", [pid])
    with connections.read() as connection:
        assert sum_up_open(connection)["alerts"] == 4


def ask(settings: Stream) -> None:
    connections = Connections(settings)
    try:
        with connections.read() as connection:
            sum_up_open(connection)
    finally:
        connections.close()


def test_a_server_that_is_gone_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONE", "postgresql://nobody@127.0.0.1:9/none")
    with pytest.raises(Unreachable, match="live alerts cannot be read: PostgreSQL"):
        ask(Stream(source="outbox", dsn_env="GONE"))
    with pytest.raises(Unreachable, match="NOT_SET"):
        ask(Stream(source="outbox", dsn_env="NOT_SET"))


def test_a_schema_without_a_state_says_how_to_make_one(connections: Connections) -> None:
    from tests.stream.live_state import VARIABLE

    with pytest.raises(NoState) as refused:
        ask(Stream(source="outbox", dsn_env=VARIABLE, postgres_schema="holdfast_test_no_state"))
    assert "holdfast stream init" in refused.value.fix
    assert isinstance(refused.value, HoldfastError)
