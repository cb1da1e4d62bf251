"""Every broker is read in order from a position of ours, and what it lost is never passed over."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.conftest import missing
from tests.stream.brokers import JetStream, Kafka, Redis, events

from holdfast.errors import HoldfastError, StudyError
from holdfast.stream.sources.source import Gap, Record, Rewound, Source, Unavailable
from holdfast.study.stream import Stream

KINDS = {"kafka": Kafka, "jetstream": JetStream, "redis": Redis}


def start(kind: str) -> Any:
    pytest.importorskip("confluent_kafka")
    try:
        return KINDS[kind](2)
    except Exception as error:
        missing(f"no broker of the kind {kind}: {error}")


@pytest.fixture(params=KINDS)
def broker(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A broker with two partitions and nothing in them."""
    made = start(request.param)
    yield made
    made.drop()


@pytest.fixture(params=["jetstream", "redis"])
def forgetful(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A broker that removes what a test wants removed."""
    made = start(request.param)
    yield made
    made.drop()


@pytest.fixture
def jetstream() -> Iterator[JetStream]:
    made = start("jetstream")
    yield made
    made.drop()


@pytest.fixture
def kafka() -> Kafka:
    return Kafka(1)


def read(source: Source, after: int, n: int, partition: int = 0) -> list[Record]:
    """What follows a position: in reads of at most four, until there are n and no more come."""
    records: list[Record] = []
    end = time.monotonic() + 20
    while True:
        more = source.read(partition, after, most=4, wait_seconds=0.1)
        if not more and (len(records) >= n or time.monotonic() > end):
            return records
        records += more
        after = records[-1].position if records else after


def read_all(source: Source, n: int, partition: int = 0) -> list[Record]:
    return read(source, source.first(partition) - 1, n, partition)


def test_a_partition_is_read_in_order_once_and_each_alone(broker: Any) -> None:
    broker.publish(0, events(10))
    broker.publish(1, events(3, start=10))
    with closing(broker.open()) as source:
        assert {0, 1} <= set(source.partitions())
        records = read_all(source, 10)
        assert [each.body for each in records] == events(10)
        positions = [each.position for each in records]
        assert positions == sorted(set(positions))
        assert [each.body for each in read_all(source, 3, partition=1)] == events(3, start=10)


def test_a_record_says_when_the_broker_took_it(broker: Any) -> None:
    broker.publish(0, events(2))
    with closing(broker.open()) as source:
        first, second = read_all(source, 2)
        assert 1.7e9 < first.sent_at <= second.sent_at < 4e9


def test_who_comes_back_reads_on_from_the_position_that_was_kept(broker: Any) -> None:
    broker.publish(0, events(6))
    with closing(broker.open()) as source:
        after = read_all(source, 6)[3].position
    broker.publish(0, events(2, start=6))
    with closing(broker.open()) as source:
        assert [each.body for each in read(source, after, 4)] == events(4, start=4)


def test_who_begins_before_the_first_event_misses_nothing(broker: Any) -> None:
    with closing(broker.open()) as source:
        start = source.first(0) - 1
    broker.publish(0, events(2))
    with closing(broker.open()) as source:
        assert source.first(0) <= start + 1
        assert source.lag(0, start) == 2
        assert [each.body for each in read(source, start, 2)] == events(2)


def test_what_was_rolled_back_is_read_again(broker: Any) -> None:
    broker.publish(0, events(6))
    with closing(broker.open()) as source:
        records = read_all(source, 6)
        assert read(source, records[1].position, 4) == records[2:]
        assert read(source, records[4].position, 1) == records[5:]


def test_as_many_wait_as_were_published_and_not_read(broker: Any) -> None:
    broker.publish(0, events(5))
    with closing(broker.open()) as source:
        start = source.first(0) - 1
        assert source.lag(0, start) == 5
        records = read_all(source, 5)
        assert source.lag(0, records[-1].position) == 0
        broker.publish(0, events(2, start=5))
        assert source.lag(0, records[-1].position) == 2


def test_what_was_removed_unread_is_a_gap(forgetful: Any) -> None:
    forgetful.publish(0, events(6))
    with closing(forgetful.open()) as source:
        records = read_all(source, 6)
        forgetful.remove_before(0, records[4].position)
        with pytest.raises(Gap, match="are lost") as gap:
            read(source, records[1].position, 4)
        first = gap.value.parts["first"]
        assert first == records[4].position == source.first(0)
        assert read(source, int(str(first)) - 1, 2) == records[4:]


def test_what_is_removed_while_we_are_connected_is_a_gap_too(forgetful: Any) -> None:
    forgetful.publish(0, events(6))
    with closing(forgetful.open()) as source:
        records = read_all(source, 6)
        (again,) = source.read(0, records[0].position, most=1, wait_seconds=5)
        forgetful.remove_before(0, records[4].position)
        with pytest.raises(Gap):
            source.read(0, again.position, most=1, wait_seconds=5)


def test_what_was_removed_after_we_had_read_it_is_no_gap(forgetful: Any) -> None:
    forgetful.publish(0, events(6))
    with closing(forgetful.open()) as source:
        last = read_all(source, 6)[-1].position
        forgetful.publish(0, events(1, start=6))
        (new,) = read(source, last, 1)
        forgetful.publish(0, events(1, start=7))
        forgetful.remove_before(0, new.position + 1)
        assert source.first(0) <= new.position + 1
        assert [each.body for each in read(source, new.position, 1)] == events(1, start=7)


def test_an_event_removed_from_the_middle_is_no_gap(forgetful: Any) -> None:
    forgetful.publish(0, events(6))
    with closing(forgetful.open()) as source:
        records = read_all(source, 6)
        forgetful.remove(0, records[3].position)
    with closing(forgetful.open()) as source:
        assert read(source, records[1].position, 3) == [records[2], *records[4:]]


def test_a_partition_that_was_made_anew_is_not_taken_for_the_old_one(forgetful: Any) -> None:
    forgetful.publish(0, events(6))
    with closing(forgetful.open()) as source:
        last = read_all(source, 6)[-1].position
    forgetful.begin_anew()
    with closing(forgetful.open()) as source, pytest.raises(Rewound, match=f"read up to {last}"):
        read(source, last, 0)


@pytest.mark.parametrize(
    ("kind", "url"),
    [("jetstream", "nats://u:s3cret@127.0.0.1:1"), ("redis", "redis://u:s3cret@127.0.0.1:1/0")],
)
def test_a_broker_that_does_not_answer_is_said_without_its_password(
    kind: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_URL", url)
    broker = start(kind)
    broker.drop()
    broker.settings = broker.settings.model_copy(update={"url": "${BROKER_URL}"})
    with pytest.raises(Unavailable) as error:
        broker.open().first(0)
    assert "s3cret" not in str(error.value)


def test_a_cursor_that_vanishes_at_the_broker_loses_and_repeats_nothing(
    jetstream: JetStream,
) -> None:
    jetstream.publish(0, events(6))
    with closing(jetstream.open()) as source:
        (first,) = source.read(0, 0, most=1, wait_seconds=5)
        assert jetstream.drop_consumers() == 1
        records = [first, *read(source, first.position, 5)]
        assert [each.body for each in records] == events(6)


def test_a_broker_keeps_our_cursor_however_long_a_worker_is_busy(jetstream: JetStream) -> None:
    # By default it is deleted after five seconds, and a reader then waits for ever.
    with closing(jetstream.open()) as source:
        read(source, 0, 0)
        assert jetstream.consumer_seconds() >= 600


def test_a_quiet_partition_is_not_in_need_of_what_the_others_lost(jetstream: JetStream) -> None:
    jetstream.publish(0, events(1))
    jetstream.publish(1, events(9))
    with closing(jetstream.open()) as source:
        last = read_all(source, 1)[-1].position
        jetstream.remove_before(0, 10)
        assert read(source, last, 0) == []
        assert source.first(0) <= last + 1
        jetstream.publish(0, events(1, start=1))
        assert [each.body for each in read(source, last, 1)] == events(1, start=1)


@pytest.mark.parametrize("settings", [{"retention": "workqueue"}, {"max_msgs_per_subject": 5}])
def test_a_stream_that_drops_what_nobody_has_read_is_refused(
    settings: dict[str, Any], jetstream: JetStream
) -> None:
    jetstream.begin_anew(**settings)
    with closing(jetstream.open()) as source, pytest.raises(StudyError, match="removes events"):
        source.first(0)


def test_no_stream_with_the_subject_is_said(jetstream: JetStream) -> None:
    jetstream.drop()
    with closing(jetstream.open()) as source, pytest.raises(Unavailable, match="no stream"):
        source.first(0)
    jetstream.begin_anew()


def test_the_markers_of_transactions_are_neither_gaps_nor_waiting(kafka: Kafka) -> None:
    kafka.publish_transactions(events(2), events(2, start=2))
    with closing(kafka.open()) as source:
        records = read(source, -1, 4)
        # Two events, a marker, two events, a marker.
        assert [each.position for each in records] == [0, 1, 3, 4]
        assert source.read(0, 4, most=1, wait_seconds=5) == []
        assert source.lag(0, 4) == 0


def test_what_kafka_dropped_unread_is_a_gap(kafka: Kafka) -> None:
    # The mock keeps five megabytes.
    kafka.publish(0, [b'{"id": "' + b"x" * 100_000 + b'"}'] * 80)
    with closing(kafka.open()) as source:
        first = source.first(0)
        assert 0 < first < 80
        with pytest.raises(Gap) as gap:
            read(source, first - 2, 1)
        assert gap.value.parts == {"partition": 0, "after": first - 2, "first": first}
        assert source.read(0, first - 1, most=1, wait_seconds=10)[0].position == first


def test_an_offset_behind_the_end_of_kafkas_log_is_said(kafka: Kafka) -> None:
    kafka.publish(0, events(3))
    with closing(kafka.open()) as source, pytest.raises(Rewound, match="ends at 2"):
        source.read(0, 9, most=1, wait_seconds=10)


def test_kafka_is_told_what_secures_it_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.stream.sources.kafka import KafkaSource

    monkeypatch.setenv("PASSWORD", "s3cret")
    ways: dict[str, Any] = {"source": "kafka", "url": "127.0.0.1:1", "topic": "shop"}
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
    user = {"sasl.username": "u", "sasl.password": "${PASSWORD}"}
    KafkaSource(Stream(**ways, options=login | user)).close()
    with pytest.raises(StudyError, match="SASL mechanism"):
        KafkaSource(Stream(**ways, options=login | {"sasl.mechanism": "NONE"})).first(0)
    with pytest.raises(StudyError, match="does not secure"):
        KafkaSource(Stream(**ways, options={"isolation.level": "read_uncommitted"}))


def test_a_certificate_that_is_not_there_is_said(jetstream: JetStream) -> None:
    options = {"ca": "nowhere.pem"}
    jetstream.settings = jetstream.settings.model_copy(update={"options": options})
    with pytest.raises(HoldfastError, match="certificate"):
        jetstream.open()
