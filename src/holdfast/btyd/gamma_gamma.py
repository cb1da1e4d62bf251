"""Gamma-Gamma: what an order of a customer is worth, when a customer's orders vary around a mean of
its own.

An order is Gamma(p, nu) with nu ~ Gamma(q, gamma) across customers, whatever their number of
orders. Fader & Hardie 2013, The Gamma-Gamma model of monetary value (brucehardie.com, note 025);
equation numbers are theirs.
"""

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
from scipy.special import gammaln, psi

from holdfast.arrays import Floats, Numbers
from holdfast.btyd.fitting import LOG_LIMIT, Estimator, Objective, maximise
from holdfast.btyd.histories import check_weights, merge_rows
from holdfast.errors import DataError, NotEnoughData

# At q = 1 the mean order value of the population, and with it that of a new customer, is infinite.
LEAST_Q = 1.02


class GammaGamma(Estimator):
    """Gamma-Gamma model of the mean value of an order.

    Money is in whatever unit the caller uses. It may be fitted to repeat purchases or to all orders
    of a customer; with all orders, one-time buyers say what their only order tells.

    Examples
    --------
    >>> model = GammaGamma.from_parameters(p=6.25, q=3.74, gamma=15.44)
    >>> model.expected_mean_order_value([0, 1, 10], [0.0, 100.0, 100.0]).round(2)
    array([35.22, 80.26, 97.28])
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ("p", "q", "gamma")

    def fit(
        self,
        frequency: Numbers,
        monetary_value: Numbers,
        weights: Numbers | None = None,
    ) -> Self:
        """Learn the parameters by maximum likelihood.

        Parameters
        ----------
        frequency
            Number of orders that `monetary_value` is the mean of. Customers with none are left out:
            they say nothing.
        monetary_value
            Mean value of these orders, above 0.
        weights
            How many customers each row stands for; 1 each when left out.

        Raises
        ------
        DataError
            Where a value is not finite or not above 0.
        NotEnoughData
            With fewer than two different customers who ordered.
        """
        x, m = _check_orders(frequency, monetary_value)
        counts = check_weights(weights, n_rows=len(x)) * (x > 0)
        if (m[counts > 0] <= 0).any():
            n_worthless = int((m[counts > 0] <= 0).sum())
            raise DataError(
                f"{n_worthless} of {int((counts > 0).sum())} customers have a mean order value of "
                "0 or less",
                fix="leave them out: the model knows only orders above 0",
            )
        firsts, merged = merge_rows((m, x), counts)
        if len(firsts) < 2:
            raise NotEnoughData(
                f"{merged.sum():g} customers with orders, none different from another",
                fix="pass at least two that differ; how customers differ cannot be learnt from "
                "equal ones",
            )
        return self._learn(x[firsts], m[firsts], merged)

    def expected_mean_order_value(self, frequency: Numbers, monetary_value: Numbers) -> Floats:
        """Expected value of a customer's next order, given `frequency` orders of mean
        `monetary_value`.

        A mean of the customer's own orders and of the population, the first weighing more the more
        there are (eq. 5). Without an order it is that of the population, whatever `monetary_value`
        says.
        """
        (p, q, gamma), _ = self._values()
        x, m = _check_orders(frequency, monetary_value)
        return np.asarray(p * (gamma + np.where(x > 0, x * m, 0.0)) / (p * x + q - 1))

    def _learn(self, x: Floats, m: Floats, weights: Floats) -> Self:
        unit = float(weights @ m / weights.sum())
        optimum = maximise(
            lambda rows: _objective(x[rows], m[rows] / unit, weights[rows]),
            [np.log([p, q, (q - 1) / p]) for p in (1.0, 10.0) for q in (2.0, 8.0)],
            n_rows=len(x),
            n_customers=float(weights.sum()),
            lower=np.array([-LOG_LIMIT, np.log(LEAST_Q), -LOG_LIMIT]),
            upper=np.full(3, LOG_LIMIT),
        )
        p, q, gamma = np.exp(optimum.position)
        self._set_parameters({"p": p, "q": q, "gamma": gamma * unit})
        self._set_evidence(optimum)
        if q < 1.001 * LEAST_Q:
            self.notes_ += (
                "the values of customers spread so far that their mean is not finite: q is held at "
                "its least, and what "
                "is expected of a customer with few orders is a fallback",
            )
        self.log_likelihood_ = float(weights @ _log_likelihood(x, m, p, q, gamma * unit)[0])
        return self

    def _set_parameters(self, parameters: Mapping[str, float]) -> None:
        super()._set_parameters(parameters)
        if parameters["q"] <= 1:
            raise DataError(
                f"q is {parameters['q']:g}",
                fix="q must be above 1, or the mean order value is infinite",
            )


def _objective(x: Floats, m: Floats, weights: Floats) -> Objective:
    total = float(weights.sum())

    def objective(position: Floats) -> tuple[float, Floats]:
        logs, score = _log_likelihood(x, m, *np.exp(position))
        return float(weights @ logs) / total, score @ weights / total

    return objective


def _log_likelihood(
    x: Floats, m: Floats, p: float, q: float, gamma: float
) -> tuple[Floats, Floats]:
    """Of mean m over x orders (eq. 1a), and its derivatives by the logarithms of p, q and gamma
    `(3, n)`.
    """
    shape, spent = p * x, m * x
    value = gammaln(shape + q) - gammaln(shape) - gammaln(q) - np.log(m)
    value += q * np.log(gamma) + shape * np.log(spent) - (shape + q) * np.log(gamma + spent)
    by_p = x * (psi(shape + q) - psi(shape) + np.log(spent) - np.log(gamma + spent))
    by_q = psi(shape + q) - psi(q) + np.log(gamma) - np.log(gamma + spent)
    by_gamma = q / gamma - (shape + q) / (gamma + spent)
    return value, np.array([p * by_p, q * by_q, gamma * by_gamma])


def _check_orders(frequency: Numbers, monetary_value: Numbers) -> tuple[Floats, Floats]:
    x = np.atleast_1d(np.asarray(frequency, dtype=np.float64))
    m = np.atleast_1d(np.asarray(monetary_value, dtype=np.float64))
    if x.ndim != 1 or x.shape != m.shape:
        raise DataError(
            f"frequency has shape {x.shape}, monetary_value {m.shape}",
            fix="pass one number of each per customer",
        )
    if not (np.isfinite(x) & (x >= 0) & (x == np.floor(x))).all():
        raise DataError("a frequency is not a whole number >= 0", fix="pass the number of orders")
    if not (np.isfinite(m) & (m >= 0))[x > 0].all():
        raise DataError(
            "a monetary_value is negative or not finite", fix="pass the mean value of the orders"
        )
    return x, m
