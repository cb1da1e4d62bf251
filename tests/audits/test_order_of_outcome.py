"""A running number that tells who left carries the order in which outcomes were written down."""

import numpy as np
import polars as pl
from tests.audits.tables import ROWS, customers_of, noise

from holdfast.audits.order_of_outcome import find_order_of_outcome

SORTED = np.arange(ROWS) < ROWS // 2


def test_customers_numbered_by_outcome_are_found():
    names = pl.Series([f"C{k:04d}" for k in range(ROWS)])
    (finding,) = find_order_of_outcome(
        customers_of({"noise": noise()}, left=SORTED, customer=names)
    )
    assert (finding.name, finding.severity) == ("order-of-the-outcome", "warning")
    assert finding.evidence.startswith("the customer's name alone has ROC-AUC 0.99")


def test_a_column_that_counts_the_rows_is_found():
    columns = {"row": np.arange(ROWS), "noise": noise()}
    (finding,) = find_order_of_outcome(customers_of(columns, left=SORTED))
    assert finding.evidence.startswith("row alone has ROC-AUC 0.99")


def test_numbers_in_no_order_of_the_outcome_are_fine():
    shuffled = np.random.default_rng(0).permutation(ROWS)
    assert list(find_order_of_outcome(customers_of({"row": shuffled, "noise": noise()}))) == []


def test_a_measured_column_is_no_running_number():
    measured = {"spend": SORTED + noise() / 9, "noise": noise(1)}
    assert list(find_order_of_outcome(customers_of(measured, left=SORTED))) == []
