"""Converters: the trees that other libraries trained become one ensemble in LightGBM's text.

One format is then published, one fast predictor scores it, and one exact TreeSHAP explains it
(Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for
trees").
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.errors import StudyError
from holdfast.learners.lightgbm_text import Tree, lightgbm_text
from holdfast.learners.link_functions import Link
from holdfast.learners.tree_ensemble import TreeEnsemble, link_of


def from_lightgbm(model: Any, n_features: int) -> TreeEnsemble:
    """Keep LightGBM's own text."""
    return TreeEnsemble.of_booster(model.booster_)


def from_forest(model: Any, n_features: int) -> TreeEnsemble:
    """Keep a random forest; its raw score is the probability, or the mean, itself.

    scikit-learn casts rows to float32 before it compares them.
    """
    trees = []
    for estimator in model.estimators_:
        tree = estimator.tree_
        value = tree.value[:, 0, :]
        # Leaves of a classifier hold the shares of both classes.
        mean = value[:, -1] / value.sum(axis=1) if hasattr(model, "classes_") else value[:, 0]
        trees.append(
            Tree.of(
                left=tree.children_left,
                right=tree.children_right,
                feature=tree.feature,
                threshold=tree.threshold,
                nan_left=tree.missing_go_to_left,
                value=mean / len(model.estimators_),
                weight=tree.weighted_n_node_samples,
            )
        )
    return _ensemble("random_forest", trees, "identity", n_features, single_precision=True)


def from_histogram(model: Any, n_features: int) -> TreeEnsemble:
    """Keep a HistGradientBoosting model, its baseline added."""
    trees = [_histogram_tree(predictor.nodes) for (predictor,) in model._predictors]
    link = link_of(model.loss, "hist_gradient_boosting")
    base = float(np.ravel(model._baseline_prediction)[0])
    return _ensemble("hist_gradient_boosting", trees, link, n_features, base)


def _histogram_tree(nodes: Any) -> Tree:
    return Tree.of(
        left=np.where(nodes["is_leaf"], -1, nodes["left"].astype(np.int64)),
        right=nodes["right"],
        feature=nodes["feature_idx"],
        threshold=nodes["num_threshold"],
        nan_left=nodes["missing_go_to_left"],
        value=nodes["value"],
        weight=nodes["count"],
    )


def from_xgboost(model: Any, n_features: int) -> TreeEnsemble:
    """Keep an XGBoost model; its base score is saved in the unit of the prediction."""
    saved = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    if saved["gradient_booster"]["name"] != "gbtree":
        raise StudyError(
            "xgboost's booster must be gbtree", fix="leave 'booster' out of the parameters"
        )
    link = link_of(model.objective, "xgboost")
    base = float(saved["learner_model_param"]["base_score"].strip("[]"))
    if link != "identity":
        base = float(np.log(base / (1 - base) if link == "logit" else base))
    trees = [_xgboost_tree(tree) for tree in saved["gradient_booster"]["model"]["trees"]]
    return _ensemble("xgboost", trees, link, n_features, base, single_precision=True)


def _xgboost_tree(tree: Mapping[str, Any]) -> Tree:
    condition = np.asarray(tree["split_conditions"], dtype=np.float32)
    return Tree.of(
        left=tree["left_children"],
        right=tree["right_children"],
        feature=tree["split_indices"],
        # XGBoost compares float32 with `<`; the largest float32 below says the same with `<=`.
        threshold=np.nextafter(condition, np.float32(-np.inf)),
        nan_left=tree["default_left"],
        value=condition,
        weight=tree["sum_hessian"],
    )


def from_catboost(model: Any, n_features: int) -> TreeEnsemble:
    """Keep a CatBoost model of symmetric trees; its bias is in the unit of the raw score."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        saved = json.loads(path.read_text(encoding="utf-8"))
    if "oblivious_trees" not in saved:
        raise StudyError(
            "catboost's trees must be symmetric", fix="leave 'grow_policy' out of the parameters"
        )
    scale, (bias,) = saved["scale_and_bias"]
    treatment = {
        feature["feature_index"]: feature["nan_value_treatment"]
        for feature in saved["features_info"]["float_features"]
    }
    trees = [_catboost_tree(tree, scale, treatment) for tree in saved["oblivious_trees"]]
    link = link_of(model.get_all_params()["loss_function"], "catboost")
    return _ensemble("catboost", trees, link, n_features, float(bias), single_precision=True)


def _catboost_tree(tree: Mapping[str, Any], scale: float, treatment: Mapping[int, str]) -> Tree:
    """Lay a symmetric tree out as a heap: level j asks split j, whose answer is bit j of the leaf's
    index.
    """
    splits = tree["splits"] or []
    depth = len(splits)
    node = np.arange(2 ** (depth + 1) - 1)
    inner, level = node < 2**depth - 1, np.floor(np.log2(node + 1)).astype(np.int64)
    # The levels end with the leaves, which ask nothing.
    features = np.array([*(split["float_feature_index"] for split in splits), -1])[level]
    path = node - (2**depth - 1)
    # The path reads the splits from the first (highest bit); CatBoost's index has the first split
    # lowest. An inner node has no path: what it reads is not used.
    leaf = sum(((path >> (depth - 1 - j)) & 1) << j for j in range(depth)) + 0 * path
    return Tree.of(
        left=np.where(inner, 2 * node + 1, -1),
        right=2 * node + 2,
        feature=features,
        threshold=np.array([*(split["border"] for split in splits), 0.0])[level],
        nan_left=[treatment.get(index) != "AsTrue" for index in features.tolist()],
        value=np.asarray(tree["leaf_values"])[leaf] * scale,
        weight=np.asarray(tree["leaf_weights"])[leaf],
    )


def _ensemble(
    algorithm: str,
    trees: Sequence[Tree],
    link: Link,
    n_features: int,
    base: float = 0.0,
    *,
    single_precision: bool = False,
) -> TreeEnsemble:
    text = lightgbm_text(trees, n_features=n_features, link=link, base=base)
    return TreeEnsemble(algorithm, text, link, single_precision)
