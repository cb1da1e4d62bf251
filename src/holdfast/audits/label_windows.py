"""Label windows: do the outcomes that are learnt from end before the test begins, and had all
outcomes come?
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from holdfast.audits.question import Audit
from holdfast.audits.table import Table
from holdfast.findings import Finding
from holdfast.windows import date_of


def find_missing_gap(table: Table) -> Iterator[Finding]:
    """Say by how many days the windows that are learnt from reach into the test."""
    assert table.test is not None
    assert table.cutoff_day is not None
    assert table.horizon_days is not None
    cutoff = table.cutoff_day.cast(pl.Int64).to_numpy()
    first_test = int(cutoff[table.test].min())
    reaching = ~table.test & (cutoff + table.horizon_days > first_test)
    if reaching.any():
        last = int(cutoff[reaching].max())
        yield Finding.fatal(
            "no-gap",
            evidence=f"{reaching.sum():,} of {(~table.test).sum():,} rows that are learnt from "
            f"have outcomes that end after the first test cutoff {date_of(first_test)}: those of "
            f"cutoff {date_of(last)} run {last + table.horizon_days - first_test} days into it",
            meaning="The days that the test predicts are in the outcomes that the model learnt: it "
            "was told part of the answer, and on the day of the test nobody would know them.",
            fix=f"Learn only from cutoffs {table.horizon_days} days before the first test cutoff, "
            "or earlier.",
        )


def find_immature_labels(table: Table) -> Iterator[Finding]:
    """Say how many outcomes had not come when the table was taken."""
    assert table.cutoff_day is not None
    assert table.horizon_days is not None
    assert table.as_of_day is not None
    ends = table.cutoff_day.cast(pl.Int64).to_numpy() + table.horizon_days
    is_open = ends > table.as_of_day + 1
    if is_open.any():
        left = f"{table.left[is_open].mean():.1%} of them count as churned"
        rest = "" if is_open.all() else f", of the others {table.left[~is_open].mean():.1%}"
        yield Finding.fatal(
            "immature-labels",
            evidence=f"{is_open.sum():,} of {len(ends):,} rows have an outcome that ends after "
            f"{date_of(table.as_of_day)}, the day the table was taken, up to "
            f"{int(np.max(ends)) - table.as_of_day - 1} days later; {left}{rest}",
            meaning="Who has not come back yet counts as gone, though the time to come back is not "
            "over.",
            fix=f"Use cutoffs up to {date_of(table.as_of_day + 1 - table.horizon_days)}, or a "
            "shorter horizon.",
        )


AUDITS = (
    Audit(
        "no gap",
        "Do outcomes that are learnt from reach into the test?",
        find_missing_gap,
        needs=("test", "cutoff_day", "horizon_days"),
    ),
    Audit(
        "immature labels",
        "Are there outcomes that had not come?",
        find_immature_labels,
        needs=("cutoff_day", "horizon_days", "as_of_day"),
    ),
)
