"""A snapshot is proved on customers set aside, and no fold is learnt twice."""

import numpy as np
import polars as pl
import pytest

from holdfast.learners.algorithms import Recipe
from holdfast.models.churn import ChurnModel
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


def study_of(tasks: dict[str, object], **snapshot: object) -> Study:
    return Study.from_dict(
        {
            "study": {"name": "t", "currency": "USD", "seed": 42},
            "snapshot": {
                "path": "x.csv",
                "as_of": "2024-12-31",
                "columns": {"customer_id": "customer_id"},
                "labels": {"churned": "churned", "value": "value"},
                **snapshot,
            },
            **tasks,
        }
    )


def fitted(
    frame: pl.DataFrame, algorithm: str = "random_forest", **snapshot: object
) -> FittedSnapshot:
    task = {"algorithm": algorithm, "parameters": FEW if algorithm == "random_forest" else {}}
    study = study_of({"churn": {**task, "calibrate": False}, "value": task}, **snapshot)
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


def shoppers(n: int = 3_000) -> pl.DataFrame:
    """Who leaves hangs on where they live, on two facts together, and steadily on a third."""
    rng = np.random.default_rng(11)
    town, plan = rng.integers(0, 80, n), rng.choice(["month", "year"], n)
    visits, age = rng.poisson(4, n).astype(float), rng.normal(size=n)
    odds = rng.normal(size=80)[town] + 2 * ((plan == "month") & (visits < 4)) + age - 1.5
    return pl.DataFrame(
        {
            "customer_id": [f"C{i:04d}" for i in range(n)],
            "town": [f"town {t}" for t in town],
            "plan": plan,
            "visits": visits,
            "age": age,
            "churned": rng.random(n) < 1 / (1 + np.exp(-odds)),
            "value": (100 * np.exp(rng.normal(size=80))[town] + 20 * visits) * rng.gamma(2, 0.5, n),
        }
    )


def test_where_no_algorithm_is_named_a_snapshot_is_learnt_better_than_by_lightgbms_defaults() -> (
    None
):
    from lightgbm import LGBMClassifier, LGBMRegressor

    frame = shoppers()
    names = ["town", "plan", "visits", "age"]
    fitted = fit_snapshot(study_of({}), frame, columns=names)
    inputs = frame.select(names).to_pandas().astype({"town": "category", "plan": "category"})
    for outcome, predicted, kind in (
        ("churned", "churn_probability", LGBMClassifier),
        ("future_revenue", "expected_revenue", LGBMRegressor),
    ):
        proof = fitted.proof.predictions.drop_nulls(predicted).sort("customer_id")
        test = frame["customer_id"].is_in(proof["customer_id"].implode()).to_numpy()
        truth = frame["churned" if kind is LGBMClassifier else "value"].to_numpy().astype(float)
        model = kind(verbosity=-1, n_jobs=1).fit(inputs[~test], truth[~test])
        other = (
            model.predict_proba(inputs[test])[:, 1]
            if kind is LGBMClassifier
            else model.predict(inputs[test])
        )
        ours = proof[predicted].to_numpy()
        assert (proof[outcome].cast(pl.Float64).to_numpy() == truth[test]).all()
        assert ((ours - truth[test]) ** 2).mean() < ((other - truth[test]) ** 2).mean()
    churn = fitted.models.churn
    assert churn is not None
    again = ChurnModel.from_parts(churn.parts())
    assert (again.predict(frame) == churn.predict(frame)).all()
    reasons = churn.contributions(frame)
    np.testing.assert_allclose(reasons.total, churn.raw(frame), atol=1e-9)
    unseen = fitted.cross_validated["churn"]["brier"]
    figures = fitted.proof.evidence.filter(
        pl.col("task") == "churn", pl.col("model") == "champion", pl.col("metric") == "brier"
    )
    assert unseen == pytest.approx(figures["value"][0], abs=0.02)


def test_a_snapshot_in_which_hardly_anybody_left_is_learnt_all_the_same() -> None:
    frame = shoppers(400).with_columns(churned=pl.int_range(400) < 3)
    study = Study.from_dict(
        {
            "study": {"name": "t", "currency": "USD"},
            "snapshot": {
                "path": "x.csv",
                "as_of": "2024-12-31",
                "columns": {"customer_id": "customer_id"},
                "labels": {"churned": "churned"},
                "cross_validation_folds": 2,
            },
        }
    )
    with pytest.warns(UserWarning, match="least populated class"):
        fitted = fit_snapshot(study, frame, columns=["town", "plan", "visits", "age"])
    assert fitted.proof.predictions["churn_probability"].mean() < 0.1
