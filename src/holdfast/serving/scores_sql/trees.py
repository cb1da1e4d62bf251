"""Trees: each one a nested CASE, their leaves added up."""

from sys import float_info

import numpy as np
from sqlglot import exp

from holdfast.errors import StudyError
from holdfast.io.dialects import limit, number
from holdfast.learners.lightgbm_trees import (
    NAN_IS_MISSING,
    NEARLY_ZERO,
    ZERO_IS_MISSING,
    LightgbmTree,
    read_trees,
)
from holdfast.learners.tree_ensemble import TreeEnsemble
from holdfast.serving.scores_sql.columns import Term
from holdfast.serving.scores_sql.terms import add_up, when

_FLOAT32_ENDS = 3.4028235677973366e38
"""From here on a number is infinite in single precision."""


def sum_of_leaves(ensemble: TreeEnsemble, matrix: list[exp.Column]) -> Term:
    """The raw score of an ensemble.

    Raises
    ------
    StudyError
        The trees split on categories or have linear leaves.
    """
    read = read_trees(ensemble.text)
    if read is None:
        raise StudyError(
            f"the trees of {ensemble.algorithm} split on categories or have linear leaves, which "
            "are not written as SQL",
            fix="leave linear_tree and categorical_feature out of the parameters, and run again",
        )
    trees = [_branch(tree, tree.root, matrix, single=ensemble.single_precision) for tree in read[0]]
    return add_up([*trees, number(ensemble.offset)] if ensemble.offset else trees)


def _branch(tree: LightgbmTree, node: int, matrix: list[exp.Column], *, single: bool) -> Term:
    """A node and all below it. What is missing fails every comparison, and so takes the ELSE."""
    if node < 0:
        return number(float(tree.value[~node]))
    # An infinite one tells what is known from what is missing.
    threshold = float(np.clip(tree.threshold[node], -float_info.max, float_info.max))
    kind = tree.missing[node]
    value, most = matrix[tree.feature[node]], limit(_limit(threshold) if single else threshold)
    left, right = (
        _branch(tree, int(child[node]), matrix, single=single) for child in (tree.left, tree.right)
    )
    reads_missing = kind in (NAN_IS_MISSING, ZERO_IS_MISSING)
    missing_left = bool(tree.default_left[node]) if reads_missing else threshold >= 0
    # Not by the operators of sqlglot, which copy: a forest has thousands of nodes.
    condition: Term = (exp.GT if missing_left else exp.LTE)(this=value, expression=most)
    if kind == ZERO_IS_MISSING:
        condition = exp.and_(condition, exp.Abs(this=value) > limit(NEARLY_ZERO))
    return when(condition, right, left) if missing_left else when(condition, left, right)


def _limit(threshold: float) -> float:
    """The largest double that is at most `threshold` once rounded to single precision: no warehouse
    need have it.

    >>> _limit(0.5), float(np.float32(_limit(0.1))) <= 0.1
    (0.5000000298023224, True)
    """
    with np.errstate(over="ignore"):
        below = np.float32(threshold)
        if float(below) > threshold:
            below = np.nextafter(below, np.float32(-np.inf))
        above = np.nextafter(below, np.float32(np.inf))
    if np.isinf(below) or np.isinf(above):
        return float(np.nextafter(np.copysign(_FLOAT32_ENDS, threshold), -np.inf))
    middle = (float(below) + float(above)) / 2
    # Half-way a number is rounded to the even one of the two.
    is_even = int(below.view(np.int32)) % 2 == 0
    return middle if is_even else float(np.nextafter(middle, -np.inf))
