"""Test rows of another kind than those learnt from, and a month from which on all is different."""

from types import SimpleNamespace

import numpy as np
import polars as pl
from tests.audits.logs import log_of
from tests.audits.tables import customers_of, noise

from holdfast.audits.drift import AUDIT, find_drift, find_sudden_change
from holdfast.study.settings import Features
from holdfast.study.sources import TransactionColumns

ROWS = 1_200
TEST = np.arange(ROWS) % 3 == 0


def test_a_test_in_another_unit_is_told_apart():
    spend = np.where(TEST, 100, 1) * (5 + noise(rows=ROWS))
    (finding,) = find_drift(
        customers_of({"spend": spend}, left=np.arange(ROWS) % 2 == 0, test=TEST)
    )
    assert finding.name == "test-is-unlike-learning"
    assert "spend (0.99" in finding.evidence or "spend (1.0" in finding.evidence
    assert "when learning" in finding.evidence


def test_parts_that_are_alike_are_not():
    table = customers_of({"spend": noise(rows=ROWS)}, left=np.arange(ROWS) % 2 == 0, test=TEST)
    assert list(find_drift(table)) == []


def test_without_a_split_nothing_is_asked():
    table = customers_of({"spend": noise(rows=ROWS)}, left=TEST)
    assert not AUDIT.is_asked(table, cheaply=False)


COLUMNS = TransactionColumns(customer_id="who", occurred_at="at", amount="price")
STUDY = SimpleNamespace(
    minor_digits=2,
    transactions=SimpleNamespace(columns=COLUMNS),
    events=None,
    customers=None,
    treatments=None,
    features=Features(),
)


def purchases(*, factor: float) -> pl.DataFrame:
    """Ten months of 100 purchases; in the last four everything costs `factor` times as much."""
    rng = np.random.default_rng(5)
    day = np.repeat(np.arange(300), 10)[:3_000]
    amount = rng.uniform(10, 20, 3_000) * np.where(day >= 180, factor, 1)
    return pl.DataFrame(
        {
            "customer_id": [f"c{row}" for row in range(3_000)],
            "day": day,
            "n_orders": 1,
            "gross_minor": (amount * 100).astype(np.int64),
        }
    )


def findings(activity: pl.DataFrame, *, end_day: int):
    return list(find_sudden_change(log_of(end_day=end_day, activity=activity, study=STUDY)))


def test_a_month_from_which_on_prices_are_in_cents_is_found():
    (finding,) = findings(purchases(factor=100), end_day=300)
    assert (finding.name, finding.severity) == ("sudden-change", "warning")
    assert finding.evidence.startswith("amount per purchase has a median of 1")
    assert "in the 30 days before 1970-06-30" in finding.evidence
    assert "the two differ by 1.00 (Kolmogorov-Smirnov)" in finding.evidence


def test_months_that_are_alike_are_no_change():
    assert findings(purchases(factor=1), end_day=300) == []


def test_a_short_log_is_not_asked():
    four_months = purchases(factor=100).filter(pl.col("day").is_between(160, 269))
    assert findings(four_months, end_day=270) == []
