"""Axes, scales and keys of charts, and the texts on them."""

from collections.abc import Callable, Mapping, Sequence
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
    text = formatting.feature_title(name)
    return text if len(text) <= 36 else f"{text[:24]}…{text[-11:]}"


def words(values: Sequence[Any] | pl.Series, write: Callable[..., str], *more: Any) -> pl.Series:
    """Values as text: `words(table["revenue"], formatting.money, currency)`."""
    return pl.Series([write(value, *more) for value in values], dtype=pl.String)


def highest(values: pl.Series) -> float:
    """The largest value; 0 where there is none."""
    return float(values.max() or 0.0)  # type: ignore[arg-type]


def total(values: pl.Series) -> float:
    """The sum; 0 where there is nothing."""
    return float(values.sum())
