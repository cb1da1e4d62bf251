"""Joint leak: do columns that are harmless alone nearly determine the outcome, or does one outshine
the rest?

A score of another model, a total that was corrected when the customer left: each alone looks like
any other column. Together with the rest, or held against it, it does not.

Of a log, attributes of customers are held against what became of them at the last cutoff whose
window has ended. Features come from the days before that cutoff; an attribute that lifts them by
more than a fact of the past can was brought up to date after it.
"""

from collections.abc import Collection, Iterator

import numpy as np
import polars as pl

from holdfast.audits.circular_label import NEARLY_CERTAIN
from holdfast.audits.leaky_column import LEAKY_AUC, find_leaky_columns
from holdfast.audits.question import Audit
from holdfast.audits.subjects import Log
from holdfast.audits.table import Table
from holdfast.findings import Finding, join_names

TOGETHER = 0.98
"""ROC-AUC of boosted trees on unseen customers that no honest churn is known to allow."""
_LEAD = 0.05
_LEAST_AUC = 0.7
_LEAST_VALUES = 30
_LEAST_CUSTOMERS, _MOST_CUSTOMERS = 200, 10_000
_LIFT = 0.06


def find_joint_leak(table: Table) -> Iterator[Finding]:
    """Suspect the columns together where none is suspect alone."""
    aucs = {n: table.aucs[n] for n in table.seen if table.aucs and table.aucs[n] < NEARLY_CERTAIN}
    if len(aucs) < 2 or max(aucs.values()) >= LEAKY_AUC:
        return
    together = table.boosted_auc(list(aucs))
    if together >= TOGETHER:
        strongest = sorted(aucs, key=lambda name: -aucs[name])[:3]
        alone = ", ".join(f"{name} {aucs[name]:.3f}" for name in strongest)
        yield Finding.of(
            "telling-together", together=together, alone=alone, columns=join_names(strongest)
        )


def find_outshining_column(
    table: Table, *, among: Collection[str] | None = None
) -> Iterator[Finding]:
    """Suspect a measured column that tells more alone than all others together: a score made from
    the outcome.

    Parameters
    ----------
    among
        The columns to suspect; None: all that the model of churn sees.
    """
    measured = [
        name
        for name in table.select_measured(least_values=_LEAST_VALUES)
        if table.aucs and (among is None or name in among)
    ]
    if not measured or len(table.seen) < 4:
        return
    best = max(measured, key=lambda name: table.aucs[name])
    auc = table.aucs[best]
    if not _LEAST_AUC <= auc < LEAKY_AUC:
        return
    others = table.boosted_auc([name for name in table.seen if name != best])
    if auc >= others + _LEAD:
        low, high = np.nanquantile(table.encoded[best], [0, 1])
        yield Finding.of("outshining-column", best=best, auc=auc, others=others, low=low, high=high)


def find_late_attributes(log: Log) -> Iterator[Finding]:
    """Look for attributes that give the outcome away, alone or together with the features."""
    names, data = log.attributes or [], log.data
    labels = data.labels.filter(pl.col("horizon_days") == log.orders.study.churn.horizon_days)
    last = labels.filter(pl.col("cutoff_day") == pl.col("cutoff_day").max())
    rows = data.features.join(last, on=["customer_id", "cutoff_day"], how="inner")
    if rows.height < _LEAST_CUSTOMERS:
        return
    rows = rows.sample(min(rows.height, _MOST_CUSTOMERS), seed=log.orders.study.seed)
    features = [n for n in data.features.columns if n not in ("customer_id", "cutoff_day")]
    alone, whole = (
        Table(
            columns=rows.select(chosen),
            churned=rows["churned"],
            customer=rows["customer_id"],
            seed=log.orders.study.seed,
        )
        for chosen in (names, features)
    )
    yield from find_leaky_columns(alone)
    yield from find_outshining_column(whole, among=names)
    yield from find_lifting_column(whole, among=names)


def find_lifting_column(table: Table, *, among: Collection[str]) -> Iterator[Finding]:
    """Suspect columns `among` those seen that lift the others by more than a fact of the past
    can.
    """
    others = [name for name in table.seen if name not in among]
    if table.halves is None or not among or not others:
        return
    without = table.boosted_auc(others)
    aucs = {name: table.boosted_auc([*others, name]) for name in table.seen if name in among}
    lifting = [f"with {name} {auc:.3f}" for name, auc in aucs.items() if auc >= without + _LIFT]
    if lifting:
        yield Finding.of("lifting-column", without=without, columns=", ".join(lifting))


AUDITS = (
    Audit(
        "telling together",
        "Do the columns together give the outcome away?",
        find_joint_leak,
        is_cheap=False,
    ),
    Audit(
        "outshining column",
        "Does one column tell more than all others?",
        find_outshining_column,
        is_cheap=False,
    ),
)
LOG_AUDIT = Audit(
    "late attributes",
    "Do attributes give the outcome away?",
    find_late_attributes,
    needs=("attributes",),
)
