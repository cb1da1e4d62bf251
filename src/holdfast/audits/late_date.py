"""Late date: does a row know days that had not come yet?

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


AUDIT = Audit("late date", "Does a row know days that had not come?", find_late_date)
