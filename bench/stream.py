"""Stream: every event counts once and as in the batch, fast enough, whatever is killed.

`python -m bench.stream` runs every section; `--only NAME`, which may be repeated, one of them. The
sizes are options, small by default. It starts a PostgreSQL of its own, and wants 2 cores with
nothing else on them for the figures in seconds.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench._figures import Figure, at_least, at_most, show
from bench._postgres import private_postgres
from bench._stream_broker import private_nats
from bench._stream_events import Published, publish, warm_up
from bench._stream_shop import DSN_ENV, StreamShop, make_shop, train, write_messages
from holdfast.storage.runs import Registry
from holdfast.stream.step import POINTS
from holdfast.stream.verify import verify_stream

Section = Callable[[argparse.Namespace, Path, Path], Iterator[Figure]]
_SYNTHETIC = """
    INSERT INTO customers (customer_id, number, due_minute)
    SELECT 'S' || n, n + {first}, n % 1440 FROM generate_series(1, {customers}) AS n;
    INSERT INTO customer_days
    SELECT n + {first}, {today} - ((n::bigint * 7919 + k * 104729) % 700)::int, (k % 3 = 0)::int,
        (k % 3 = 0)::int, (k % 3 = 0)::int, 0, (k % 3 = 0)::int * 1000 * (1 + n % 9), 0,
        0, 1, n % 3, 0, 0, 0, 0
    FROM generate_series(1, {customers}) AS n, generate_series(1, {days}) AS k
    ON CONFLICT DO NOTHING;
    ANALYZE;
"""
_OPEN = "SELECT count(*) FROM episodes WHERE closed_day IS NULL"
_WRONG = """
    SELECT count(*) FROM
        (SELECT customer_id FROM episodes WHERE rule = 'at-risk' AND closed_day IS NULL) AS are
        FULL JOIN (SELECT customer_id FROM scores WHERE churn_probability >= 0.75) AS should
            USING (customer_id)
    WHERE are IS NULL OR should IS NULL
"""


def equality(chosen: argparse.Namespace, scratch: Path, runs: Path) -> Iterator[Figure]:
    """Shuffled, late and repeated events against the batch over the same rows."""
    shop = _shop(chosen, scratch, runs, "equality", chosen.customers, history=0.1)
    n = write_messages(shop, partitions=2, seed=chosen.seed)
    shop.begin()
    began = time.monotonic()
    outcomes = _run_workers(shop, [0, 1])
    seconds = time.monotonic() - began
    yield Figure("events: seconds until all are taken in and everyone is scored", seconds)
    peak = max(each["peak_gb"] for each in outcomes)
    yield at_most("events: memory of a worker, GB", peak, 1)
    done = verify_stream(shop.study, Registry(shop.folder / "runs"))
    yield Figure("events: sent, shuffled and 5 % twice", n)
    yield Figure("events: scores and customer days compared", done.scores + done.days)
    yield at_most("events: cells that differ from the batch", sum(done.differing.values()), 0)
    read = sum(each["read"] for each in outcomes)
    yield at_most("events: read more or less often than once", abs(n - read), 0)
    shop.sweep()
    yield Figure("events: alerts open after a sweep", shop.value(_OPEN))
    yield at_most(
        "events: alerts that should be open and are not, or not and are", shop.value(_WRONG), 0
    )
    shop.drop()


def throughput(chosen: argparse.Namespace, scratch: Path, runs: Path) -> Iterator[Figure]:
    """Events a second, each customer scored in the step; then only taken in."""
    shop = _shop(chosen, scratch, runs, "throughput", chosen.customers, history=0.3)
    n = write_messages(shop, partitions=2, seed=chosen.seed, most=chosen.events)
    for name, goal, behind in (("scored", 8000, "1000000000"), ("caught up", 16_700, "1")):
        shop.begin()
        began = time.monotonic()
        outcomes = _run_workers(shop, [0, 1], f"stream.catch_up_events={behind}")
        seconds = time.monotonic() - began
        cpu = sum(each["cpu_seconds"] for each in outcomes)
        yield at_least(f"{name}: events a second, 2 workers, start included", n / seconds, goal)
        yield Figure(f"{name}: CPU of a worker for an event, microseconds", cpu / n * 1e6)
        peak = max(each["peak_gb"] for each in outcomes)
        yield at_most(f"{name}: memory of a worker, GB", peak, 1)
    shop.drop()


def kills(chosen: argparse.Namespace, scratch: Path, runs: Path) -> Iterator[Figure]:
    """Workers that kill themselves at every point of a step, restarted until nothing waits."""
    shop = _shop(chosen, scratch, runs, "kills", min(chosen.customers, 400))
    n = write_messages(shop, partitions=1, seed=chosen.seed)
    shop.begin()
    points: list[str] = []
    size = max(n // (chosen.kills * 2), 5)
    while True:
        done = len(points) >= chosen.kills
        kill = ("--kill", POINTS[len(points) % len(POINTS)], str(chosen.seed + len(points)))
        child = _start(shop, [0], f"stream.batch_events={size}", more=() if done else kill)
        text, _ = child.communicate()
        if child.returncode == 0:
            break
        if child.returncode != -signal.SIGKILL:
            raise subprocess.CalledProcessError(child.returncode, child.args)
        points.append(text.split("\n")[-2])
    proof = verify_stream(shop.study, Registry(shop.folder / "runs"))
    counted = shop.value("SELECT sum(messages)::bigint FROM ledger")
    twice = shop.value(
        "SELECT count(*) FROM (SELECT FROM episodes WHERE state = 'open' "
        "GROUP BY rule, customer_id HAVING count(*) > 1) AS t"
    )
    yield at_least("kills: workers killed", len(points), chosen.kills)
    yield at_least("kills: points of a step, of 6", len(set(points) & set(POINTS)), 6)
    yield at_most("kills: messages lost or counted twice", abs(n - counted), 0)
    yield at_most("kills: cells that differ from the batch", sum(proof.differing.values()), 0)
    yield at_most("kills: customers with two open episodes of a rule", twice, 0)
    shop.drop()


def restarts(chosen: argparse.Namespace, scratch: Path, runs: Path) -> Iterator[Figure]:
    """PostgreSQL and the broker are restarted, as after an update and as after a crash, while a
    worker reads.
    """
    shop = _shop(chosen, scratch, runs, "restarts", min(chosen.customers, 400))
    n = write_messages(shop, partitions=1, seed=chosen.seed)
    with private_nats(scratch / "nats") as broker:
        broker.publish("shop", (shop.folder / "partition-0.ndjson").read_bytes().splitlines())
        (shop.folder / "partition-0.ndjson").unlink()
        size = max(n // (chosen.restarts * 6), 5)
        shop = shop.with_settings(
            source="jetstream", url=broker.url, topic="shop", batch_events=str(size)
        )
        shop.begin()
        child, draw = _start(shop, [0], more=("--follow",)), random.Random(chosen.seed)
        _wait_for(shop, 1)
        for number in range(2 * chosen.restarts):
            time.sleep(draw.uniform(0.2, 1.0))
            if number % 2:
                broker.restart()
            else:
                chosen.cluster.restart(crash=number % 4 == 0)
        counted = _wait_for(shop, n)
        child.terminate()
        child.communicate()
        done = verify_stream(shop.study, Registry(shop.folder / "runs"))
        shop.drop()
    yield Figure("restarts: of PostgreSQL, and as many of the broker", chosen.restarts)
    yield at_most("restarts: messages lost or counted twice", abs(n - counted), 0)
    yield at_most("restarts: cells that differ from the batch", sum(done.differing.values()), 0)


def latency(chosen: argparse.Namespace, scratch: Path, runs: Path) -> Iterator[Figure]:
    """From the moment an event is handed over to the commit of the alert that it opens."""
    shop = _shop(chosen, scratch, runs, "latency", chosen.customers, history=1.0)
    shop = shop.with_settings(partitions="2", batch_ms="100")
    for rate, goal in ((1000, 1.0), (5000, 5.0)):
        shop.begin()
        shop.sweep()
        children = [_start(shop, [partition], more=("--follow",)) for partition in (0, 1)]
        warm = warm_up(shop, partitions=2)
        _wait_for(shop, warm)
        published = publish(shop, rate=rate, seconds=chosen.seconds, partitions=2, seed=chosen.seed)
        counted = _wait_for(shop, warm + len(published.moments)) - warm
        for child in children:
            child.terminate()
            child.communicate()
        yield from _latencies(shop, published, rate=rate, goal=goal)
        lost = abs(counted - len(published.moments))
        yield at_most(f"latency at {rate:,}/s: lost or counted twice", lost, 0)
    shop.drop()


def _latencies(
    shop: StreamShop, published: Published, *, rate: int, goal: float
) -> Iterator[Figure]:
    events, alerts = published.event_seconds(shop), published.alert_seconds(shop)
    at = f"latency at {rate:,}/s"
    yield Figure(f"{at}: events handed over a second", rate * len(events) / len(published.moments))
    yield Figure(f"{at}: events", len(events))
    yield Figure(f"{at}: alerts opened", len(alerts))
    yield Figure(f"{at}: event to its commit, p99, s", float(np.quantile(events, 0.99)))
    yield Figure(f"{at}: event to alert, p50, s", float(np.quantile(alerts, 0.5)))
    yield at_most(f"{at}: event to alert, p99, s", float(np.quantile(alerts, 0.99)), goal)


def _wait_for(shop: StreamShop, n: int) -> int:
    """Wait until so many messages were taken in, or nothing more is; how many were."""
    counted, moved = -1, time.monotonic()
    while counted < n and time.monotonic() - moved < 60:
        now = shop.value("SELECT coalesce(sum(messages), 0)::bigint FROM ledger")
        if now > counted:
            counted, moved = now, time.monotonic()
        time.sleep(0.5)
    return counted


def sweeping(chosen: argparse.Namespace, scratch: Path, runs: Path) -> Iterator[Figure]:
    """Everyone is evaluated once."""
    shop = _shop(chosen, scratch, runs, "sweep", 200)
    write_messages(shop, partitions=1, seed=chosen.seed, most=10)
    shop.begin()
    first = shop.value("SELECT max(number) FROM customers")
    with shop.connect() as connection:
        connection.execute(_SYNTHETIC.format(
            first=first, customers=chosen.sweep, days=20, today=shop.today
        ))  # fmt: skip
    for label in ("first", "second"):
        began, cpu = time.monotonic(), time.process_time()
        count = shop.sweep()
        seconds, used = time.monotonic() - began, time.process_time() - cpu
        yield at_most(f"sweep: seconds a million, {label}", seconds / count * 1e6, 90)
        yield Figure(f"sweep: CPU of the worker a million, {label}, s", used / count * 1e6)
    yield Figure("sweep: customers", chosen.sweep)
    shop.drop()


def history(chosen: argparse.Namespace, scratch: Path, runs: Path) -> Iterator[Figure]:
    """The cost of an event, where each customer-day has once, 4 and 16 times as many lines."""
    costs = {}
    shop = _shop(chosen, scratch, runs, "history", chosen.customers, history=0.6)
    n = write_messages(shop, partitions=1, seed=chosen.seed, most=min(chosen.events, 20_000))
    for times in (1, 4, 16):
        shop.begin()
        if times > 1:
            with shop.connect() as connection:
                connection.execute(
                    "INSERT INTO lines SELECT source, event_id || '/' || k, customer, day, "
                    "occurred_at, order_id, product_id, amount_minor, is_return, kind, n, campaign,"
                    f" treated FROM lines, generate_series(2, {times}) AS k; ANALYZE; "
                    "UPDATE customers SET dirty = false"
                )
        (outcome,) = _run_workers(shop, [0], "stream.catch_up_events=1000000000")
        costs[times] = outcome["cpu_seconds"] / n * 1e6
        yield Figure(f"history: microseconds of CPU an event at {times}x", costs[times])
        if times == 16:
            began = outcome["first_commit_seconds"]
            lines = shop.value("SELECT count(*) FROM lines")
            yield at_most(f"restart: seconds to the first commit, {lines:,} lines", began, 10)
    yield at_most("history: cost at 16x over that at 1x", costs[16] / costs[1], 1.5)
    shop.drop()


SECTIONS: dict[str, Section] = {
    "equality": equality, "throughput": throughput, "latency": latency, "kills": kills,
    "restarts": restarts, "sweep": sweeping, "history": history,
}  # fmt: skip


def _shop(
    chosen: argparse.Namespace,
    scratch: Path,
    runs: Path,
    name: str,
    customers: int,
    *,
    history: float = 0.5,
) -> StreamShop:
    return make_shop(
        scratch / name, runs, customers=customers, seed=chosen.seed, history=history,
        batch_ms="50",
    )  # fmt: skip


def _start(
    shop: StreamShop, partitions: list[int], *settings: str, more: tuple[str, ...] = ()
) -> "subprocess.Popen[str]":
    only = [part for partition in partitions for part in ("--only", str(partition))]
    given = [f"{key}={value}" for key, value in shop.settings] + list(settings)
    options = [part for setting in given for part in ("--set", setting)]
    command = [sys.executable, "-m", "bench._stream_worker", str(shop.folder), shop.schema]
    return subprocess.Popen(
        [*command, *only, *options, *more], stdout=subprocess.PIPE, text=True
    )  # fmt: skip


def _run_workers(shop: StreamShop, partitions: list[int], *settings: str) -> list[dict[str, float]]:
    """A worker for each partition, side by side; what each did."""
    children = [_start(shop, [partition], *settings) for partition in partitions]
    outcomes = []
    for child in children:
        text, _ = child.communicate()
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, child.args)
        outcomes.append(json.loads(text.splitlines()[-1]))
    return outcomes


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a JSON list of figures")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="one section")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--customers", type=int, default=1000, help="of the shop that is streamed")
    parser.add_argument("--events", type=int, default=30_000, help="messages at most")
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="of events at each rate")
    parser.add_argument("--sweep", type=int, default=50_000, help="customers that are swept")
    chosen = parser.parse_args()
    figures: list[Figure] = []
    with TemporaryDirectory(prefix="holdfast-bench-") as folder:
        scratch = Path(folder)
        runs = train(scratch / "trained", customers=600, seed=chosen.seed)
        with private_postgres(scratch / "postgres") as chosen.cluster:
            os.environ[DSN_ENV] = chosen.cluster.dsn
            for name in chosen.only or SECTIONS:
                figures += SECTIONS[name](chosen, scratch, runs)
    show(figures, as_json=chosen.json)


if __name__ == "__main__":
    main()
