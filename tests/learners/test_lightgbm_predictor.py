"""Asked through its C interface, LightGBM says what its own package says."""

import lightgbm
import numpy as np
import pytest

from holdfast.errors import HoldfastError
from holdfast.learners.lightgbm_predictor import LightgbmTrees


@pytest.fixture(scope="module")
def booster() -> lightgbm.Booster:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(400, 5))
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    target = np.nan_to_num(matrix[:, 0]) > 0
    parameters = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    return lightgbm.train(parameters, lightgbm.Dataset(matrix, target), num_boost_round=20)


def test_many_rows_and_each_of_them_score_as_in_the_package(booster: lightgbm.Booster) -> None:
    rows = np.random.default_rng(1).normal(size=(50, 5))
    rows[3, 2] = np.nan
    trees = LightgbmTrees(booster.model_to_string())
    expected = booster.predict(rows, raw_score=True)
    assert trees.predict(rows, "raw", threads=1).tolist() == expected.tolist()
    assert [trees.raw_of_one(row) for row in rows] == expected.tolist()
    contributions = booster.predict(rows, pred_contrib=True)
    assert trees.predict(rows, "contributions", threads=1).tolist() == contributions.tolist()


def test_a_matrix_of_another_width_is_refused(booster: lightgbm.Booster) -> None:
    trees = LightgbmTrees(booster.model_to_string())
    with pytest.raises(HoldfastError, match="a model of 5 columns was given 4"):
        trees.predict(np.zeros((2, 4)), "raw", threads=1)
