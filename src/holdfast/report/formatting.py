"""Figures as people read them: money in the study's currency, shares in percent, metrics by their
full name.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from holdfast.learners.algorithms import ALGORITHMS
from holdfast.study.currencies import minor_digits
from holdfast.windows import date_of

SYMBOLS = {
    "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "CN¥", "INR": "₹", "KRW": "₩",
    "BRL": "R$", "CAD": "CA$", "AUD": "A$", "NZD": "NZ$", "MXN": "MX$", "PLN": "zł ", "TRY": "₺",
    "UAH": "₴", "ILS": "₪",
}  # fmt: skip
NAMED = {"tenure_days": "days as a customer"}
"""Features whose names say less than these words."""
STATISTICS = {"mean": "mean", "max": "largest", "sd": "spread of", "last": "latest"}
NONE = "n/a"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Metric:
    """How a metric is called, what it says and which direction is better."""

    label: str
    meaning: str
    better: Literal["higher", "lower", "nearer 1"]
    unit: Literal["ratio", "percent", "money"] = "ratio"


WORDS: Mapping[str, Any] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
)
"""How figures and columns are called and written."""
METRICS = {name: Metric(**words) for name, words in WORDS["metrics"].items()}


def symbol(currency: str) -> str:
    """What stands before an amount.

    >>> symbol("GBP"), symbol("CHF")
    ('£', 'CHF ')
    """
    return SYMBOLS.get(currency, f"{currency} ")


def money(amount: float | None, currency: str) -> str:
    """Write an amount with the digits a reader needs.

    >>> money(66780, "USD"), money(4701234.5, "GBP"), money(12.5, "EUR"), money(2.1e9, "CHF")
    ('$66,780', '£4.70M', '€12.50', 'CHF 2.10B')
    >>> money(12.5, "JPY"), money(12.5, "KWD")
    ('¥12', 'KWD 12.500')
    """
    if amount is None or not isfinite(amount):
        return NONE
    sign, size = (MINUS if amount < 0 else ""), abs(amount)
    return f"{sign}{symbol(currency)}{_digits(size, minor_digits(currency))}"


def _digits(size: float, decimals: int) -> str:
    if size >= 999_500:
        power, letter = (1e9, "B") if size >= 999.5e6 else (1e6, "M")
        scaled = size / power
        return f"{scaled:,.{2 if scaled < 10 else 1 if scaled < 100 else 0}f}{letter}"
    return f"{size:,.0f}" if size >= 100 or size == round(size) else f"{size:.{decimals}f}"


def percent(share: float | None, digits: int = 1) -> str:
    """Write a share.

    >>> percent(0.2481), percent(0.5, 0), percent(None)
    ('24.8%', '50%', 'n/a')
    """
    if share is None or not isfinite(share):
        return NONE
    # Adding 0 turns the -0.0 of rounding into 0.0.
    return f"{round(share * 100, digits) + 0:,.{digits}f}%".replace("-", MINUS)


def chance(share: float | None) -> str:
    """Write a chance that was drawn: never as certain.

    >>> chance(0.986), chance(1.0), chance(0.001), chance(None)
    ('99%', 'over 99%', 'under 1%', 'n/a')
    """
    if share is not None and share > 0.995:
        return "over 99%"
    return "under 1%" if share is not None and share < 0.005 else percent(share, 0)


def past_error(error: Mapping[str, float] | None) -> str:
    """Write how far past forecasts of a share were off; empty where none was tried.

    >>> past_error({"least": 0.031, "most": 0.128}), past_error({"least": 0.004, "most": 0.004})
    ('past forecasts were off by 3 to 13 points', 'past forecasts were off by 0.4 points')
    """
    if not error:
        return ""
    least, most = (_points(100 * error[end]) for end in ("least", "most"))
    return f"past forecasts were off by {least if least == most else f'{least} to {most}'} points"


def _points(points: float) -> str:
    return f"{points:.0f}" if points >= 1 else f"{points:.1f}"


def count(number: float | None) -> str:
    """Write a count.

    >>> count(1067370)
    '1,067,370'
    """
    return NONE if number is None else f"{number:,.0f}"


def number(value: float | None) -> str:
    """Write a figure whose unit is not known here.

    >>> number(1234.5), number(0.12345), number(3.0)
    ('1,234', '0.123', '3')
    """
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else f"{value:,.3g}"


def text(value: Any) -> str:
    """Write what is no figure.

    >>> text(True), text(["a", "b"]), text(None)
    ('yes', 'a and b', '')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return listing(list(map(str, value)))
    return "" if value is None else str(value)


def plural(number: int, noun: str) -> str:
    """Count things.

    >>> plural(1, "customer"), plural(1200, "customer")
    ('1 customer', '1,200 customers')
    """
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def verb(number: int, one: str, many: str) -> str:
    """Choose the verb that agrees with a count.

    >>> verb(1, "holds", "hold"), verb(0, "holds", "hold")
    ('holds', 'hold')
    """
    return one if number == 1 else many


def decimal(number: float | None, digits: int = 3) -> str:
    """Write a ratio.

    >>> decimal(0.98361), decimal(float("nan"))
    ('0.984', 'n/a')
    """
    # Adding 0 turns the -0.0 of rounding into 0.0.
    return (
        NONE
        if number is None or not isfinite(number)
        else f"{round(number, digits) + 0:.{digits}f}".replace("-", MINUS)
    )


def metric(name: str, value: float | None, currency: str) -> str:
    """Write a metric's value in its unit.

    >>> (metric("roc_auc", 0.98361, "USD"), metric("rmse", 2806.2, "USD"),
    ...  metric("wape", 0.653, "USD"))
    ('0.984', '$2,806', '65.3%')
    """
    unit = METRICS[name].unit if name in METRICS else "ratio"
    if unit == "money":
        return money(value, currency)
    return percent(value) if unit == "percent" else decimal(value)


def total_range(low: float, high: float, currency: str) -> str:
    """Say between what a total may come out, by how far off totals were before.

    >>> total_range(4, 6, "EUR")
    'Four times out of five between €4 and €6, by how far off past totals were.'
    """
    ends = f"{money(low, currency)} and {money(high, currency)}"
    return f"Four times out of five between {ends}, by how far off past totals were."


def metric_label(name: str) -> str:
    """The metric's full name, or its own where it is not known here."""
    return METRICS[name].label if name in METRICS else name


def feature(name: str) -> str:
    """A feature's or model's name as words.

    >>> feature("days_since_last_purchase"), feature("Avg_Order_Value"), feature("SKU-count")
    ('days since last purchase', 'avg order value', 'SKU-count')
    >>> feature("n_purchases_90d"), feature("spend_total"), feature("gap_mean")
    ('purchases in 90 days', 'spend total', 'mean gap')
    """
    if name in NAMED:
        return NAMED[name]
    parts = [
        word if word[1:].lower() != word[1:] else word.lower()
        for word in name.replace("_", " ").split()
    ]
    within = (
        f" in {window[1]} days" if parts and (window := re.fullmatch(r"(\d+)d", parts[-1])) else ""
    )
    parts = parts[1 if len(parts) > 1 and parts[0] == "n" else 0 : -1 if within else None]
    if len(parts) > 1 and parts[-1] in STATISTICS:
        parts = [STATISTICS[parts[-1]], *parts[:-1]]
    return " ".join(parts) + within


def feature_title(name: str) -> str:
    """The same, to begin with.

    >>> feature_title("n_purchases_90d")
    'Purchases in 90 days'
    """
    return capital(feature(name))


def algorithm(name: str | None) -> str:
    """An algorithm's name as its authors write it.

    >>> algorithm("lightgbm"), algorithm(None)
    ('LightGBM', 'n/a')
    """
    if not name:
        return NONE
    return ALGORITHMS[name].title if name in ALGORITHMS else name


def baseline(name: str) -> str:
    """A naive baseline's name without what says that it is one.

    >>> baseline("baseline: recency rank")
    'recency rank'
    """
    return name.removeprefix("baseline: ")


def capital(text: str) -> str:
    """Begin with a capital letter, leaving the rest.

    >>> capital("days since last purchase"), capital("")
    ('Days since last purchase', '')
    """
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """Begin with a capital letter and end with a full stop; the terminal's backticks are left out.

    >>> sentence("1,069 customers `churned`"), sentence("Why?")
    ('1,069 customers churned.', 'Why?')
    """
    return capital(text.replace("`", "")) + ("" if text.endswith((".", "!", "?")) else ".")


def day(number: int) -> str:
    """Write a day.

    >>> day(10)
    '11 Jan 1970'
    """
    when: date = date_of(number)
    return f"{when.day} {when:%b} {when.year}"


def age(seconds: float) -> str:
    """Write how long ago something was, in its largest unit.

    >>> age(3.2), age(95), age(7300), age(200_000)
    ('3 seconds', '1 minute', '2 hours', '2 days')
    """
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return plural(int(seconds // size), unit)
    return plural(max(0, int(seconds)), "second")


def moment(at: str) -> str:
    """Write a moment that is given as ISO 8601 in UTC.

    >>> moment("2026-11-30T21:05:09Z")
    '30 Nov 2026, 21:05'
    """
    when = datetime.fromisoformat(at)
    return f"{when.day} {when:%b} {when.year}, {when:%H:%M}"


def listing(items: list[str]) -> str:
    """Join words.

    >>> listing(["a", "b", "c"]), listing(["a"]), listing([])
    ('a, b and c', 'a', '')
    """
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
