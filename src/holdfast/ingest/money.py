"""Amounts as people write them: with a sign or a code of a currency, below zero in parentheses or
with a minus at either end, and digits grouped by points, commas, blanks or apostrophes.

A number beside anything else, a percent sign say, is no amount. Numbers stay exact.

A line in another currency than the study's counts by the rate of its day, or of the last day before
it that has one. Where there is none, it is set aside: adding up different currencies is no sum.
"""

from holdfast.errors import DataError
from holdfast.ingest import sql
from holdfast.ingest.sources import OpenSource, open_source
from holdfast.ingest.timestamps import LAST_DAY, day_sql, local_time_sql
from holdfast.ingest.validation import Part
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study, Transactions
from holdfast.study.conversion import Rates
from holdfast.study.currencies import CODES, SIGNS, minor_digits

FOREIGN = "in another currency"
NO_RATE = "in a currency without a rate on its day or before"
_RATE = "DECIMAL(18, 12)"
_CONVERTIBLE = "DECIMAL(20, 4)"
"""Times a rate it has the 38 digits that are exact."""
MEANINGS = {sign.lower(): means for sign, means in SIGNS.items()}
"""What may stand beside an amount, in small letters -> the currencies that it may mean."""
_BLANKS = "\u00a0\u202f\u2009\u2007"
_APOSTROPHES = "\u2019\u02bc\u2032"
_MINUSES = "\u2212\u2013"
_PARTS = "'^([^0-9]*)([0-9](?:[0-9., '']*[0-9])?[.,]?)([^0-9]*)$', ['head', 'number', 'tail']"
_KNOWN = sql.literals(["", *MEANINGS])
_CODES = sql.literals(sorted(map(str.lower, CODES)))


def amount(column: sql.Field, *, decimal: str, to: str = "DOUBLE") -> str:
    """A column of amounts as a number of type `to`; NULL where a cell is none."""
    number = sql.number(column, decimal=decimal, to=to)
    if not column.is_text:
        return number
    group, point = ("[,. '']", ".") if decimal == "." else ("[. '']", ",")
    group = group.replace(decimal, "")
    whole = f"[0-9]+|[0-9]{{1,3}}({group}[0-9]{{3}})+"
    # A lakh is written 1,00,000.
    whole += "|[0-9]{1,2}(,[0-9]{2})+,[0-9]{3}" if decimal == "." else ""
    digits = f"replace(regexp_replace(part.number, '{group}', '', 'g'), '{point}', '.')"
    is_amount = f"""{_sign("part.head")} IN {_KNOWN} AND {_sign("part.tail")} IN {_KNOWN}
        AND contains(part.head, '(') = contains(part.tail, ')')
        AND regexp_full_match(part.number, '({whole})([{decimal}][0-9]*)?')"""
    sign = "CASE WHEN regexp_matches(part.head || part.tail, '[-(]') THEN '-' ELSE '' END"
    written = f"CASE WHEN {is_amount} THEN TRY_CAST({sign} || {digits} AS {to}) END"
    return f"coalesce({number}, {sql.once(_parts(column), written, 'part')})"


def currency_sign(column: sql.Field) -> str:
    """The sign or code beside an amount, in small letters; blank where there is none."""
    if not column.is_text:
        return "''"
    head, tail = _sign("part.head"), _sign("part.tail")
    # Of $12.50 CAD the code says which.
    sign = f"CASE WHEN {tail} IN {_CODES} OR {head} = '' THEN {tail} ELSE {head} END"
    return f"""CASE WHEN regexp_matches({column.sql}, '[^-+0-9., ]')
        THEN coalesce({sql.once(_parts(column), sign, "part")}, '') ELSE '' END"""


def signs_of(currency: str) -> frozenset[str]:
    """What may stand beside an amount in a currency, in small letters; nothing, too."""
    return frozenset({"", *(sign for sign, means in MEANINGS.items() if currency in means)})


def resolve_sign(sign: str, *, currency: str) -> str:
    """The currency that a sign means in a log that is kept in `currency`.

    >>> [resolve_sign("$", currency=currency) for currency in ("CAD", "EUR")]
    ['CAD', 'USD']
    """
    means = MEANINGS[sign]
    return currency if currency in means else means[0]


def currency_column(study: Study) -> str | None:
    """The column that names a line's currency."""
    return study.conversion.column if study.conversion else None


def conversion_part(source: OpenSource, study: Study, log: Transactions) -> Part:
    """Read the sign of a line's currency, and say which lines cannot be counted."""
    column, amount = currency_column(study), log.columns.amount or log.columns.unit_price
    signs = [f"lower({sql.identifier(source.column(column, role='currency'))})"] if column else []
    if amount and (field := source.column(amount, role="amount")).is_text:
        signs.append(f"nullif({currency_sign(field)}, '')")
    if not signs:
        signs = ["''"]
    is_foreign = f"_sign NOT IN {sql.literals(sorted(signs_of(study.currency)))}"
    part = Part({"_sign": f"coalesce({', '.join(signs)}, '')"}, {"_is_foreign": is_foreign})
    if not _has_rates(study):
        return part | Part({}, {}, {FOREIGN: "_is_foreign"})
    words = (
        f"{sql.literal(sign)}: '{resolve_sign(sign, currency=study.currency)}'" for sign in MEANINGS
    )
    currency = f"MAP {{{', '.join(words)}}}[_sign]"
    return part | Part({}, {"_currency": currency}, {NO_RATE: "_is_foreign AND _rate IS NULL"})


def rate_layer(study: Study) -> dict[str, str]:
    """The rate of a line by its `_currency` and `day`; nothing where the study has no rates."""
    if not _has_rates(study):
        return {}
    return {
        "_rate": """(SELECT rate FROM rates
            WHERE rate_currency = _currency AND rate_from <= day AND day < rate_until)"""
    }


def convert_sql(exact: str, study: Study, log: Transactions) -> str:
    """An amount in the study's currency, in units of it; 0 where there is no rate."""
    if not _has_rates(study):
        return exact
    if log.amounts_in == "minor":
        exact = f"CAST({exact} AS DECIMAL(30, 4)) * {_unit_sql(study)}"
    # The study's own amounts are neither multiplied nor rounded.
    converted = f"TRY_CAST(round({exact}, 4) AS {_CONVERTIBLE}) * coalesce(_rate, 0)"
    exact, converted = (
        f"CAST({each} AS DECIMAL(38, 10))" for each in (exact, f"round({converted}, 10)")
    )
    return f"CASE WHEN _is_foreign THEN {converted} ELSE {exact} END"


def number_problems(role: str, column: sql.Field, decimal: str, *, needed: bool) -> dict[str, str]:
    """What can be wrong with a number: reason -> condition."""
    blank = sql.blank(column)
    lacking = f"_{role} IS NULL AND NOT {blank}"
    finite = amount(column, decimal=decimal)
    return {
        **({f"{role} is missing": blank} if needed else {}),
        f"{role} is not a number": f"{lacking} AND {finite} IS NULL",
        f"{role} is too large": lacking,
    }


def minor_sql(exact: str, digits: int) -> str:
    """An exact amount in minor units."""
    # round() of a decimal goes half away from zero, and a decimal of so many places times its
    # power is whole.
    return f"CAST(round({exact}, {digits}) * {10**digits} AS HUGEINT)"


def create_rates(study: Study, warehouse: Warehouse) -> None:
    """Create the table of rates: each from its day to the next one of its currency.

    Raises
    ------
    DataError
        A rate cannot be read, or a day has two of one currency.
    """
    if not _has_rates(study):
        return
    rates: Rates = study.conversion.rates  # type: ignore[union-attr, assignment]
    columns, zone = rates.columns, study.time_zone
    source = open_source(rates, warehouse, name="rates", project_dir=study.project_dir)
    time = local_time_sql(source, columns.day, role="day", zone=zone)
    word = sql.identifier(source.column(columns.currency, role="currency"))
    rate = sql.number(source.column(columns.rate, role="rate"), decimal=source.decimal, to=_RATE)
    with source.reading(warehouse):
        warehouse.execute(
            f"""
            CREATE OR REPLACE TABLE rates AS SELECT {rate} AS rate, upper({word}) AS rate_currency,
                {day_sql(time)} AS rate_from,
                lead({day_sql(time)}, 1, {LAST_DAY + 1}) OVER (
                    PARTITION BY upper({word}) ORDER BY {day_sql(time)}) AS rate_until
            FROM {source.view}
        """,
            again=source.restart,
        )
    _refuse_unread(source, study, warehouse)


def _refuse_unread(source: OpenSource, study: Study, warehouse: Warehouse) -> None:
    read, unread, twice = warehouse.row("""
        SELECT count(*), count(*) FILTER (
                (rate > 0 AND rate_from IS NOT NULL AND rate_currency IS NOT NULL) IS NOT true),
            count(*) FILTER (rate_from = rate_until)
        FROM rates
    """)
    if unread or twice or not read:
        raise DataError(
            f"of the {read:,} rates in {source.labels[0]} {unread:,} have no day, no currency or "
            f"no number above zero, and {twice:,} are a second one for their day",
            fix="correct them: a row has a day, a currency's code and its worth in "
            f"{study.currency}",
        )


def _parts(column: sql.Field) -> str:
    """What stands before a number, the number, and what stands behind it."""
    plain = f"""translate(trim({column.sql}, ' {_BLANKS}'), '{_BLANKS}{_APOSTROPHES}{_MINUSES}',
        '{" " * len(_BLANKS)}{"''" * len(_APOSTROPHES)}{"-" * len(_MINUSES)}')"""
    return f"regexp_extract({plain}, {_PARTS})"


def _sign(part: str) -> str:
    return f"lower(regexp_replace({part}, '[-+() ]', '', 'g'))"


def _has_rates(study: Study) -> bool:
    return study.conversion is not None and study.conversion.rates is not None


def _unit_sql(study: Study) -> str:
    """One minor unit of a line's currency, in units of it."""
    cases = " ".join(
        f"WHEN '{code}' THEN {10.0**-digits:.4f}"
        for code in sorted(CODES)
        if (digits := minor_digits(code)) != 2 and code != study.currency
    )
    of_study = f"{10.0**-study.minor_digits:.4f}"
    unit = f"CASE _currency {cases} WHEN '{study.currency}' THEN {of_study} ELSE 0.01 END"
    return f"CAST(CASE WHEN _is_foreign THEN {unit} ELSE {of_study} END AS DECIMAL(5, 4))"
