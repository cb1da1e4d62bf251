"""Changes: why a score is not what it was, column by column.

A model reads the same customers in two states. What each column adds to the score differs between
the two, and the differences of the columns that changed are the reasons. The rest, which is what
they do together with the columns that stayed, is kept beside them, so that all add up to the
change.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.arrays import Booleans, Floats, Integers, Matrix, Vector
from holdfast.explain.facts import strongest_facts
from holdfast.explain.wording import Wording
from holdfast.learners.design import Attribution
from holdfast.learners.link_functions import log_odds
from holdfast.models.churn import ChurnModel
from holdfast.models.fitted_models import Model

UNITS = {"churn": "log-odds", "value": "currency"}
"""In what the changes of a task's score add up."""


@dataclass(frozen=True)
class State:
    """Customers as a model reads them, with what it says of them.

    Attributes
    ----------
    matrix
        What the model's design makes of the rows.
    score
        Log-odds of churn, or money, (n_customers,).
    """

    rows: pl.DataFrame
    matrix: Matrix
    score: Vector
    shares: Attribution

    @classmethod
    def of(cls, model: Model, rows: pl.DataFrame) -> "State":
        """Read customers by a model.

        Raises
        ------
        DataError
            They lack a column that the model reads, or it is of another kind.
        """
        matrix = model.design.matrix(rows)
        if isinstance(model, ChurnModel):
            shares = model.log_odds_contributions(rows)
        else:
            shares = model.contributions(rows)
        return cls(rows, matrix, score(model, rows), shares)

    def only(self, places: Integers) -> "State":
        """Some of the customers, by their places."""
        shares = self.shares
        kept = Attribution(shares.columns, shares.values[places], shares.base[places])
        return State(self.rows[places], self.matrix[places], self.score[places], kept)


@dataclass(frozen=True)
class Shift:
    """How the score of customers moved between two states.

    Attributes
    ----------
    values
        What each column that changed adds to the move, (n_customers, n_columns).
    rest
        What is left of it, (n_customers,).
    """

    columns: tuple[str, ...]
    values: Floats
    rest: Vector

    def with_reason(self, name: str, added: Vector) -> "Shift":
        """A move that something besides the columns added to, under its own name."""
        values = np.column_stack([self.values, added])
        return Shift((*self.columns, name), values, self.rest)

    @property
    def total(self) -> Vector:
        """The whole move, (n_customers,)."""
        return np.asarray(self.values.sum(axis=1) + self.rest)


def score(model: Model, rows: pl.DataFrame) -> Vector:
    """What changes are told of: log-odds of the churn probability, or money."""
    predicted = model.predict(rows)
    return log_odds(predicted) if isinstance(model, ChurnModel) else predicted


def share_move(model: Model, before: State, after: State) -> Shift:
    """Share the move of one model's scores between the columns that changed.

    Parameters
    ----------
    before, after
        The same customers in the same order.
    """
    differs = _differs(before.matrix, after.matrix)
    # In the design, as the model sees them: a word that it does not know is no change.
    marked = np.column_stack([differs, np.zeros(len(differs))])
    in_design = model.design.attribution(marked.astype(np.float64)).values > 0
    # A network's days are no column of the design: with time alone they say something else.
    beside = before.shares.values.shape[1] - in_design.shape[1]
    changed = np.pad(in_design, ((0, 0), (0, beside)), constant_values=True)
    values = np.where(changed, after.shares.values - before.shares.values, 0.0)
    rest = after.score - before.score - values.sum(axis=1)
    return Shift(before.shares.columns, values, rest)


def move_to(model: Model, before: State, rows: pl.DataFrame) -> Shift:
    """As `share_move`, to the same customers' later rows; only those who differ are explained."""
    differs = _differs(before.matrix, model.design.matrix(rows)).any(axis=1)
    places = np.flatnonzero(differs)
    columns = before.shares.columns
    values, rest = np.zeros((rows.height, len(columns))), np.zeros(rows.height)
    if len(places):
        moved = share_move(model, before.only(places), State.of(model, rows[places]))
        values[places], rest[places] = moved.values, moved.rest
    return Shift(columns, values, rest)


def _differs(one: Matrix, other: Matrix) -> Booleans:
    """Which cells differ; two that are missing do not."""
    return np.asarray((one != other) & ~(np.isnan(one) & np.isnan(other)))


def tell_shift(
    moved: Shift, before: pl.DataFrame, after: pl.DataFrame, *, wording: Wording, top: int
) -> pl.DataFrame:
    """Tell the strongest facts behind each customer's move, and what all others add.

    Returns
    -------
    polars.DataFrame
        customer_id, rank, feature (the strongest of those that tell the fact; empty for all
        others), was, now (values as shown) and contribution, which add up to the move. A customer
        who did not move has no row.
    """
    strongest = strongest_facts(moved.columns, moved.values, wording.fact, top=top)
    customer, column, added = strongest.customer, strongest.column, strongest.added
    explained = np.bincount(customer, weights=added, minlength=len(moved.rest))
    ids = before["customer_id"]
    named = pl.DataFrame(
        {
            "customer_id": ids.gather(customer),
            "rank": (strongest.rank + 1).astype(np.int32),
            "feature": pl.Series(moved.columns, dtype=pl.String).gather(column),
            "was": _write_values(before, customer, column, moved.columns, wording),
            "now": _write_values(after, customer, column, moved.columns, wording),
            "contribution": added,
        }
    )
    return pl.concat([named, _others(ids, moved.total - explained, rank=strongest.most + 1)])


def _others(ids: pl.Series, left: Vector, *, rank: int) -> pl.DataFrame:
    rows = np.flatnonzero(left)
    words = pl.repeat("", len(rows), eager=True)
    return pl.DataFrame(
        {
            "customer_id": ids.gather(rows),
            "rank": np.full(len(rows), rank, dtype=np.int32),
            "feature": words, "was": words, "now": words,
            "contribution": left[rows],
        }
    )  # fmt: skip


def _write_values(
    rows: pl.DataFrame,
    customer: Integers,
    column: Integers,
    columns: Sequence[str],
    wording: Wording,
) -> pl.Series:
    """Values as shown, each from a customer's own column."""
    texts = np.full(len(column), "", dtype=object)
    for code in np.unique(column):
        if columns[code] not in rows.columns:
            continue
        places = np.flatnonzero(column == code)
        texts[places] = wording.values(columns[code], rows[customer[places]]).to_numpy()
    return pl.Series(texts.tolist(), dtype=pl.String)
