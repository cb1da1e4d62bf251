"""A month from which on all purchases are of another kind."""

from types import SimpleNamespace

import numpy as np
import polars as pl
from tests.audits.logs import log_of

from holdfast.audits.sudden_change import find_sudden_change

STUDY = SimpleNamespace(
    minor_digits=2,
    transactions=SimpleNamespace(
        columns=SimpleNamespace(amount="price", order_id=None, product_id=None)
    ),
    events=None,
    customers=None,
    treatments=None,
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
