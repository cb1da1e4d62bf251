"""Telling together: do columns that are harmless alone nearly determine the outcome, or does one
outshine the rest?

A score of another model, a total that was corrected when the customer left: each alone looks like
any other column. Together with the rest, or held against it, it does not.
"""

from collections.abc import Collection

import numpy as np

from holdfast.audits.circular_label import NEARLY_CERTAIN
from holdfast.audits.leaky_column import TELLING
from holdfast.audits.table import Table, is_number, listed
from holdfast.findings import Finding

TOGETHER = 0.98
"""ROC-AUC of boosted trees on unseen customers that no honest churn is known to allow."""
_LEAD = 0.05
_LIFT = 0.06
_LEAST = 0.7
_LEAST_VALUES = 30


def telling_together(table: Table) -> tuple[Finding, ...]:
    """Suspect the columns together where none is suspect alone."""
    seen = [
        name
        for name in table.seen
        if table.halves is not None and table.aucs[name] < NEARLY_CERTAIN
    ]
    if len(seen) < 2 or max(table.aucs[name] for name in seen) >= TELLING:
        return ()
    together = table.boosted_auc(seen)
    if together < TOGETHER:
        return ()
    strongest = sorted(seen, key=lambda name: -table.aucs[name])[:3]
    alone = ", ".join(f"{name} {table.aucs[name]:.3f}" for name in strongest)
    return (
        Finding.warning(
            "telling-together",
            evidence=f"boosted trees on the columns together have ROC-AUC {together:.4f} among "
            f"customers they have not seen, though none alone comes near (the strongest: {alone})",
            meaning="Together the columns hold the outcome: one of them was changed when the "
            "customer left.",
            fix=f"Ask when each is written, first {listed(strongest)}; hide what is known only "
            "afterwards.",
        ),
    )


def outshining_column(table: Table, *, among: Collection[str] | None = None) -> tuple[Finding, ...]:
    """Suspect a measured column that tells more alone than all others together: a score made from
    the outcome.

    Parameters
    ----------
    among
        The columns to suspect; None: all that the model of churn sees.
    """
    asked = [name for name in table.seen if among is None or name in among]
    measured = [name for name in asked if table.halves is not None and _is_measured(name, table)]
    if not measured or len(table.seen) < 4:
        return ()
    best = max(measured, key=lambda name: table.aucs[name])
    if not _LEAST <= table.aucs[best] < TELLING:
        return ()
    others = table.boosted_auc([name for name in table.seen if name != best])
    if table.aucs[best] < others + _LEAD:
        return ()
    low, high = (float(bound) for bound in np.nanquantile(table.coded[best], [0, 1]))
    between = f" (it lies between {low:.3g} and {high:.3g})"
    return (
        Finding.warning(
            "outshining-column",
            evidence=f"{best} alone has ROC-AUC {table.aucs[best]:.3f}, all other columns together "
            f"{others:.3f}{between}",
            meaning="A column that tells more than everything else is often a score of another "
            "model, learnt from this very outcome, or a count that runs on after the cutoff.",
            fix=f"Find out how {best} is made; hide it unless it was computed before the cutoff, "
            "without the outcome.",
        ),
    )


def _is_measured(name: str, table: Table) -> bool:
    column = table.columns[name]
    return is_number(column) and column.n_unique() >= _LEAST_VALUES


def lifting_column(table: Table, *, among: Collection[str]) -> tuple[Finding, ...]:
    """Suspect columns that lift everything else by more than a fact of the past can.

    Parameters
    ----------
    among
        The columns to suspect; the others are known to be of the past.
    """
    asked = [name for name in table.seen if name in among]
    others = [name for name in table.seen if name not in among]
    if table.halves is None or not asked or not others:
        return ()
    without = table.boosted_auc(others)
    found = {
        name: lifted
        for name in asked
        if (lifted := table.boosted_auc([*others, name])) >= without + _LIFT
    }
    if not found:
        return ()
    told = ", ".join(f"with {name} {auc:.3f}" for name, auc in found.items())
    return (
        Finding.warning(
            "lifting-column",
            evidence=f"everything that customers did before the cutoff has ROC-AUC {without:.3f}, "
            f"{told}",
            meaning="Nothing that was known before tells so much that purchases do not: the column "
            "was brought up to date after the cutoff.",
            fix="Give the day from which each value was known (customers.columns.known_from), or "
            "leave the column out.",
        ),
    )
