"""Purchase histories of the papers' data sets, and simulated customers whose fate is known."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cohort:
    """Histories up to a day, in weeks, and what each customer did in the weeks after it."""

    frequency: Array
    recency: Array
    T: Array
    monetary_value: Array
    sum_log_gaps: Array
    future: Array

    @property
    def histories(self) -> tuple[Array, Array, Array]:
        return self.frequency, self.recency, self.T


def cohort_of(orders: pl.DataFrame, *, until: date, weeks_ahead: int) -> Cohort:
    """One row per customer from `customer`, `day`, `amount`; orders of one day count as one."""
    days = orders.group_by("customer", "day").agg(pl.col("amount").sum()).sort("customer", "day")
    gaps = pl.col("day").diff().dt.total_days() / 7
    seen = (
        days.filter(pl.col("day") <= until)
        .group_by("customer", maintain_order=True)
        .agg(
            frequency=(pl.len() - 1).cast(pl.Float64),
            recency=(pl.col("day").max() - pl.col("day").min()).dt.total_days() / 7,
            T=(pl.lit(until) - pl.col("day").min()).dt.total_days() / 7,
            monetary_value=pl.col("amount").slice(1).mean().fill_null(0.0),
            sum_log_gaps=gaps.log().sum(),
        )
    )
    ahead = days.filter(
        (pl.col("day") > until) & (pl.col("day") <= until + timedelta(weeks=weeks_ahead))
    )
    future = seen.join(ahead.group_by("customer").agg(future=pl.len()), on="customer", how="left")
    return Cohort(
        *(
            future[name].fill_null(0).to_numpy().astype(float)
            for name in Cohort.__dataclass_fields__
        )
    )


def read_orders(path: Path, *, customer: str, amount: str | None) -> pl.DataFrame:
    return pl.read_parquet(path).select(
        customer=pl.col(customer),
        day=pl.col("date").cast(pl.Date),
        amount=pl.col(amount) if amount else pl.lit(1.0),
    )


@pytest.fixture(scope="session")
def cdnow(bench_data: Path) -> Cohort:
    """The 1/10 sample of the papers: 39 weeks seen, 39 ahead."""
    orders = read_orders(
        bench_data / "cdnow_sample.parquet", customer="customer_id", amount="dollar_value"
    )
    return cohort_of(orders, until=date(1997, 9, 30), weeks_ahead=39)


@pytest.fixture(scope="session")
def cdnow_master(bench_data: Path) -> Cohort:
    orders = read_orders(
        bench_data / "cdnow_master.parquet", customer="customer_id", amount="dollar_value"
    )
    return cohort_of(orders, until=date(1997, 9, 30), weeks_ahead=39)


@pytest.fixture(scope="session")
def grocery(bench_data: Path) -> Cohort:
    """52 weeks of an online grocer seen, 52 ahead."""
    orders = read_orders(bench_data / "groceryElog.parquet", customer="cust", amount=None)
    return cohort_of(orders, until=date(2006, 12, 31), weeks_ahead=52)


@dataclass(frozen=True)
class Simulated:
    """Customers observed for T, followed for `horizon` more."""

    frequency: Array
    recency: Array
    T: Array
    future: Array
    alive: Array
    alive_at_horizon: Array

    @property
    def histories(self) -> tuple[Array, Array, Array]:
        return self.frequency, self.recency, self.T


def observe(purchases: Array, death: Array, *, T: Array, horizon: float) -> Simulated:
    """Cut lives of increasing purchase times `(n, m)`, which end at `death`, into a history and a
    future.
    """
    happened = purchases <= death[:, None]
    seen = happened & (purchases <= T[:, None])
    ahead = happened & (purchases > T[:, None]) & (purchases <= T[:, None] + horizon)
    return Simulated(
        seen.sum(axis=1).astype(float),
        np.where(seen, purchases, 0.0).max(axis=1),
        T,
        ahead.sum(axis=1).astype(float),
        (death > T).astype(float),
        (death > T + horizon).astype(float),
    )


def dropouts(
    rng: np.random.Generator,
    *,
    r: float,
    alpha: float,
    a: float,
    b: float,
    k: int,
    early: bool,
    n: int,
) -> tuple[Array, Array]:
    """Purchases and death of customers who may leave with a purchase: BG/NBD, and with `early`
    MBG/CNBD-k.
    """
    rate, leave = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    purchases = np.cumsum(rng.gamma(k, 1.0, (n, 400)) / rate[:, None], axis=1)
    last = rng.geometric(np.maximum(leave, 1e-12)) - (1 if early else 0)
    death = np.where(last == 0, 0.0, purchases[np.arange(n), np.minimum(last, 400) - 1])
    return purchases, np.where(last > 400, np.inf, death)


@pytest.fixture(scope="session")
def simulate() -> Callable[..., Simulated]:
    """Customers of one model, by the story told in its paper rather than by its formulas."""

    def simulated(
        model: str, *, n: int, horizon: float, seed: int, **parameters: float
    ) -> Simulated:
        rng = np.random.default_rng(seed)
        T = rng.uniform(20, 50, n)
        if model == "ParetoNBD":
            rate = rng.gamma(parameters["r"], 1 / parameters["alpha"], n)
            purchases = np.cumsum(rng.exponential(1.0, (n, 400)) / rate[:, None], axis=1)
            death = rng.exponential(1.0, n) / rng.gamma(parameters["s"], 1 / parameters["beta"], n)
        else:
            k = int(parameters.pop("k", 1))
            purchases, death = dropouts(rng, **parameters, k=k, early=model != "BGNBD", n=n)
        return observe(purchases, death, T=T, horizon=horizon)

    return simulated


@pytest.fixture(scope="session")
def averaged() -> Callable[..., float]:
    """Mean of a story of two traits over customers, by quadrature in the quantiles of the traits'
    distributions.
    """
    nodes, weights = np.polynomial.legendre.leggauss(400)
    # Squeezing the nodes to the ends tames the steep tails of the quantile functions.
    u = (nodes + 1) / 2
    quantiles, shares = u**3 * (10 - 15 * u + 6 * u**2), weights / 2 * 30 * u**2 * (1 - u) ** 2

    def average(story, first, second) -> float:
        one, other = np.meshgrid(first.ppf(quantiles), second.ppf(quantiles), indexing="ij")
        return float(shares @ story(one, other) @ shares)

    return average
