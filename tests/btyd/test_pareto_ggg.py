"""Pareto/GGG: its likelihood against draws of what it integrates, its answers against a simulated
clockwork.
"""

import numpy as np
import pytest
from scipy.special import gammaincc, gammaln

from holdfast.btyd import ParetoGGG, ParetoNBD
from holdfast.btyd.histories import check_histories
from holdfast.btyd.pareto_ggg import Grid, Posterior
from holdfast.btyd.renewals import RHYTHMS, count_renewals
from holdfast.errors import DataError, NotEnoughData

VALUES = np.array([1.77, 0.4, 1.0, 5.46, 0.42, 3.87])
FREQUENCY, RECENCY, AGE = (
    np.array([0, 0, 1, 3.0]),
    np.array([0, 0, 4.0, 20.0]),
    np.array([0.5, 52, 52, 52.0]),
)
GAPS = np.array([0, 0, np.log(4.0), 3 * np.log(6.0)])


def posterior(values: np.ndarray) -> Posterior:
    histories = check_histories(FREQUENCY, RECENCY, AGE)
    return Posterior.of(
        Grid.of(histories, GAPS, usual_rate=VALUES[2] / VALUES[3]), histories.T, values
    )


def simulated(
    n: int, *, regular: bool, seed: int
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Histories of up to 52 weeks, who is alive, and the purchases of the 26 weeks after."""
    rng = np.random.default_rng(seed)
    k = rng.gamma(6.0, 0.5, n) if regular else np.ones(n)
    rate, death = rng.gamma(1.5, 1 / 6.0, n), rng.exponential(1 / rng.gamma(1.0, 1 / 60.0, n))
    age = rng.uniform(26, 52, n)
    frequency, last, gaps, later = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    now = np.zeros(n)
    while True:
        gap = rng.gamma(k) / (k * rate)
        now = now + gap
        here = now < np.minimum(death, age + 26)
        if not here.any():
            break
        seen = here & (now <= age)
        frequency += seen
        last = np.where(seen, now, last)
        gaps += np.where(seen, np.log(gap), 0.0)
        later += here & (now > age)
    columns = {"frequency": frequency, "recency": last, "T": age, "sum_log_gaps": gaps}
    return columns, death > age, later


def test_the_likelihood_is_the_mean_over_draws_of_rhythm_rate_and_death() -> None:
    t, gamma, r, alpha, s, beta = VALUES
    rng, n = np.random.default_rng(0), 400_000
    k, rate = rng.gamma(t, 1 / gamma, n), rng.gamma(r, 1 / alpha, n)
    found = posterior(VALUES)
    for row, (x, recency, age) in enumerate(zip(FREQUENCY, RECENCY, AGE, strict=True)):
        gaps = np.exp(
            x * (k * np.log(k * rate) - gammaln(k)) - k * rate * recency + (k - 1) * GAPS[row]
        )
        before, after = (beta / (beta + recency)) ** s, (beta / (beta + age)) ** s
        death = beta * ((after + (before - after) * rng.random(n)) ** (-1 / s) - 1)
        alive = gaps * after * gammaincc(k, k * rate * (age - recency))
        dead = gaps * (before - after) * gammaincc(k, k * rate * (death - recency))
        assert found.log_likelihood[row] == pytest.approx(np.log((alive + dead).mean()), abs=0.02)
        assert found.alive[row].sum() == pytest.approx(
            alive.mean() / (alive + dead).mean(), abs=0.005
        )


def test_the_gradient_is_that_of_the_likelihood() -> None:
    for place in range(6):
        step = np.exp(1e-5 * np.eye(6)[place])
        slope = (
            posterior(VALUES * step).log_likelihood - posterior(VALUES / step).log_likelihood
        ) / 2e-5
        np.testing.assert_allclose(posterior(VALUES).gradient[place], slope, atol=1e-6)


def test_renewals_are_a_poisson_clock_at_k_of_1_and_tend_to_a_line() -> None:
    one = np.argmin(np.abs(np.log(RHYTHMS)))
    k = RHYTHMS[[one, 15]]
    near, far = (
        count_renewals(np.array([one, 15]), np.array([3.0, 3.0])),
        count_renewals(np.array([one, 15]), np.array([40.0, 40.0])),
    )
    np.testing.assert_allclose(near, 3.0 + (1 / k - 1) / 2, atol=0.02)
    np.testing.assert_allclose(far, 40.0 + (1 / k - 1) / 2, atol=1e-9)


def test_where_everyone_is_without_rhythm_it_says_what_the_pareto_nbd_says() -> None:
    own = {"r": 0.55, "alpha": 10.6, "s": 0.6, "beta": 11.7}
    ggg, plain = (
        ParetoGGG.from_parameters(t=20.0, gamma=20.0, **own),
        ParetoNBD.from_parameters(**own),
    )
    columns, _, _ = simulated(60, regular=False, seed=3)
    gaps = columns.pop("sum_log_gaps")
    told = ggg.expected_purchases(**columns, sum_log_gaps=gaps, end=52)
    np.testing.assert_allclose(
        told.sum(), plain.expected_purchases(**columns, end=52).sum(), rtol=0.04
    )
    alive = ggg.probability_alive(**columns, sum_log_gaps=gaps, at=10.0)
    np.testing.assert_allclose(
        alive.mean(), plain.probability_alive(**columns, at=10.0).mean(), atol=0.02
    )


def test_answers_agree_with_one_another() -> None:
    model = ParetoGGG.from_parameters(
        **dict(zip(ParetoGGG.PARAMETERS, VALUES.tolist(), strict=True))
    )
    columns, _, _ = simulated(60, regular=True, seed=5)
    first, whole = (model.expected_purchases(**columns, end=end) for end in (10.0, 30.0))
    rest = model.expected_purchases(**columns, start=10.0, end=30.0)
    np.testing.assert_allclose(first + rest, whole, atol=1e-9)
    silent = np.array(
        [model.probability_no_purchase(**columns, horizon=days) for days in (0.0, 5.0, 20.0, 80.0)]
    )
    assert (np.diff(silent, axis=0) <= 0).all()
    np.testing.assert_allclose(silent[0], 1.0, atol=0.01)
    assert (whole >= 1 - model.probability_no_purchase(**columns, horizon=30.0) - 0.03).all()
    alone = {name: column[7:8] for name, column in columns.items()}
    assert model.expected_purchases(**alone, end=30.0)[0] == whole[7]


def test_odd_histories_are_answered_or_refused_and_never_nan() -> None:
    model = ParetoGGG.from_parameters(
        **dict(zip(ParetoGGG.PARAMETERS, VALUES.tolist(), strict=True))
    )
    rng = np.random.default_rng(9)
    x = np.concatenate([[0, 0, 1, 300], rng.integers(0, 60, 200)]).astype(float)
    age = np.concatenate([[0, 1e-9, 1e4, 52], rng.uniform(0.1, 300, 200)])
    recency = np.where(x > 0, age * rng.uniform(0.01, 1, 204), 0.0)
    gaps = np.where(x > 0, x * np.log(np.maximum(recency, 1e-9) / np.maximum(x, 1)), 0.0)
    answers = [
        model.probability_alive(x, recency, age, sum_log_gaps=gaps),
        model.probability_no_purchase(x, recency, age, sum_log_gaps=gaps, horizon=26),
    ]
    assert all(((a >= 0) & (a <= 1)).all() for a in answers)
    expected = model.expected_purchases(x, recency, age, sum_log_gaps=gaps, end=26)
    assert (np.isfinite(expected) & (expected >= 0)).all()
    with pytest.raises(NotEnoughData, match="none of the"):
        ParetoGGG().fit([0, 0], [0, 0], [3, 4], sum_log_gaps=[0, 0])
    with pytest.raises(DataError, match="finite"):
        model.probability_alive([1], [1.0], [2.0], sum_log_gaps=[-np.inf])


@pytest.mark.slow
def test_a_simulated_clockwork_is_recognised() -> None:
    columns, alive, later = simulated(1_500, regular=True, seed=11)
    model = ParetoGGG().fit(**columns)
    found = model.parameters_
    assert found["t"] / found["gamma"] == pytest.approx(3.0, rel=0.15)
    assert found["r"] / found["alpha"] == pytest.approx(0.25, rel=0.15)
    told = model.expected_purchases(**columns, end=26)
    assert told.sum() == pytest.approx(later.sum(), rel=0.1)
    plain = {name: column for name, column in columns.items() if name != "sum_log_gaps"}
    without = ParetoNBD().fit(**plain)
    probability, other = model.probability_alive(**columns), without.probability_alive(**plain)
    assert probability.mean() == pytest.approx(alive.mean(), abs=0.04)
    # Knowing the rhythm tells the living from the dead better than not knowing it.
    assert ((probability - alive) ** 2).mean() < ((other - alive) ** 2).mean()
    assert (
        np.abs(told - later).mean()
        < np.abs(without.expected_purchases(**plain, end=26) - later).mean()
    )


@pytest.mark.slow
def test_ten_thousand_random_histories_are_answered() -> None:
    model = ParetoGGG.from_parameters(
        **dict(zip(ParetoGGG.PARAMETERS, VALUES.tolist(), strict=True))
    )
    rng, n = np.random.default_rng(10), 10_000
    x, age = np.floor(rng.exponential(8, n)), rng.uniform(0.1, 300, n)
    recency = np.where(x > 0, age * rng.uniform(0.001, 1, n), 0.0)
    gaps = np.where(
        x > 0, x * np.log(np.maximum(recency, 1e-9) / np.maximum(x, 1)) - rng.exponential(1, n), 0.0
    )
    expected = model.expected_purchases(x, recency, age, sum_log_gaps=gaps, end=26)
    assert (np.isfinite(expected) & (expected >= 0)).all()
