"""All alike: where every customer did the same, nothing can be told apart, and one number stands
for everyone.
"""

import numpy as np

from holdfast.findings import Finding
from holdfast.learners.design import Design
from holdfast.learners.linear import constant
from holdfast.models.churn import ChurnModel
from holdfast.models.training_set import Examples
from holdfast.models.value import FittedValue, ValueModel


def churned_alike(examples: Examples) -> bool:
    """Whether everyone left in the windows that have ended, or nobody did."""
    return bool(examples.churned.all() or not examples.churned.any())


def same_churn(examples: Examples) -> tuple[ChurnModel, tuple[Finding, ...]]:
    """The share that churned, as if half a customer more had stayed and half a customer more had
    left.
    """
    left, n = int(examples.churned.sum()), len(examples.churned)
    share = (left + 0.5) / (n + 1)
    design = Design.learn(examples.frame, columns=examples.columns)
    learner = constant("logistic", float(np.log(share / (1 - share))), n_columns=len(design.names))
    finding = Finding.warning(
        "churn-all-alike",
        evidence=f"{left:,} of {n:,} customers seen at {len(examples.cutoffs)} cutoffs churned",
        meaning=f"Nothing tells who leaves; everyone gets the same probability, {share:.1%}.",
        fix="choose a shorter or longer churn.horizon_days, or use a longer log",
    )
    return ChurnModel(design, learner, None, examples.horizon_days), (finding,)


def earns_nothing(examples: Examples) -> bool:
    """Whether the windows that have ended brought nothing, net of returns."""
    return float(examples.revenue.sum()) <= 0 or not (examples.revenue > 0).any()


def no_value(examples: Examples) -> FittedValue:
    """Expect nothing of anyone."""
    design = Design.learn(examples.frame, columns=examples.columns)
    model = ValueModel(
        design,
        constant("ridge", 0.0, n_columns=len(design.names)),
        horizon_days=examples.horizon_days,
    )
    finding = Finding.warning(
        "nothing-earned",
        evidence=f"{len(examples.revenue):,} customers seen at {len(examples.cutoffs)} cutoffs "
        f"brought {examples.revenue.sum():,.2f} in their target windows, net of returns",
        meaning="No revenue can be expected of anyone: it is put at 0, without intervals.",
        fix="check which column is the amount and which rows are returns, or use a longer log",
    )
    return FittedValue(model, findings=(finding,))
