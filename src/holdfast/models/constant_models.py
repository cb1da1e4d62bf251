"""Constant models: where every customer did the same, one number stands for everyone."""

import numpy as np

from holdfast.findings import Finding
from holdfast.learners.design import Design
from holdfast.learners.linear import constant
from holdfast.models.churn import ChurnModel
from holdfast.models.training_set import TrainingSet
from holdfast.models.value import ValueModel
from holdfast.models.value_fitting import FittedValue


def fit_same_churn(training: TrainingSet) -> tuple[ChurnModel, tuple[Finding, ...]]:
    """The share that churned, as if half a customer more had stayed and half a customer more had
    left.
    """
    left, n = int(training.churned.sum()), len(training.churned)
    share = (left + 0.5) / (n + 1)
    design = Design.learn(training.frame, columns=training.columns)
    learner = constant("logistic", float(np.log(share / (1 - share))), n_columns=len(design.names))
    n_cutoffs = len(training.cutoffs)
    finding = Finding.of("churn-all-alike", left=left, n=n, cutoffs=n_cutoffs, share=share)
    return ChurnModel(design, learner, None, training.horizon_days), (finding,)


def fit_no_value(training: TrainingSet) -> FittedValue:
    """Expect nothing of anyone."""
    design = Design.learn(training.frame, columns=training.columns)
    learner = constant("ridge", 0.0, n_columns=len(design.names))
    n, brought = len(training.revenue), training.revenue.sum()
    finding = Finding.of("nothing-earned", n=n, cutoffs=len(training.cutoffs), brought=brought)
    model = ValueModel(design, learner, horizon_days=training.horizon_days)
    return FittedValue(model, findings=(finding,))
