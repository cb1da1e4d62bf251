"""Drift: are the rows that prove a model of the kind that it learnt from, and is the shop still the
same?

Adversarial validation: a model that can tell test rows from learning rows has found what differs
between them. Of a log, months are compared with the months before them.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from holdfast.audits.question import Audit
from holdfast.audits.subjects import Log
from holdfast.audits.table import Table, encode, halve
from holdfast.features.catalogue import sources_of
from holdfast.findings import Finding, join_names
from holdfast.windows import date_of

_DISTINCT_AUC = 0.8
_LEAST_CUSTOMERS = 200
_JUMP = 0.3
_TIMES = 2.5
_MONTH_DAYS, _LEAST_MONTHS, _LEAST_PURCHASES = 30, 5, 50
_SAMPLED_CUSTOMERS = 20_000


def find_drift(table: Table) -> Iterator[Finding]:
    """Try to tell the test rows of a table's own split from the rows that are learnt from."""
    assert table.test is not None
    halves = halve(table.test, table.seed, least=_LEAST_CUSTOMERS)
    if halves is None or not table.seen:
        return
    matrix = {name: encode(table.columns[name], halves) for name in table.seen}
    together = halves.boosted_auc(np.column_stack(list(matrix.values())))
    if together < _DISTINCT_AUC:
        return
    alone = {name: halves.auc(values[:, None]) for name, values in matrix.items()}
    strongest = sorted(alone, key=lambda name: -alone[name])[:3]
    by = ", ".join(f"{name} ({alone[name]:.3f}, {_means(name, table)})" for name in strongest)
    yield Finding.of(
        "test-is-unlike-learning", together=together, by=by, columns=join_names(strongest)
    )


def _means(name: str, table: Table) -> str:
    if table.columns[name].dtype == pl.String or table.test is None:
        return "other words"
    values = table.floats(name)
    learnt, test = (float(np.nanmean(values[part])) for part in (~table.test, table.test))
    return f"mean {learnt:,.4g} when learning, {test:,.4g} in the test"


def find_sudden_change(log: Log) -> Iterator[Finding]:
    """Find a month of 30 days from which on purchases differ from those before, as no other
    month's do.
    """
    measures = {}
    if "amounts" in sources_of(log.orders.study):
        measures["amount"] = f"gross_minor / {10**log.orders.study.minor_digits}"
    if log.product_id is not None:
        measures["lines"] = "n_lines"
    selected = "".join(f", {sql} AS {name}" for name, sql in measures.items())
    purchases = log.orders.query(
        f"SELECT day, ({log.orders.end_day} - 1 - day) // {_MONTH_DAYS} AS months_ago{selected} "
        f"FROM activity WHERE n_orders > 0 AND {log.orders.sample(_SAMPLED_CUSTOMERS)}"
    )
    parts = purchases.sort("months_ago", descending=True).partition_by("months_ago")
    months = [month for month in parts if month.height >= _LEAST_PURCHASES]
    changes = (_largest_jump(name, months) for name in measures if len(months) >= _LEAST_MONTHS)
    yield from Finding.listing("sudden-change", changes)


def _largest_jump(name: str, months: Sequence[pl.DataFrame]) -> str | None:
    from scipy.stats import ks_2samp

    values = [month[name].cast(pl.Float64).to_numpy() for month in months]
    distances = [float(ks_2samp(a, b, method="asymp").statistic) for a, b in pairwise(values)]
    k = int(np.argmax(distances))
    # The change may lie within a month, which then differs from both its neighbours.
    usual = float(np.max(np.delete(distances, range(max(0, k - 1), min(len(distances), k + 2)))))
    if distances[k] < _JUMP or distances[k] < _TIMES * usual:
        return None
    before, after = (float(np.median(values[i])) for i in (k, k + 1))
    begins = date_of(int(months[k + 1]["day"].to_numpy().min()))
    return (
        f"{name} per purchase has a median of {before:,.4g} in the 30 days before {begins} and of "
        f"{after:,.4g} after it; the two differ by {distances[k]:.2f} (Kolmogorov-Smirnov), other "
        f"months by {usual:.2f} at most"
    )


AUDIT = Audit(
    "drift", "Is the test unlike what was learnt?", find_drift, needs=("test",), is_cheap=False
)
LOG_AUDIT = Audit(
    "sudden change", "Did the shop change from one day to the next?", find_sudden_change
)
