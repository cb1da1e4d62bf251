"""When something happened: any column of times as the business's local time, as a day and as UTC.

A time without an offset is the business's own; one with an offset (or a `timestamptz`), and a
number of seconds since 1970, is converted to it. The day of a local time is the day that the source
shows. UTC follows ICU where a clock was changed: an hour that was skipped counts by the offset
before the change, and of an hour that came twice the later one is meant.

What can be read one way only is read as it stands: year first, the month by its English name, and
whole numbers, which their size tells apart. `01/02/2023` can be read two ways and needs the study's
`timestamp_format`; where there is one, it is tried first.
"""

import re
from collections.abc import Sequence

from holdfast.errors import DataError
from holdfast.ingest import sql
from holdfast.ingest.sources import OpenSource
from holdfast.windows import date_of

FIRST_DAY = 0
LAST_DAY = 47846
"""1970-01-01 and 2100-12-31: a day outside was not understood."""
RANGE = f"{date_of(FIRST_DAY).year}..{date_of(LAST_DAY).year}"

FORMS = {
    1: "2023-01-31",
    2: "2023-01-31 14:05 -0500",
    3: "31 Jan 2023",
    4: "20230131",
    5: "seconds since 1970",
    6: "milliseconds since 1970",
    7: "Excel's number of a day",
    8: "the study's timestamp_format",
}
"""How a time may be written, by the code that `form_sql` gives it."""
EXCEL = 7

_CLOCK = "[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
_YEAR_FIRST = f"'[0-9]{{4,6}}[-/][0-9]{{1,2}}[-/][0-9]{{1,2}}([T ]+{_CLOCK})?'"
_ISO_OFFSET = ":[0-9.]+(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
_DIGITS = "'[0-9]{5,19}([.,][0-9]+)?'"
# Browsers write a narrow blank before AM and PM.
_BLANK = "[ \u00a0\u202f]"
# The zones of RFC 2822 and those of central Europe; other short names mean several.
_ZONES = {
    **{"Z": "+00", "UTC": "+00", "GMT": "+00", "CET": "+01", "CEST": "+02"},
    **{"EST": "-05", "EDT": "-04", "CST": "-06", "CDT": "-05"},
    **{"MST": "-07", "MDT": "-06", "PST": "-08", "PDT": "-07"},
}
_OFFSET = "Z|UTC|GMT|CES?T|[ECMP][SD]T|(?:GMT|UTC)?[+-][0-9]{2}(?::?[0-9]{2})?"
_OF_ZONE = sql.literal(rf"((?::|[0-9]T)[0-9.]+{_BLANK}?[ap.m]*){_BLANK}*({_OFFSET})( [(].*)?$")
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_MONTH = f"({_MONTHS})[a-z]*[.]?"
_WEEKDAY = "(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*[.]?,? +)?"
_DAY = "([0-9]{1,2})(?:st|nd|rd|th)?"
_SECONDS = "(?::([0-9]{2})(?:[.,][0-9]+)?)?"
_TIME = f"([0-9]{{1,2}}):([0-9]{{2}}){_SECONDS}{_BLANK}?(?:([ap])[.]?m[.]?)?"
_AFTER = f"(?:[,T]*{_BLANK}*(?:at )?{_TIME})?$"
_LAYOUTS = (
    (f"^([0-9]{{4}})[-/.年 ]+([0-9]{{1,2}}|{_MONTHS})[-/.月, ]+([0-9]{{1,2}})日?{_AFTER}",
     r"\1 \2 \3 \4:\5:\6 \7m"),
    (f"^{_WEEKDAY}{_DAY}[-/., ]*{_MONTH}[-/.,' ]*([0-9]{{4}}|[0-9]{{2}}){_AFTER}",
     r"\3 \2 \1 \4:\5:\6 \7m"),
    (f"^{_WEEKDAY}{_MONTH}[-/. ]*{_DAY}[-/., ]+([0-9]{{4}}){_AFTER}",
     r"\3 \1 \2 \4:\5:\6 \7m"),
    (f"^{_WEEKDAY}{_MONTH} +{_DAY} +{_TIME} +([0-9]{{4}})$",
     r"\7 \1 \2 \3:\4:\5 \6m"),
)  # fmt: skip
"""Pattern -> year, month, day and time in one order."""
_LAID_OUT = [
    *("%Y%m%dT%H%M%S", "%Y%m%dT%H%M"),
    *(
        f"{day} {time}"
        for day in ("%y %b %d", "%Y %b %d", "%Y %m %d")
        for time in (":: m", "%H:%M: m", "%H:%M:%S m", "%I:%M: %p", "%I:%M:%S %p")
    ),
]


def local_time_sql(source: OpenSource, column: str, *, role: str, zone: str) -> str:
    """A column of times as TIMESTAMP in the business's time zone; NULL where it is none.

    Raises
    ------
    DataError
        The column cannot hold times.
    StudyError
        The format is none.
    """
    field = source.column(column, role=role)
    if not (field.is_time or field.is_text or field.is_number):
        raise DataError(
            f"{source.labels[0]}: the column '{column}' ({role}) is {field.type}, not a date or "
            "time",
            fix="name a column of dates, or write dates",
            column=column,
        )
    if source.iso_times and field.is_text:
        return _iso_time(_text(field), zone)
    return time_sql(field, source.timestamp_format, zone=zone)


def time_sql(field: sql.Field, timestamp_format: str | None, *, zone: str) -> str:
    """A field of dates, texts or numbers as TIMESTAMP in a time zone; NULL where it is no time.

    Raises
    ------
    StudyError
        The format is none.
    """
    if field.type.startswith(("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")):
        return _in_zone(field.sql, zone)
    if field.is_time:
        return f"CAST({field.sql} AS TIMESTAMP)"
    text = _text(field)
    as_it_stands = _text_time(text, zone) if field.is_text else _number_time(field.sql, zone)
    if timestamp_format is None:
        return as_it_stands
    return f"coalesce({format_sql(text, timestamp_format, zone=zone)}, {as_it_stands})"


def format_sql(text: str, timestamp_format: str, *, zone: str = "UTC") -> str:
    """A text as TIMESTAMP in a time zone by a strptime format; NULL where it does not fit.

    Raises
    ------
    StudyError
        The format is none.
    """
    form = sql.literal(timestamp_format)
    ((kind,),) = sql.try_sql(
        f"SELECT typeof(try_strptime('', {form}))",
        problem=f"csv.timestamp_format {timestamp_format!r} is no format",
        fix="write it as '%d/%m/%Y %H:%M'",
    )
    time = f"try_strptime(translate({text}, '\u00a0\u202f', '  '), {form})"
    return _in_zone(time, zone) if kind.startswith("TIMESTAMP WITH") else time


def form_sql(field: sql.Field, timestamp_format: str | None) -> str:
    """The code in FORMS of how a time is written that can be read; 0 where it has a type."""
    if field.is_time:
        return "CAST(0 AS UTINYINT)"
    text, by_format = _text(field), "false"
    if timestamp_format is not None:
        by_format = f"{format_sql(text, timestamp_format)} IS NOT NULL"
    whole = f"length(regexp_extract({text}, '^[0-9]+'))"
    sizes = " ".join(
        f"WHEN {whole} <= {digits} THEN {code}"
        for digits, code in ((5, EXCEL), (8, 4), (10, 5), (12, 4), (13, 6), (14, 4))
    )
    has_offset = f"regexp_matches({text}, {_OF_ZONE}, 'i')"
    return f"""CAST(CASE WHEN {by_format} THEN 8
        WHEN regexp_matches({text}, '^[0-9]{{4}}[-/.]')
            THEN CASE WHEN {has_offset} THEN 2 ELSE 1 END
        WHEN regexp_matches({text}, '^[0-9]{{5}}') THEN CASE {sizes} ELSE 6 END
        ELSE 3 END AS UTINYINT)"""


def describe_forms(forms: Sequence[tuple[int, int]]) -> str:
    """Say how many cells are written in each form.

    >>> describe_forms([(1, 1200), (3, 40)])
    '1,200 as 2023-01-31, 40 as 31 Jan 2023'
    """
    return ", ".join(f"{n:,} as {FORMS[form]}" for form, n in forms)


def day_sql(time: str) -> str:
    """Days since 1970-01-01 of a local time."""
    return f"CAST(date_diff('day', DATE '1970-01-01', CAST({time} AS DATE)) AS INTEGER)"


def utc_sql(time: str, zone: str) -> str:
    """UTC, without a zone, of a local time."""
    return time if zone == "UTC" else f"timezone('UTC', timezone({sql.literal(zone)}, {time}))"


def in_range(day: str) -> str:
    """Whether a day is one that can be meant."""
    return f"({day} BETWEEN {FIRST_DAY} AND {LAST_DAY})"


def _text(field: sql.Field) -> str:
    return f"trim({field.sql})" if field.is_text else sql.text(field)


def _in_zone(instant: str, zone: str) -> str:
    return f"timezone({sql.literal(zone)}, {instant})"


def is_iso(text: str) -> bool:
    """Whether a text is a time of ISO 8601 as the database itself reads it."""
    return _ISO.fullmatch(text) is not None


def _iso_time(text: str, zone: str) -> str:
    instant = _in_zone(f"TRY_CAST({text} AS TIMESTAMPTZ)", zone)
    return f"""CASE WHEN regexp_matches({text}, '{_ISO_OFFSET}$') THEN {instant}
        ELSE TRY_CAST({text} AS TIMESTAMP) END"""


def _text_time(text: str, zone: str) -> str:
    number = f"TRY_CAST(replace({text}, ',', '.') AS DOUBLE)"
    number_time = sql.once(number, _number_time("n", zone), "n")
    # The database takes the word epoch for a time, whatever the format.
    return f"""CASE
        WHEN regexp_full_match({text}, {_YEAR_FIRST}) THEN TRY_CAST({text} AS TIMESTAMP)
        WHEN regexp_full_match({text}, {_DIGITS}) THEN {number_time}
        WHEN regexp_matches({text}, '[0-9]') THEN {_written_time(text, zone)} END"""


def _written_time(text: str, zone: str) -> str:
    """Read a time with an offset, or that is written out."""
    laid_out = "clock"
    for pattern, order in _LAYOUTS:
        laid_out = f"regexp_replace({laid_out}, {sql.literal(pattern)}, {sql.literal(order)}, 'i')"
    formats = ", ".join(map(sql.literal, _LAID_OUT))
    # Fractions of a second are in texts that the database itself reads.
    time = f"""CASE WHEN regexp_full_match(clock, {_YEAR_FIRST}) THEN TRY_CAST(clock AS TIMESTAMP)
        ELSE try_strptime({laid_out}, [{formats}]) END"""
    clock = f"regexp_replace({text}, {_OF_ZONE}, '\\1', 'i')"
    hours = " ".join(f"WHEN '{name}' THEN '{offset}'" for name, offset in _ZONES.items())
    offset = f"CASE part {hours} ELSE regexp_replace(part, '^[A-Z]+', '') END"
    part = f"upper(regexp_extract({text}, {_OF_ZONE}, 2, 'i'))"
    instant = (
        f"TRY_CAST(CAST(moment AS VARCHAR) || {sql.once(part, offset, 'part')} AS TIMESTAMPTZ)"
    )
    local = f"""CASE WHEN regexp_matches({text}, {_OF_ZONE}, 'i')
        THEN {_in_zone(instant, zone)} ELSE moment END"""
    return sql.once(sql.once(clock, time, "clock"), local, "moment")


def _number_time(number: str, zone: str) -> str:
    """Read a number by its size: no two of these ranges meet."""
    digits = f"CAST(CAST({number} AS BIGINT) AS VARCHAR)"

    def since_1970(per_second: float) -> str:
        micros = f"CAST(round({number} * {1e6 / per_second}) AS BIGINT)"
        return _utc_in_zone(f"make_timestamp({micros})", zone)

    excel = f"TIMESTAMP '1899-12-30' + to_seconds(CAST(round({number} * 86400.0) AS BIGINT))"
    return f"""CASE
        WHEN {number} >= 25569 AND {number} < 73416 THEN {excel}
        WHEN {number} BETWEEN 19700101 AND 21001231 THEN try_strptime({digits}, '%Y%m%d')
        WHEN {number} BETWEEN 3e8 AND 4.2e9 THEN {since_1970(1)}
        WHEN {number} BETWEEN 197001010000 AND 210012312359
            THEN try_strptime({digits}, '%Y%m%d%H%M')
        WHEN {number} BETWEEN 6.3e11 AND 4.2e12 THEN {since_1970(1e3)}
        WHEN {number} BETWEEN 1.97e13 AND 2.11e13 THEN try_strptime({digits}, '%Y%m%d%H%M%S')
        WHEN {number} BETWEEN 6.3e14 AND 4.2e15 THEN {since_1970(1e6)}
        WHEN {number} BETWEEN 6.3e17 AND 4.2e18 THEN {since_1970(1e9)}
        END"""


def _utc_in_zone(time: str, zone: str) -> str:
    return time if zone == "UTC" else _in_zone(f"timezone('UTC', {time})", zone)
