"""Exact TreeSHAP for many rows at once, many times faster than row by row.

What a leaf adds depends on a row only through which of the features on the leaf's path the row
satisfies: 2^d cases for d features, and d is small. So the cases of each leaf are worked out once,
and every row only looks up its own.

The Shapley value of feature j in a leaf of value v whose path holds the features D is

    v (o_j - z_j) * integral over t in 0..1 of product over i in D, i != j, of (t o_i + (1 - t) z_i)

with o_i = 1 where the row satisfies all of the path's conditions on i, else 0, and z_i the share of
the training rows that does. The integrand is a polynomial of degree d - 1, so Gauss-Legendre
quadrature with d / 2 nodes is exact. Lundberg et al. 2020 define the values; Yang 2021, "Fast
TreeSHAP", looks cases up; Yu et al. 2022, "Linear TreeShap", give the polynomial.

The last splits of a path are looked up together: a small subtree is walked once for every
combination of the case so far and its own decisions, and each row then looks up one sum for all of
its leaves.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from holdfast.arrays import Floats, Integers
from holdfast.learners.lightgbm_trees import (
    NAN_IS_MISSING,
    NEARLY_ZERO,
    ZERO_IS_MISSING,
    LightgbmTree,
    read_trees,
)

Cases = npt.NDArray[np.uint16]
Path = tuple[int, ...]
Decisions = Callable[[int], Cases]

MAX_PATH_FEATURES = 14  # decision 8
MANY_ROWS = 100  # decision 8
"""From so many rows on, working out every case first is quicker than LightGBM's row by row."""
_MOST_CASES = 2_048  # decision 8
_ROWS_AT_ONCE = 5_000
_THREADS = 2


@dataclass(frozen=True)
class TreeShap:
    """The trees of a model, ready to explain rows.

    Attributes
    ----------
    base
        The raw score before any feature is known.
    """

    trees: tuple[LightgbmTree, ...]
    n_features: int
    base: float

    @classmethod
    def of_lightgbm(cls, text: str) -> "TreeShap | None":
        """Read LightGBM's text; None for what this algorithm does not cover.

        That is: several classes, averaged output, splits on categories, linear leaves and paths of
        more than `MAX_PATH_FEATURES` different features.
        """
        read = read_trees(text)
        if read is None:
            return None
        trees, n_features = read
        if any(len(shares) > MAX_PATH_FEATURES for tree in trees for _, shares in _paths(tree)):
            return None
        return cls(trees, n_features, sum(tree.base for tree in trees))

    def contributions(self, matrix: Floats) -> Floats:
        """Explain rows: (n_rows, n_features + 1), base last; each row adds up to its raw score."""
        columns = np.ascontiguousarray(matrix.T)
        with ThreadPoolExecutor(_THREADS) as pool:
            # Each thread has its own trees, whatever its pace: the same order of additions, the
            # same bytes.
            parts = list(
                pool.map(
                    lambda first: _explain(self.trees[first::_THREADS], columns), range(_THREADS)
                )
            )
        return np.vstack([np.sum(parts, axis=0), np.full((1, len(matrix)), self.base)]).T


def _explain(trees: Sequence[LightgbmTree], columns: Floats) -> Floats:
    """Sum the trees' values, (n_features, n_rows)."""
    total = np.zeros_like(columns)
    missing = np.flatnonzero(np.isnan(columns).any(axis=1))
    for tree in trees:
        lookups = _lookups(tree, n_rows=columns.shape[1])
        for start in range(0, columns.shape[1], _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            added = _look_up(tree, lookups, _Rows(tree, columns[:, rows], missing))
            for feature, values in zip(tree.features, added.T, strict=True):
                total[feature, rows] += values
    return total


@dataclass(frozen=True)
class _Lookup:
    """What a subtree adds: (2^(d + k), n_tree_features) values, by its path's case and the
    decisions of its k nodes.
    """

    nodes: Path
    values: Floats


def _look_up(tree: LightgbmTree, lookups: Mapping[int, _Lookup], goes_left: "_Rows") -> Floats:
    """What one tree says about some rows, (n_rows, n_tree_features)."""
    n_rows = goes_left.columns.shape[1]
    total = np.zeros((n_rows, len(tree.features)))
    room = np.empty_like(total)
    for node, path, case in _walk(tree, goes_left, lookups, case=np.zeros(n_rows, dtype=np.uint16)):
        lookup = lookups[node]
        for bit, inner in enumerate(lookup.nodes, start=len(path)):
            case = case | goes_left(inner) << np.uint16(bit)
        # "raise" would copy; no case is beyond the table.
        total += lookup.values.take(case.astype(np.intp), axis=0, out=room, mode="clip")
    return total


def _lookups(tree: LightgbmTree, *, n_rows: int) -> dict[int, _Lookup]:
    """Subtree -> its lookup, for subtrees that every path meets once, as large as pays for so many
    rows.
    """
    leaves, inner = _leaves(tree), _inner_nodes(tree)
    lookups: dict[int, _Lookup] = {}
    stack: list[tuple[int, Path]] = [(tree.root, ())]
    while stack:
        node, path = stack.pop()
        nodes = inner.get(node, ())
        cases = 1 << len(path) + len(nodes)
        if node < 0 or (cases <= _MOST_CASES and (len(nodes) + 1) * cases <= n_rows):
            lookups[node] = _gather(tree, node, path, nodes, leaves)
        else:
            longer = path if tree.feature[node] in path else (*path, int(tree.feature[node]))
            stack += [(int(tree.right[node]), longer), (int(tree.left[node]), longer)]
    return lookups


def _gather(
    tree: LightgbmTree, node: int, path: Path, nodes: Path, leaves: Mapping[int, Floats]
) -> _Lookup:
    """Walk a subtree for every combination of its path's case and its own decisions."""
    if node < 0:
        return _Lookup((), leaves[node])
    combinations = np.arange(1 << len(path) + len(nodes), dtype=np.uint16)
    bits = {
        inner: combinations >> np.uint16(bit) & np.uint16(1)
        for bit, inner in enumerate(nodes, start=len(path))
    }
    values = np.zeros((len(combinations), len(tree.features)))
    case = combinations & np.uint16((1 << len(path)) - 1)
    for leaf, _, cases in _walk(tree, bits.__getitem__, leaves, node, path, case=case):
        values += leaves[leaf].take(cases, axis=0)
    return _Lookup(nodes, values)


def _walk(
    tree: LightgbmTree,
    goes_left: Decisions,
    stops: Collection[int],
    node: int | None = None,
    path: Path = (),
    *,
    case: Cases,
) -> Iterator[tuple[int, Path, Cases]]:
    """From a node, or the root, to each stop: the stop, its path and the rows' cases there.

    Bit i of a case says that the row satisfies every condition so far on the path's i-th feature.
    """
    stack = [(tree.root if node is None else node, path, case)]
    while stack:
        node, path, case = stack.pop()
        if node in stops:
            yield node, path, case
            continue
        left, right, path = _step(path, int(tree.feature[node]), case, goes_left(node))
        stack += [(int(tree.right[node]), path, right), (int(tree.left[node]), path, left)]


def _step(path: Path, feature: int, case: Cases, goes_left: Cases) -> tuple[Cases, Cases, Path]:
    """One node further: the cases of the left and of the right child, and their path."""
    if feature not in path:
        left = case | goes_left << np.uint16(len(path))
        return left, left ^ np.uint16(1 << len(path)), (*path, feature)
    bit = path.index(feature)
    left = goes_left << np.uint16(bit)
    return case & (left | np.uint16(0xFFFF ^ 1 << bit)), case & ~left, path


@dataclass(frozen=True)
class _Rows:
    """LightGBM's decisions about some rows: `columns`, (n_features, n_rows), some of them unknown
    in `missing`.
    """

    tree: LightgbmTree
    columns: Floats
    missing: Integers

    def __call__(self, node: int) -> Cases:
        """1 where a row goes left, with LightGBM's three readings of a missing value."""
        tree, feature = self.tree, self.tree.feature[node]
        values, threshold, kind = self.columns[feature], tree.threshold[node], tree.missing[node]
        goes_left = values <= threshold
        if feature in self.missing:
            goes_left[np.isnan(values)] = (
                tree.default_left[node] if kind == NAN_IS_MISSING else threshold >= 0
            )
        if kind == ZERO_IS_MISSING:
            goes_left[np.isnan(values) | (np.abs(values) <= NEARLY_ZERO)] = tree.default_left[node]
        cases: Cases = goes_left.astype(np.uint16)
        return cases


def _inner_nodes(tree: LightgbmTree) -> dict[int, Path]:
    """Inner node -> the inner nodes of its subtree, itself first."""
    inner: dict[int, Path] = {}
    # LightGBM numbers a node when it splits it, so children come after their parent.
    for node in range(len(tree.feature) - 1, -1, -1):
        inner[node] = (
            node,
            *inner.get(int(tree.left[node]), ()),
            *inner.get(int(tree.right[node]), ()),
        )
    return inner


def _leaves(tree: LightgbmTree) -> dict[int, Floats]:
    """Leaf -> (2^d, n_tree_features): what each feature adds in each case of its path."""
    paths = dict(_paths(tree))
    tables: dict[int, Floats] = {}
    for size in {len(shares) for shares in paths.values()}:
        # Leaves of equally long paths are worked out together.
        group = [leaf for leaf, shares in paths.items() if len(shares) == size]
        values = _shapley(
            np.array([list(paths[leaf].values()) for leaf in group]),
            tree.value[[~leaf for leaf in group]],
        )
        place = np.array([list(paths[leaf]) for leaf in group])[:, :, None] == tree.features
        spread = values.transpose(0, 2, 1) @ place.astype(np.float64)
        tables.update(zip(group, spread, strict=True))
    return tables


def _paths(tree: LightgbmTree) -> Iterator[tuple[int, dict[int, float]]]:
    """Each leaf with the features on its path, in order of appearance, and the share of rows that
    satisfies each.
    """
    stack: list[tuple[int, dict[int, float]]] = [(tree.root, {})]
    while stack:
        node, shares = stack.pop()
        if node < 0:
            yield node, shares
            continue
        feature = int(tree.feature[node])
        for child in (int(tree.left[node]), int(tree.right[node])):
            stack.append(
                (child, {**shares, feature: shares.get(feature, 1.0) * tree.share(node, child)})
            )


def _shapley(shares: Floats, values: Floats) -> Floats:
    """Shapley values of leaves with d features each, for every case: (n_leaves, d, 2^d) from
    (n_leaves, d).
    """
    n_leaves, size = shares.shape
    nodes, weights = _quadrature((size + 1) // 2)
    off = (1 - nodes) * shares[:, :, None]
    product = np.empty((n_leaves, len(nodes), 2**size))
    product[:, :, 0] = values[:, None] * weights
    for i in range(size):
        without, with_it = product[:, :, : 2**i], product[:, :, 2**i : 2 ** (i + 1)]
        np.multiply(without, (nodes + off[:, i])[:, :, None], out=with_it)
        without *= off[:, i, :, None]
    integrals: Floats = (1 / off) @ product
    for i in range(size):
        # The integral leaves feature i out: the cases with and without it share the one in which it
        # is off.
        halves = integrals[:, i].reshape(n_leaves, 2 ** (size - 1 - i), 2, 2**i)
        np.multiply(halves[:, :, 0], (1 - shares[:, i])[:, None, None], out=halves[:, :, 1])
        halves[:, :, 0] *= -shares[:, i, None, None]
    return integrals


@cache
def _quadrature(n: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on 0..1."""
    nodes, weights = np.polynomial.legendre.leggauss(max(n, 1))
    return (nodes + 1) / 2, weights / 2
