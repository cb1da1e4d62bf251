"""Members: the models of churn and value, as far as a warehouse can work them out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sqlglot import exp

from holdfast.errors import StudyError
from holdfast.io.dialects import number
from holdfast.models.churn import ChurnModel
from holdfast.models.fitted_models import Model
from holdfast.models.reference_spend import NEWCOMER_DAYS, PAST, Scale
from holdfast.models.value import ValueModel
from holdfast.serving.scores_sql.columns import Columns, Term
from holdfast.serving.scores_sql.inputs import Kinds, design_matrix
from holdfast.serving.scores_sql.learners import calibrate, predict
from holdfast.serving.scores_sql.terms import coalesce, over, when

CHURN, VALUE = "churn_probability", "expected_revenue"


def require_expressible(models: Mapping[str, Model]) -> None:
    """Refuse models with a member that no warehouse has the functions for.

    Raises
    ------
    StudyError
        Naming each of them, and the settings of a run without.
    """
    refused, settings = [], []
    for task, model in models.items():
        if model.btyd is not None:
            refused.append(f"the BTYD member of {task} ({model.btyd.counts.algorithm})")
            settings.append(f"--set {task}.pool_btyd=false")
        if model.sequence is not None:
            refused.append(f"the network of {task}")
            settings.append(f"--set {task}.algorithm=lightgbm")
    if refused:
        verb = "is" if len(refused) == 1 else "are"
        raise StudyError(
            f"{' and '.join(refused)} {verb} no SQL: a warehouse lacks the functions",
            fix=f"publish a run without: holdfast run {' '.join(settings)}",
        )


def add_churn(columns: Columns, model: ChurnModel, kinds: Kinds) -> exp.Column:
    """Add CHURN, as `ChurnModel.predict` of a learnt member alone."""
    matrix = design_matrix(columns, "churn", model.design, kinds)
    if model.calibration is None:
        return predict(columns, CHURN, model.learner, matrix)
    learnt = predict(columns, "churn_learnt", model.learner, matrix)
    return calibrate(columns, CHURN, model.calibration, learnt)


def add_value(columns: Columns, model: ValueModel, kinds: Kinds) -> exp.Column:
    """Add VALUE, as `ValueModel.predict` of a learnt member alone."""
    matrix = design_matrix(columns, "value", model.design, kinds)
    amount = predict(columns, "amount", model.amount, matrix)
    expected: Term = number(model.level) * amount
    if model.buys is not None:
        expected = expected * predict(columns, "buys", model.buys, matrix)
    if model.scale is not None:
        past = dict(zip(model.design.names, matrix, strict=True))
        expected = expected * _scale(columns, model.scale, past)
    return columns.add(VALUE, expected)


def _scale(columns: Columns, scale: Scale, past: Mapping[str, Any]) -> exp.Column:
    """As `Scale.of_past`; what is not known counts as none."""
    spent, tenure = (columns.add(f"known {each}", coalesce(past[each], 0.0)) for each in PAST)
    yardstick = scale.yardstick
    days: Term = number(float(scale.seen_days))
    if yardstick.by_tenure:
        shorter = when(tenure < days, tenure, days)
        days = exp.paren(shorter) + number(float(NEWCOMER_DAYS))
    kept = when(spent > number(0.0), spent, number(0.0))
    above = exp.paren(kept) * number(float(yardstick.horizon_days))
    reference = columns.add("reference", over(above, days) + number(yardstick.floor))
    highest = yardstick.highest or np.inf
    if np.isinf(highest):
        return reference
    held = when(reference > number(highest), number(highest), reference)
    return columns.add("reference_spend", held)
