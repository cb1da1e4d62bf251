"""The REST API under load: `python -m bench.api`, `--json` likewise; `--soak-minutes 30` for the
long soak.

Needs wrk (Debian: `apt-get install wrk`), which runs beside the server on the same cores: 16
connections, medians of three. A bare Starlette route is measured in the same run. How the million
customers are made: `bench._api_projects`.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from urllib.request import Request, urlopen

import numpy as np
import polars as pl

from bench._api_load import (
    HOST,
    Askers,
    Server,
    bare,
    dawdle,
    holdfast,
    kill,
    send_endless,
    served,
    timed_posts,
    wrk,
)
from bench._api_projects import FEATURES, LEARNT_FROM, log_project, name_of, snapshot_project
from bench._figures import Figure, at_least, at_most, show

ORIGINAL_PER_SECOND = 1.0
_ORDERS = 100


def _asked(port: int, path: str) -> dict[str, float | str]:
    with urlopen(f"http://{HOST}:{port}{path}") as answer:
        return dict(json.load(answer))


def _posted(port: int, path: str) -> None:
    request = Request(
        f"http://{HOST}:{port}{path}", b"", {"Content-Type": "application/json"}, method="POST"
    )
    with urlopen(request) as answer:
        answer.read()


def throughput(folder: Path, port: int, *, customers: int, seconds: int) -> list[Figure]:
    """GET and POST of one customer, beside a bare route."""
    path = f"/predict/{name_of(customers * 2 // 3)}"
    with served(bare(port + 1), port + 1, cwd=Path.cwd(), path=path):
        plain = wrk(port + 1, path, connections=16, seconds=seconds)
    with served(holdfast(folder, port), port, cwd=folder) as server:
        alone = wrk(port, path, connections=1, seconds=seconds)
        found = wrk(port, path, connections=16, seconds=seconds)
        post = wrk(port, "/predict", connections=16, seconds=seconds, body=FEATURES)
        batch = timed_posts(port, "/predict/batch", {"customers": [FEATURES] * 1000}, number=15)
        ready = server.seconds_to_ready
    return [
        Figure("bare Starlette route, req/s", plain.per_second),
        Figure("bare Starlette route, p99 at 16 connections, ms", plain.p99_ms),
        at_least("GET /predict/{id}, req/s per worker", found.per_second, 3_000),
        at_most("GET /predict/{id}, p99 at 16 connections, ms", found.p99_ms, 12),
        at_most("GET /predict/{id}, p50 alone, ms", alone.p50_ms, 1),
        at_most("GET /predict/{id}, errors", found.errors + alone.errors, 0),
        at_least("POST /predict, features, req/s per worker", post.per_second, 2_000),
        Figure("POST /predict, features, p99 at 16 connections, ms", post.p99_ms),
        at_least(
            "POST /predict, times the original's 1 req/s",
            post.per_second / ORIGINAL_PER_SECOND,
            1_000,
        ),
        at_most("POST /predict/batch, 1,000 rows, median ms", median(batch), 150),
        at_most("start to ready, s", ready, 3),
    ]


def raw_orders(folder: Path, port: int) -> list[Figure]:
    """A customer by 100 order lines."""
    lines = (
        pl.read_parquet(folder / "orders.parquet")
        .sort("customer_id")
        .head(_ORDERS)
        .drop("customer_id")
    )
    rows = lines.with_columns(pl.col("occurred_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_dicts()
    with served(holdfast(folder, port), port, cwd=folder):
        timed_posts(port, "/predict", {"orders": rows}, number=20)
        found = timed_posts(port, "/predict", {"orders": rows}, number=300)
    p50, p99 = np.percentile(found, [50, 99])
    return [
        Figure(f"POST /predict, {_ORDERS} raw orders, p50 ms", float(p50)),
        at_most(f"POST /predict, {_ORDERS} raw orders, p99 ms", float(p99), 30),
    ]


def memory(folder: Path, port: int, *, customers: int) -> list[Figure]:
    """What one more worker takes, after each has answered."""
    found = {}
    for workers in (2, 3):
        with served(holdfast(folder, port, workers=workers), port, cwd=folder) as server:
            deadline = time.monotonic() + 60
            while len(server.workers) < workers and time.monotonic() < deadline:
                time.sleep(0.2)
            wrk(port, f"/predict/{name_of(customers // 2)}", connections=16, seconds=2, repeats=1)
            found[workers] = server.megabytes()
    return [at_most("memory per extra worker, MB (Pss)", found[3] - found[2], 150)]


def promotions(folder: Path, port: int, runs: list[str], *, number: int) -> list[Figure]:
    """Promote back and forth under load, and kill a worker now and then."""
    path = f"/predict/{name_of(LEARNT_FROM // 2)}"
    kills = max(1, number // 100)
    with served(holdfast(folder, port, workers=2), port, cwd=folder) as server:
        expected = {}
        for run_id in runs:
            _posted(port, f"/runs/{run_id}/promote")
            time.sleep(2)
            told = _asked(port, path)
            expected[str(told["run_id"])] = float(told["churn_probability"])
        assert len(expected) == 2, expected
        askers, delays = Askers(port, path, expected), []
        with askers.asking():
            for turn in range(number):
                _promoted(port, path, runs[turn % 2], delays)
                if turn % (number // kills) == number // kills // 2:
                    kill(server.workers[0])
    return [
        Figure(f"requests during {number} promotions and {kills} kills", askers.asked),
        Figure("torn connections of killed workers", askers.torn),
        at_most("failed requests beyond the killed worker's own", askers.failed, 0),
        at_most("mixed answers", askers.mixed, 0),
        at_most("promotion to first answer from it, p99 s", float(np.percentile(delays, 99)), 1),
    ]


def _promoted(port: int, path: str, run_id: str, delays: list[float]) -> None:
    """Promote; a worker that is killed while it is asked is asked again."""
    for _ in range(20):
        try:
            _posted(port, f"/runs/{run_id}/promote")
            break
        except OSError:
            time.sleep(0.1)
    started = time.monotonic()
    while time.monotonic() - started < 5:
        try:
            if _asked(port, path)["run_id"] == run_id:
                delays.append(time.monotonic() - started)
                return
        except OSError:
            time.sleep(0.01)
    delays.append(5.0)


def harm(folder: Path, port: int, *, customers: int, seconds: int) -> list[Figure]:
    """A 1 GB body, JSON 100,000 deep and fifty slow clients, while others ask."""
    path = f"/predict/{name_of(customers // 3)}"
    with served(holdfast(folder, port), port, cwd=folder) as server:
        wrk(port, path, connections=16, seconds=seconds, repeats=1)
        before, quiet = _rss(server), wrk(port, path, connections=16, seconds=seconds)
        stop, statuses = threading.Event(), set()
        slow = dawdle(port, clients=50, stop=stop)

        def attack() -> None:
            while not stop.is_set():
                statuses.add(send_endless(port, megabytes=1024))
                request = Request(
                    f"http://{HOST}:{port}/predict",
                    b"[" * 100_000,
                    {"Content-Type": "application/json"},
                )
                try:
                    urlopen(request)
                except OSError as error:
                    statuses.add(str(getattr(error, "code", error)))
                stop.wait(0.2)

        attacker = threading.Thread(target=attack)
        attacker.start()
        harmed = wrk(port, path, connections=16, seconds=seconds)
        stop.set()
        attacker.join()
        grown = _rss(server) - before
        for sock in slow:
            sock.close()
    sys.stderr.write(f"the attacker was answered: {sorted(statuses)}\n")
    return [
        at_most("memory growth under hostile bodies, MB", grown, 50),
        at_most("p99 of the others, times the quiet one", harmed.p99_ms / quiet.p99_ms, 2),
        at_most("errors of the others", harmed.errors, 0),
    ]


def soak(folder: Path, port: int, *, customers: int, minutes: float) -> list[Figure]:
    """Ask for a long time and watch the memory."""
    path = f"/predict/{name_of(customers // 3)}"
    seconds, errors, times, sizes = 10, 0, [], []
    with served(holdfast(folder, port), port, cwd=folder) as server:
        wrk(port, path, connections=16, seconds=seconds, repeats=1)
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            errors += wrk(port, path, connections=16, seconds=seconds, repeats=1).errors
            errors += wrk(
                port, "/predict", connections=16, seconds=seconds, body=FEATURES, repeats=1
            ).errors
            times.append(time.monotonic())
            sizes.append(_rss(server))
    slope = (
        float(np.polyfit(np.array(times) - times[0], sizes, 1)[0]) * 3600 if len(times) > 2 else 0.0
    )
    return [
        Figure(f"soak of {minutes:g} minutes, MB gained from first to last", sizes[-1] - sizes[0]),
        Figure("soak, slope of resident memory, MB an hour", slope),
        at_most("soak, errors", errors, 0),
    ]


def _rss(server: Server) -> float:
    return server.megabytes("Rss")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=5, help="of each run of wrk")
    parser.add_argument("--promotions", type=int, default=500)
    parser.add_argument("--soak-minutes", type=float, default=0)
    parser.add_argument("--port", type=int, default=8110)
    asked = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.stderr.write("skipped: wrk is not installed (Debian: apt-get install wrk)\n")
        return int(os.environ.get("CI") == "true")
    with tempfile.TemporaryDirectory() as name:
        snapshot, log = Path(name) / "snapshot", Path(name) / "log"
        snapshot.mkdir()
        (snapshot / "holdfast.toml").touch()
        runs = snapshot_project(snapshot, customers=asked.customers)
        log_project(log)
        figures = [
            *throughput(snapshot, asked.port, customers=asked.customers, seconds=asked.seconds),
            *raw_orders(log, asked.port),
            *memory(snapshot, asked.port, customers=asked.customers),
            *harm(snapshot, asked.port, customers=asked.customers, seconds=asked.seconds),
            *promotions(snapshot, asked.port, runs, number=asked.promotions),
        ]
        if asked.soak_minutes:
            figures += soak(
                snapshot, asked.port, customers=asked.customers, minutes=asked.soak_minutes
            )
    show(figures, as_json=asked.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
