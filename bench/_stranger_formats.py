"""Dates and amounts as systems and people write them, each with an example worked out by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench._stranger_exports import Truth

EXAMPLE = datetime(2023, 1, 22, 14, 5, 30, tzinfo=UTC)
"""The moment of each example of a date; where its text is without a time, that day's midnight."""
MINOR = 171_606
"""The minor units of each example of an amount: 1,716.06 in dollars."""
N_ROWS = 60
_EPOCH_1900 = datetime(1899, 12, 30, tzinfo=UTC)


@dataclass(frozen=True)
class DateFormat:
    """How a moment is written; `hours` are what the text is behind UTC."""

    name: str
    example: str
    write: Callable[[datetime], str]
    hours: int = 0
    has_time: bool = True


@dataclass(frozen=True)
class AmountFormat:
    """How minor units are written, and the currency and its digits that show in them."""

    name: str
    example: str
    write: Callable[[int], str]
    currency: str = "USD"
    digits: int = 2
    negative: str = ""


def _time(form: str) -> Callable[[datetime], str]:
    return lambda moment: moment.strftime(form)


def _excel(moment: datetime) -> float:
    return (moment - _EPOCH_1900) / timedelta(days=1)


DATES = (
    DateFormat("a day", "2023-01-22", _time("%Y-%m-%d"), has_time=False),
    DateFormat("ISO 8601", "2023-01-22T14:05:30", _time("%Y-%m-%dT%H:%M:%S")),
    DateFormat("a blank for the T", "2023-01-22 14:05:30", _time("%Y-%m-%d %H:%M:%S")),
    DateFormat("Z", "2023-01-22T14:05:30Z", _time("%Y-%m-%dT%H:%M:%SZ")),
    DateFormat("milliseconds and Z", "2023-01-22T14:05:30.000Z", _time("%Y-%m-%dT%H:%M:%S.000Z")),
    DateFormat("an offset", "2023-01-22T14:05:30-05:00", _time("%Y-%m-%dT%H:%M:%S-05:00"), 5),
    DateFormat("Shopify", "2023-01-22 14:05:30 -0500", _time("%Y-%m-%d %H:%M:%S -0500"), 5),
    DateFormat("BigQuery", "2023-01-22 14:05:30 UTC", _time("%Y-%m-%d %H:%M:%S UTC")),
    DateFormat("ISO with a 12-hour clock", "2023-01-22 02:05:30 PM",
               _time("%Y-%m-%d %I:%M:%S %p")),
    DateFormat("slashes, year first", "2023/01/22 14:05:30", _time("%Y/%m/%d %H:%M:%S")),
    DateFormat("points, year first", "2023.01.22", _time("%Y.%m.%d"), has_time=False),
    DateFormat("eight digits", "20230122", _time("%Y%m%d"), has_time=False),
    DateFormat("fourteen digits", "20230122140530", _time("%Y%m%d%H%M%S")),
    DateFormat("basic ISO 8601", "20230122T140530Z", _time("%Y%m%dT%H%M%SZ")),
    DateFormat("day first", "22/01/2023 14:05:30", _time("%d/%m/%Y %H:%M:%S")),
    DateFormat("month first", "01/22/2023 14:05:30", _time("%m/%d/%Y %H:%M:%S")),
    DateFormat("month first, 12-hour clock", "01/22/2023 02:05:30 PM",
               _time("%m/%d/%Y %I:%M:%S %p")),
    DateFormat("points, day first", "22.01.2023", _time("%d.%m.%Y"), has_time=False),
    DateFormat("two digits of a year", "22/01/23", _time("%d/%m/%y"), has_time=False),
    DateFormat("Square", "Jan 22, 2023, 02:05:30 PM", _time("%b %d, %Y, %I:%M:%S %p")),
    DateFormat("Amazon", "Jan 22, 2023 2:05:30 PM PST",
               lambda each: f"{each:%b %d, %Y} {each.hour % 12 or 12}:{each:%M:%S %p} PST", 8),
    DateFormat("the month written out", "22 January 2023", _time("%d %B %Y"), has_time=False),
    DateFormat("Oracle", "22-JAN-23", lambda each: f"{each:%d-%b-%y}".upper(), has_time=False),
    DateFormat("RFC 2822", "Sun, 22 Jan 2023 14:05:30 -0500",
               _time("%a, %d %b %Y %H:%M:%S -0500"), 5),
    DateFormat("JavaScript", "Sun Jan 22 2023 14:05:30 GMT+0000 (Coordinated Universal Time)",
               _time("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")),
    DateFormat("C", "Sun Jan 22 14:05:30 2023", _time("%a %b %d %H:%M:%S %Y")),
    DateFormat("Chinese", "2023年1月22日 14:05:30",
               lambda each: f"{each.year}年{each.month}月{each.day}日 {each:%H:%M:%S}"),
    DateFormat("seconds since 1970", "1674396330", lambda each: f"{each.timestamp():.0f}"),
    DateFormat("milliseconds since 1970", "1674396330000",
               lambda each: f"{each.timestamp() * 1000:.0f}"),
    DateFormat("a spreadsheet's days", "44948", lambda each: str(int(_excel(each))),
               has_time=False),
    DateFormat("a spreadsheet's days and time", "44948.587153",
               lambda each: f"{_excel(each):.6f}"),
)  # fmt: skip


def _number(minor: int, group: str, point: str, digits: int = 2) -> str:
    whole, rest = divmod(abs(minor), 10**digits)
    fraction = f"{point}{rest:0{digits}d}" if digits else ""
    return f"{whole:,}".replace(",", group) + fraction


def _with(
    before: str = "", after: str = "", group: str = ",", point: str = ".", digits: int = 2
) -> Callable[[int], str]:
    def write(minor: int) -> str:
        sign = "-" if minor < 0 else ""
        return f"{sign}{before}{_number(minor, group, point, digits)}{after}"

    return write


def _in_parentheses(minor: int) -> str:
    text = f"${_number(minor, ',', '.')}"
    return f"({text})" if minor < 0 else text


def _minus_behind(minor: int) -> str:
    return _number(minor, ".", ",") + ("-" if minor < 0 else "")


AMOUNTS = (
    AmountFormat("a dollar sign", "$1,716.06", _with("$")),
    AmountFormat("a dollar sign, below zero", "$1,716.06", _with("$"), negative="-$1,716.06"),
    AmountFormat("in parentheses", "$1,716.06", _in_parentheses, negative="($1,716.06)"),
    AmountFormat("a minus behind", "1.716,06", _minus_behind, negative="1.716,06-"),
    AmountFormat("a code before", "EUR 1.716,06", _with("EUR ", group=".", point=","), "EUR"),
    AmountFormat("a code behind", "1716.06 USD", _with(after=" USD", group="")),
    AmountFormat("euros behind", "1.716,06 €", _with(after=" €", group=".", point=","), "EUR"),
    AmountFormat("euros, narrow blanks", "1\u202f716,06\u00a0€",
                 _with(after="\u00a0€", group="\u202f", point=","), "EUR"),
    AmountFormat("reais", "R$ 1.716,06", _with("R$ ", group=".", point=","), "BRL"),
    AmountFormat("pounds", "£1,716.06", _with("£"), "GBP"),
    AmountFormat("Swiss francs", "CHF 1'716.06", _with("CHF ", group="'"), "CHF"),
    AmountFormat("zlotys", "1 716,06 zł", _with(after=" zł", group=" ", point=","), "PLN"),
    AmountFormat("crowns", "1 716,06 kr", _with(after=" kr", group=" ", point=","), "SEK"),
    AmountFormat("yen", "¥171,606", _with("¥", digits=0), "JPY", 0),
    AmountFormat("dinars", "KWD 171.606", _with("KWD ", digits=3), "KWD", 3),
    AmountFormat("blanks between digits", "1 716.06", _with(group=" ")),
)  # fmt: skip


def write_dates(form: DateFormat, path: Path) -> Truth:
    """Write a log with its dates in a format, and say what it comes to."""
    moments = [EXAMPLE + timedelta(days=7 * i, hours=i % 4) for i in range(N_ROWS)]
    rows = [(form.write(each), f"{12 + i % 7}.50") for i, each in enumerate(moments)]
    days = [(each + timedelta(hours=form.hours)).timestamp() // 86400 for each in moments]
    cents = sum(1250 + 100 * (i % 7) for i in range(N_ROWS))
    _write(path, rows)
    return Truth(N_ROWS, cents, int(sum(days)))


def write_amounts(form: AmountFormat, path: Path) -> Truth:
    """Write a log with its amounts in a format, and say what it comes to."""
    minor = [121_606 + 4_337 * (i % 31) for i in range(N_ROWS)]
    if form.negative:
        minor = [-each // 2 if i % 9 == 8 else each for i, each in enumerate(minor)]
    days = [EXAMPLE + timedelta(days=7 * i) for i in range(N_ROWS)]
    _write(
        path, [(f"{day:%Y-%m-%d}", form.write(each)) for day, each in zip(days, minor, strict=True)]
    )
    return Truth(sum(each >= 0 for each in minor), sum(minor))


def _write(path: Path, rows: list[tuple[str, str]]) -> None:
    lines = [f'C{i % 9},{1001 + i},"{when}","{amount}"' for i, (when, amount) in enumerate(rows)]
    header = "customer_id,order_id,order_date,amount"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
