"""What every model of the family promises, whatever its law of buying."""

import json

import numpy as np
import pytest

from holdfast.btyd import BGBB, BGNBD, MBGNBD, MBGCNBDk, ParetoNBD
from holdfast.btyd.histories import check_histories
from holdfast.errors import DataError, HoldfastError, NotEnoughData

MODELS = [
    BGNBD.from_parameters(r=0.2426, alpha=4.4136, a=0.7929, b=2.4259),
    MBGNBD.from_parameters(r=0.5248, alpha=6.1831, a=0.8914, b=1.6140),
    ParetoNBD.from_parameters(r=0.5533, alpha=10.5777, s=0.6062, beta=11.6687),
    MBGCNBDk.from_parameters(k=3, r=1.3292, alpha=2.8126, a=0.4247, b=0.7900),
]
EXTREME = [
    BGNBD.from_parameters(r=0.01, alpha=1e-3, a=1.0, b=1e4),
    BGNBD.from_parameters(r=1e3, alpha=1e3, a=2e4, b=2e4),
    MBGNBD.from_parameters(r=0.5, alpha=5.0, a=1e-4, b=2e4),
    ParetoNBD.from_parameters(r=1e3, alpha=1e-3, s=1.0, beta=1e4),
    ParetoNBD.from_parameters(r=1e-3, alpha=1e3, s=2e4, beta=1e-3),
    MBGCNBDk.from_parameters(k=6, r=20.0, alpha=20.0, a=0.01, b=50.0),
]
TRUTHS = {
    "BGNBD": {"r": 0.8, "alpha": 6.0, "a": 0.8, "b": 2.5},
    "MBGNBD": {"r": 1.2, "alpha": 8.0, "a": 0.9, "b": 2.0},
    "ParetoNBD": {"r": 0.9, "alpha": 7.0, "s": 0.8, "beta": 15.0},
    "MBGCNBDk": {"k": 3, "r": 1.3, "alpha": 3.0, "a": 0.6, "b": 2.0},
}
CLASSES = {"BGNBD": BGNBD, "MBGNBD": MBGNBD, "ParetoNBD": ParetoNBD, "MBGCNBDk": MBGCNBDk}


def named(model):
    return type(model).__name__


def random_histories(n, *, busiest, seed):
    rng = np.random.default_rng(seed)
    T = np.exp(rng.uniform(-3, 7, n))
    frequency = rng.integers(0, rng.choice([2, 5, 50, busiest], n)).astype(float)
    share = np.where(rng.random(n) < 0.1, 1.0, rng.uniform(1e-6, 1, n))
    return frequency, np.where(frequency > 0, share * T, 0.0), T


@pytest.mark.parametrize("model", [*MODELS, *EXTREME], ids=named)
def test_ten_thousand_random_customers_give_no_nan_and_no_impossible_probability(model):
    histories = random_histories(
        10_000, busiest=300 if isinstance(model, MBGCNBDk) else 3000, seed=1
    )
    now, later = (model.probability_alive(*histories, at=at) for at in (0.0, 52.0))
    silent = model.probability_no_purchase(*histories, horizon=52.0)
    pmf = model.purchase_pmf(*histories, horizon=52.0, max_purchases=4)
    for probability in (now, later, silent, pmf):
        assert ((probability >= 0) & (probability <= 1)).all()
    assert (later <= now + 1e-12).all()
    assert (pmf.sum(axis=1) <= 1 + 1e-9).all()
    np.testing.assert_allclose(pmf[:, 0], silent, atol=1e-9)


@pytest.mark.parametrize("model", [*MODELS, *EXTREME], ids=named)
def test_expected_purchases_are_finite_and_grow_with_the_window(model):
    histories = random_histories(
        1_000, busiest=100 if isinstance(model, MBGCNBDk) else 3000, seed=2
    )
    short, long, between = (
        model.expected_purchases(*histories, start=start, end=end)
        for start, end in ((0, 13), (0, 52), (13, 52))
    )
    assert np.isfinite(long).all()
    assert (short >= 0).all()
    assert (long >= short - 1e-8).all()
    np.testing.assert_allclose(short + between, long, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_the_distribution_of_purchases_has_the_expected_mean(model):
    frequency, recency, T = [0, 1, 2, 9, 40], [0, 3, 30, 36, 38], [38.86, 20, 38.86, 39, 39]
    pmf = model.purchase_pmf(frequency, recency, T, horizon=20, max_purchases=400)
    np.testing.assert_allclose(pmf.sum(axis=1), 1, atol=1e-9)
    expected = model.expected_purchases(frequency, recency, T, end=20)
    np.testing.assert_allclose(pmf @ np.arange(401), expected, rtol=1e-7)


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_churn_never_falls_and_purchases_never_shrink_as_the_horizon_grows(model):
    histories = random_histories(300, busiest=60, seed=3)
    horizons = [0, 1, 5, 30, 90, 180, 365, 1000]
    silent = np.array(
        [model.probability_no_purchase(*histories, horizon=horizon) for horizon in horizons]
    )
    assert (silent[0] == 1).all()
    assert (np.diff(silent, axis=0) <= 1e-12).all()
    expected = np.array([model.expected_purchases(*histories, end=horizon) for horizon in horizons])
    assert (expected[0] == 0).all()
    assert (np.diff(expected, axis=0) >= -1e-9 * expected[1:]).all()


@pytest.mark.parametrize(
    "model", [*MODELS, BGBB.from_parameters(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8)], ids=named
)
def test_nothing_happens_in_no_time(model):
    newcomer_and_regular = [0, 3], [0, 8], [0, 9]
    pmf = model.purchase_pmf(*newcomer_and_regular, horizon=0, max_purchases=3)
    np.testing.assert_allclose(pmf, [[1, 0, 0, 0]] * 2, atol=1e-15)
    assert model.expected_purchases_new_customer([0]).tolist() == [0]


@pytest.mark.parametrize("name", list(TRUTHS))
def test_forecasts_are_true_of_simulated_customers(name, simulate):
    """Customers who live by the story of the paper; the formulas must hold on average, and within
    groups of them.
    """
    customers = simulate(name, n=8_000, horizon=20.0, seed=7, **TRUTHS[name])
    model = CLASSES[name].from_parameters(**TRUTHS[name])
    expected = model.expected_purchases(*customers.histories, end=20)
    silent = model.probability_no_purchase(*customers.histories, horizon=20)
    alive = model.probability_alive(*customers.histories)
    alive_later = model.probability_alive(*customers.histories, at=20)
    pmf = model.purchase_pmf(*customers.histories, horizon=20, max_purchases=3)
    overdue = (customers.T - customers.recency) * (customers.frequency + 1) / customers.T
    for inside in np.array_split(np.argsort(overdue, kind="stable"), 4):
        for forecast, truth in (
            (expected, customers.future),
            (silent, customers.future == 0),
            (alive, customers.alive),
            (alive_later, customers.alive_at_horizon),
            (pmf[:, 2], customers.future == 2),
        ):
            difference = (truth - forecast)[inside]
            assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(len(inside)) + 1e-12


@pytest.mark.parametrize("name", list(TRUTHS))
def test_the_fit_finds_the_parameters_customers_were_made_with(name, simulate):
    customers = simulate(name, n=8_000, horizon=1.0, seed=11, **TRUTHS[name])
    model = CLASSES[name]().fit(*customers.histories)
    assert model.converged_
    for parameter, truth in TRUTHS[name].items():
        if parameter == "k":
            assert model.parameters_["k"] == truth
        else:
            assert abs(model.parameters_[parameter] - truth) < 4 * model.standard_errors_[parameter]


@pytest.mark.parametrize(
    "model", [*MODELS, BGBB.from_parameters(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8)], ids=named
)
def test_the_gradient_is_that_of_the_likelihood(model):
    if isinstance(model, BGBB):
        histories = check_histories([0, 1, 3, 6], [0, 2, 6, 6], [6, 6, 8, 6])
    else:
        histories = check_histories([0, 1, 2, 30, 5], [0, 3, 30, 30, 39], [39, 20, 38, 36, 39])
    base, effects = model._values()
    score = model._log_likelihood(histories, model._parameters_of(histories, base, effects))[1]
    for index in range(4):
        ahead, behind = base.copy(), base.copy()
        ahead[index] *= np.exp(1e-5)
        behind[index] *= np.exp(-1e-5)
        values = [
            model._log_likelihood(histories, model._parameters_of(histories, at, effects))[0]
            for at in (ahead, behind)
        ]
        np.testing.assert_allclose(
            score[index], (values[0] - values[1]) / 2e-5, rtol=1e-6, atol=1e-8
        )


@pytest.mark.parametrize("name", list(CLASSES))
def test_weights_count_customers(name, simulate):
    few = simulate(name, n=60, horizon=1.0, seed=5, **TRUTHS[name])
    again = [np.concatenate([column, column[:30]]) for column in few.histories]
    weighted = CLASSES[name]().fit(*few.histories, weights=np.where(np.arange(60) < 30, 2, 1))
    repeated = CLASSES[name]().fit(*again)
    assert weighted.parameters_ == pytest.approx(repeated.parameters_, rel=1e-6)
    assert weighted.log_likelihood_ == pytest.approx(repeated.log_likelihood_)


@pytest.mark.parametrize("name", list(CLASSES))
def test_days_and_weeks_give_the_same_answers(name, simulate):
    customers = simulate(name, n=2_000, horizon=1.0, seed=13, **TRUTHS[name])
    frequency, recency, T = customers.histories
    weeks, days = (
        CLASSES[name]().fit(frequency, recency, T),
        CLASSES[name]().fit(frequency, 7 * recency, 7 * T),
    )
    assert days.parameters_["alpha"] == pytest.approx(7 * weeks.parameters_["alpha"], rel=1e-6)
    np.testing.assert_allclose(
        days.expected_purchases(frequency, 7 * recency, 7 * T, end=70),
        weeks.expected_purchases(frequency, recency, T, end=10),
        rtol=1e-6,
    )


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_parameters_survive_json(model):
    again = type(model).from_parameters(**json.loads(json.dumps(model.parameters_)))
    assert again.parameters_ == model.parameters_
    assert again.expected_purchases(2, 30, 38, end=10) == model.expected_purchases(
        2, 30, 38, end=10
    )


@pytest.mark.parametrize("name", list(CLASSES))
def test_what_cannot_be_learnt_is_said(name):
    model = CLASSES[name]()
    with pytest.raises(NotEnoughData, match="no customer"):
        model.fit([], [], [])
    with pytest.raises(NotEnoughData, match="none of the 3 customers bought again"):
        model.fit([0, 0, 0], [0, 0, 0], [5, 6, 7])
    with pytest.raises(NotEnoughData, match="all of the 1 customers have the same history"):
        model.fit([2], [5], [9])
    with pytest.raises(NotEnoughData, match="all of the 40 customers have the same history"):
        model.fit([2] * 40, [5] * 40, [9] * 40)


@pytest.mark.parametrize(
    ("history", "complaint"),
    [
        (([np.nan], [1], [2]), "not finite"),
        (([1.5], [1], [2]), "no whole number"),
        (([-1], [1], [2]), "no whole number"),
        (([1], [3], [2]), r"recency outside 0\.\.T"),
        (([0], [1], [2]), "disagree"),
        (([1], [0], [2]), "disagree"),
        (([1, 1], [1], [2, 3, 4]), r"shapes \(2,\), \(1,\), \(3,\)"),
    ],
)
def test_impossible_histories_are_refused(history, complaint):
    with pytest.raises(DataError, match=complaint):
        MODELS[0].expected_purchases(*history, end=1)


def test_impossible_times_are_refused():
    with pytest.raises(DataError, match="start lies after end"):
        MODELS[0].expected_purchases(1, 1, 2, start=3, end=2)
    with pytest.raises(DataError, match="horizon must be finite"):
        MODELS[0].probability_no_purchase(1, 1, 2, horizon=-1)
    with pytest.raises(DataError, match=r"end has shape \(2,\)"):
        MODELS[0].expected_purchases([1, 1, 1], [1, 1, 1], [2, 2, 2], end=[1, 2])


def test_a_question_before_the_fit_is_refused():
    with pytest.raises(HoldfastError, match="has no parameters yet"):
        BGNBD().expected_purchases(1, 1, 2, end=1)
    with pytest.raises(DataError, match="has the parameters r, alpha, a, b"):
        BGNBD.from_parameters(r=1.0)
    with pytest.raises(DataError, match="impossible parameters"):
        BGNBD.from_parameters(r=1.0, alpha=-1.0, a=1.0, b=1.0)


def test_scikit_learn_can_clone_a_model():
    model = MBGCNBDk(k=2, covariates=("web",))
    assert type(model)(**model.get_params()).get_params() == {"k": 2, "covariates": ("web",)}
    assert model.set_params(k=4).k == 4


@pytest.mark.parametrize("name", list(CLASSES))
@pytest.mark.parametrize(
    "histories",
    [
        ([0, 3], [0.0, 5.0], [10.0, 10.0]),
        ([0] * 50 + [1], [0.0] * 50 + [3.0], [10.0] * 51),
        ([1000, 2000, 5, 0], [300.0, 300.0, 200.0, 0.0], [300.0, 301.0, 300.0, 300.0]),
        ([1] * 10 + [0], [4.0] * 10 + [0.0], [9.0] * 11),
    ],
    ids=["two customers", "one repeat purchase", "machines", "nobody buys twice again"],
)
def test_a_hopeless_fit_ends_in_numbers_and_says_what_they_are_worth(name, histories):
    model = CLASSES[name]().fit(*histories)
    assert model.notes_
    assert np.isfinite(list(model.parameters_.values())).all()
    assert np.isfinite(list(model.standard_errors_.values())).all()
    for answer in (
        model.expected_purchases(*histories, end=20),
        model.probability_alive(*histories, at=5),
        model.probability_no_purchase(*histories, horizon=5),
    ):
        assert np.isfinite(answer).all()
