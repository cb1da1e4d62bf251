"""Circular label: is the outcome of a snapshot a formula of the same row?

A label that was computed from the snapshot's own columns says nothing about the future: a model can only guess the
columns that it was computed from. Names do not tell, so the data is asked. For churn, a shallow tree is fitted on each
column, then on all, and judged on the other half of the customers. For value, see `circular_value`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.audit.circular_value import Rule, value_rule
from holdfast.findings import Finding

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

NEARLY_CERTAIN = 0.995
"""ROC-AUC on customers whom the tree has not seen."""
_ROWS = 20_000
_LEAST_PER_CLASS = 20
_LEAVES = 8


def circular_label(
    columns: pl.DataFrame,
    *,
    churned: pl.Series,
    value: pl.Series | None,
    hidden: Mapping[str, Collection[str]],
    seed: int,
) -> tuple[Finding, ...]:
    """Look for formulas that give the labels of a snapshot.

    Parameters
    ----------
    columns
        Given and derived columns of the snapshot, one row per customer, without the customer's name.
    churned, value
        The labels in the same order: booleans, and currency.
    hidden
        Task ("churn" or "value") -> columns that its model does not see.

    Returns
    -------
    tuple
        One finding, `circular-label`, or none.
    """
    found = {
        "churn": _churn_rule(columns, churned, np.random.default_rng(seed)),
        "value": None if value is None else value_rule(_floats(columns), value, np.random.default_rng(seed)),
    }
    rules = {task: rule for task, rule in found.items() if rule is not None}
    if not rules:
        return ()
    seen = {name for task, rule in rules.items() for name in rule.columns if name not in hidden.get(task, ())}
    return (
        Finding(
            name="circular-label",
            severity="warning",
            evidence="; ".join(f"the {task} label {rule.sentence}" for task, rule in rules.items()),
            meaning="What is computed from the same row is no outcome, so nothing here predicts the future: the "
            "figures say how well the other columns guess the formula."
            + (f" A model even sees {', '.join(sorted(seen))}." if seen else ""),
            fix="Give an order log, whose outcomes come after the features; or hide those columns from the model and "
            'write acknowledge = ["circular-label"].',
        ),
    )


@dataclass(frozen=True)
class _Halves:
    """Customers to learn from and customers to judge on, both with both outcomes."""

    learn: npt.NDArray[np.int64]
    judge: npt.NDArray[np.int64]
    churned: Booleans

    def auc(self, matrix: Floats) -> float:
        """How well a small tree on (n_customers, n_columns) parts the customers it has not seen."""
        from sklearn.metrics import roc_auc_score
        from sklearn.tree import DecisionTreeClassifier

        tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, random_state=0)
        tree.fit(matrix[self.learn], self.churned[self.learn])
        return float(roc_auc_score(self.churned[self.judge], tree.predict_proba(matrix[self.judge])[:, 1]))


def _churn_rule(columns: pl.DataFrame, churned: pl.Series, rng: np.random.Generator) -> Rule | None:
    halves = _halves(churned.cast(pl.Boolean).to_numpy(), rng)
    if halves is None or not columns.width:
        return None
    coded = {name: _coded(columns[name], halves) for name in columns.columns}
    aucs = {name: halves.auc(values[:, None]) for name, values in coded.items()}
    best = max(aucs, key=lambda name: aucs[name])
    if aucs[best] >= NEARLY_CERTAIN:
        also = [name for name in aucs if name != best and aucs[name] >= NEARLY_CERTAIN]
        told = f"is {_threshold(columns[best], coded[best], halves.churned)}"
        return Rule(columns=(best, *also), sentence=told + (f" ({', '.join(also)} tell it too)" if also else ""))
    together = halves.auc(np.column_stack(list(coded.values())))
    if together < NEARLY_CERTAIN:
        return None
    strongest = tuple(sorted(aucs, key=lambda name: -aucs[name])[:3])
    return Rule(
        columns=strongest,
        sentence=f"follows from {', '.join(strongest)} by a tree of {_LEAVES} leaves: ROC-AUC {together:.4f}",
    )


def _halves(churned: Booleans, rng: np.random.Generator) -> _Halves | None:
    rows = rng.permutation(len(churned))[:_ROWS]
    # Sorted by outcome, every other row has its share of each.
    rows = rows[np.argsort(churned[rows], kind="stable")]
    if min(churned[rows].sum(), (~churned[rows]).sum()) < _LEAST_PER_CLASS:
        return None
    return _Halves(learn=rows[::2], judge=rows[1::2], churned=churned)


def _coded(column: pl.Series, halves: _Halves) -> Floats:
    """A column as floats; words as the churn rate that each has among the customers to learn from."""
    if _is_number(column):
        return _floats(pl.DataFrame([column]))[column.name].to_numpy()
    words = column.cast(pl.String)
    rates = (
        pl.DataFrame({"word": words[halves.learn], "rate": halves.churned[halves.learn].astype(float)})
        .group_by("word").agg(pl.col("rate").mean())
    )  # fmt: skip
    found = pl.DataFrame({"word": words}).join(rates, on="word", how="left", nulls_equal=True, maintain_order="left")
    return found["rate"].fill_null(float("nan")).to_numpy()


def _threshold(column: pl.Series, coded: Floats, churned: Booleans) -> str:
    """The best single cut of a column, and for how many customers it is right."""
    from sklearn.tree import DecisionTreeClassifier

    stump = DecisionTreeClassifier(max_depth=1, random_state=0).fit(coded[:, None], churned)
    above = coded > stump.tree_.threshold[0]
    right = max(int((above == churned).sum()), int((above != churned).sum()))
    rises = bool((above == churned).mean() >= 0.5)
    if _is_number(column):
        text = f"{column.name} {'>' if rises else '<='} {np.max(coded[~above & ~np.isnan(coded)]):,g}"
    else:
        words = column.filter(pl.Series(above == rises)).cast(pl.String).unique().sort().to_list()
        text = f"{column.name} in ({', '.join(map(str, words[:5]))}{', ...' if len(words) > 5 else ''})"
    return f"{text} for {right:,} of {len(churned):,} customers"


def _is_number(column: pl.Series) -> bool:
    return column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)


def _floats(columns: pl.DataFrame) -> pl.DataFrame:
    """The columns of numbers, missing as NaN."""
    kept = [column.cast(pl.Float64).fill_null(float("nan")) for column in columns if _is_number(column)]
    return pl.DataFrame(kept)
