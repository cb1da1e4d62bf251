"""Honest figures on two order logs: what was promised at a cutoff, held against what came after it.

Online Retail II: churn over 90 days at the last three cutoffs, and net revenue of the 180 days from
2011-06-01. CDNOW, all 23,570 customers: 39 weeks learnt from, 39 weeks to tell. Nothing after a
cutoff is used before it, and nothing was chosen on a test cutoff. The intervals are 95 % bootstrap
intervals over customers, the model held fixed.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from bench._figures import Figure, show
from holdfast.study import Study
from holdfast.training.backtest import backtest
from holdfast.windows import date_of, parse_day

DATA = "${HOLDFAST_BENCH_DATA}"
RETAIL = {
    "currency": "GBP",
    "time_zone": "Europe/London",
    "transactions": {
        "path": f"{DATA}/online_retail_ii.parquet",
        "exact_duplicates": "drop",
        "columns": {
            "customer_id": "Customer ID",
            "occurred_at": "InvoiceDate",
            "order_id": "Invoice",
            "product_id": "StockCode",
            "quantity": "Quantity",
            "unit_price": "Price",
        },
        "returns": {"when": "Invoice LIKE 'C%' OR Quantity < 0"},
    },
}
CDNOW = {
    "currency": "USD",
    "transactions": {
        "path": f"{DATA}/cdnow_master.parquet",
        "columns": {"customer_id": "customer_id", "occurred_at": "date", "amount": "dollar_value"},
    },
    "horizons_days": [30, 60, 90, 150],
    "churn": {"horizon_days": 273, "eligible": "ever bought"},
    "value": {"horizon_days": 273},
}
SNAPSHOT_DAY, CDNOW_DAY = parse_day("2011-06-01"), parse_day("1997-10-01")


def proved(
    name: str, study: dict[str, object], cutoffs: list[int] | None, tasks: tuple[str, ...]
) -> pl.DataFrame:
    """EVIDENCE of some tasks of a study."""
    found = backtest(Study.from_dict({"study": {"name": name}, **study}), cutoffs=cutoffs).evidence
    return found.filter(pl.col("task").is_in(tasks))


def told(
    evidence: pl.DataFrame, log: str, metric: str, *, goal: float | None = None
) -> Iterator[Figure]:
    """Champion and baseline of a metric at every cutoff; the goal, at least or (for errors) at
    most.
    """
    lower = metric in ("brier", "wape", "log_loss")
    for (day,), rows in evidence.filter(pl.col("metric") == metric).group_by(
        "cutoff_day", maintain_order=True
    ):
        found = {str(row["model"]): row for row in rows.to_dicts()}
        ours, (naive_name, naive) = found.pop("champion"), next(iter(found.items()))
        name = f"{log}, {date_of(int(str(day)))}, {metric}"
        within = f"{name} [{ours['low']:.3f}, {ours['high']:.3f}]"
        if goal is None:
            better = ours["value"] < naive["value"] if lower else ours["value"] > naive["value"]
            yield Figure(within, ours["value"], f"{'<' if lower else '>'} naive", better)
        else:
            holds = ours["value"] <= goal if lower else ours["value"] >= goal
            yield Figure(within, ours["value"], f"{'<=' if lower else '>='} {goal:g}", holds)
        yield Figure(f"{name}, {naive_name}", naive["value"])


def total(evidence: pl.DataFrame, log: str, *, within: float | None = None) -> Iterator[Figure]:
    """Predicted total over the realised one; told only, where there is no goal."""
    for row in evidence.filter(
        (pl.col("metric") == "total_ratio") & (pl.col("model") == "champion")
    ).to_dicts():
        name = (
            f"{log}, {date_of(row['cutoff_day'])}, predicted total / realised [{row['low']:.3f}, "
            f"{row['high']:.3f}]"
        )
        held = None if within is None else abs(row["value"] - 1) <= within
        yield Figure(name, row["value"], None if within is None else f"1 +- {within:g}", held)


def figures() -> Iterator[Figure]:
    """Every figure."""
    churn = proved("retail", RETAIL, None, ("churn",))
    for metric in ("roc_auc", "brier", "log_loss"):
        yield from told(churn, "Online Retail II, 90-day churn", metric)
    value = proved(
        "retail", RETAIL | {"churn": {"eligible": "ever bought"}}, [SNAPSHOT_DAY], ("value",)
    )
    log = "Online Retail II, 180-day revenue"
    yield from told(value, log, "wape", goal=0.65)
    yield from told(value, log, "spearman", goal=0.61)
    yield from told(value, log, "top_decile_capture", goal=0.61)
    yield from total(value, log, within=0.2)
    cdnow = proved("cdnow", CDNOW, [CDNOW_DAY], ("churn", "value"))
    yield from told(cdnow, "CDNOW, buys nothing in 39 weeks", "roc_auc", goal=0.765)
    yield from told(cdnow, "CDNOW, revenue of 39 weeks", "gini", goal=0.71)
    yield from total(cdnow, "CDNOW, revenue of 39 weeks")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--json", action="store_true", help="print a list of {name, value, goal, holds}"
    )
    arguments = parser.parse_args()
    if (
        not Path(os.environ.get("HOLDFAST_BENCH_DATA", "")).is_dir()
        or "HOLDFAST_BENCH_DATA" not in os.environ
    ):
        sys.exit("set HOLDFAST_BENCH_DATA to the folder of the data sets")
    show(list(figures()), as_json=arguments.json)


if __name__ == "__main__":
    main()
