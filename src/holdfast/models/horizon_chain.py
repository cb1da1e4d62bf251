"""Horizon chain: a prediction for every horizon, none of which can contradict another.

Each task's own horizon is learnt directly. The others are linked to it, one to the next, by what is
conditional on it, so that P(silent) cannot rise and revenue cannot shrink as the horizon grows,
whatever is predicted:

    shorter   P(buys in h) = P(buys in H) x P(buys in h | buys in H)
              revenue(h) = revenue(H) x share of h in H
    longer    P(silent to H') = P(silent to H) x P(silent to H' | silent to H), a discrete-time
              hazard (Singer, Willett 1993, "It's About Time", equation 4)
              revenue(H') = revenue(H) / share of H in H'

Where no window of the longer horizon has ended, both are extrapolated by (h / H)^exponent, read off
shorter windows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Vector
from holdfast.learners.algorithms import Learner
from holdfast.learners.parts import Part, Saved
from holdfast.models.churn import ChurnModel
from holdfast.models.level_adjustment import find_factor, find_power, move_towards
from holdfast.models.prediction_intervals import BOUNDS, Intervals
from holdfast.models.value import ValueModel

LEAST_SHARE = 0.02  # decision 13
_CERTAIN = 1e-12


@dataclass(frozen=True)
class HorizonLink(Saved):
    """One horizon, linked to the next one towards the task's own.

    Attributes
    ----------
    short, long
        The two horizons, days; one of them is the link's own, the other is predicted before it.
    learner
        The conditional chance, or the share over what is usual; None where it is extrapolated.
    usual
        The share of the company's revenue that the short window will hold of the long one's; of an
        extrapolated one and of silence, what promotions and the level make of it: 1 without any.
    exponent
        For the extrapolation.
    """

    FILE = "rung.json"
    short: int
    long: int
    learner: Annotated[Learner | None, Part()] = None
    usual: float = 1.0
    exponent: float = 1.0

    @property
    def stretch(self) -> float:
        """(short / long)^exponent."""
        return float((self.short / self.long) ** self.exponent)

    def neighbour(self, days: int) -> int:
        """The horizon to which this link's own, `days`, is linked."""
        return self.long if days == self.short else self.short

    def chance(self, matrix: Matrix) -> Vector | None:
        """What was learnt of each customer, (n_customers,); None where nothing was."""
        return self.learner.predict(matrix) if self.learner is not None else None

    def silent(self, neighbour: Vector, chance: Vector | None, *, shorter: bool) -> Vector:
        """P(no purchase) over its own horizon, given that over the neighbour's, (n_customers,)."""
        if chance is None:
            return np.asarray(neighbour ** (self.stretch if shorter else 1 / self.stretch))
        if shorter:
            return np.asarray(1 - (1 - neighbour) * np.minimum(chance * self.usual, 1))
        return np.asarray(neighbour * chance**self.usual)

    def at_level(
        self,
        neighbour: Vector,
        chance: Vector | None,
        silence: Mapping[int, float],
        *,
        shorter: bool,
    ) -> "HorizonLink":
        """The link most of the way to what the BTYD models expect of the two horizons, given one
        another.

        Parameters
        ----------
        silence
            Horizon -> the share of the customers that they expect not to buy.
        """
        short, long = silence[self.short], silence[self.long]
        if shorter:
            share = 1 - float((1 - neighbour).mean()) * (1 - short) / max(1 - long, _CERTAIN)
        else:
            share = float(neighbour.mean()) * long / max(short, _CERTAIN)
        if chance is None:
            power = move_towards(
                self.stretch if shorter else 1 / self.stretch, find_power(neighbour, share)
            )
            within = min(power, 1.0) if shorter else max(power, 1.0)
            exponent = abs(float(np.log(within) / np.log(self.short / self.long)))
            return replace(self, exponent=exponent)

        def mean(factor: float) -> float:
            adjusted = replace(self, usual=factor)
            return float(adjusted.silent(neighbour, chance, shorter=shorter).mean())

        return replace(self, usual=move_towards(self.usual, find_factor(mean, share)))


@dataclass(frozen=True)
class HorizonModel(Saved):
    """What the other horizons add to the models of churn and value.

    Attributes
    ----------
    silence, revenue
        Links by horizon.
    """

    silence: Annotated[Mapping[int, HorizonLink], Part("silence-")]
    revenue: Annotated[Mapping[int, HorizonLink], Part("revenue-")]

    def silent(
        self, churn: ChurnModel, frame: pl.DataFrame, probability: Vector
    ) -> dict[int, Vector]:
        """P(no purchase) over each horizon; `probability` is the churn model's own.

        The learnt member is linked from horizon to horizon, and pooled with the BTYD models' at
        each.
        """
        assert churn.horizon_days is not None
        matrix = churn.design.matrix(frame)
        start = probability if churn.is_alone else churn.predict_learnt(frame)
        learnt = {churn.horizon_days: start}
        for days, link in _outwards(self.silence):
            neighbour = learnt[link.neighbour(days)]
            learnt[days] = link.silent(neighbour, link.chance(matrix), shorter=days == link.short)
        pooled = {days: churn.pool(each, frame, days) for days, each in learnt.items()}
        return {**pooled, churn.horizon_days: probability}

    def at_level(
        self, churn: ChurnModel, frame: pl.DataFrame, silence: Mapping[int, float]
    ) -> "HorizonModel":
        """The same order of customers over each horizon, most of the way to the level that the BTYD
        models expect.

        Parameters
        ----------
        churn
            At that level already.
        silence
            Horizon -> the share of the customers in `frame` that they expect not to buy.
        """
        assert churn.horizon_days is not None
        matrix, links = churn.design.matrix(frame), {}
        silent = {churn.horizon_days: churn.predict_learnt(frame)}
        for days, link in _outwards(self.silence):
            shorter, chance = days == link.short, link.chance(matrix)
            neighbour = silent[link.neighbour(days)]
            links[days] = link.at_level(neighbour, chance, silence, shorter=shorter)
            silent[days] = links[days].silent(neighbour, chance, shorter=shorter)
        return replace(self, silence=links)

    def predict_revenue(
        self, value: ValueModel, frame: pl.DataFrame, expected: Vector
    ) -> dict[int, Vector]:
        """Expected revenue over each horizon, currency; `expected` is the value model's own."""
        assert value.horizon_days is not None
        learnt = value.predict_learnt(frame)
        earned, matrix = {value.horizon_days: learnt}, np.empty((frame.height, 0))
        if any(link.learner for link in self.revenue.values()):
            matrix = value.spend_inputs(frame, learnt).matrix
        of_own = {value.horizon_days: np.ones(frame.height)}
        for days, link in _outwards(self.revenue):
            share = np.full(frame.height, min(link.usual * link.stretch, 1.0))
            if link.learner is not None:
                share = np.clip(link.usual * link.learner.predict(matrix), LEAST_SHARE, 1.0)
            for chain in (earned, of_own):
                neighbour = chain[link.neighbour(days)]
                chain[days] = neighbour * share if days == link.short else neighbour / share
        pooled = {
            days: value.pool(each, frame, days, share=of_own[days]) for days, each in earned.items()
        }
        return {**pooled, value.horizon_days: expected}

    def intervals_of(
        self,
        value: ValueModel,
        frame: pl.DataFrame,
        silent: Mapping[int, Vector],
        earned: Mapping[int, Vector],
    ) -> dict[int, Intervals]:
        """Median and intervals over each horizon; none where they are not known."""
        assert value.horizon_days is not None
        by_horizon = {}
        for days, mean in earned.items():
            # Of its own horizon the model has a P(buys) of its own.
            buys = None if days == value.horizon_days else 1 - silent[days]
            intervals = value.intervals_of(frame, mean, buys)
            if intervals is None:
                return {}
            by_horizon[days] = intervals
        return _nest(by_horizon, value.horizon_days)


def expected_purchases(
    silent: Mapping[int, Vector], counted: Mapping[int, tuple[Vector, Vector]]
) -> dict[int, Vector]:
    """P(buys) x E[purchases | buys] over each horizon: what is expected can never be less than the
    chance of one.

    Parameters
    ----------
    silent
        Horizon -> P(no purchase), by the churn model.
    counted
        Horizon -> expected purchases and P(no purchase), by the count model; its ratio is the mean
        of those who buy.

    >>> silent, counted = {30: np.array([0.5])}, {30: (np.array([1.2]), np.array([0.4]))}
    >>> expected_purchases(silent, counted)[30]
    array([1.])
    """
    purchases: dict[int, Vector] = {}
    before = np.zeros(1)
    for days in sorted(silent):
        expected, none = counted[days]
        each = np.maximum(expected / np.maximum(1 - none, _CERTAIN), 1.0)
        before = purchases[days] = np.maximum((1 - silent[days]) * each, before)
    return purchases


def waiting_days(silent: Mapping[int, Vector]) -> Vector:
    """Days until a purchase is more likely than not, (n_customers,); NaN beyond the longest
    horizon.

    Between two horizons silence is taken to fade at a constant rate.

    >>> waiting_days({30: np.array([0.8, 0.25]), 90: np.array([0.6, 0.2])})
    array([nan, 15.])
    """
    knots = sorted(silent)
    logs = np.column_stack(
        [np.zeros_like(silent[knots[0]]), *(np.log(np.maximum(silent[d], _CERTAIN)) for d in knots)]
    )
    days, half = np.array([0, *knots]), np.log(0.5)
    after = np.minimum((logs > half).sum(axis=1), len(knots))
    row = np.arange(len(logs))
    high, low = logs[row, after - 1], logs[row, after]
    waited = days[after - 1] + (days[after] - days[after - 1]) * (high - half) / np.maximum(
        high - low, _CERTAIN
    )
    return np.where(logs[:, -1] > half, np.nan, waited)


def _outwards(links: Mapping[int, HorizonLink]) -> list[tuple[int, HorizonLink]]:
    """The order in which each link finds its neighbour predicted: shorter horizons downwards,
    longer ones upwards.
    """
    rising = sorted(links.items())
    shorter = [(days, link) for days, link in reversed(rising) if days == link.short]
    return [*shorter, *((days, link) for days, link in rising if days == link.long)]


def _nest(by_horizon: Mapping[int, Intervals], task_days: int) -> dict[int, Intervals]:
    """No bound of a longer window lies below that of a shorter one; the task's own horizon stays as
    it is.
    """
    nested = {task_days: by_horizon[task_days]}
    for days in sorted(days for days in by_horizon if days > task_days):
        nested[days] = _combine(np.maximum, by_horizon[days], nested[max(nested)])
    for days in sorted((days for days in by_horizon if days < task_days), reverse=True):
        nested[days] = _combine(np.minimum, by_horizon[days], nested[min(nested)])
    return nested


def _combine(
    choose: Callable[[Vector, Vector], Vector], one: Intervals, other: Intervals
) -> Intervals:
    return Intervals(**{name: choose(getattr(one, name), getattr(other, name)) for name in BOUNDS})
