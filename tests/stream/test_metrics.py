"""Prometheus is told what the state holds, by whoever is asked, and that it cannot be read."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from holdfast.errors import DataError, InputError
from holdfast.stream.metrics import StageSeconds, StreamMetrics, serve_metrics

DOCKER = Path(__file__).parents[2] / "docker"
FILL = """
INSERT INTO positions (partition, position, lag, events, batches, sent_at, updated_at) VALUES
    (0, 9, 4, 10, 3, now() - interval '90 s', now() - interval '30 s'),
    (1, 5, 0, 6, 2, now() - interval '1 h', now());
INSERT INTO dead (partition, position, reason, retried_at) VALUES
    (0, 3, 'not JSON', NULL), (0, 4, 'not JSON', NULL), (0, 5, 'not JSON', now());
INSERT INTO episodes (rule, customer_id, anchor_day, severity, opened_day, value_opened, run_id,
    evaluated_day, days_below_before, days_below, closed_day) VALUES
    ('quiet', 'c1', 1, 'critical', 2, 0.9, 'r', 2, 0, 0, NULL),
    ('quiet', 'c2', 1, 'critical', 2, 0.9, 'r', 2, 0, 0, NULL),
    ('fading', 'c2', 1, 'warning', 2, 0.9, 'r', 2, 0, 0, NULL),
    ('quiet', 'c3', 1, 'critical', 2, 0.9, 'r', 2, 0, 0, 3);
INSERT INTO deliveries (transition, route, body, idempotency_key, created_at, sent_at, failed_at)
VALUES
    ('opened', 'crm', '{}', '1', now() - interval '50 s', NULL, NULL),
    ('opened', 'crm', '{}', '2', now() - interval '20 s', NULL, NULL),
    ('opened', 'crm', '{}', '3', now() - interval '2 h', now(), NULL),
    ('opened', 'crm', '{}', '4', now() - interval '3 h', NULL, now());
INSERT INTO customers (customer_id, due_minute, evaluated_day) VALUES
    ('c1', 1, 20000), ('c2', 2, 20000), ('c3', 3, 19999), ('c4', 4, NULL);
INSERT INTO scoring_runs (run_id, feature_names, first_scored_at) VALUES
    ('old', '{}', now() - interval '9 h'), ('new', '{}', now() - interval '1 h');
"""


def registry_of(state: Any) -> CollectorRegistry:
    @contextmanager
    def read() -> Iterator[Any]:
        yield state

    registry = CollectorRegistry()
    registry.register(StreamMetrics(read))
    return registry


def samples(registry: CollectorRegistry) -> dict[str, float]:
    """Name with labels -> value, as Prometheus reads them."""
    lines = generate_latest(registry).decode().splitlines()
    parts = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name.removeprefix("holdfast_stream_"): float(value) for name, value in parts}


def test_the_state_is_told_as_it_is(state: Any) -> None:
    state.execute(FILL)
    told = samples(registry_of(state))
    aged = {name: told.pop(name) for name in list(told) if "seconds" in name}
    assert told == {
        "up": 1,
        'lag_events{partition="0"}': 4, 'lag_events{partition="1"}': 0,
        'catching_up{partition="0"}': 0, 'catching_up{partition="1"}': 0,
        'events_total{partition="0"}': 10, 'events_total{partition="1"}': 6,
        'batches_total{partition="0"}': 3, 'batches_total{partition="1"}': 2,
        "dead_letters": 2,
        'open_episodes{rule="fading",severity="warning"}': 1,
        'open_episodes{rule="quiet",severity="critical"}': 2,
        'deliveries_sent_total{route="crm"}': 1, 'deliveries_waiting{route="crm"}': 2,
        'deliveries_given_up{route="crm"}': 1,
        "customers": 4, "customers_to_evaluate": 2,
    }  # fmt: skip
    assert aged.pop("evaluated_day_timestamp_seconds") == 20000 * 86400
    assert {name: round(value, -1) for name, value in aged.items()} == {
        'oldest_unread_seconds{partition="0"}': 90, 'oldest_unread_seconds{partition="1"}': 0,
        'idle_seconds{partition="0"}': 30, 'idle_seconds{partition="1"}': 0,
        'deliveries_oldest_seconds{route="crm"}': 50, 'run_age_seconds{run_id="new"}': 3600,
    }  # fmt: skip


def test_a_stream_that_nothing_has_happened_to_is_up(state: Any) -> None:
    assert samples(registry_of(state)) == {"up": 1, "dead_letters": 0}


@pytest.mark.parametrize(
    "error", [DataError("PostgreSQL cannot be reached"), psycopg.OperationalError("it is gone")]
)
def test_a_state_that_cannot_be_read_is_told_and_breaks_nothing(error: Exception) -> None:
    @contextmanager
    def read() -> Iterator[Any]:
        raise error
        yield

    registry = CollectorRegistry()
    registry.register(StreamMetrics(read))
    assert samples(registry) == {"up": 0}


def test_the_stages_of_a_step_are_timed_one_after_the_other() -> None:
    registry = CollectorRegistry()
    reached = StageSeconds(registry)
    time.sleep(0.02)
    for point in ("inserted", "folded", "scored", "episodes", "before commit", "after commit"):
        reached(point)
    told = samples(registry)
    assert (
        told['stage_seconds_sum{stage="insert"}'] > 0.02 > told['stage_seconds_sum{stage="fold"}']
    )
    assert told['stage_seconds_count{stage="commit"}'] == 1


def test_a_worker_answers_prometheus_while_it_works(state: Any) -> None:
    port = 19_000 + int(time.time()) % 9_000
    with serve_metrics("127.0.0.1", port, registry_of(state)):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b"holdfast_stream_up 1.0" in answer.read()
        with (
            pytest.raises(InputError, match="in use"),
            serve_metrics("127.0.0.1", port, CollectorRegistry()),
        ):
            pass


def expressions() -> Iterator[tuple[str, str]]:
    """Where from, and the PromQL, of the dashboard and of the alert rules."""
    dashboard = json.loads((DOCKER / "grafana" / "holdfast-live.json").read_text("utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    rules = yaml.safe_load((DOCKER / "prometheus" / "holdfast-alerts.yml").read_text("utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_there_are(state: Any) -> None:
    state.execute(FILL)
    registry = registry_of(state)
    StageSeconds(registry)("inserted")
    names = {re.split(r"[{]", name)[0] for name in samples(registry)}
    asked = {
        (where, name)
        for where, expression in expressions()
        for name in re.findall(r"holdfast_stream_(\w+)", expression)
    }
    assert len(asked) > 15
    assert {each for each in asked if each[1] not in names} == set()
    # What is served and nobody looks at would not be missed.
    served = {name.removesuffix("_bucket").removesuffix("_sum") for name in names}
    assert {name for name in served if not any(name in each for _, each in asked)} - {
        "stage_seconds_count", "stage_seconds_created",
    } == set()  # fmt: skip
