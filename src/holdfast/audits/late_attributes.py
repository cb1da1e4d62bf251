"""Late attributes: do attributes of customers know the outcome?

They are held against what became of customers at the last cutoff whose window has ended. Features
come from the days before that cutoff; an attribute that lifts them by more than a fact of the past
can was brought up to date after it.
"""

from collections.abc import Collection, Iterator

import polars as pl

from holdfast.audits.joint_leak import find_outshining_column
from holdfast.audits.leaky_column import find_leaky_columns
from holdfast.audits.log import Log
from holdfast.audits.question import Audit
from holdfast.audits.table import Table
from holdfast.findings import Finding

_LEAST_CUSTOMERS, _MOST_CUSTOMERS = 200, 10_000
_LIFT = 0.06


def find_late_attributes(log: Log) -> Iterator[Finding]:
    """Look for attributes that give the outcome away, alone or together with the features."""
    names, data = log.attributes or [], log.data
    labels = data.labels.filter(pl.col("horizon_days") == log.study.churn.horizon_days)
    last = labels.filter(pl.col("cutoff_day") == pl.col("cutoff_day").max())
    rows = data.features.join(last, on=["customer_id", "cutoff_day"], how="inner")
    if rows.height < _LEAST_CUSTOMERS:
        return
    rows = rows.sample(min(rows.height, _MOST_CUSTOMERS), seed=log.study.seed)
    features = [n for n in data.features.columns if n not in ("customer_id", "cutoff_day")]
    alone, whole = (
        Table(
            columns=rows.select(chosen),
            churned=rows["churned"],
            customer=rows["customer_id"],
            seed=log.study.seed,
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
        yield Finding.warning(
            "lifting-column",
            evidence=f"everything that customers did before the cutoff has ROC-AUC {without:.3f}, "
            f"{', '.join(lifting)}",
            meaning="Nothing that was known before tells so much that purchases do not: the column "
            "was brought up to date after the cutoff.",
            fix="Give the day from which each value was known (customers.columns.known_from), or "
            "leave the column out.",
        )


AUDIT = Audit(
    "late attributes",
    "Do attributes give the outcome away?",
    find_late_attributes,
    needs=("attributes",),
)
