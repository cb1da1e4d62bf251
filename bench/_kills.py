"""Kills and simultaneous promotions: what a registry of runs looks like afterwards.

`python -m bench._kills promote RUNS RUN_ID...` promotes runs from as many threads, once the file
`go` is there.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from bench._figures import Figure, at_least, at_most
from holdfast.errors import HoldfastError
from holdfast.storage.manifest import RUN_ID
from holdfast.storage.runs import Registry

FACTS = {
    "created_at": "2026-01-01T00:00:00Z",
    "study": "shop",
    "cutoff_date": "2026-01-01",
    "customers": 1,
}
PROCESSES, THREADS = 8, 25
RUN_KILLS = 60
_STUDY = """
[study]
name = "small"
[snapshot]
path = "customers.parquet"
as_of = "2024-12-31"
labels = { churned = "gone", value = "worth" }
hidden_from_churn = ["worth"]
hidden_from_value = ["gone"]
cross_validation_folds = 2
[snapshot.columns]
customer_id = "id"
[churn]
algorithm = "logistic"
[value]
algorithm = "ridge"
"""


def publish(registry: Registry, number: int) -> str:
    """Publish a run of one file."""
    with registry.staging() as staging:
        (staging / "run").mkdir()
        (staging / "run" / "summary.json").write_text("{}", encoding="utf-8")
        run_id = f"20260101T000000Z-{number:08x}"
        return registry.publish(staging / "run", run_id=run_id, facts=FACTS).run_id


def promotion_figures() -> Iterator[Figure]:
    """Promote 200 runs at once, from threads of several processes."""
    with TemporaryDirectory(prefix="promotions-") as folder:
        registry = Registry(Path(folder) / "runs")
        run_ids = [publish(registry, number) for number in range(PROCESSES * THREADS)]
        children = [
            subprocess.Popen([*_SELF, "promote", folder, *run_ids[first::PROCESSES]])
            for first in range(PROCESSES)
        ]
        time.sleep(3)
        (Path(folder) / "go").touch()
        failed = sum(child.wait() for child in children)
        champions = registry.champions()
        whole = {entry.run_id for entry in champions}.intersection(run_ids)
        left = _leftovers(registry)
    yield at_least("promotions at once", len(run_ids), 200)
    yield at_most("promotions failed", failed, 0)
    yield at_most("promotions: runs missing from the history", len(run_ids) - len(whole), 0)
    yield at_most("promotions: runs twice in the history", len(champions) - len(whole), 0)
    yield at_most("promotions: files left behind", left, 0)


def kill_figures(*, seed: int, verbose: bool) -> Iterator[Figure]:
    """Kill runs, promotions, rollbacks and publications at random moments."""
    rng = random.Random(seed)
    with TemporaryDirectory(prefix="kills-") as folder:
        yield from _change_kills(Registry(Path(folder) / "runs"), rng)
    with TemporaryDirectory(prefix="kills-") as folder:
        yield from _run_kills(Path(folder), rng, verbose=verbose)


def _change_kills(registry: Registry, rng: random.Random) -> Iterator[Figure]:
    run_ids = [publish(registry, number) for number in range(6)]
    for run_id in run_ids:
        registry.promote(run_id)
    works = {"promote": 150, "rollback": 150, "publish": 140}
    torn = left = lost = 0
    for work, n in works.items():
        for _ in range(n):
            before = {entry.run_id for entry in registry.champions()}
            _kill_while(registry, work, run_ids, rng)
            torn += _damaged(registry)
            gone = before.difference(entry.run_id for entry in registry.champions())
            lost += len(gone) if work != "rollback" else 0
            for run_id in run_ids:
                registry.promote(run_id)
            left += _leftovers(registry)
    publish(registry, 0)
    yield at_least("kills of promote, rollback and publish", sum(works.values()), 440)
    yield at_most("kills: lists or runs torn", torn, 0)
    yield at_most("kills: entries of the history lost", lost, 0)
    yield at_most("kills: files left after the next promotion", left, 0)


def _kill_while(registry: Registry, work: str, run_ids: list[str], rng: random.Random) -> None:
    """Fork a child that changes the lists as fast as it can, and kill it a moment later."""
    child = os.fork()
    if child == 0:
        try:
            _change_without_end(registry, work, run_ids)
        finally:
            os._exit(1)
    time.sleep(rng.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _change_without_end(registry: Registry, work: str, run_ids: list[str]) -> None:
    while True:
        for number, run_id in enumerate(run_ids):
            if work == "publish":
                publish(registry, number)
            elif work == "promote" or len(registry.champions()) < 2:
                registry.promote(run_id)
            else:
                registry.rollback()


def _damaged(registry: Registry) -> int:
    """Runs that show and are not sound, and lists that are not what they should be."""
    n = 0
    for run_id in ("champion", *registry.run_ids()):
        try:
            registry.open(run_id).verify()
        except HoldfastError as error:
            print(f"torn: {error}", file=sys.stderr)
            n += 1
    entries = registry.champions()
    ids = [entry.run_id for entry in entries]
    valid = all(RUN_ID.fullmatch(each.run_id) and len(each.digest) == 64 for each in entries)
    return n + (not valid) + (len(set(ids)) != len(ids))


def _leftovers(registry: Registry) -> int:
    return sum(1 for pattern in (".champion-*", ".removed") for _ in registry.folder.glob(pattern))


def _run_kills(project: Path, rng: random.Random, *, verbose: bool) -> Iterator[Figure]:
    study = _write_shop(project)
    registry = Registry(project / "runs")
    command = [sys.executable, "-m", "holdfast.cli", "run", "--json", "-c", str(study)]
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - started
    torn = left = children = published = 0
    for number in range(RUN_KILLS):
        before = len(registry.run_ids())
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
            # Half anywhere, half where the run is written and published.
            late = number % 2 and _wait_for(registry.folder / ".staging" / "run", 5 * seconds)
            time.sleep(rng.uniform(0, 0.4 if late else 1.1) * seconds)
            child.kill()
        published += len(registry.run_ids()) - before
        torn += _damaged(registry)
        time.sleep(1)
        children += _loaders_of(project)
        with registry.staging():
            pass
        left += (registry.folder / ".staging").exists()
        registry.promote("latest")
        left += _leftovers(registry)
        if verbose:
            print(f"kill {number + 1}: {len(registry.run_ids())} runs", flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    yield Figure("kills of run: seconds that a run takes", seconds)
    yield Figure("kills of run: came after the run was published", published)
    yield at_least("kills of run", RUN_KILLS, 60)
    yield at_most("kills of run: lists or runs torn", torn, 0)
    yield at_most("kills of run: processes left after a second", children, 0)
    yield at_most("kills of run: files left after the next command", left, 0)


def _wait_for(path: Path, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not path.exists():
        time.sleep(0.005)
    return path.exists()


def _loaders_of(project: Path) -> int:
    """Processes that still load models of the killed run."""
    n = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        n += "load_folder" in words and str(project) in words
    return n


def _write_shop(project: Path) -> Path:
    rng, n = np.random.default_rng(0), 400
    orders, silent = rng.integers(1, 40, n), rng.integers(1, 200, n)
    pl.DataFrame(
        {
            "id": [f"C{i:04d}" for i in range(n)],
            "Recency": silent,
            "Frequency": orders,
            "Clicks": rng.integers(0, 100, n),
            "gone": rng.random(n) < 1 / (1 + np.exp((orders - 12) / 4)),
            "worth": orders * rng.uniform(5, 15, n),
        }
    ).write_parquet(project / "customers.parquet")
    study = project / "holdfast.toml"
    study.write_text(_STUDY, encoding="utf-8")
    return study


_SELF = (sys.executable, "-m", "bench._kills")


def _main() -> None:
    project = Path(sys.argv[2])
    registry = Registry(project / "runs")
    run_ids = sys.argv[3:]

    def promote(run_id: str) -> bool:
        _wait_for(project / "go", 60)
        try:
            registry.promote(run_id)
        except Exception as error:
            print(f"promotion failed: {type(error).__name__}: {error}", file=sys.stderr)
            return True
        return False

    with ThreadPoolExecutor(len(run_ids)) as pool:
        sys.exit(min(sum(pool.map(promote, run_ids)), 255))


if __name__ == "__main__":
    _main()
