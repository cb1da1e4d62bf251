"""BG/NBD: after each repeat purchase a customer may leave for good.

Purchases come at a customer's own rate lambda ~ Gamma(r, alpha); after each one the customer leaves
with its own probability p ~ Beta(a, b). Fader, Hardie & Lee 2005, "Counting your customers" the
easy way, Marketing Science 24(2); equation numbers are theirs.
"""

from typing import ClassVar

import numpy as np
from scipy.special import betaln, expit, gammaln, psi, xlog1py, xlogy

from holdfast.arrays import Floats
from holdfast.btyd.base import BuyTillYouDie, Parameters
from holdfast.btyd.histories import Histories
from holdfast.btyd.quadrature import beta_mean, beta_nodes


class BGNBD(BuyTillYouDie):
    """Beta-geometric / negative binomial distribution.

    Parameters
    ----------
    covariates
        Names of customer attributes that multiply alpha, a and b by exp(effect x value), constant
        in time (Fader & Hardie 2007, Incorporating time-invariant covariates into the Pareto/NBD
        and BG/NBD models). Their effects are parameters named `alpha_NAME`, `a_NAME`, `b_NAME`; a
        negative `alpha_NAME` buys faster.

    Examples
    --------
    >>> model = BGNBD.from_parameters(r=0.2426, alpha=4.4136, a=0.7929, b=2.4259)
    >>> model.expected_purchases(2, 30.43, 38.86, end=39).round(3)
    array([1.226])
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    TIMES: ClassVar[tuple[str, ...]] = ("alpha",)
    CARRIERS: ClassVar[tuple[str, ...]] = ("alpha", "a", "b")
    # How many chances to leave come before the first repeat purchase: the MBG/NBD has one.
    EARLY_CHANCES: ClassVar[int] = 0

    def __init__(self, *, covariates: tuple[str, ...] = ()) -> None:
        self.covariates = covariates

    def _starts(self, h: Histories, weights: Floats) -> list[dict[str, float]]:
        rate = float(weights @ h.frequency / (weights @ h.T))
        return [
            {"r": r, "alpha": r / rate, "a": a, "b": b}
            for r in (0.5, 2.0)
            for a, b in ((0.5, 2.0), (1.0, 10.0))
        ]

    def _log_odds_of_leaving(self, h: Histories, p: Parameters) -> Floats:
        """log P(gone) / P(alive) at T: the two terms of the likelihood, eq. 6."""
        x, shape = h.frequency, p["r"] + h.frequency
        chances = p["b"] + x + self.EARLY_CHANCES - 1
        possible = (x + self.EARLY_CHANCES) > 0
        odds = np.log(p["a"]) - np.log(np.where(possible, chances, 1.0))
        odds = odds + shape * (np.log(p["alpha"] + h.T) - np.log(p["alpha"] + h.recency))
        return np.where(possible, odds, -np.inf)

    def _log_likelihood(self, h: Histories, p: Parameters) -> tuple[Floats, Floats]:
        # eq. 6; with one early chance, Batislam, Denizel & Filiztekin 2007, eq. 3.
        r, alpha, a, b = (p[name] for name in self.PARAMETERS)
        x, m = h.frequency, self.EARLY_CHANCES
        log_odds = self._log_odds_of_leaving(h, p)
        gone = expit(log_odds)
        log_T, log_t = np.log(alpha + h.T), np.log(alpha + h.recency)
        value = (
            h.by_frequency(lambda x, r: gammaln(r + x) - gammaln(r), r)
            + r * np.log(alpha)
            - (r + x) * log_T
            + np.logaddexp(0.0, log_odds)
        )
        log_stay, stayed_by_a, stayed_by_b = log_chance_to_stay(h, p, early_chances=m)
        by_r = (
            h.by_frequency(lambda x, r: psi(r + x) - psi(r), r)
            + np.log(alpha)
            - log_T
            + gone * (log_T - log_t)
        )
        by_alpha = r / alpha - (r + x) * ((1 - gone) / (alpha + h.T) + gone / (alpha + h.recency))
        by_a = stayed_by_a + gone / a
        by_b = stayed_by_b - gone / np.where(gone > 0, b + x + m - 1, 1.0)
        return value + log_stay, np.array([r * by_r, alpha * by_alpha, a * by_a, b * by_b])

    def _alive(self, h: Histories, p: Parameters) -> Floats:
        return np.asarray(expit(-self._log_odds_of_leaving(h, p)))

    def _future(self, h: Histories, p: Parameters) -> tuple[Floats, Floats, Floats, Floats]:
        """Of a customer alive at T: lambda ~ Gamma(shape, rate), p ~ Beta(a, b), each `(n,)`."""
        shape, rate, b = (
            p["r"] + h.frequency,
            p["alpha"] + h.T,
            p["b"] + h.frequency + self.EARLY_CHANCES,
        )
        return shape, rate, np.broadcast_to(p["a"], b.shape), b

    def _over_dropout(self, h: Histories, p: Parameters) -> dict[str, Floats]:
        """Quadrature over p ~ Beta(a, b) of customers alive at T."""
        early = self.EARLY_CHANCES
        nodes = h.by_frequency(
            lambda x, a, b: np.stack(
                beta_nodes(np.broadcast_to(a, x.shape), b + x + early), axis=1
            ),
            p["a"],
            p["b"],
        )
        _, _, a, b = self._future(h, p)
        return {"a": a, "b": b, "points": nodes[:, 0], "weights": nodes[:, 1]}

    def _survival(self, h: Histories, p: Parameters, at: Floats) -> Floats:
        # Departures are purchases thinned by p: P(none in `at`) = E[(rate / (rate + p at))^shape].
        shape, rate = (value[:, None] for value in self._future(h, p)[:2])
        return beta_mean(
            lambda q: np.exp(-shape * np.log1p(q * at[:, None] / rate)),
            np.ones(len(h)),
            **self._over_dropout(h, p),
        )

    def _mean_purchases(self, h: Histories, p: Parameters, start: Floats, end: Floats) -> Floats:
        # E[(1 - e^(-lambda p t)) / p], eq. 9 and 10, whose 2F1 has a pole at a = 1 that this mean
        # has not.
        shape, rate = (value[:, None] for value in self._future(h, p)[:2])
        begin, span = start[:, None], (end - start)[:, None]

        def mean_at(q: Floats) -> Floats:
            if not begin.any():
                return np.asarray(-np.expm1(-shape * np.log1p(q * span / rate)) / q)
            until_start = np.exp(-shape * np.log1p(q * begin / rate))
            return np.asarray(
                -until_start * np.expm1(-shape * np.log1p(q * span / (rate + q * begin))) / q
            )

        return beta_mean(mean_at, (shape * span / rate)[:, 0], **self._over_dropout(h, p))

    def _pmf(self, h: Histories, p: Parameters, horizon: Floats, counts: Floats) -> Floats:
        # eq. 8 with the parameters of a customer alive at T; its bracket is P(at least k purchases
        # without dropout).
        shape, rate, a, b = self._future(h, p)
        without = negative_binomial(counts, shape=shape, rate=rate, t=horizon)
        return geometric_dropout(without, counts, a=a[:, None], b=b[:, None])


def log_chance_to_stay(
    h: Histories, p: Parameters, *, early_chances: int
) -> tuple[Floats, Floats, Floats]:
    """log E[(1 - p)^chances] with p ~ Beta(a, b), x + early chances, and its derivatives by a and
    b.
    """
    a, b = p["a"], p["b"]

    def log_stay(x: Floats, a: Floats, b: Floats) -> Floats:
        return np.asarray(betaln(a, b + x + early_chances) - betaln(a, b))

    def by_a(x: Floats, a: Floats, b: Floats) -> Floats:
        return np.asarray(psi(a + b) - psi(a + b + x + early_chances))

    def by_b(x: Floats, a: Floats, b: Floats) -> Floats:
        return np.asarray(by_a(x, a, b) + psi(b + x + early_chances) - psi(b))

    return h.by_frequency(log_stay, a, b), h.by_frequency(by_a, a, b), h.by_frequency(by_b, a, b)


def negative_binomial(counts: Floats, *, shape: Floats, rate: Floats, t: Floats) -> Floats:
    """P(k events in t) when they come at a rate ~ Gamma(shape, rate): `(n, len(counts))` from three
    of `(n,)`.
    """
    share = (t / (rate + t))[:, None]
    return np.asarray(
        np.exp(
            log_ways(counts, shape=shape) + xlog1py(shape[:, None], -share) + xlogy(counts, share)
        )
    )


def log_ways(counts: Floats, *, shape: Floats) -> Floats:
    """log C(shape + k - 1, k), by the beta function: gamma functions of large shapes lose the
    digits that count.
    """
    return np.asarray(-np.log(shape[:, None] + counts) - betaln(shape[:, None], counts + 1))


def geometric_dropout(without: Floats, counts: Floats, *, a: Floats, b: Floats) -> Floats:
    """P(k purchases) when the customer may leave after each, p ~ Beta(a, b), from P(k) when none
    leaves.

    k purchases: k came and the customer survived the first k - 1 and either survived the last, or
    left with it while more would have come.
    """
    at_least = np.clip(1 - np.cumsum(without, axis=1) + without, 0.0, 1.0)
    survive = np.exp(betaln(a, b + counts) - betaln(a, b))
    leave = np.exp(betaln(a + 1, b + np.maximum(counts, 1) - 1) - betaln(a, b)) * (counts > 0)
    return np.asarray(survive * without + leave * at_least)
