"""Late change: was a total corrected when the customer left?

For customers who stayed, a total often follows from other columns (charges = months x monthly
charge). Where the same rule misses the customers who left, the total was changed by the outcome: a
final fee, a refund.
"""

import numpy as np

from holdfast.audits.circular_value import Formula
from holdfast.audits.table import Table
from holdfast.findings import Finding

_TELLING = 0.75
_LEAD = 0.1
_SAME = 0.99


def late_change(table: Table) -> tuple[Finding, ...]:
    """Name the columns whose rule differs between those who left and those who stayed."""
    if table.halves is None:
        return ()
    found = [told for name, rule in table.formulas.items() if (told := _told(name, rule, table))]
    if not found:
        return ()
    return (
        Finding.warning(
            "changed-afterwards",
            evidence="; ".join(found[:3]),
            meaning="The column was changed when the customer left, so it holds the outcome. "
            "Nobody has that value on the day of a prediction.",
            fix="Give the column as it stood before the outcome, or hide it.",
        ),
    )


def redundant_columns(table: Table) -> tuple[Finding, ...]:
    """Note the columns that follow from others; each set of columns once."""
    rules: dict[frozenset[str], str] = {}
    for name, rule in sorted(table.formulas.items(), key=lambda item: -item[1].r2):
        if rule.r2 >= _SAME:
            rules.setdefault(frozenset((name, *rule.columns)), f"{name} {rule.sentence}")
    if not rules:
        return ()
    return (
        Finding.note(
            "redundant-columns",
            evidence="; ".join(list(rules.values())[:5]),
            meaning="They say the same twice. Predictions are as good, but reasons divide between "
            "the columns.",
            fix="Nothing needs to be done; hide one of them for clearer reasons.",
        ),
    )


def _told(name: str, rule: Formula, table: Table) -> str | None:
    off = table.columns[name].cast(float).fill_null(float("nan")).to_numpy() - rule.predicted
    assert table.halves is not None
    auc = table.halves.auc(off[:, None])
    alone = max(table.aucs[each] for each in (name, *rule.columns))
    if auc < max(_TELLING, alone + _LEAD):
        return None
    gone, stayed = (float(np.nanmedian(np.abs(off[rows]))) for rows in (table.left, ~table.left))
    example = int(np.flatnonzero(table.left)[0])
    return (
        f"{name} {rule.sentence} for those who stayed; for those who left it is off by {gone:,.3g} "
        "(for those who "
        f"stayed by {stayed:,.3g}), as for customer {table.customer[example]}: "
        f"{table.columns[name][example]:,.6g} "
        f"instead of {rule.predicted[example]:,.6g}. What it is off by has ROC-AUC {auc:.3f}, the "
        "columns alone "
        f"{alone:.3f}"
    )
