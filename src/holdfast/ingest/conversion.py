"""Currencies of an order log: each line's own, and its worth in the study's, exactly.

A line in another currency than the study's counts by the rate of its day, or of the last day before
it that has one. Where there is none, it is set aside: adding up different currencies is no sum.
"""

from holdfast.errors import DataError
from holdfast.ingest import money, sql
from holdfast.ingest.part import Part
from holdfast.ingest.reader import SourceReader
from holdfast.ingest.sources import OpenSource, open_source
from holdfast.ingest.timestamps import LAST_DAY, day_sql, local_time_sql
from holdfast.study import Study, Transactions
from holdfast.study.currencies import CODES, minor_digits
from holdfast.study.sources import Rates

FOREIGN = "in another currency"
NO_RATE = "in a currency without a rate on its day or before"
_RATE = "DECIMAL(18, 12)"
_CONVERTIBLE = "DECIMAL(20, 4)"
"""Times a rate it has the 38 digits that are exact."""


def currency_column(study: Study) -> str | None:
    """The column that names a line's currency."""
    return study.conversion.column if study.conversion else None


def conversion_part(source: OpenSource, study: Study, log: Transactions) -> Part:
    """Read the sign of a line's currency, and say which lines cannot be counted."""
    column, amount = currency_column(study), log.columns.amount or log.columns.unit_price
    signs = [f"lower({sql.identifier(source.column(column, role='currency'))})"] if column else []
    if amount and (field := source.column(amount, role="amount")).is_text:
        signs.append(f"nullif({money.currency_sign(field)}, '')")
    if not signs:
        signs = ["''"]
    is_foreign = f"_sign NOT IN {sql.literals(sorted(money.signs_of(study.currency)))}"
    part = Part({"_sign": f"coalesce({', '.join(signs)}, '')"}, {"_is_foreign": is_foreign})
    if not _has_rates(study):
        return part | Part({}, {}, {FOREIGN: "_is_foreign"})
    words = (
        f"{sql.literal(sign)}: '{money.meant_by(sign, currency=study.currency)}'"
        for sign in money.MEANINGS
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


def create_rates(reader: SourceReader) -> None:
    """Create the table of rates: each from its day to the next one of its currency.

    Raises
    ------
    DataError
        A rate cannot be read, or a day has two of one currency.
    """
    if not _has_rates(reader.study):
        return
    rates: Rates = reader.study.conversion.rates  # type: ignore[union-attr, assignment]
    columns, zone = rates.columns, reader.study.time_zone
    source = open_source(
        rates, reader.warehouse, name="rates", project_dir=reader.study.project_dir
    )
    time = local_time_sql(source, columns.day, role="day", zone=zone)
    word = sql.identifier(source.column(columns.currency, role="currency"))
    rate = sql.number(source.column(columns.rate, role="rate"), decimal=source.decimal, to=_RATE)
    with source.reading(reader.warehouse):
        reader.warehouse.execute(
            f"""
            CREATE OR REPLACE TABLE rates AS SELECT {rate} AS rate, upper({word}) AS rate_currency,
                {day_sql(time)} AS rate_from,
                lead({day_sql(time)}, 1, {LAST_DAY + 1}) OVER (
                    PARTITION BY upper({word}) ORDER BY {day_sql(time)}) AS rate_until
            FROM {source.view}
        """,
            again=source.restart,
        )
    read, unread, twice = reader.warehouse.row("""
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
            f"{reader.study.currency}",
        )


def _has_rates(study: Study) -> bool:
    return study.conversion is not None and study.conversion.rates is not None


def _unit_sql(study: Study) -> str:
    """One minor unit of a line's currency, in units of it."""
    cases = " ".join(
        f"WHEN '{code}' THEN {10.0**-digits:.4f}"
        for code in sorted(CODES)
        if (digits := minor_digits(code)) != 2 and code != study.currency
    )
    own = f"{10.0**-study.minor_digits:.4f}"
    unit = f"CASE _currency {cases} WHEN '{study.currency}' THEN {own} ELSE 0.01 END"
    return f"CAST(CASE WHEN _is_foreign THEN {unit} ELSE {own} END AS DECIMAL(5, 4))"
