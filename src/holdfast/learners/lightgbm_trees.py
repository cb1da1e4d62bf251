"""LightGBM's trees, read from its text: for whoever explains them or writes them elsewhere."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from holdfast.arrays import Booleans, Floats, Integers

ZERO_IS_MISSING, NAN_IS_MISSING = 1, 2
"""LightGBM's missing types; 0 reads NaN as 0.0."""
NEARLY_ZERO = 1e-35
"""What LightGBM takes for zero."""


@dataclass(frozen=True)
class LightgbmTree:
    """A tree of LightGBM's text; a child below zero is the leaf ~child."""

    feature: Integers
    threshold: Floats
    default_left: Booleans
    missing: Integers
    left: Integers
    right: Integers
    value: Floats
    leaf_count: Integers
    inner_count: Integers

    @cached_property
    def features(self) -> Integers:
        """The features that it asks for, ascending."""
        return np.unique(self.feature)

    @property
    def root(self) -> int:
        """The first inner node, or the only leaf."""
        return 0 if len(self.feature) else ~0

    @property
    def base(self) -> float:
        """The mean of the leaves over the training rows."""
        return (
            float(self.value @ (self.leaf_count / self.leaf_count.sum()))
            if len(self.feature)
            else self.value[0]
        )

    def share(self, node: int, child: int) -> float:
        """The share of a node's training rows that went to the child."""
        count = self.leaf_count[~child] if child < 0 else self.inner_count[child]
        return float(count / self.inner_count[node])


def read_trees(text: str) -> tuple[tuple[LightgbmTree, ...], int] | None:
    """The trees, and the number of features; None where they are not plain.

    That is: several classes, averaged output, splits on categories, linear leaves.
    """
    head, *bodies = text.split("\nend of trees")[0].split("\nTree=")
    fields = dict(line.partition("=")[::2] for line in head.splitlines())
    raw = [dict(line.partition("=")[::2] for line in body.splitlines()[1:]) for body in bodies]
    if fields.get("num_tree_per_iteration") != "1" or "average_output" in fields:
        return None
    if any(tree["num_cat"] != "0" or tree.get("is_linear", "0") != "0" for tree in raw):
        return None
    return tuple(map(_read, raw)), int(fields["max_feature_idx"]) + 1


def _read(fields: dict[str, str]) -> LightgbmTree:
    def floats(name: str) -> Floats:
        return np.array(fields.get(name, "").split(), dtype=np.float64)

    def integers(name: str) -> Integers:
        return np.array(fields.get(name, "").split(), dtype=np.int64)

    kinds = integers("decision_type")
    return LightgbmTree(
        feature=integers("split_feature"),
        threshold=floats("threshold"),
        default_left=(kinds & 2) > 0,
        missing=kinds >> 2 & 3,
        left=integers("left_child"),
        right=integers("right_child"),
        value=floats("leaf_value"),
        leaf_count=integers("leaf_count"),
        inner_count=integers("internal_count"),
    )
