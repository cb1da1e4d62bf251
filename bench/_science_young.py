"""Logs too young for a season to be known, 180 days ahead of their 400th to 500th day.

Shops that open with their log, and shops that are 900 days older: what is told is held against what
came. Stated error of a total: a fifth.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from bench._figures import Figure, at_least, at_most
from holdfast import metrics
from holdfast.metrics import tweedie_deviance
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop
from holdfast.training.backtest import backtest
from holdfast.windows import day_of

DAYS = (400, 450, 500)
SHOPS = {
    "lively, December x 2": Shop(n_customers=4000, n_days=700, seed=3),
    "memoryless": replace(Shop.memoryless(4000, seed=5), n_days=700),
    "slow": Shop(
        n_customers=4000,
        n_days=700,
        seed=9,
        purchases_per_year=3.0,
        dropouts_per_year=0.5,
        december_factor=1.0,
    ),
}
MIDWAY = {
    "December x 2": Shop(n_customers=4000, n_days=700, seed=6, truncated_days=900),
    "no season": Shop(
        n_customers=4000, n_days=700, seed=7, truncated_days=900, december_factor=1.0
    ),
    "December x 4": Shop(
        n_customers=4000, n_days=700, seed=8, truncated_days=900, december_factor=4.0
    ),
}


def young(folder: Path) -> Iterator[Figure]:
    """Every shop at every day."""
    del folder
    off, held, least, better = [], [], [], []
    for name, shop in SHOPS.items():
        for day, rows in _proved(shop):
            truth, told, naive, low, high = (
                rows[column].cast(pl.Float64).to_numpy()
                for column in (
                    "future_revenue",
                    "expected_revenue",
                    "value_baseline",
                    "revenue_low_80",
                    "revenue_high_80",
                )
            )
            off.append(abs(metrics.total_ratio(truth, told) - 1))
            inside = (truth >= low) & (truth <= high)
            deciles = np.array_split(np.argsort(told, kind="stable"), 10)
            held.append(float(inside.mean()))
            least.append(min(float(inside[rows].mean()) for rows in deciles))
            earned = np.maximum(truth, 0.0)
            better.append(
                tweedie_deviance(earned, told) < tweedie_deviance(earned, np.maximum(naive, 1e-9))
            )
            yield Figure(
                f"young shop, {name}, day {day}: total told / came",
                metrics.total_ratio(truth, told),
            )
    yield at_most("young shops: largest error of a total", max(off), 0.2)
    yield at_least("young shops: 80 % interval holds, least", min(held), 0.76)
    yield at_most("young shops: 80 % interval holds, most", max(held), 0.86)
    yield at_least("young shops: 80 % interval, least decile", min(least), 0.72)
    yield at_least(
        "young shops: share of cutoffs with less deviance than trailing spend",
        float(np.mean(better)),
        1.0,
    )


def midway(folder: Path) -> Iterator[Figure]:
    """Totals of shops that are older than their log."""
    del folder
    off = []
    for name, shop in MIDWAY.items():
        for day, rows in _proved(shop):
            truth, told = (
                rows[column].cast(pl.Float64).to_numpy()
                for column in ("future_revenue", "expected_revenue")
            )
            ratio = metrics.total_ratio(truth, told)
            off.append(abs(ratio - 1))
            yield Figure(f"shop older than its log, {name}, day {day}: total told / came", ratio)
    yield at_most("shops older than their log: mean error of a total", float(np.mean(off)), 0.2)
    yield Figure("shops older than their log: largest error of a total", max(off))


def _proved(shop: Shop) -> Iterator[tuple[int, pl.DataFrame]]:
    """Each day of DAYS and what was predicted there, with what came."""
    with TemporaryDirectory(prefix="holdfast-") as scratch:
        simulate_to(Path(scratch), shop)
        study = Study.from_toml(Path(scratch) / "holdfast.toml")
        said = backtest(study, cutoffs=[day_of(shop.start) + day for day in DAYS]).predictions
    for day in DAYS:
        yield (
            day,
            said.filter(pl.col("cutoff_day") == day_of(shop.start) + day).drop_nulls(
                "expected_revenue"
            ),
        )


SECTIONS = {"young-shops": young, "midway-shops": midway}
