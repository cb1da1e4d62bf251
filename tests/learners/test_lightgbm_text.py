"""Trees of any library, written as LightGBM would have written them and read back by LightGBM
itself.
"""

import lightgbm
import numpy as np
import pytest

from holdfast.learners.lightgbm_text import Tree, lightgbm_text


def tree(weight: tuple[float, ...] = (6, 4, 2, 1, 3)) -> Tree:
    """Feature 0 <= 1.5 asks feature 1 <= -2 (10 or 20); above it the leaf is 40. Unknown numbers go
    right, then left.

    `weight` is of the nodes in the order of the arrays: root, inner node, leaf 40, leaf 10, leaf
    20.
    """
    return Tree(
        feature=np.array([0, 1, -1, -1, -1]),
        threshold=np.array([1.5, -2.0, 0, 0, 0]),
        left=np.array([1, 3, -1, -1, -1]),
        right=np.array([2, 4, -1, -1, -1]),
        nan_left=np.array([False, True, False, False, False]),
        value=np.array([0.0, 0.0, 40.0, 10.0, 20.0]),
        weight=np.array(weight, dtype=np.float64),
    )


def read(trees: list[Tree], *, link: str = "identity", base: float = 0.0) -> lightgbm.Booster:
    return lightgbm.Booster(model_str=lightgbm_text(trees, n_features=2, link=link, base=base))


ROWS = np.array([[1.5, -2.0], [1.5, -1.9], [1.6, -5.0], [np.nan, -5.0], [0.0, np.nan]])
LEAVES = np.array([10.0, 20.0, 40.0, 40.0, 10.0])


def test_lightgbm_sends_each_row_to_the_leaf_that_the_tree_would() -> None:
    np.testing.assert_array_equal(read([tree()]).predict(ROWS), LEAVES)


def test_trees_add_up_and_the_base_is_added_once() -> None:
    np.testing.assert_allclose(read([tree(), tree()], base=0.5).predict(ROWS), 2 * LEAVES + 0.5)


def test_the_link_of_the_text_is_the_one_asked_for() -> None:
    said = read([tree()], link="logit", base=-20.0).predict(ROWS)
    np.testing.assert_allclose(said, 1 / (1 + np.exp(-(LEAVES - 20.0))))
    np.testing.assert_allclose(
        read([tree()], link="log", base=-20.0).predict(ROWS), np.exp(LEAVES - 20.0)
    )


def test_the_base_of_the_explanation_is_the_mean_of_the_training_rows() -> None:
    # Two rows of 40, one of 10, three of 20: 150 / 6.
    assert read([tree()]).predict(ROWS, pred_contrib=True)[0, -1] == pytest.approx(25.0)


def test_weights_that_are_fractions_keep_their_proportions() -> None:
    halves = read([tree((0.6, 0.4, 0.2, 0.1, 0.3))])
    assert halves.predict(ROWS, pred_contrib=True)[0, -1] == pytest.approx(25.0, abs=1e-5)


def test_the_counts_of_a_node_are_those_of_its_children_together() -> None:
    text = lightgbm_text([tree()], n_features=2, link="identity")
    assert "leaf_count=2 1 3\n" in text
    assert "internal_count=6 4\n" in text


def test_a_leaf_that_no_training_row_reached_still_counts_as_one() -> None:
    text = lightgbm_text([tree((5, 3, 2, 0, 3))], n_features=2, link="identity")
    assert "leaf_count=2 1 3\n" in text


def test_a_tree_of_one_leaf_says_the_same_to_everyone() -> None:
    leaf = Tree(
        *(np.array([x]) for x in (-1, 0.0, -1, -1)),
        np.array([False]),
        np.array([7.0]),
        np.array([3.0]),
    )
    np.testing.assert_array_equal(read([leaf, tree()]).predict(ROWS), LEAVES + 7.0)


def test_an_infinite_threshold_still_parts_known_from_unknown() -> None:
    endless = tree()
    endless.threshold[0] = np.inf
    said = read([endless]).predict(np.array([[1e300, 0.0], [np.nan, 0.0]]))
    assert said.tolist() == [20.0, 40.0]
