"""The regime: contracts, habits and both, from their gaps alone."""

import numpy as np
import polars as pl
import pytest

from holdfast.models.contract_setting import Regime, find_regime

MONTH = 30.4375


def gaps_of(gaps: dict[str, list[int]]) -> pl.DataFrame:
    """Silences: each customer's gaps, and one that is open."""
    rows = [(who, days, True) for who, all_days in gaps.items() for days in all_days]
    rows += [(who, 40, False) for who in gaps]
    return pl.DataFrame(
        rows,
        schema={"customer_id": pl.String, "days": pl.Int64, "returned": pl.Boolean},
        orient="row",
    )


def contracts(n: int, *, period: float, n_gaps: int, seed: int = 1) -> dict[str, list[int]]:
    starts = np.random.default_rng(seed).uniform(0, 365, n)
    paid = np.floor(starts[:, None] + np.arange(n_gaps + 1) * period).astype(int)
    return {f"contract {i}": np.diff(days).tolist() for i, days in enumerate(paid)}


def habits(
    n: int, *, shape: float, mean: float, n_gaps: int, seed: int = 2
) -> dict[str, list[int]]:
    drawn = np.random.default_rng(seed).gamma(shape, mean / shape, (n, n_gaps))
    return {f"habit {i}": np.ceil(days).astype(int).tolist() for i, days in enumerate(drawn)}


@pytest.mark.parametrize("period", [7.0, 14.0, 28.0, MONTH, 91.3, 365.25])
def test_renewals_by_the_clock_are_contracts_of_their_period(period: float) -> None:
    found = find_regime(gaps_of(contracts(50, period=period, n_gaps=4)))
    assert found.name == "contractual"
    assert found.period_days == pytest.approx(period, abs=0.6)
    assert (found.judged_customers, found.clock_customers, found.clock_share) == (50, 50, 1.0)


def test_annual_contracts_show_in_a_log_that_holds_one_renewal_of_each() -> None:
    found = find_regime(gaps_of(contracts(50, period=365.25, n_gaps=1)))
    assert (found.name, found.period_days) == ("contractual", 365)


@pytest.mark.parametrize("shape", [1.0, 2.0, 4.0, 10.0])
@pytest.mark.parametrize("n_gaps", [3, 12])
def test_buyers_however_regular_are_no_subscribers(shape: float, n_gaps: int) -> None:
    found = find_regime(gaps_of(habits(500, shape=shape, mean=40, n_gaps=n_gaps)))
    assert found.name == "non-contractual"
    assert found.period_days is None


def test_one_repeat_purchase_each_at_any_time_is_no_contract() -> None:
    assert find_regime(gaps_of(habits(500, shape=1.0, mean=90, n_gaps=1))).name == "non-contractual"


def test_subscribers_among_buyers_are_mixed_and_have_the_subscribers_period() -> None:
    both = contracts(40, period=MONTH, n_gaps=6) | habits(60, shape=1.5, mean=40, n_gaps=6)
    found = find_regime(gaps_of(both))
    assert found.name == "mixed"
    assert found.period_days in (30, 31)


def test_a_payment_that_fails_now_and_then_leaves_a_contract_a_contract() -> None:
    skipped = {
        who: [*days[:3], days[3] + days[4], *days[5:]]
        for who, days in contracts(50, period=28, n_gaps=9).items()
    }
    assert find_regime(gaps_of(skipped)).name == "contractual"


def test_daily_buyers_are_no_subscribers_though_their_gaps_agree() -> None:
    assert find_regime(gaps_of(contracts(50, period=2, n_gaps=20))).name == "non-contractual"


def test_a_handful_of_repeat_buyers_tells_nothing() -> None:
    unknown = Regime(
        name="unknown", judged_customers=19, clock_customers=19, clock_share=1.0, period_days=None
    )
    assert find_regime(gaps_of(contracts(19, period=MONTH, n_gaps=6))) == unknown
    assert find_regime(gaps_of({"a": [], "b": []})).name == "unknown"
