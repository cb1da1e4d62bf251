"""A snapshot is proved on customers set aside, and no fold is learnt twice."""

import numpy as np
import polars as pl
import pytest

from holdfast.learners.algorithms import Recipe
from holdfast.study import Study
from holdfast.training.fit_snapshot import FittedSnapshot, fit_snapshot

N = 500
FEW = {"n_estimators": 10, "max_depth": 4}


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    rng = np.random.default_rng(6)
    visits, basket = rng.poisson(8, N), rng.gamma(2, 20, N)
    return pl.DataFrame(
        {
            "customer_id": [f"C{i:04d}" for i in range(N)],
            "visits": visits.astype(float),
            "basket": basket,
            "churned": rng.random(N) < 1 / (1 + np.exp(visits - 8)),
            "value": visits * basket,
        }
    )


def fitted(
    frame: pl.DataFrame, algorithm: str = "random_forest", **snapshot: object
) -> FittedSnapshot:
    task = {"algorithm": algorithm, "parameters": FEW if algorithm == "random_forest" else {}}
    study = Study.from_dict(
        {
            "study": {"name": "t", "currency": "USD", "seed": 42},
            "snapshot": {
                "path": "x.csv",
                "as_of": "2024-12-31",
                "columns": {"customer_id": "customer_id"},
                "labels": {"churned": "churned", "value": "value"},
                **snapshot,
            },
            "churn": {**task, "calibrate": False},
            "value": task,
        }
    )
    return fit_snapshot(study, frame, columns=["visits", "basket"])


def test_a_fifth_of_the_customers_is_set_aside_for_each_task(frame: pl.DataFrame) -> None:
    predictions = fitted(frame).proof.predictions
    assert (
        predictions["churn_probability"].count()
        == predictions["expected_revenue"].count()
        == N // 5
    )
    stratified = predictions.filter(pl.col("churned").is_not_null())["churned"].mean()
    assert stratified == pytest.approx(frame["churned"].mean(), abs=0.01)


def test_the_fold_that_was_set_aside_already_is_not_learnt_again(
    frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt, trial = [], Recipe.trial

    def counted(self: Recipe, matrix: np.ndarray, target: np.ndarray) -> object:
        learnt.append(self.aim)
        return trial(self, matrix, target)

    monkeypatch.setattr(Recipe, "trial", counted)
    fitted(frame, cross_validation_folds=5, test_share=0.2)
    # The folds of churn are other customers than those set aside, so all five are learnt.
    assert (learnt.count("probability"), learnt.count("mean")) == (5, 4)
    learnt.clear()
    fitted(frame, cross_validation_folds=5, test_share=0.3)
    assert (learnt.count("probability"), learnt.count("mean")) == (5, 5)


def test_cross_validation_is_what_scikit_learn_says_of_the_same_folds(frame: pl.DataFrame) -> None:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold, cross_val_score

    forest = RandomForestRegressor(min_samples_leaf=10, max_features=0.5, random_state=42, **FEW)
    folds = KFold(4, shuffle=True, random_state=42)
    inputs, value = frame.select("visits", "basket").to_numpy(), frame["value"].to_numpy()
    expected = cross_val_score(forest, inputs, value, cv=folds, scoring="r2").mean()
    found = fitted(frame, cross_validation_folds=4, test_share=0.2).cross_validated
    assert found["value"]["r2"] == pytest.approx(expected, abs=1e-12)
