"""Axes, scales and keys of charts, and the texts on them."""

from collections.abc import Callable, Mapping, Sequence
from math import floor, log10
from typing import Any

import polars as pl

from holdfast.report import formatting
from holdfast.report.render import Options


def share_axis(title: str | None, **options: Any) -> Options:
    """An axis in percent."""
    return {"format": ".0%", "title": title, "tickCount": 5} | options


def number_axis(title: str | None, **options: Any) -> Options:
    """An axis of plain numbers: 0.25, 500, 2k, 1.5M."""
    thousands = "replace(format(datum.value, '~s'), 'G', 'B')"
    expression = f"abs(datum.value) >= 1000 ? {thousands} : format(datum.value, '~g')"
    return {"labelExpr": expression, "title": title, "tickCount": 5} | options


def effect_axis(title: str, currency: str) -> Options:
    """An axis of effects on an amount, or without a currency on a chance."""
    if not currency:
        return share_axis(title, format=".1~%")
    return number_axis(f"{title}, {currency}")


def effect(value: float | None, currency: str) -> str:
    """Write an effect on an amount, or without a currency on a chance.

    >>> effect(1.5, "EUR"), effect(0.012, "")
    ('€1.50', '1.2 points')
    """
    if currency or value is None:
        return formatting.money(value, currency)
    return f"{formatting.decimal(100 * value, 1)} points"


def text_axis(texts: Mapping[float, str], **options: Any) -> Options:
    """An axis with the given texts at the given places."""
    choice = "".join(
        f"abs(datum.value - {at!r}) < 1e-6 ? '{text}' : " for at, text in texts.items()
    )
    return {"values": list(texts), "labelExpr": f"{choice}''", **options}


def panel_title(text: str, subtitle: str | list[str] = "") -> Options:
    """The heading of one panel among several; a list of subtitles is a line of text each."""
    title = {
        "text": text, "fontSize": 13, "offset": 10, "anchor": "start", "frame": "group", "limit": 0,
    }  # fmt: skip
    return title | (
        {"subtitle": subtitle, "subtitleFontSize": 12, "subtitlePadding": 4} if subtitle else {}
    )


def label(name: str) -> str:
    """A feature's name as the label of a row, at most 36 characters.

    >>> label("n_purchases_90d"), label("a_long_name_that_somebody_chose_in_the_warehouse")
    ('Purchases in 90 days', 'A long name that somebod…e warehouse')
    """
    return shorten(formatting.feature_title(name), 36)


def shorten(text: str, most: int) -> str:
    """A name of at most so many characters: one that is longer loses its middle, for names that
    begin alike often end differently.

    >>> shorten("spring", 12), shorten("spring_2024_voucher", 12)
    ('spring', 'spring_2…her')
    """
    head = 2 * most // 3
    return text if len(text) <= most else f"{text[:head]}…{text[head + 1 - most :]}"


def round_steps(reach: float) -> list[float]:
    """Round places from 0 to `reach`, three to six of them.

    >>> round_steps(4700), round_steps(0.12)
    ([0.0, 1000.0, 2000.0, 3000.0, 4000.0], [0.0, 0.05, 0.1])
    """
    power = 10.0 ** floor(log10(reach))
    step = next(power * size for size in (0.2, 0.5, 1, 2) if reach / (power * size) < 5 + 1e-9)
    return [round(k * step, 12) for k in range(floor(reach / step + 1e-9) + 1)]


def words(values: Sequence[Any] | pl.Series, write: Callable[..., str], *more: Any) -> pl.Series:
    """Values as text: `words(table["revenue"], formatting.money, currency)`."""
    return pl.Series([write(value, *more) for value in values], dtype=pl.String)


def highest(values: pl.Series) -> float:
    """The largest value; 0 where there is none."""
    return float(values.max() or 0.0)  # type: ignore[arg-type]


def total(values: pl.Series) -> float:
    """The sum; 0 where there is nothing."""
    return float(values.sum())
