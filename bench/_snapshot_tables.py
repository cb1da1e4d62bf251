"""Snapshots to learn: real ones, and three simulated ones whose customers leave by known odds."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from holdfast.arrays import Vector

Settings = dict[str, Any]


def snapshots(data: Path, folder: Path) -> Iterator[tuple[str, Callable[[], Settings]]]:
    """Each table's name, and what makes the settings of its snapshot."""
    yield "Telco", lambda: _settings(data / "telco.parquet", "customerID", "Churn = 'Yes'")
    yield "the original", partial(_original, data)
    if (data / "bank" / "cards_snapshot.parquet").exists():
        yield "card customers", partial(_cards, data)
    for name, simulate in SIMULATED.items():
        yield name, partial(_written, simulate, folder)


def _settings(path: Path, customer_id: str, churned: str, **more: Any) -> Settings:
    return {
        "path": str(path),
        "as_of": "2024-12-31",
        "columns": {"customer_id": customer_id},
        "labels": {"churned": churned},
        **more,
    }


def _original(data: Path) -> Settings:
    path = data / "ecommerce_user_segmentation.csv"
    hidden = ["Recency", "Monetary", "Segment_Label"]
    return _settings(path, "Customer_ID", "Recency > 90", hidden_from_churn=hidden)


def _cards(data: Path) -> Settings:
    path = data / "bank" / "cards_snapshot.parquet"
    scores = [name for name in pl.read_parquet_schema(path) if name.startswith("Naive_Bayes")]
    left = "Attrition_Flag = 'Attrited Customer'"
    hidden = ["Attrition_Flag", *scores]
    return _settings(path, "CLIENTNUM", left, hidden_from_churn=hidden)


def _written(simulate: Callable[[], tuple[pl.DataFrame, Vector]], folder: Path) -> Settings:
    columns, log_odds = simulate()
    left = np.random.default_rng(1).random(columns.height) < 1 / (1 + np.exp(-log_odds))
    path = folder / f"{simulate.__name__}.parquet"
    names = [f"C{i:05d}" for i in range(columns.height)]
    columns.with_columns(customer_id=pl.Series(names), left=pl.Series(left)).write_parquet(path)
    return _settings(path, "customer_id", "left")


def _blank(column: Vector, missing: Any) -> pl.Series:
    return pl.Series(np.where(missing, np.nan, column)).fill_nan(None)


def gym() -> tuple[pl.DataFrame, Vector]:
    """8,000 members: contract by tenure, visits by fee, a trend, an age that bends, and noise."""
    rng, n = np.random.default_rng(11), 8_000
    contract = rng.choice(["monthly", "yearly", "two years"], n, p=[0.55, 0.3, 0.15])
    tenure, age = rng.gamma(1.6, 14, n), rng.integers(16, 80, n).astype(float)
    visits, before = (rng.poisson(rng.gamma(2, 3, n)).astype(float) for _ in range(2))
    fee, distance = rng.choice([19.0, 29.0, 39.0, 59.0], n), rng.lognormal(1.2, 0.8, n)
    calls, coach = rng.poisson(0.6, n).astype(float), rng.random(n) < 0.3
    channel = rng.choice(list("abcdefgh"), n)
    monthly = contract == "monthly"
    odds = (
        1.1 * (monthly & (tenure < 12))
        - 1.3 * (~monthly & (tenure < 20))
        + 0.9 * ((visits < 2) & (fee > 30))
        - np.tanh((visits - before) / (before + 1))
        + 0.8 * ((calls >= 2) & ~coach)
        + 0.5 * np.sin(age / 9)
        + 0.4 * ((distance > 8) & (visits < 5))
        + 0.25 * np.isin(channel, ["b", "e", "g"])
    )
    columns: Mapping[str, Any] = {
        "contract": contract,
        "tenure": tenure,
        "visits": visits,
        "visits_before": before,
        "fee": fee,
        "distance": _blank(distance, rng.random(n) < np.where(age < 30, 0.3, 0.05)),
        "calls": calls,
        "age": age,
        "coach": coach,
        "channel": channel,
        **{f"measure_{k}": rng.normal(size=n) for k in range(8)},
    }
    return pl.DataFrame(columns), 1.4 * (odds - 2.2)


def marketplace() -> tuple[pl.DataFrame, Vector]:
    """12,000 buyers: 400 towns, 80 campaigns that work otherwise on one device, and missing
    values.
    """
    rng, n = np.random.default_rng(12), 12_000
    town, campaign = rng.zipf(1.3, n) % 400, rng.integers(0, 80, n)
    device = rng.choice(["ios", "android", "web"], n)
    orders, days, rate = rng.geometric(0.2, n), rng.exponential(60, n), rng.beta(2, 5, n)
    returns = rng.binomial(orders, 0.1)
    odds = (
        rng.normal(0, 0.7, 400)[town]
        + rng.normal(0, 0.5, 80)[campaign] * np.where(device == "ios", -1, 1)
        + 0.02 * (days - 60)
        - 0.3 * np.log1p(orders)
        + 1.5 * (returns / orders > 0.3)
        + 1.2 * ((rate > 0.5) & (days > 40))
    )
    unknown = rng.random(n) < 0.1
    columns: Mapping[str, Any] = {
        "town": [None if gone else f"town {k}" for k, gone in zip(town, unknown, strict=True)],
        "campaign": [f"campaign {k}" for k in campaign],
        "device": device,
        "orders": orders.astype(float),
        "spend": orders * rng.lognormal(3, 0.6, n),
        "days": days,
        "rate": _blank(rate, rng.random(n) < 0.15),
        "returns": returns.astype(float),
        "score": rng.normal(size=n),
    }
    return pl.DataFrame(columns), odds - 1.0


def insurer() -> tuple[pl.DataFrame, Vector]:
    """2,000 policies: 25 measures, most of which say nothing, some with blanks, and a region."""
    rng, n = np.random.default_rng(13), 2_000
    measures = rng.normal(size=(n, 25))
    measures[:, 3:8] = np.exp(measures[:, 3:8])
    region = rng.choice(list("nsewc"), n)
    odds = (
        measures[:, [0, 1, 3, 5, 9]] @ np.array([0.8, -0.6, 0.4, -0.5, 0.3])
        + 0.4 * (region == "n")
        - 0.3 * (measures[:, 10] > 1)
    )
    blank = {k: rng.random(n) < 0.12 for k in (0, 5, 12)}
    columns = {f"measure_{k}": _blank(measures[:, k], blank.get(k, False)) for k in range(25)}
    return pl.DataFrame({**columns, "region": region}), odds - 2.6


SIMULATED = {
    "a simulated gym": gym,
    "a simulated marketplace": marketplace,
    "a simulated insurer": insurer,
}
