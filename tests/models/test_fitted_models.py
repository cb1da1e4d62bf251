"""All models of a run: which there are, what they are called and where their files lie."""

import numpy as np
import polars as pl
import pytest

from holdfast.learners.design import Design
from holdfast.learners.linear import constant
from holdfast.models.churn import ChurnModel
from holdfast.models.fitted_models import MODEL_TYPES, FittedModels
from holdfast.models.value import ValueModel

FRAME = pl.DataFrame({"orders": [1.0, 4.0]})


@pytest.fixture
def models() -> FittedModels:
    """A snapshot's: one risk and one amount for everyone."""
    design = Design.learn(FRAME, columns=["orders"])
    churn = ChurnModel(design, constant("logistic", 0.0, n_columns=1))
    return FittedModels(churn=churn, value=ValueModel(design, constant("ridge", 7.0, n_columns=1)))


def test_a_model_is_found_by_its_task(models: FittedModels) -> None:
    assert list(models.tasks) == ["churn", "value"]
    np.testing.assert_allclose(models.tasks["value"].predict(FRAME), [7.0, 7.0])
    assert list(FittedModels(churn=models.churn).tasks) == ["churn"]


def test_every_file_lies_below_the_folder_of_its_model(models: FittedModels) -> None:
    parts = models.parts()
    assert {name.split("/")[0] for name in parts} == {"churn", "value"}
    for task, kind in MODEL_TYPES.items():
        files = {
            name.removeprefix(f"{task}/"): data
            for name, data in parts.items()
            if name.startswith(f"{task}/")
        }
        assert kind.from_parts(files) == models.tasks[task]


def test_the_line_about_what_was_fitted_names_each_task(models: FittedModels) -> None:
    assert models.algorithms == "churn: logistic, value: ridge"
