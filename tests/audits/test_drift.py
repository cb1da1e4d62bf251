"""Test rows of another kind than those learnt from, and a month from which on all is different."""

import numpy as np
import polars as pl
from tests.audits.tables import customers_of, noise

from holdfast.audits.drift import drift, sudden_change

ROWS = 1_200
TEST = np.arange(ROWS) % 3 == 0


def test_a_test_in_another_unit_is_told_apart():
    spend = np.where(TEST, 100, 1) * (5 + noise(rows=ROWS))
    (finding,) = drift(customers_of({"spend": spend}, left=np.arange(ROWS) % 2 == 0, test=TEST))
    assert finding.name == "test-is-unlike-learning"
    assert "spend (0.99" in finding.evidence or "spend (1.0" in finding.evidence
    assert "when learning" in finding.evidence


def test_parts_that_are_alike_are_not():
    table = customers_of({"spend": noise(rows=ROWS)}, left=np.arange(ROWS) % 2 == 0, test=TEST)
    assert drift(table) == ()


def test_without_a_split_nothing_is_asked():
    assert drift(customers_of({"spend": noise(rows=ROWS)}, left=TEST)) == ()


def purchases(*, factor: float) -> pl.DataFrame:
    """Ten months of 100 purchases; in the last four everything costs `factor` times as much."""
    rng = np.random.default_rng(5)
    day = np.repeat(np.arange(300), 10)[:3_000]
    return pl.DataFrame(
        {"day": day, "amount": rng.uniform(10, 20, 3_000) * np.where(day >= 180, factor, 1)}
    )


def test_a_month_from_which_on_prices_are_in_cents_is_found():
    (finding,) = sudden_change(purchases(factor=100), end_day=300)
    assert (finding.name, finding.severity) == ("sudden-change", "warning")
    assert "in the 30 days before 1970-06-30" in finding.evidence
    assert "the two differ by 1.00 (Kolmogorov-Smirnov)" in finding.evidence


def test_months_that_are_alike_are_no_change():
    assert sudden_change(purchases(factor=1), end_day=300) == ()


def test_a_short_log_is_not_asked():
    four_months = purchases(factor=100).filter(pl.col("day").is_between(160, 269))
    assert sudden_change(four_months, end_day=270) == ()
