"""Every tree ensemble becomes one open format: LightGBM's text.

A random forest, HistGradientBoosting, XGBoost and CatBoost are read tree by tree and written as
LightGBM would have written them. One format is then published, one fast predictor scores it, and
one exact TreeSHAP explains it (Lundberg et al. 2020, "From local explanations to global
understanding with explainable AI for trees").
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.errors import StudyError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# LightGBM's decision_type: bits 2-3 = 2 say that NaN is missing, bit 1 that it goes left.
_NAN_GOES_RIGHT, _NAN_GOES_LEFT = 8, 10
_LARGEST_COUNT = 1e8
_INFINITE = 1e300
_OBJECTIVES = {"identity": "regression", "logit": "binary sigmoid:1", "log": "poisson"}


@dataclass(frozen=True)
class Tree:
    """One binary tree as arrays over its nodes, the root first; x <= threshold goes left.

    Attributes
    ----------
    feature
        -1 at a leaf.
    value
        Read at leaves only.
    weight
        How much of the training data passed; read at leaves only. TreeSHAP weighs branches by it.
    """

    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    nan_left: Bools
    value: Floats
    weight: Floats


def lightgbm_text(trees: Sequence[Tree], *, n_features: int, link: str, base: float = 0.0) -> str:
    """Write trees whose leaf values add up to the raw score as a LightGBM model.

    Parameters
    ----------
    link
        identity, logit or log: how the raw score becomes the prediction.
    base
        Added to the raw score of every row.
    """
    bodies = [
        _tree_text(tree, index, base if index == 0 else 0.0) for index, tree in enumerate(trees)
    ]
    names = " ".join(f"Column_{index}" for index in range(n_features))
    head = [
        "tree",
        "version=v4",
        "num_class=1",
        "num_tree_per_iteration=1",
        "label_index=0",
        f"max_feature_idx={n_features - 1}",
        f"objective={_OBJECTIVES[link]}",
        f"feature_names={names}",
        f"feature_infos={' '.join(['[-1e300:1e300]'] * n_features)}",
        f"tree_sizes={' '.join(str(len(body)) for body in bodies)}",
    ]
    return "\n".join(head) + "\n\n" + "".join(bodies) + "end of trees\n"


def _tree_text(tree: Tree, index: int, base: float) -> str:
    leaf = tree.feature < 0
    counts = _counts(tree, leaf)
    # Inner nodes and leaves are numbered apart, in the order of the arrays; a child that is a leaf
    # is written ~number.
    number = np.where(leaf, ~(np.cumsum(leaf) - 1), np.cumsum(~leaf) - 1)
    inner = ~leaf
    rows = {
        "num_leaves": [int(leaf.sum())],
        "num_cat": [0],
        "split_feature": tree.feature[inner],
        "split_gain": np.zeros(int(inner.sum()), dtype=np.int64),
        "threshold": np.clip(tree.threshold[inner], -_INFINITE, _INFINITE),
        "decision_type": np.where(tree.nan_left[inner], _NAN_GOES_LEFT, _NAN_GOES_RIGHT),
        "left_child": number[tree.left[inner]],
        "right_child": number[tree.right[inner]],
        "leaf_value": tree.value[leaf] + base,
        "leaf_weight": counts[leaf],
        "leaf_count": counts[leaf],
        "internal_value": np.zeros(int(inner.sum()), dtype=np.int64),
        "internal_weight": counts[inner],
        "internal_count": counts[inner],
        "is_linear": [0],
        "shrinkage": [1],
    }
    lines = [
        f"{name}={' '.join(map(repr, np.asarray(values).tolist()))}"
        for name, values in rows.items()
    ]
    return "\n".join([f"Tree={index}", *lines]) + "\n\n\n"


def _counts(tree: Tree, leaf: Bools) -> Ints:
    """Whole positive counts per node, children adding up; fractions (class weights, hessians) are
    scaled first.
    """
    weight = tree.weight[leaf]
    whole = bool(np.all(weight == np.round(weight)))
    scale = 1.0 if whole else _LARGEST_COUNT / weight.sum()
    counts = np.zeros(len(leaf), dtype=np.int64)
    # A leaf that no training row reached still needs a weight: TreeSHAP divides by it.
    counts[leaf] = np.maximum(np.round(weight * scale), 1)
    for nodes in reversed(_levels(tree)):
        counts[nodes] = counts[tree.left[nodes]] + counts[tree.right[nodes]]
    return counts


def _levels(tree: Tree) -> list[Ints]:
    """The inner nodes of each level, the root's first."""
    levels, nodes = [], np.array([0])
    while len(nodes := nodes[tree.feature[nodes] >= 0]):
        levels.append(nodes)
        nodes = np.concatenate([tree.left[nodes], tree.right[nodes]])
    return levels


def forest_trees(forest: Any) -> Iterator[Tree]:
    """The trees of a fitted RandomForest; the mean over trees lies in the leaf values.

    scikit-learn casts rows to float32 before it compares them; so must the caller.
    """
    for estimator in forest.estimators_:
        tree = estimator.tree_
        value = tree.value[:, 0, :]
        # Leaves of a classifier hold the shares of both classes.
        mean = value[:, -1] / value.sum(axis=1) if hasattr(forest, "classes_") else value[:, 0]
        yield Tree(
            feature=np.where(tree.children_left < 0, -1, tree.feature).astype(np.int64),
            threshold=tree.threshold,
            left=tree.children_left.astype(np.int64),
            right=tree.children_right.astype(np.int64),
            nan_left=np.asarray(tree.missing_go_to_left, dtype=bool),
            value=mean / len(forest.estimators_),
            weight=tree.weighted_n_node_samples,
        )


def histogram_trees(model: Any) -> Iterator[Tree]:
    """The trees of a fitted HistGradientBoosting model; its baseline is to be added."""
    for (predictor,) in model._predictors:
        nodes = predictor.nodes
        leaf = nodes["is_leaf"].astype(bool)
        yield Tree(
            feature=np.where(leaf, -1, nodes["feature_idx"]).astype(np.int64),
            threshold=nodes["num_threshold"],
            left=nodes["left"].astype(np.int64),
            right=nodes["right"].astype(np.int64),
            nan_left=nodes["missing_go_to_left"].astype(bool),
            value=nodes["value"],
            weight=nodes["count"].astype(np.float64),
        )


def xgboost_trees(booster: Any) -> tuple[list[Tree], float]:
    """The trees of an XGBoost booster, and its base score as saved (in the unit of the prediction).

    XGBoost compares float32 with `<`; the largest float32 below its threshold says the same with
    `<=`.
    """
    saved = json.loads(bytes(booster.save_raw("json")))["learner"]
    if saved["gradient_booster"]["name"] != "gbtree":
        raise StudyError(
            "xgboost's booster must be gbtree", fix="leave 'booster' out of the parameters"
        )
    base = float(saved["learner_model_param"]["base_score"].strip("[]"))
    return [_xgboost_tree(tree) for tree in saved["gradient_booster"]["model"]["trees"]], base


def _xgboost_tree(tree: dict[str, list[float]]) -> Tree:
    left = np.asarray(tree["left_children"], dtype=np.int64)
    condition = np.asarray(tree["split_conditions"], dtype=np.float32)
    return Tree(
        feature=np.where(left < 0, -1, np.asarray(tree["split_indices"], dtype=np.int64)),
        threshold=np.nextafter(condition, np.float32(-np.inf)).astype(np.float64),
        left=left,
        right=np.asarray(tree["right_children"], dtype=np.int64),
        nan_left=np.asarray(tree["default_left"], dtype=bool),
        value=condition.astype(np.float64),
        weight=np.asarray(tree["sum_hessian"], dtype=np.float64),
    )


def catboost_trees(model: Any) -> tuple[list[Tree], float]:
    """The oblivious trees of a CatBoost model, and its bias in the unit of the raw score."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        saved = json.loads(path.read_text(encoding="utf-8"))
    if "oblivious_trees" not in saved:
        raise StudyError(
            "catboost's trees must be symmetric", fix="leave 'grow_policy' out of the parameters"
        )
    scale, (bias,) = saved["scale_and_bias"]
    right = {
        f["feature_index"] for f in saved["features_info"]["float_features"] if _nan_is_right(f)
    }
    return [_catboost_tree(tree, scale, right) for tree in saved["oblivious_trees"]], float(bias)


def _nan_is_right(feature: dict[str, Any]) -> bool:
    return bool(feature["nan_value_treatment"] == "AsTrue")


def _catboost_tree(tree: dict[str, Any], scale: float, nan_right: set[int]) -> Tree:
    """Lay a symmetric tree out as a heap: level j asks split j, whose answer is bit j of the leaf's
    index.
    """
    splits = tree["splits"] or []
    depth = len(splits)
    n_inner, n_nodes = 2**depth - 1, 2 ** (depth + 1) - 1
    node = np.arange(n_nodes)
    level = np.floor(np.log2(node + 1)).astype(np.int64)
    inner = node < n_inner
    feature = np.full(n_nodes, -1, dtype=np.int64)
    threshold, value, weight = np.zeros(n_nodes), np.zeros(n_nodes), np.ones(n_nodes)
    nan_left = np.ones(n_nodes, dtype=bool)
    if depth:
        asked = np.asarray([split["float_feature_index"] for split in splits], dtype=np.int64)[
            level[inner]
        ]
        feature[inner] = asked
        threshold[inner] = np.asarray([split["border"] for split in splits])[level[inner]]
        nan_left[inner] = [index not in nan_right for index in asked.tolist()]
    path = node[~inner] - n_inner
    # The path reads the splits from the first (highest bit); CatBoost's index has the first split
    # lowest.
    leaf = sum(((path >> (depth - 1 - j)) & 1) << j for j in range(depth)) if depth else path
    value[~inner] = np.asarray(tree["leaf_values"], dtype=np.float64)[leaf] * scale
    weight[~inner] = np.asarray(tree["leaf_weights"], dtype=np.float64)[leaf]
    return Tree(feature, threshold, 2 * node + 1, 2 * node + 2, nan_left, value, weight)
