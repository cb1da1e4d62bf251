"""Currencies: their codes, how many digits they have, and the signs that stand beside amounts."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

_TABLE = tomllib.loads(Path(__file__).with_name("currencies.toml").read_text(encoding="utf-8"))
_DIGITS = {
    code: int(number) for number, codes in _TABLE["digits"].items() for code in codes.split()
}
SIGNS: Mapping[str, tuple[str, ...]] = {
    **{sign: tuple(codes.split()) for sign, codes in _TABLE["signs"].items()},
    **{code: (code,) for code in (*_DIGITS, *_TABLE["codes"]["others"].split())},
}
"""What may stand beside an amount, a sign or a code -> the currencies that it may mean, the
likeliest first.
"""
CODES = frozenset(code for sign, (code, *_) in SIGNS.items() if sign == code)
"""The codes of all currencies."""


def minor_digits(currency: str) -> int:
    """Digits after the point in a currency's amounts.

    >>> minor_digits("EUR"), minor_digits("JPY"), minor_digits("KWD")
    (2, 0, 3)
    """
    return _DIGITS.get(currency, 2)


def write_amount(amount: float, currency: str) -> str:
    """An amount with the digits of its currency, and its code.

    >>> write_amount(1716.06, "USD"), write_amount(1716.06, "JPY"), write_amount(1.5, "KWD")
    ('1,716.06 USD', '1,716 JPY', '1.500 KWD')
    """
    return f"{amount:,.{minor_digits(currency)}f} {currency}"
