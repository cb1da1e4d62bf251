"""Features at size: from a Parquet file of orders to one row per customer, against SQL and pandas
written by hand.

Each way runs in its own process, three times; medians are compared. All of them answer the same
question, and the sums of what they answer are compared.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bench._figures import Figure, at_least, at_most, in_child, show
from holdfast.features.feature_tables import features, features_in_ranges
from holdfast.ingest.daily_activity import roll_up
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

FIRST_DAY = 18_993  # 2022-01-01
MONTHS, DAYS_A_MONTH = 36, 30
CUTOFF = FIRST_DAY + MONTHS * DAYS_A_MONTH  # the end of the log
CUTOFFS = tuple(CUTOFF - 30 * step for step in range(12))
WINDOWS = (7, 30, 90, 180, 365)
PAIRS = ((30, 90), (90, 180), (180, 365))
COLUMNS = {
    "customer_id": "customer_id",
    "occurred_at": "occurred_at",
    "order_id": "order_id",
    "amount": "amount",
}
STUDY = Study.from_dict(
    {"study": {"name": "bench"}, "transactions": {"path": "orders.parquet", "columns": COLUMNS}}
)
TIMES = 3
SIZES = (4_000_000, 20_000_000)
MICROSECONDS_A_DAY = 86_400_000_000


def write_orders(path: Path, *, n_orders: int, n_customers: int, seed: int = 7) -> None:
    """Write a log in the order of time, a month at a time: customers come, buy at their own rate,
    and leave.
    """
    rng = np.random.default_rng(seed)
    span = MONTHS * DAYS_A_MONTH
    came = rng.integers(0, span - 60, n_customers)
    left = np.minimum(came + 30 + rng.exponential(500, n_customers), span)
    rate = rng.gamma(0.8, 1.0, n_customers) + 0.02
    names = pa.array([f"C{number:07d}" for number in range(n_customers)])
    per_month = n_orders / float((rate * (left - came)).sum())
    n_written, writer = 0, None
    for month in range(MONTHS):
        start = np.maximum(came, DAYS_A_MONTH * month)
        days = np.clip(np.minimum(left, DAYS_A_MONTH * (month + 1)) - start, 0, None)
        share = np.cumsum(rate * days)
        n = round(per_month * float(share[-1]))
        who = np.searchsorted(share, rng.random(n) * share[-1]).clip(0, n_customers - 1)
        when = start[who] + days[who] * rng.random(n)
        order = np.argsort(when)
        who, when = who[order], FIRST_DAY + when[order]
        amount = np.round(rng.lognormal(3.3, 0.8, n), 2) * np.where(rng.random(n) < 0.03, -1, 1)
        columns = {
            "customer_id": names.take(pa.array(who)),
            "occurred_at": pa.array(
                (when * MICROSECONDS_A_DAY).astype(np.int64), pa.timestamp("us")
            ),
            "order_id": pa.array(np.arange(n_written, n_written + n)).cast(pa.string()),
            "amount": pa.array(amount),
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=250_000)
        n_written += n
    if writer is not None:
        writer.close()


def scan(orders: Path) -> dict[str, float]:
    """Read the columns and nothing else."""
    sql = (
        "SELECT max(customer_id), max(occurred_at), max(order_id), sum(amount) FROM read_parquet(?)"
    )
    duckdb.execute(sql, [str(orders)]).fetchall()
    return {}


def _rolled_up(orders: Path, scratch: Path) -> Warehouse:
    warehouse = Warehouse(scratch)
    source = str(orders).replace("'", "''")
    warehouse.con.execute(f"""
        CREATE VIEW transactions AS
        SELECT customer_id, CAST(CAST(occurred_at AS DATE) - DATE '1970-01-01' AS INTEGER) AS day,
            order_id,
               CAST(round(amount * 100) AS BIGINT) AS amount_minor, amount < 0 AS is_return
        FROM read_parquet('{source}')""")
    roll_up(warehouse, with_products=False)
    return warehouse


def ours(orders: Path) -> dict[str, float]:
    """Holdfast: the customer-day rollup, then the features at one cutoff."""
    with tempfile.TemporaryDirectory() as scratch, _rolled_up(orders, Path(scratch)) as warehouse:
        return answer(features(STUDY, warehouse, [CUTOFF]))


def ours_twelve(orders: Path) -> dict[str, float]:
    """Holdfast: the rollup, then the features at twelve cutoffs, written as they come."""
    with tempfile.TemporaryDirectory() as scratch, _rolled_up(orders, Path(scratch)) as warehouse:
        rows = 0
        for number, frame in enumerate(features_in_ranges(STUDY, warehouse, CUTOFFS)):
            frame.write_parquet(Path(scratch) / f"features-{number}.parquet", compression="lz4")
            rows += frame.height
        return {"rows": rows}


def by_hand(orders: Path) -> dict[str, float]:
    """The same features in one DuckDB query, as one would write it for this file."""
    sums = [
        f"coalesce({total} FILTER ({where} ago <= {days}), 0) AS {name}_{days}d"
        for days in WINDOWS
        for name, total, where in (
            ("n_purchases", "count(*)", "n_orders > 0 AND"),
            ("n_orders", "sum(n_orders)", ""),
            ("spend", "sum(net)", ""),
            ("returns", "sum(returned)", ""),
        )
    ]
    changes = [
        f"({stem}_{a}d / {a} - ({stem}_{b}d - {stem}_{a}d) / {b - a}) / nullif(abs({stem}_{a}d / "
        f"{a}) + "
        f"abs(({stem}_{b}d - {stem}_{a}d) / {b - a}), 0) AS {what}_change_{a}d"
        for what, stem in (("purchase", "n_purchases"), ("spend", "spend"))
        for a, b in PAIRS
    ]
    sql = f"""
        WITH days AS (
            SELECT customer_id, occurred_at::DATE - DATE '1970-01-01' AS day, count(*) FILTER
                (amount >= 0) AS n_orders,
                   sum(amount) FILTER (amount >= 0) AS gross, coalesce(sum(-amount) FILTER (amount <
                       0), 0) AS returned
            FROM read_parquet('{orders}') WHERE occurred_at < DATE '1970-01-01' + {CUTOFF} GROUP BY
                ALL),
        gaps AS (
            SELECT customer_id, {CUTOFF} - day AS ago, n_orders, gross, returned, coalesce(gross, 0)
                - returned AS net,
                   CASE WHEN n_orders > 0 THEN day - lag(CASE WHEN n_orders > 0 THEN day END IGNORE
                       NULLS)
                       OVER (PARTITION BY customer_id ORDER BY day) END AS gap
            FROM days),
        sums AS (
            SELECT customer_id, {", ".join(sums)},
                   count(*) FILTER (n_orders > 0) AS n_purchases, sum(n_orders) AS n_orders,
                   sum(net) AS spend_total, sum(returned) AS returns_total, sum(gross) AS gross,
                   min(ago) FILTER (n_orders > 0) AS days_since_last_purchase,
                   max(ago) FILTER (n_orders > 0) AS tenure_days,
                   avg(gap) AS gap_mean, stddev_samp(gap) AS gap_sd, max(gap) AS gap_max,
                   arg_min(gap, ago) FILTER (n_orders > 0) AS gap_last, max(gross) AS
                       purchase_value_max,
                   arg_min(gross, ago) FILTER (n_orders > 0) AS purchase_value_last
            FROM gaps GROUP BY customer_id HAVING days_since_last_purchase <= 365)
        SELECT *, {", ".join(changes)}, days_since_last_purchase / gap_mean AS overdue_ratio,
               gap_last / gap_mean AS gap_change, gross / n_purchases AS purchase_value_mean,
               gross / n_orders AS order_value_mean, returns_total / nullif(gross, 0) AS
                   return_share
        FROM sums ORDER BY customer_id"""
    return answer(duckdb.sql(sql).pl())


def with_pandas(orders: Path) -> dict[str, float]:
    """The same features in pandas, the obvious way: a filter and a groupby per window."""
    import pandas as pd

    log = pd.read_parquet(orders)
    log = log[log["occurred_at"] < pd.Timestamp("1970-01-01") + pd.Timedelta(days=CUTOFF)]
    log["day"] = log["occurred_at"].dt.floor("D")
    log["gross"] = log["amount"].clip(lower=0)
    log["returned"] = -log["amount"].clip(upper=0)
    log["bought"] = (log["amount"] >= 0).astype("int64")
    daily = log.groupby(["customer_id", "day"], as_index=False).agg(
        n_orders=("bought", "sum"),
        gross=("gross", "sum"),
        returned=("returned", "sum"),
        spend=("amount", "sum"),
    )
    daily["ago"] = (pd.Timestamp("1970-01-01") + pd.Timedelta(days=CUTOFF) - daily["day"]).dt.days
    bought = daily[daily["n_orders"] > 0].copy()
    bought["gap"] = bought.groupby("customer_id")["day"].diff().dt.days
    by_customer = bought.groupby("customer_id")
    table = by_customer.agg(
        days_since_last_purchase=("ago", "min"),
        tenure_days=("ago", "max"),
        gap_mean=("gap", "mean"),
        gap_sd=("gap", "std"),
        gap_max=("gap", "max"),
        gap_last=("gap", "last"),
        purchase_value_max=("gross", "max"),
        purchase_value_last=("gross", "last"),
        gross=("gross", "sum"),
    )
    for days in (*WINDOWS, None):
        suffix = f"_{days}d" if days else ""
        recent, purchases = (
            (daily[daily["ago"] <= days], bought[bought["ago"] <= days])
            if days
            else (daily, bought)
        )
        sums = recent.groupby("customer_id")[["n_orders", "spend", "returned"]].sum()
        table[f"n_orders{suffix}"] = sums["n_orders"]
        table[f"spend{suffix or '_total'}"] = sums["spend"]
        table[f"returns{suffix or '_total'}"] = sums["returned"]
        table[f"n_purchases{suffix}"] = purchases.groupby("customer_id").size()
    filled = [name for name in table if name.startswith(("n_", "spend", "returns"))]
    table[filled] = table[filled].fillna(0)
    for what, stem in (("purchase", "n_purchases"), ("spend", "spend")):
        for a, b in PAIRS:
            now, before = (
                table[f"{stem}_{a}d"] / a,
                (table[f"{stem}_{b}d"] - table[f"{stem}_{a}d"]) / (b - a),
            )
            table[f"{what}_change_{a}d"] = (now - before) / (now.abs() + before.abs())
    table["overdue_ratio"] = table["days_since_last_purchase"] / table["gap_mean"]
    table["gap_change"] = table["gap_last"] / table["gap_mean"]
    table["purchase_value_mean"] = table["gross"] / table["n_purchases"]
    table["order_value_mean"] = table["gross"] / table["n_orders"]
    table["return_share"] = table["returns_total"] / table["gross"]
    eligible = table[table["days_since_last_purchase"] <= 365].reset_index()
    return answer(pl.from_pandas(eligible))


def answer(frame: pl.DataFrame) -> dict[str, float]:
    """Rows, and the sum of each feature that all ways compute."""
    names = (
        "n_purchases_90d",
        "n_orders",
        "spend_180d",
        "returns_total",
        "gap_mean",
        "gap_sd",
        "gap_last",
        "tenure_days",
    )
    sums = frame.select(pl.col(names).cast(pl.Float64).fill_nan(None).sum()).row(0, named=True)
    return {"rows": frame.height, **sums}


WAYS: dict[str, Callable[[Path], dict[str, float]]] = {
    "scan": scan,
    "ours": ours,
    "by hand": by_hand,
    "pandas": with_pandas,
    "ours, 12 cutoffs": ours_twelve,
}


def run_way(name: str, orders: Path) -> None:
    """Run one way here and print its seconds, of the clock and of all cores, and its answer."""
    started, cpu = time.perf_counter(), time.process_time()
    told = WAYS[name](orders)
    print(
        json.dumps(
            {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu, **told}
        )
    )


def agree(one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether two ways gave the same answer, to 1e-9."""
    shared = (one.keys() & other.keys()) - {"seconds", "cpu"}
    return all(abs(one[name] - other[name]) <= 1e-9 * abs(one[name]) for name in shared)


def measure(orders: Path, *, size: str) -> list[Figure]:
    """Run every way in its own process, one after the other and all of them again, and compare
    their medians.
    """
    runs = [
        {
            name: in_child("bench.features", "--only", name, "--orders-file", str(orders))
            for name in WAYS
        }
        for _ in range(TIMES)
    ]

    def middle(what: Callable[[dict[str, float], float], float]) -> dict[str, float]:
        return {name: median(what(*run[name]) for run in runs) for name in WAYS}

    told = {name: answered for name, (answered, _) in runs[0].items()}
    seconds, cores = middle(lambda told, _: told["seconds"]), middle(lambda told, _: told["cpu"])
    peak = middle(lambda _, peak: peak)
    figures = [Figure(f"{size}, {name}: seconds", seconds[name]) for name in WAYS]
    figures += [Figure(f"{size}, {name}: core seconds", cores[name]) for name in WAYS]
    figures += [Figure(f"{size}, {name}: peak GB", peak[name]) for name in WAYS]
    same = [agree(told["ours"], told[name]) for name in ("by hand", "pandas")]
    return [
        *figures,
        at_least(f"{size}: ways that answer as ours does", sum(same), 2),
        at_most(
            f"{size}, one cutoff: ours over SQL by hand, time",
            seconds["ours"] / seconds["by hand"],
            1.2,
        ),
        Figure(
            f"{size}, one cutoff: ours over SQL by hand, core time",
            cores["ours"] / cores["by hand"],
        ),
        at_least(
            f"{size}, one cutoff: pandas over ours, time", seconds["pandas"] / seconds["ours"], 3
        ),
        Figure(f"{size}, one cutoff: pandas over ours, core time", cores["pandas"] / cores["ours"]),
        at_least(
            f"{size}, one cutoff: pandas over ours, peak memory", peak["pandas"] / peak["ours"], 3
        ),
        at_most(
            f"{size}, twelve cutoffs over one, time",
            seconds["ours, 12 cutoffs"] / seconds["ours"],
            5,
        ),
        at_most(f"{size}, twelve cutoffs: peak GB", peak["ours, 12 cutoffs"], 4),
    ]


def measured(n_orders: int, n_customers: int) -> list[Figure]:
    """Write a log of this size and measure on it."""
    with tempfile.TemporaryDirectory() as folder:
        orders = Path(folder) / "orders.parquet"
        write_orders(orders, n_orders=n_orders, n_customers=n_customers)
        os.sync()  # What is still on its way to the disk would be paid for by whoever comes first.
        return measure(orders, size=f"{n_orders / 1e6:g} million orders")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.features", description=__doc__)
    parser.add_argument(
        "--orders", type=int, help="orders in the log; by default 4 million, then 20 million"
    )
    parser.add_argument("--customers", type=int, help="by default, a customer for 20 orders")
    parser.add_argument(
        "--orders-file", type=Path, help="use this file in place of a generated one"
    )
    parser.add_argument(
        "--only", choices=list(WAYS), help="run one way on --orders-file and print what it took"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.only:
        run_way(arguments.only, arguments.orders_file)
        return
    if arguments.orders_file:
        show(
            measure(arguments.orders_file, size=arguments.orders_file.name), as_json=arguments.json
        )
        return
    sizes = [arguments.orders] if arguments.orders else SIZES
    figures = [figure for n in sizes for figure in measured(n, arguments.customers or n // 20)]
    show(figures, as_json=arguments.json)


if __name__ == "__main__":
    main()
