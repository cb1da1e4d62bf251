"""Leaks planted in order logs and in the sources beside them, simulated and real."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from tests.audits.bank import Planted

from holdfast.synthetic import Shop, SimulatedBatch, simulate

SMALL = {"count": 1, "max_training_cutoffs": 2, "step_days": 60}
"""A backtest that is quick: what is planted shows without many cutoffs."""


@cache
def batch(n: int = 900, *, seed: int = 3, events: float = 0.0, **more: Any) -> SimulatedBatch:
    return next(
        simulate(Shop(n_customers=n, n_days=600, seed=seed, events_per_purchase=events, **more))
    )


def orders_study(folder: Path, orders: pl.DataFrame, **more: Any) -> dict[str, Any]:
    """Write order lines and the study over them."""
    orders.write_parquet(folder / "orders.parquet")
    names = ("customer_id", "occurred_at", "order_id", "product_id", "quantity", "unit_price")
    transactions = {
        "path": "orders.parquet",
        "columns": {name: name for name in names},
        "returns": {"when": "order_id LIKE 'R%'"},
    }
    return {
        "transactions": transactions,
        "backtest": SMALL,
        "value": {"horizon_days": 90},
        "horizons_days": [90],
    } | more


def cdnow_study(folder: Path, orders: pl.DataFrame, **more: Any) -> dict[str, Any]:
    orders.write_parquet(folder / "orders.parquet")
    columns = {"customer_id": "customer_id", "occurred_at": "date", "amount": "dollar_value"}
    tasks = {"churn": {"eligible": "ever bought"}, "value": {"horizon_days": 90}, "backtest": SMALL}
    return {"transactions": {"path": "orders.parquet", "columns": columns}} | tasks | more


def cdnow(real: Path) -> pl.DataFrame:
    return pl.read_parquet(real / "cdnow_sample.parquet")


def repeat_customers(folder: Path, real: Path) -> dict[str, Any]:
    """An export of "our customers with at least two orders"."""
    orders = cdnow(real)
    return cdnow_study(folder, orders.filter(pl.col("date").n_unique().over("customer_id") > 1))


def active_customers(folder: Path, real: Path) -> dict[str, Any]:
    """An export of the customers who bought in the last 200 days."""
    orders = batch(1_500).orders
    since = orders["occurred_at"].max() - timedelta(days=200)  # type: ignore[operator]
    return orders_study(
        folder, orders.filter(pl.col("occurred_at").max().over("customer_id") > since)
    )


def dated_as_the_purchase(folder: Path, real: Path) -> dict[str, Any]:
    """Each return is written on the day on which its goods were bought."""
    orders = batch(return_rate=0.15).orders.sort("customer_id", "occurred_at")
    bought = (
        pl.when(pl.col("quantity") > 0)
        .then("occurred_at")
        .forward_fill()
        .over("customer_id", "product_id")
    )
    day = pl.when(pl.col("quantity") < 0).then(bought).otherwise("occurred_at")
    return orders_study(
        folder, orders.with_columns(occurred_at=day.fill_null(pl.col("occurred_at")))
    )


def last_week_is_missing(folder: Path, real: Path) -> dict[str, Any]:
    """Most orders of the last week had not arrived when the log was exported."""
    orders = batch(1_500).orders
    day = pl.col("occurred_at").dt.date()
    last = orders["occurred_at"].dt.date().max()
    late = day > last - timedelta(days=7)  # type: ignore[operator]
    kept = orders.filter(~late | (pl.col("order_id").hash(seed=1) % 8 == 0) | (day == last))
    return orders_study(folder, kept)


def last_week_of_cdnow(folder: Path, real: Path) -> dict[str, Any]:
    orders = pl.read_parquet(real / "cdnow_master.parquet").filter(pl.col("customer_id") % 4 == 0)
    last = orders["date"].max()
    late = pl.col("date") > last - timedelta(days=7)  # type: ignore[operator]
    return cdnow_study(folder, orders.filter(~late | (pl.col("date") == last)))


def events_go_on(folder: Path, real: Path) -> dict[str, Any]:
    """The orders were exported a month before the events."""
    found = batch(500, events=6.0)
    end = found.orders["occurred_at"].max() - timedelta(days=30)  # type: ignore[operator]
    found.events.write_parquet(folder / "events.parquet")
    names = ("customer_id", "occurred_at", "kind")
    events = {"path": "events.parquet", "columns": {name: name for name in names}}
    return orders_study(folder, found.orders.filter(pl.col("occurred_at") < end), events=events)


def with_attributes(
    folder: Path, attributes: pl.DataFrame, orders: pl.DataFrame, **more: Any
) -> dict[str, Any]:
    attributes.write_parquet(folder / "customers.parquet")
    names = [name for name in attributes.columns if name not in ("customer_id", "known_from")]
    columns = {name: name for name in ("customer_id", "known_from") if name in attributes.columns}
    customers = {"path": "customers.parquet", "columns": columns, "attributes": names}
    return orders_study(folder, orders, customers=customers, **more)


def _lives(orders: pl.DataFrame) -> pl.DataFrame:
    return (
        orders.group_by("customer_id")
        .agg(
            last=pl.col("occurred_at").max(),
            total=(pl.col("quantity") * pl.col("unit_price")).sum().round(2),
            n=pl.len(),
        )
        .sort("customer_id")
    )


def status_of_today(folder: Path, real: Path) -> dict[str, Any]:
    """Whether a customer is active on the day of the export."""
    orders = batch(1_500).orders
    end = orders["occurred_at"].max()
    active = pl.col("last") > pl.lit(end) - pl.duration(days=80)
    status = _lives(orders).select(
        "customer_id", status=pl.when(active).then(pl.lit("active")).otherwise(pl.lit("lost"))
    )
    return with_attributes(folder, status, orders)


def totals_of_today(folder: Path, real: Path) -> dict[str, Any]:
    """Orders and money of the whole life, as on the day of the export."""
    orders = batch(1_500).orders
    return with_attributes(
        folder, _lives(orders).select("customer_id", lifetime_lines="n", lifetime="total"), orders
    )


def cancelled_orders_vanish(folder: Path, real: Path) -> dict[str, Any]:
    """The later export has lost the lines that were sent back, instead of showing returns."""
    orders = batch(return_rate=0.15).orders
    end = orders["occurred_at"].max() - timedelta(days=90)  # type: ignore[operator]
    orders.filter(pl.col("occurred_at") < end).write_parquet(folder / "earlier.parquet")
    back = orders.filter(pl.col("quantity") < 0).select("customer_id", "product_id")
    return orders_study(folder, orders.join(back, on=["customer_id", "product_id"], how="anti"))


def prices_are_corrected(folder: Path, real: Path) -> dict[str, Any]:
    """The later export has this year's amounts for last year's orders."""
    orders = cdnow(real)
    orders.filter(pl.col("date") < pl.datetime(1998, 1, 1)).write_parquet(
        folder / "earlier.parquet"
    )
    dearer = (
        pl.when(pl.col("customer_id") % 10 == 0)
        .then(pl.col("dollar_value") * 1.2)
        .otherwise("dollar_value")
    )
    return cdnow_study(folder, orders.with_columns(dollar_value=dearer.round(2)))


def attributes_are_overwritten(folder: Path, real: Path) -> dict[str, Any]:
    """The later export has the plan of today for everyone."""
    found = batch(800)
    orders = found.orders
    end = orders["occurred_at"].max() - timedelta(days=90)  # type: ignore[operator]
    orders.filter(pl.col("occurred_at") < end).write_parquet(folder / "earlier.parquet")
    plans = found.customers.select("customer_id", plan="channel")
    plans.write_parquet(folder / "earlier_customers.parquet")
    moved = (
        pl.when(pl.col("customer_id").hash(seed=2) % 9 == 0).then(pl.lit("other")).otherwise("plan")
    )
    return with_attributes(folder, plans.with_columns(plan=moved), orders)


def another_currency(folder: Path, real: Path) -> dict[str, Any]:
    """From one day on amounts are in another unit."""
    orders = batch(1_500, seed=5).orders
    changed = orders["occurred_at"].max() - timedelta(days=200)  # type: ignore[operator]
    price = (
        pl.when(pl.col("occurred_at") > changed)
        .then(pl.col("unit_price") * 25)
        .otherwise("unit_price")
    )
    return orders_study(
        folder,
        orders.with_columns(unit_price=price),
        backtest={"count": 3, "step_days": 30},
        churn={"horizon_days": 30},
        value={"horizon_days": 30},
        horizons_days=[30],
    )


def cutoffs_too_late(folder: Path, real: Path) -> dict[str, Any]:
    return cdnow_study(
        folder, cdnow(real), backtest=SMALL | {"cutoffs": ["1998-01-01", "1998-06-01"]}
    )


def tests_that_overlap(folder: Path, real: Path) -> dict[str, Any]:
    return cdnow_study(
        folder,
        cdnow(real),
        backtest=SMALL | {"cutoffs": ["1998-01-15", "1998-02-15", "1998-03-15"]},
    )


LOG_LEAKS = (
    Planted(
        name="only repeat customers",
        expected=("chosen-by-the-future",),
        build=repeat_customers,
        real=True,
    ),
    Planted(
        name="only active customers",
        slow=True,
        expected=("chosen-by-the-future",),
        build=active_customers,
    ),
    Planted(
        name="returns on the day of the purchase",
        expected=("backdated-returns",),
        build=dated_as_the_purchase,
    ),
    Planted(
        name="a last week that is missing", expected=("log-fades-out",), build=last_week_is_missing
    ),
    Planted(
        name="a last week of CDNOW that is missing",
        slow=True,
        expected=("log-fades-out",),
        build=last_week_of_cdnow,
        real=True,
    ),
    Planted(name="events that go on", expected=("beyond-the-log",), build=events_go_on),
    Planted(
        name="a customer's status of today",
        expected=("telling-column", "filled-in-afterwards", "lifting-column"),
        build=status_of_today,
    ),
    Planted(
        name="lifetime totals of today",
        slow=True,
        expected=("lifting-column", "outshining-column"),
        build=totals_of_today,
    ),
    Planted(
        name="cancelled orders vanish",
        expected=("history-changes",),
        build=cancelled_orders_vanish,
        earlier={"transactions": "earlier.parquet"},
    ),
    Planted(
        name="amounts are corrected",
        slow=True,
        expected=("history-changes",),
        build=prices_are_corrected,
        real=True,
        earlier={"transactions": "earlier.parquet"},
    ),
    Planted(
        name="attributes are overwritten",
        slow=True,
        expected=("history-changes",),
        build=attributes_are_overwritten,
        earlier={"transactions": "earlier.parquet", "customers": "earlier_customers.parquet"},
    ),
    Planted(name="another currency", expected=("sudden-change",), build=another_currency),
    Planted(
        name="test cutoffs that are too late",
        expected=("immature-cutoffs",),
        build=cutoffs_too_late,
        real=True,
    ),
    Planted(
        name="tests that overlap",
        slow=True,
        expected=("overlapping-tests",),
        build=tests_that_overlap,
        real=True,
    ),
)
