"""Drift: are the rows that prove a model of the kind that it learnt from?

Adversarial validation: a model that can tell test rows from learning rows has found what differs
between them.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from holdfast.audits.question import Audit
from holdfast.audits.table import Table, encode, halve, join_names
from holdfast.findings import Finding

_DISTINCT_AUC = 0.8
_LEAST_CUSTOMERS = 200


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
    yield Finding.warning(
        "test-is-unlike-learning",
        evidence="boosted trees tell test rows from learning rows with ROC-AUC "
        f"{together:.3f}; most by {by}",
        meaning="The test asks about other customers, or in another unit, than was learnt: its "
        "figures say little about either.",
        fix=f"Compare {join_names(strongest)} in both parts: a changed unit, a changed export, or "
        "another kind of customer?",
    )


def _means(name: str, table: Table) -> str:
    if table.columns[name].dtype == pl.String or table.test is None:
        return "other words"
    values = table.floats(name)
    learnt, test = (float(np.nanmean(values[part])) for part in (~table.test, table.test))
    return f"mean {learnt:,.4g} when learning, {test:,.4g} in the test"


AUDIT = Audit(
    "drift", "Is the test unlike what was learnt?", find_drift, needs=("test",), is_cheap=False
)
