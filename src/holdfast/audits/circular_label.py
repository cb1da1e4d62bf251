"""Circular label: is the outcome of a snapshot a formula of the same row?

A label that was computed from the snapshot's own columns says nothing about the future: a model can
only guess the columns that it was computed from. Names do not tell, so the data is asked. For
churn, a shallow tree is fitted on each column, then on all, and judged on the other half of the
customers. For value, see `circular_value`.
"""

import numpy as np
import polars as pl

from holdfast.audits.circular_value import Rule, value_rule
from holdfast.audits.table import Booleans, Floats, Table, for_trees, is_number, numbers
from holdfast.findings import Finding

NEARLY_CERTAIN = 0.995
"""ROC-AUC on customers whom the tree has not seen."""


def circular_label(table: Table) -> tuple[Finding, ...]:
    """Look for formulas that give the labels of a snapshot.

    Returns
    -------
    tuple
        One finding, `circular-label`, or none.
    """
    rng = np.random.default_rng(table.seed)
    found = {"churn": _churn_rule(table), "value": _value_rule(table, rng)}
    rules = {task: rule for task, rule in found.items() if rule is not None}
    if not rules:
        return ()
    seen = {
        name
        for task, rule in rules.items()
        for name in rule.columns
        if name not in table.hidden.get(task, ())
    }
    return (
        Finding.fatal(
            "circular-label",
            evidence="; ".join(f"the {task} label {rule.sentence}" for task, rule in rules.items()),
            meaning="What is computed from the same row is no outcome, so nothing here predicts "
            "the future: the "
            "figures say how well the other columns guess the formula."
            + (f" A model even sees {', '.join(sorted(seen))}." if seen else ""),
            fix="Give an order log, whose outcomes come after the features; or, if the column only "
            "says once more what the label says, list it in hidden_from_churn and "
            "hidden_from_value.",
        ),
    )


def _churn_rule(table: Table) -> Rule | None:
    if table.halves is None or not table.columns.width:
        return None
    columns, coded = table.columns, table.coded
    aucs = {name: auc for name, auc in table.aucs.items() if not _restates(name, auc, table)}
    if not aucs:
        return None
    best = max(aucs, key=lambda name: aucs[name])
    if aucs[best] >= NEARLY_CERTAIN:
        also = [name for name in aucs if name != best and aucs[name] >= NEARLY_CERTAIN]
        told = f"is {_threshold(columns[best], coded[best], table.left)}"
        return Rule(
            columns=(best, *also),
            sentence=told + (f" ({', '.join(also)} tell it too)" if also else ""),
        )
    together = table.halves.auc(np.column_stack([coded[name] for name in aucs]))
    if together < NEARLY_CERTAIN:
        return None
    strongest = tuple(sorted(aucs, key=lambda name: -aucs[name])[:3])
    return Rule(
        columns=strongest,
        sentence=f"follows from {', '.join(strongest)} by a tree of eight leaves: ROC-AUC "
        f"{together:.4f}",
    )


def _restates(name: str, auc: float, table: Table) -> bool:
    """Whether a column that the model does not see is the outcome as it was given, and no formula
    of measurements.
    """
    if auc < NEARLY_CERTAIN or name not in table.hidden.get("churn", ()):
        return False
    column = table.columns[name]
    missing = column.is_null().to_numpy()
    as_missing = max((missing == table.left).mean(), (missing != table.left).mean())
    return not is_number(column) or column.n_unique() <= 3 or bool(as_missing >= NEARLY_CERTAIN)


def _value_rule(table: Table, rng: np.random.Generator) -> Rule | None:
    if table.value is None:
        return None
    hidden = table.hidden.get("value", ())
    given = numbers(table.columns)
    value = table.value.cast(pl.Float64)
    # A hidden column that equals the label is the label as it was given.
    kept = [
        name
        for name in given.columns
        if name not in hidden or not given[name].equals(value, check_names=False)
    ]
    return value_rule(given.select(kept), table.value, rng)


def _threshold(column: pl.Series, coded: Floats, churned: Booleans) -> str:
    """The best single cut of a column, and for how many customers it is right."""
    from sklearn.tree import DecisionTreeClassifier

    stump = DecisionTreeClassifier(max_depth=1, random_state=0).fit(
        for_trees(coded)[:, None], churned
    )
    above = coded > stump.tree_.threshold[0]
    right = max(int((above == churned).sum()), int((above != churned).sum()))
    rises = bool((above == churned).mean() >= 0.5)
    if is_number(column):
        text = (
            f"{column.name} {'>' if rises else '<='} {np.max(coded[~above & ~np.isnan(coded)]):,g}"
        )
    else:
        words = column.filter(pl.Series(above == rises)).cast(pl.String).unique().sort().to_list()
        text = (
            f"{column.name} in "
            f"({', '.join(map(str, words[:5]))}{', ...' if len(words) > 5 else ''})"
        )
    return f"{text} for {right:,} of {len(churned):,} customers"
