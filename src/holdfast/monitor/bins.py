"""Bins: how the customers of one day divide over each feature, frozen so that those of a later day
can be held against them.

Each feature is divided for each group of customers: everyone, those who bought in the last
fortnight, those who first bought in it, and each segment. A change of prices shows among the recent
buyers at once, and among everyone only after months.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs

from holdfast.arrays import Rows, Vector
from holdfast.features import recent_days
from holdfast.features.catalogue import FEATURES_BY_NAME
from holdfast.tables import OUTCOMES

Values = npt.NDArray[Any]
"""Of one feature: float64, NaN where missing; or words, None where missing."""
Key = tuple[str, str]
"""A group and a feature."""
EVERYONE, NEW_CUSTOMERS = "everyone", "new customers"
RECENT_DAYS = 14  # decision 92
LEAST_CUSTOMERS = 50
"""A smaller group says nothing."""
_RECENT: Mapping[str, str] = {
    "recent buyers": "days_since_last_purchase",
    NEW_CUSTOMERS: "tenure_days",
}
"""Group -> the feature that is at most `RECENT_DAYS` for those in it."""
ALARMING = (EVERYONE, *_RECENT)
"""Groups that can have drifted. A segment says where: nine groups would raise three times the false
alarms.
"""
_N_BINS, _N_WORDS = 10, 20
_LEAST_OF_A_WORD = 5
"""A rarer word may name a person, and is no bin."""
_NO_FEATURES = (
    "customer_id", "cutoff_day", "segment", "cutoff_season", "first_purchase_season",
    recent_days.RECENT_DAYS, *OUTCOMES,
)  # fmt: skip
"""What is no feature, and what says the day and not the customer."""
_OF_BEHAVIOUR = frozenset([*FEATURES_BY_NAME, "churn_probability", "expected_revenue"])
_OWN_ACTS = ("treatment", "campaign")
"""Words in the names of features that follow the shop's own campaigns."""
_COMPARISONS = frozenset(n for n, feature in FEATURES_BY_NAME.items() if feature.unit == "change")
"""They compare two windows, each watched by itself, and turn with every season."""


def divide_into_groups(frame: pl.DataFrame) -> Iterator[tuple[str, Rows]]:
    """Yield each group's name and the positions of its rows: a customer is in several."""
    yield EVERYONE, np.arange(frame.height)
    for group, feature in _RECENT.items():
        if feature in frame.columns:
            yield (
                group,
                (frame[feature] <= RECENT_DAYS).fill_null(value=False).arg_true().to_numpy(),
            )
    if "segment" in frame.columns:
        for segment in frame["segment"].unique().sort():
            yield str(segment), (frame["segment"] == segment).arg_true().to_numpy()


def features_to_watch(group: str, names: Iterable[str]) -> list[str]:
    """The features of a group that can drift; of new customers who they are, for what they do is
    that of recent buyers.
    """
    return [
        name
        for name in names
        if name not in _COMPARISONS
        and not any(word in name for word in _OWN_ACTS)
        and not (group == NEW_CUSTOMERS and name in _OF_BEHAVIOUR)
    ]


@dataclass(frozen=True)
class Bins:
    """How one feature of one group is divided.

    Attributes
    ----------
    cuts
        Of a number: the upper ends of all bins but the last.
    words
        Of a word: the commonest ones; None for a number.
    """

    cuts: Vector
    words: tuple[str, ...] | None = None

    @classmethod
    def of(cls, values: Values) -> "Bins":
        """Divide numbers at their tenths, words by the most frequent of them."""
        if values.dtype == object:
            counts = Counter(word for word in values.tolist() if word is not None)
            common = sorted(counts, key=lambda word: (-counts[word], word))[:_N_WORDS]
            return cls(np.zeros(0), tuple(w for w in common if counts[w] >= _LEAST_OF_A_WORD))
        present = values[~np.isnan(values)]
        inner = np.linspace(0, 1, _N_BINS + 1)[1:-1]
        return cls(np.unique(np.quantile(present, inner)) if len(present) else np.zeros(0))

    @property
    def kinds(self) -> list[str]:
        """Kind of each bin, in order: numbers or words, then what is neither, then what is
        missing.
        """
        if self.words is None:
            return [*["number"] * (len(self.cuts) + 1), "missing"]
        return [*["word"] * len(self.words), "other", "missing"]

    def count(self, values: Values) -> Vector:
        """How many values lie in each bin."""
        if self.words is not None:
            counts = Counter(values.tolist())
            of_words = [counts[word] for word in self.words]
            other = len(values) - sum(of_words) - counts[None]
            return np.array([*of_words, other, counts[None]], dtype=np.float64)
        is_missing, n_bins = np.isnan(values), len(self.kinds)
        places = np.searchsorted(self.cuts, values, side="left")
        places[is_missing] = n_bins - 1
        return np.bincount(places, minlength=n_bins).astype(np.float64)


def read_values(frame: pl.DataFrame) -> dict[str, Values]:
    """The values of each feature: numbers, missing and infinite ones NaN, or words."""
    is_number = cs.numeric() | cs.boolean()
    numbers = frame.select(is_number - cs.by_name(*_NO_FEATURES, require_all=False))
    matrix = numbers.cast(pl.Float64).to_numpy()
    matrix = np.where(np.isfinite(matrix), matrix, np.nan)
    words = frame.select(~is_number - cs.by_name(*_NO_FEATURES, require_all=False)).cast(pl.String)
    of_numbers = {name: matrix[:, k] for k, name in enumerate(numbers.columns)}
    return {**of_numbers, **{name: words[name].to_numpy() for name in words.columns}}


def divide(frame: pl.DataFrame) -> dict[Key, Bins]:
    """Bins of every feature and group of a day."""
    values = read_values(frame)
    return {
        (group, name): Bins.of(values[name][rows])
        for group, rows in divide_into_groups(frame)
        for name in features_to_watch(group, values)
    }


def count_customers(bins: Mapping[Key, Bins], frame: pl.DataFrame) -> dict[Key, Vector]:
    """The customers of a day in each bin; nothing of a feature or a group that is not there."""
    values = read_values(frame)
    return {
        (group, name): bins[group, name].count(values[name][rows])
        for group, rows in divide_into_groups(frame)
        for name in features_to_watch(group, values)
        if (group, name) in bins and is_of_kind(bins[group, name], values[name])
    }


def is_of_kind(bins: Bins, values: Values) -> bool:
    """Whether a feature still is what it was: words or numbers."""
    return (bins.words is None) == (values.dtype != object)
