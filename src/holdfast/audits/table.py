"""The table that an audit asks: one row per customer, what is known of them, and what became of
them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from holdfast import metrics
from holdfast.arrays import Booleans, Floats, Integers
from holdfast.audits.circular_value import Formula, find_formula
from holdfast.ingest.snapshot import Snapshot
from holdfast.study import Study
from holdfast.windows import parse_day

_ROWS = 20_000
_LEAST_PER_CLASS = 20
_LEAVES = 8
_LARGEST = 1e38
_FORMULA_ROWS = 600
_FORMULA_VALUES = 12
_MOST_MISSING = 0.05
_NEARLY = 0.98


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of customers, with the outcome beside it.

    Attributes
    ----------
    columns
        What is known of the customer, without the customer's name and without the outcome; numbers,
        truths or words.
    churned, value
        The outcome, in the same order: booleans, and currency.
    customer
        The customer's name, in the same order.
    hidden
        Task ("churn" or "value") -> columns that its model does not see.
    days
        Those of `columns` that hold days since 1970-01-01.
    test
        Whether a row is one to prove on, where whoever prepared the table said so.
    cutoff_day
        The day up to which a row's columns reach; None where the table does not say.
    as_of_day, horizon_days
        The day on which the table was taken; the days after a row's cutoff that its outcome looks
        at.
    """

    columns: pl.DataFrame
    churned: pl.Series
    customer: pl.Series
    value: pl.Series | None = None
    hidden: Mapping[str, Collection[str]] = field(default_factory=dict)
    days: tuple[str, ...] = ()
    test: Booleans | None = None
    cutoff_day: pl.Series | None = None
    as_of_day: int | None = None
    horizon_days: int | None = None
    seed: int = 42

    @cached_property
    def left(self) -> Booleans:
        """Whether the customer churned, (n_rows,)."""
        return np.asarray(self.churned.cast(pl.Boolean).to_numpy(), dtype=np.bool_)

    @cached_property
    def seen(self) -> tuple[str, ...]:
        """The columns that the model of churn sees."""
        hidden = self.hidden.get("churn", ())
        return tuple(name for name in self.columns.columns if name not in hidden)

    def select_measured(self, *, least_values: int) -> list[str]:
        """The columns of numbers that the model of churn sees, with so many values or more."""
        columns = [self.columns[name] for name in self.seen]
        return [
            each.name for each in columns if is_number(each) and each.n_unique() >= least_values
        ]

    def floats(self, name: str) -> Floats:
        """A column of numbers, (n_rows,), missing as NaN."""
        return numbers(self.columns.select(name))[name].to_numpy()

    @cached_property
    def halves(self) -> "Halves | None":
        """Customers to learn from and to judge on; None where an outcome is too rare."""
        return halve(self.left, self.seed)

    @cached_property
    def encoded(self) -> dict[str, Floats]:
        """Each column as numbers, (n_rows,): words as the churn rate that each has among the
        customers learnt from.
        """
        assert self.halves is not None
        return {name: encode(self.columns[name], self.halves) for name in self.columns.columns}

    @cached_property
    def aucs(self) -> dict[str, float]:
        """ROC-AUC of a small tree on each column alone, among customers it has not seen; empty
        where an outcome is too rare.
        """
        if self.halves is None:
            return {}
        return {name: self.halves.auc(values[:, None]) for name, values in self.encoded.items()}

    @cached_property
    def formulas(self) -> dict[str, Formula]:
        """Measured columns that follow from at most two others, as they do for customers who
        stayed.
        """
        given = numbers(self.columns.select(self.seen))
        names = [name for name in given.columns if _is_dense(given[name])]
        matrix = given.select(names).to_numpy() if names else np.empty((len(self.left), 0))
        stayed = np.flatnonzero(np.isfinite(matrix).all(axis=1) & ~self.left)
        rows = np.random.default_rng(self.seed).permutation(stayed)[:_FORMULA_ROWS]
        if len(names) < 2 or len(rows) < _FORMULA_ROWS // 4:
            return {}
        formulas = {}
        for i, name in enumerate(names):
            others = np.delete(np.arange(len(names)), i)
            formula = find_formula(
                [names[j] for j in others],
                matrix[:, others],
                matrix[:, i],
                rows=rows,
                least=_NEARLY,
            )
            if formula is not None and np.ptp(matrix[rows, i]) > 0:
                formulas[name] = formula
        return formulas

    def boosted_auc(self, names: Collection[str]) -> float:
        """ROC-AUC of boosted trees on these columns together."""
        assert self.halves is not None
        return self.halves.boosted_auc(np.column_stack([self.encoded[name] for name in names]))


def snapshot_table(study: Study, ingested: Snapshot) -> Table:
    """The snapshot as the audits look at it: where it has a split of its own, before repeats were
    set aside.
    """
    snapshot = study.snapshot
    assert snapshot is not None
    frame = ingested.frame if ingested.prepared is None else ingested.prepared
    return Table(
        columns=frame.select(ingested.columns),
        churned=frame["churned"],
        customer=frame["customer_id"],
        value=frame["value"] if "value" in frame.columns else None,
        hidden={
            "churn": snapshot.hidden_columns("churn"),
            "value": snapshot.hidden_columns("value"),
        },
        days=ingested.days,
        test=frame["is_test"].to_numpy() if "is_test" in frame.columns else None,
        cutoff_day=frame["row_cutoff_day"] if "row_cutoff_day" in frame.columns else None,
        as_of_day=parse_day(snapshot.as_of),
        horizon_days=snapshot.horizon_days,
        seed=study.seed,
    )


@dataclass(frozen=True)
class Halves:
    """Customers to learn from and customers to judge on, both with both outcomes."""

    learn: Integers
    judge: Integers
    outcome: Booleans

    def auc(self, matrix: Floats) -> float:
        """ROC-AUC of a small tree on (n_customers, n_columns), among customers it has not seen."""
        from sklearn.tree import DecisionTreeClassifier

        tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, random_state=0)
        return self._auc(tree, bound(matrix))

    def boosted_auc(self, matrix: Floats) -> float:
        """ROC-AUC of boosted trees."""
        from lightgbm import LGBMClassifier

        model = LGBMClassifier(
            n_estimators=60, num_leaves=_LEAVES, random_state=0, n_jobs=1, verbosity=-1
        )
        return self._auc(model, matrix)

    def _auc(self, model: Any, matrix: Floats) -> float:
        model.fit(matrix[self.learn], self.outcome[self.learn])
        score = np.asarray(model.predict_proba(matrix[self.judge]))[:, 1]
        return metrics.roc_auc(self.outcome[self.judge].astype(np.float64), score)


def bound(matrix: Floats) -> Floats:
    """Missing for what is infinite, and nothing beyond what a tree's 32 bits hold."""
    return np.clip(np.where(np.isfinite(matrix), matrix, np.nan), -_LARGEST, _LARGEST)


def halve(outcome: Booleans, seed: int, *, least: int = _LEAST_PER_CLASS) -> Halves | None:
    """Divide at most 20,000 customers; None where fewer than `least` had one of the outcomes."""
    rows = np.random.default_rng(seed).permutation(len(outcome))[:_ROWS]
    # Sorted by outcome, every other row has its share of each.
    rows = rows[np.argsort(outcome[rows], kind="stable")]
    if min(outcome[rows].sum(), (~outcome[rows]).sum()) < least:
        return None
    return Halves(learn=rows[::2], judge=rows[1::2], outcome=outcome)


def encode(column: pl.Series, halves: Halves) -> Floats:
    """A column as floats; words as the rate of the outcome among the customers to learn from."""
    if is_number(column):
        return numbers(column.to_frame()).to_series().to_numpy()
    rate = np.full(len(column), np.nan)
    rate[halves.learn] = halves.outcome[halves.learn]
    words = pl.DataFrame({"word": column.cast(pl.String), "rate": pl.Series(rate).fill_nan(None)})
    encoded = words.select(pl.col("rate").mean().over("word").fill_null(float("nan")))
    return encoded.to_series().to_numpy()


def is_number(column: pl.Series) -> bool:
    """Whether a column holds numbers or truths."""
    return column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)


def numbers(columns: pl.DataFrame) -> pl.DataFrame:
    """The columns of numbers, missing as NaN."""
    kept = [column.name for column in columns if is_number(column)]
    return columns.select(pl.col(kept).cast(pl.Float64).fill_null(float("nan")))


def _is_dense(column: pl.Series) -> bool:
    """Whether a column (missing = NaN) is measured, and seldom missing."""
    missing = float(column.is_nan().sum())
    return column.n_unique() >= _FORMULA_VALUES and missing <= _MOST_MISSING * len(column)
