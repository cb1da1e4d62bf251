"""Order of the outcome: does the customer's number, or the day of a record, tell who left?

Tables are often put together one outcome after the other, or numbered when a customer is closed. A
number that tells who left beyond what every other column tells carries that order.
"""

import numpy as np
import polars as pl

from holdfast.audits.table import Floats, Table, is_number
from holdfast.findings import Finding

_LEAST = 0.65
_LEAD = 0.03
_UNIQUE = 0.95


def order_of_outcome(table: Table) -> tuple[Finding, ...]:
    """Name the customer's number and the running numbers among the columns, where they tell who
    left.
    """
    if table.halves is None:
        return ()
    asked = {name: table.coded[name] for name in table.seen if _runs(name, table)}
    number = _number_in(table.customer)
    if number is not None:
        asked["the customer's name"] = number
    suspect = {
        name: auc for name, v in asked.items() if (auc := table.halves.auc(v[:, None])) >= _LEAST
    }
    found = {
        name: told
        for name, auc in suspect.items()
        if (told := _lead(name, auc, asked[name], table))
    }
    if not found:
        return ()
    return (
        Finding.warning(
            "order-of-the-outcome",
            evidence="; ".join(found.values()),
            meaning="Numbers and days of record carry the order in which outcomes were written "
            "down. No new customer has one that means the same.",
            fix="Hide such columns, and find out in what order the table was put together.",
        ),
    )


def _runs(name: str, table: Table) -> bool:
    """Whether a column is a running number or a day: whole, and hardly ever repeated, or known to
    be a day.
    """
    column = table.columns[name]
    if name in table.days:
        return True
    if not is_number(column) or column.n_unique() < _UNIQUE * len(column):
        return False
    values = column.cast(pl.Float64).drop_nulls()
    return bool((values == values.round()).all())


def _number_in(customer: pl.Series) -> Floats | None:
    found = customer.str.extract(r"(\d+)\D*$").cast(pl.Float64, strict=False)
    if found.null_count() > 0.05 * len(found) or found.n_unique() < _UNIQUE * len(found):
        return None
    return found.fill_null(float("nan")).to_numpy()


def _lead(name: str, auc: float, values: Floats, table: Table) -> str | None:
    """What the number tells beyond all other columns."""
    assert table.halves is not None
    # A day may be told once more by its distance: other days are no part of "the others".
    others = [table.coded[each] for each in table.seen if each != name and not _runs(each, table)]
    without = table.halves.boosted_auc(np.column_stack(others)) if others else 0.5
    together = table.halves.boosted_auc(np.column_stack([*others, values]))
    if together < without + _LEAD:
        return None
    return (
        f"{name} alone has ROC-AUC {auc:.3f}; it lifts the other columns from {without:.3f} to "
        f"{together:.3f}"
    )
