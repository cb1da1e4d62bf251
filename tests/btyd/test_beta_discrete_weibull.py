import numpy as np
import pytest

from holdfast.btyd import BetaDiscreteWeibull, ShiftedBetaGeometric
from holdfast.btyd.beta_discrete_weibull import _log_likelihood
from holdfast.errors import DataError, NotEnoughData

# Fader & Hardie 2007: survivors of 1,000 customers after 0, 1, ... 12 renewals.
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]


def cohort(survivors, years):
    there = np.array(survivors[: years + 1], dtype=float)
    left = np.append(-np.diff(there), there[-1])
    return np.arange(years + 1), np.append(np.ones(years), 0), left


@pytest.mark.parametrize(
    ("survivors", "alpha", "beta", "log_likelihood"),
    [(HIGH_END, 0.668, 3.806, -1611.2), (REGULAR, 0.704, 1.182, -1680.3)],
)
def test_the_shifted_beta_geometric_of_the_paper(survivors, alpha, beta, log_likelihood):
    model = ShiftedBetaGeometric().fit(*cohort(survivors, 7))
    assert model.parameters_ == pytest.approx({"alpha": alpha, "beta": beta}, abs=5e-4)
    assert model.log_likelihood_ == pytest.approx(log_likelihood, abs=0.05)
    assert model.converged_
    twelve = model.survival(np.arange(13))
    assert np.abs(twelve - np.array(survivors) / 1000).max() < 0.02


@pytest.mark.parametrize(
    ("survivors", "alpha", "beta", "c"),
    [(HIGH_END, 0.259, 1.722, 1.584), (REGULAR, 0.523, 0.894, 1.196)],
)
def test_the_beta_discrete_weibull_of_the_paper_on_four_renewals(survivors, alpha, beta, c):
    model = BetaDiscreteWeibull().fit(*cohort(survivors, 4))
    assert model.parameters_ == pytest.approx({"alpha": alpha, "beta": beta, "c": c}, abs=1e-3)
    # Eight renewals later the shifted beta-geometric is off by 5 points at the high end.
    assert abs(float(model.survival(12)) - survivors[12] / 1000) < 0.01


def test_retention_is_the_recursion_of_the_paper():
    model = ShiftedBetaGeometric.from_parameters(alpha=0.7, beta=1.2)
    k = np.arange(6)
    assert model.retention(k) == pytest.approx((1.2 + k) / (0.7 + 1.2 + k))
    assert np.cumprod(model.retention(k)) == pytest.approx(model.survival(k + 1))


def test_the_gradient_is_that_of_the_likelihood():
    rows = np.array([0.0, 1, 5, 3]), np.array([1.0, 0, 0.4, 1]), np.array([0.0, 0, 4, 7])
    at = np.log([0.7, 1.3, 1.4])
    score = _log_likelihood(*rows, np.exp(at))[1]
    for index, step in enumerate(1e-5 * np.eye(3)):
        ahead, behind = (_log_likelihood(*rows, np.exp(at + sign * step))[0] for sign in (1, -1))
        assert score[index] == pytest.approx((ahead - behind) / 2e-5, rel=1e-5, abs=1e-8)


def test_customers_seen_late_and_overdue_teach_the_law_they_were_made_with():
    rng = np.random.default_rng(3)
    hazard = rng.beta(0.8, 6.0, 40_000)
    renewed = rng.geometric(hazard) - 1
    before = rng.integers(0, 5, 40_000)
    seen = renewed >= before
    watched = rng.integers(1, 8, 40_000)
    k = np.minimum(renewed - before, watched)[seen]
    gone = (renewed - before < watched)[seen]
    model = ShiftedBetaGeometric().fit(k, gone.astype(float), before=before[seen])
    for name, truth in {"alpha": 0.8, "beta": 6.0}.items():
        assert abs(model.parameters_[name] - truth) < 4 * model.standard_errors_[name]


def test_one_who_may_have_left_counts_as_the_mean_of_both():
    rows = np.array([2.0]), np.zeros(1)
    law = (0.7, 1.3, 1.2)
    left, stays, perhaps = (
        float(np.exp(_log_likelihood(rows[0], np.array([gone]), rows[1], law)[0][0]))
        for gone in (1.0, 0.0, 0.25)
    )
    assert perhaps == pytest.approx(0.25 * left + 0.75 * stays)


def test_what_cannot_be_learnt_is_refused():
    with pytest.raises(NotEnoughData, match="no contract has come up for renewal"):
        ShiftedBetaGeometric().fit([0, 0], [0, 0])
    with pytest.raises(DataError, match="overdue"):
        ShiftedBetaGeometric().fit([0, 1], [0, 2])
    with pytest.raises(DataError, match="renewals"):
        ShiftedBetaGeometric().fit([0, 1], [0])


def test_a_model_is_its_parameters():
    model = BetaDiscreteWeibull().fit(*cohort(REGULAR, 7))
    same = BetaDiscreteWeibull.from_parameters(**model.parameters_)
    assert (same.survival([1, 5]) == model.survival([1, 5])).all()
