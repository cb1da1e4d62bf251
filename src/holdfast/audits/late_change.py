"""Late change: was a total corrected when the customer left?

For customers who stayed, a total often follows from other columns (charges = months x monthly
charge). Where the same rule misses the customers who left, the total was changed by the outcome: a
final fee, a refund.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from holdfast.audits.circular_value import Formula
from holdfast.audits.question import Audit
from holdfast.audits.table import Table
from holdfast.findings import Finding

_LEAST_AUC = 0.75
_LEAD = 0.1
_SAME = 0.99


def find_late_change(table: Table) -> Iterator[Finding]:
    """Name the columns whose rule differs between those who left and those who stayed."""
    if table.halves is None:
        return
    compared = (_compare(name, rule, table) for name, rule in table.formulas.items())
    yield from Finding.listing("changed-afterwards", islice(filter(None, compared), 3))


def _compare(name: str, rule: Formula, table: Table) -> str | None:
    assert table.halves is not None
    value, left = table.floats(name), table.left
    off = value - rule.predicted
    auc = table.halves.auc(off[:, None])
    alone = max(table.aucs[each] for each in (name, *rule.columns))
    if auc < max(_LEAST_AUC, alone + _LEAD):
        return None
    gone, stayed = (float(np.nanmedian(np.abs(off[rows]))) for rows in (left, ~left))
    row = int(np.flatnonzero(left)[0])
    return (
        f"{name} {rule.sentence} for those who stayed; for those who left it is off by {gone:,.3g} "
        f"(for those who stayed by {stayed:,.3g}), as for customer {table.customer[row]}: "
        f"{value[row]:,.6g} instead of {rule.predicted[row]:,.6g}. What it is off by has ROC-AUC "
        f"{auc:.3f}, the columns alone {alone:.3f}"
    )


def find_redundant_columns(table: Table) -> Iterator[Finding]:
    """Note the columns that follow from others; each set of columns once."""
    rules: dict[frozenset[str], str] = {}
    for name, rule in sorted(table.formulas.items(), key=lambda item: -item[1].r2):
        if rule.r2 >= _SAME:
            rules.setdefault(frozenset((name, *rule.columns)), f"{name} {rule.sentence}")
    yield from Finding.listing("redundant-columns", islice(rules.values(), 5))


AUDITS = (
    Audit(
        "late change",
        "Was a column changed when the customer left?",
        find_late_change,
        is_cheap=False,
    ),
    Audit(
        "redundant columns",
        "Do columns say the same twice?",
        find_redundant_columns,
        is_cheap=False,
    ),
)
