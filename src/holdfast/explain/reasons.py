"""Reasons: the facts (how long silent, how often, how much) that add most to a customer's score,
in words.
"""

import numpy as np
import polars as pl

from holdfast import tables
from holdfast.arrays import Vector
from holdfast.explain.facts import strongest_facts
from holdfast.explain.wording import EFFECT, Wording
from holdfast.learners.design import Attribution

NOTHING_RAISES = "Nothing raises the risk above the average"
"""Of a customer all of whose reasons lower the risk."""


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
    strongest = strongest_facts(
        attribution.columns,
        attribution.values,
        wording.fact,
        top=top,
        speaks=lambda name, added: wording.is_plausible(name, rows, added, task=task),
    )
    customer, column, added = strongest.customer, strongest.column, strongest.added
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
            "task": pl.repeat(task, len(customer), eager=True),
            "rank": (strongest.rank + 1).astype(np.int32),
            "feature": pl.Series(attribution.columns, dtype=pl.String).gather(column),
            "value": pl.concat(values).gather(back),
            "contribution": added,
            "sentence": pl.concat(sentences).gather(back),
        }
    )
    return tables.REASONS.check(table)


def _with_effect(sentences: pl.Series, added: Vector, task: str) -> pl.Series:
    ends = pl.Series([f", which {verb} {EFFECT[task]}" for verb in ("lowers", "raises")])
    return sentences + ends.gather((added > 0).astype(np.int64))
