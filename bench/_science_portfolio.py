"""The portfolio forecast, end to end: whole runs on logs that end at a cutoff, held against the
weeks that came.

Each run reads only the lines before its cutoff, scores and sums up as `holdfast run` does. What
came is the net revenue of the customers it scored, week by week. The shop of simulated customers is
there because it has more cutoffs.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from bench._figures import Figure, at_least, at_most
from bench.logs import RETAIL
from holdfast.runs.run import run
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.synthetic import Shop
from holdfast.windows import date_of, day_of, parse_day

RETAIL_CUTOFFS = ("2011-03-01", "2011-04-01", "2011-05-01", "2011-06-01")
SHOP = Shop(n_customers=4000, n_days=1090, seed=21)
SHOP_CUTOFFS = (640, 720, 800, 880)
"""Days after the shop's start; a whole year of complete labels lies before each."""
HORIZON = 180


def portfolio(folder: Path) -> Iterator[Figure]:
    """Error of the total, and how often the intervals of total and weeks held."""
    with TemporaryDirectory(prefix="holdfast-") as scratch:
        rows = pl.read_parquet(folder / "online_retail_ii.parquet").filter(
            pl.col("Customer ID").is_not_null()
        )
        sold = rows.unique(
            [
                "Invoice",
                "StockCode",
                "InvoiceDate",
                "Customer ID",
                "Quantity",
                "Price",
                "Description",
            ]
        )
        net = sold.filter(pl.col("Price") > 0).select(
            customer_id=pl.col("Customer ID").cast(pl.String),
            day=pl.col("InvoiceDate").dt.date().cast(pl.Int32),
            net=pl.col("Quantity") * pl.col("Price"),
        )
        study = {"study": {"name": "retail"}, **RETAIL, "project_dir": scratch}
        cutoffs = [parse_day(day) for day in RETAIL_CUTOFFS]
        yield from _measured("Online Retail II", study, "InvoiceDate", net, cutoffs)
        shop = Path(scratch) / "shop"
        simulate_to(shop, SHOP)
        orders = pl.read_parquet(shop / "orders.parquet").select(
            "customer_id",
            day=pl.col("occurred_at").dt.date().cast(pl.Int32),
            net=pl.col("quantity") * pl.col("unit_price").cast(pl.Float64),
        )
        simulated = {
            "study": {"name": "shop"},
            "project_dir": str(shop),
            "transactions": {
                "path": "orders.parquet",
                "columns": {
                    name: name
                    for name in (
                        "customer_id",
                        "occurred_at",
                        "order_id",
                        "product_id",
                        "quantity",
                        "unit_price",
                    )
                },
            },
        }
        yield from _measured(
            "simulated shop",
            simulated,
            "occurred_at",
            orders,
            [day_of(SHOP.start) + day for day in SHOP_CUTOFFS],
        )


def _measured(
    name: str, study: Mapping[str, object], moment: str, net: pl.DataFrame, cutoffs: list[int]
) -> Iterator[Figure]:
    off, held, weeks_held, apart = [], [], [], []
    for day in cutoffs:
        found = run(Study.from_dict(_until(study, moment, day)))
        # A log that ends with some quiet days is scored from the day after its last line.
        cutoff = found.summary["cutoff_day"]
        weeks = found.table("forecast")
        apart.append(_largest_gap(weeks))
        came = net.join(found.scores.select("customer_id"), on="customer_id", how="semi").filter(
            pl.col("day") >= cutoff
        )
        total = float(came.filter(pl.col("day") < cutoff + HORIZON)["net"].sum())
        told, (low, high) = _total(found)
        off.append(abs(told / total - 1))
        held.append(low <= total <= high)
        weeks_held.append(_weeks_held(weeks, came, cutoff))
        place = f"portfolio, {name} from {date_of(cutoff)}"
        yield Figure(
            f"{place}, {HORIZON} days told / came [{low / total:.2f}, {high / total:.2f}]",
            told / total,
        )
        yield Figure(f"{place}, weeks inside their 80 % interval", weeks_held[-1])
    yield at_most(f"portfolio, {name}: parts less the whole, largest, currency", max(apart), 1e-9)
    yield at_most(
        f"portfolio, {name}: median absolute error of the total", float(np.median(off)), 0.10
    )
    yield at_least(
        f"portfolio, {name}: cutoffs inside the total's 80 % interval", float(np.mean(held)), 0.70
    )
    yield Figure(f"portfolio, {name}: weeks inside their 80 % interval", float(np.mean(weeks_held)))


def _until(study: Mapping[str, object], moment: str, cutoff: int) -> dict[str, object]:
    transactions = dict(study["transactions"])  # type: ignore[call-overload]
    rule = {"after the cutoff": f"{moment} >= TIMESTAMP '{date_of(cutoff)} 00:00:00'"}
    return {**study, "transactions": {**transactions, "set_aside": rule}}


def _total(found: Run) -> tuple[float, tuple[float, float]]:
    told = found.summary["forecast"]
    low, high = told["interval_80"][str(HORIZON)]
    return told["expected_revenue"][str(HORIZON)], (low, high)


def _weeks_held(weeks: pl.DataFrame, came: pl.DataFrame, cutoff: int) -> float:
    whole = weeks.filter(
        pl.col("group_kind") == "company", pl.col("week_start_day") + 7 <= cutoff + HORIZON
    )
    earned = came.group_by(
        week_start_day=(cutoff + (pl.col("day") - cutoff) // 7 * 7).cast(pl.Int32)
    ).agg(pl.col("net").sum())
    both = whole.join(earned, on="week_start_day", how="left").fill_null(0)
    inside = both["net"].is_between(both["low_80"], both["high_80"])
    return inside.sum() / max(inside.len(), 1)


def _largest_gap(weeks: pl.DataFrame) -> float:
    sums = weeks.group_by("group_kind", "week_start_day").agg(pl.col("expected_revenue").sum())
    wide = sums.pivot("group_kind", index="week_start_day", values="expected_revenue")
    off = [(wide["company"] - wide[kind]).abs().to_numpy() for kind in ("cohort", "segment")]
    return float(np.max(off))


SECTIONS = {"portfolio": portfolio}
