"""How the revenue of a customer is distributed, given how many orders come and what each is worth.

n orders of one customer, each Gamma(p, nu), sum to Gamma(p n, nu), and nu given x orders that
summed to s is Gamma(q + p x, gamma + s) (Fader & Hardie 2013, note 025, equations 1 and 4). The sum
is thus (gamma + s) times a quotient of two standard gammas. Every customer is evaluated at the same
evenly spread points: no prediction depends on who is predicted beside it.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from holdfast.arrays import Matrix, Vector
from holdfast.btyd import GammaGamma
from holdfast.btyd.quadrature import even_points
from holdfast.models.prediction_intervals import Intervals


def revenue_intervals(
    pmf: Matrix, orders: GammaGamma, n_purchases: Vector, spent: Vector
) -> Intervals:
    """Median and intervals of what a customer's orders will sum to.

    Where silence is so likely that the lower bound cannot miss, all of the room of the 80 %
    interval is given to the upper one.

    Parameters
    ----------
    pmf
        P(0), P(1), ... orders, (n_customers, most + 1); what is missing to 1 counts as `most`.
    orders
        The fitted value of an order.
    n_purchases, spent
        Orders so far, and what they summed to, above 0, currency: (n_customers,) each.
    """
    drawn = _draws(pmf, orders, n_purchases, spent)
    low_95, low_80, median, bare_80, high_80, high_95 = np.quantile(
        drawn, [0.025, 0.1, 0.5, 0.8, 0.9, 0.975], axis=1
    )
    silent = pmf[:, 0] >= 0.1
    return Intervals(
        median, np.where(silent, 0.0, low_80), np.where(silent, bare_80, high_80), low_95, high_95
    )


def _draws(pmf: Matrix, orders: GammaGamma, n_purchases: Vector, spent: Vector) -> Matrix:
    """(n_customers, n_points)."""
    p, q, gamma = (orders.parameters_[name] for name in ("p", "q", "gamma"))
    how_many, each, whose = even_points(3)
    counts = _inverse(np.cumsum(pmf, axis=1), how_many)
    sums = np.array(
        [np.zeros_like(each), *(gammaincinv(p * n, each) for n in range(1, counts.max() + 1))]
    )
    past, past_at = np.unique(n_purchases, return_inverse=True)
    rates = np.array([gammaincinv(q + p * x, whose) for x in past])
    point = np.arange(len(each))
    quotient = sums[counts, point] / rates[past_at[:, None], point]
    return np.asarray((gamma + spent)[:, None] * quotient)


def _inverse(at_most: Matrix, chance: Vector) -> npt.NDArray[np.int64]:
    """The least n whose P(at most n) reaches each chance, (n_customers, n_points)."""
    n_rows, most = at_most.shape[0], at_most.shape[1] - 1
    # One sorted sequence for all rows: row r holds the numbers from r to r + 1.
    steps = np.minimum(at_most, 1.0) + np.arange(n_rows)[:, None]
    places = np.searchsorted(
        steps.ravel(), (chance + np.arange(n_rows)[:, None]).ravel(), side="left"
    )
    counts: npt.NDArray[np.int64] = places.reshape(n_rows, -1) - np.arange(n_rows)[:, None] * (
        most + 1
    )
    return np.asarray(np.minimum(counts, most))
