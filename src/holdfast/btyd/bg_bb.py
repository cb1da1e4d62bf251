"""BG/BB: customers who have one opportunity to buy per period, such as a yearly donation or a
weekly market.

At each opportunity an active customer buys with its own probability ~ Beta(alpha, beta); before
each it leaves for good with its own probability ~ Beta(gamma, delta). Fader, Hardie & Shang 2010,
Customer-base analysis in a discrete-time noncontractual setting, Marketing Science 29(6); equation
numbers are theirs.

Here T, `recency` and every time are numbers of opportunities: whole numbers.
"""

from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, gammaln, psi

from holdfast.arrays import Floats, Numbers
from holdfast.btyd.base import BuyTillYouDie, Parameters, Question
from holdfast.btyd.histories import Histories
from holdfast.errors import DataError


class BGBB(BuyTillYouDie):
    """Beta-geometric / beta-Bernoulli distribution.

    `frequency` counts the opportunities taken, `recency` is the last one taken, T how many there
    were. To be alive at T is to have been there for opportunity T; the paper's "alive in the next
    period" is `probability_alive(at=1)`.

    Examples
    --------
    >>> model = BGBB.from_parameters(alpha=1.2035, beta=0.7497, gamma=0.6567, delta=2.7834)
    >>> model.expected_purchases([0, 4], [0, 5], 6, end=10).round(2)
    array([0.13, 3.63])
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ("alpha", "beta", "gamma", "delta")

    def _histories(
        self,
        frequency: Numbers,
        recency: Numbers,
        T: Numbers,
        covariates: Numbers | None,
    ) -> Histories:
        histories = super()._histories(frequency, recency, T, covariates)
        for name, values in (("recency", histories.recency), ("T", histories.T)):
            if (values != np.floor(values)).any():
                raise DataError(f"{name} holds a fraction", fix="count whole opportunities")
        crowded = int((histories.frequency > histories.recency).sum())
        if crowded:
            raise DataError(
                f"{crowded} histories bought more often than they had opportunities",
                fix="count one per opportunity",
            )
        return histories

    def _ask(self, question: Question, h: Histories, **times: Numbers) -> Floats:
        for name, value in times.items():
            if (np.asarray(value) != np.floor(value)).any():
                raise DataError(f"{name} holds a fraction", fix="count whole opportunities")
        return super()._ask(question, h, **times)

    def _unit_of_time(self, h: Histories, weights: Floats) -> float:
        return 1.0  # an opportunity has no other

    def _starts(self, h: Histories, weights: Floats) -> list[dict[str, float]]:
        return [
            {"alpha": alpha, "beta": beta, "gamma": gamma, "delta": delta}
            for alpha, beta in ((1.0, 1.0), (0.5, 3.0))
            for gamma, delta in ((0.5, 3.0), (1.0, 20.0))
        ]

    def _log_likelihood(self, h: Histories, p: Parameters) -> tuple[Floats, Floats]:
        # eq. 5: alive through T, or gone after t_x, t_x + 1, ... T - 1 opportunities.
        alpha, beta, gamma, delta = (p[name] for name in self.PARAMETERS)
        x = h.frequency[:, None]
        length, gone, possible = _lifetimes(h)
        logs = betaln(alpha + x, beta + length - x) + betaln(gamma + gone, delta + length)
        logs = np.where(possible, logs, -np.inf)
        peak = logs.max(axis=1, keepdims=True)
        share = np.exp(logs - peak)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        value = (peak + np.log(total))[:, 0] - betaln(alpha, beta) - betaln(gamma, delta)

        def mean(values: Floats) -> Floats:
            return np.asarray((share * values).sum(axis=1))

        bought = mean(psi(alpha + beta + length))
        stayed = mean(psi(gamma + gone + delta + length))
        by_alpha = psi(alpha + h.frequency) - bought - psi(alpha) + psi(alpha + beta)
        by_beta = mean(psi(beta + length - x)) - bought - psi(beta) + psi(alpha + beta)
        by_gamma = mean(psi(gamma + gone)) - stayed - psi(gamma) + psi(gamma + delta)
        by_delta = mean(psi(delta + length)) - stayed - psi(delta) + psi(gamma + delta)
        return value, np.array(
            [alpha * by_alpha, beta * by_beta, gamma * by_gamma, delta * by_delta]
        )

    def _alive(self, h: Histories, p: Parameters) -> Floats:
        # eq. A10 with m = 0
        alpha, beta, gamma, delta = (p[name] for name in self.PARAMETERS)
        log_alive = betaln(alpha + h.frequency, beta + h.T - h.frequency) - betaln(alpha, beta)
        log_alive = log_alive + betaln(gamma, delta + h.T) - betaln(gamma, delta)
        return np.asarray(np.exp(np.minimum(log_alive - self._log_likelihood(h, p)[0], 0.0)))

    def _survival(self, h: Histories, p: Parameters, at: Floats) -> Floats:
        stayed = p["delta"] + h.T
        return np.asarray(np.exp(betaln(p["gamma"], stayed + at) - betaln(p["gamma"], stayed)))

    def _mean_purchases(self, h: Histories, p: Parameters, start: Floats, end: Floats) -> Floats:
        # eq. 13, as the sum over the opportunities it comes from: its (gamma - 1) has no zero to
        # divide by here.
        chance = (p["alpha"] + h.frequency) / (p["alpha"] + p["beta"] + h.T)
        there, expected = np.ones(len(h)), np.zeros(len(h))
        for opportunity in range(int(end.max())):
            there *= (p["delta"] + h.T + opportunity) / (
                p["gamma"] + p["delta"] + h.T + opportunity
            )
            expected += there * ((opportunity >= start) & (opportunity < end))
        return np.asarray(chance * expected)

    def _pmf(self, h: Histories, p: Parameters, horizon: Floats, counts: Floats) -> Floats:
        # eq. 7 with the parameters of a customer alive at T.
        gamma, stayed = p["gamma"], p["delta"] + h.T
        pmf = np.zeros((len(h), len(counts)))
        for length in range(int(horizon.max()) + 1):
            leaves = np.exp(betaln(gamma + 1, stayed + length) - betaln(gamma, stayed)) * (
                length < horizon
            )
            remains = self._survival(h, p, np.asarray(float(length))) * (length == horizon)
            pmf += (leaves + remains)[:, None] * _beta_binomial(h, p, length, counts)
        return pmf


def _lifetimes(h: Histories) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Opportunities a customer may have been there for, 1 where it then left, and whether a row has
    the case.

    Column 0 is alive through T, the others are gone after t_x, t_x + 1, ... Shape `(n, 1 + longest
    silence)`.
    """
    later = np.arange(int((h.T - h.recency).max()))
    length = np.column_stack([h.T, h.recency[:, None] + later])
    gone = np.append(0.0, np.ones(len(later)))
    possible = length + gone <= h.T[:, None]
    return np.where(possible, length, h.T[:, None]), gone, possible


def _beta_binomial(h: Histories, p: Parameters, length: int, counts: Floats) -> Floats:
    """P(counts purchases at `length` opportunities) of a customer alive all along, shape `(n,
    len(counts))`.
    """
    possible = np.minimum(counts, length)
    alpha, beta = (p["alpha"] + h.frequency)[:, None], (p["beta"] + h.T - h.frequency)[:, None]
    log_ways = gammaln(length + 1) - gammaln(possible + 1) - gammaln(length - possible + 1)
    logs = log_ways + betaln(alpha + possible, beta + length - possible) - betaln(alpha, beta)
    return np.asarray(np.exp(logs) * (counts <= length))
