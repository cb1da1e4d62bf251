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
    finding = Finding.warning(
        "churn-all-alike",
        evidence=f"{left:,} of {n:,} customers seen at {len(training.cutoffs)} cutoffs churned",
        meaning=f"Nothing tells who leaves; everyone gets the same probability, {share:.1%}.",
        fix="choose a shorter or longer churn.horizon_days, or use a longer log",
    )
    return ChurnModel(design, learner, None, training.horizon_days), (finding,)


def fit_no_value(training: TrainingSet) -> FittedValue:
    """Expect nothing of anyone."""
    design = Design.learn(training.frame, columns=training.columns)
    learner = constant("ridge", 0.0, n_columns=len(design.names))
    finding = Finding.warning(
        "nothing-earned",
        evidence=f"{len(training.revenue):,} customers seen at {len(training.cutoffs)} cutoffs "
        f"brought {training.revenue.sum():,.2f} in their target windows, net of returns",
        meaning="No revenue can be expected of anyone: it is put at 0, without intervals.",
        fix="check which column is the amount and which rows are returns, or use a longer log",
    )
    model = ValueModel(design, learner, horizon_days=training.horizon_days)
    return FittedValue(model, findings=(finding,))
