"""Some rows of a file that nobody has described yet, and what its columns could be."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.expressions import quote
from holdfast.ingest import money, sql
from holdfast.ingest.timestamps import FORMS, form_sql, format_sql, time_sql
from holdfast.io.warehouse import memory_database

KNOWN = tomllib.loads(Path(__file__).with_name("known.toml").read_text(encoding="utf-8"))
"""What `init` knows names, words and formats by."""
FORMATS = KNOWN["formats"]["of_times"].splitlines()
# Eight or fourteen digits, or three groups; most columns are told apart by this alone.
_LIKE_A_DATE = (
    r"^[0-9]{8}([0-9]{6}|T[0-9]{4,6}Z?)?$"
    r"|[0-9A-Za-z]{1,9}[-/. ,年]+[0-9A-Za-z]{1,9}[-/. ,月]+[0-9]{1,4}"
)
NUMBERS = ("quantity", "unit_price", "amount", "refunded")
_MOSTLY = 0.95
_FIRST_LOOK = 2000
_BEGINNING = "(FROM sample LIMIT 100_000)"
"""What tells which column is what; what a rule takes, and how long the log is, all rows tell."""


class Sample:
    """Rows with their columns as the source has them.

    Parameters
    ----------
    decimal
        The decimal sign of numbers in text.
    timestamp_format
        The one that is given, if any: no other is tried.
    complete
        Whether the rows are all there are.
    """

    def __init__(
        self,
        frame: pl.DataFrame,
        *,
        decimal: str = ".",
        timestamp_format: str | None = None,
        complete: bool = True,
    ) -> None:
        self.complete, self.names, self.height = complete, frame.columns, frame.height
        self._decimal = decimal
        self._formats = (timestamp_format,) if timestamp_format else (None, *FORMATS)
        self._answers: dict[str, list[tuple[Any, ...]]] = {}
        self._tables: dict[tuple[str, str, str | None], int] = {}
        self._database = memory_database()
        columns = {name: f"c{i}" for i, name in enumerate(frame.columns)}
        self._database.register("sample", frame.rename(columns).to_arrow())
        kinds = self.rows("SELECT column_name, column_type FROM (DESCRIBE sample)")
        self._fields = {
            name: sql.Field(*kind) for name, kind in zip(frame.columns, kinds, strict=True)
        }

    def close(self) -> None:
        """Let the rows go."""
        self._database.close()

    def count_filled(self, name: str) -> int:
        """How many cells of a column hold something."""
        return self._count(f"count({self.text_sql(name)})")

    def distinct(self, name: str) -> int:
        """How many different things a column holds."""
        return self._count(f"count(DISTINCT {self.text_sql(name)})")

    def count_values(self, name: str) -> list[tuple[str, int]]:
        """The different things that a column holds with their rows, the commonest first."""
        return self.rows(f"""
            SELECT {self.text_sql(name)} AS shown, count(*) AS n FROM sample
            WHERE shown IS NOT NULL GROUP BY shown ORDER BY n DESC, shown
        """)

    def values(self, name: str) -> list[str]:
        """The different things that a column holds, the commonest first."""
        return [value for value, _ in self.count_values(name)]

    @property
    def row_sql(self) -> str:
        """A number that two rows share only if they are equal throughout."""
        return sql.digests([field.sql for field in self._fields.values()])[0]

    def count_repeated(self, names: Sequence[str]) -> int:
        """How many rows equal an earlier one in these columns."""
        digest, _ = sql.digests([self._fields[name].sql for name in names])
        return self.height - self._count(f"count(DISTINCT {digest})")

    def count(self, name: str, like: str) -> int:
        """How many cells of a column are like a pattern."""
        return self._count(f"count(*) FILTER ({self.text_sql(name)} LIKE {sql.literal(like)})")

    def is_number(self, name: str) -> bool:
        """Whether nearly all cells that hold something are numbers."""
        field = self._fields[name]
        if field.type == "BOOLEAN" or field.is_time:
            return False
        number = sql.number(field, decimal=self._decimal)
        return self._nearly_all(name, f"{number} IS NOT NULL")

    def is_yes_no(self, name: str) -> bool:
        """Whether nearly all cells that hold something say yes or no."""
        return self._nearly_all(name, f"{sql.yes_no(self._fields[name])} IS NOT NULL")

    def has_sql(self, name: str) -> str:
        """A condition of the study: whether a cell of a column holds something."""
        quoted = quote(name)
        blank = f"nullif(trim({quoted}), '')" if self._fields[name].is_text else quoted
        return f"{blank} IS NOT NULL"

    def is_whole(self, name: str) -> bool:
        """Whether nearly all cells that hold something are whole numbers."""
        number = self.number_sql(name)
        return self._nearly_all(name, f"{number} = floor({number})")

    def is_running_number(self, name: str) -> bool:
        """Whether whole numbers are all different, lie close together and go up (or down) from row
        to row: they count rows.
        """
        if not self.is_whole(name):
            return False
        number = self.number_sql(name)
        ((filled, distinct, span, up, down),) = self.rows(f"""
            SELECT count(number), count(DISTINCT number), max(number) - min(number),
                count(*) FILTER (number > before), count(*) FILTER (number < before)
            FROM (SELECT {number} AS number, lag({number}) OVER () AS before FROM {_BEGINNING})
        """)
        is_dense = 2 < filled == distinct and span < 2 * filled
        return bool(is_dense and max(up, down) >= _MOSTLY * (filled - 1))

    def counts_rows(self, name: str) -> bool:
        """Whether a column goes up by one from row to row."""
        number = self.number_sql(name)
        steps = f"SELECT {number} - lag({number}) OVER () AS step FROM sample"
        return self._count("count(*) FILTER (step <> 1)", f"({steps})") == 0

    def middle_day(self, name: str) -> str | None:
        """The median day of a column of dates."""
        day = f"CAST({self.time_sql(name, None)} AS DATE)"
        ((middle,),) = self.rows(f"SELECT CAST(quantile_disc({day}, 0.5) AS VARCHAR) FROM sample")
        return None if middle is None else str(middle)

    def is_amount(self, name: str) -> bool:
        """Whether nearly all cells that hold something are numbers, or amounts with what stands
        beside one.
        """
        if self.is_number(name) or not self._fields[name].is_text:
            return self.is_number(name)
        return self._nearly_all(name, f"{self.number_sql(name)} IS NOT NULL")

    def names_currencies(self, name: str) -> bool:
        """Whether nearly all cells that hold something are codes or signs of currencies."""
        counts = self.count_values(name) if self._fields[name].is_text else []
        named = sum(n for word, n in counts if word.lower() in money.MEANINGS)
        return named > 0 and named >= _MOSTLY * sum(n for _, n in counts)

    def currencies(self, name: str) -> list[tuple[str, int]]:
        """The signs or codes of currencies beside the amounts of a column, in small letters, the
        commonest first.
        """
        sign = money.currency_sign(self._fields[name])
        rows = self.rows(f"""
            SELECT sign, count(*) AS n FROM (SELECT {sign} AS sign FROM sample)
            WHERE sign <> '' GROUP BY sign ORDER BY n DESC, sign
        """)
        return [(sign, n) for sign, n in rows if sign in money.MEANINGS]

    def median(self, name: str) -> float:
        """The median of a column of numbers, whatever their sign."""
        ((median,),) = self.rows(f"SELECT median(abs({self.number_sql(name)})) FROM {_BEGINNING}")
        return float(median or 0)

    def readable(self, name: str, role: str, timestamp_format: str | None) -> float:
        """Share of the rows in which a column can be read as what its role needs."""
        reads = self.text_sql(name)
        if role == "occurred_at":
            reads = self.time_sql(name, timestamp_format)
        elif role in NUMBERS:
            reads = self.number_sql(name)
        return self._count(f"count({reads})") / max(self.height, 1)

    def can_name(self, name: str) -> bool:
        """Whether a column can hold ids: several different ones, no fractions, no dates."""
        if self._fields[name].is_time or self.distinct(name) < 2:
            return False
        return not self.is_number(name) or self.is_whole(name)

    def time_formats(self, name: str, *, of_numbers: bool = True) -> list[str | None]:
        """The formats by which most cells, and nearly all, are dates in 1970..2100.

        None stands for a date by its type, or one that can be read one way only. Bare numbers, as
        of seconds or of a spreadsheet's days, may be dates where `of_numbers`.
        """
        if self._fields[name].is_time:
            return [None]
        if None not in self._formats:
            return self._fitting(name, self._formats, rows=_BEGINNING)
        like_a_date = f"regexp_matches({self.text_sql(name)}, {sql.literal(_LIKE_A_DATE)})"
        if not self._nearly_all(name, like_a_date) and not (of_numbers and self.is_number(name)):
            return []
        plausible = self._fitting(name, self._formats, rows=f"(FROM sample LIMIT {_FIRST_LOOK})")
        fitting = self._fitting(name, plausible, rows=_BEGINNING)
        return [None] if None in fitting else fitting

    def date_forms(self, name: str, timestamp_format: str | None) -> list[tuple[int, int]]:
        """How dates that can be read are written, as codes of FORMS, each with its cells, the
        commonest first.
        """
        field = self._fields[name]
        return self.rows(f"""
            SELECT {form_sql(field, timestamp_format)} AS form, count(*) AS n FROM sample
            WHERE {self.time_sql(name, timestamp_format)} IS NOT NULL
            GROUP BY form ORDER BY n DESC, form
        """)

    def descents(self, name: str, timestamp_format: str | None) -> int:
        """How often a column of times falls from one row to the next."""
        times = f"SELECT {self.time_sql(name, timestamp_format)} AS t FROM {_BEGINNING}"
        pairs = f"(SELECT t, lag(t) OVER () AS before FROM ({times}))"
        return self._count("count(*) FILTER (t < before)", pairs)

    def days(self, name: str, timestamp_format: str | None) -> int:
        """Days from the first to the last date of a column."""
        time = self.time_sql(name, timestamp_format)
        return self._count(f"coalesce(date_diff('day', min({time}), max({time})), 0)")

    def usual_gap(self, customer: str, when: str, timestamp_format: str | None) -> float | None:
        """Days between two visits: the median over those who came back of their mean; None where
        nobody did.
        """
        ((gap,),) = self.rows(f"""
            SELECT median(date_diff('day', first, last) / (days - 1))
            FROM {self._customers(customer, when, timestamp_format)} WHERE days > 1
        """)
        return None if gap is None else float(gap)

    def outcomes(
        self, customer: str, when: str, timestamp_format: str | None, days: Sequence[int]
    ) -> dict[int, tuple[int, int]]:
        """Days -> customers seen before the last so many days who were not seen in them, and who
        were.
        """
        customers = self._customers(customer, when, timestamp_format)
        counts = ", ".join(
            "count(*) FILTER (first <= cut AND last <= cut), "
            "count(*) FILTER (first <= cut AND last > cut)".replace(
                "cut", f"ends - INTERVAL {int(each)} DAY"
            )
            for each in days
        )
        (counted,) = self.rows(f"""
            SELECT {counts} FROM {customers}, (SELECT max(last) AS ends FROM {customers})
        """)
        pairs = zip(counted[::2], counted[1::2], strict=True)
        return {
            each: (int(left), int(stayed)) for each, (left, stayed) in zip(days, pairs, strict=True)
        }

    def examples(self, name: str, n: int = 3) -> tuple[str, ...]:
        """A few different things that a column holds, as they come."""
        cells = f"SELECT {self.text_sql(name)} AS shown FROM sample"
        rows = self.rows(f"SELECT shown FROM ({cells}) WHERE shown IS NOT NULL LIMIT {_FIRST_LOOK}")
        return tuple(dict.fromkeys(value for (value,) in rows))[:n]

    def _customers(self, customer: str, when: str, timestamp_format: str | None) -> str:
        """A table of each customer's first and last moment and the days of a visit, made once."""
        made = self._tables.setdefault((customer, when, timestamp_format), len(self._tables))
        table = f"customers_{made}"
        self._database.execute(f"""
            CREATE TABLE IF NOT EXISTS {table} AS
            SELECT min(t) AS first, max(t) AS last, count(DISTINCT CAST(t AS DATE)) AS days
            FROM (SELECT {self.text_sql(customer)} AS who,
                {self.time_sql(when, timestamp_format)} AS t FROM sample)
            WHERE who IS NOT NULL GROUP BY who
        """)
        return table

    def count_dates(self, name: str) -> list[tuple[str, int]]:
        """What most of a column's cells are dates by, each with its cells: as they stand, and the
        two formats that read the most besides; nothing where most are no dates.
        """
        formats = tuple(each for each in self._formats if each)
        filled, (stand, *counts) = self._count_by_format(name, (None, *formats), rows="sample")
        besides = [(each, n - stand) for each, n in zip(formats, counts, strict=True) if n > stand]
        best = sorted(besides, key=lambda item: -item[1])[:2]
        if 2 * (stand + sum(n for _, n in best)) <= filled:
            return []
        return [*([(FORMS[1], stand)] if stand else []), *best]

    def _fitting(self, name: str, formats: Sequence[str | None], *, rows: str) -> list[str | None]:
        if not formats:
            return []
        filled, counts = self._count_by_format(name, formats, rows=rows)
        if max(counts) < max(1, _MOSTLY * filled):
            return []
        return [each for each, count in zip(formats, counts, strict=True) if count == max(counts)]

    def _count_by_format(
        self, name: str, formats: Sequence[str | None], *, rows: str
    ) -> tuple[int, list[int]]:
        """Cells that hold something, and those of them that each format reads."""
        within = "BETWEEN DATE '1970-01-01' AND DATE '2100-12-31'"
        text = self.text_sql(name)
        times = [
            f"coalesce({format_sql(text, each)}, stands)" if each else "stands" for each in formats
        ]
        dates = ", ".join(f"count(*) FILTER (CAST({each} AS DATE) {within})" for each in times)
        ((filled, *counts),) = self.rows(f"""
            SELECT count({text}), {dates}
            FROM (SELECT *, {self.time_sql(name, None)} AS stands FROM {rows})
        """)
        return filled, counts

    def time_sql(self, name: str, timestamp_format: str | None) -> str:
        """A column as TIMESTAMP; NULL where it is none."""
        field = self._fields[name]
        if not (field.is_time or field.is_text or field.is_number):
            return sql.null("TIMESTAMP")
        return time_sql(field, timestamp_format, zone="UTC")

    def number_sql(self, name: str) -> str:
        """A column as DOUBLE; NULL where it is neither a number nor an amount."""
        return money.amount(self._fields[name], decimal=self._decimal)

    def _nearly_all(self, name: str, condition: str) -> bool:
        ((count, filled),) = self.rows(f"""
            SELECT count(*) FILTER ({condition}), count({self.text_sql(name)}) FROM {_BEGINNING}
        """)
        return bool(count > 0 and count >= _MOSTLY * filled)

    def text_sql(self, name: str) -> str:
        """A column as text; NULL where it is blank."""
        return f"nullif(trim(CAST({self._fields[name].sql} AS VARCHAR)), '')"

    def _count(self, what: str, rows: str = "sample") -> int:
        return int(self.rows(f"SELECT {what} FROM {rows}")[0][0])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Answer a query of the table `sample`."""
        if query not in self._answers:
            self._answers[query] = self._database.execute(query).fetchall()
        return self._answers[query]
