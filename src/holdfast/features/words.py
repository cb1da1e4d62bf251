"""Words: a feature's value as a marketer reads it."""

from calendar import month_name
from collections.abc import Mapping
from string import Formatter

from holdfast.features.feature import Feature, Unit


def shown(value: float | None, unit: Unit, *, currency: str = "") -> str:
    """Write a value with its unit.

    >>> (shown(74, "days"), shown(1, "days"), shown(1234.5, "currency", currency="GBP"),
    ...  shown(0.354, "share"))
    ('74 days', '1 day', 'GBP 1,234.50', '35%')
    >>> (shown(-0.5, "change"), shown(1.8266, "ratio"), shown(0.87, "season"), shown(3, "count"),
    ...  shown(None, "days"))
    ('-50%', '1.8', 'November', '3', 'unknown')
    """
    if value is None:
        return "unknown"
    match unit:
        case "days":
            return f"{value:,.0f} day{'' if round(value) == 1 else 's'}"
        case "currency":
            return f"{currency} {value:,.2f}".strip()
        case "share":
            return f"{value:.0%}"
        case "change":
            return f"{value:+.0%}"
        case "season":
            return month_name[min(int(value * 12), 11) + 1]
        case "ratio":
            return f"{value:,.1f}"
        case "count":
            return f"{value:,.0f}"


def say(
    feature: Feature,
    values: Mapping[str, float | None],
    units: Mapping[str, Unit],
    *,
    currency: str = "",
) -> str:
    """Tell a customer's value in plain words.

    Clauses whose values are missing are left out; where nothing remains, the feature's own sentence
    says what is unknown.

    Parameters
    ----------
    values, units
        By name, for every feature that the template mentions.
    """
    clauses = feature.says.split("; ")
    told = [
        clause.format_map(_shown(clause, values, units, currency))
        for clause in clauses
        if _known(clause, values)
    ]
    return "; ".join(told) or unknown(feature)


def unknown(feature: Feature) -> str:
    """What is said of a customer of whom nothing is known here."""
    return f"{feature.heading[0].lower()}{feature.heading[1:]}: unknown"


def _fields(clause: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(clause) if name]


def _known(clause: str, values: Mapping[str, float | None]) -> bool:
    return all(values.get(name) is not None for name in _fields(clause))


def _shown(
    clause: str, values: Mapping[str, float | None], units: Mapping[str, Unit], currency: str
) -> dict[str, str]:
    return {name: shown(values[name], units[name], currency=currency) for name in _fields(clause)}
