"""Circular label: is the outcome of a snapshot a formula of the same row?

A label that was computed from the snapshot's own columns says nothing about the future: a model can
only guess the columns that it was computed from. Names do not tell, so the data is asked. For
churn, a shallow tree is fitted on each column, then on all, and judged on the other half of the
customers. For value, see `circular_value`.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from holdfast.audits.circular_value import Rule, find_value_rule
from holdfast.audits.question import Audit
from holdfast.audits.table import Table, bound, is_number, numbers
from holdfast.findings import Finding

NEARLY_CERTAIN = 0.995
"""ROC-AUC on customers whom the tree has not seen."""
_FAR_APART = 0.5  # decision 33


def find_circular_label(table: Table) -> Iterator[Finding]:
    """Look for formulas that give the labels of a snapshot."""
    by_task = {"churn": _churn_rule(table), "value": _value_rule(table)}
    rules = {task: rule for task, rule in by_task.items() if rule is not None}
    if not rules:
        return
    seen = {
        name
        for task, rule in rules.items()
        for name in rule.columns
        if name not in table.hidden.get(task, ())
    }
    yield Finding.of(
        "circular-label",
        evidence="; ".join(f"the {task} label {rule.sentence}" for task, rule in rules.items()),
        seen=f" A model even sees {', '.join(sorted(seen))}." if seen else "",
        or_hide=_or_hide(_restating(rules, table)),
    )


def _restating(rules: Mapping[str, Rule], table: Table) -> list[str]:
    """The columns that say the label of churn again, so that it is enough to hide them."""
    columns = rules["churn"].columns if "churn" in rules else ()
    return [
        name
        for name in columns
        if table.aucs[name] >= NEARLY_CERTAIN and _says_the_label_again(name, table)
    ]


def _or_hide(columns: Sequence[str]) -> str:
    if not columns:
        return ""
    return (
        f"; or, if {' and '.join(columns)} only says once more what the label says, list it in "
        "hidden_from_churn and hidden_from_value"
    )


def _churn_rule(table: Table) -> Rule | None:
    if table.halves is None or not table.columns.width:
        return None
    aucs = {name: auc for name, auc in table.aucs.items() if not _restates(name, auc, table)}
    if not aucs:
        return None
    best = max(aucs, key=lambda name: aucs[name])
    if aucs[best] >= NEARLY_CERTAIN:
        also = [name for name in aucs if name != best and aucs[name] >= NEARLY_CERTAIN]
        more = f" ({', '.join(also)} tell it too)" if also else ""
        return Rule((best, *also), f"is {_threshold(best, table)}{more}")
    together = table.halves.auc(np.column_stack([table.encoded[name] for name in aucs]))
    if together < NEARLY_CERTAIN:
        return None
    strongest = tuple(sorted(aucs, key=lambda name: -aucs[name])[:3])
    return Rule(
        strongest,
        f"follows from {', '.join(strongest)} by a tree of eight leaves: ROC-AUC {together:.4f}",
    )


def _restates(name: str, auc: float, table: Table) -> bool:
    """Whether a column that the model does not see is the outcome as it was given, and no formula
    of measurements.
    """
    if auc < NEARLY_CERTAIN or name not in table.hidden.get("churn", ()):
        return False
    return _says_the_label_again(name, table)


def _says_the_label_again(name: str, table: Table) -> bool:
    """Whether a column that tells all is no measurement that the label cuts in two: words, truths,
    that it is empty, or a score, whose values for both outcomes lie far apart or overlap.
    """
    column = table.columns[name]
    missing = column.is_null().to_numpy()
    as_missing = max((missing == table.left).mean(), (missing != table.left).mean())
    if not is_number(column) or column.n_unique() <= 3 or as_missing >= NEARLY_CERTAIN:
        return True
    values = table.floats(name)
    present = ~np.isnan(values)
    left, stayed = values[present & table.left], values[present & ~table.left]
    gap = max(left.min() - stayed.max(), stayed.min() - left.max())
    return bool(gap <= 0 or gap >= _FAR_APART * np.ptp(values[present]))


def _value_rule(table: Table) -> Rule | None:
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
    return find_value_rule(given.select(kept), table.value, np.random.default_rng(table.seed))


def _threshold(name: str, table: Table) -> str:
    """The best single cut of a column, and for how many customers it is right."""
    from sklearn.tree import DecisionTreeClassifier

    column, encoded, left = table.columns[name], table.encoded[name], table.left
    stump = DecisionTreeClassifier(max_depth=1, random_state=0).fit(bound(encoded)[:, None], left)
    is_above = encoded > stump.tree_.threshold[0]
    n_right = int((is_above == left).sum())
    rises = n_right >= len(left) / 2
    if is_number(column):
        limit = np.max(encoded[~is_above & ~np.isnan(encoded)])
        rule = f"{name} {'>' if rises else '<='} {limit:,g}"
    else:
        words = column.filter(pl.Series(is_above == rises)).cast(pl.String).unique().sort()
        more = ", ..." if len(words) > 5 else ""
        rule = f"{name} in ({', '.join(map(str, words[:5]))}{more})"
    return f"{rule} for {max(n_right, len(left) - n_right):,} of {len(left):,} customers"


AUDIT = Audit("circular label", "Is the label a formula of its own row?", find_circular_label)
