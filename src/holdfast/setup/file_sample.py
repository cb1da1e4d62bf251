"""Some rows of a file that nobody has described yet, and what its columns could be."""

from collections.abc import Sequence

import duckdb
import polars as pl

from holdfast.ingest.sql import Field, literal, number_sql

FORMATS = (
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%y %H:%M",
    "%m/%d/%y %H:%M",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%Y%m%d%H%M%S",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%a %b %d %H:%M:%S %Y",
)
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
        self.complete = complete
        self.names = frame.columns
        self.height = frame.height
        self._decimal = decimal
        self._answers: dict[str, list[tuple[int, ...]]] = {}
        self._database = duckdb.connect()
        self._database.execute("SET TimeZone = 'UTC'")
        inner = {name: f"c{i}" for i, name in enumerate(frame.columns)}
        self._database.register("sample", frame.rename(inner).to_arrow())
        described = self._database.execute(
            "SELECT column_name, column_type FROM (DESCRIBE sample)"
        ).fetchall()
        self._fields = {
            name: Field(*kind) for name, kind in zip(frame.columns, described, strict=True)
        }

    def close(self) -> None:
        """Let the rows go."""
        self._database.close()

    def known(self, name: str) -> int:
        """How many cells of a column hold something."""
        return self._asked(f"count({self._text(name)})")[0]

    def distinct(self, name: str) -> int:
        """How many different things a column holds."""
        return self._asked(f"count(DISTINCT {self._text(name)})")[0]

    def values(self, name: str, *, at_most: int = 20) -> list[str]:
        """The different things that a column holds, the commonest first."""
        rows = f"""
            SELECT {self._text(name)} AS shown FROM sample WHERE shown IS NOT NULL
            GROUP BY shown ORDER BY count(*) DESC, shown LIMIT {at_most}
        """
        return [row[0] for row in self._database.execute(rows).fetchall()]

    def repeated(self, names: Sequence[str]) -> int:
        """How many rows equal an earlier one in these columns."""
        columns = ", ".join(self._fields[name].sql for name in names)
        return self.height - int(
            self._rows(f"SELECT count(*) FROM (SELECT DISTINCT {columns} FROM sample)")[0][0]
        )

    def count(self, name: str, like: str) -> int:
        """How many cells of a column are like a pattern."""
        return self._asked(f"count(*) FILTER ({self._text(name)} LIKE {literal(like)})")[0]

    def without_digits(self, name: str) -> tuple[int, list[str]]:
        """How many different texts of a column have no digit, and the commonest of them."""
        bare = (
            f"SELECT {self._text(name)} AS shown FROM sample WHERE NOT regexp_matches(shown, "
            "'[0-9]')"
        )
        found = self._database.execute(
            f"SELECT shown FROM ({bare}) GROUP BY shown ORDER BY count(*) DESC, shown"
        ).fetchall()
        return len(found), [row[0] for row in found[:10]]

    def is_number(self, name: str) -> bool:
        """Whether nearly all cells that hold something are numbers."""
        field = self._fields[name]
        if field.type == "BOOLEAN" or field.is_time:
            return False
        return self._nearly_all(name, f"{number_sql(field, decimal=self._decimal)} IS NOT NULL")

    def is_whole(self, name: str) -> bool:
        """Whether nearly all cells that hold something are whole numbers."""
        number = number_sql(self._fields[name], decimal=self._decimal)
        return self.is_number(name) and self._nearly_all(name, f"{number} = floor({number})")

    def can_name(self, name: str) -> bool:
        """Whether a column can hold ids: several different ones, no fractions, no dates."""
        if self._fields[name].is_time or self.distinct(name) < 2:
            return False
        return not self.is_number(name) or self.is_whole(name)

    def time_formats(self, name: str) -> list[str | None]:
        """The formats by which most cells, and nearly all, are dates in 1970..2100.

        None stands for a date by its type, or ISO 8601.
        """
        field = self._fields[name]
        if field.is_time:
            return [None]
        if not self._nearly_all(
            name, f"regexp_matches({self._text(name)}, {literal(_LIKE_A_DATE)})"
        ):
            return []
        plausible = self._fitting(name, (None, *FORMATS), rows=f"(FROM sample LIMIT {_FIRST_LOOK})")
        return self._fitting(name, plausible, rows="sample")

    def descents(self, name: str, timestamp_format: str | None) -> int:
        """How often a column of times falls from one row to the next."""
        times = f"SELECT {self._time(name, timestamp_format)} AS t FROM sample"
        return int(
            self._rows(
                "SELECT count(*) FILTER (t < before) FROM (SELECT t, lag(t) OVER () AS before "
                f"FROM ({times}))"
            )[0][0]
        )

    def days(self, name: str, timestamp_format: str | None) -> int:
        """Days from the first to the last date of a column."""
        time = self._time(name, timestamp_format)
        return self._asked(f"coalesce(date_diff('day', min({time}), max({time})), 0)")[0]

    def _fitting(self, name: str, formats: Sequence[str | None], *, rows: str) -> list[str | None]:
        if not formats:
            return []
        within = "BETWEEN DATE '1970-01-01' AND DATE '2100-12-31'"
        dates = ", ".join(
            f"count(*) FILTER (CAST({self._time(name, each)} AS DATE) {within})" for each in formats
        )
        known, *counts = self._rows(f"SELECT count({self._text(name)}), {dates} FROM {rows}")[0]
        if max(counts) < max(1, _MOSTLY * known):
            return []
        return [each for each, count in zip(formats, counts, strict=True) if count == max(counts)]

    def _time(self, name: str, timestamp_format: str | None) -> str:
        field = self._fields[name]
        if timestamp_format is not None:
            return f"try_strptime({self._text(name)}, {literal(timestamp_format)})"
        return (
            f"TRY_CAST({field.sql} AS TIMESTAMP)"
            if field.is_time or field.type == "VARCHAR"
            else "CAST(NULL AS TIMESTAMP)"
        )

    def _nearly_all(self, name: str, condition: str) -> bool:
        holds, known = self._asked(f"count(*) FILTER ({condition}), count({self._text(name)})")
        return holds > 0 and holds >= _MOSTLY * known

    def _text(self, name: str) -> str:
        return f"nullif(trim(CAST({self._fields[name].sql} AS VARCHAR)), '')"

    def _asked(self, columns: str) -> tuple[int, ...]:
        return tuple(self._rows(f"SELECT {columns} FROM sample")[0])

    def _rows(self, sql: str) -> list[tuple[int, ...]]:
        if sql not in self._answers:
            self._answers[sql] = self._database.execute(sql).fetchall()
        return self._answers[sql]
