"""Persistence: how much of a campaign's quick effect is left in the long run.

kappa is the effect on a long window over that on a short one: 0 where purchases were only pulled
forward, 1 where what was gained stays and nothing follows, above 1 where a habit was formed. Short
windows cannot tell these apart; only campaigns whose hold-out was left alone for the long window
can. Without any, kappa is 1, which claims nothing beyond what was measured; and it is never taken
to be above 1.

Offer types are alike in part: their kappas are normal around one mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Vector
from holdfast.campaigns.experiments.effects import arm_of, compare, slope_on_prediction
from holdfast.campaigns.past.history import SPREADS
from holdfast.errors import DataError, NotEnoughData

_GRID = np.linspace(-3.0, 9.0, 601)
_MEANS = np.linspace(-2.0, 6.0, 81)
_SPREAD = 1.0
"""Of kappa around 1 before any data, and scale of how far offer types differ."""


@dataclass(frozen=True)
class Persistence:
    """kappa by type of offer.

    Attributes
    ----------
    kappas
        offer_type, campaigns, estimate, low, high (5 and 95 %), used (the estimate, at most 1 and
        at least 0), uplift_source ("experiment", or "assumed" where no campaign of any type
        matured).
    short_days, long_days
        Windows.
    """

    kappas: pl.DataFrame
    short_days: int
    long_days: int

    def claim(self, effect: float, offer_type: str, *, horizon_days: int) -> float:
        """What of an effect within the short window may be claimed for a horizon.

        Raises
        ------
        NotEnoughData
            The horizon is longer than any window that was measured.
        """
        row = self.kappas.filter(pl.col("offer_type") == offer_type)
        if row.is_empty():
            names = ", ".join(self.kappas["offer_type"])
            raise DataError(f"no offer is of type '{offer_type}'", fix=f"choose from {names}")
        measured = row["uplift_source"][0] == "experiment"
        most = self.long_days if measured else self.short_days
        if horizon_days > most:
            raise NotEnoughData(
                f"the effect of '{offer_type}' is measured on {most} days, not on {horizon_days}",
                fix=f"state it for {most} days, or leave a hold-out alone for {horizon_days}",
            )
        if horizon_days <= self.short_days:
            return effect
        used = float(row["used"][0])
        # Between the windows nothing was measured: the lower of both ends holds.
        return effect * used


def learn_persistence(
    effects: pl.DataFrame, *, offer_types: Sequence[str], short_days: int, long_days: int
) -> Persistence:
    """Learn how much of quick effects stays.

    Parameters
    ----------
    effects
        One row per campaign whose hold-out matured: offer_type, short_effect, short_error,
        long_effect, long_error (per customer, same currency), covariance (of the two estimates: the
        same customers are in both).
    """
    unknown = sorted(set(effects["offer_type"]) - set(offer_types))
    if unknown:
        raise DataError(
            f"effects name the type {', '.join(unknown)}",
            fix=f"choose from {', '.join(offer_types)}",
        )
    log_likelihood = np.array([
        _log_likelihood(effects.filter(pl.col("offer_type") == name)) for name in offer_types
    ])  # fmt: skip
    posterior = _posterior(log_likelihood)
    matured = effects.height > 0
    rows = []
    for name, weights in zip(offer_types, posterior, strict=True):
        low, high = np.interp([0.05, 0.95], np.cumsum(weights) - weights / 2, _GRID)
        estimate = float(weights @ _GRID) if matured else 1.0
        rows.append({
            "offer_type": name,
            "campaigns": effects.filter(pl.col("offer_type") == name).height,
            "estimate": estimate, "low": float(low), "high": float(high),
            "used": min(max(estimate, 0.0), 1.0),
            "uplift_source": "experiment" if matured else "assumed",
        })  # fmt: skip
    return Persistence(pl.DataFrame(rows), short_days, long_days)


def measure_pair(
    treated: tuple[Vector, Vector, Vector], control: tuple[Vector, Vector, Vector]
) -> dict[str, float]:
    """Both effects of one campaign on the same customers: a row for `learn_persistence`.

    Parameters
    ----------
    treated, control
        Outcome within the short window, within the long one, and predicted value; each (n_arm,).
    """
    covariance, row = 0.0, {}
    arms = {
        name: [arm_of(arm[column], arm[2]) for arm in (treated, control)]
        for column, name in enumerate(("short", "long"))
    }
    for name, (one, zero) in arms.items():
        effect = compare(one, zero)
        row[f"{name}_effect"] = float(effect.estimate)
        row[f"{name}_error"] = float(effect.standard_error)
    slopes = [slope_on_prediction(*arms[name]) for name in ("short", "long")]
    for short, long, predicted in (treated, control):
        left = [y - slope * predicted for y, slope in zip((short, long), slopes, strict=True)]
        covariance += float(np.cov(*left)[0, 1]) / len(predicted)
    return {**row, "covariance": covariance}


def _log_likelihood(effects: pl.DataFrame) -> Vector:
    """Of each kappa on the grid; the true short effects integrated out (Fieller's quantity)."""
    total = np.zeros(len(_GRID))
    columns = ("short_effect", "short_error", "long_effect", "long_error", "covariance")
    for short, short_error, long, long_error, covariance in effects.select(columns).iter_rows():
        variance = long_error**2 + _GRID**2 * short_error**2 - 2 * _GRID * covariance
        total += -0.5 * (long - _GRID * short) ** 2 / variance - 0.5 * np.log(variance)
    return total


def _posterior(log_likelihood: Matrix) -> Matrix:
    """Of each type's kappa, with mean and spread over types integrated out, (n_types, n_grid)."""
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
