"""Buckets and Spark: the same run by other hands, what a row costs, and what is left of a scoring
whose executors are killed.

`python -m bench.spark` runs every section; `--only NAME`, which may be repeated, one of them.
Costs are CPU seconds of the driver, the executors and their Python workers, whatever else the
machine does; the clock is told beside them and held to no goal. Of a shop of 1, 4 and 16 times the
customers everybody is read and scored by one run, on a cluster of workers of one core each.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench._figures import Figure, at_least, at_most, show
from bench._spark_cluster import EXECUTOR, Cluster, cluster, kill, wait_until
from bench._spark_cost import STAGES, Scored, score
from bench.logs import RETAIL
from holdfast.engine.run import choose_make
from holdfast.runs.run import run
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.synthetic import Shop

CHEAP = {"count": 1}
TABLES = ("features", "scores", "horizons", "segments", "forecast", "days", "cohorts", "purchases")
_BUCKET_ROWS = 200_000
"""In production ten times as many; fewer would show what a bucket costs, and not a row."""
SHOPS = ((400, 3), (700, 5), (1_000, 8))
"""Customers and seed of the shops whose runs are compared."""


def equality(chosen: argparse.Namespace) -> Iterator[Figure]:
    """A run in one warehouse, in buckets, and its scores on Spark."""
    with tempfile.TemporaryDirectory() as scratch:
        for n_customers, seed in SHOPS:
            folder = Path(scratch) / f"shop-{n_customers}"
            config = simulate_to(folder, Shop(n_customers=n_customers, seed=seed)).study
            overrides = {"backtest.count": "1"}
            name = f"shop of {n_customers:,}"
            yield from _compare(
                name, lambda o, c=config: Study.from_toml(c, overrides=o), overrides
            )
            yield from _compare_bytes(name, config, folder)
        if chosen.retail:
            yield from _compare("Online Retail II", partial(_retail, Path(scratch)), {})


def _retail(folder: Path, overrides: dict[str, str]) -> Study:
    kind = overrides.get("engine.kind", '"memory"').strip('"')
    engine = {"kind": kind, "bucket_rows": int(overrides.get("engine.bucket_rows", 2_000_000))}
    return Study.from_dict(
        {"study": {"name": "retail"}, **RETAIL, "project_dir": str(folder), "engine": engine,
         "backtest": CHEAP}
    )  # fmt: skip


def _compare(
    name: str, study: Callable[[dict[str, str]], Study], overrides: dict[str, str]
) -> Iterator[Figure]:
    one = run(study(overrides), promote=False)
    in_buckets = study({**overrides, "engine.kind": '"buckets"', "engine.bucket_rows": "20000"})
    many = run(in_buckets, make=choose_make(in_buckets), promote=False)
    cells, worst = 0, 0.0
    for table in TABLES:
        differing, distance = _differences(one, many, table)
        cells, worst = cells + differing, max(worst, distance)
    yield at_most(f"{name}: cells of integers, strings and days that differ", cells, 0)
    yield at_most(f"{name}: largest relative difference of a number", worst, 1e-9)


def _differences(one: Run, many: Run, table: str) -> tuple[int, float]:
    mine, theirs = one.table(table), many.table(table)
    if mine.schema != theirs.schema or mine.height != theirs.height:
        return mine.height * mine.width, 0.0
    exact = [name for name, kind in mine.schema.items() if not kind.is_float()]
    keys = [name for name in exact if not mine.schema[name].is_nested()]
    mine, theirs = mine.sort(keys), theirs.sort(keys)
    cells = sum(int(mine[name].ne_missing(theirs[name]).sum()) for name in exact)
    worst = 0.0
    for name in set(mine.columns) - set(exact):
        distance = (mine[name] - theirs[name]).abs() / mine[name].abs().clip(1e-12)
        worst = max(worst, float(distance.fill_nan(0.0).max() or 0.0))  # type: ignore[arg-type]
        cells += int((mine[name].is_null() != theirs[name].is_null()).sum())
    return cells, worst


def _compare_bytes(name: str, config: Path, folder: Path) -> Iterator[Figure]:
    here = score(config, folder / "here", run_folder=folder, engine="buckets")
    there = score(config, folder / "there", run_folder=folder)
    differ = _differing(here, there)
    yield at_most(f"{name}: files of scores that differ on Spark, of {len(here.files)}", differ, 0)


def _differing(one: Scored, other: Scored) -> int:
    return len(dict(one.files.items() ^ other.files.items()))


def cost(chosen: argparse.Namespace) -> Iterator[Figure]:
    """CPU seconds a million rows, and the driver's memory, from 4 to 16 times the data."""
    with tempfile.TemporaryDirectory() as scratch, cluster(_new(scratch, "cluster")) as two:
        learnt = _learn(Path(scratch), chosen.customers)
        sizes = {0: 60, 4: 4 * chosen.customers, 16: 16 * chosen.customers}
        shops = {times: _shop_like(learnt, n) for times, n in sizes.items()}
        told: dict[int, Scored] = {}
        for times, shop in shops.items():
            to = Path(scratch) / f"made-{times}"
            told[times] = score(
                shop, to, run_folder=learnt.parent, on=two, bucket_rows=_BUCKET_ROWS
            )
        rows = {times: _rows(shops[times]) for times in told}
        for times in told:
            yield Figure(f"million rows at {times}x", rows[times] / 1e6)
            yield Figure(f"CPU seconds at {times}x", told[times].cpu)
            yield Figure(f"seconds on the clock at {times}x", told[times].wall)
        each = {t: (told[t].cpu - told[0].cpu) / ((rows[t] - rows[0]) / 1e6) for t in (4, 16)}
        yield at_most("CPU seconds a million rows at 16x, without an empty shop's", each[16], 40)
        yield Figure("CPU seconds a million rows at 4x, without an empty shop's", each[4])
        yield at_most("distance of the two", abs(each[16] / each[4] - 1), 0.1)
        growth = told[16].peak - told[4].peak
        yield at_most("growth of the driver's memory from 4x to 16x (MB)", growth, 50)
        yield Figure("driver's memory at 16x (MB)", told[16].peak)
        yield Figure("memory of the driver's JVM at 16x (MB)", told[16].peak_jvm)


def kills(chosen: argparse.Namespace) -> Iterator[Figure]:
    """A scoring whose executor is killed once in each stage, and once in all."""
    with tempfile.TemporaryDirectory() as scratch, cluster(_new(scratch, "cluster")) as two:
        config = _learn(Path(scratch), chosen.customers)
        clean = score(config, Path(scratch) / "clean", run_folder=config.parent, on=two)
        yield Figure("CPU seconds of a clean scoring", clean.cpu)
        for stages in ((STAGES[1],), STAGES):
            to = Path(scratch) / f"killed-{len(stages)}"
            meanwhile = partial(_kill_in, two, to, stages)
            killed = score(config, to, run_folder=config.parent, on=two, meanwhile=meanwhile)
            name = f"{killed.kills} executors killed"
            yield at_least(f"{name}, of {len(stages)} wanted", killed.kills, len(stages))
            yield at_most(f"{name}: files that differ", _differing(clean, killed), 0)
            ratio = killed.cpu / clean.cpu
            told = f"{name}: CPU of a clean scoring"
            yield at_most(told, ratio, 1.5) if len(stages) == 1 else Figure(told, ratio)


def _kill_in(on: Cluster, to: Path, stages: tuple[str, ...], driver: Any) -> int:
    count = 0
    for stage in stages:
        pattern = f".{to.name}.unfinished/{stage}/part-*.parquet"
        works = lambda: driver.poll() is None  # noqa: E731
        if wait_until(lambda p=pattern: any(to.parent.glob(p)), while_=works):
            for executor in on.processes(EXECUTOR)[:1]:
                kill(executor)
                count += 1
    return count


def workers(chosen: argparse.Namespace) -> Iterator[Figure]:
    """Two workers over one, on the clock: of a quiet machine only."""
    with tempfile.TemporaryDirectory() as scratch:
        learnt = _learn(Path(scratch), chosen.customers)
        shop, told = _shop_like(learnt, 16 * chosen.customers), dict[int, Scored]()
        for n in (1, 2):
            with cluster(_new(scratch, f"cluster-{n}"), workers=n) as those:
                to = Path(scratch) / f"made-{n}"
                told[n] = score(
                    shop, to, run_folder=learnt.parent, on=those, bucket_rows=_BUCKET_ROWS
                )
            yield Figure(f"seconds on the clock with {n} workers", told[n].wall)
            yield Figure(f"of that in stages with {n} workers", told[n].stages)
        yield at_most("files that differ between one worker and two", _differing(*told.values()), 0)
        ratio = told[1].stages / told[2].stages
        yield at_least("stages on one worker over two", ratio, 1.6)


def _new(scratch: str, name: str) -> Path:
    folder = Path(scratch) / name
    folder.mkdir()
    return folder


def _shop(scratch: Path, n_customers: int) -> Path:
    return simulate_to(scratch / f"shop-{n_customers}", Shop(n_customers=n_customers, seed=7)).study


def _learn(scratch: Path, n_customers: int) -> Path:
    """The study of a shop whose run was made."""
    config = _shop(scratch, n_customers)
    run(Study.from_toml(config, overrides={"backtest.count": "1"}))
    return config


def _shop_like(learnt: Path, n_customers: int) -> Path:
    """A shop of another size with the same study, whose plan is that of the run."""
    config = _shop(learnt.parent.parent, n_customers)
    shutil.copy(learnt, config)
    return config


def _rows(config: Path) -> int:
    names = ("orders", "events", "treatments")
    paths = (config.parent / f"{name}.parquet" for name in names)
    return sum(pq.read_metadata(path).num_rows for path in paths if path.exists())


SECTIONS: dict[str, Callable[[argparse.Namespace], Iterator[Figure]]] = {
    "equality": equality, "cost": cost, "kills": kills, "workers": workers
}  # fmt: skip


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a JSON list of figures")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="one section")
    parser.add_argument("--customers", type=int, default=6_000, help="of the shop of size 1x")
    parser.add_argument("--retail", action="store_true", help="compare Online Retail II, too")
    chosen = parser.parse_args()
    figures: list[Figure] = []
    for name in chosen.only or SECTIONS:
        figures += SECTIONS[name](chosen)
    show(figures, as_json=chosen.json)


if __name__ == "__main__":
    main()
