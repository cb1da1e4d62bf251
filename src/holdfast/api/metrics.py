"""Metrics for Prometheus: latency by route, answers given, their scores, the run's age, whether
something is wrong; and of a stream that the study follows, what its worker says too.

With several workers each writes to files of its own that the one which is asked adds up
(PROMETHEUS_MULTIPROC_DIR, set by `holdfast serve`).
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from holdfast.api.live import Live
from holdfast.api.store import Store
from holdfast.stream.metrics import StreamMetrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_SHARES = tuple(i / 10 for i in range(1, 11))


class Metrics:
    """What one worker counts."""

    def __init__(self, store: Store, live: Live) -> None:
        self._registry = CollectorRegistry()
        here: dict[str, Any] = {"registry": self._registry}
        self._latency = Histogram(
            "holdfast_request_seconds", "Time to answer", ["route"], buckets=_SECONDS, **here
        )
        self._answers = Counter(
            "holdfast_answers", "Answers by route and status", ["route", "status"], **here
        )
        self._scores = Histogram(
            "holdfast_answered_churn_probability",
            "Churn probabilities answered",
            buckets=_SHARES,
            **here,
        )
        self._store, self._live = store, live
        # A labelled child is looked up under a lock; the few there are, are kept.
        self._children: dict[tuple[str, int], tuple[Any, Any]] = {}

    def count_answer(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        children = self._children.get((route, status))
        if children is None:
            children = self._latency.labels(route), self._answers.labels(route, str(status))
            self._children[route, status] = children
        children[0].observe(seconds)
        children[1].inc()

    def count_score(self, churn_probability: float) -> None:
        """Count one score that was answered."""
        self._scores.observe(churn_probability)

    def render(self) -> bytes:
        """Everything, over all workers."""
        state = CollectorRegistry()
        state.register(_State(self._store))
        if self._live.is_followed:
            state.register(StreamMetrics(self._live.read))
        counted = self._registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
        return generate_latest(counted) + generate_latest(state)


class _State(Collector):
    """What is served now."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Gauges, read when asked."""
        served = self._store.current
        about = "1 where the published run is not served or its files are altered"
        yield _gauge("holdfast_degraded", about, bool(self._store.trouble))
        if served is None:
            return
        labels = {"run_id": served.run_id, "model_version": served.stamp["model_version"]}
        yield _gauge("holdfast_run_info", "The run that is served", 1, **labels)
        created = datetime.fromisoformat(served.run.manifest["created_at"])
        age = (datetime.now(UTC) - created).total_seconds()
        yield _gauge("holdfast_run_age_seconds", "Since the run was made", age)
        yield _gauge("holdfast_customers", "Customers in the run", served.frame.height)


def _gauge(name: str, about: str, value: float, **labels: str) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, about, labels=list(labels))
    gauge.add_metric(list(labels.values()), float(value))
    return gauge
