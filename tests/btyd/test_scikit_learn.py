"""The models keep scikit-learn's contract as far as it speaks of them.

Its checks that fit an `X` and a `y` cannot apply: a history is three numbers that must agree
(frequency, recency, T), so random matrices are refused as impossible, and there is nothing to
predict but answers to named questions. Those of construction, parameters, cloning and the state
before a fit do apply, and are run as scikit-learn has them.
"""

import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks

from holdfast.btyd import (
    BGBB,
    BGNBD,
    MBGNBD,
    BetaDiscreteWeibull,
    GammaGamma,
    MBGCNBDk,
    ParetoNBD,
    ShiftedBetaGeometric,
)
from holdfast.errors import HoldfastError, InputError, NotFittedError

MODELS = (
    BGBB, BGNBD, MBGNBD, BetaDiscreteWeibull, GammaGamma, MBGCNBDk, ParetoNBD,
    ShiftedBetaGeometric,
)  # fmt: skip
CHECKS = (
    "check_do_not_raise_errors_in_init_or_set_params", "check_estimator_cloneable",
    "check_estimator_repr", "check_estimators_unfitted", "check_get_params_invariance",
    "check_mixin_order", "check_no_attributes_set_in_init",
    "check_parameters_default_constructible", "check_set_params",
)  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("model", MODELS)
def test_scikit_learns_own_checks_of_an_estimator_pass(model, check):
    getattr(estimator_checks, check)(model.__name__, model())


QUESTIONS = [
    (BGNBD(), "expected_purchases", (1, 1, 2), {"end": 1}),
    (MBGCNBDk(k=2), "probability_alive", (1, 1, 2), {}),
    (ParetoNBD(), "probability_no_purchase", (1, 1, 2), {"horizon": 1}),
    (GammaGamma(), "expected_mean_order_value", (1, 10.0), {}),
]


@pytest.mark.parametrize(("model", "question", "history", "more"), QUESTIONS)
def test_a_question_before_the_fit_is_an_error_of_scikit_learns_kind(
    model, question, history, more
):
    with pytest.raises(NotFittedError, match="has no parameters yet") as refused:
        getattr(model, question)(*history, **more)
    assert isinstance(refused.value, HoldfastError)
    # As sklearn.exceptions.NotFittedError is: what catches that one catches this one.
    assert isinstance(refused.value, ValueError)
    assert isinstance(refused.value, AttributeError)


def test_an_unknown_parameter_is_refused_and_nothing_is_set():
    model = MBGCNBDk(k=2)
    with pytest.raises(InputError, match=r"no parameter 'kk'; did you mean|known: k, covariates"):
        model.set_params(k=3, kk=4)
    assert model.k == 2
    assert not hasattr(model, "kk")
    with pytest.raises(InputError, match="GammaGamma has no parameter 'penalty'; it takes none"):
        GammaGamma().set_params(penalty=1)
    assert model.set_params(k=3) is model
    assert clone(model).k == 3


def test_a_model_says_how_it_was_made_and_what_it_learnt():
    assert repr(MBGCNBDk(k=2)) == "MBGCNBDk(k=2, covariates=())"
    fitted = GammaGamma.from_parameters(p=6.25, q=3.74, gamma=15.44444)
    assert repr(fitted) == "GammaGamma() fitted: p=6.25, q=3.74, gamma=15.44"
