"""MBG/CNBD-k: the MBG/NBD for customers with a rhythm, who buy at every k-th tick of their clock.

The time between purchases is Erlang(k, lambda) instead of exponential, lambda ~ Gamma(r, alpha) the
rate of the ticks: k = 1 is the MBG/NBD, a larger k more regular. Customers leave as in the MBG/NBD.
Reutterer, Platzer & Schroeder 2021, Leveraging purchase regularity for predicting customer behavior
the easy way, IJRM 38(1).

The paper approximates the conditional expectation; here it is the exact sum over what the clock may
still bring.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaln, expit, gammaln, psi, xlogy

from holdfast.arrays import Floats, Numbers
from holdfast.btyd.base import BuyTillYouDie, Parameters, require_variety
from holdfast.btyd.bg_nbd import log_chance_to_stay
from holdfast.btyd.histories import Histories, check_gaps, check_weights
from holdfast.errors import DataError

LARGEST_K = 12
NEGLIGIBLE_CHANCE = 1e-13
BLOCK_COUNTS, FIRST_COUNTS = 64, 8
MOST_PURCHASES = 2**20


class MBGCNBDk(BuyTillYouDie):
    """Modified beta-geometric / condensed negative binomial distribution with Erlang-k timing.

    Parameters
    ----------
    k
        Regularity, a whole number >= 1; chosen from 1 to 12 by the likelihood when left out.
    covariates
        Names of customer attributes that multiply alpha, a and b by exp(effect x value), as in the
        BG/NBD.

    Attributes
    ----------
    k_
        Regularity fitted or given; also in `parameters_`.
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    TIMES: ClassVar[tuple[str, ...]] = ("alpha",)
    CARRIERS: ClassVar[tuple[str, ...]] = ("alpha", "a", "b")

    k_: int

    def __init__(self, *, k: int | None = None, covariates: tuple[str, ...] = ()) -> None:
        self.k = k
        self.covariates = covariates

    def fit(
        self,
        frequency: Numbers,
        recency: Numbers,
        T: Numbers,
        weights: Numbers | None = None,
        *,
        covariates: Numbers | None = None,
        sum_log_gaps: Numbers | None = None,
    ) -> Self:
        """Learn the parameters, and k unless it was given, by maximum likelihood.

        Parameters
        ----------
        frequency, recency, T, weights, covariates
            As for the other models of the family.
        sum_log_gaps
            Sum over a customer's repeat purchases of log(time since the purchase before), 0 without
            one. It is all that the times in between say of k; left out, k is judged by recency and
            T alone.
        """
        every = self._histories(frequency, recency, T, covariates)
        counts = check_weights(weights, n_rows=len(every))
        gaps = None if sum_log_gaps is None else check_gaps(sum_log_gaps, n_rows=len(every))
        histories, merged = every.merge(counts)
        require_variety(histories, merged)
        best: MBGCNBDk | None = None
        for k in [self.k] if self.k is not None else range(1, LARGEST_K + 1):
            fitted = self._fit_with(_check_k(k), histories, merged)
            fitted.log_likelihood_ += float(counts @ _spacing(every, gaps, k=fitted.k_))
            # The likelihood has one peak in k.
            if best is not None and fitted.log_likelihood_ <= best.log_likelihood_:
                break
            best = fitted
        self.__dict__.update(best.__dict__ | self.get_params())
        if self.k is None and self.k_ == LARGEST_K:
            self.notes_ += (
                f"k = {LARGEST_K}, the largest tried: purchases are as regular as clockwork, or "
                "too few",
            )
        return self

    def _fit_with(self, k: int, histories: Histories, weights: Floats) -> "MBGCNBDk":
        model = MBGCNBDk(k=k, covariates=self.covariates)
        model.k_ = k
        return model._learn(histories, weights)

    def _set_parameters(self, parameters: Mapping[str, float]) -> None:
        others = dict(parameters)
        self.k_ = _check_k(others.pop("k", getattr(self, "k_", 0)))
        super()._set_parameters(others)
        self.parameters_ = {"k": float(self.k_), **self.parameters_}

    def _starts(self, h: Histories, weights: Floats) -> list[dict[str, float]]:
        tick_rate = self.k_ * float(weights @ h.frequency / (weights @ h.T))
        return [
            {"r": r, "alpha": r / tick_rate, "a": a, "b": b}
            for r in (0.5, 2.0)
            for a, b in ((0.5, 1.0), (1.0, 5.0))
        ]

    def _silent_ticks(self, h: Histories, p: Parameters) -> tuple[Floats, Floats]:
        """Of a customer alive at T: log-weight of no purchase since t_x `(n,)`, share of 0..k-1
        ticks since `(n, k)`.

        The weight is comparable to (alpha + t_x)^-(r + k x) of a customer who left at t_x.
        """
        ticks = np.arange(self.k_)

        def log_ways(x: Floats, r: Floats) -> Floats:
            total = (r + self.k_ * x)[:, None]
            return np.asarray(gammaln(total + ticks) - gammaln(total) - gammaln(ticks + 1))

        log_T = np.log(p["alpha"] + h.T)[:, None]
        rising = (
            xlogy(ticks, (h.T - h.recency)[:, None])
            - (self._ticks_of_purchases(h, p)[:, None] + ticks) * log_T
        )
        log_weights = h.by_frequency(log_ways, p["r"]) + rising
        peak = log_weights.max(axis=1)
        weights = np.exp(log_weights - peak[:, None])
        total = weights.sum(axis=1)
        return peak + np.log(total), weights / total[:, None]

    def _ticks_of_purchases(self, h: Histories, p: Parameters) -> Floats:
        return np.asarray(p["r"] + self.k_ * h.frequency)

    def _log_odds_of_leaving(self, h: Histories, p: Parameters, log_silent: Floats) -> Floats:
        left = np.log(p["a"]) - np.log(p["b"] + h.frequency)
        return np.asarray(
            left - self._ticks_of_purchases(h, p) * np.log(p["alpha"] + h.recency) - log_silent
        )

    def _log_likelihood(self, h: Histories, p: Parameters) -> tuple[Floats, Floats]:
        # But for the spacing of the purchases, which only k bears on (`_spacing`).
        r, alpha, a, b = (p[name] for name in self.PARAMETERS)
        k, ticks, total = self.k_, np.arange(self.k_), self._ticks_of_purchases(h, p)
        log_T, log_t = np.log(alpha + h.T), np.log(alpha + h.recency)
        log_silent, share = self._silent_ticks(h, p)
        log_odds = self._log_odds_of_leaving(h, p, log_silent)
        gone = expit(log_odds)
        log_stay, stayed_by_a, stayed_by_b = log_chance_to_stay(h, p, early_chances=1)
        value = (
            h.by_frequency(lambda x, r: gammaln(r + k * x) - gammaln(r), r)
            + r * np.log(alpha)
            + log_silent
        )
        since = h.by_frequency(
            lambda x, r: psi((r + k * x)[:, None] + ticks) - psi(r + k * x)[:, None], r
        )
        by_r = h.by_frequency(lambda x, r: psi(r + k * x) - psi(r), r) + np.log(alpha)
        by_r = by_r + (1 - gone) * ((share * since).sum(axis=1) - log_T) - gone * log_t
        by_alpha = (
            r / alpha
            - (1 - gone) * (total + share @ ticks) / (alpha + h.T)
            - gone * total / (alpha + h.recency)
        )
        by_a, by_b = stayed_by_a + gone / a, stayed_by_b - gone / (b + h.frequency)
        score = np.array([r * by_r, alpha * by_alpha, a * by_a, b * by_b])
        return value + log_stay + np.logaddexp(0.0, log_odds), score

    def _alive(self, h: Histories, p: Parameters) -> Floats:
        return np.asarray(expit(-self._log_odds_of_leaving(h, p, self._silent_ticks(h, p)[0])))

    def _survival(self, h: Histories, p: Parameters, at: Floats) -> Floats:
        survival = np.ones(len(h))
        for counts, rows, at_least in self._blocks(h, p, at):
            leaves = _log_mean_leave(h.take(rows), _rows(p, rows), counts)
            survival[rows] -= (np.exp(leaves) * at_least).sum(axis=1)
        return survival

    def _mean_purchases(self, h: Histories, p: Parameters, start: Floats, end: Floats) -> Floats:
        return self._mean_until(h, p, end) - (self._mean_until(h, p, start) if start.any() else 0.0)

    def _mean_until(self, h: Histories, p: Parameters, t: Floats) -> Floats:
        # The n-th purchase happens if its tick comes and the customer survived the n - 1 before.
        expected = np.zeros(len(h))
        for counts, rows, at_least in self._blocks(h, p, t):
            stays = _log_mean_stay(h.take(rows), _rows(p, rows), counts - 1)
            expected[rows] += (np.exp(stays) * at_least).sum(axis=1)
        return expected

    def _pmf(self, h: Histories, p: Parameters, horizon: Floats, counts: Floats) -> Floats:
        more = np.append(counts, counts[-1] + 1)
        at_least = self._at_least(h, p, horizon, more)
        without = -np.diff(at_least, axis=1)
        leave = np.exp(_log_mean_leave(h, p, np.maximum(counts, 1))) * (counts > 0)
        return np.asarray(np.exp(_log_mean_stay(h, p, counts)) * without + leave * at_least[:, :-1])

    def _at_least(self, h: Histories, p: Parameters, t: Floats, counts: Floats) -> Floats:
        """P(the clock brings at least `counts` purchases in t, were nobody to leave), shape `(n,
        len(counts))`.
        """
        share, total = self._silent_ticks(h, p)[1], self._ticks_of_purchases(h, p)[:, None]
        come = (t / (p["alpha"] + h.T + t))[:, None]
        at_least = np.zeros((len(h), len(counts)))
        for tick in range(self.k_):
            missing = self.k_ * counts - tick
            # P(negative binomial >= m) is an incomplete beta function; none is missing for 0
            # purchases.
            reached = np.where(
                missing > 0, betainc(np.maximum(missing, 1), total + tick, come), 1.0
            )
            at_least += share[:, tick, None] * reached
        return at_least

    def _blocks(
        self, h: Histories, p: Parameters, t: Floats
    ) -> Iterator[tuple[Floats, npt.NDArray[np.intp], Floats]]:
        """1, 2, 3, ... purchases in t and their chance, `(len(rows), n_counts)`, for customers who
        may come so far.

        Beyond 128 the chance stands for 2, 4, 8, ... neighbours, as many times their middle: it
        changes too slowly there for the midpoint rule to tell the difference.
        """
        rows, before, stride = np.arange(len(h)), 0, 1
        while len(rows) and before < MOST_PURCHASES:
            size = FIRST_COUNTS if before < BLOCK_COUNTS else BLOCK_COUNTS
            counts = before + stride * np.arange(size, dtype=np.float64) + (1 + stride) / 2
            at_least = self._at_least(h.take(rows), _rows(p, rows), t[rows], counts)
            yield counts, rows, stride * at_least
            rows = rows[at_least[:, -1] > NEGLIGIBLE_CHANCE]
            before += stride * size
            stride = max(1, before // (2 * BLOCK_COUNTS))


def _log_mean_stay(h: Histories, p: Parameters, counts: Floats) -> Floats:
    """log E[(1 - p)^counts] of a customer alive at T, shape `(n, len(counts))`."""
    a, b = np.reshape(p["a"], (-1, 1)), (p["b"] + h.frequency + 1)[:, None]
    return np.asarray(betaln(a, b + counts) - betaln(a, b))


def _log_mean_leave(h: Histories, p: Parameters, counts: Floats) -> Floats:
    """log E[p (1 - p)^(counts - 1)] of a customer alive at T, shape `(n, len(counts))`."""
    a, b = np.reshape(p["a"], (-1, 1)), (p["b"] + h.frequency + 1)[:, None]
    return np.asarray(betaln(a + 1, b + counts - 1) - betaln(a, b))


def _rows(p: Parameters, rows: npt.NDArray[np.intp]) -> Parameters:
    return {name: value[rows] if np.ndim(value) else value for name, value in p.items()}


def _spacing(h: Histories, sum_log_gaps: Floats | None, *, k: int) -> Floats:
    """What k says of the times between purchases, relative to k = 1: the part of the log-likelihood
    without r..b.
    """
    x = h.frequency
    if sum_log_gaps is not None:
        return np.asarray((k - 1) * sum_log_gaps - x * gammaln(k))
    # Without them: the density of t_x, the sum of x gaps.
    log_recency = np.log(np.where(x > 0, h.recency, 1.0))
    return np.where(
        x > 0,
        (k - 1) * x * log_recency - gammaln(np.maximum(k * x, 1)) + gammaln(np.maximum(x, 1)),
        0.0,
    )


def _check_k(k: float) -> int:
    if k != int(k) or k < 1:
        raise DataError(
            f"k is {k:g}, not a whole number >= 1", fix="leave k out to have it chosen from 1 to 12"
        )
    return int(k)
