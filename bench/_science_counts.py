"""Counts: the whole predictive distribution of purchases on three logs, by the protocol of the
published figures.

Continuous ranked probability score of the counts, and Brier score and calibration error of "buys at
all", over the 26 weeks after a cutoff: means over 15 draws of 30 % of the customers, and on all of
them. A one-line baseline stands beside: a Poisson at the customer's own rate so far.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import poisson

from bench import _science_logs
from bench._figures import Figure, at_most
from holdfast.arrays import Matrix, Vector
from holdfast.metrics import brier, ece
from holdfast.models.purchase_counts import CountModel, fit_counts
from holdfast.models.purchase_counts.histories import histories_at, purchases_in
from holdfast.models.purchase_counts.mixture_weights import group_of

HORIZON_DAYS = 182
N_SPLITS, TEST_SHARE = 15, 0.3
CRPS_SEED, BRIER_SEED = 1000, 4000
FLOOR_DRAWS, BOOTSTRAP_DRAWS = 200, 500


@dataclass(frozen=True)
class Log:
    """A log, the weeks it is learnt from, and the goals: CRPS, Brier, ECE on all customers."""

    read: Callable[[Path], pl.DataFrame]
    weeks: int
    goals: tuple[float, float, float]


LOGS = {
    "CDNOW": Log(partial(_science_logs.cdnow, sample=True), 39, (0.370, 0.1465, 0.040)),
    "grocery": Log(_science_logs.grocery, 52, (0.500, 0.1000, 0.038)),
    "Online Retail II": Log(_science_logs.retail, 52, (0.665, 0.197, 0.055)),
}


@dataclass(frozen=True)
class Told:
    """A model at a cutoff, the customers it knew, and what they did."""

    model: CountModel
    histories: pl.DataFrame
    bought: Vector
    max_purchases: int


def told(days: pl.DataFrame, *, weeks: int, horizon_days: int = HORIZON_DAYS) -> Told:
    """Learn from so many weeks of a log; customers in the order of their numbers, which the splits
    depend on.
    """
    first_day = int(days["day"].to_numpy().min())
    now = first_day + 7 * weeks + 1
    model, findings = fit_counts(
        days, now=now, horizon_days=horizon_days, first_day=first_day, seed=42
    )
    del findings
    histories = histories_at(days, now).sort(pl.col("customer_id").cast(pl.Float64))
    bought = purchases_in(days, histories, horizon_days)
    return Told(model, histories, bought, int(max(60, bought.max() + 10)))


def counts(folder: Path) -> Iterator[Figure]:
    """Every figure of the three logs."""
    for name, log in LOGS.items():
        found = told(log.read(folder), weeks=log.weeks)
        yield from scored(name, found, log.goals)
        yield from routed(name, found)


def scored(name: str, found: Told, goals: tuple[float, float, float]) -> Iterator[Figure]:
    """The proper scores, the naive baseline and the floor."""
    pmf = found.model.pmf(found.histories, max_purchases=found.max_purchases)
    naive = _naive(found)
    ranked, active = crps(pmf, found.bought), 1 - pmf[:, 0]
    happened = (found.bought > 0).astype(np.float64)
    low, high = _bootstrap(ranked)
    yield at_most(
        f"{name}: CRPS of counts, 15 splits",
        _splits(ranked.__getitem__, len(ranked), CRPS_SEED),
        goals[0],
    )
    yield Figure(f"{name}: CRPS of counts, everyone [{low:.3f}, {high:.3f}]", float(ranked.mean()))
    yield Figure(f"{name}: CRPS, naive Poisson", float(crps(naive, found.bought).mean()))
    square = (active - happened) ** 2
    yield at_most(
        f"{name}: Brier of active, 15 splits",
        _splits(square.__getitem__, len(square), BRIER_SEED),
        goals[1],
    )
    yield Figure(f"{name}: Brier of active, naive Poisson", brier(happened, 1 - naive[:, 0]))
    yield at_most(f"{name}: ECE of active, everyone", ece(happened, active), goals[2])
    yield Figure(f"{name}: ECE of active, naive Poisson", ece(happened, 1 - naive[:, 0]))
    yield Figure(f"{name}: ECE, floor of a perfect forecaster", _floor(active))
    total = float(
        found.model.expected_purchases(found.histories, HORIZON_DAYS).sum() / found.bought.sum()
    )
    yield Figure(f"{name}: predicted total / realised", total)


def routed(name: str, found: Told) -> Iterator[Figure]:
    """The pool against its members, customer by customer: never worse than the best by more than
    noise.
    """
    pooled = crps(found.model.pmf(found.histories, max_purchases=found.max_purchases), found.bought)
    members = found.model.members(found.histories, max_purchases=found.max_purchases)
    ranked = {
        label: crps(pmf, found.bought)
        for label, pmf in zip(found.model.mixture.members, members, strict=True)
    }
    for label, score in ranked.items():
        yield Figure(f"{name}: CRPS, {label} alone", float(score.mean()))
    best = min(ranked, key=lambda label: ranked[label].mean())
    low, high = _bootstrap(pooled - ranked[best])
    worse = float((pooled - ranked[best]).mean())
    yield Figure(
        f"{name}: CRPS, pool - best member [{low:.4f}, {high:.4f}]", worse, "low end <= 0", low <= 0
    )
    group = group_of(found.histories["n_purchases"].cast(pl.Float64).to_numpy())
    for number, (label, weights) in enumerate(found.model.mixture.weights.items()):
        if (rows := group == number).any():
            shares = ", ".join(f"{share:.2f}" for share in weights)
            yield Figure(
                f"{name}: CRPS of the {label} (weights {shares})", float(pooled[rows].mean())
            )


def crps(pmf: Matrix, bought: Vector) -> Vector:
    """Ranked probability score of a distribution of counts, (n_customers,); 0 is best.

    Sum over k of (P(at most k) - 1{bought at most k})^2: Czado, Gneiting & Held 2009, Predictive
    model assessment for count data, Biometrics 65, section 2.
    """
    so_far = np.cumsum(pmf, axis=1)
    return np.asarray(((so_far - (bought[:, None] <= np.arange(pmf.shape[1]))) ** 2).sum(axis=1))


def _naive(found: Told) -> Matrix:
    repeats = found.histories["n_purchases"].to_numpy() - 1
    rate = repeats / np.maximum(found.histories["tenure_days"].to_numpy() - 1, 1)
    return np.asarray(poisson.pmf(np.arange(found.max_purchases + 1), HORIZON_DAYS * rate[:, None]))


def _splits(of_rows: Callable[[Vector], Vector], n: int, first_seed: int) -> float:
    size = round(TEST_SHARE * n)
    tests = [np.random.default_rng(first_seed + k).permutation(n)[:size] for k in range(N_SPLITS)]
    return float(np.mean([of_rows(rows).mean() for rows in tests]))


def _bootstrap(values: Vector) -> tuple[float, float]:
    rng = np.random.default_rng(7)
    means = [
        values[rng.integers(0, len(values), len(values))].mean() for _ in range(BOOTSTRAP_DRAWS)
    ]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _floor(active: Vector) -> float:
    rng = np.random.default_rng(7)
    return float(
        np.mean(
            [
                ece((rng.random(len(active)) < active).astype(float), active)
                for _ in range(FLOOR_DRAWS)
            ]
        )
    )


SECTIONS = {"counts": counts}
