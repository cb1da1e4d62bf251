"""The count model: one distribution, consistent answers, and numbers whatever comes in."""

import numpy as np
import polars as pl
import pytest

from holdfast.models.purchase_counts import CountModel, fit_counts
from holdfast.models.purchase_counts.btyd_pair import BTYD_MODELS
from holdfast.models.purchase_counts.histories import histories_at
from holdfast.models.purchase_counts.mixture_weights import GROUPS
from holdfast.synthetic import Shop
from holdfast.windows import day_of

FIRST_DAY = day_of(Shop(n_customers=1).start)

NOW, HORIZON = FIRST_DAY + 400, 90


@pytest.fixture(scope="module")
def fitted(memoryless):
    return fit_counts(memoryless, now=NOW, horizon_days=HORIZON, first_day=FIRST_DAY, seed=1)


@pytest.fixture(scope="module")
def customers(memoryless):
    return histories_at(memoryless, NOW)


def test_the_answers_are_those_of_one_distribution(fitted, customers):
    model = fitted[0]
    pmf = model.pmf(customers, max_purchases=150)
    np.testing.assert_allclose(pmf.sum(axis=1), 1, atol=1e-6)
    ((expected, silent),) = model.ahead(customers, [HORIZON])
    np.testing.assert_allclose(silent, pmf[:, 0], atol=1e-9)
    np.testing.assert_allclose(expected, pmf @ np.arange(151), rtol=1e-4, atol=1e-6)


def test_purchases_never_shrink_and_silence_never_grows_with_the_horizon(fitted, customers):
    told = fitted[0].ahead(customers, [1, 7, 30, 90, 180, 365, 1000])
    expected, silent = np.array([pair[0] for pair in told]), np.array([pair[1] for pair in told])
    assert (np.diff(expected, axis=0) >= 0).all()
    assert (np.diff(silent, axis=0) <= 0).all()


def test_the_chance_to_be_alive_falls_with_silence(fitted, customers):
    quieter = customers.with_columns(pl.col("cutoff_day", "tenure_days") + 200)
    quieter = quieter.with_columns(pl.col("days_since_last_purchase") + 200)
    now, later = (fitted[0].p_alive(each) for each in (customers, quieter))
    assert ((later >= 0) & (later <= now) & (now <= 1)).all()


def test_a_model_rebuilt_from_its_parts_says_the_same(fitted, customers):
    again = CountModel.from_parts(fitted[0].parts())
    for ask in (
        lambda m: m.expected_purchases(customers, 365),
        lambda m: m.p_alive(customers),
        lambda m: m.pmf(customers, max_purchases=9),
    ):
        np.testing.assert_array_equal(ask(again), ask(fitted[0]))
    assert again.mixture == fitted[0].mixture


def test_what_comes_after_the_cutoff_changes_nothing(memoryless, fitted):
    before = memoryless.filter(pl.col("day") < NOW)
    again, _ = fit_counts(before, now=NOW, horizon_days=HORIZON, first_day=FIRST_DAY, seed=1)
    assert again.parts() == fitted[0].parts()


def test_the_router_says_which_member_forecasts_whom_and_why(fitted):
    model, findings = fitted
    assert model.mixture.members[:2] == BTYD_MODELS
    assert len(model.mixture.members) == 3
    assert set(model.mixture.weights) == set(GROUPS)
    assert findings[0].name == "counts-routed"
    assert "one-time" in findings[0].evidence


def test_a_customer_of_the_day_before_is_answered(fitted):
    newcomer = pl.DataFrame(
        {
            "cutoff_day": [NOW],
            "n_purchases": [1],
            "days_since_last_purchase": [1],
            "tenure_days": [1],
        }
    )
    ((_, silent),) = fitted[0].ahead(newcomer, [30])
    assert 0 < silent[0] < 1


def purchases(*customers):
    rows = [(f"c{i}", day) for i, days in enumerate(customers) for day in days]
    return pl.DataFrame(rows, schema={"customer_id": pl.String, "day": pl.Int32}, orient="row")


POOR = {
    "nobody bought again": [[10 * i] for i in range(30)],
    "all alike": [[0, 50]] * 40,
    "ten customers": [[i, 20 + 7 * i] if i % 2 else [3 * i] for i in range(10)],
    "one customer": [[5]],
    "one day": [[0]] * 20,
    "bought on the last day": [[299], [0, 299]],
}


@pytest.mark.parametrize("name", list(POOR))
@pytest.mark.parametrize("horizon", [30, 2_000])
def test_a_poor_log_gives_numbers_and_says_what_they_are_worth(name, horizon):
    days = purchases(*POOR[name])
    model, findings = fit_counts(days, now=300, horizon_days=horizon, first_day=0, seed=1)
    customers = histories_at(days, 300)
    (expected, silent), alive = (
        model.ahead(customers, [horizon])[0],
        model.p_alive(customers),
    )
    assert np.isfinite(expected).all()
    assert (expected >= 0).all()
    for probability in (silent, alive):
        assert ((probability >= 0) & (probability <= 1)).all()
    assert "counts-hardly-determined" in [finding.name for finding in findings]


def test_a_cohort_with_a_horizon_longer_than_its_history_is_forecast(regulars):
    model, findings = fit_counts(regulars, now=120, horizon_days=365, first_day=0, seed=1)
    expected = model.expected_purchases(histories_at(regulars, 120), 365)
    assert np.isfinite(expected).all()
    assert "no window had ended early enough" in findings[0].evidence
