"""Learners: what each kind that a run may publish predicts."""

import numpy as np
from sqlglot import exp

from holdfast.io.dialects import number
from holdfast.learners.algorithms import Learner
from holdfast.learners.blend import Blend, BlendWeights
from holdfast.learners.calibration import EDGE as CALIBRATION_EDGE
from holdfast.learners.calibration import BetaCalibration
from holdfast.learners.linear import LinearModel
from holdfast.learners.link_functions import EDGE as ODDS_EDGE
from holdfast.learners.tree_ensemble import TreeEnsemble
from holdfast.models.baselines import RecencyRule, TrailingSpendRule
from holdfast.serving.scores_sql.columns import Columns, Term
from holdfast.serving.scores_sql.terms import (
    add_up,
    arsinh,
    clip,
    coalesce,
    exponential,
    inverse,
    log_logistic,
    logarithm,
    logistic,
    over,
    when,
)
from holdfast.serving.scores_sql.trees import sum_of_leaves


def predict(
    columns: Columns,
    label: str,
    learner: Learner | RecencyRule | TrailingSpendRule,
    matrix: list[exp.Column],
) -> exp.Column:
    """A learner's prediction from the columns of its design."""
    return inverse(columns, label, learner.link, _raw(columns, label, learner, matrix))


def calibrate(
    columns: Columns, label: str, map_: BetaCalibration, probability: exp.Column
) -> exp.Column:
    """As `BetaCalibration.apply`."""
    edge = CALIBRATION_EDGE
    p = columns.add(f"{label}_inside", clip(probability, edge, 1 - edge))
    odds = columns.add(
        f"{label}_odds",
        number(map_.a) * logarithm(p)
        - number(map_.b) * logarithm(number(1.0) - p)
        + number(map_.c),
    )
    if map_.season == 1:
        return columns.add(label, logistic(odds))
    power = columns.add(f"{label}_power", number(map_.season) * exp.paren(log_logistic(odds)))
    return columns.add(label, exponential(power))


def _raw(
    columns: Columns,
    label: str,
    learner: Learner | RecencyRule | TrailingSpendRule,
    matrix: list[exp.Column],
) -> Term:
    match learner:
        case TreeEnsemble():
            return sum_of_leaves(learner, matrix)
        case LinearModel():
            return _sum_of_lines(columns, f"{label}_line", learner, list(matrix))
        case Blend():
            return _weigh(columns, label, learner, matrix)
        case RecencyRule():
            return _log_odds_of_silence(columns, label, learner, matrix)
        case TrailingSpendRule():
            spent = matrix[learner.column]
            return when(spent > number(0.0), spent, number(0.0)) * number(learner.scale)


def _sum_of_lines(columns: Columns, label: str, model: LinearModel, values: list[Term]) -> Term:
    terms: list[Term] = [number(model.intercept)]
    scaling = model.scaling
    each = zip(
        values,
        model.weights,
        scaling.centre,
        scaling.spread,
        scaling.mean,
        scaling.deviation,
        strict=True,
    )
    for place, (value, weight, centre, spread, mean, deviation) in enumerate(each):
        if weight:
            bent = columns.add(f"{label}_{place}", over(value - number(centre), number(spread)))
            z = over(exp.paren(arsinh(bent)) - number(mean), number(deviation))
            terms.append(number(weight) * coalesce(z, 0.0))
    return add_up(terms)


def _weigh(columns: Columns, label: str, blend: Blend, matrix: list[exp.Column]) -> Term:
    hinged: list[Term] = []
    for value, knots in zip(matrix, blend.hinges.knots, strict=True):
        hinged.append(value)
        hinged += [
            when(
                value > number(knot), value - number(knot), when(value <= number(knot), number(0.0))
            )
            for knot in knots
        ]
    line = columns.add(
        f"{label}_lines", _sum_of_lines(columns, f"{label}_line", blend.line, hinged)
    )
    trees = columns.add(f"{label}_trees", sum_of_leaves(blend.trees, matrix))
    weights = blend.weights or BlendWeights()
    both = number(weights.trees) * trees + number(weights.line) * line
    return exp.paren(both) + number(weights.intercept)


def _log_odds_of_silence(
    columns: Columns, label: str, rule: RecencyRule, matrix: list[exp.Column]
) -> Term:
    days = columns.add(f"{label}_days", coalesce(matrix[rule.column], rule.days[-1]))
    p = columns.add(f"{label}_rank", _interpolate(days, rule.days, rule.probability))
    inside = columns.add(f"{label}_inside", clip(p, ODDS_EDGE, 1 - ODDS_EDGE))
    return logarithm(inside) - logarithm(number(1.0) - inside)


def _interpolate(at: exp.Column, places: tuple[float, ...], values: tuple[float, ...]) -> Term:
    """As numpy.interp: straight lines between the places, level beyond them."""
    ifs = [exp.If(this=at <= number(places[0]), true=number(values[0]))]
    slopes = np.diff(values) / np.diff(places)
    for start, end, value, slope in zip(places, places[1:], values, slopes, strict=False):
        line = number(float(slope)) * exp.paren(at - number(start)) + number(value)
        ifs.append(exp.If(this=at <= number(end), true=line))
    return exp.Case(ifs=ifs, default=number(values[-1]))
