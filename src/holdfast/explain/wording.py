"""Wording: a column and a customer's value in it, as a marketer reads them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from string import Formatter
from typing import Any

import numpy as np
import polars as pl
from pydantic import TypeAdapter

from holdfast.arrays import Booleans, Floats
from holdfast.features.catalogue import FEATURES_BY_NAME, fact_of, liveliness
from holdfast.features.feature import Feature
from holdfast.features.recent_days import RECENT_DAYS
from holdfast.features.words import format_value, unknown

EFFECT = {"churn": "the risk", "value": "the expected revenue"}
_UNKNOWN = "not known"


@dataclass(frozen=True, kw_only=True)
class Wording:
    """How columns are worded: learnt from the customer base, published with the run.

    Attributes
    ----------
    catalogued
        Columns that are features of the catalogue and bring their own sentence.
    usual
        Of the others, what most customers have, as the end of a sentence.
    words
        Columns of words: "high" and "low" mean nothing there.
    currency
        Written before amounts.
    middle
        Of features whose direction is known, the median of those who have one.
    """

    catalogued: tuple[str, ...]
    usual: Mapping[str, str]
    words: tuple[str, ...]
    currency: str
    middle: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def learn(
        cls, base: pl.DataFrame, *, columns: Sequence[str], catalogue: bool, currency: str
    ) -> "Wording":
        """Learn what is usual.

        Parameters
        ----------
        base
            One row per customer.
        columns
            Those that a model reads.
        catalogue
            False for a snapshot, whose columns are the business's own even where a name coincides.
        """
        catalogued = [name for name in columns if catalogue and name in FEATURES_BY_NAME]
        own = [name for name in columns if name not in catalogued and name != RECENT_DAYS]
        usual = {name: _usual(base[name]) for name in own}
        words = tuple(name for name in columns if not _is_number(base[name]))
        medians = {
            name: base[name].cast(pl.Float64).median()
            for name in catalogued
            if liveliness(FEATURES_BY_NAME[name])
        }
        return cls(
            catalogued=tuple(catalogued),
            usual=usual,
            words=words,
            currency=currency,
            middle={name: x for name, x in medians.items() if isinstance(x, float)},
        )

    def fact(self, column: str) -> str:
        """What a column tells: features of one fact are one reason, any other column is its own."""
        return fact_of(FEATURES_BY_NAME[column]) if column in self.catalogued else column

    def direction(self, column: str, task: str) -> int:
        """1 where more of it is known to raise the task's score, -1 where it is to lower it."""
        if column not in self.catalogued:
            return 0
        lively = liveliness(FEATURES_BY_NAME[column])
        return -lively if task == "churn" else lively

    def is_plausible(
        self, column: str, rows: pl.DataFrame, added: Floats, *, task: str
    ) -> Booleans:
        """Whether each row's value can be told as the reason for what it adds: it is known, and its
        direction is not the opposite of what everyone knows of it.
        """
        if column not in self.catalogued:
            return np.ones(len(added), dtype=bool)
        values = rows[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        if column not in self.middle:
            return np.asarray(~np.isnan(values))
        direction = self.direction(column, task) * np.sign(values - self.middle[column])
        return np.asarray(direction * added >= 0)

    def title(self, column: str) -> str:
        """What a column is, without a customer's value."""
        if column == RECENT_DAYS:
            return "Course of the days of activity"
        return (
            FEATURES_BY_NAME[column].heading
            if column in self.catalogued
            else column.replace("_", " ")
        )

    def values(self, column: str, rows: pl.DataFrame) -> pl.Series:
        """Each row's value as shown."""
        if column == RECENT_DAYS:
            return _tell_days(rows[RECENT_DAYS])
        if column in self.catalogued:
            return self._texts(FEATURES_BY_NAME[column], rows).fill_null("unknown")
        return pl.Series(texts(rows[column]), dtype=pl.String)

    def sentences(self, column: str, rows: pl.DataFrame) -> pl.Series:
        """Each row's value in a sentence: "no order for 74 days; usually every 21 days"."""
        if column in self.catalogued:
            return self._fill_in(FEATURES_BY_NAME[column], rows)
        if column == RECENT_DAYS:
            return pl.select(pl.lit("the course of ") + _tell_days(rows[RECENT_DAYS])).to_series()
        end = f" ({self.usual[column]})"
        return pl.select(
            pl.lit(f"{self.title(column)} is ") + pl.lit(self.values(column, rows)) + end
        ).to_series()

    def _fill_in(self, feature: Feature, rows: pl.DataFrame) -> pl.Series:
        """Fill a feature's template in; clauses whose values are missing are left out."""
        clauses = [self._clause(clause, rows) for clause in feature.says.split("; ")]
        text = pl.concat_str(clauses, separator="; ", ignore_nulls=True)
        nothing = pl.lit(unknown(feature))
        return pl.select(pl.when(text == "").then(nothing).otherwise(text)).to_series()

    def _clause(self, clause: str, rows: pl.DataFrame) -> pl.Series:
        """Fill one clause in; null where a value that it names is."""
        pieces: list[pl.Series | pl.Expr] = [pl.repeat("", rows.height, eager=True)]
        for text, name, _, _ in Formatter().parse(clause):
            pieces += [pl.lit(text), self._field(name, rows)] if name else [pl.lit(text)]
        return pl.select(pl.concat_str(*pieces)).to_series()

    def _field(self, name: str, rows: pl.DataFrame) -> pl.Series | pl.Expr:
        return (
            self._texts(FEATURES_BY_NAME[name], rows)
            if name in rows.columns
            else pl.lit(None, pl.String)
        )

    def _texts(self, feature: Feature, rows: pl.DataFrame) -> pl.Series:
        texts = [
            None if value is None else format_value(value, feature.unit, currency=self.currency)
            for value in rows[feature.name].to_list()
        ]
        return pl.Series(texts, dtype=pl.String)

    def to_dict(self) -> dict[str, Any]:
        """Give the wording as plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Wording":
        """Rebuild the wording of a published run."""
        return TypeAdapter(cls).validate_python(raw)


def _tell_days(days: pl.Series) -> pl.Series:
    """How many days a network has read, and which was the last."""
    count, last = days.list.len(), days.list.last().struct.field("day").cast(pl.Date)
    plural = pl.when(count == 1).then(pl.lit("1 day")).otherwise(pl.format("{} days", count))
    activity = pl.format("{} of activity, the last on {}", plural, last)
    return pl.select(pl.when(count > 0).then(activity).otherwise(pl.lit(_UNKNOWN))).to_series()


def texts(column: pl.Series) -> list[str]:
    """Write the values of a column of unknown unit."""
    if column.dtype.is_numeric():
        return [_UNKNOWN if value is None else number(value) for value in column.to_list()]
    words = column.cast(pl.String).fill_null(_UNKNOWN)
    return (
        words.replace({"true": "yes", "false": "no"}) if column.dtype == pl.Boolean else words
    ).to_list()


def number(value: float) -> str:
    """Write a number of unknown unit as short as its size allows.

    >>> (number(1560), number(14.766), number(0.5), number(0.00412), number(123.4),
    ...  number(float("nan")))
    ('1,560', '14.77', '0.5', '0.0041', '123', 'not known')
    """
    if not math.isfinite(value):
        return _UNKNOWN
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.1 else f"{value:.2g}"


def _is_number(column: pl.Series) -> bool:
    return column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)


def _usual(column: pl.Series) -> str:
    given = column.drop_nulls().drop_nans() if column.dtype.is_float() else column.drop_nulls()
    if given.is_empty():
        return "known of nobody"
    if column.dtype.is_numeric():
        median: Any = given.cast(pl.Float64).median()
        return f"the median customer has {number(float(median or 0.0))}"
    return f"most often {texts(given.mode().sort()[:1])[0]}"
