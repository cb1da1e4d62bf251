"""What a suspicion looks at: one row per customer, what is known of them, and what became
of them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.audits.circular_value import Formula, formula_of

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

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
        return tuple(
            name for name in self.columns.columns if name not in self.hidden.get("churn", ())
        )

    @cached_property
    def halves(self) -> "Halves | None":
        """Customers to learn from and to judge on; None where an outcome is too rare."""
        return halves_of(self.left, np.random.default_rng(self.seed))

    @cached_property
    def coded(self) -> dict[str, Floats]:
        """Each column as numbers, (n_rows,): words as the churn rate that each has among the
        customers learnt from.
        """
        assert self.halves is not None
        return {name: coded(self.columns[name], self.halves) for name in self.columns.columns}

    @cached_property
    def aucs(self) -> dict[str, float]:
        """How well a small tree on one column alone tells who left, per column, among customers it
        has not seen.
        """
        if self.halves is None:
            return {}
        return {name: self.halves.auc(values[:, None]) for name, values in self.coded.items()}

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
        found = {}
        for i, name in enumerate(names):
            others = [j for j in range(len(names)) if j != i]
            of = [names[j] for j in others]
            rule = formula_of(of, matrix[:, others], matrix[:, i], rows=rows, least=_NEARLY)
            if rule is not None and np.ptp(matrix[rows, i]) > 0:
                found[name] = rule
        return found

    def boosted_auc(self, names: Collection[str]) -> float:
        """The same of boosted trees on these columns together."""
        assert self.halves is not None
        return self.halves.boosted_auc(np.column_stack([self.coded[name] for name in names]))


@dataclass(frozen=True)
class Halves:
    """Customers to learn from and customers to judge on, both with both outcomes."""

    learn: Integers
    judge: Integers
    churned: Booleans

    def auc(self, matrix: Floats) -> float:
        """How well a small tree on (n_customers, n_columns) parts the customers it has not seen:
        ROC-AUC.
        """
        from sklearn.tree import DecisionTreeClassifier

        matrix = for_trees(matrix)
        tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, random_state=0)
        tree.fit(matrix[self.learn], self.churned[self.learn])
        return self._judged(tree.predict_proba(matrix[self.judge])[:, 1])

    def boosted_auc(self, matrix: Floats) -> float:
        """How well boosted trees do."""
        from lightgbm import LGBMClassifier

        model = LGBMClassifier(
            n_estimators=60, num_leaves=_LEAVES, random_state=0, n_jobs=1, verbosity=-1
        )
        model.fit(matrix[self.learn], self.churned[self.learn])
        return self._judged(np.asarray(model.predict_proba(matrix[self.judge]))[:, 1])

    def _judged(self, score: Floats) -> float:
        from sklearn.metrics import roc_auc_score

        return float(roc_auc_score(self.churned[self.judge], score))


def for_trees(matrix: Floats) -> Floats:
    """What is infinite as missing; trees count in 32 bits, so what is larger is as large as they
    can count.
    """
    return np.clip(np.where(np.isfinite(matrix), matrix, np.nan), -_LARGEST, _LARGEST)


def halves_of(churned: Booleans, rng: np.random.Generator) -> Halves | None:
    """Divide at most 20,000 customers; None where fewer than 20 had one of the outcomes."""
    rows = rng.permutation(len(churned))[:_ROWS]
    # Sorted by outcome, every other row has its share of each.
    rows = rows[np.argsort(churned[rows], kind="stable")]
    if min(churned[rows].sum(), (~churned[rows]).sum()) < _LEAST_PER_CLASS:
        return None
    return Halves(learn=rows[::2], judge=rows[1::2], churned=churned)


def coded(column: pl.Series, halves: Halves) -> Floats:
    """A column as floats; words as the churn rate that each has among the customers to
    learn from.
    """
    if is_number(column):
        return numbers(pl.DataFrame([column]))[column.name].to_numpy()
    words = column.cast(pl.String)
    rates = (
        pl.DataFrame(
            {"word": words[halves.learn], "rate": halves.churned[halves.learn].astype(float)}
        )
        .group_by("word")
        .agg(pl.col("rate").mean())
    )
    found = pl.DataFrame({"word": words}).join(
        rates, on="word", how="left", nulls_equal=True, maintain_order="left"
    )
    return found["rate"].fill_null(float("nan")).to_numpy()


def is_number(column: pl.Series) -> bool:
    """Whether a column holds numbers or truths."""
    return column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)


def numbers(columns: pl.DataFrame) -> pl.DataFrame:
    """The columns of numbers, missing as NaN."""
    kept = [
        column.cast(pl.Float64).fill_null(float("nan")) for column in columns if is_number(column)
    ]
    return pl.DataFrame(kept)


def _is_dense(column: pl.Series) -> bool:
    """Whether a column (missing = NaN) is measured, and seldom missing."""
    return column.n_unique() >= _FORMULA_VALUES and float(
        column.is_nan().sum()
    ) <= _MOST_MISSING * len(column)


def listed(names: Collection[str], *, at_most: int = 5) -> str:
    """Names in a row, the first few.

    >>> listed(["a", "b", "c"], at_most=2)
    'a, b and 1 more'
    """
    shown = list(names)[:at_most]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
