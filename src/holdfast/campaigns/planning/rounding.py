"""From prices to a plan: drop what the limits do not allow, then give away what is left of them."""

import numpy as np
import numpy.typing as npt

from holdfast.arrays import Booleans, Rows, Vector
from holdfast.campaigns.planning.offers import RETURN, Choice, Offers

_CANDIDATES = 20_000
_SLACK = 1e-9
"""Of a limit: what adding floating-point numbers up may be off by."""


def repair(offers: Offers, choice: Choice, limits: Vector, prices: Vector) -> Choice:
    """Drop customers, those with least left per unit first, until every limit is kept."""
    kept = choice.copy()
    # Each drop lightens all other limits but the return, which is therefore the last.
    for row in [*np.flatnonzero(np.isfinite(limits[3:])) + 3, 2, 0, RETURN]:
        if np.isfinite(limits[row]):
            _drop(offers, kept, int(row), float(limits[row]), prices)
    return kept


def _drop(offers: Offers, choice: Choice, row: int, limit: float, prices: Vector) -> None:
    excess = float(offers.use(choice).rows[row]) - limit
    if excess <= 0:
        return
    rows = np.flatnonzero(choice if row < 3 else choice == row - 2)
    weight = _weight(offers, choice, rows, row)
    rows, weight = rows[weight > 0], weight[weight > 0]
    order = np.argsort(_compute_margin(offers, choice, rows, prices) / weight, kind="stable")
    last = int(np.searchsorted(np.cumsum(weight[order]), excess * (1 + _SLACK)))
    choice[rows[order[: last + 1]]] = 0


def _weight(offers: Offers, choice: Choice, rows: Rows, row: int) -> Vector:
    """What each of some customers uses of one limit."""
    if row >= 2:
        return np.ones(len(rows))
    cost, value = _terms(offers, choice, rows)
    return np.asarray(offers.return_factor * cost - value if row == RETURN else cost)


def _terms(offers: Offers, choice: Choice, rows: Rows) -> tuple[Vector, Vector]:
    cost, value = np.zeros(len(rows)), np.zeros(len(rows))
    for offer in range(offers.n_offers):
        at = np.flatnonzero(choice[rows] == offer + 1)
        cost[at] = offers.cost_of(offer, rows[at])
        value[at] = offers.value[offer, rows[at]]
    return cost, value


def _compute_margin(offers: Offers, choice: Choice, rows: Rows, prices: Vector) -> Vector:
    cost, value = _terms(offers, choice, rows)
    off = (1 + prices[0] + prices[RETURN] * offers.return_factor) * cost
    return np.asarray((1 + prices[RETURN]) * value - off - prices[2] - prices[2 + choice[rows]])


def fill(
    offers: Offers, choice: Choice, limits: Vector, prices: Vector, *, among: Booleans | None = None
) -> Choice:
    """Give away what is left, best first: a first offer, or a better one.

    Parameters
    ----------
    among
        Customers who may get one; None: everyone.
    """
    rows, offer = _candidates(offers, choice, prices, among)
    filled, left = choice.copy(), limits - offers.use(choice).rows
    price = [offers.cost[j] for j in range(offers.n_offers)]
    fixed = offers.cost.shape[1] == 1
    for i, j in zip(rows.tolist(), offer.tolist(), strict=True):
        now = int(filled[i]) - 1
        cost, value = float(price[j][0 if fixed else i]), float(offers.value[j, i])
        step = np.zeros(len(limits))
        step[2], step[3 + j] = 1, 1
        if now >= 0:
            cost -= float(price[now][0 if fixed else i])
            value -= float(offers.value[now, i])
            step[2] = 0
            step[3 + now] -= 1
        step[0], step[RETURN] = cost, offers.return_factor * cost - value
        if value > cost and (step <= left).all():
            filled[i] = j + 1
            left -= step
    return filled


def _candidates(
    offers: Offers, choice: Choice, prices: Vector, among: Booleans | None
) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Customers and offers (0-based) that lose least at the prices, the least first."""
    current = np.zeros(offers.n, dtype=np.float32)
    every = [offers.reduced_value(offer, prices) for offer in range(offers.n_offers)]
    for offer, left in enumerate(every):
        np.copyto(current, left, where=choice == offer + 1)
    parts = []
    for offer, left in enumerate(every):
        loss = current - left
        loss[choice == offer + 1] = np.inf
        if among is not None:
            loss[~among] = np.inf
        rows = np.arange(offers.n)
        if offers.n > _CANDIDATES:
            rows = np.argpartition(loss, _CANDIDATES)[:_CANDIDATES]
        rows = rows[np.isfinite(loss[rows])]
        parts.append((loss[rows], rows, np.full(len(rows), offer)))
    losses, rows, offer_of = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(losses, kind="stable")[:_CANDIDATES]
    return rows[order], offer_of[order]
