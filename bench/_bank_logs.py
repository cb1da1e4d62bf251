"""The order logs of the bank: other businesses, the public logs and simulated shops, with the
cutoffs to stand at.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from holdfast.synthetic import Shop, simulate
from holdfast.windows import parse_day

DESIGN = ("civicdonors", "snackaisle", "onlinegrocer", "spiritbrand", "cdnow", "shop-a", "shop-b")
"""The rules were chosen on these; all others only show what they are worth."""

_SHOP = Shop(n_customers=3000, n_days=730, seed=11, events_per_purchase=0.0)
SHOPS = {
    "shop-a": _SHOP,
    "shop-b": replace(
        _SHOP,
        n_days=600,
        seed=12,
        purchases_per_year=4.0,
        dropouts_per_year=2.0,
        truncated_days=900,
        december_factor=3.0,
    ),
    "shop-c": replace(
        _SHOP,
        n_customers=4000,
        n_days=900,
        seed=13,
        purchases_per_year=15.0,
        dropouts_per_year=0.5,
        rhythm=4.0,
        newcomer_share=0.3,
    ),
}
_PUBLIC_CUTS = {
    "cdnow": [("1997-09-30", 273), ("1997-12-31", 180)],
    "grocery": [("2006-12-31", 90), ("2007-03-31", 90)],
    "retail": [("2010-11-30", 90), ("2011-03-01", 180), ("2011-05-31", 180), ("2011-09-09", 90)],
    "shop-a": [("2024-01-01", 90), ("2024-03-30", 90)],
    "shop-b": [("2023-08-01", 180), ("2023-11-20", 90)],
    "shop-c": [("2024-03-01", 180), ("2024-09-15", 90)],
}


@dataclass(frozen=True)
class Cut:
    """One log seen up to and with a day, and the horizon to predict after it."""

    log: str
    last_day: str
    horizon_days: int

    @property
    def now(self) -> int:
        """First day that may not be seen."""
        return parse_day(self.last_day) + 1

    def __str__(self) -> str:
        return f"{self.log} {self.last_day}, {self.horizon_days} days"


def cuts(folder: Path) -> list[Cut]:
    """Every cutoff, log by log."""
    bank = json.loads((folder / "bank" / "cuts.json").read_text())
    return [Cut(log, *cut) for log, each in (bank | _PUBLIC_CUTS).items() for cut in each]


def read_log(name: str, folder: Path) -> pl.DataFrame:
    """customer_id, day (days since 1970-01-01) and amount of every row, in order of days."""
    rows = (
        _shop(SHOPS[name])
        if name in SHOPS
        else _READERS.get(name, lambda folder: _bank(name, folder))(folder)
    )
    return rows.select(
        pl.col("customer_id").cast(pl.String),
        pl.col("day").cast(pl.Date).cast(pl.Int32),
        pl.col("amount").cast(pl.Float64),
    ).sort("day", "customer_id", "amount")


def _bank(name: str, folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "bank" / f"{name}.parquet")


def _cdnow(folder: Path) -> pl.DataFrame:
    rows = pl.read_parquet(folder / "cdnow_master.parquet")
    return rows.rename({"date": "day", "dollar_value": "amount"})


def _grocery(folder: Path) -> pl.DataFrame:
    rows = pl.read_parquet(folder / "groceryElog.parquet")
    return rows.select(customer_id="cust", day="date", amount=pl.lit(1.0))


def _retail(folder: Path) -> pl.DataFrame:
    rows = pl.read_parquet(folder / "online_retail_ii.parquet").unique()
    bought = rows.filter(
        pl.col("Customer ID").is_not_null(), pl.col("Price") > 0, pl.col("Quantity") != 0
    )
    worth = pl.col("Quantity").abs() * pl.col("Price")
    returned = pl.col("Invoice").str.starts_with("C") | (pl.col("Quantity") < 0)
    lines = bought.select(
        "Invoice",
        customer_id=pl.col("Customer ID").cast(pl.Int64),
        day=pl.col("InvoiceDate").dt.date(),
        cents=(pl.when(returned).then(-worth).otherwise(worth) * 100).round().cast(pl.Int64),
    )
    orders = lines.group_by("customer_id", "day", "Invoice").agg(pl.col("cents").sum())
    return orders.with_columns(amount=pl.col("cents") / 100)


def _shop(shop: Shop) -> pl.DataFrame:
    return pl.concat(
        batch.orders.select(
            "customer_id",
            day=pl.col("occurred_at").dt.date(),
            amount=(pl.col("quantity") * pl.col("unit_price")).round(2),
        )
        for batch in simulate(shop)
    )


_READERS: Mapping[str, Callable[[Path], pl.DataFrame]] = {
    "cdnow": _cdnow,
    "grocery": _grocery,
    "retail": _retail,
}
