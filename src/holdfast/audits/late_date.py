"""Late date: does a row know days that had not come yet?

A row sees the days before its cutoff; without one, those up to the day on which the table was
taken.
"""

import numpy as np
import polars as pl

from holdfast.audits.table import Table
from holdfast.findings import Finding
from holdfast.windows import date_of

_FOREVER = 36_525
"""A date a century away stands for "never"."""


def late_date(table: Table) -> tuple[Finding, ...]:
    """Name the columns of dates that reach the cutoff, or lie beyond the day the table was
    taken.
    """
    found = [told for name in table.days if name in table.seen and (told := _late(name, table))]
    if not found:
        return ()
    bound = (
        "the cutoff of its row" if table.cutoff_day is not None else "the day the table was taken"
    )
    return (
        Finding.fatal(
            "dated-after-the-cutoff",
            evidence="; ".join(found),
            meaning=f"A date on or after {bound} was not known on that day: with it the model sees "
            "part of the outcome. The day of the cutoff belongs to the outcome.",
            fix="Build every column from the days before the cutoff alone, or hide the column.",
        ),
    )


def _late(name: str, table: Table) -> str | None:
    day = table.columns[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if table.cutoff_day is not None:
        first_unseen = table.cutoff_day.cast(pl.Float64).to_numpy()
    elif table.as_of_day is not None:
        first_unseen = np.full(len(day), table.as_of_day + 1.0)
    else:
        return None
    late = (day >= first_unseen) & (day < first_unseen + _FOREVER)
    if not late.any():
        return None
    same, row = int((day == first_unseen).sum()), int(np.flatnonzero(late)[0])
    on_the_day = (
        f", {same:,} of them on the day of the cutoff itself"
        if same and table.cutoff_day is not None
        else ""
    )
    against = "cutoff" if table.cutoff_day is not None else "table taken on"
    limit = first_unseen[row] if table.cutoff_day is not None else first_unseen[row] - 1
    return (
        f"{name} is too late in {late.sum():,} of {len(day):,} rows{on_the_day} (customer "
        f"{table.customer[row]}: "
        f"{date_of(int(day[row]))}, {against} {date_of(int(limit))})"
    )
