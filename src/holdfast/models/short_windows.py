"""Short windows: where no window of the full horizon has ended, rates are learnt from shorter ones
and extrapolated.

The window enters as an exposure: what is expected grows as (window / horizon)^exponent. Buying
slows down as customers leave, so the exponent is mostly below 1; it is read off the same customers'
nested windows.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.arrays import Matrix, Vector
from holdfast.learners.algorithms import Parameters
from holdfast.learners.tree_ensemble import TreeEnsemble, train_lightgbm

_DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 0.03,
    "num_leaves": 8,
    "min_data_in_leaf": 20,
    "num_iterations": 200,
}
_EXPONENTS = (0.25, 1.25)  # decision 10
_LEAST = 1e-12


def horizon_exponent(windows: pl.DataFrame, amount: pl.Expr) -> float:
    """Slope of log(amount) on log(window), within cutoffs; 1 where no cutoff has two windows.

    Parameters
    ----------
    windows
        LABELS over nested windows.
    amount
        An aggregate that grows with the window: hazard, or revenue.
    """
    totals = windows.group_by("cutoff_day", "horizon_days").agg(amount=amount)
    # Groups come in any order, and a sum of floats depends on it.
    totals = totals.filter(pl.col("amount") > 0, pl.col("amount").is_finite()).sort(
        "cutoff_day", "horizon_days"
    )
    logs = totals.select("cutoff_day", x=pl.col("horizon_days").log(), y=pl.col("amount").log())
    within = logs.select(pl.col("x", "y") - pl.col("x", "y").mean().over("cutoff_day"))
    spread = float((within["x"] ** 2).sum())
    slope = float((within["x"] * within["y"]).sum()) / spread if spread else 1.0
    return float(np.clip(slope, *_EXPONENTS))


HAZARD = -(pl.col("churned").mean().log())
REVENUE = pl.col("future_revenue_minor").sum()


def fit_silence(
    matrix: Matrix,
    churned: npt.NDArray[np.bool_],
    exposure: Vector,
    *,
    parameters: Parameters,
    seed: int,
) -> TreeEnsemble:
    """Learn P(no purchase in the horizon) = exp(-exp(-raw)) from windows of any length
    (complementary log-log).

    Parameters
    ----------
    exposure
        (window / horizon)^exponent, (n_rows,).
    """
    silent = churned.astype(np.float64)
    base = float(-np.log(-np.log(np.clip(silent.mean(), 1e-6, 1 - 1e-6)) / exposure.mean()))

    def objective(raw: Vector, _data: object) -> tuple[Vector, Vector]:
        return _silence_slopes(silent, np.exp(-raw))

    return _boost(
        matrix, silent, base - np.log(exposure), base, parameters, seed, objective=objective
    )


def _silence_slopes(silent: Vector, rate: Vector) -> tuple[Vector, Vector]:
    """First and second derivative by raw of -log P(outcome), where rate = exp(-raw) is the expected
    purchases.
    """
    bought = np.maximum(np.expm1(rate), _LEAST)
    gradient = np.where(silent > 0, -rate, rate / bought)
    curvature = np.where(silent > 0, rate, rate * (rate * (bought + 1) / bought - 1) / bought)
    return gradient, np.maximum(curvature, 1e-6)


def fit_spend(
    matrix: Matrix, revenue: Vector, exposure: Vector, *, parameters: Parameters, seed: int
) -> TreeEnsemble:
    """Learn E[net revenue over the horizon] from windows of any length, by a Tweedie likelihood
    with a log link.
    """
    spent = np.maximum(revenue, 0)
    base = float(np.log(max(spent.sum() / exposure.sum(), _LEAST)))
    start = base + np.log(exposure)
    tweedie: dict[str, Any] = {"objective": "tweedie", "tweedie_variance_power": 1.5}
    return _boost(matrix, spent, start, base, {**tweedie, **parameters}, seed)


def _boost(
    matrix: Matrix,
    target: Vector,
    start: Vector,
    base: float,
    parameters: Parameters,
    seed: int,
    **fixed: object,
) -> TreeEnsemble:
    settings = {**_DEFAULTS, **parameters, **fixed}
    rounds = settings.pop("num_iterations")
    return train_lightgbm(
        matrix, target, settings, rounds=rounds, seed=seed, start=start, offset=base
    )
