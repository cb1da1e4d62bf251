"""Contracts: how many renewals a customer makes before it leaves, each customer with its own chance
to leave at every renewal.

Shifted beta-geometric: the chance is Beta(alpha, beta) across customers and stays what it is.
Fader & Hardie 2007, How to project customer retention, Journal of Interactive Marketing 21(1).
Beta-discrete-Weibull: a customer's own chance also rises (c > 1) or falls (c < 1) with the number
of renewals. Fader, Hardie, Liu, Davin & Steenburgh 2018, "How to project customer retention"
revisited: the role of duration dependence, Journal of Interactive Marketing 43.
"""

from typing import ClassVar, Self

import numpy as np
from scipy.special import betaln, psi

from holdfast.arrays import Floats, Numbers
from holdfast.btyd.fitting import LOG_LIMIT, Estimator, Objective, maximise
from holdfast.btyd.histories import check_weights, merge_rows
from holdfast.errors import DataError, NotEnoughData

_DURATION_LIMIT = 1.5
_LEAST = 1e-300


class BetaDiscreteWeibull(Estimator):
    """Beta-discrete-Weibull distribution of the number of renewals.

    S(t) = B(alpha, beta + t^c) / B(alpha, beta) is the share of the customers who renew t times or
    more.

    Examples
    --------
    1,000 customers of whom 631 renew once, 468 twice and 382 three times or more:

    >>> model = BetaDiscreteWeibull().fit([0, 1, 2, 3], [1, 1, 1, 0], [369, 163, 86, 382])
    >>> model.survival([1, 2, 3, 7]).round(2)
    array([0.63, 0.47, 0.38, 0.24])
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ("alpha", "beta", "c")

    def fit(
        self,
        renewals: Numbers,
        overdue: Numbers,
        weights: Numbers | None = None,
        *,
        before: Numbers = 0.0,
    ) -> Self:
        """Learn the parameters by maximum likelihood.

        Parameters
        ----------
        renewals
            How often each customer has renewed, (n,).
        overdue
            The chance that one more renewal would have been seen by now, 0..1: 1 of a customer who
            has left, 0 of one whose contract still runs.
        weights
            How many customers each row stands for; 1 each when left out.
        before
            Renewals that had been made before anyone watched, which only those who stayed so long
            could be seen after.

        Raises
        ------
        DataError
            Where a number is impossible.
        NotEnoughData
            Nobody's contract has come up for renewal.
        """
        k, gone = (np.atleast_1d(np.asarray(each, np.float64)) for each in (renewals, overdue))
        earlier = np.broadcast_to(np.asarray(before, np.float64), k.shape)
        if k.ndim != 1 or k.shape != gone.shape or not ((k >= 0) & (earlier >= 0)).all():
            raise DataError(
                "renewals and overdue are not one number >= 0 per customer",
                fix="pass as many of each",
            )
        if not ((gone >= 0) & (gone <= 1)).all():
            raise DataError("overdue is a probability", fix="pass numbers from 0 to 1")
        counts = check_weights(weights, n_rows=len(k))
        if not ((k + gone) * counts > 0).any():
            raise NotEnoughData(
                f"{counts.sum():g} customers, and no contract has come up for renewal",
                fix="use a longer log",
            )
        rows, merged = merge_rows((gone, earlier, k), counts)
        return self._learn(k[rows], gone[rows], earlier[rows], merged)

    def survival(self, renewals: Numbers) -> Floats:
        """Share of customers who renew so often or more, same shape; 1 at 0."""
        return np.asarray(np.exp(_log_survival(np.asarray(renewals, np.float64), *self._law())))

    def retention(self, renewals: Numbers) -> Floats:
        """P(renews once more | has renewed so often), same shape."""
        k = np.asarray(renewals, np.float64)
        return np.asarray(
            np.exp(_log_survival(k + 1, *self._law()) - _log_survival(k, *self._law()))
        )

    def _law(self) -> tuple[float, float, float]:
        alpha, beta, *c = self._values()[0]
        return alpha, beta, c[0] if c else 1.0

    def _learn(self, k: Floats, gone: Floats, before: Floats, weights: Floats) -> Self:
        n = len(self.PARAMETERS)
        limits = np.array([LOG_LIMIT, LOG_LIMIT, _DURATION_LIMIT])[:n]
        optimum = maximise(
            lambda rows: _objective(k[rows], gone[rows], before[rows], weights[rows], n),
            [np.log([alpha, beta, 1.0])[:n] for alpha, beta in ((0.5, 1.0), (1.0, 10.0))],
            n_rows=len(k),
            n_customers=float(weights.sum()),
            lower=-limits,
            upper=limits,
        )
        self._set_parameters(dict(zip(self.PARAMETERS, np.exp(optimum.position), strict=True)))
        self._set_evidence(optimum)
        self.log_likelihood_ = float(weights @ _log_likelihood(k, gone, before, self._law())[0])
        return self


class ShiftedBetaGeometric(BetaDiscreteWeibull):
    """Shifted beta-geometric distribution of the number of renewals: c = 1.

    Examples
    --------
    >>> ShiftedBetaGeometric.from_parameters(alpha=0.668, beta=3.806).survival([1, 7, 12]).round(3)
    array([0.851, 0.489, 0.378])
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ("alpha", "beta")


def _objective(
    k: Floats, gone: Floats, before: Floats, weights: Floats, n_parameters: int
) -> Objective:
    total = float(weights.sum())

    def objective(position: Floats) -> tuple[float, Floats]:
        law = (*np.exp(position), 1.0)[:3]
        logs, score = _log_likelihood(k, gone, before, law)
        return float(weights @ logs) / total, (score @ weights / total)[:n_parameters]

    return objective


def _log_likelihood(
    k: Floats, gone: Floats, before: Floats, law: tuple[float, ...]
) -> tuple[Floats, Floats]:
    """Of customers who renewed k times and are overdue with that chance, S(k) - overdue x S(k + 1),
    given S(before); and its derivatives by the logarithms of alpha, beta and c `(3, n)`.
    """
    alpha, beta, c = law
    stayed, once_more, seen = (
        _log_survival(t, alpha, beta, c) for t in (before + k, before + k + 1, before)
    )
    share = np.exp(once_more - stayed) * gone
    rest = np.maximum(1 - share, _LEAST)
    by_each = [_slopes(t, alpha, beta, c) for t in (before + k, before + k + 1, before)]
    slopes = (by_each[0] - share * by_each[1]) / rest - by_each[2]
    return stayed + np.log(rest) - seen, slopes


def _log_survival(t: Floats, alpha: float, beta: float, c: float) -> Floats:
    return np.asarray(betaln(alpha, beta + t**c) - betaln(alpha, beta))


def _slopes(t: Floats, alpha: float, beta: float, c: float) -> Floats:
    """Derivatives of `_log_survival` by the logarithms of alpha, beta and c, `(3, n)`."""
    tau = t**c
    both = psi(alpha + beta + tau)
    by_tau = psi(beta + tau) - both
    turn = c * tau * np.log(np.maximum(t, 1.0))
    # t = 0 stays 0 whatever c is, and so does its logarithm above.
    by_alpha, by_beta = psi(alpha + beta) - both, by_tau - psi(beta) + psi(alpha + beta)
    return np.array([alpha * by_alpha, beta * by_beta, by_tau * turn])
