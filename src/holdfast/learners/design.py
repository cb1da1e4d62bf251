"""The design: numbers, truths and words become a matrix, and the model's reasons become columns of
the frame again.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan
from typing import Annotated, NamedTuple

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Split, Vector
from holdfast.errors import DataError
from holdfast.learners.parts import InFile, Saved

MAX_LEVELS = 50
MANY_LEVELS = 15  # decision 32
_WEIGHT_OF_ALL = 20.0  # decision 32
_FEWEST_ROWS = 2


class Rates(NamedTuple):
    """The mean outcome of each of a column's words, of no word and of an unknown one."""

    of_level: tuple[float, ...]
    missing: float
    unknown: float


class DesignColumn(NamedTuple):
    """One column of the frame; `levels` are the words that get a matrix column each, or, with
    `rates`, a number each; None for a number or a truth.
    """

    name: str
    levels: tuple[str, ...] | None = None
    rates: Rates | None = None


@dataclass(frozen=True)
class Attribution:
    """What each column of the frame adds to the raw score of each customer.

    Attributes
    ----------
    columns
        Names of the frame's columns.
    values
        (n_customers, n_columns), in the unit of the raw score.
    base
        (n_customers,): the score before any column is known. base + values.sum(axis=1) is the raw
        score.
    """

    columns: tuple[str, ...]
    values: Matrix
    base: Vector

    @property
    def total(self) -> Vector:
        """The raw score, (n_customers,)."""
        return np.asarray(self.base + self.values.sum(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class Design(Saved):
    """How a frame becomes a matrix: learnt on training rows, then fixed.

    Numbers pass, truths become 0/1, words become one 0/1 column per level seen in training (the 50
    most frequent). Missing and infinite numbers are NaN; a missing or unknown word is 0 in each of
    its columns. Where the outcome is given, a column of many words becomes one number: the mean
    outcome of the customers who share the word.
    """

    FILE = "design.json"
    columns: Annotated[tuple[DesignColumn, ...], InFile("design.json")]

    @classmethod
    def learn(
        cls, frame: pl.DataFrame, *, columns: Sequence[str], outcome: Vector | None = None
    ) -> "Design":
        """Learn the levels of words from `frame`.

        Parameters
        ----------
        outcome
            Of each row, (n_rows,), for columns of many words; learn from `training_matrix` then.

        Raises
        ------
        DataError
            A column is neither a number, nor a truth, nor a word.
        """
        return cls(tuple(_learn_column(_column(frame, name), outcome) for name in columns))

    def training_matrix(
        self, frame: pl.DataFrame, outcome: Vector, splits: Iterable[Split]
    ) -> Matrix:
        """As `matrix`, for the rows learnt from: what a word says of a row comes from the outcomes
        of other splits, never from the row's own.
        """
        matrix = self.matrix(frame)
        with_rates = [column for column in self.columns if column.rates is not None]
        for split in splits if with_rates else ():
            for column in with_rates:
                words, rates = frame[column.name], np.empty((len(split.test), 1))
                learnt = _learn_rates(words[split.train], outcome[split.train])
                _write(learnt, words[split.test], rates)
                matrix[split.test, self.names.index(column.name)] = rates[:, 0]
        return matrix

    def columns_of(self, matrix: Matrix, names: Sequence[str]) -> pl.DataFrame:
        """Some numbers of the frame again, from the matrix; NaN where they are missing."""
        return pl.DataFrame({name: matrix[:, self.names.index(name)] for name in names})

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the matrix columns."""
        return tuple(
            column.name if level is None else f"{column.name}={level}"
            for column in self.columns
            for level in (
                column.levels if column.levels is not None and not column.rates else (None,)
            )
        )

    @cached_property
    def origin(self) -> tuple[str, ...]:
        """Of each matrix column, the frame column that it came from."""
        return tuple(column.name for column in self.columns for _ in range(_width(column)))

    @property
    def frame_columns(self) -> tuple[str, ...]:
        """Names of the frame columns that are read."""
        return tuple(column.name for column in self.columns)

    def matrix(self, frame: pl.DataFrame) -> Matrix:
        """(n_rows, n_names), float64, missing = NaN.

        Raises
        ------
        DataError
            A column is missing, or its type is not the one that was learnt.
        """
        matrix = np.empty((frame.height, len(self.names)), dtype=np.float64)
        start = 0
        for column in self.columns:
            width = _width(column)
            _write(column, _column(frame, column.name), matrix[:, start : start + width])
            start += width
        return matrix

    def row(self, values: Mapping[str, bool | float | str | None]) -> Matrix:
        """(1, n_names): what `matrix` gives for one customer, without a frame.

        Raises
        ------
        DataError
            A column is missing, or its value is of another kind than was learnt.
        """
        out = np.zeros((1, len(self.names)))
        cells, place = out[0], 0
        for column in self.columns:
            if column.name not in values:
                raise _missing(column.name)
            value = values[column.name]
            if column.levels is None:
                cells[place] = _number(column.name, value)
                place += 1
            elif column.rates is not None:
                cells[place] = _rate(column.levels, column.rates, _word(column.name, value))
                place += 1
            else:
                word = _word(column.name, value)
                if word in column.levels:
                    cells[place + column.levels.index(word)] = 1.0
                place += len(column.levels)
        return out

    def attribution(self, contributions: Matrix) -> Attribution:
        """Sum (n_rows, n_names + 1) contributions, base last, over the matrix columns of each frame
        column.
        """
        edges = np.cumsum([0, *(_width(column) for column in self.columns[:-1])])
        kept = [index for index, column in enumerate(self.columns) if _width(column)]
        values = np.zeros((len(contributions), len(self.columns)))
        if kept:
            values[:, kept] = np.add.reduceat(contributions[:, :-1], edges[kept], axis=1)
        return Attribution(self.frame_columns, values, contributions[:, -1].copy())


def _column(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        raise _missing(name)
    return frame[name]


def _missing(name: str) -> DataError:
    return DataError(
        f"the column '{name}' is missing", fix="give every column that the model was trained on"
    )


def _number(name: str, value: bool | float | str | None) -> float:
    if isinstance(value, str):
        raise DataError(f"'{name}' is a word", fix="give numbers, as in training", column=name)
    return float(value) if value is not None and isfinite(value) else nan


def _word(name: str, value: bool | float | str | None) -> str | None:
    if value is not None and not isinstance(value, str):
        raise DataError(f"'{name}' is a number", fix="give words, as in training", column=name)
    return value


def _width(column: DesignColumn) -> int:
    return 1 if column.levels is None or column.rates is not None else len(column.levels)


def _rate(levels: tuple[str, ...], rates: Rates, word: str | None) -> float:
    if word is None:
        return rates.missing
    place = bisect_left(levels, word)
    is_level = place < len(levels) and levels[place] == word
    return rates.of_level[place] if is_level else rates.unknown


def _learn_column(series: pl.Series, outcome: Vector | None) -> DesignColumn:
    levels = _levels(series)
    if levels is None or outcome is None or len(levels) <= MANY_LEVELS:
        return DesignColumn(series.name, levels)
    return _learn_rates(series, outcome)


def _learn_rates(series: pl.Series, outcome: Vector) -> DesignColumn:
    """The mean outcome of each word, drawn towards that of all as by so many customers more."""
    mean = float(outcome.mean())
    rates = (
        pl.DataFrame({"word": series.cast(pl.String), "outcome": outcome})
        .group_by("word")
        .agg(n=pl.len(), total=pl.col("outcome").sum())
        .filter((pl.col("n") >= _FEWEST_ROWS) | pl.col("word").is_null())
        .select(
            "word",
            rate=(pl.col("total") + _WEIGHT_OF_ALL * mean) / (pl.col("n") + _WEIGHT_OF_ALL),
        )
        .sort("word")
    )
    of_missing = rates.filter(pl.col("word").is_null())["rate"].to_list()
    words = rates.drop_nulls("word")
    return DesignColumn(
        series.name,
        tuple(words["word"].to_list()),
        Rates(tuple(words["rate"].to_list()), of_missing[0] if of_missing else mean, mean),
    )


def _is_number(series: pl.Series) -> bool:
    return series.dtype.is_numeric() or series.dtype in (pl.Boolean(), pl.Null())


def _is_word(series: pl.Series) -> bool:
    return series.dtype == pl.String() or isinstance(series.dtype, pl.Categorical | pl.Enum)


def _levels(series: pl.Series) -> tuple[str, ...] | None:
    if _is_number(series):
        return None
    if not _is_word(series):
        raise DataError(
            f"'{series.name}' is {series.dtype}", fix="a model takes numbers, truths and words"
        )
    counts = series.cast(pl.String).drop_nulls().rename("word").value_counts(name="n")
    frequent = counts.sort(["n", "word"], descending=[True, False]).head(MAX_LEVELS)
    return tuple(sorted(frequent["word"].to_list()))


def _write(column: DesignColumn, series: pl.Series, out: Matrix) -> None:
    if column.levels is None:
        if not _is_number(series):
            raise DataError(
                f"'{column.name}' is {series.dtype}", fix="give numbers, as in training"
            )
        numbers = series.cast(pl.Float64).to_numpy()
        out[:, 0] = np.where(np.isfinite(numbers), numbers, np.nan)
        return
    if not _is_word(series) and series.dtype != pl.Null():
        raise DataError(f"'{column.name}' is {series.dtype}", fix="give words, as in training")
    words = series.cast(pl.String)
    if column.rates is not None:
        of_level = zip(column.levels, column.rates.of_level, strict=True)
        table: dict[str | None, float] = {None: column.rates.missing}
        table.update(of_level)
        out[:, 0] = words.replace_strict(
            table, default=column.rates.unknown, return_dtype=pl.Float64
        ).to_numpy()
        return
    for index, level in enumerate(column.levels):
        out[:, index] = (words == level).fill_null(False).to_numpy()
