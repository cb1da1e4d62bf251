"""Promotions: what the days of a planned sale should bring beside days without one.

The effect of a promotion is the ratio of what customers who had bought before did in its days to
what the same weekdays of the four weeks on either side suggest. How far stretches of days without
any promotion stray from their own surroundings shows what such a ratio is worth; the mean of its
logarithms is then shrunk to none by the positive part of the James-Stein factor, 1 - 1/z^2 (Efron,
Morris 1973, "Stein's estimation rule and its competitors", equation 1.9 for one mean), where z is
the mean over its standard error.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.arrays import Vector
from holdfast.findings import Finding
from holdfast.study import Promotion

_AROUND_DAYS = 28  # decision 23
_WEEK_DAYS = 7
_LEAST_PLACEBOS = 10  # decision 23
_LIFT_LIMITS = (0.2, 10.0)  # decision 23
_MEASURES = ("purchases", "revenue")

Days = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Lifts:
    """The factors of the days of promotions, for one measure.

    Attributes
    ----------
    windows
        (first day, first day after it, factor) of each occurrence, past and planned; they do not
        overlap.
    """

    windows: tuple[tuple[int, int, float], ...] = ()

    def of(self, days: Days) -> Vector:
        """The factor of each day, as many; 1 where there is no promotion."""
        factor = np.ones(len(days))
        for first, end, lift in self.windows:
            factor[(first <= days) & (days < end)] = lift
        return factor

    def over(self, start: npt.ArrayLike, n_days: npt.ArrayLike) -> Vector:
        """The mean factor of the n_days from each start on; as many as there are starts.

        >>> Lifts(((10, 13, 3.0),)).over([0, 11], 10)
        array([1. , 1.4])
        """
        start, length = np.asarray(start, dtype=np.float64), np.asarray(n_days, dtype=np.float64)
        more = np.zeros(np.broadcast(start, length).shape)
        for first, end, lift in self.windows:
            more += (lift - 1) * np.maximum(
                np.minimum(start + length, end) - np.maximum(start, first), 0
            )
        return np.asarray(1 + more / length)


NO_LIFTS = Lifts()


@dataclass(frozen=True)
class Promotions:
    """What is known of a study's promotions at one time.

    Attributes
    ----------
    purchases, revenue
        Of customers who have bought before.
    """

    purchases: Lifts = NO_LIFTS
    revenue: Lifts = NO_LIFTS
    findings: tuple[Finding, ...] = ()


NO_PROMOTIONS = Promotions()


def learn_promotions(
    planned: Sequence[Promotion], purchases: pl.DataFrame, *, first_day: int, now: int
) -> Promotions:
    """Learn from the days before `now`; days from then on are known as planned, their effect is
    not.

    Parameters
    ----------
    purchases
        customer_id, day, net (currency), one row per customer and day of purchase.
    first_day
        First day of the log.
    """
    if not planned:
        return NO_PROMOTIONS
    seen = purchases.filter(pl.col("day") < now)
    again = seen.filter(pl.col("day") > pl.col("day").min().over("customer_id"))
    place = again["day"].cast(pl.Int64).to_numpy() - first_day
    weights = {"purchases": np.ones(again.height), "revenue": again["net"].to_numpy()}
    by_day = {
        measure: np.bincount(place, weight, now - first_day).astype(np.float64)
        for measure, weight in weights.items()
    }
    logs = {measure: _Log(amount, first_day, planned) for measure, amount in by_day.items()}
    names = dict.fromkeys(promotion.name for promotion in planned)
    lifts = {measure: {name: log.lift(name) for name in names} for measure, log in logs.items()}
    by_measure = {
        measure: Lifts(tuple((p.first, p.end, by_name[p.name] or 1.0) for p in planned))
        for measure, by_name in lifts.items()
    }
    findings = tuple(_findings(planned, lifts, logs["purchases"], now=now))
    return Promotions(**by_measure, findings=findings)


@dataclass(frozen=True)
class _Log:
    """One measure, day by day from the log's first day on, beside the promotions."""

    amount: Vector
    first_day: int
    planned: Sequence[Promotion]

    @property
    def quiet(self) -> Mask:
        """Whether a day of the log has no promotion."""
        quiet = np.ones(len(self.amount), dtype=bool)
        for promotion in self.planned:
            quiet[self._inside(promotion)] = False
        return quiet

    def _inside(self, promotion: Promotion) -> slice:
        return slice(
            max(promotion.first - self.first_day, 0), max(promotion.end - self.first_day, 0)
        )

    def occurrences(self, name: str) -> list[tuple[int, int]]:
        """Where the promotion's days lie in the log, as far as they have been seen."""
        places = [self._inside(promotion) for promotion in self.planned if promotion.name == name]
        return [
            (p.start, min(p.stop, len(self.amount)))
            for p in places
            if p.start < min(p.stop, len(self.amount))
        ]

    def lift(self, name: str) -> float | None:
        """The factor of its days; None where nothing is known of it."""
        places, quiet = self.occurrences(name), self.quiet
        ratios = [
            ratio
            for start, stop in places
            if (ratio := self._ratio(start, stop, quiet)) is not None
        ]
        if not ratios:
            return None
        length = round(float(np.mean([stop - start for start, stop in places])))
        chance = self._chance(length, quiet)
        if chance is None:
            return None
        variance = max(chance, float(np.var(ratios, ddof=1)) if len(ratios) > 1 else 0.0) / len(
            ratios
        )
        mean = float(np.mean(ratios))
        kept = max(0.0, 1 - variance / mean**2) if mean else 0.0
        return float(np.clip(np.exp(kept * mean), *_LIFT_LIMITS))

    def _chance(self, length: int, quiet: Mask) -> float | None:
        """Mean square of the logarithms of the ratios of stretches so long without promotion; None
        if hardly any.
        """
        starts = range(0, len(self.amount) - length + 1, max(length // 2, 1))
        free = [start for start in starts if quiet[start : start + length].all()]
        ratios = [
            ratio
            for start in free
            if (ratio := self._ratio(start, start + length, quiet)) is not None
        ]
        return float(np.mean(np.square(ratios))) if len(ratios) >= _LEAST_PLACEBOS else None

    def _ratio(self, start: int, stop: int, quiet: Mask) -> float | None:
        """Logarithm of what the days brought over what the same weekdays around them suggest."""
        around = np.r_[
            max(start - _AROUND_DAYS, 0) : start, stop : min(stop + _AROUND_DAYS, len(self.amount))
        ]
        around = around[quiet[around]]
        days = np.bincount(around % _WEEK_DAYS, minlength=_WEEK_DAYS)
        if not (days > 0).all():
            return None
        usual = np.bincount(around % _WEEK_DAYS, self.amount[around], minlength=_WEEK_DAYS) / days
        suggested = float(usual[np.arange(start, stop) % _WEEK_DAYS].sum())
        brought = float(self.amount[start:stop].sum())
        return float(np.log(brought / suggested)) if min(brought, suggested) > 0 else None


def _findings(
    planned: Sequence[Promotion], lifts: dict[str, dict[str, float | None]], log: _Log, *, now: int
) -> Iterator[Finding]:
    coming = {promotion.name for promotion in planned if promotion.end > now}
    learnt = [name for name, lift in lifts["purchases"].items() if lift is not None]
    unknown = [name for name in lifts["purchases"] if name in coming and name not in learnt]
    if learnt:
        effects = "; ".join(_effect(name, lifts, log) for name in learnt)
        yield Finding.of("promotions-learnt", evidence=effects)
    if unknown:
        yield Finding.of("promotion-unknown", names=", ".join(unknown))


def _effect(name: str, lifts: dict[str, dict[str, float | None]], log: _Log) -> str:
    measures = [
        f"{lift:.2f} times the {measure}"
        for measure in _MEASURES
        if (lift := lifts[measure][name]) is not None
    ]
    return (
        f"{name}: {' and '.join(measures)} of the days around it, from "
        f"{len(log.occurrences(name))} in the log"
    )
