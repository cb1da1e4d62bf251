"""Six algorithms, one interface: the rewritten ensembles are the fitted ones, and reasons
add up.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from holdfast import study
from holdfast.arrays import Matrix, Vector
from holdfast.errors import StudyError
from holdfast.learners.algorithms import ALGORITHMS, Learner, Recipe
from holdfast.learners.parts import rebuild

CLASSIFIERS = (
    "logistic",
    "random_forest",
    "hist_gradient_boosting",
    "xgboost",
    "lightgbm",
    "catboost",
)
REGRESSORS = ("ridge", *CLASSIFIERS[1:])
SMALL = {
    "random_forest": {"n_estimators": 12},
    "hist_gradient_boosting": {"max_iter": 15},
    "xgboost": {"n_estimators": 15},
    "lightgbm": {"n_estimators": 15},
    "catboost": {"iterations": 15},
}


@pytest.fixture(scope="module")
def data() -> tuple[Matrix, Vector, Vector]:
    """600 rows of six columns, some of them missing; a probability's and a mean's target."""
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(600, 6)).round(2)
    matrix[:, 1] = rng.integers(0, 4, 600)
    target = (
        np.nan_to_num(matrix[:, 0]) * 2
        + (matrix[:, 1] > 1) * matrix[:, 2]
        + rng.normal(size=600) / 3
    )
    matrix[rng.random(600) < 0.15, 3] = np.nan
    return matrix, (target > 0).astype(np.float64), 50 + 10 * target


def fitted(name: str, aim: Any, data: tuple[Matrix, Vector, Vector], **parameters: float) -> Any:
    matrix, truth, money = data
    recipe = Recipe(name, aim, seed=1, parameters={**SMALL.get(name, {}), **parameters})
    return recipe.fit(matrix, truth if aim == "probability" else money)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_predicts_explains_and_comes_back_from_its_parts(
    name: str, data: tuple[Matrix, Vector, Vector]
) -> None:
    learner = fitted(name, "probability", data)
    probability = learner.predict(data[0])
    assert ((probability >= 0) & (probability <= 1)).all()
    assert np.corrcoef(probability, data[1])[0, 1] > 0.7
    assert np.abs(learner.contributions(data[0]).sum(axis=1) - learner.raw(data[0])).max() < 1e-6
    again = rebuild(Learner, learner.parts())
    assert np.array_equal(again.predict(data[0]), probability)
    assert again.algorithm == name


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_predicts_explains_and_comes_back_from_its_parts(
    name: str, data: tuple[Matrix, Vector, Vector]
) -> None:
    learner = fitted(name, "mean", data)
    said = learner.predict(data[0])
    assert np.corrcoef(said, data[2])[0, 1] > 0.7
    assert np.abs(learner.contributions(data[0]).sum(axis=1) - learner.raw(data[0])).max() < 1e-6
    assert np.array_equal(rebuild(Learner, learner.parts()).predict(data[0]), said)


def own_prediction(name: str, aim: str, data: tuple[Matrix, Vector, Vector]) -> Vector:
    """What the library itself predicts, with the same parameters."""
    import catboost
    import xgboost
    from sklearn import ensemble

    matrix, truth, money = data
    probability = aim == "probability"
    makers: dict[str, Callable[..., object]] = {
        "random_forest": lambda **k: (
            ensemble.RandomForestClassifier if probability else ensemble.RandomForestRegressor
        )(min_samples_leaf=10, max_features=0.5, random_state=1, **k),
        "hist_gradient_boosting": lambda **k: (
            ensemble.HistGradientBoostingClassifier
            if probability
            else ensemble.HistGradientBoostingRegressor
        )(learning_rate=0.03, max_leaf_nodes=8, early_stopping=False, random_state=1, **k),
        "xgboost": lambda **k: (xgboost.XGBClassifier if probability else xgboost.XGBRegressor)(
            learning_rate=0.03, max_depth=3, random_state=1, n_jobs=1, **k
        ),
        "catboost": lambda **k: (
            catboost.CatBoostClassifier if probability else catboost.CatBoostRegressor
        )(
            learning_rate=0.06,
            depth=4,
            random_seed=1,
            allow_writing_files=False,
            verbose=False,
            **k,
        ),
    }
    model: Any = makers[name](**SMALL[name])
    model.fit(matrix, truth if probability else money)
    found = model.predict_proba(matrix)[:, 1] if probability else model.predict(matrix)
    return np.asarray(found, dtype=np.float64)


@pytest.mark.parametrize("aim", ["probability", "mean"])
@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("random_forest", 1e-9),
        ("hist_gradient_boosting", 1e-9),
        ("xgboost", 1e-5),
        ("catboost", 1e-9),
    ],
)
def test_the_rewritten_ensemble_predicts_what_its_library_does(
    name: str, within: float, aim: str, data: tuple[Matrix, Vector, Vector]
) -> None:
    ours, theirs = fitted(name, aim, data).predict(data[0]), own_prediction(name, aim, data)
    # XGBoost itself computes in single precision.
    assert np.abs(ours - theirs).max() < within * np.abs(theirs).max()


def test_the_reasons_of_a_forest_are_those_of_shap(data: tuple[Matrix, Vector, Vector]) -> None:
    shap = pytest.importorskip("shap")
    from sklearn.ensemble import RandomForestRegressor

    matrix = np.nan_to_num(data[0]).astype(np.float32).astype(np.float64)
    forest = RandomForestRegressor(
        n_estimators=12, min_samples_leaf=10, max_features=0.5, random_state=1
    )
    theirs = shap.TreeExplainer(forest.fit(matrix, data[2])).shap_values(matrix[:80])
    ours = Recipe("random_forest", "mean", seed=1, parameters={"n_estimators": 12}).fit(
        matrix, data[2]
    )
    assert np.abs(ours.contributions(matrix[:80])[:, :-1] - theirs).max() < 1e-6


@pytest.mark.parametrize("name", REGRESSORS)
def test_one_row_alone_gets_bit_for_bit_what_it_gets_among_many(
    name: str, data: tuple[Matrix, Vector, Vector]
) -> None:
    learner = fitted(name, "mean", data)
    together = learner.predict(data[0])
    assert [learner.predict(data[0][i : i + 1])[0] for i in range(60)] == together[:60].tolist()


@pytest.mark.parametrize("aim", ["probability", "mean"])
@pytest.mark.parametrize("name", ["random_forest", "lightgbm"])
def test_a_trial_predicts_what_the_kept_model_does(
    name: str, aim: str, data: tuple[Matrix, Vector, Vector]
) -> None:
    matrix, truth, money = data
    recipe = Recipe(name, aim, seed=1, parameters=SMALL[name])  # type: ignore[arg-type]
    target = truth if aim == "probability" else money
    tried = recipe.trial(matrix[:400], target[:400]).predict(matrix[400:])
    kept = recipe.fit(matrix[:400], target[:400]).predict(matrix[400:])
    np.testing.assert_allclose(tried, kept, rtol=1e-12)


def test_the_same_seed_gives_the_same_bytes(data: tuple[Matrix, Vector, Vector]) -> None:
    for name in CLASSIFIERS:
        assert (
            fitted(name, "probability", data).parts() == fitted(name, "probability", data).parts()
        ), name


def test_an_unknown_parameter_names_the_nearest(data: tuple[Matrix, Vector, Vector]) -> None:
    with pytest.raises(
        StudyError, match="no parameter 'learnin_rate'; did you mean 'learning_rate'"
    ):
        fitted("lightgbm", "probability", data, learnin_rate=0.1)


def test_an_algorithm_that_cannot_do_the_task_names_the_one_that_can() -> None:
    with pytest.raises(StudyError, match="ridge cannot predict a probability; use logistic"):
        Recipe("ridge", "probability", seed=1)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_column_without_any_value_is_taken_and_changes_nothing(
    name: str, data: tuple[Matrix, Vector, Vector]
) -> None:
    matrix, truth, money = data
    empty = np.column_stack([matrix, np.full(len(matrix), np.nan)])
    learner = fitted(name, "probability", (empty, truth, money))
    assert np.isfinite(learner.predict(empty)).all()
    assert learner.contributions(empty[:5])[:, 6] == pytest.approx(0)


def test_every_name_that_a_study_may_say_has_a_record() -> None:
    assert set(ALGORITHMS) == set(study.ALGORITHMS)
