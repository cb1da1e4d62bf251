"""Each feature equals an independent SQL query on random logs, and DuckDB equals Polars."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import narwhals as nw
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_series_equal

from holdfast.features.build import build_features
from holdfast.features.catalogue import FEATURES
from holdfast.ingest.daily_activity import roll_up
from holdfast.io.warehouse import Warehouse
from holdfast.tables import ACTIVITY, ENGAGEMENT_KINDS
from holdfast.windows import EPOCH, date_of, day_of

ORACLE = Path(__file__).with_name("features.sql").read_text(encoding="utf-8")
FIRST, LAST = day_of(date(2009, 12, 1)), day_of(date(2011, 12, 9))
CUTOFFS = tuple(
    day_of(day)
    for day in (date(2010, 3, 1), date(2011, 1, 1), date(2011, 6, 1), date(2011, 12, 10))
)
SUMS = ("spend_", "returns_")
ZERO_WHERE_ABSENT = [
    feature.name
    for feature in FEATURES
    if (feature.unit == "count" and not feature.name.startswith("lines_last"))
    or (feature.unit == "currency" and feature.name.startswith(SUMS))
]
SEASON_TOLERANCE = 2.0 / 365

Log = dict[str, pl.DataFrame]


def random_log(seed: int, *, n_customers: int = 150) -> Log:
    """Order lines, events and treatments of customers from once-only to almost daily buyers."""
    rng = np.random.default_rng(seed)
    lines, events, treatments = [], [], []
    for number in range(n_customers):
        customer_id = f"C{number:03d}"
        for _ in range(int(rng.geometric(0.08))):
            day, order = int(rng.integers(FIRST, LAST + 1)), f"O{rng.integers(10**6)}"
            for _ in range(int(rng.integers(1, 5))):
                product, cents = (
                    f"P{rng.integers(25)}",
                    int(rng.choice([0, *rng.integers(1, 10**6, 4)])),
                )
                returned = bool(rng.random() < 0.12)
                lines.append(
                    (customer_id, day, order, product, -cents if returned else cents, returned)
                )
        for _ in range(int(rng.integers(0, 40))):
            kind = str(rng.choice(ENGAGEMENT_KINDS))
            events.append(
                (customer_id, int(rng.integers(FIRST, LAST + 1)), kind, int(rng.integers(1, 9)))
            )
        treatments += [
            (customer_id, int(day)) for day in rng.integers(FIRST, LAST + 1, rng.integers(0, 6))
        ]
    named = {
        "lines": (
            lines,
            ["customer_id", "day", "order_id", "product_id", "amount_minor", "is_return"],
        ),
        "events": (events, ["customer_id", "day", "kind", "n"]),
        "treatments": (treatments, ["customer_id", "day"]),
    }
    return {
        name: pl.DataFrame(rows, schema=columns, orient="row")
        for name, (rows, columns) in named.items()
    }


def rolled_up(log: Log) -> pl.DataFrame:
    """The ACTIVITY table of a log, row by row in plain Python."""
    days: dict[tuple[str, int], dict[str, int | None]] = defaultdict(
        lambda: (
            {name: 0 for name in ACTIVITY.schema if name not in ACTIVITY.grain}
            | {"purchase_gap": None}
        )
    )
    orders, products, seen, last = defaultdict(set), defaultdict(set), defaultdict(set), {}
    for customer_id, day, order, product, cents, returned in log["lines"].sort("day").iter_rows():
        row = days[customer_id, day]
        row["returns_minor" if returned else "gross_minor"] += cents
        if not returned:
            row["n_lines"] += 1
            orders[customer_id, day].add(order)
            products[customer_id, day].add(product)
    for (customer_id, day), row in sorted(days.items()):
        bought = products[customer_id, day]
        row |= {"n_orders": len(orders[customer_id, day]), "n_products": len(bought)}
        row["n_new_products"] = len(bought - seen[customer_id])
        seen[customer_id] |= bought
        if row["n_orders"]:
            row["purchase_gap"] = day - last[customer_id] if customer_id in last else None
            last[customer_id] = day
    for customer_id, day, kind, n in log["events"].iter_rows():
        days[customer_id, day][f"n_{kind}s"] += n
    for customer_id, day in log["treatments"].iter_rows():
        days[customer_id, day]["n_treatments"] += 1
    rows = [
        {"customer_id": customer_id, "day": day, **row} for (customer_id, day), row in days.items()
    ]
    return ACTIVITY.check(pl.DataFrame(rows, schema=ACTIVITY.schema))


def features(activity: nw.LazyFrame) -> pl.DataFrame:
    frame = build_features(activity, CUTOFFS, FEATURES, eligible_days=365, minor_digits=2)
    return frame.collect("polars").to_native().sort("cutoff_day", "customer_id")


@pytest.fixture(scope="module", params=[1, 2])
def log(request: pytest.FixtureRequest) -> Log:
    return random_log(request.param)


@pytest.fixture(scope="module")
def through_duckdb(log: Log) -> Iterator[pl.DataFrame]:
    with duckdb.connect() as con:
        con.register("rolled_up", rolled_up(log))
        yield features(nw.from_native(con.table("rolled_up")))


def expected(log: Log, cutoff_day: int) -> pl.DataFrame:
    with duckdb.connect() as con:
        for name, table in log.items():
            con.register(name, table.with_columns(date=EPOCH + pl.duration(days="day")))
        con.execute("SET VARIABLE cutoff = ?::DATE", [date_of(cutoff_day)])
        return con.sql(ORACLE).pl()


@pytest.mark.parametrize("cutoff_day", CUTOFFS)
def test_every_feature_equals_its_independent_query(
    log: Log, through_duckdb: pl.DataFrame, cutoff_day: int
) -> None:
    ours = through_duckdb.filter(pl.col("cutoff_day") == cutoff_day).drop("cutoff_day")
    long = ours.cast({pl.selectors.numeric(): pl.Float64}).unpivot(
        index="customer_id", variable_name="feature"
    )
    both = long.join(
        expected(log, cutoff_day), on=["customer_id", "feature"], how="full", coalesce=True
    )
    known = both.filter(pl.col("feature").is_in([feature.name for feature in FEATURES]))
    zeroed = known.with_columns(
        expected=pl.when(pl.col("feature").is_in(ZERO_WHERE_ABSENT))
        .then(pl.col("expected").fill_null(0.0))
        .otherwise("expected")
    )
    season = pl.col("feature").str.ends_with("season")
    off = (pl.col("value") - pl.col("expected")).abs()
    # The code's season is right to two days by contract; the year may end between the two.
    close = (
        pl.when(season)
        .then(pl.min_horizontal(off, 1 - off) <= SEASON_TOLERANCE)
        .otherwise(off <= 1e-9 * pl.max_horizontal(pl.lit(1.0), pl.col("expected").abs()))
    )
    both_empty = pl.col("value").is_null() & pl.col("expected").is_null()
    wrong = zeroed.filter(~(close.fill_null(False) | both_empty))
    assert wrong.is_empty(), wrong
    assert ours.height > 20
    assert long.filter(pl.col("value").is_not_null())["feature"].n_unique() == len(FEATURES)


def test_the_rollup_of_the_pipeline_equals_one_made_row_by_row(log: Log, tmp_path: Path) -> None:
    tables = {"transactions": log["lines"], "events": log["events"]}
    tables["treatments"] = log["treatments"].with_columns(treated=True)
    with Warehouse(tmp_path) as warehouse:
        for name, table in tables.items():
            warehouse.con.register("given", table.with_columns(pl.col("day").cast(pl.Int32)))
            warehouse.con.execute(f"CREATE TABLE {name} AS FROM given")
        roll_up(warehouse, with_products=True)
        theirs = warehouse.read(warehouse.table("activity")).select(ACTIVITY.schema.names())
    assert (
        ACTIVITY.check(theirs)
        .sort("customer_id", "day")
        .equals(rolled_up(log).sort("customer_id", "day"))
    )


def test_duckdb_equals_polars(log: Log, through_duckdb: pl.DataFrame) -> None:
    through_polars = features(nw.from_native(rolled_up(log).lazy()))
    assert through_polars.schema == through_duckdb.schema
    integers = [name for name, dtype in through_duckdb.schema.items() if dtype != pl.Float64]
    assert through_polars.select(integers).equals(through_duckdb.select(integers))
    for name in (name for name, dtype in through_duckdb.schema.items() if dtype == pl.Float64):
        assert_series_equal(
            through_polars[name], through_duckdb[name], abs_tol=1e-9, rel_tol=1e-9, check_names=True
        )
