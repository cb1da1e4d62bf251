"""Order of the outcome: does the customer's number, or the day of a record, tell who left?

Tables are often put together one outcome after the other, or numbered when a customer is closed. A
number that tells who left beyond what every other column tells carries that order.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from holdfast.arrays import Floats
from holdfast.audits.question import Audit
from holdfast.audits.table import Table, is_number
from holdfast.findings import Finding

_LEAST_AUC = 0.65
_LEAD = 0.03
_UNIQUE = 0.95


def find_order_of_outcome(table: Table) -> Iterator[Finding]:
    """Name the customer's number and the running numbers among the columns, where they tell who
    left.
    """
    if table.halves is None:
        return
    running = {name: table.encoded[name] for name in table.seen if _runs(name, table)}
    number = _number_in(table.customer)
    if number is not None:
        running["the customer's name"] = number
    leads = (_lead(name, values, table) for name, values in running.items())
    yield from Finding.listing("order-of-the-outcome", leads)


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
    number = customer.str.extract(r"(\d+)\D*$").cast(pl.Float64, strict=False)
    if number.null_count() > 0.05 * len(number) or number.n_unique() < _UNIQUE * len(number):
        return None
    return number.fill_null(float("nan")).to_numpy()


def _lead(name: str, values: Floats, table: Table) -> str | None:
    """What the number tells beyond all other columns."""
    assert table.halves is not None
    auc = table.halves.auc(values[:, None])
    if auc < _LEAST_AUC:
        return None
    # A day may be told once more by its distance: other days are no part of "the others".
    others = [table.encoded[each] for each in table.seen if each != name and not _runs(each, table)]
    without = table.halves.boosted_auc(np.column_stack(others)) if others else 0.5
    together = table.halves.boosted_auc(np.column_stack([*others, values]))
    if together < without + _LEAD:
        return None
    return (
        f"{name} alone has ROC-AUC {auc:.3f}; it lifts the other columns from {without:.3f} to "
        f"{together:.3f}"
    )


AUDIT = Audit(
    "order of the outcome",
    "Does a number or a day carry the order of outcomes?",
    find_order_of_outcome,
    is_cheap=False,
)
