"""Contracts: what a customer's last charge says of the next."""

import numpy as np
import polars as pl
import pytest

from holdfast.models.purchase_counts import (
    BTYDRevenue,
    RenewalModel,
    fit_btyd_revenue,
    fit_btyd_silence,
    fit_renewals,
)
from holdfast.models.purchase_counts.histories import histories_at, purchases_in
from holdfast.models.purchase_counts.renewals import Plan
from holdfast.windows import parse_day

NOW = parse_day("2024-06-01")
FIRST_DAY = NOW - 1000
NINE_IN_TEN = {"alpha": 1e4, "beta": 9e4, "c": 1.0}


def customer(*, charges: int, silence: int, period: int = 30, now: int = NOW) -> pl.DataFrame:
    tenure = silence + (charges - 1) * period
    return pl.DataFrame(
        {
            "cutoff_day": [now],
            "n_purchases": [charges],
            "days_since_last_purchase": [silence],
            "tenure_days": [tenure],
        }
    )


def contracts(*plans: Plan, monthly: bool = False) -> RenewalModel:
    return RenewalModel(monthly, plans, FIRST_DAY)


def plan(gaps: dict[int, float], *, share: float = 1.0, period: int = 30) -> Plan:
    chances = tuple(gaps.get(gap, 0.0) for gap in range(1, max(gaps) + 1))
    return Plan(period, share, **NINE_IN_TEN, before=0, gaps=chances)


ON_THE_DAY = contracts(plan({30: 1.0}))


def test_a_charge_comes_on_the_day_that_it_is_due_or_not_at_all():
    charged_ten_days_ago = customer(charges=3, silence=10)
    # The 30th day after the charge is the 20th after the cutoff: a horizon of 21 days holds it.
    assert ON_THE_DAY.silent(charged_ten_days_ago, 20) == pytest.approx([1.0])
    assert ON_THE_DAY.silent(charged_ten_days_ago, 21) == pytest.approx([0.1], abs=1e-4)
    assert ON_THE_DAY.due_day(charged_ten_days_ago) == pytest.approx([NOW + 20])
    assert ON_THE_DAY.p_alive(charged_ten_days_ago) == pytest.approx([0.9], abs=1e-4)


def test_expected_charges_are_those_of_a_geometric_contract():
    expected = ON_THE_DAY.expected_purchases(customer(charges=3, silence=10), 81)
    assert expected == pytest.approx([0.9 + 0.81 + 0.729], abs=1e-3)


def test_who_has_missed_the_day_has_left():
    missed = customer(charges=3, silence=31)
    assert ON_THE_DAY.p_alive(missed) == pytest.approx([0.0])
    assert ON_THE_DAY.silent(missed, 365) == pytest.approx([1.0])
    assert np.isnan(ON_THE_DAY.due_day(missed)).all()
    due_today = customer(charges=3, silence=30)
    assert ON_THE_DAY.silent(due_today, 1) == pytest.approx([0.1], abs=1e-4)


def test_a_late_payment_comes_back_by_bayes_rule():
    model = contracts(plan({30: 0.9, 35: 0.1}))
    overdue = customer(charges=3, silence=31)
    comes = 0.9 * 0.1 / (0.1 + 0.9 * 0.1)
    assert model.p_alive(overdue) == pytest.approx([comes], abs=1e-4)
    assert model.silent(overdue, 5) == pytest.approx([1 - comes], abs=1e-4)


def test_months_are_counted_by_the_calendar():
    model = contracts(plan({31: 1.0}, period=31), monthly=True)
    january, march = parse_day("2024-01-15"), parse_day("2024-03-15")
    customers = pl.concat(
        [
            customer(charges=1, silence=14, now=january + 14),
            customer(charges=1, silence=14, now=march + 14),
        ]
    )
    due = [parse_day("2024-02-15"), parse_day("2024-04-15")]
    assert model.due_day(customers) == pytest.approx(due)


def test_a_customer_charged_once_may_have_any_plan_and_the_silence_tells_which():
    yearly = plan({365: 1.0}, share=0.25, period=365)
    model = contracts(plan({30: 1.0}, share=0.75), yearly)
    soon, late = customer(charges=1, silence=10), customer(charges=1, silence=40)
    assert model.silent(soon, 30) == pytest.approx([1 - 0.75 * 0.9], abs=1e-4)
    # One in ten of the monthly customers leaves at once; after 40 days they look like a yearly one.
    yearly_share = 0.25 / (0.25 + 0.75 * 0.1)
    assert model.p_alive(late) == pytest.approx([0.9 * yearly_share], abs=1e-4)
    assert model.silent(customer(charges=3, silence=40), 365) == pytest.approx([1.0])


def draw_contracts(*, n: int = 800, seed: int = 5) -> pl.DataFrame:
    """Monthly by the calendar, 5 % late by up to nine days; the service is older than its log."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(n):
        month = np.datetime64("2021-01", "M") + rng.integers(0, 40)
        day, leaves = int(rng.integers(0, 28)), rng.beta(1, 12)
        price = float(rng.choice([9.0, 29.0]))
        while month < np.datetime64("2025-01", "M"):
            late = int(rng.integers(1, 10)) * (rng.random() < 0.05)
            at = int(month.astype("datetime64[D]").astype(int)) + day + late
            rows.append((f"c{number:04d}", at, price))
            if rng.random() < leaves:
                break
            month += 1
    log = pl.DataFrame(rows, schema=["customer_id", "day", "net"], orient="row")
    return log.filter(pl.col("day") >= FIRST_DAY).sort("customer_id", "day")


@pytest.fixture(scope="module")
def charges():
    return draw_contracts()


@pytest.fixture(scope="module")
def fitted(charges):
    model, _ = fit_renewals(charges, now=NOW, first_day=FIRST_DAY)
    return model


@pytest.fixture(scope="module")
def customers(charges):
    last = charges.filter(pl.col("day") < NOW).group_by("customer_id").agg(pl.col("net").last())
    return histories_at(charges, NOW).join(
        last.rename({"net": "purchase_value_last"}), on="customer_id", maintain_order="left"
    )


def test_the_fit_sees_months_and_what_comes_late(fitted):
    (monthly,) = fitted.plans
    assert fitted.monthly
    assert monthly.period == 31
    assert monthly.gap_within(np.array([30, 31, 41])) == pytest.approx([0.04, 0.95, 1], abs=0.03)
    # Beta(1, 12) leavers: a 13th leave at the first renewal.
    assert monthly.retention[0] == pytest.approx(12 / 13, abs=0.02)
    assert monthly.retention[11] > monthly.retention[0]


@pytest.mark.parametrize("days", [30, 90])
def test_it_is_better_than_the_share_that_paid_before_by_silence(fitted, charges, customers, days):
    truth = purchases_in(charges, customers, days) > 0
    before = histories_at(charges, NOW - days)
    paid = purchases_in(charges, before, days) > 0
    edges = (7, 14, 30, 60, 90)
    then, now = (
        np.digitize(each["days_since_last_purchase"].to_numpy(), edges)
        for each in (before, customers)
    )
    n = np.bincount(then, minlength=6)
    naive = ((np.bincount(then, paid, minlength=6) + 1) / (n + 2))[now]
    ours = 1 - fitted.silent(customers, days)

    def losses(p):
        p = np.clip(p, 1e-6, 1 - 1e-6)
        return np.mean((truth - p) ** 2), -np.mean(np.log(np.where(truth, p, 1 - p)))

    assert (np.array(losses(ours)) < np.array(losses(naive))).all()
    assert ours.sum() == pytest.approx(truth.sum(), rel=0.05)


def test_a_longer_horizon_is_never_quieter_nor_brings_less(fitted, customers):
    asked = (1, 7, 30, 31, 90, 365)
    each = fitted.ahead(customers, asked)
    purchases, silent = (np.array(rows) for rows in zip(*each, strict=True))
    assert (np.diff(silent, axis=0) <= 1e-12).all()
    assert (np.diff(purchases, axis=0) >= -1e-12).all()
    assert (purchases >= 1 - silent - 1e-9).all()


def test_a_customer_comes_out_the_same_alone_and_among_others(fitted, customers):
    for ask in (
        lambda rows: fitted.expected_purchases(rows, 90),
        lambda rows: fitted.silent(rows, 30),
        fitted.p_alive,
        fitted.due_day,
    ):
        everyone = ask(customers)
        for place in (0, 17, 300):
            np.testing.assert_array_equal(ask(customers[place : place + 1]), everyone[[place]])


def test_money_is_the_last_charge_for_every_one_expected_and_its_reasons_add_up(
    fitted, charges, customers
):
    law = fit_btyd_revenue(charges, fitted, now=NOW, horizon_days=90, first_day=FIRST_DAY)
    assert (law.weight, law.level) == (1.0, 1.0)
    some = customers.head(50)
    price = some["purchase_value_last"].to_numpy()
    np.testing.assert_allclose(law.revenue(some), price * fitted.expected_purchases(some, 90))
    reasons = law.attribution(some)
    assert reasons.columns == law.inputs
    np.testing.assert_allclose(reasons.total, law.revenue(some), rtol=1e-9)
    again = BTYDRevenue.from_parts(law.parts())
    np.testing.assert_array_equal(again.revenue(some), law.revenue(some))


def test_silence_of_contracts_is_published_alone(fitted, customers):
    silence = fit_btyd_silence(fitted, customers, horizon_days=30, now=NOW)
    assert silence.weight == 1.0
    assert silence.counts.algorithm in ("shifted beta-geometric", "beta-discrete-Weibull")


def test_habits_are_no_contracts(memoryless):
    assert fit_renewals(memoryless, now=NOW, first_day=int(memoryless["day"].min())) is None


def test_a_model_is_rebuilt_from_its_file(fitted, customers):
    again = RenewalModel.from_parts(fitted.parts())
    np.testing.assert_array_equal(again.silent(customers, 30), fitted.silent(customers, 30))


def test_the_finding_tells_what_came_late_and_came_back(charges):
    _, (finding,) = fit_renewals(charges, now=NOW, first_day=FIRST_DAY)
    assert finding.name == "contracts"
    assert "(involuntary)" in finding.evidence
