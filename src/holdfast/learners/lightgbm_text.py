"""LightGBM's text: trees of any library, written as LightGBM would have written them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from holdfast.arrays import Booleans, Floats, Integers

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
    left
        Below 0 at a leaf; `feature`, `threshold`, `right` and `nan_left` are not read there.
    value
        Read at leaves only.
    weight
        How much of the training data passed; read at leaves only. TreeSHAP weighs branches by it.
    """

    feature: Integers
    threshold: Floats
    left: Integers
    right: Integers
    nan_left: Booleans
    value: Floats
    weight: Floats

    @classmethod
    def of(cls, **arrays: npt.ArrayLike) -> "Tree":
        """Arrays of whatever type the library has."""
        kinds = {"feature": np.int64, "left": np.int64, "right": np.int64, "nan_left": np.bool_}
        return cls(
            **{name: np.asarray(x, kinds.get(name, np.float64)) for name, x in arrays.items()}
        )


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
    leaf = tree.left < 0
    counts = _counts(tree, leaf)
    # Inner nodes and leaves are numbered apart, in the order of the arrays; a child that is a leaf
    # is written ~number.
    number = np.where(leaf, ~(np.cumsum(leaf) - 1), np.cumsum(~leaf) - 1)
    inner = ~leaf
    zeros = np.zeros(int(inner.sum()), dtype=np.int64)
    rows = {
        "num_leaves": [int(leaf.sum())],
        "num_cat": [0],
        "split_feature": tree.feature[inner],
        "split_gain": zeros,
        "threshold": np.clip(tree.threshold[inner], -_INFINITE, _INFINITE),
        "decision_type": np.where(tree.nan_left[inner], _NAN_GOES_LEFT, _NAN_GOES_RIGHT),
        "left_child": number[tree.left[inner]],
        "right_child": number[tree.right[inner]],
        "leaf_value": tree.value[leaf] + base,
        "leaf_weight": counts[leaf],
        "leaf_count": counts[leaf],
        "internal_value": zeros,
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


def _counts(tree: Tree, leaf: Booleans) -> Integers:
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


def _levels(tree: Tree) -> list[Integers]:
    """The inner nodes of each level, the root's first."""
    levels, nodes = [], np.array([0])
    while len(nodes := nodes[tree.left[nodes] >= 0]):
        levels.append(nodes)
        nodes = np.concatenate([tree.left[nodes], tree.right[nodes]])
    return levels
