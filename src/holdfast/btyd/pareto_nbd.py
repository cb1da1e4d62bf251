"""Pareto/NBD: a customer buys at its own rate until, at an unseen moment, it dies.

Purchases come at a rate lambda ~ Gamma(r, alpha); the lifetime is exponential with a rate mu ~
Gamma(s, beta). Schmittlein, Morrison & Colombo 1987, Counting your customers, Management Science
33(1); equation numbers are those of Fader & Hardie 2005, A note on deriving the Pareto/NBD model
and related expressions (brucehardie.com, note 009).

The papers write the chance that the customer died between t_x and T with two Gaussian
hypergeometric functions, which overflow for busy customers. Here that integral over the moment of
death is done directly, in log space.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import gammaln, psi

from holdfast.arrays import Floats
from holdfast.btyd.base import BuyTillYouDie, Parameters
from holdfast.btyd.bg_nbd import log_ways, negative_binomial
from holdfast.btyd.histories import Histories
from holdfast.btyd.quadrature import LOG_NEGLIGIBLE, legendre

N_DEATH_NODES = 20
N_HORIZON_NODES = 48


class ParetoNBD(BuyTillYouDie):
    """Pareto / negative binomial distribution.

    Parameters
    ----------
    covariates
        Names of customer attributes that multiply alpha and beta by exp(effect x value), constant
        in time (Fader & Hardie 2007, Incorporating time-invariant covariates into the Pareto/NBD
        and BG/NBD models). Their effects are parameters named `alpha_NAME` and `beta_NAME`:
        negative buys faster, negative dies sooner.

    Examples
    --------
    >>> model = ParetoNBD.from_parameters(r=0.5533, alpha=10.5777, s=0.6062, beta=11.6687)
    >>> model.probability_alive(26, 30.857, 31).round(4)
    array([0.9979])
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")
    TIMES: ClassVar[tuple[str, ...]] = ("alpha", "beta")
    CARRIERS: ClassVar[tuple[str, ...]] = ("alpha", "beta")

    def __init__(self, *, covariates: tuple[str, ...] = ()) -> None:
        self.covariates = covariates

    def _starts(self, h: Histories, weights: Floats) -> list[dict[str, float]]:
        rate = float(weights @ h.frequency / (weights @ h.T))
        return [
            {"r": r, "alpha": r / rate, "s": s, "beta": beta}
            for r in (0.5, 2.0)
            for s, beta in ((0.5, 0.5), (2.0, 4.0))
        ]

    def _log_likelihood(self, h: Histories, p: Parameters) -> tuple[Floats, Floats]:
        # eq. 18, its two hypergeometric functions left to `died`.
        r, alpha, s, beta = (p[name] for name in self.PARAMETERS)
        x = h.frequency
        died = integrate_over_death(h, p)
        log_alive = -(r + x) * np.log(alpha + h.T) - s * np.log(beta + h.T)
        log_either = np.logaddexp(log_alive, died.log_chance)
        alive, dead = np.exp(log_alive - log_either), np.exp(died.log_chance - log_either)
        value = (
            h.by_frequency(lambda x, r: gammaln(r + x) - gammaln(r), r)
            + r * np.log(alpha)
            + s * np.log(beta)
            + log_either
        )
        by_r = h.by_frequency(lambda x, r: psi(r + x) - psi(r), r) + np.log(alpha)
        by_r = by_r - alive * np.log(alpha + h.T) - dead * died.log_alpha_at
        by_alpha = r / alpha - (r + x) * (alive / (alpha + h.T) + dead * died.inverse_alpha_at)
        by_s = np.log(beta) - alive * np.log(beta + h.T) + dead * (1 / s - died.log_beta_at)
        by_beta = s / beta - s * alive / (beta + h.T) - (s + 1) * dead * died.inverse_beta_at
        return value, np.array([r * by_r, alpha * by_alpha, s * by_s, beta * by_beta])

    def _alive(self, h: Histories, p: Parameters) -> Floats:
        # eq. 36
        log_alive = -(p["r"] + h.frequency) * np.log(p["alpha"] + h.T) - p["s"] * np.log(
            p["beta"] + h.T
        )
        return np.asarray(
            np.exp(log_alive - np.logaddexp(log_alive, integrate_over_death(h, p).log_chance))
        )

    def _survival(self, h: Histories, p: Parameters, at: Floats) -> Floats:
        # Of a customer alive at T, mu ~ Gamma(s, beta + T): the lifetime is Pareto from there on.
        return np.asarray(np.exp(-p["s"] * np.log1p(at / (p["beta"] + h.T))))

    def _mean_purchases(self, h: Histories, p: Parameters, start: Floats, end: Floats) -> Floats:
        # eq. 41 for (0, t]; its (s - 1) in the denominator cancels, so that s = 1 needs no case of
        # its own.
        left, growth = 1 - p["s"], p["beta"] + h.T
        longer, shorter = np.log1p(end / growth), np.log1p(start / growth)
        alive_time = growth * np.exp(left * shorter) * _expm1_over(left, longer - shorter)
        return np.asarray((p["r"] + h.frequency) / (p["alpha"] + h.T) * alive_time)

    def _pmf(self, h: Histories, p: Parameters, horizon: Floats, counts: Floats) -> Floats:
        # Fader & Hardie 2014, Deriving the conditional PMF of the Pareto/NBD model (note 028, eq.
        # 16), as an integral: buying stops at the end of the horizon or at death before it,
        # whichever comes first.
        shape, rate, life = p["r"] + h.frequency, p["alpha"] + h.T, p["beta"] + h.T
        pmf = self._survival(h, p, horizon)[:, None] * negative_binomial(
            counts, shape=shape, rate=rate, t=horizon
        )
        chances, deaths, ways = np.zeros(len(h)), np.zeros_like(pmf), log_ways(counts, shape=shape)
        quick = np.minimum(rate / shape, life / p["s"])
        length = np.log1p(horizon / quick)
        for node, weight in zip(*legendre(N_HORIZON_NODES), strict=True):
            moment = np.maximum(quick * np.expm1(length * node), np.finfo(np.float64).tiny)
            chance = weight * np.exp(length * node - (p["s"] + 1) * np.log1p(moment / life))
            chances += chance
            none, one = -np.log1p(moment / rate), np.log(moment) - np.log(rate + moment)
            deaths += chance[:, None] * np.exp(
                ways + (shape * none)[:, None] + one[:, None] * counts
            )
        died = -np.expm1(-p["s"] * np.log1p(horizon / life))
        return np.asarray(pmf + (died / chances)[:, None] * deaths)


@dataclass(frozen=True)
class DeathIntegral:
    """The customer died at some y in (t_x, T], and means over that y. Each `(n,)`.

    `log_chance` is the log of the integral of s (alpha + y)^-(r + x) (beta + y)^-(s + 1), to be
    compared with (alpha + T)^-(r + x) (beta + T)^-s of a customer still alive.
    """

    log_chance: Floats
    log_alpha_at: Floats
    log_beta_at: Floats
    inverse_alpha_at: Floats
    inverse_beta_at: Floats


def integrate_over_death(h: Histories, p: Parameters) -> DeathIntegral:
    """Integrate over the moment of death by Gauss-Legendre in v = log((c + y) / (c + t_x)), c =
    min(alpha, beta).

    In v the integrand is analytic within a distance of pi of the real line whatever the parameters,
    and no steeper than r + x + s, so that 20 nodes over the part above e^-40 of its start are exact
    to rounding.
    """
    alpha_first = np.asarray(p["alpha"] <= p["beta"])
    buying, dying = p["r"] + h.frequency, np.asarray(p["s"] + 1)
    near, far = np.where(alpha_first, buying, dying), np.where(alpha_first, dying, buying)
    origin, apart = np.minimum(p["alpha"], p["beta"]) + h.recency, np.abs(p["alpha"] - p["beta"])
    length = _noticeable_length(
        np.log1p((h.T - h.recency) / origin), near=near, far=far, origin=origin, apart=apart
    )
    nodes, weights = legendre(N_DEATH_NODES)
    v = length[:, None] * nodes
    growth = np.exp(v)
    far_at = origin[:, None] * growth + np.reshape(apart, (-1, 1))
    log_far_at = np.log(far_at)
    log_height = (1 - near)[:, None] * v - far[:, None] * log_far_at
    start = log_height[:, 0]
    mass = np.exp(log_height - start[:, None]) * weights
    total = mass.sum(axis=1)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.einsum("ij,ij->i", mass, values) / total)

    log_origin = np.log(origin)
    with np.errstate(
        divide="ignore"
    ):  # a customer who has just bought cannot have died since: log 0
        log_chance = (
            np.log(p["s"]) + (1 - near) * log_origin + np.log(length) + start + np.log(total)
        )
    logs = (log_origin + mean(v), mean(log_far_at))
    inverses = (mean(1 / growth) / origin, mean(1 / far_at))
    return DeathIntegral(
        log_chance,
        np.where(alpha_first, *logs),
        np.where(alpha_first, *logs[::-1]),
        np.where(alpha_first, *inverses),
        np.where(alpha_first, *inverses[::-1]),
    )


def _noticeable_length(
    length: Floats, *, near: Floats, far: Floats, origin: Floats, apart: Floats
) -> Floats:
    """The part of (0, length) in v after which the integrand stays below e^-40 of its start."""
    for _ in range(5):
        near_at = origin * np.exp(length)
        fall = (near - 1) * length + far * np.log((near_at + apart) / (origin + apart))
        beyond = fall > LOG_NEGLIGIBLE
        if not beyond.any():
            break
        # The fall is convex in v, hence Newton's method from the right never passes its last
        # crossing of 40.
        slope = near - 1 + far * near_at / (near_at + apart)
        length = np.where(
            beyond, length - (fall - LOG_NEGLIGIBLE) / np.where(beyond, slope, 1.0), length
        )
    return length


def _expm1_over(rate: Floats, time: Floats) -> Floats:
    """(e^(rate time) - 1) / rate, which is `time` where the rate is 0."""
    product = rate * time
    tiny = np.abs(product) < 1e-8
    return np.asarray(
        time * np.where(tiny, 1 + product / 2, np.expm1(product) / np.where(tiny, 1.0, product))
    )
