"""One column, or that it is empty, tells who left."""

import numpy as np
import polars as pl
from tests.audits.tables import ROWS, customers_of, halves_left, noise

from holdfast.audits.leaky_column import find_leaky_columns, find_leaky_value_columns
from holdfast.audits.table import Table

LEFT = halves_left()


def blanked(values: np.ndarray, empty: np.ndarray) -> pl.Series:
    return pl.Series(np.where(empty, np.nan, values)).fill_nan(None)


def test_a_column_that_parts_nearly_all_is_named_with_a_customer():
    # One in twenty is told wrongly.
    status = np.where(np.arange(ROWS) % 20 < 1, ~LEFT, LEFT)
    (finding,) = find_leaky_columns(customers_of({"status": status * 1.0, "noise": noise()}))
    assert (finding.name, finding.severity) == ("telling-column", "warning")
    assert finding.evidence.startswith("status alone has ROC-AUC 0.9")
    assert "for example customer customer-a left and has status = 0" in finding.evidence


def test_a_reason_that_only_those_who_left_have_was_filled_in_afterwards():
    reason = np.where(LEFT & (np.arange(ROWS) % 4 == 0), "moved away", None)
    (finding,) = find_leaky_columns(customers_of({"reason": reason, "noise": noise()}))
    assert finding.name == "filled-in-afterwards"
    assert "reason" in finding.evidence
    assert "Hide it" in finding.fix


def test_a_column_that_the_model_does_not_see_is_only_noted():
    status = np.where(np.arange(ROWS) % 20 < 1, ~LEFT, LEFT)
    table = customers_of({"status": status * 1.0, "noise": noise()}, hidden={"churn": ["status"]})
    assert [finding.severity for finding in find_leaky_columns(table)] == ["note"]


def test_that_a_column_is_empty_is_named_where_most_of_those_who_left_have_it_so():
    rng = np.random.default_rng(5)
    # 90 % of those without a contract left, and 32 % of the others; their numbers say little.
    empty = np.where(LEFT, rng.random(ROWS) < 0.6, rng.random(ROWS) < 0.06)
    table = customers_of({"contract": blanked(rng.integers(1, 24, ROWS) * 1.0, empty)})
    (finding,) = find_leaky_columns(table)
    assert finding.name == "filled-in-afterwards"
    assert "customers whose contract is empty left" in finding.evidence


def test_a_column_that_is_empty_more_often_for_those_who_left_is_no_leak():
    rng = np.random.default_rng(5)
    empty = np.where(LEFT, rng.random(ROWS) < 0.4, rng.random(ROWS) < 0.15)
    table = customers_of({"contract": blanked(rng.integers(1, 24, ROWS) * 1.0, empty)})
    assert list(find_leaky_columns(table)) == []


def test_a_few_blanks_of_those_who_left_are_no_reason_to_hide_a_column():
    n = 20_000
    left = np.arange(n) % 2 == 0
    speed = np.random.default_rng(6).normal(size=n) - 0.5 * left
    blank = left & (np.arange(n) % 100 < 2)
    table = Table(
        columns=pl.DataFrame({"speed": blanked(speed, blank)}),
        churned=pl.Series(left),
        customer=pl.Series([f"c{i}" for i in range(n)]),
    )
    assert blank.sum() == 200
    assert list(find_leaky_columns(table)) == []


def test_noise_tells_nothing():
    assert list(find_leaky_columns(customers_of({"noise": noise(1), "more": noise(2)}))) == []


def test_a_column_in_the_order_of_the_value_is_named():
    value = pl.Series(np.arange(ROWS, dtype=float))
    table = customers_of({"points": np.sqrt(np.arange(ROWS)), "noise": noise()}, value=value)
    (finding,) = find_leaky_value_columns(table)
    assert finding.name == "telling-value-column"
    assert finding.evidence.startswith("points alone has rank correlation 1.000 with the value")
    assert "is worth 399 and has points = 19.97" in finding.evidence
    hidden = customers_of(
        {"points": np.sqrt(np.arange(ROWS))}, value=value, hidden={"value": ["points"]}
    )
    assert list(find_leaky_value_columns(hidden)) == []
