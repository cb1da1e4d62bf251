"""Pareto/GGG: customers who die as in the Pareto/NBD, and each of whom buys with a rhythm of its
own.

Times between purchases are Gamma(k, k lambda), with k ~ Gamma(t, gamma) and lambda ~ Gamma(r,
alpha) across customers; the lifetime is exponential with a rate mu ~ Gamma(s, beta). At k = 1 for
everyone this is the Pareto/NBD. Platzer & Reutterer 2016, Ticking away the moments: timing
regularity helps to better predict customer activity, Marketing Science 35(5), equations 1 to 6.

The paper draws from the posterior by Markov chain Monte Carlo. Here mu is integrated out in closed
form, the moment of death and (k, lambda) by quadrature: the likelihood is a number, its maximum is
looked for as that of every other model, and two runs agree. The points of a customer depend on its
history alone and not on the parameters, so that what is costly, the incomplete gamma functions, is
done once.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, gammainccinv, gammaln, psi

from holdfast.arrays import Floats, Numbers
from holdfast.btyd.base import Question, require_variety
from holdfast.btyd.fitting import LOG_LIMIT, Estimator, Objective, maximise
from holdfast.btyd.histories import Histories, check_gaps, check_histories, check_times
from holdfast.btyd.quadrature import even_points, legendre
from holdfast.btyd.renewals import RHYTHMS, count_renewals

MOST_LEARNT = 2_000
CHUNK_ROWS = 250
N_RATES, N_DEATHS = 40, 12
FARTHEST_UNKNOWN = 9.0
# Where the density of a shape is as narrow as the points are apart.
NARROWEST_LOG_SHAPE = 3.0
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Grid:
    """What the histories of some customers say at every (k, lambda), whatever the parameters.

    Attributes
    ----------
    log_rate, log_step
        log lambda, `(n, n_rates)`, and the logarithm of the area around a point of (log k, log
        lambda), `(n,)`.
    log_gaps
        Log-density of the gaps, `(n, n_rhythms, n_rates)`.
    silent
        P(no purchase from t_x to T | alive), of the same shape.
    death, weight
        Moments of death in (t_x, T], and the weights that integrate over them, `(n, n_deaths)`.
    silent_until
        P(no purchase from t_x to the moment of death), `(n, n_rhythms, n_rates, n_deaths)`.
    """

    log_rate: Floats
    log_step: Floats
    log_gaps: Floats
    silent: Floats
    death: Floats
    weight: Floats
    silent_until: npt.NDArray[np.float32]

    @classmethod
    def of(cls, h: Histories, log_gaps: Floats, *, usual_rate: float) -> "Grid":
        """The points of each customer; `usual_rate` is where those without a repeat purchase are
        looked for.
        """
        x, gone_days = h.frequency, h.T - h.recency
        again = x > 0
        reach = 0.3 + 7 / np.sqrt(x + 1)
        slowest, quickest = (
            np.log(np.where(again, (x + 0.5) / np.where(again, time, 1.0), usual_rate))
            for time in (h.T, h.recency)
        )
        low = slowest - np.where(again, reach, FARTHEST_UNKNOWN)
        high = quickest + np.where(again, reach, FARTHEST_UNKNOWN)
        step = (high - low) / (N_RATES - 1)
        log_rate = low[:, None] + step[:, None] * np.arange(N_RATES)
        k, ticks = RHYTHMS[None, :, None], RHYTHMS[None, :, None] * np.exp(log_rate)[:, None, :]
        each = x[:, None, None]
        density = each * (k * np.log(ticks) - gammaln(k)) - ticks * h.recency[:, None, None]
        density = density + (k - 1) * log_gaps[:, None, None]
        # Moments of death are closest together where the last gap becomes suspicious.
        gap = np.maximum(h.T, _TINY) / (x + 1)
        length = np.log1p(gone_days / gap)
        nodes, shares = legendre(N_DEATHS)
        waited = gap[:, None] * np.expm1(length[:, None] * nodes)
        return cls(
            log_rate=log_rate,
            log_step=np.log(step) + np.log(np.log(RHYTHMS[1] / RHYTHMS[0])),
            log_gaps=density,
            silent=gammaincc(k, ticks * gone_days[:, None, None]),
            death=h.recency[:, None] + waited,
            weight=(gap * length)[:, None] * shares * np.exp(length[:, None] * nodes),
            silent_until=gammaincc(
                k[..., None], ticks[..., None] * waited[:, None, None, :]
            ).astype(np.float32),
        )

    def take(self, rows: slice) -> "Grid":
        """The points of some customers."""
        return Grid(**{name: value[rows] for name, value in self.__dict__.items()})


@dataclass(frozen=True)
class Posterior:
    """Customers under some parameters, given their histories.

    Attributes
    ----------
    log_likelihood
        `(n,)`
    alive
        P(k, lambda and alive at T), `(n, n_rhythms, n_rates)`.
    gradient
        Of the log-likelihood by the logarithms of the parameters, `(6, n)`: by Fisher's identity,
        the mean of the gradient if k, lambda and death were known.
    """

    log_likelihood: Floats
    alive: Floats
    gradient: Floats

    @classmethod
    def of(cls, grid: Grid, age: Floats, values: Floats) -> "Posterior":
        """By Bayes' rule; `values` are those of PARAMETERS."""
        t, gamma, r, alpha, s, beta = values
        rate = np.exp(grid.log_rate)
        prior_k = t * np.log(gamma) - gammaln(t) + t * np.log(RHYTHMS) - gamma * RHYTHMS
        prior_rate = r * np.log(alpha) - gammaln(r) + r * grid.log_rate - alpha * rate
        log_lived, log_died = np.log(beta / (beta + age)), np.log(beta / (beta + grid.death))
        dies = grid.weight * s / (beta + grid.death) * np.exp(s * log_died)
        still = np.exp(s * log_lived)[:, None, None] * grid.silent
        either = still + np.einsum("nkld,nd->nkl", grid.silent_until, dies)
        log_joint = (
            grid.log_gaps
            + prior_k[:, None]
            + prior_rate[:, None, :]
            + np.log(np.maximum(either, _TINY))
        )
        peak = log_joint.max(axis=(1, 2))
        joint = np.exp(log_joint - peak[:, None, None])
        total = joint.sum(axis=(1, 2))
        share = joint / total[:, None, None]
        over = share / np.maximum(either, _TINY)
        alive = over * still
        dead = dies * np.einsum("nkld,nkl->nd", grid.silent_until, over)
        there = alive.sum(axis=(1, 2))
        of_k, of_rate = share.sum(axis=2), share.sum(axis=1)
        gradient = np.array(
            [
                t * (np.log(gamma) - psi(t) + of_k @ np.log(RHYTHMS)),
                t - gamma * (of_k @ RHYTHMS),
                r * (np.log(alpha) - psi(r) + (of_rate * grid.log_rate).sum(axis=1)),
                r - alpha * (of_rate * rate).sum(axis=1),
                there * s * log_lived + (dead * (1 + s * log_died)).sum(axis=1),
                there * s * age / (beta + age)
                + (dead * (s - (s + 1) * beta / (beta + grid.death))).sum(axis=1),
            ]
        )
        return cls(peak + np.log(total) + grid.log_step, alive, gradient)


class ParetoGGG(Estimator):
    """Pareto / gamma-gamma-gamma.

    Its methods also take `sum_log_gaps`: the sum over a customer's repeat purchases of log(time
    since the purchase before), 0 without one. Of more than 2,000 customers at
    most as many are learnt from, evenly chosen; log-likelihood and standard errors are those of
    them.

    Examples
    --------
    >>> model = ParetoGGG.from_parameters(t=30.0, gamma=10.0, r=1.5, alpha=15.0, s=0.6, beta=12.0)
    >>> regular = model.probability_alive([5], [25.0], [34.0], sum_log_gaps=[5 * 1.6])
    >>> erratic = model.probability_alive([5], [25.0], [34.0], sum_log_gaps=[5 * 0.6])
    >>> bool(regular[0] < erratic[0])  # silence says more where gaps were even
    True
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ("t", "gamma", "r", "alpha", "s", "beta")

    def fit(
        self,
        frequency: Numbers,
        recency: Numbers,
        T: Numbers,
        *,
        sum_log_gaps: Numbers,
    ) -> Self:
        """Learn the parameters by maximum marginal likelihood.

        Raises
        ------
        DataError
            Where a history is impossible.
        NotEnoughData
            Without a customer, without a repeat purchase, or when all histories are the same.
        """
        every = check_histories(frequency, recency, T)
        gaps = check_gaps(sum_log_gaps, n_rows=len(every))
        require_variety(*every.merge(np.ones(len(every))))
        order = np.lexsort((every.T, every.recency, every.frequency))
        rows = order[:: -(-len(every) // MOST_LEARNT)]
        histories, gaps = every.take(rows), gaps[rows]
        unit = float(histories.T.mean())
        scaled, scaled_gaps = histories.in_units_of(unit), gaps - histories.frequency * np.log(unit)
        usual = float(scaled.frequency.sum() / scaled.T.sum())
        grid = Grid.of(scaled, scaled_gaps, usual_rate=usual)
        starts = [
            np.log([3.0, 3.0 / k, r, r / usual, s, s])
            for k, r, s in ((1.2, 0.7, 0.5), (3.0, 0.7, 0.5), (1.2, 2.0, 2.0))
        ]
        upper = np.full(6, LOG_LIMIT)
        upper[[0, 2]] = NARROWEST_LOG_SHAPE
        optimum = maximise(
            lambda rows: _objective(grid.take(rows), scaled.T[rows]),
            starts,
            n_rows=len(rows),
            n_customers=float(len(rows)),
            lower=np.full(6, -LOG_LIMIT),
            upper=upper,
        )
        # alpha and beta are times.
        values = np.exp(optimum.position) * [1, 1, 1, unit, 1, unit]
        self._set_parameters(dict(zip(self.PARAMETERS, values.tolist(), strict=True)))
        self._set_evidence(optimum)
        mean = _objective(grid, scaled.T)(optimum.position)[0] - float(
            scaled.frequency.mean()
        ) * np.log(unit)
        self.log_likelihood_ = mean * len(rows)
        return self

    def probability_alive(
        self,
        frequency: Numbers,
        recency: Numbers,
        T: Numbers,
        *,
        sum_log_gaps: Numbers,
        at: Numbers = 0.0,
    ) -> Floats:
        """P(still alive at age T + at), 0..1, of each customer. It is not 1 minus the chance to
        churn.
        """
        return self._ask(_AliveCustomers.alive_at, (frequency, recency, T), sum_log_gaps, at=at)

    def probability_no_purchase(
        self,
        frequency: Numbers,
        recency: Numbers,
        T: Numbers,
        *,
        sum_log_gaps: Numbers,
        horizon: Numbers,
    ) -> Floats:
        """P(no purchase in (T, T + horizon]), 0..1, of each customer."""
        return self._ask(
            _AliveCustomers.no_purchase,
            (frequency, recency, T),
            sum_log_gaps,
            horizon=horizon,
        )

    def expected_purchases(
        self,
        frequency: Numbers,
        recency: Numbers,
        T: Numbers,
        *,
        sum_log_gaps: Numbers,
        end: Numbers,
        start: Numbers = 0.0,
    ) -> Floats:
        """Expected number of purchases in (T + start, T + end] of each customer, given the history
        up to T.
        """
        return self._ask(
            _AliveCustomers.mean_purchases,
            (frequency, recency, T),
            sum_log_gaps,
            start=start,
            end=end,
        )

    def _ask(
        self,
        question: Question,
        history: tuple[Numbers, Numbers, Numbers],
        sum_log_gaps: Numbers,
        **times: Numbers,
    ) -> Floats:
        h = check_histories(*history)
        gaps, moments = (
            check_gaps(sum_log_gaps, n_rows=len(h)),
            check_times(times, n_rows=len(h)),
        )
        values, _ = self._values()
        answers = []
        for rows in h.slices(CHUNK_ROWS):
            customers = _AliveCustomers.of(h.take(rows), gaps[rows], values)
            answers.append(
                question(customers, **{name: moment[rows] for name, moment in moments.items()})
            )
        return np.concatenate(answers) if answers else np.zeros(0)


@dataclass(frozen=True)
class _AliveCustomers:
    """Some customers at points of their posterior given that they are alive, evenly weighted.

    Attributes
    ----------
    alive, life, s
        P(alive at T) and beta + T, `(n,)`; the shape of the lifetime's distribution.
    first
        Time to the next purchase, were the customer to live on, `(n, n_points)`.
    rhythm, rate, length
        Place in RHYTHMS, lambda, and a point of 0..1 for the length of life, of the same shape or
        `(n_points,)`.
    """

    alive: Floats
    life: Floats
    s: float
    first: Floats
    rhythm: npt.NDArray[np.int64]
    rate: Floats
    length: Floats

    @classmethod
    def of(cls, h: Histories, gaps: Floats, values: Floats) -> "_AliveCustomers":
        grid = Grid.of(h, gaps, usual_rate=float(values[2] / values[3]))
        alive = Posterior.of(grid, h.T, values).alive
        which, wait, length = even_points(3)
        at_most = np.cumsum(alive.reshape(len(h), -1), axis=1)
        there = at_most[:, -1]
        at_most = at_most / np.maximum(there, _TINY)[:, None]
        place = np.array([np.searchsorted(row, which) for row in at_most]).clip(
            0, at_most.shape[1] - 1
        )
        rhythm, at = np.divmod(place, N_RATES)
        rate = np.exp(np.take_along_axis(grid.log_rate, at, axis=1))
        k, since = RHYTHMS[rhythm], (h.T - h.recency)[:, None]
        silent = np.take_along_axis(grid.silent.reshape(len(h), -1), place, axis=1)
        first = np.maximum(
            gammainccinv(k, np.maximum(wait * silent, _TINY)) / (k * rate) - since, 0.0
        )
        return cls(
            np.clip(there, 0.0, 1.0), values[5] + h.T, float(values[4]), first, rhythm, rate, length
        )

    def alive_at(self, at: Floats) -> Floats:
        """P(alive at T + at), `(n,)`."""
        return np.asarray(self.alive * self.lives(at))

    def no_purchase(self, horizon: Floats) -> Floats:
        """P(no purchase in (T, T + horizon]), `(n,)`."""
        return np.asarray(np.clip(1 - self.alive * self.comes(horizon).mean(axis=1), 0.0, 1.0))

    def mean_purchases(self, start: Floats, end: Floats) -> Floats:
        """Expected purchases in (T + start, T + end], `(n,)`."""
        return np.asarray(self.alive * (self.purchases(end) - self.purchases(start)))

    def lives(self, at: Floats) -> Floats:
        """P(alive at T + at | alive at T); `at` is `(n,)` or `(n, n_points)`."""
        life = self.life if at.ndim == 1 else self.life[:, None]
        return np.exp(-self.s * np.log1p(at / life))

    def comes(self, horizon: Floats) -> Floats:
        """P(the next purchase comes in time and in life) at each point."""
        return np.where(self.first <= horizon[:, None], self.lives(self.first), 0.0)

    def purchases(self, end: Floats) -> Floats:
        """Expected purchases in (T, T + end] of a customer alive at T, `(n,)`."""
        dies = self.life[:, None] * np.expm1(-np.log(self.length) / self.s)
        left = np.minimum(end[:, None], dies) - self.first
        more = count_renewals(self.rhythm, self.rate * np.maximum(left, 0.0))
        return np.asarray(np.where(left >= 0, 1 + more, 0.0).mean(axis=1))


def _objective(grid: Grid, age: Floats) -> Objective:
    def objective(position: Floats) -> tuple[float, Floats]:
        posteriors = [
            Posterior.of(grid.take(rows), age[rows], np.exp(position))
            for rows in (
                slice(start, start + CHUNK_ROWS) for start in range(0, len(age), CHUNK_ROWS)
            )
        ]
        return (
            float(np.concatenate([part.log_likelihood for part in posteriors]).mean()),
            np.concatenate([part.gradient for part in posteriors], axis=1).mean(axis=1),
        )

    return objective
