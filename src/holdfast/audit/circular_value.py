"""Circular value: is the value label a formula of at most two columns?

Every product, quotient and sum of two transformed columns is tried by linear regression, all at once. Where none fits,
boosted trees on the best pair tell whether there is a formula that was not thought of.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

NEARLY_EXACT = 0.999
"""R2 of a formula with two free constants."""
NEARLY_A_FUNCTION = 0.98
"""R2 of boosted trees, which follow a function only in steps, on customers they have not seen."""
_FORMULA_ROWS, _BOOSTED_ROWS = 2_000, 5_000
_LEAST_ROWS = 50
_MOST_MISSING = 0.05


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What gives a label: the columns, and a sentence whose subject is the label."""

    columns: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class _Term:
    """A transformed column."""

    column: str
    text: str
    values: Floats


def value_rule(columns: pl.DataFrame, value: pl.Series, rng: np.random.Generator) -> Rule | None:
    """Find the formula behind `value`.

    Parameters
    ----------
    columns
        Numbers only, missing as NaN.
    """
    dense = [name for name in columns.columns if columns[name].is_nan().mean() <= _MOST_MISSING]  # type: ignore[operator]
    matrix = columns.select(dense).to_numpy()
    target = value.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    rows = rng.permutation(np.flatnonzero(np.isfinite(target) & np.isfinite(matrix).all(axis=1)))
    if len(rows) < _LEAST_ROWS or not dense or np.ptp(target[rows]) == 0:
        return None
    few = rows[:_FORMULA_ROWS]
    exact = _formula(_terms(dense, matrix[few]), target[few])
    return exact or _boosted(dense, matrix[rows[:_BOOSTED_ROWS]], target[rows[:_BOOSTED_ROWS]])


def _terms(names: list[str], matrix: Floats) -> list[_Term]:
    """Each column under each transformation that is defined for it and does not make it constant."""
    found = []
    for name, x in zip(names, matrix.T, strict=True):
        shapes = {name: x, f"{name}^2": x**2}
        if x.min() >= 0:
            shapes |= {f"ln(1 + {name})": np.log1p(x), f"sqrt({name})": np.sqrt(x), f"1 / (1 + {name})": 1 / (1 + x)}
        if x.min() > 0:
            shapes |= {f"ln({name})": np.log(x), f"1 / {name}": 1 / x}
        found += [_Term(name, text, values) for text, values in shapes.items() if np.ptp(values) > 0]
    return found


def _formula(terms: list[_Term], target: Floats) -> Rule | None:
    """The best of a * f(x), a * f(x) * g(y) and a * f(x) + b * g(y), each plus a constant."""
    candidates = [_single(terms, target), _product(terms, target), _sum(terms, target)]
    r2, used, text = max(candidates, key=lambda candidate: round(candidate[0], 9))
    if r2 < NEARLY_EXACT:
        return None
    names = tuple(dict.fromkeys(term.column for term in used))
    return Rule(columns=names, sentence=f"is {text} (R2 {min(r2, 1.0):.5f})")


def _standard(values: Floats) -> Floats:
    centred = values - values.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    standard: Floats = np.divide(centred, size, out=np.zeros_like(centred), where=size > 0)
    return standard


def _single(terms: list[_Term], target: Floats) -> tuple[float, tuple[_Term, ...], str]:
    r2 = (_standard(target) @ _standard(np.column_stack([term.values for term in terms]))) ** 2
    best = terms[int(np.argmax(r2))]
    return float(r2.max()), (best,), _line(best.text, best.values, target)


def _product(terms: list[_Term], target: Floats) -> tuple[float, tuple[_Term, ...], str]:
    matrix, goal = np.column_stack([term.values for term in terms]), _standard(target)
    best, pair = -1.0, (0, 0)
    for i in range(len(terms)):
        r2 = (goal @ _standard(matrix[:, i : i + 1] * matrix[:, i:])) ** 2
        if r2.max() > best + 1e-12:
            best, pair = float(r2.max()), (i, i + int(np.argmax(r2)))
    one, other = sorted((terms[pair[0]], terms[pair[1]]), key=lambda term: len(term.text))
    return best, (one, other), _line(f"{one.text} * {other.text}", one.values * other.values, target)


def _sum(terms: list[_Term], target: Floats) -> tuple[float, tuple[_Term, ...], str]:
    standard, goal = _standard(np.column_stack([term.values for term in terms])), _standard(target)
    alone, between = goal @ standard, standard.T @ standard
    rest = 1 - between**2
    # R2 of two regressors from the three correlations; where they are nearly one, the pair says nothing new.
    joint = alone[:, None] ** 2 + alone**2 - 2 * np.outer(alone, alone) * between
    r2 = np.divide(joint, rest, out=np.zeros_like(rest), where=rest > 1e-6)
    i, j = np.unravel_index(int(np.argmax(r2)), r2.shape)
    one, other = terms[i], terms[j]
    design = np.column_stack([one.values, other.values, np.ones(len(target))])
    (a, b, constant), *_ = np.linalg.lstsq(design, target, rcond=None)
    second = f"{'-' if b < 0 else '+'} {_factor(abs(b))}{other.text}"
    text = f"{_factor(a)}{one.text} {second}{_constant(constant, target)}"
    return float(r2[i, j]), (one, other), text


def _line(text: str, values: Floats, target: Floats) -> str:
    slope, constant = np.polyfit(values, target, 1)
    return f"{_factor(slope)}{text}{_constant(constant, target)}"


def _factor(slope: float) -> str:
    return "" if abs(slope - 1) < 1e-6 else f"{slope:.4g} * "


def _constant(constant: float, target: Floats) -> str:
    if abs(constant) < 1e-6 * np.ptp(target):
        return ""
    return f" {'-' if constant < 0 else '+'} {abs(constant):.4g}"


def _boosted(names: list[str], matrix: Floats, target: Floats) -> Rule | None:
    """Boosted trees on each column, then on the best one with each other."""
    half = len(target) // 2
    alone = {(i,): _boosted_r2(matrix[:, [i]], target, half) for i in range(len(names))}
    (best,) = max(alone, key=lambda chosen: alone[chosen])
    pairs = {(best, j): _boosted_r2(matrix[:, [best, j]], target, half) for j in range(len(names)) if j != best}
    r2 = alone | pairs
    chosen = max(r2, key=lambda c: (r2[c] >= NEARLY_A_FUNCTION, -len(c) if r2[c] >= NEARLY_A_FUNCTION else 0, r2[c]))
    if r2[chosen] < NEARLY_A_FUNCTION:
        return None
    found = tuple(names[i] for i in chosen)
    return Rule(
        columns=found, sentence=f"is a function of {' and '.join(found)}: boosted trees reach R2 {r2[chosen]:.4f}"
    )


def _boosted_r2(matrix: Floats, target: Floats, half: int) -> float:
    from lightgbm import LGBMRegressor

    # Ranks keep one rich customer from deciding.
    goal = np.argsort(np.argsort(target)).astype(np.float64)
    model = LGBMRegressor(n_estimators=60, random_state=0, n_jobs=1, verbosity=-1)
    guess = model.fit(matrix[:half], goal[:half]).predict(matrix[half:])
    return 1 - float(((goal[half:] - guess) ** 2).sum() / ((goal[half:] - goal[half:].mean()) ** 2).sum())
