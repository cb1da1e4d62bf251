"""Segments: value tier x risk, by a rule that is learnt once from the customer base and published
with the run.

The tier boundaries, the scale of each risk signal and the table of risk scores within each tier are
frozen in a `SegmentRule`, so a customer who is scored alone gets exactly the segment that the batch
gave.

Risk scores are kept in ten-thousandths. That is how the original system reports them, it bounds
each rank table at 10,001 rows whatever the number of customers, and equal tables on two machines do
not hang on the last bit of a float.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from pydantic import TypeAdapter

from holdfast import study
from holdfast.arrays import Floats, Integers
from holdfast.errors import DataError, NotEnoughData
from holdfast.findings import Finding

VALUE_TIERS = ("low", "mid", "high")
SEGMENTS_OF_TIER = {
    "high": ("Champion", "At-Risk VIP"),
    "mid": ("Promising", "Vulnerable"),
    "low": ("Hibernating", "Losing Customer"),
}
SCALE = 10_000
WITHOUT_VALUE = (-1.0, 0.0)
"""Boundaries of the tiers where nobody is known to be worth anything."""
RISK_BANDS = ((0.0, "🟢 LOW"), (0.1, "🟡 MODERATE"), (0.3, "🟠 HIGH"), (0.7, "🔴 VERY HIGH"))
"""From which churn probability on a band begins, and the original system's words for it."""


def is_likely_to_leave(threshold: float) -> pl.Expr:
    """Who counts as likely to leave: whoever's churn probability reaches the threshold, the study's
    `churn.threshold`. Every count and share of them, on every surface, is this one.
    """
    return pl.col("churn_probability") >= threshold


def churn_level(probability: float) -> str:
    """Put a churn probability (0..1) into words, with the original system's icon.

    >>> [churn_level(p) for p in (0.70, 0.30, 0.10, 0.0999)]
    ['🔴 VERY HIGH', '🟠 HIGH', '🟡 MODERATE', '🟢 LOW']
    """
    return next(level for least, level in reversed(RISK_BANDS) if probability >= least)


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A risk signal: its weight among the kept signals and its range over the customer base."""

    name: str
    weight: float
    low: float
    high: float

    def scale(self, values: Floats) -> Floats:
        """Scale to 0..1 over the base; beyond its range is clipped, missing stays NaN."""
        return (np.clip(values, self.low, self.high) - self.low) / (self.high - self.low)


class Range(NamedTuple):
    """The least and the largest value of a signal over some customers; NaN where none is known."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Floats) -> "Range":
        """The range of the values that are known and finite."""
        finite = values[np.isfinite(values)]
        return cls(float(finite.min()), float(finite.max())) if len(finite) else cls(np.nan, np.nan)

    def __or__(self, other: "Range") -> "Range":
        return Range(float(np.fmin(self.low, other.low)), float(np.fmax(self.high, other.high)))


@dataclass(frozen=True, kw_only=True)
class RankTable:
    """The risk scores of one value tier: how many customers of the base have each.

    Attributes
    ----------
    scores
        Distinct risk scores in ten-thousandths, rising.
    customers
        How many have it.
    """

    scores: tuple[int, ...]
    customers: tuple[int, ...]

    @classmethod
    def of(cls, counts: pl.DataFrame) -> "RankTable":
        """Add up how many customers have each `risk_score`."""
        added = counts.group_by("risk_score").agg(pl.col("customers").sum()).sort("risk_score")
        return cls(
            scores=tuple(added["risk_score"].to_list()),
            customers=tuple(added["customers"].to_list()),
        )

    @cached_property
    def _arrays(self) -> tuple[Integers, Integers, Integers]:
        counts = np.array([*self.customers, 0], dtype=np.int64)
        below = np.concatenate([[0], np.cumsum(counts[:-1])]).astype(np.int64)
        return np.array(self.scores, dtype=np.int64), counts, below

    def rank(self, scores: Integers) -> Floats:
        """Percentile rank within the tier, 0..1: the mean of the places that equal scores share,
        over the size.

        A score that nobody in the base has stands between its neighbours.

        >>> RankTable(scores=(1, 5), customers=(2, 2)).rank(np.array([0, 1, 3, 5, 9])).tolist()
        [0.125, 0.375, 0.625, 0.875, 1.0]
        """
        distinct, counts, below = self._arrays
        place = np.searchsorted(distinct, scores)
        listed = place < len(distinct)
        listed[listed] = distinct[place[listed]] == scores[listed]
        equal = np.where(listed, counts[place], 0)
        ranks: Floats = np.minimum((below[place] + (equal + 1) / 2) / below[-1], 1.0)
        return ranks


class Placed(NamedTuple):
    """Where one customer stands."""

    risk_score: float
    risk_rank: float
    value_tier: str
    segment: str


@dataclass(frozen=True, kw_only=True)
class SegmentRule:
    """Who belongs to which segment; learnt from one customer base, then only applied.

    Attributes
    ----------
    mid_above, high_above
        Boundaries of the value tiers in the currency: a customer worth more than it belongs to that
        tier.
    high_risk_rank
        Percentile rank within the tier from which the risk is high.
    signals
        What the risk score is made of; the weights sum to 1.
    dropped
        Signals of the study that carry nothing here -> why.
    ranks
        Value tier -> its rank table; a tier without customers ranks against everyone.
    """

    mid_above: float
    high_above: float
    high_risk_rank: float
    signals: tuple[Signal, ...]
    dropped: Mapping[str, str]
    ranks: Mapping[str, RankTable]

    @classmethod
    def learn(cls, settings: study.Segments, base: pl.DataFrame) -> "SegmentRule":
        """Learn the rule from the scored customer base.

        Parameters
        ----------
        base
            One row per customer: `expected_revenue` and the signals of `settings.risk` as far as
            the data has them.

        Raises
        ------
        NotEnoughData
            There are no customers.
        DataError
            A signal is not a number.
        """
        if base.is_empty():
            raise NotEnoughData(
                "there are no customers to learn segments from", fix="widen churn.eligible"
            )
        value = _numbers(base, "expected_revenue")
        drafted = cls.draft(
            settings, tier_boundaries(value, settings.value_tiers), signal_ranges(settings, base)
        )
        return drafted.with_ranks(drafted.count(base))

    @classmethod
    def draft(
        cls,
        settings: study.Segments,
        boundaries: tuple[float, float],
        ranges: Mapping[str, Range],
    ) -> "SegmentRule":
        """A rule that has no ranks yet, but can `count` customers for them.

        Parameters
        ----------
        boundaries
            Of the middle and the high tier, as `tier_boundaries` gives them.
        ranges
            Signal -> its range over the customer base, as far as the data has it.
        """
        signals, dropped = _learn_signals(settings.risk, ranges)
        return cls(
            mid_above=boundaries[0],
            high_above=boundaries[1],
            high_risk_rank=settings.high_risk_rank,
            signals=signals,
            dropped=dropped,
            ranks={},
        )

    def count(self, base: pl.DataFrame) -> pl.DataFrame:
        """Count customers: value_tier, risk_score (ten-thousandths) and customers, one row each."""
        risk, tier = self._risk(base), self._tier(base)
        placed = pl.DataFrame(
            {"value_tier": pl.Series(VALUE_TIERS).gather(tier), "risk_score": risk}
        )
        return placed.group_by("value_tier", "risk_score").agg(customers=pl.len().cast(pl.Int64))

    def with_ranks(self, counts: pl.DataFrame) -> "SegmentRule":
        """The rule with the ranks of a customer base.

        Parameters
        ----------
        counts
            Of `count`; those of parts of the base one after the other.
        """
        tiers = {name: counts.filter(value_tier=name) for name in VALUE_TIERS}
        of_tier = {name: counts if rows.is_empty() else rows for name, rows in tiers.items()}
        return replace(self, ranks={name: RankTable.of(rows) for name, rows in of_tier.items()})

    def assign(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add `risk_score`, `risk_rank`, `value_tier` and `segment` to scored customers, one or
        many.

        A signal that is missing for a customer drops out for that customer and the other weights
        are renormalised.

        Raises
        ------
        DataError
            A signal or `expected_revenue` is not there or not a number.
        """
        risk, tier = self._risk(frame), self._tier(frame)
        rank = np.zeros(len(risk))
        for code, name in enumerate(VALUE_TIERS):
            rank[tier == code] = self.ranks[name].rank(risk[tier == code])
        names = [name for tier_name in VALUE_TIERS for name in SEGMENTS_OF_TIER[tier_name]]
        return frame.with_columns(
            risk_score=pl.Series(risk / SCALE),
            risk_rank=pl.Series(rank),
            value_tier=pl.Series(VALUE_TIERS).gather(tier),
            segment=pl.Series(names).gather(2 * tier + (rank >= self.high_risk_rank)),
        )

    def place(self, values: Mapping[str, bool | float | str | None]) -> Placed:
        """Do for one customer, without a frame, exactly what `assign` does for many.

        Parameters
        ----------
        values
            `expected_revenue` and the signals by name; None where missing.

        Raises
        ------
        DataError
            A signal or `expected_revenue` is not there or not a number.
        """
        total = weights = 0.0
        for signal in self.signals:
            value = _one_number(values, signal.name)
            if value is not None:
                clipped = min(max(value, signal.low), signal.high)
                total += signal.weight * ((clipped - signal.low) / (signal.high - signal.low))
                weights += signal.weight
        risk = round(total / weights * SCALE) if weights else 0
        revenue = _one_number(values, "expected_revenue") or 0.0
        tier = VALUE_TIERS[(revenue > self.mid_above) + (revenue > self.high_above)]
        rank = float(self.ranks[tier].rank(np.array([risk]))[0])
        return Placed(risk / SCALE, rank, tier, SEGMENTS_OF_TIER[tier][rank >= self.high_risk_rank])

    def _tier(self, frame: pl.DataFrame) -> Integers:
        value = _numbers(frame, "expected_revenue")
        return (value > self.mid_above).astype(np.int64) + (value > self.high_above)

    def _risk(self, frame: pl.DataFrame) -> Integers:
        total, weights = np.zeros(frame.height), np.zeros(frame.height)
        for signal in self.signals:
            scaled = signal.scale(_numbers(frame, signal.name))
            present = ~np.isnan(scaled)
            total += np.where(present, signal.weight * scaled, 0.0)
            weights += np.where(present, signal.weight, 0.0)
        mean = np.divide(total, weights, out=np.zeros_like(total), where=weights > 0)
        risk: Integers = np.rint(mean * SCALE).astype(np.int64)
        return risk

    def findings(self) -> tuple[Finding, ...]:
        """Say which signals of the study carry nothing here."""
        kept = ", ".join(f"{signal.name} {signal.weight:.2f}" for signal in self.signals) or "none"
        dropped = (f"{name} {reason}" for name, reason in self.dropped.items())
        return tuple(Finding.listing("risk-signal-dropped", dropped, kept=kept))

    def to_dict(self) -> dict[str, Any]:
        """Give the rule as plain values; through JSON every float comes back exactly."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "SegmentRule":
        """Rebuild the rule from the plain values of a published run."""
        return TypeAdapter(cls).validate_python(raw)


def tier_boundaries(value: Floats, shares: tuple[float, float]) -> tuple[float, float]:
    """Where the middle and the high tier begin; without any value everyone is in the middle, for
    nobody is known to be worth little.
    """
    if not value.any():
        return WITHOUT_VALUE
    mid_above, high_above = np.quantile(value, shares).tolist()
    return mid_above, high_above


def signal_ranges(settings: study.Segments, base: pl.DataFrame) -> dict[str, Range]:
    """Signal -> its range over the customers, of those signals that the data has.

    Raises
    ------
    DataError
        A signal is not a number.
    """
    named = (name for name, weight in settings.risk.items() if weight and name in base.columns)
    return {name: Range.of(_numbers(base, name)) for name in named}


def _learn_signals(
    risk: Mapping[str, float], ranges: Mapping[str, Range]
) -> tuple[tuple[Signal, ...], dict[str, str]]:
    dropped = {
        name: reason
        for name, weight in risk.items()
        if (reason := _useless(weight, ranges.get(name)))
    }
    kept = {name: weight for name, weight in risk.items() if name not in dropped}
    total = sum(kept.values())
    signals = (
        Signal(name=name, weight=weight / total, low=ranges[name].low, high=ranges[name].high)
        for name, weight in kept.items()
    )
    return tuple(signals), dropped


def _useless(weight: float, values: Range | None) -> str:
    """Why a signal carries nothing; nothing where it does."""
    if weight == 0:
        return "has no weight"
    if values is None:
        return "is not in the data"
    if np.isnan(values.low):
        return "is empty for every customer"
    return "" if values.low < values.high else f"is {values.low:g} for every customer"


def _one_number(values: Mapping[str, bool | float | str | None], name: str) -> float | None:
    if name not in values:
        raise _missing_column(name)
    value = values[name]
    if isinstance(value, str):
        raise DataError(
            f"the risk signal '{name}' is a word, not a number", fix="give a number", column=name
        )
    return None if value is None or value != value else float(value)


def _missing_column(name: str) -> DataError:
    return DataError(
        f"the segments need the column '{name}'",
        fix="score the customers with the run's own features",
    )


def _numbers(frame: pl.DataFrame, name: str) -> Floats:
    if name not in frame.columns:
        raise _missing_column(name)
    column = frame[name]
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise DataError(
            f"the risk signal '{name}' is {column.dtype}, not a number",
            fix="choose another in [segments]",
        )
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
