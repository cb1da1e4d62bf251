"""What a feature is: a name, a unit, two sentences and an expression over integers.

A feature is computed in two levels. Level 1, its `parts`, are integer sums, counts, minima and
maxima over the rows of one customer before one cutoff, most of them over a trailing window of
`days_ago` (cutoff_day - day, at least 1). Integers add up to the same number in every order and on
every engine. Level 2, its `value`, combines parts: mostly the part itself, else a ratio. A ratio
that is not defined is null; NaN and infinity never occur.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import narwhals as nw

Unit = Literal["count", "days", "currency", "share", "change", "ratio", "season"]
Group = Literal["purchases", "rhythm", "trend", "basket", "engagement", "tenure", "calendar"]

WINDOWS_DAYS = (7, 30, 90, 180, 365)

WORDS: Mapping[str, Any] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
)

days_ago = nw.col("days_ago")


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes
    ----------
    unit
        "currency" is declared in minor units; `build_features` divides, last. "share" is 0..1,
        "change" -1..1 and "season" a fraction of the year.
    sentence
        What it is, in plain words.
    says
        How a customer's value is put to a marketer: clauses parted by "; ", each with fields that
        name this or other features. `holdfast.explain.Wording` fills it in.
    parts
        Level 1: name -> aggregate over the rows of one customer and cutoff. Parts of one name are
        one expression.
    value
        Level 2: an expression over parts; None: the only part as it is, or the first of two over
        the second.
    needs
        What the study must have for it: "orders", "amounts", "products", "treatments", a kind of
        event, or the wish for "last purchases".
    """

    name: str
    group: Group
    unit: Unit
    sentence: str
    says: str
    parts: Mapping[str, nw.Expr] = field(repr=False)
    value: nw.Expr | None = field(default=None, repr=False)
    needs: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        key: str,
        parts: Mapping[str, nw.Expr],
        *needs: str,
        value: nw.Expr | None = None,
        **facts: object,
    ) -> "Feature":
        """Take the words of words.toml under `key`; `facts` fills in what stands in < > there."""
        words = {**WORDS[key]}
        for place, text in facts.items():
            words = {part: each.replace(f"<{place}>", str(text)) for part, each in words.items()}
        name = str(facts.get("name", key))
        sentence, says = words["sentence"], words["says"]
        group, unit = words["group"], words["unit"]
        return cls(name, group, unit, sentence, says, parts, value, frozenset(needs))

    @property
    def expression(self) -> nw.Expr:
        """Level 2, over parts."""
        if self.value is not None:
            return self.value
        part, *below = (nw.col(name) for name in self.parts)
        return ratio(part, *below) if below else part

    @property
    def heading(self) -> str:
        """What it is, without the small print: "Days since the last session"."""
        return re.split(r"[;:] | \(", self.sentence)[0]


def total(measure: str, *, within_days: int | None = None) -> nw.Expr:
    """Sum a column of non-null integers over the trailing window, or over everything before the
    cutoff.
    """
    column = nw.col(measure)
    if within_days is not None:
        column = nw.when(days_ago <= within_days).then(column).otherwise(nw.lit(0))
    return column.sum().cast(nw.Int64)


def days_since_last(measure: str) -> nw.Expr:
    """Days since the last row on which the column was positive; null if there is none."""
    return nw.when(nw.col(measure) > 0).then(days_ago).min().cast(nw.Int64)


def days_since_first(measure: str) -> nw.Expr:
    """Days since the first row on which the column was positive; null if there is none."""
    return nw.when(nw.col(measure) > 0).then(days_ago).max().cast(nw.Int64)


def ratio(numerator: nw.Expr, denominator: nw.Expr) -> nw.Expr:
    """Divide as floats; null where the denominator is 0 or null."""
    return nw.when(denominator != 0).then(numerator / denominator)


def window_features(
    key: str, measure: str, windows_days: Iterable[int | None], *needs: str, **facts: str
) -> tuple[Feature, ...]:
    """One feature for each trailing window (None: the whole time): the sum of a measure in it.

    Parameters
    ----------
    key
        Of the words, and the name for the whole time unless `facts` has another `stem`; a window's
        name is its stem and days.

    >>> spend = window_features("spend_total", "net_minor", (30, None))
    >>> [(feature.name, feature.heading) for feature in spend][0]
    ('spend_30d', 'Spent in the last 30 days, net of returns')
    """
    features, stem = [], facts.pop("stem", key)
    for days in windows_days:
        name = stem if days is None else f"{stem.removesuffix('_total')}_{days}d"
        window = "in all" if days is None else f"in the last {days} days"
        part = f"{name}_minor" if WORDS[key]["unit"] == "currency" else name
        parts = {part: total(measure, within_days=days)}
        features.append(
            Feature.of(key, parts, *needs, value=None, name=name, window=window, **facts)
        )
    return tuple(features)
