"""Words: a feature's value as a marketer reads it."""

from calendar import month_name

from holdfast.features.feature import Feature, Unit


def format_value(value: float | None, unit: Unit, *, currency: str = "") -> str:
    """Write a value with its unit.

    >>> format_value(74, "days"), format_value(1, "days"), format_value(None, "days")
    ('74 days', '1 day', 'unknown')
    >>> format_value(1234.5, "currency", currency="GBP"), format_value(0.354, "share")
    ('GBP 1,234.50', '35%')
    >>> format_value(-0.5, "change"), format_value(1.8266, "ratio"), format_value(3, "count")
    ('-50%', '1.8', '3')
    >>> format_value(0.87, "season")
    'November'
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


def unknown(feature: Feature) -> str:
    """The sentence for a customer of whom nothing is known here."""
    return f"{feature.heading[0].lower()}{feature.heading[1:]}: unknown"
