"""Windows of rows: do the outcomes that are learnt from end before the test begins, and had all
outcomes come?
"""

import numpy as np
import polars as pl

from holdfast.audits.table import Table
from holdfast.findings import Finding
from holdfast.windows import date_of


def no_gap(table: Table) -> tuple[Finding, ...]:
    """Say by how many days the windows that are learnt from reach into the test."""
    if table.test is None or table.cutoff_day is None or table.horizon_days is None:
        return ()
    cutoff = table.cutoff_day.cast(pl.Int64).to_numpy()
    first_test = int(cutoff[table.test].min())
    reaching = ~table.test & (cutoff + table.horizon_days > first_test)
    if not reaching.any():
        return ()
    last = int(cutoff[reaching].max())
    return (
        Finding.fatal(
            "no-gap",
            evidence=f"{reaching.sum():,} of {(~table.test).sum():,} rows that are learnt from "
            f"have outcomes that end after the first test cutoff {date_of(first_test)}: those of "
            f"cutoff {date_of(last)} run {last + table.horizon_days - first_test} days into it",
            meaning="The days that the test predicts are in the outcomes that the model learnt: it "
            "was told part of the answer, and on the day of the test nobody would know them.",
            fix=f"Learn only from cutoffs {table.horizon_days} days before the first test cutoff, "
            "or earlier.",
        ),
    )


def immature_labels(table: Table) -> tuple[Finding, ...]:
    """Say how many outcomes had not come when the table was taken."""
    if table.cutoff_day is None or table.horizon_days is None or table.as_of_day is None:
        return ()
    ends = table.cutoff_day.cast(pl.Int64).to_numpy() + table.horizon_days
    open_ = ends > table.as_of_day + 1
    if not open_.any():
        return ()
    left = f"{table.left[open_].mean():.1%} of them count as churned"
    mature = f", of the others {table.left[~open_].mean():.1%}" if not open_.all() else ""
    return (
        Finding.fatal(
            "immature-labels",
            evidence=f"{open_.sum():,} of {len(ends):,} rows have an outcome that ends after "
            f"{date_of(table.as_of_day)}, the day the table was taken, up to "
            f"{int(np.max(ends)) - table.as_of_day - 1} days later; {left}{mature}",
            meaning="Who has not come back yet counts as gone, though the time to come back is not "
            "over.",
            fix=f"Use cutoffs up to {date_of(table.as_of_day + 1 - table.horizon_days)}, or a "
            "shorter horizon.",
        ),
    )
