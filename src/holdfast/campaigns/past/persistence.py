"""Persistence: how much of a campaign's quick effect is left in the long run.

kappa is the effect on a long window over that on a short one: 0 where purchases were only pulled
forward, 1 where what was gained stays and nothing follows, above 1 where a habit was formed. Short
windows cannot tell these apart; only campaigns whose hold-out was left alone for the long window
can. Without any, nothing is claimed beyond the short window; and no kappa is taken to be above 1.

Offers are alike in part: their kappas are normal around one mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.special import ndtr

from holdfast.arrays import Integers, Matrix, Vector
from holdfast.campaigns.experiments.effects import (
    METHODS,
    Arm,
    arm_of,
    compare,
    method_for,
    slope_on_prediction,
)
from holdfast.campaigns.past.history import SPREADS, Beliefs
from holdfast.errors import DataError
from holdfast.tables import PERSISTENCE

_GRID = np.linspace(-6.0, 12.0, 901)
_MEANS = np.linspace(-5.0, 7.0, 121)
_SPREAD = 2.0
"""Of kappa around 1 before any data, and scale of how far offers differ: from 0 where purchases are
pulled forward to about 3 where a tenth more stays as a habit, both are to be expected.
"""
_DRAWS = 4_000
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Persistence:
    """kappa by offer.

    Attributes
    ----------
    kappas
        PERSISTENCE. What is used of a kappa is its mean where it is held to 0..1; without any
        campaign that matured, of whatever offer, nothing beyond the short window is claimed.
    notes
        Sentences on campaigns that tell nothing of it.
    """

    kappas: pl.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def is_measured(self) -> bool:
        """Whether any campaign's hold-out matured."""
        return "experiment" in self.kappas["uplift_source"]

    @property
    def claimed_days(self) -> int:
        """Days from the contact for which an effect may be claimed."""
        return int(self.kappas["long_days" if self.is_measured else "short_days"][0])

    @property
    def claim(self) -> str:
        """What is claimed, in a sentence."""
        short, long = (int(self.kappas[f"{which}_days"][0]) for which in ("short", "long"))
        if not self.is_measured:
            return describe_unmatured_effect(short, long)
        return (
            f"the return is that of {long} days: what offers that were tried add within {short} "
            f"days, times the share of past effects that was left after {long} days, and never "
            "more than all of it"
        )

    def draw(self, n: int, offers: Sequence[str], *, seed: int) -> Matrix:
        """Shares of the quick effect that may be left, 0..1, (n, n_offers); 1 of offers that are
        not among the kappas.
        """
        rng = np.random.default_rng(seed)
        of = {row["offer"]: row for row in self.kappas.iter_rows(named=True)}
        drawn = np.ones((n, len(offers)))
        for column, offer in enumerate(offers):
            if offer in of and self.is_measured:
                kappa = rng.normal(of[offer]["estimate"], of[offer]["deviation"], n)
                drawn[:, column] = np.clip(kappa, 0, 1)
        return drawn


def describe_unmatured_effect(short_days: int, long_days: int) -> str:
    """Say what is claimed where no campaign matured."""
    return (
        f"no past campaign tells what is left of an effect after {long_days} days, so the return "
        f"is that of {short_days} days; leave the two arms of a campaign alike for {long_days} days"
    )


@dataclass(frozen=True)
class LastingBeliefs:
    """What is believed to be left of uplifts after the days that a persistence is of."""

    beliefs: Beliefs
    persistence: Persistence

    @cached_property
    def cells(self) -> pl.DataFrame:
        """As of `History`: mean, deviation, low and high are of what is left."""
        used = dict(self.persistence.kappas.select("offer", "used").iter_rows())
        left = pl.col("offer").replace_strict(used, default=1.0, return_dtype=pl.Float64)
        drawn = self.draw(_DRAWS, seed=0)
        low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
        return self.beliefs.cells.with_columns(
            pl.col("mean") * left,
            deviation=pl.Series(drawn.std(axis=0)),
            low=pl.Series(low),
            high=pl.Series(high),
        )

    def draw(self, n: int, *, seed: int) -> Matrix:
        """Uplifts that may be left, (n, n_cells), the cells in the order of the table."""
        offers = self.beliefs.cells["offer"].to_list()
        names = list(dict.fromkeys(offers))
        left = self.persistence.draw(n, names, seed=seed + 5)
        return self.beliefs.draw(n, seed=seed) * left[:, [names.index(each) for each in offers]]


def learn_persistence(
    effects: pl.DataFrame, *, offers: Sequence[str], short_days: int, long_days: int
) -> Persistence:
    """Learn how much of quick effects stays.

    Parameters
    ----------
    effects
        One row per campaign whose hold-out matured: offer, short_effect, short_error, long_effect,
        long_error (per customer, same currency), covariance (of the two estimates: the same
        customers are in both).
    """
    unknown = sorted(set(effects["offer"]) - set(offers))
    if unknown:
        raise DataError(
            f"effects name the offer {', '.join(unknown)}", fix=f"choose from {', '.join(offers)}"
        )
    log_likelihood = np.array([
        _log_likelihood(effects.filter(pl.col("offer") == name)) for name in offers
    ])  # fmt: skip
    rows = [
        {
            "offer": name, "short_days": short_days, "long_days": long_days,
            "campaigns": effects.filter(pl.col("offer") == name).height,
            **_describe(weights, measured=effects.height > 0),
        }
        for name, weights in zip(offers, _posterior(log_likelihood), strict=True)
    ]  # fmt: skip
    return Persistence(pl.DataFrame(rows, schema=PERSISTENCE.schema))


def _describe(weights: Vector, *, measured: bool) -> dict[str, float | str]:
    low, high = np.interp([0.05, 0.95], np.cumsum(weights) - weights / 2, _GRID)
    mean = float(weights @ _GRID) if measured else 1.0
    deviation = float(np.sqrt(weights @ (_GRID - mean) ** 2))
    return {
        "estimate": mean, "deviation": deviation, "low": float(low), "high": float(high),
        "used": _mean_within(mean, deviation) if measured else 1.0,
        "uplift_source": "experiment" if measured else "assumed",
    }  # fmt: skip


def _mean_within(mean: float, deviation: float) -> float:
    """Of a normal kappa that is held to 0..1."""
    low, high = (np.array([0.0, 1.0]) - mean) / deviation
    density = np.exp(-(np.array([low, high]) ** 2) / 2) / np.sqrt(2 * np.pi)
    between = float(mean * (ndtr(high) - ndtr(low)) - deviation * (density[1] - density[0]))
    return min(max(between + 1 - float(ndtr(high)), 0.0), 1.0)


class MeasuredArm(NamedTuple):
    """What customers of one arm did within the short window and within the long one, what was
    predicted of them, and the number of each one's cluster, from 0 (None: everyone on their own);
    (n_arm,).
    """

    short: Vector
    long: Vector
    predicted: Vector
    clusters: Integers | None = None

    def sum_up(self, window: str) -> Arm:
        """The arm by one of the windows."""
        return arm_of(getattr(self, window), self.predicted, self.clusters)

    def covariance(self, slopes: Sequence[float]) -> float:
        """Of both outcomes per head, less their slope on the prediction; by cluster."""
        left = [
            y - slope * self.predicted
            for y, slope in zip((self.short, self.long), slopes, strict=True)
        ]
        off = [each - each.mean() for each in left]
        n = len(self.short)
        if self.clusters is None:
            return float(off[0] @ off[1]) / (n - 1)
        _, number = np.unique(self.clusters, return_inverse=True)
        sums = [np.bincount(number, each) for each in off]
        g = len(sums[0])
        return float(sums[0] @ sums[1]) * g / (g - 1) / n


def measure_pair(treated: MeasuredArm, control: MeasuredArm) -> dict[str, float]:
    """Both effects of one campaign on the same customers: a row for `learn_persistence`."""
    n = np.array([len(treated.short), len(control.short)])
    method, row, slopes = METHODS[method_for(int(n[0]), int(n[1]))], {}, []
    for window in ("short", "long"):
        one, zero = treated.sum_up(window), control.sum_up(window)
        effect = compare(one, zero, **method)
        row[f"{window}_effect"] = float(effect.estimate)
        row[f"{window}_error"] = float(effect.standard_error)
        slopes.append(float(slope_on_prediction(one, zero)))
    together = np.array([arm.covariance(slopes) for arm in (treated, control)])
    if method["pooled"]:
        together = np.full(2, (n - 1) @ together / (n.sum() - 2))
    return {**row, "covariance": float((together / n).sum())}


def _log_likelihood(effects: pl.DataFrame) -> Vector:
    """Of each kappa on the grid; the true short effects integrated out (Fieller's quantity)."""
    total = np.zeros(len(_GRID))
    columns = ("short_effect", "short_error", "long_effect", "long_error", "covariance")
    for short, short_error, long, long_error, covariance in effects.select(columns).iter_rows():
        variance = long_error**2 + _GRID**2 * short_error**2 - 2 * _GRID * covariance
        # Where nobody bought after the short window, both effects are one, and so is kappa.
        variance = np.maximum(variance, _ROUNDING * (long_error**2 + short_error**2))
        total += -0.5 * (long - _GRID * short) ** 2 / variance - 0.5 * np.log(variance)
    return total


def _posterior(log_likelihood: Matrix) -> Matrix:
    """Of each offer's kappa, mean and spread over offers integrated out, (n_offers, n_grid)."""
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    total = np.zeros_like(likelihood)
    prior_of_mean = np.exp(-0.5 * ((_MEANS - 1) / _SPREAD) ** 2)
    for spread in SPREADS * _SPREAD:
        law = np.exp(-0.5 * ((_GRID - _MEANS[:, None]) / spread) ** 2) / spread
        each = law @ likelihood.T
        joint = prior_of_mean * each.prod(axis=1)
        for number in range(len(likelihood)):
            share = joint / np.maximum(each[:, number], 1e-300)
            total[number] += (share @ law) * likelihood[number]
    return np.asarray(total / total.sum(axis=1, keepdims=True))
