"""Simulated logs of contracts, habits and both, and the churn window that someone who knows their
law would choose.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from holdfast.synthetic import Shop, simulate
from holdfast.windows import day_of

N_DAYS = 730
HORIZON_DAYS = 90
UNLIKELY = 0.2
N_ORACLE = 12_000
"""Customers that the oracle watches."""


@dataclass(frozen=True, kw_only=True)
class Contracts:
    """Customers who pay every `period_days` until they leave.

    Parameters
    ----------
    leaves
        Mean probability of leaving at a renewal; it differs by customer as Beta(2, b).
    jitter_days
        A payment may be so many days early or late.
    missed
        Probability that a payment fails and is never made up for.
    """

    n_customers: int
    seed: int
    period_days: float
    leaves: float
    jitter_days: int = 0
    missed: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Log:
    """One simulated business: its regime, the contracts and the shop it is made of."""

    regime: str
    contracts: Contracts | None = None
    shop: Shop | None = None

    def drawn(self, *, n_days: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Draw so many days of it: purchases (customer_id, day), and left_day of each customer
        (null: still there).
        """
        parts = [contract_log(self.contracts, n_days=n_days)] if self.contracts else []
        parts += [shop_log(replace(self.shop, n_days=n_days))] if self.shop else []
        bought, left = zip(*parts, strict=True)
        return pl.concat(bought), pl.concat(left)

    def again(self, *, n_customers: int, seed: int) -> "Log":
        """The same business with other customers, and as many of each kind in proportion."""
        factor = n_customers / sum(part.n_customers for part in (self.contracts, self.shop) if part)
        contracts, shop = (
            part
            and replace(part, n_customers=round(part.n_customers * factor), seed=part.seed + seed)
            for part in (self.contracts, self.shop)
        )
        return replace(self, contracts=contracts, shop=shop)


FIRST_DAY = day_of(Shop(n_customers=1).start)


def contract_log(contracts: Contracts, *, n_days: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw contracts that begin evenly from a year before the log to the end of its first N_DAYS
    days.
    """
    rng = np.random.default_rng(contracts.seed)
    n = contracts.n_customers
    began = rng.integers(-365, N_DAYS, n)
    hazard = rng.beta(2, 2 / contracts.leaves - 2, n)
    n_paid = rng.geometric(np.maximum(hazard, 1e-3))
    who = np.repeat(np.arange(n), n_paid)
    nth = np.arange(len(who)) - np.repeat(np.cumsum(n_paid) - n_paid, n_paid)
    day = np.floor(began[who] + nth * contracts.period_days).astype(np.int64)
    day += rng.integers(-contracts.jitter_days, contracts.jitter_days + 1, len(who))
    made = (rng.random(len(who)) >= contracts.missed) & (day >= 0) & (day < n_days)
    names = "S" + pl.Series(np.arange(n)).cast(pl.String)
    left = np.floor(began + n_paid * contracts.period_days).astype(np.int64)
    bought = pl.DataFrame(
        {"customer_id": names.gather(who[made]), "day": (day[made] + FIRST_DAY).astype(np.int32)}
    )
    gone = pl.Series((left + FIRST_DAY).astype(np.int32)).set(pl.Series(left >= n_days), None)
    return bought.unique(), pl.DataFrame({"customer_id": names, "left_day": gone})


def shop_log(shop: Shop) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw a shop's purchase days and the days its customers died."""
    bought, left = [], []
    for batch in simulate(shop):
        sold = batch.orders.filter(pl.col("quantity") > 0)
        bought.append(
            sold.select("customer_id", day=pl.col("occurred_at").dt.date().cast(pl.Int32)).unique()
        )
        left.append(batch.truth.select("customer_id", left_day="died_day"))
    return pl.concat(bought), pl.concat(left)


def activity(bought: pl.DataFrame) -> pl.DataFrame:
    """The columns of ACTIVITY that the churn window reads."""
    ordered = bought.sort("customer_id", "day")
    gap = pl.col("day").diff().over("customer_id").cast(pl.Int32)
    return ordered.with_columns(n_orders=pl.lit(1, pl.Int32), purchase_gap=gap)


def thirty_logs(seed: int = 20) -> Iterator[Log]:
    """Ten logs of each regime, no two alike."""
    rng = np.random.default_rng(seed)
    terms = [
        (30.4375, 0.05),
        (30.4375, 0.1),
        (28, 0.08),
        (7, 0.03),
        (14, 0.05),
        (91.3125, 0.15),
        (365.25, 0.3),
    ]
    for number in range(30):
        period, leaves = terms[number // 3 % len(terms)]
        jitter = int(rng.integers(0, 3)) if period > 20 else 0
        contracts = Contracts(
            n_customers=1_000,
            seed=100 * seed + number,
            period_days=period,
            leaves=leaves,
            jitter_days=jitter,
            missed=float(rng.choice([0.0, 0.03])),
        )
        shop = Shop(
            n_customers=2_500,
            n_days=N_DAYS,
            seed=100 * seed + number,
            purchases_per_year=float(rng.uniform(4, 20)),
            purchase_shape=float(rng.uniform(0.7, 2.5)),
            dropouts_per_year=float(rng.uniform(0.5, 2)),
            dropout_shape=float(rng.uniform(0.7, 2)),
            rhythm=float(rng.choice([1.0, 2.0, 4.0, 8.0])),
            december_factor=float(rng.choice([1.0, 2.0, 3.0])),
            dormancy=float(rng.choice([0.0, 0.05, 0.1])),
            truncated_days=int(rng.choice([0, 365])),
            events_per_purchase=0.0,
        )
        yield (
            Log(regime="contractual", contracts=contracts),
            Log(regime="non-contractual", shop=shop),
            Log(
                regime="mixed",
                contracts=contracts,
                shop=replace(shop, n_customers=int(rng.integers(800, 2_000))),
            ),
        )[number % 3]


@dataclass(frozen=True, kw_only=True)
class Oracle:
    """What someone chooses who knows a business's law.

    Attributes
    ----------
    window_days
        From this silence on at most one in five returns within the horizon.
    gone
        Share of those silent for so long who have really left, 0..1.
    """

    window_days: int
    gone: float


def oracle_of(log: Log) -> Oracle:
    """Watch many other customers of the same business beyond the log, and count; nothing is
    censored or estimated.

    Every silence that reaches w days within the log's time is a customer whom a window of w days
    would call lost on that day. The oracle sees who of them returns within the horizon, and who had
    left.
    """
    bought, left = log.again(n_customers=N_ORACLE, seed=10_000).drawn(n_days=N_DAYS + HORIZON_DAYS)
    rows = (
        activity(bought)
        .with_columns(gap=pl.col("purchase_gap").shift(-1))
        .join(left, on="customer_id")
    )
    start = rows["day"].to_numpy()
    never = 10**6
    gap, gone = (
        rows["gap"].fill_null(never).to_numpy(),
        rows["left_day"].fill_null(never).to_numpy(),
    )
    returning, dead = [], []
    for w in range(1, N_DAYS - HORIZON_DAYS):
        called = (gap >= w) & (start + w <= FIRST_DAY + N_DAYS)
        returning.append((gap[called] < w + HORIZON_DAYS).mean())
        dead.append((gone[called] <= start[called] + w).mean())
    window = int(np.flatnonzero(np.array(returning) > UNLIKELY)[-1]) + 2
    return Oracle(window_days=window, gone=float(dead[min(window, len(dead)) - 1]))
