"""Amounts as people write them: with a sign or a code of a currency, below zero in parentheses or
with a minus at either end, and digits grouped by points, commas, blanks or apostrophes.

A number beside anything else, a percent sign say, is no amount. Numbers stay exact.
"""

from holdfast.ingest import sql
from holdfast.study.currencies import CODES, SIGNS

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


def meant_by(sign: str, *, currency: str) -> str:
    """The currency that a sign means in a log that is kept in `currency`.

    >>> meant_by("$", currency="CAD"), meant_by("$", currency="EUR"), meant_by("€", currency="USD")
    ('CAD', 'USD', 'EUR')
    """
    means = MEANINGS[sign]
    return currency if currency in means else means[0]


def _parts(column: sql.Field) -> str:
    """What stands before a number, the number, and what stands behind it."""
    plain = f"""translate(trim({column.sql}, ' {_BLANKS}'), '{_BLANKS}{_APOSTROPHES}{_MINUSES}',
        '{" " * len(_BLANKS)}{"''" * len(_APOSTROPHES)}{"-" * len(_MINUSES)}')"""
    return f"regexp_extract({plain}, {_PARTS})"


def _sign(part: str) -> str:
    return f"lower(regexp_replace({part}, '[-+() ]', '', 'g'))"
