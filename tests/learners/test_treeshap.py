"""TreeSHAP for many rows, against LightGBM's own and against the definition of the Shapley
value.
"""

from itertools import combinations
from math import factorial

import lightgbm
import numpy as np
import pytest

from holdfast.learners.treeshap import TreeShap


def training(n: int = 600, k: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(n, k)).round(1)
    return matrix, matrix[:, 0] * matrix[:, 1] + np.abs(matrix[:, 2]) + rng.normal(size=n)


def booster(
    matrix: np.ndarray, target: np.ndarray, rounds: int = 20, **parameters: object
) -> lightgbm.Booster:
    settings = {"verbosity": -1, "num_threads": 1, "deterministic": True, **parameters}
    return lightgbm.train(settings, lightgbm.Dataset(matrix, target), rounds)


def explain(model: lightgbm.Booster, matrix: np.ndarray) -> np.ndarray:
    shap = TreeShap.of_lightgbm(model.model_to_string())
    assert shap is not None
    return shap.contributions(matrix)


@pytest.mark.parametrize("leaves", [2, 8, 63])
@pytest.mark.parametrize("zero_as_missing", [False, True])
def test_values_equal_those_of_lightgbm_with_missing_numbers_too(leaves, zero_as_missing):
    matrix, target = training()
    matrix[::7, 0] = np.nan
    matrix[::5, 2] = 0.0
    model = booster(
        matrix, target, num_leaves=leaves, min_data_in_leaf=5, zero_as_missing=zero_as_missing
    )
    found = explain(model, matrix)
    np.testing.assert_allclose(found, model.predict(matrix, pred_contrib=True), atol=1e-10)
    np.testing.assert_allclose(found.sum(axis=1), model.predict(matrix, raw_score=True), atol=1e-10)


def test_a_number_missing_only_at_prediction_is_read_as_lightgbm_reads_it():
    matrix, target = training()
    model = booster(matrix, target)
    matrix[::3, 0] = np.nan
    np.testing.assert_allclose(
        explain(model, matrix), model.predict(matrix, pred_contrib=True), atol=1e-10
    )


def test_a_tree_that_never_splits_is_all_base():
    matrix, _ = training(50)
    model = booster(matrix, np.full(50, 3.0), rounds=2)
    found = explain(model, matrix)
    np.testing.assert_allclose(found[:, -1], model.predict(matrix))
    assert not found[:, :-1].any()


def test_the_value_of_one_tree_is_shapleys_by_its_definition():
    matrix, target = training(k=3)
    model = booster(matrix, target, rounds=1, num_leaves=6)
    tree = model.dump_model()["tree_info"][0]["tree_structure"]

    def given_only(known: set[int], node: dict, row: np.ndarray) -> float:
        if "leaf_value" in node:
            return node["leaf_value"]
        left, right = node["left_child"], node["right_child"]
        if node["split_feature"] in known:
            return given_only(
                known, left if row[node["split_feature"]] <= node["threshold"] else right, row
            )
        sizes = [child.get("leaf_count", child.get("internal_count")) for child in (left, right)]
        values = [given_only(known, child, row) for child in (left, right)]
        return float(np.average(values, weights=sizes))

    def shapley(feature: int, row: np.ndarray) -> float:
        others = [f for f in range(3) if f != feature]
        return sum(
            factorial(size)
            * factorial(2 - size)
            / factorial(3)
            * (given_only({*chosen, feature}, tree, row) - given_only(set(chosen), tree, row))
            for size in range(3)
            for chosen in combinations(others, size)
        )

    found = explain(model, matrix[:5])
    expected = [[shapley(feature, row) for feature in range(3)] for row in matrix[:5]]
    np.testing.assert_allclose(found[:, :3], expected, atol=1e-12)


def test_rows_in_several_batches_have_the_values_they_have_alone(monkeypatch):
    matrix, target = training()
    model = booster(matrix, target)
    together = explain(model, matrix)
    monkeypatch.setattr("holdfast.learners.treeshap._ROWS_AT_ONCE", 100)
    np.testing.assert_array_equal(explain(model, matrix), together)
    assert explain(model, matrix[:0]).shape == (0, 7)


def test_a_tree_far_too_deep_to_be_looked_up_at_once_has_lightgbms_values_too():
    matrix, target = training(3000)
    model = booster(matrix, target, rounds=4, num_leaves=400, min_data_in_leaf=2)
    for rows in (matrix, matrix[:150]):
        np.testing.assert_allclose(
            explain(model, rows), model.predict(rows, pred_contrib=True), atol=1e-10
        )


def test_what_it_does_not_cover_is_left_to_lightgbm():
    matrix, target = training()
    matrix[:, 0] = np.arange(len(matrix)) % 9
    categories = {"verbosity": -1, "min_data_per_group": 5, "cat_smooth": 1}
    model = lightgbm.train(
        categories, lightgbm.Dataset(matrix, matrix[:, 0] % 2, categorical_feature=[0]), 5
    )
    assert TreeShap.of_lightgbm(model.model_to_string()) is None
    many = booster(matrix, target.round() % 3, objective="multiclass", num_class=3)
    assert TreeShap.of_lightgbm(many.model_to_string()) is None


def test_a_model_with_too_long_paths_is_left_to_lightgbm(monkeypatch):
    matrix, target = training()
    text = booster(matrix, target, num_leaves=31).model_to_string()
    monkeypatch.setattr("holdfast.learners.treeshap.MAX_PATH_FEATURES", 2)
    assert TreeShap.of_lightgbm(text) is None
