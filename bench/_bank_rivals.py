"""What Holdfast is held against: rules and models of a page each, fitted on what was known at a
cutoff.

They share nothing with Holdfast's own features; the BTYD models are those of `holdfast.btyd`, which
come out as `lifetimes` has them.
"""

from dataclasses import dataclass

import lightgbm
import numpy as np
import polars as pl

from bench._bank_logs import Cut
from holdfast.arrays import Matrix, Vector
from holdfast.btyd import MBGNBD, GammaGamma
from holdfast.errors import HoldfastError

_WINDOWS = (30, 60, 90, 180, 365)
_BINS = (7, 14, 30, 60, 90, 180, 365, 730)
_STEP_DAYS, _CUTOFFS_AT_MOST, _HISTORY_DAYS = 30, 12, 60
_TREES = {
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "verbose": -1,
    "num_threads": 2,
    "seed": 1,
}
_ROUNDS = 150
_FIT_ON = 20_000


@dataclass(frozen=True)
class Prediction:
    """P(buys) and expected net revenue of the same customers, (n_customers,); None where a rival
    has no opinion.
    """

    buys: Vector | None
    revenue: Vector | None


def customers_at(rows: pl.DataFrame, now: int) -> pl.DataFrame:
    """One row per customer who had bought before `now`, sorted: what a rival sees of them."""
    day, amount = pl.col("day"), pl.col("amount")
    bought = amount > 0
    seen = rows.filter(day < now)
    inside = {days: day >= now - days for days in _WINDOWS}
    table = seen.group_by("customer_id").agg(
        first=day.filter(bought).min(),
        last=day.filter(bought).max(),
        days=day.filter(bought).n_unique(),
        spent=amount.sum(),
        **{f"days_{days}": day.filter(bought & near).n_unique() for days, near in inside.items()},
        **{f"spent_{days}": amount.filter(near).sum() for days, near in inside.items()},
    )
    return (
        table.filter(pl.col("first").is_not_null())
        .with_columns(
            tenure=now - pl.col("first"),
            silence=now - pl.col("last"),
        )
        .sort("customer_id")
    )


def outcome(
    rows: pl.DataFrame, customers: pl.DataFrame, now: int, days: int
) -> tuple[Vector, Vector]:
    """Whether each customer bought in now <= day < now + days, and the net revenue of it."""
    ahead = rows.filter(pl.col("day") >= now, pl.col("day") < now + days)
    sums = ahead.group_by("customer_id").agg(
        buys=(pl.col("amount") > 0).any(), revenue=pl.col("amount").sum()
    )
    table = customers.select("customer_id").join(
        sums, on="customer_id", how="left", maintain_order="left"
    )
    return (
        table["buys"].fill_null(False).cast(pl.Float64).to_numpy(),
        table["revenue"].fill_null(0.0).to_numpy(),
    )


def predict_all(rows: pl.DataFrame, cut: Cut) -> dict[str, Prediction]:
    """Each rival's prediction of `customers_at` the cut; `rows` may reach beyond it, and what does
    is not read.
    """
    seen = rows.filter(pl.col("day") < cut.now)
    customers = customers_at(seen, cut.now)
    return {
        "LightGBM on RFM windows": _lightgbm(seen, customers, cut),
        "MBG/NBD + Gamma-Gamma": _mbg_nbd(seen, customers, cut),
        "naive": predict_naively(seen, customers, cut),
    }


def predict_naively(seen: pl.DataFrame, customers: pl.DataFrame, cut: Cut) -> Prediction:
    """By the silence alone, and what was spent in the horizon before."""
    return Prediction(_recency_bins(seen, customers, cut), _trailing(customers, seen, cut))


def _matrix(customers: pl.DataFrame) -> Matrix:
    return (
        customers.drop("customer_id", "first", "last").select(pl.all().cast(pl.Float64)).to_numpy()
    )


def _lightgbm(seen: pl.DataFrame, customers: pl.DataFrame, cut: Cut) -> Prediction:
    latest, first = cut.now - cut.horizon_days, int(seen["day"].to_numpy().min())
    cutoffs = list(range(latest, first + _HISTORY_DAYS, -_STEP_DAYS))[:_CUTOFFS_AT_MOST]
    days = cut.horizon_days
    if not cutoffs:  # no window has ended: half as long a one, and the rest in proportion
        days //= 2
        cutoffs = [cut.now - days]
    tables = [customers_at(seen, cutoff) for cutoff in cutoffs]
    matrix = np.vstack([_matrix(table) for table in tables])
    outcomes = [outcome(seen, table, c, days) for c, table in zip(cutoffs, tables, strict=True)]
    buys, revenue = (np.concatenate(each) for each in zip(*outcomes, strict=True))
    stretch = cut.horizon_days / days
    chance = _train(matrix, buys, "binary").predict(_matrix(customers))
    spend = _train(matrix, np.maximum(revenue, 0.0), "tweedie").predict(_matrix(customers))
    return Prediction(1 - (1 - np.asarray(chance)) ** stretch, np.asarray(spend) * stretch)


def _train(matrix: Matrix, target: Vector, objective: str) -> lightgbm.Booster:
    settings = _TREES | {"objective": objective, "tweedie_variance_power": 1.5}
    return lightgbm.train(settings, lightgbm.Dataset(matrix, target), _ROUNDS)


def _mbg_nbd(seen: pl.DataFrame, customers: pl.DataFrame, cut: Cut) -> Prediction:
    frequency = customers["days"].cast(pl.Float64).to_numpy() - 1
    age = customers["tenure"].cast(pl.Float64).to_numpy()
    recency = np.where(frequency > 0, age - customers["silence"].cast(pl.Float64).to_numpy(), 0.0)
    some = np.random.default_rng(1).permutation(len(age))[:_FIT_ON]
    try:
        model = MBGNBD().fit(frequency[some], recency[some], age[some])
    except HoldfastError:
        return Prediction(None, None)
    days = np.full(len(age), float(cut.horizon_days))
    expected = model.expected_purchases(frequency, recency, age, end=days)
    silent = model.probability_no_purchase(frequency, recency, age, horizon=days)
    return Prediction(1 - silent, expected * _order_value(seen, customers, frequency))


def _order_value(seen: pl.DataFrame, customers: pl.DataFrame, frequency: Vector) -> Vector:
    """Of a repeat purchase day, by the Gamma-Gamma model of repeat purchases, as `lifetimes` takes
    them.
    """
    day_sums = (
        seen.filter(pl.col("amount") > 0)
        .group_by("customer_id", "day")
        .agg(pl.col("amount").sum())
        .sort("customer_id", "day")
    )
    repeated = day_sums.group_by("customer_id", maintain_order=True).agg(
        mean=pl.col("amount").slice(1).mean()
    )
    mean = customers.join(repeated, on="customer_id", how="left", maintain_order="left")["mean"]
    value = mean.fill_null(0.0).to_numpy()
    again = (frequency > 0) & (value > 0)
    try:
        return np.asarray(
            GammaGamma()
            .fit(frequency[again], value[again])
            .expected_mean_order_value(frequency, value)
        )
    except HoldfastError:
        return np.full(len(value), float(day_sums["amount"].to_numpy().mean()))


def _recency_bins(seen: pl.DataFrame, customers: pl.DataFrame, cut: Cut) -> Vector:
    """The share that bought in the horizon before, by the same silence at its start."""
    before = customers_at(seen, cut.now - cut.horizon_days)
    buys, _ = outcome(seen, before, cut.now - cut.horizon_days, cut.horizon_days)
    usual = float(buys.mean()) if len(buys) else 0.5
    then, now = (np.digitize(table["silence"].to_numpy(), _BINS) for table in (before, customers))
    n = np.bincount(then, minlength=len(_BINS) + 1)
    bought = np.bincount(then, weights=buys, minlength=len(_BINS) + 1)
    return np.asarray(((bought + 5 * usual) / (n + 5))[now])


def _trailing(customers: pl.DataFrame, seen: pl.DataFrame, cut: Cut) -> Vector:
    _, revenue = outcome(seen, customers, cut.now - cut.horizon_days, cut.horizon_days)
    return revenue
