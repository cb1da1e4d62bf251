"""Some rows of a file that nobody has described yet, and what its columns could be."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.ingest import sql
from holdfast.io.warehouse import memory_database

_KNOWN = tomllib.loads(Path(__file__).with_name("known.toml").read_text(encoding="utf-8"))
FORMATS = _KNOWN["formats"]["of_times"].splitlines()
# Eight or fourteen digits, or three groups; most columns are told apart by this alone.
_LIKE_A_DATE = r"^[0-9]{8}([0-9]{6})?$|[0-9A-Za-z]{1,9}[-/. ,]+[0-9A-Za-z]{1,9}[-/. ,]+[0-9]{1,4}"
_MOSTLY = 0.95
_FIRST_LOOK = 2000


class Sample:
    """Rows with their columns as the source has them.

    Parameters
    ----------
    decimal
        The decimal sign of numbers in text.
    complete
        Whether the rows are all there are.
    """

    def __init__(self, frame: pl.DataFrame, *, decimal: str = ".", complete: bool = True) -> None:
        self.complete, self.names, self.height = complete, frame.columns, frame.height
        self._decimal = decimal
        self._answers: dict[str, list[tuple[Any, ...]]] = {}
        self._database = memory_database()
        columns = {name: f"c{i}" for i, name in enumerate(frame.columns)}
        self._database.register("sample", frame.rename(columns).to_arrow())
        kinds = self._rows("SELECT column_name, column_type FROM (DESCRIBE sample)")
        self._fields = {
            name: sql.Field(*kind) for name, kind in zip(frame.columns, kinds, strict=True)
        }

    def close(self) -> None:
        """Let the rows go."""
        self._database.close()

    def count_filled(self, name: str) -> int:
        """How many cells of a column hold something."""
        return self._count(f"count({self._text(name)})")

    def distinct(self, name: str) -> int:
        """How many different things a column holds."""
        return self._count(f"count(DISTINCT {self._text(name)})")

    def values(self, name: str, *, without_digits: bool = False) -> list[str]:
        """The different things that a column holds, the commonest first."""
        rows = self._rows(f"""
            SELECT {self._text(name)} AS shown FROM sample WHERE shown IS NOT NULL
                AND NOT ({without_digits} AND regexp_matches(shown, '[0-9]'))
            GROUP BY shown ORDER BY count(*) DESC, shown
        """)
        return [value for (value,) in rows]

    def count_repeated(self, names: Sequence[str]) -> int:
        """How many rows equal an earlier one in these columns."""
        columns = ", ".join(self._fields[name].sql for name in names)
        return self.height - self._count("count(*)", f"(SELECT DISTINCT {columns} FROM sample)")

    def count(self, name: str, like: str) -> int:
        """How many cells of a column are like a pattern."""
        return self._count(f"count(*) FILTER ({self._text(name)} LIKE {sql.literal(like)})")

    def is_number(self, name: str) -> bool:
        """Whether nearly all cells that hold something are numbers."""
        field = self._fields[name]
        if field.type == "BOOLEAN" or field.is_time:
            return False
        return self._nearly_all(name, f"{sql.number(field, decimal=self._decimal)} IS NOT NULL")

    def can_name(self, name: str) -> bool:
        """Whether a column can hold ids: several different ones, no fractions, no dates."""
        if self._fields[name].is_time or self.distinct(name) < 2:
            return False
        number = sql.number(self._fields[name], decimal=self._decimal)
        return not self.is_number(name) or self._nearly_all(name, f"{number} = floor({number})")

    def time_formats(self, name: str) -> list[str | None]:
        """The formats by which most cells, and nearly all, are dates in 1970..2100.

        None stands for a date by its type, or ISO 8601.
        """
        if self._fields[name].is_time:
            return [None]
        like_a_date = f"regexp_matches({self._text(name)}, {sql.literal(_LIKE_A_DATE)})"
        if not self._nearly_all(name, like_a_date):
            return []
        plausible = self._fitting(name, (None, *FORMATS), rows=f"(FROM sample LIMIT {_FIRST_LOOK})")
        return self._fitting(name, plausible, rows="sample")

    def descents(self, name: str, timestamp_format: str | None) -> int:
        """How often a column of times falls from one row to the next."""
        times = f"SELECT {self._time(name, timestamp_format)} AS t FROM sample"
        pairs = f"(SELECT t, lag(t) OVER () AS before FROM ({times}))"
        return self._count("count(*) FILTER (t < before)", pairs)

    def days(self, name: str, timestamp_format: str | None) -> int:
        """Days from the first to the last date of a column."""
        time = self._time(name, timestamp_format)
        return self._count(f"coalesce(date_diff('day', min({time}), max({time})), 0)")

    def usual_gap(self, customer: str, when: str, timestamp_format: str | None) -> float | None:
        """Days between two visits: the median over those who came back of their mean; None where
        nobody did.
        """
        visits = f"SELECT {self._text(customer)} AS who, {self._time(when, timestamp_format)} AS t"
        gaps = f"""
            SELECT date_diff('day', min(t), max(t)) / (count(DISTINCT CAST(t AS DATE)) - 1) AS gap
            FROM ({visits} FROM sample) WHERE who IS NOT NULL
            GROUP BY who HAVING count(DISTINCT CAST(t AS DATE)) > 1
        """
        ((gap,),) = self._rows(f"SELECT median(gap) FROM ({gaps})")
        return None if gap is None else float(gap)

    def _fitting(self, name: str, formats: Sequence[str | None], *, rows: str) -> list[str | None]:
        if not formats:
            return []
        within = "BETWEEN DATE '1970-01-01' AND DATE '2100-12-31'"
        dates = ", ".join(
            f"count(*) FILTER (CAST({self._time(name, each)} AS DATE) {within})" for each in formats
        )
        ((filled, *counts),) = self._rows(f"SELECT count({self._text(name)}), {dates} FROM {rows}")
        if max(counts) < max(1, _MOSTLY * filled):
            return []
        return [each for each, count in zip(formats, counts, strict=True) if count == max(counts)]

    def _time(self, name: str, timestamp_format: str | None) -> str:
        field = self._fields[name]
        if timestamp_format is not None:
            return f"try_strptime({self._text(name)}, {sql.literal(timestamp_format)})"
        if field.is_time or field.is_text:
            return f"TRY_CAST({field.sql} AS TIMESTAMP)"
        return sql.null("TIMESTAMP")

    def _nearly_all(self, name: str, condition: str) -> bool:
        count = self._count(f"count(*) FILTER ({condition})")
        return count > 0 and count >= _MOSTLY * self.count_filled(name)

    def _text(self, name: str) -> str:
        return f"nullif(trim(CAST({self._fields[name].sql} AS VARCHAR)), '')"

    def _count(self, what: str, rows: str = "sample") -> int:
        return int(self._rows(f"SELECT {what} FROM {rows}")[0][0])

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        if query not in self._answers:
            self._answers[query] = self._database.execute(query).fetchall()
        return self._answers[query]
