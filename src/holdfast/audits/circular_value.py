"""Circular value: is the value label a formula of at most two columns?

Every product, quotient and sum of two transformed columns is tried by linear regression, all at
once. Where none fits, boosted trees on the best pair tell whether there is a formula that was not
thought of.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast import metrics
from holdfast.arrays import Floats, Integers

Shape = Callable[[Floats], Floats]

NEARLY_EXACT = 0.999
"""R2 of a formula with two free constants."""
NEARLY_A_FUNCTION = 0.98
"""R2 of boosted trees, which follow a function only in steps, on customers they have not seen."""
_FORMULA_ROWS, _BOOSTED_ROWS = 2_000, 5_000
_LEAST_ROWS = 50
_MOST_MISSING = 0.05
_NO_CONSTANT = 1e-6


@dataclass(frozen=True)
class Rule:
    """What gives a label: the columns, and a sentence whose subject is the label."""

    columns: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class Formula(Rule):
    """A rule in closed form.

    Attributes
    ----------
    r2
        On the rows that it was found on.
    predicted
        What it gives for every row, (n_rows,).
    """

    r2: float
    predicted: Floats


@dataclass(frozen=True)
class _Term:
    """A transformed column."""

    column: str
    text: str
    values: Floats
    shape: Shape


@dataclass(frozen=True)
class _Fit:
    """The best of one kind of formula: its one or two terms, multiplied or added."""

    r2: float
    terms: tuple[_Term, ...]
    is_product: bool = False


def find_value_rule(
    columns: pl.DataFrame, value: pl.Series, rng: np.random.Generator
) -> Rule | None:
    """Find the formula behind `value`.

    Parameters
    ----------
    columns
        Numbers only, missing as NaN.
    """
    missing = columns.select(pl.all().is_nan().mean()).row(0, named=True)
    dense = [name for name, share in missing.items() if share <= _MOST_MISSING]
    matrix = columns.select(dense).to_numpy()
    target = value.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    rows = rng.permutation(np.flatnonzero(np.isfinite(target) & np.isfinite(matrix).all(axis=1)))
    if len(rows) < _LEAST_ROWS or not dense or np.ptp(target[rows]) == 0:
        return None
    exact = find_formula(dense, matrix, target, rows=rows[:_FORMULA_ROWS], least=NEARLY_EXACT)
    return exact or _find_function(
        dense, matrix[rows[:_BOOSTED_ROWS]], target[rows[:_BOOSTED_ROWS]]
    )


def find_formula(
    names: Sequence[str], matrix: Floats, target: Floats, *, rows: Integers, least: float
) -> Formula | None:
    """Find the best of a * f(x), a * f(x) * g(y) and a * f(x) + b * g(y), each plus a constant.

    Parameters
    ----------
    names, matrix
        Columns, (n_rows, n_names).
    target
        What they may give, (n_rows,).
    rows
        Where it is sought; nothing is missing there.
    least
        R2 below which nothing was found.
    """
    terms, goal = _terms(names, matrix[rows]), target[rows]
    if not terms:
        return None
    best = max(
        (_single(terms, goal), _product(terms, goal), _sum(terms, goal)),
        key=lambda fit: round(fit.r2, 9),
    )
    if best.r2 < least:
        return None
    place = {name: i for i, name in enumerate(names)}
    # Where a row has nothing, or less than any row that the formula was found on, it gives nothing.
    with np.errstate(all="ignore"):
        factors = [term.shape(matrix[:, place[term.column]]) for term in best.terms]
        if best.is_product:
            factors = [factors[0] * factors[1]]
    texts = [term.text for term in best.terms]
    if best.is_product:
        texts = [" * ".join(texts)]
    design = np.column_stack([*factors, np.ones(len(target))])
    solved, *_ = np.linalg.lstsq(design[rows], goal, rcond=None)
    text, r2 = _write(texts, solved.tolist(), float(np.ptp(goal))), min(best.r2, 1.0)
    return Formula(
        columns=tuple(dict.fromkeys(term.column for term in best.terms)),
        sentence=f"is {text} (R2 {r2:.5f})",
        r2=r2,
        predicted=design @ solved,
    )


def _write(texts: Sequence[str], solved: Sequence[float], spread: float) -> str:
    """A formula in words: terms with their factors, and a constant where it is one."""
    *factors, constant = solved
    formula = f"{_factor(factors[0])}{texts[0]}"
    for text, factor in zip(texts[1:], factors[1:], strict=True):
        formula += f" {'-' if factor < 0 else '+'} {_factor(abs(factor))}{text}"
    if abs(constant) < _NO_CONSTANT * spread:
        return formula
    return f"{formula} {'-' if constant < 0 else '+'} {abs(constant):.4g}"


def _factor(factor: float) -> str:
    return "" if abs(factor - 1) < _NO_CONSTANT else f"{factor:.4g} * "


def _terms(names: Sequence[str], matrix: Floats) -> list[_Term]:
    """Each column under each transformation that is defined for it and does not make it
    constant.
    """
    terms = []
    for name, x in zip(names, matrix.T, strict=True):
        shapes: dict[str, Shape] = {name: lambda x: x, f"{name}^2": np.square}
        if x.min() >= 0:
            shapes |= {
                f"ln(1 + {name})": np.log1p,
                f"sqrt({name})": np.sqrt,
                f"1 / (1 + {name})": _one_over_next,
            }
        if x.min() > 0:
            shapes |= {f"ln({name})": np.log, f"1 / {name}": np.reciprocal}
        tried = [_Term(name, text, shape(x), shape) for text, shape in shapes.items()]
        terms += [term for term in tried if np.ptp(term.values) > 0]
    return terms


def _one_over_next(x: Floats) -> Floats:
    return 1 / (1 + x)


def _standard(values: Floats) -> Floats:
    centred = values - values.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    standard: Floats = np.divide(centred, size, out=np.zeros_like(centred), where=size > 0)
    return standard


def _single(terms: list[_Term], target: Floats) -> _Fit:
    r2 = (_standard(target) @ _standard(np.column_stack([term.values for term in terms]))) ** 2
    return _Fit(float(r2.max()), (terms[int(np.argmax(r2))],))


def _product(terms: list[_Term], target: Floats) -> _Fit:
    matrix, goal = np.column_stack([term.values for term in terms]), _standard(target)
    best, pair = -1.0, (0, 0)
    for i in range(len(terms)):
        r2 = (goal @ _standard(matrix[:, i : i + 1] * matrix[:, i:])) ** 2
        if r2.max() > best + 1e-12:
            best, pair = float(r2.max()), (i, i + int(np.argmax(r2)))
    shortest_first = sorted((terms[i] for i in pair), key=lambda term: len(term.text))
    return _Fit(best, tuple(shortest_first), is_product=True)


def _sum(terms: list[_Term], target: Floats) -> _Fit:
    standard, goal = _standard(np.column_stack([term.values for term in terms])), _standard(target)
    alone, between = goal @ standard, standard.T @ standard
    rest = 1 - between**2
    # R2 of two regressors from the three correlations; where they are nearly one, the pair says
    # nothing new.
    joint = alone[:, None] ** 2 + alone**2 - 2 * np.outer(alone, alone) * between
    r2 = np.divide(joint, rest, out=np.zeros_like(rest), where=rest > 1e-6)
    i, j = np.unravel_index(int(np.argmax(r2)), r2.shape)
    return _Fit(float(r2[i, j]), (terms[i], terms[j]))


def _find_function(names: list[str], matrix: Floats, target: Floats) -> Rule | None:
    """Boosted trees on each column, then on the best one with each other."""
    half = len(target) // 2
    alone = {(i,): _boosted_r2(matrix[:, [i]], target, half) for i in range(len(names))}
    (best,) = max(alone, key=lambda chosen: alone[chosen])
    pairs = {
        (best, j): _boosted_r2(matrix[:, [best, j]], target, half)
        for j in range(len(names))
        if j != best
    }
    r2 = alone | pairs
    functions = [chosen for chosen in r2 if r2[chosen] >= NEARLY_A_FUNCTION]
    if not functions:
        return None
    chosen = max(functions, key=lambda each: (-len(each), r2[each]))
    columns = tuple(names[i] for i in chosen)
    return Rule(
        columns,
        f"is a function of {' and '.join(columns)}: boosted trees reach R2 {r2[chosen]:.4f}",
    )


def _boosted_r2(matrix: Floats, target: Floats, half: int) -> float:
    from lightgbm import LGBMRegressor

    # Ranks keep one rich customer from deciding.
    goal = np.argsort(np.argsort(target)).astype(np.float64)
    model = LGBMRegressor(n_estimators=60, random_state=0, n_jobs=1, verbosity=-1)
    guess = model.fit(matrix[:half], goal[:half]).predict(matrix[half:])
    return metrics.r2(goal[half:], np.asarray(guess))
