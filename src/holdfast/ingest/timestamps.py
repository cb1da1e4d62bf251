"""When something happened: any column of times as the business's local time, as a day and as UTC.

A time without an offset is the business's own; one with an offset (or a `timestamptz`) is converted
to it. The day of a local time is the day that the source shows. UTC follows ICU where a clock was
changed: an hour that was skipped counts by the offset before the change, and of an hour that came
twice the later one is meant.
"""

from dataclasses import dataclass

import duckdb

from holdfast.errors import DataError, StudyError
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.sql import Field, calculator
from holdfast.ingest.validation import literal
from holdfast.windows import date_of

FIRST_DAY = 0
LAST_DAY = 47846
"""1970-01-01 and 2100-12-31: a day outside was not understood."""

_FORMATLESS = ("TIMESTAMP", "DATE")
_OFFSET = "'(:[0-9.]+)([Zz]|[ ]?[+-][0-9]{2}(:?[0-9]{2})?)$'"


@dataclass(frozen=True)
class Moment:
    """SQL for a column of times.

    Attributes
    ----------
    local
        TIMESTAMP in the business's time zone; NULL where it is none.
    blank
        Whether the source has nothing there.
    """

    local: str
    blank: str
    zone: str

    def day(self, local: str) -> str:
        """Days since 1970-01-01 of a column that holds `local`."""
        return f"CAST(date_diff('day', DATE '1970-01-01', CAST({local} AS DATE)) AS INTEGER)"

    def utc(self, local: str) -> str:
        """UTC, without a zone, of a column that holds `local`."""
        return (
            local
            if self.zone == "UTC"
            else f"timezone('UTC', timezone({literal(self.zone)}, {local}))"
        )


def blank_sql(column: Field) -> str:
    """Whether the source has nothing there: NULL, or a text of blanks."""
    return (
        f"(nullif(trim({column.sql}), '') IS NULL)"
        if column.type == "VARCHAR"
        else f"({column.sql} IS NULL)"
    )


def moment(
    source: OpenSource, column: str, *, role: str, zone: str, timestamp_format: str | None
) -> Moment:
    """Say how a column of times is read.

    Raises
    ------
    DataError
        The column cannot hold times, or needs a format to be read.
    StudyError
        The format is none.
    """
    found = source.column(column, role=role)
    if found.type.startswith(("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")):
        return Moment(_in_zone(found.sql, zone), blank_sql(found), zone)
    if found.is_time:
        return Moment(f"CAST({found.sql} AS TIMESTAMP)", blank_sql(found), zone)
    text = f"trim({found.sql})" if found.type == "VARCHAR" else f"CAST({found.sql} AS VARCHAR)"
    if timestamp_format is not None:
        return Moment(_by_format(text, timestamp_format, zone), blank_sql(found), zone)
    if found.type != "VARCHAR":
        raise DataError(
            f"{source.labels[0]}: the column '{column}' ({role}) is {found.type}, not a date or "
            "time",
            fix=f"set {source.name}.csv.timestamp_format, '%Y%m%d' say, or write dates",
            column=column,
        )
    aware = f"regexp_matches({text}, {_OFFSET})"
    offset = _in_zone(f"TRY_CAST({text} AS TIMESTAMPTZ)", zone)
    return Moment(
        f"CASE WHEN {aware} THEN {offset} ELSE TRY_CAST({text} AS TIMESTAMP) END",
        blank_sql(found),
        zone,
    )


def in_range(day: str) -> str:
    """Whether a day is one that can be meant."""
    return f"({day} BETWEEN {FIRST_DAY} AND {LAST_DAY})"


RANGE = f"{date_of(FIRST_DAY).year}..{date_of(LAST_DAY).year}"


def _in_zone(instant: str, zone: str) -> str:
    return f"timezone({literal(zone)}, {instant})"


def _by_format(text: str, timestamp_format: str, zone: str) -> str:
    sql = f"try_strptime({text}, {literal(timestamp_format)})"
    try:
        with calculator() as connection:
            kind = connection.execute(
                f"SELECT typeof(try_strptime('', {literal(timestamp_format)}))"
            ).fetchall()
    except duckdb.Error as error:
        said = str(error).strip().splitlines()[0]
        raise StudyError(
            f"csv.timestamp_format {timestamp_format!r} is no format: {said}",
            fix="write it as '%d/%m/%Y %H:%M'",
        ) from None
    return _in_zone(sql, zone) if kind[0][0].startswith("TIMESTAMP WITH") else sql
