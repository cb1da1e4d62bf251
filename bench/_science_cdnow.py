"""CDNOW, 39 weeks learnt from and 39 to tell: what the product's own run promises, and the medians
of the counts.

Learnt on all 23,570 customers, and told of them and of the 2,357 of the sample that the papers use.
No window of 39 weeks has ended, so this is the case in which the laws extrapolate.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from bench import _science_logs
from bench._figures import Figure, at_least, at_most
from bench.logs import CDNOW, CDNOW_DAY
from holdfast.arrays import Vector
from holdfast.metrics import intervals, mae, normalised_gini, roc_auc, total_ratio
from holdfast.models.purchase_counts import CountModel, fit_counts
from holdfast.models.purchase_counts.histories import histories_at, purchases_in
from holdfast.study import Study
from holdfast.training.backtest import backtest

_MOST = 100
"""Purchases that hardly anyone exceeds."""
HORIZON_DAYS = 273
FLOOR_DRAWS = 300
GOALS = {"master": (0.769, 0.722, 0.71), "sample": (0.778, 0.700, 0.68)}
"""AUC and Gini at least, MAE of the median at most."""


def cdnow(folder: Path) -> Iterator[Figure]:
    """Every figure of both files."""
    master = _science_logs.cdnow(folder, sample=False)
    said = backtest(
        Study.from_dict({"study": {"name": "cdnow"}, **CDNOW}), cutoffs=[CDNOW_DAY]
    ).predictions
    first_day = int(master["day"].to_numpy().min())
    model, _ = fit_counts(
        master, now=CDNOW_DAY, horizon_days=HORIZON_DAYS, first_day=first_day, seed=42
    )
    chosen = {"master": said, "sample": said.join(_sampled(folder), on="customer_id", how="semi")}
    for name, rows in chosen.items():
        yield from _of_run(name, rows)
        ids = rows.select("customer_id")
        yield from _of_counts(name, model, master.join(ids, on="customer_id", how="semi"))


def _sampled(folder: Path) -> pl.DataFrame:
    """The sample's customers by their names in the master file."""
    rows = pl.read_parquet(folder / "cdnow_sample.parquet")
    return rows.select(customer_id=pl.col("master_id").cast(pl.String)).unique()


def _of_run(name: str, rows: pl.DataFrame) -> Iterator[Figure]:
    auc, gini, _ = GOALS[name]
    gone, silent = rows["churned"].cast(pl.Float64).to_numpy(), rows["churn_probability"].to_numpy()
    spent, told = rows["future_revenue"].to_numpy(), rows["expected_revenue"].to_numpy()
    found = intervals({"auc": roc_auc}, gone, silent, seed=7)["auc"]
    yield at_least(
        f"CDNOW {name}: AUC of buying nothing [{found.low:.3f}, {found.high:.3f}]", found.value, auc
    )
    yield Figure(
        f"CDNOW {name}: AUC, recency alone", roc_auc(gone, rows["churn_baseline"].to_numpy())
    )
    figures = {"gini": normalised_gini, "total": total_ratio, "mape": decile_mape}
    measured = intervals(figures, spent, told, seed=7)
    said = {key: f"[{found.low:.3f}, {found.high:.3f}]" for key, found in measured.items()}
    yield at_least(
        f"CDNOW {name}: normalised Gini of revenue {said['gini']}", measured["gini"].value, gini
    )
    yield Figure(
        f"CDNOW {name}: Gini, last {180} days",
        normalised_gini(spent, rows["value_baseline"].to_numpy()),
    )
    yield at_most(
        f"CDNOW {name}: decile MAPE of revenue {said['mape']}", measured["mape"].value, 0.25
    )
    yield _within(
        f"CDNOW {name}: revenue total / realised {said['total']}", measured["total"].value
    )
    yield from _intervals(name, rows)
    yield Figure(
        f"CDNOW {name}: decile MAPE, floor of a calibrated model", _mape_floor(spent, told)
    )


def _intervals(name: str, rows: pl.DataFrame) -> Iterator[Figure]:
    spent, told = rows["future_revenue"].to_numpy(), rows["expected_revenue"].to_numpy()
    held = {
        level: (spent >= rows[f"revenue_low_{level}"].to_numpy())
        & (spent <= rows[f"revenue_high_{level}"].to_numpy())
        for level in (80, 95)
    }
    overall = float(held[80].mean())
    yield Figure(f"CDNOW {name}: 80 % interval holds", overall, ".76-.86", 0.76 <= overall <= 0.86)
    deciles = np.array_split(np.argsort(told, kind="stable"), 10)
    yield at_least(
        f"CDNOW {name}: 80 % interval, least decile",
        min(float(held[80][rows].mean()) for rows in deciles),
        0.72,
    )
    sure = [float(held[80][rows].mean()) for rows in deciles if (spent[rows] == 0).mean() < 0.75]
    yield at_most(
        f"CDNOW {name}: 80 % interval, fullest decile of those with fewer than 75 % zeros",
        max(sure),
        0.88,
    )
    yield Figure(f"CDNOW {name}: 95 % interval holds", float(held[95].mean()))


def _of_counts(name: str, model: CountModel, days: pl.DataFrame) -> Iterator[Figure]:
    histories = histories_at(days, CDNOW_DAY)
    made = purchases_in(days, histories, HORIZON_DAYS)
    expected = model.expected_purchases(histories, HORIZON_DAYS)
    at_most_so_many = np.cumsum(model.pmf(histories, max_purchases=_MOST), axis=1)
    median = (at_most_so_many < 0.5).sum(axis=1).astype(np.float64)
    yield at_most(f"CDNOW {name}: MAE of the median count", mae(made, median), GOALS[name][2])
    yield Figure(f"CDNOW {name}: MAE, zero for everyone", float(made.mean()))
    yield _within(f"CDNOW {name}: purchases total / realised", float(expected.sum() / made.sum()))


def _within(name: str, ratio: float) -> Figure:
    return Figure(name, ratio, "1 +- 0.08", abs(ratio - 1) <= 0.08)


def _mape_floor(spent: Vector, told: Vector) -> float:
    """Decile MAPE of outcomes drawn from the told means and the ratios of what was spent
    to them.
    """
    rng, positive = np.random.default_rng(7), told > 0
    ratios = spent[positive] / told[positive]
    ratios = ratios / np.average(ratios, weights=told[positive])
    order = np.argsort(told[positive])
    deciles = np.array_split(order, 10)
    draws = []
    for _ in range(FLOOR_DRAWS):
        drawn = np.empty(len(order))
        for rows in deciles:
            pool = ratios[rows] / max(
                float(np.average(ratios[rows], weights=told[positive][rows])), 1e-9
            )
            drawn[rows] = told[positive][rows] * rng.choice(pool, len(rows))
        draws.append(decile_mape(drawn, told[positive]))
    return float(np.mean(draws))


SECTIONS = {"cdnow": cdnow}


def decile_mape(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Mean over ten equal groups by score of |mean truth - mean score| / |mean truth|."""
    n = np.ones(len(truth)) if weight is None else weight
    order = np.argsort(score, kind="stable")
    group = np.minimum(
        ((np.cumsum(n[order]) - n[order] / 2) / n.sum() * 10).astype(np.int64), 10 - 1
    )
    observed = np.bincount(group, weights=(n * truth)[order], minlength=10)
    predicted = np.bincount(group, weights=(n * score)[order], minlength=10)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.mean(np.abs(observed - predicted) / np.abs(observed)))
