"""Size: the whole run on a million customers, and a CSV of 10 GB read in with `[engine] memory` =
"1.5 GB". Time, and above all peak memory.

Each part runs in its own process. The run is of a simulated shop with events, treatments and
attributes; of 3 million customers it has a goal too. `--memory "2 GB"` holds the run to that.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from bench._figures import Figure, at_most, in_child, show
from holdfast.engine.run import choose_make
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Silence
from holdfast.runs.run import run
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop, simulate

ROLES = ("customer_id", "occurred_at", "order_id", "product_id", "quantity", "unit_price")
BESIDE = {
    "address": "12, Long Meadow Lane, Upper Slaughter, Gloucestershire GL54 2JP, United Kingdom",
    "shipping_note": "left with the neighbour, please ring twice; if nobody answers, behind the "
    "green door",
    "description": "HAND WARMER UNION JACK, PACK OF 12, ASSORTED COLOURS, GIFT WRAPPED",
}


def write_csv(path: Path, *, gigabytes: float) -> None:
    """Write the order lines of 20,000 simulated customers again and again, each time as other
    customers' lines.
    """
    lines = pl.concat([batch.orders for batch in simulate(Shop(n_customers=20_000))]).with_columns(
        *(("K000-" + pl.col(name)).alias(name) for name in ("customer_id", "order_id")),
        pl.col("occurred_at").dt.strftime("%Y-%m-%d %H:%M:%S"),
        **{name: pl.lit(text) for name, text in BESIDE.items()},
    )
    header, block = lines.write_csv().encode().split(b"\n", 1)
    with path.open("wb") as out:
        out.write(header + b"\n")
        copy = 0
        while out.tell() < gigabytes * 1e9:
            out.write(block.replace(b"K000-", f"K{copy:03d}-".encode()))
            copy += 1


def read_in(path: Path) -> dict[str, float]:
    """Ingest a CSV."""
    columns = {role: role for role in ROLES}
    study = Study.from_dict(
        {
            "study": {"name": "size"},
            "engine": {"memory": f"{CSV_GIGABYTES} GB"},
            "transactions": {"path": str(path), "columns": columns},
        }
    )
    with tempfile.TemporaryDirectory() as scratch, Warehouse(Path(scratch)) as warehouse:
        return {"rows": read_order_log(study, warehouse).rows.accepted}


def run_all(path: Path, memory: str | None, engine: str) -> dict[str, float]:
    """Run a study from end to end."""
    overrides = {} if memory is None else {"engine.memory": memory}
    study = Study.from_toml(path, overrides={**overrides, "engine.kind": engine})
    published = run(study, listener=_Clock(), make=choose_make(study))
    return {"rows": published.summary["customers"]}


class _Clock(Silence):
    """Prints what each step took, to the error output."""

    def finish(self, step: str, *, seconds: float, detail: str) -> None:
        """Print it."""
        print(f"{seconds:8.1f} s  {step}: {detail}", file=sys.stderr, flush=True)


PARTS = ("csv", "run")
CSV_GIGABYTES = 1.5
GOALS = {1_000_000: (15.0, 8.0), 3_000_000: (20.0, 10.0), 10_000_000: (75.0, 10.0)}
"""Customers -> minutes and gigabytes that the run may take."""


def measured(
    part: str,
    path: Path,
    *more: str,
    label: str,
    minutes: float | None,
    gigabytes: float | None,
) -> list[Figure]:
    """Run one part in its own process."""
    told, peak = in_child("bench.size", "--only", part, "--path", str(path), *more)
    wall = told["seconds"] / 60
    return [
        Figure(f"{label}: rows", told["rows"]),
        at_most(f"{label}: minutes", wall, minutes)
        if minutes
        else Figure(f"{label}: minutes", wall),
        Figure(f"{label}: core minutes", told["cpu"] / 60),
        at_most(f"{label}: peak GB", peak, gigabytes)
        if gigabytes
        else Figure(f"{label}: peak GB", peak),
    ]


def measure(
    *, n_customers: int, csv_gigabytes: float, memory: str | None, engine: str
) -> list[Figure]:
    """Simulate, write, and run both parts; a CSV of 0 GB is left out."""
    minutes, gigabytes = GOALS.get(n_customers, (None, None))
    with tempfile.TemporaryDirectory() as folder:
        shop = simulate_to(Path(folder) / "shop", Shop(n_customers=n_customers))
        label = f"run, {n_customers:,} customers, {engine}" + (f", {memory}" if memory else "")
        held = ("--engine", engine, *(("--memory", memory) if memory else ()))
        figures = measured(
            "run", shop.study, *held, label=label, minutes=minutes, gigabytes=gigabytes
        )
    if not csv_gigabytes:
        return figures
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.csv"
        write_csv(path, gigabytes=csv_gigabytes)
        figures += measured(
            "csv",
            path,
            label=f"CSV of {csv_gigabytes:g} GB",
            minutes=None,
            gigabytes=CSV_GIGABYTES,
        )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.size", description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--csv-gigabytes", type=float, default=10)
    parser.add_argument("--engine", choices=("memory", "buckets"), default="memory")
    parser.add_argument("--memory", help='hold the run to it, as "2 GB"')
    parser.add_argument(
        "--only", choices=PARTS, help="run one part on --path and print what it took"
    )
    parser.add_argument("--path", type=Path, help="the study of the run, or the CSV")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.only:
        started, cpu = time.perf_counter(), time.process_time()
        told = (
            read_in(arguments.path)
            if arguments.only == "csv"
            else run_all(arguments.path, arguments.memory, arguments.engine)
        )
        print(
            json.dumps(
                {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu, **told}
            )
        )
        return
    show(
        measure(
            n_customers=arguments.customers,
            csv_gigabytes=arguments.csv_gigabytes,
            memory=arguments.memory,
            engine=arguments.engine,
        ),
        as_json=arguments.json,
    )


if __name__ == "__main__":
    main()
