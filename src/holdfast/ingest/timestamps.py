"""When something happened: any column of times as the business's local time, as a day and as UTC.

A time without an offset is the business's own; one with an offset (or a `timestamptz`) is converted
to it. The day of a local time is the day that the source shows. UTC follows ICU where a clock was
changed: an hour that was skipped counts by the offset before the change, and of an hour that came
twice the later one is meant.
"""

from holdfast.errors import DataError
from holdfast.ingest import sql
from holdfast.ingest.sources import OpenSource
from holdfast.windows import date_of

FIRST_DAY = 0
LAST_DAY = 47846
"""1970-01-01 and 2100-12-31: a day outside was not understood."""
RANGE = f"{date_of(FIRST_DAY).year}..{date_of(LAST_DAY).year}"

_OFFSET = "'(:[0-9.]+)([Zz]|[ ]?[+-][0-9]{2}(:?[0-9]{2})?)$'"


def local_time_sql(source: OpenSource, column: str, *, role: str, zone: str) -> str:
    """A column of times as TIMESTAMP in the business's time zone; NULL where it is none.

    Raises
    ------
    DataError
        The column cannot hold times, or needs a format to be read.
    StudyError
        The format is none.
    """
    field = source.column(column, role=role)
    if field.type.startswith(("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")):
        return _in_zone(field.sql, zone)
    if field.is_time:
        return f"CAST({field.sql} AS TIMESTAMP)"
    if source.timestamp_format is not None:
        text = f"trim({field.sql})" if field.is_text else f"CAST({field.sql} AS VARCHAR)"
        return _by_format(text, source.timestamp_format, zone)
    if not field.is_text:
        raise DataError(
            f"{source.labels[0]}: the column '{column}' ({role}) is {field.type}, not a date or "
            "time",
            fix=f"set {source.name}.csv.timestamp_format, '%Y%m%d' say, or write dates",
            column=column,
        )
    text = f"trim({field.sql})"
    with_offset = _in_zone(f"TRY_CAST({text} AS TIMESTAMPTZ)", zone)
    return (
        f"CASE WHEN regexp_matches({text}, {_OFFSET}) THEN {with_offset} "
        f"ELSE TRY_CAST({text} AS TIMESTAMP) END"
    )


def day_sql(time: str) -> str:
    """Days since 1970-01-01 of a local time."""
    return f"CAST(date_diff('day', DATE '1970-01-01', CAST({time} AS DATE)) AS INTEGER)"


def utc_sql(time: str, zone: str) -> str:
    """UTC, without a zone, of a local time."""
    return time if zone == "UTC" else f"timezone('UTC', timezone({sql.literal(zone)}, {time}))"


def in_range(day: str) -> str:
    """Whether a day is one that can be meant."""
    return f"({day} BETWEEN {FIRST_DAY} AND {LAST_DAY})"


def _in_zone(instant: str, zone: str) -> str:
    return f"timezone({sql.literal(zone)}, {instant})"


def _by_format(text: str, timestamp_format: str, zone: str) -> str:
    form = sql.literal(timestamp_format)
    ((kind,),) = sql.try_sql(
        f"SELECT typeof(try_strptime('', {form}))",
        problem=f"csv.timestamp_format {timestamp_format!r} is no format",
        fix="write it as '%d/%m/%Y %H:%M'",
    )
    time = f"try_strptime({text}, {form})"
    return _in_zone(time, zone) if kind.startswith("TIMESTAMP WITH") else time
