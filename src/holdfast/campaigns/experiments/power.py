"""Power: how many customers an experiment needs, found out on the study's own customers.

The last window that has passed is an experiment in which nothing was done. Customers are drawn from
it and split at random as planned, an effect is put on one arm, and the readout is asked: how often
does its interval hold the truth, how often does it lie wholly above it (an overclaim), how often is
the effect found? A formula would be off by 3 to 24 points for revenue, whose rare large orders it
does not know of.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.arrays import Floats, Vector
from holdfast.campaigns.experiments.effects import METHODS, Arm, compare
from holdfast.errors import InputError, NotEnoughData

MOST_OVERCLAIMS = 0.035
"""A method that lies wholly above the truth more often is not chosen; nominal is .025."""
POWER = 0.8
_FEWEST = 50
_CELLS = 4_000_000
"""Numbers held at once."""
_RESAMPLES, _RESAMPLE_DRAWS = 12, 150


@dataclass(frozen=True)
class Past:
    """The last window that has passed.

    Attributes
    ----------
    outcome
        What customers spent, the margin on it, or whether they bought (0 or 1), shape (n,).
    predicted
        Their value as predicted before that window, shape (n,).
    """

    outcome: Vector
    predicted: Vector

    def __post_init__(self) -> None:
        if len(self.outcome) < _FEWEST or not np.ptp(self.outcome) > 0:
            raise NotEnoughData(
                f"the past window holds {len(self.outcome)} customers, or all did the same",
                fix=f"take a window in which at least {_FEWEST} customers are known and some buy",
            )

    @property
    def is_rate(self) -> bool:
        """Whether the outcome is whether they bought."""
        return bool(np.isin(self.outcome, (0.0, 1.0)).all())


@dataclass(frozen=True, kw_only=True)
class Design:
    """An experiment to be.

    Attributes
    ----------
    effect
        Relative: 0.1 is a tenth more, on everyone's spending or on the share of buyers.
    size
        Customers, both arms together.
    holdout_share
        Of them, not contacted.
    """

    effect: float
    size: int
    holdout_share: float

    def __post_init__(self) -> None:
        held_out = round(self.size * self.holdout_share)
        if not 2 <= held_out <= self.size - 2:
            raise InputError(
                f"{held_out} of {self.size} customers would be held out",
                fix="choose a share, or a size, that leaves at least 2 customers in each arm",
            )

    @property
    def n_contacted(self) -> int:
        """Customers contacted."""
        return self.size - round(self.size * self.holdout_share)


def audit(past: Past, design: Design, *, draws: int = 1_000, seed: int = 42) -> pl.DataFrame:
    """What each method of readout would do on these customers.

    Returns
    -------
    polars.DataFrame
        method, coverage (of a 95 % interval), overclaims, power (effect found, on the right side),
        width (mean, in the outcome's unit), chosen: the narrowest of those that overclaim in at
        most 3.5 % of draws, or the one that overclaims least.
    """
    truth = design.effect * float(past.outcome.mean())
    parts: dict[str, list[Floats]] = {name: [] for name in METHODS}
    for treated, control in _draw_arms(past, design, draws, seed):
        for name, how in METHODS.items():
            low, high = compare(treated, control, **how).interval()
            parts[name].append(np.array([low, high]))
    rows = []
    for name, each in parts.items():
        low, high = np.concatenate(each, axis=1)
        rows.append({
            "method": name,
            "coverage": float(((low <= truth) & (truth <= high)).mean()),
            "overclaims": float((low > truth).mean()),
            "power": float(((low > 0) if design.effect >= 0 else (high < 0)).mean()),
            "width": float((high - low).mean()),
        })  # fmt: skip
    table = pl.DataFrame(rows)
    return table.with_columns(chosen=pl.col("method") == _choose(table))


def _choose(table: pl.DataFrame) -> str:
    honest = table.filter(pl.col("overclaims") <= MOST_OVERCLAIMS).sort("width")
    chosen = honest if honest.height else table.sort("overclaims")
    return str(chosen["method"][0])


def _draw_arms(past: Past, design: Design, draws: int, seed: int) -> Iterator[tuple[Arm, Arm]]:
    """Arms of many draws at once."""
    rng = np.random.default_rng(seed)
    outcome, shift = past.outcome - past.outcome.mean(), float(past.outcome.mean())
    predicted = past.predicted - past.predicted.mean()
    at_once = max(1, _CELLS // max(design.size, len(outcome)))
    while draws > 0:
        n = min(at_once, draws)
        who = _draw(rng, len(outcome), (n, design.size))
        y, x = outcome[who], predicted[who]
        cut = design.n_contacted
        more = _lift(rng, past, design.effect, y[:, :cut] + shift)
        yield _sum_up(y[:, :cut] + more, x[:, :cut]), _sum_up(y[:, cut:], x[:, cut:])
        draws -= n


def _draw(
    rng: np.random.Generator, n: int, shape: tuple[int, int]
) -> npt.NDArray[np.int32 | np.int64]:
    """Customers of each draw in random order: all or a part, repeated only where they do not do."""
    if shape[1] > n or shape[1] < n // 10:
        return rng.integers(0, n, shape)
    order = np.broadcast_to(np.arange(n, dtype=np.int32), (shape[0], n))
    return rng.permuted(order, axis=1)[:, : shape[1]]


def _lift(rng: np.random.Generator, past: Past, effect: float, outcome: Floats) -> Floats:
    """What the effect adds to each outcome."""
    if not past.is_rate:
        return np.asarray(effect * outcome)
    rate = float(past.outcome.mean())
    change = abs(effect) * rate / ((1 - rate) if effect > 0 else rate)
    if change > 1:
        raise InputError(
            f"a rate of {rate:.0%} cannot rise by {effect:.0%}", fix="ask for a smaller effect"
        )
    turned = rng.random(outcome.shape) < change
    return np.where(turned & ((outcome < 0.5) == (effect > 0)), np.sign(effect), 0.0)


def _sum_up(y: Floats, x: Floats) -> Arm:
    n = y.shape[1]
    mean_y, mean_x = y.mean(axis=1), x.mean(axis=1)
    products = [np.einsum("ij,ij->i", a, b) for a, b in ((y, y), (x, x), (y, x))]
    means = (mean_y**2, mean_x**2, mean_y * mean_x)
    plain = [(p - n * m) / (n - 1) for p, m in zip(products, means, strict=True)]
    return Arm(n, n, mean_y, mean_x, *plain, *plain)


@dataclass(frozen=True, kw_only=True)
class PowerCurve:
    """How power grows with size.

    Attributes
    ----------
    method
        Of the readout.
    curve
        size, power, low, high: the range in which 9 in 10 logs like this one would put the power.
    needed
        Customers for a power of 80 %; None where the largest size does not do.
    needed_range
        The same for logs like this one; its upper end is None where some would ask for more than
        the largest size.
    """

    method: str
    curve: pl.DataFrame
    needed: int | None
    needed_range: tuple[int | None, int | None]


def power_curve(
    past: Past, design: Design, sizes: Sequence[int], *, draws: int = 400, seed: int = 42
) -> PowerCurve:
    """Power by size, and the size that is needed.

    How large an order can be is itself known from few: so the same is done for resampled logs.

    Parameters
    ----------
    design
        The effect and the share held out; the readout is what suits its size best.
    sizes
        Customers, rising.
    """
    method = _choose(audit(past, design, draws=draws, seed=seed))
    best = _powers(past, design, sizes, method, draws, seed)
    rng = np.random.default_rng(seed + 1)
    others = [best]
    for number in range(_RESAMPLES):
        who = rng.integers(0, len(past.outcome), len(past.outcome))
        like = Past(past.outcome[who], past.predicted[who])
        others.append(_powers(like, design, sizes, method, _RESAMPLE_DRAWS, seed + 2 + number))
    # A further log lies between the ends of twelve, and the estimate, in 12 of 14 cases.
    low, high = np.array(others).min(axis=0), np.array(others).max(axis=0)
    needs = [needed_size(sizes, each) for each in others]
    curve = pl.DataFrame({"size": sizes, "power": best, "low": low, "high": high})
    return PowerCurve(
        method=method,
        curve=curve,
        needed=needed_size(sizes, best),
        needed_range=_range_of(needs),
    )


def _powers(
    past: Past, design: Design, sizes: Sequence[int], method: str, draws: int, seed: int
) -> Vector:
    powers = []
    for size in sizes:
        hits: list[Any] = []
        for treated, control in _draw_arms(past, replace(design, size=size), draws, seed):
            low, high = compare(treated, control, **METHODS[method]).interval()
            hits.append(low > 0 if design.effect >= 0 else high < 0)
        powers.append(float(np.concatenate(hits).mean()))
    return np.array(powers)


def needed_size(sizes: Sequence[int], powers: Vector, *, power: float = POWER) -> int | None:
    """Where the curve first reaches a power, between two sizes by the logarithm; None: nowhere.

    >>> needed_size([1_000, 4_000], np.array([0.6, 1.0]))
    2000
    """
    reached = np.flatnonzero(np.asarray(powers) >= power)
    if not len(reached):
        return None
    at = int(reached[0])
    if at == 0:
        return int(sizes[0])
    share = (power - powers[at - 1]) / (powers[at] - powers[at - 1])
    log = np.log(sizes[at - 1]) + share * (np.log(sizes[at]) - np.log(sizes[at - 1]))
    return round(float(np.exp(log)))


def _range_of(needs: Sequence[int | None]) -> tuple[int | None, int | None]:
    filled = [np.inf if need is None else need for need in needs]
    low, high = min(filled), max(filled)
    return (
        int(low) if np.isfinite(low) else None,
        int(high) if np.isfinite(high) else None,
    )
