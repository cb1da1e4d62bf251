"""Metrics of a stream for Prometheus: read from PostgreSQL, so that whoever serves them says the
same; only how long the stages of a step take is known to the worker alone.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from holdfast.errors import HoldfastError
from holdfast.io.network import require_free_port

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

Row = dict[str, Any]
Read = Callable[[], AbstractContextManager["Connection"]]
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGES = {
    "inserted": "insert", "folded": "fold", "scored": "score", "episodes": "episodes",
    "before commit": "positions", "after commit": "commit",
}  # fmt: skip
"""Point of a step -> the stage that ends there. Reading and judging belong to "insert"."""

_PARTITIONS = """
    SELECT CAST(partition AS text) AS partition, lag, CAST(catching_up AS integer) AS catching_up,
        events, batches,
        CASE WHEN lag > 0 THEN
            greatest(0, extract(epoch FROM now() - coalesce(sent_at, updated_at))) ELSE 0
        END AS oldest_seconds,
        extract(epoch FROM now() - updated_at) AS idle_seconds
    FROM positions ORDER BY positions.partition
"""
_EPISODES = """
    SELECT rule, severity, count(*) AS n FROM episodes WHERE closed_day IS NULL
    GROUP BY rule, severity ORDER BY rule, severity
"""
_DELIVERIES = """
    SELECT route, count(*) FILTER (WHERE sent_at IS NOT NULL) AS sent,
        count(*) FILTER (WHERE failed_at IS NOT NULL) AS given_up,
        count(*) FILTER (WHERE sent_at IS NULL AND failed_at IS NULL) AS waiting,
        coalesce(extract(epoch FROM now() - min(created_at)
            FILTER (WHERE sent_at IS NULL AND failed_at IS NULL)), 0) AS oldest_seconds
    FROM deliveries GROUP BY route ORDER BY route
"""
_CUSTOMERS = """
    WITH latest AS (SELECT max(evaluated_day) AS day FROM customers)
    SELECT count(*) AS n, coalesce(latest.day, 0) * 86400.0 AS swept_to,
        count(*) FILTER (WHERE evaluated_day IS DISTINCT FROM latest.day) AS waiting
    FROM customers, latest GROUP BY latest.day
"""
_DEAD = "SELECT count(*) AS n FROM dead WHERE retried_at IS NULL"
_RUN = """
    SELECT run_id, extract(epoch FROM now() - first_scored_at) AS seconds FROM scoring_runs
    ORDER BY first_scored_at DESC LIMIT 1
"""


class StreamMetrics(Collector):
    """The state of a stream, read when asked.

    Parameters
    ----------
    read
        Lends a connection to the state.
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Nothing: a registry would otherwise read the state to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything; where PostgreSQL does not answer, only that."""
        try:
            with self._read() as connection:
                metrics = list(read_metrics(connection))
        except _unreadable():
            metrics = []
        about = "1 where the state of the stream can be read"
        yield _gauge("holdfast_stream_up", about, [{"n": int(bool(metrics))}], "n")
        yield from metrics


def _unreadable() -> tuple[type[Exception], ...]:
    """What it looks like when a state cannot be read; the driver may not be there either."""
    try:
        import psycopg
    except ImportError:
        return (HoldfastError,)
    return HoldfastError, psycopg.Error


def read_metrics(connection: "Connection") -> Iterator[Metric]:
    """Read the metrics of a stream."""
    name = "holdfast_stream_"
    partitions = _ask(connection, _PARTITIONS)
    for metric, about, column in (
        ("lag_events", "Events that wait in a partition", "lag"),
        ("catching_up", "1 while a partition takes events in without evaluating", "catching_up"),
        ("oldest_unread_seconds", "At most: age of the oldest event that waits", "oldest_seconds"),
        ("idle_seconds", "Since a partition was last read on", "idle_seconds"),
    ):
        yield _gauge(name + metric, about, partitions, column, "partition")
    yield _counter(name + "events", "Events read", partitions, "events", "partition")
    yield _counter(name + "batches", "Steps taken", partitions, "batches", "partition")
    dead = _ask(connection, _DEAD)
    yield _gauge(name + "dead_letters", "Events not understood, not tried again", dead, "n")
    episodes = _ask(connection, _EPISODES)
    yield _gauge(name + "open_episodes", "Open episodes", episodes, "n", "rule", "severity")
    yield from _read_deliveries(connection, name + "deliveries_")
    customers = _ask(connection, _CUSTOMERS)
    yield _gauge(name + "customers", "Customers known", customers, "n")
    about = "Customers not evaluated for the latest day"
    yield _gauge(name + "customers_to_evaluate", about, customers, "waiting")
    about = "The latest day that customers were evaluated for, at its midnight"
    yield _gauge(name + "evaluated_day_timestamp_seconds", about, customers, "swept_to")
    run = _ask(connection, _RUN)
    yield _gauge(name + "run_age_seconds", "Since the run first scored", run, "seconds", "run_id")


def _read_deliveries(connection: "Connection", name: str) -> Iterator[Metric]:
    routes = _ask(connection, _DELIVERIES)
    yield _counter(name + "sent", "Messages taken by a receiver", routes, "sent", "route")
    yield _gauge(name + "waiting", "Messages to be sent", routes, "waiting", "route")
    yield _gauge(name + "given_up", "Messages given up", routes, "given_up", "route")
    about = "Age of the oldest message that waits"
    yield _gauge(name + "oldest_seconds", about, routes, "oldest_seconds", "route")


class StageSeconds:
    """How long the stages of a step take: to be told of each point that a step reaches."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._histogram = Histogram(
            "holdfast_stream_stage_seconds",
            "Time of a stage of a step",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._since = time.perf_counter()

    def __call__(self, point: str) -> None:
        """Count the stage that ends at this point."""
        now = time.perf_counter()
        self._histogram.labels(_STAGES[point]).observe(now - self._since)
        self._since = now


@contextmanager
def serve_metrics(host: str, port: int, registry: CollectorRegistry) -> Iterator[None]:
    """Answer Prometheus at http://host:port/metrics meanwhile.

    Raises
    ------
    InputError
        Nothing can listen there.
    """
    require_free_port(host, port)
    server, thread = start_http_server(port, addr=host, registry=registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _ask(connection: "Connection", sql: str) -> list[Row]:
    from psycopg.rows import dict_row

    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql).fetchall()


def _gauge(name: str, about: str, rows: list[Row], column: str, *labels: str) -> Metric:
    return _fill(GaugeMetricFamily(name, about, labels=labels), rows, column, labels)


def _counter(name: str, about: str, rows: list[Row], column: str, *labels: str) -> Metric:
    return _fill(CounterMetricFamily(name, about, labels=labels), rows, column, labels)


def _fill(family: Any, rows: list[Row], column: str, labels: tuple[str, ...]) -> Metric:
    for row in rows:
        family.add_metric([row[label] for label in labels], float(row[column]))
    return family  # type: ignore[no-any-return]
