"""Days of a prepared table: does a row know days that had not come, do the outcomes that are learnt
from end before the test begins, and had all outcomes come?

A row sees the days before its cutoff; without one, those up to the day on which the table was
taken.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from holdfast.arrays import Floats
from holdfast.audits.question import Audit
from holdfast.audits.table import Table
from holdfast.findings import Finding
from holdfast.windows import date_of

_FOREVER = 36_525
"""A date a century away stands for "never"."""


def find_late_date(table: Table) -> Iterator[Finding]:
    """Name the columns of dates that reach the cutoff, or lie beyond the day the table was
    taken.
    """
    if table.cutoff_day is not None:
        bound = "the cutoff of its row"
        first_unseen = table.cutoff_day.cast(pl.Float64).to_numpy()
    elif table.as_of_day is not None:
        bound = "the day the table was taken"
        first_unseen = np.full(table.columns.height, table.as_of_day + 1.0)
    else:
        return
    days = (_late_days(name, first_unseen, table) for name in table.days if name in table.seen)
    yield from Finding.listing("dated-after-the-cutoff", days, bound=bound)


def _late_days(name: str, first_unseen: Floats, table: Table) -> str | None:
    day = table.floats(name)
    late = (day >= first_unseen) & (day < first_unseen + _FOREVER)
    if not late.any():
        return None
    row, on_cutoff = int(np.flatnonzero(late)[0]), ""
    limit = f"table taken on {date_of(int(first_unseen[row]) - 1)}"
    if table.cutoff_day is not None:
        limit = f"cutoff {date_of(int(first_unseen[row]))}"
        if same := int((day == first_unseen).sum()):
            on_cutoff = f", {same:,} of them on the day of the cutoff itself"
    return (
        f"{name} is too late in {late.sum():,} of {len(day):,} rows{on_cutoff} (customer "
        f"{table.customer[row]}: {date_of(int(day[row]))}, {limit})"
    )


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
        yield Finding.of(
            "no-gap",
            n=reaching.sum(),
            learnt=(~table.test).sum(),
            first_test=date_of(first_test),
            last=date_of(last),
            days=last + table.horizon_days - first_test,
            horizon_days=table.horizon_days,
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
        yield Finding.of(
            "immature-labels",
            n=is_open.sum(),
            of=len(ends),
            taken=date_of(table.as_of_day),
            days=int(np.max(ends)) - table.as_of_day - 1,
            left=left,
            rest=rest,
            latest=date_of(table.as_of_day + 1 - table.horizon_days),
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
LATE_DATE = Audit("late date", "Does a row know days that had not come?", find_late_date)
