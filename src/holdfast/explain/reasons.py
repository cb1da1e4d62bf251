"""Reasons: the facts that add most to a customer's score, in words.

Columns that tell one fact (how long silent, how often, how much) share it in the model, some up,
some down. What they add together is the reason, and the strongest of those that speak for it names
it.
"""

import numpy as np
import polars as pl

from holdfast import tables
from holdfast.arrays import Floats, Integers
from holdfast.explain.wording import EFFECT, Wording
from holdfast.learners.design import Attribution


def reasons(
    task: str, attribution: Attribution, rows: pl.DataFrame, *, wording: Wording, top: int
) -> pl.DataFrame:
    """Tell the strongest reasons of each customer, at most `top`; a fact that adds nothing is no
    reason, nor one that no column can be named for: what is not known, or says the opposite.

    Sentences are written column by column, and only for the reasons that are kept.

    Parameters
    ----------
    task
        "churn" or "value".
    attribution, rows
        The same customers in the same order; `rows` has `customer_id` and what the sentences
        mention.

    Returns
    -------
    polars.DataFrame
        By the contract `tables.REASONS`.
    """
    sums, speakers = _facts(task, attribution, rows, wording)
    order = strongest(sums, top)
    customer, rank = np.divmod(np.arange(order.size), max(order.shape[1], 1))
    fact = order.ravel()
    added, column = sums[customer, fact], speakers[customer, fact]
    kept = np.flatnonzero(added)
    customer, rank, column, added = customer[kept], rank[kept], column[kept], added[kept]
    values, sentences = [pl.Series(dtype=pl.String)], [pl.Series(dtype=pl.String)]
    for code, name in enumerate(attribution.columns):
        rows_of_column = np.flatnonzero(column == code)
        if len(rows_of_column):
            subset = rows[customer[rows_of_column]]
            values.append(wording.values(name, subset))
            sentences.append(
                _with_effect(wording.sentences(name, subset), added[rows_of_column], task)
            )
    back = np.argsort(np.argsort(column, kind="stable"), kind="stable")
    table = pl.DataFrame(
        {
            "customer_id": rows["customer_id"].gather(customer),
            "task": pl.repeat(task, len(kept), eager=True),
            "rank": (rank + 1).astype(np.int32),
            "feature": pl.Series(attribution.columns, dtype=pl.String).gather(column),
            "value": pl.concat(values).gather(back),
            "contribution": added,
            "sentence": pl.concat(sentences).gather(back),
        }
    )
    return tables.REASONS.check(table)


def _facts(
    task: str, attribution: Attribution, rows: pl.DataFrame, wording: Wording
) -> tuple[Floats, Integers]:
    """What each fact adds, 0 where nothing can be told of it, and the column that is named for it:
    (n_customers, n_facts) each.
    """
    names = [wording.fact(name) for name in attribution.columns]
    facts = list(dict.fromkeys(names))
    sums = np.zeros((rows.height, len(facts)))
    largest, speakers = np.zeros_like(sums), np.zeros(sums.shape, dtype=np.int64)
    places = [facts.index(name) for name in names]
    # Column by column: a sum over many may round one row otherwise than many.
    for place, added in zip(places, attribution.values.T, strict=True):
        sums[:, place] += added
    for code, (place, added) in enumerate(zip(places, attribution.values.T, strict=True)):
        plausible = wording.is_plausible(attribution.columns[code], rows, added, task=task)
        size = np.where(plausible & (added * sums[:, place] > 0), np.abs(added), 0.0)
        is_stronger = size > largest[:, place]
        speakers[is_stronger, place] = code
        largest[:, place] = np.maximum(size, largest[:, place])
    return np.where(largest > 0, sums, 0.0), speakers


def _with_effect(sentences: pl.Series, added: Floats, task: str) -> pl.Series:
    ends = pl.Series([f", which {verb} {EFFECT[task]}" for verb in ("lowers", "raises")])
    return sentences + ends.gather((added > 0).astype(np.int64))


def strongest(values: Floats, top: int) -> Integers:
    """Columns of the largest |values| of each row, largest first: (n_rows, min(top, n_columns))."""
    size = np.abs(values)
    count = min(top, size.shape[1])
    chosen = np.broadcast_to(np.arange(size.shape[1]), size.shape)
    if count < size.shape[1]:
        chosen = np.sort(np.argpartition(-size, count - 1, axis=1)[:, :count], axis=1)
    # Stable: equal sizes stay in the order of the columns.
    within = np.argsort(-np.take_along_axis(size, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, within, axis=1)
