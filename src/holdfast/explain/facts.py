"""Facts: columns that tell one fact share it in the model, some up, some down. What they add
together is what the fact adds, and the strongest of those that speak for it names it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.arrays import Booleans, Floats, Integers, Vector

Speaks = Callable[[str, Vector], Booleans]
"""Whether a column may name its fact, of each customer: by its name and what it adds."""


@dataclass(frozen=True)
class StrongestFacts:
    """The facts of many customers, one entry a customer and fact, the strongest of each first.

    Attributes
    ----------
    customer
        Row of the customer.
    rank
        From 0.
    column
        The column that names the fact.
    added
        What the fact adds, never 0.
    most
        So many a customer can have.
    """

    customer: Integers
    rank: Integers
    column: Integers
    added: Vector
    most: int


def strongest_facts(
    columns: Sequence[str], values: Floats, fact_of: Callable[[str], str], *, top: int,
    speaks: Speaks = lambda _, added: np.ones(len(added), dtype=bool),
) -> StrongestFacts:  # fmt: skip
    """Find the facts that add most for each customer, at most `top`.

    Parameters
    ----------
    columns, values
        What each column adds, (n_customers, n_columns).
    fact_of
        Column -> the fact that it tells.
    """
    sums, speakers = _sum_by_fact(columns, values, fact_of, speaks)
    order = _strongest(sums, top)
    customer, rank = np.divmod(np.arange(order.size), max(order.shape[1], 1))
    fact = order.ravel()
    added, column = sums[customer, fact], speakers[customer, fact]
    kept = np.flatnonzero(added)
    return StrongestFacts(customer[kept], rank[kept], column[kept], added[kept], order.shape[1])


def _sum_by_fact(
    columns: Sequence[str], values: Floats, fact_of: Callable[[str], str], speaks: Speaks
) -> tuple[Floats, Integers]:
    """What each fact adds, 0 where no column speaks for it, and the column that is named for it:
    (n_customers, n_facts) each.
    """
    names = [fact_of(name) for name in columns]
    facts = list(dict.fromkeys(names))
    places = [facts.index(name) for name in names]
    sums = np.zeros((len(values), len(facts)))
    # Column by column: a sum over many may round one row otherwise than many.
    for place, added in zip(places, values.T, strict=True):
        sums[:, place] += added
    largest, speakers = np.zeros_like(sums), np.zeros(sums.shape, dtype=np.int64)
    for code, (place, added) in enumerate(zip(places, values.T, strict=True)):
        may_speak = speaks(columns[code], added) & (added * sums[:, place] > 0)
        size = np.where(may_speak, np.abs(added), 0.0)
        is_larger = size > largest[:, place]
        speakers[is_larger, place] = code
        largest[:, place] = np.maximum(size, largest[:, place])
    return np.where(largest > 0, sums, 0.0), speakers


def _strongest(values: Floats, top: int) -> Integers:
    """Columns of the largest |values| of each row, largest first: (n_rows, min(top, n_columns))."""
    size = np.abs(values)
    count = min(top, size.shape[1])
    chosen = np.broadcast_to(np.arange(size.shape[1]), size.shape)
    if count < size.shape[1]:
        chosen = np.sort(np.argpartition(-size, count - 1, axis=1)[:, :count], axis=1)
    # Stable: equal sizes stay in the order of the columns.
    within = np.argsort(-np.take_along_axis(size, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, within, axis=1)
