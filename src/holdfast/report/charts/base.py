"""What charts share: an empty chart that says why, headings of panels, axes of money and shares."""

from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.report import formatting
from holdfast.report.theme import WIDTH, dressed, light

if TYPE_CHECKING:
    from altair.typing import ChartType


Options = dict[str, Any]


def empty(what: str, why: str) -> "ChartType":
    """A chart of nothing: a title and the reason."""
    import altair as alt

    note = mark(
        pl.DataFrame({"why": [why]}), "text", align="left", fontSize=13, color=light("muted")
    )
    drawn = note.encode(text=alt.Text("why:N"), x=alt.value(0)).properties(width=WIDTH, height=60)
    return dressed(drawn, title=f"No {what} to show")


def label(name: str) -> str:
    """A feature's name as the label of a row, at most 36 characters.

    >>> label("n_purchases_90d"), label("a_long_name_that_somebody_chose_in_the_warehouse")
    ('Purchases in 90 days', 'A long name that somebod…e warehouse')
    """
    text = formatting.capital(formatting.feature(name))
    return text if len(text) <= 36 else f"{text[:24]}…{text[-11:]}"


def mark(table: pl.DataFrame, kind: str, **style: Any) -> Any:
    """An `alt.Chart` of one mark, without its type: Altair's says that any encoding may turn it
    into facets.

    Plain dicts instead of Altair's objects, here and for axes and scales, make drawing several
    times faster, and so does `fillOpacity` instead of `opacity`, which would make each mark a layer
    of its own.
    """
    import altair as alt

    return alt.Chart(table, mark={"type": kind} | style)  # type: ignore[arg-type]


def zero(axis: str, **style: Any) -> Any:
    """The line at 0 of the x or y axis."""
    import altair as alt

    line = mark(pl.DataFrame({axis: [0.0]}), "rule", color=light("muted"), **style)
    return line.encode(x=alt.X("x:Q")) if axis == "x" else line.encode(y=alt.Y("y:Q"))


def diagonal(**style: Any) -> Any:
    """The line from (0, 0) to (1, 1)."""
    import altair as alt

    ends = pl.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})
    return mark(ends, "line", **style).encode(x=alt.X("x:Q"), y=alt.Y("y:Q"))


def panel_title(text: str, subtitle: str = "") -> Options:
    """The heading of one panel among several."""
    more = {"subtitle": subtitle, "subtitleFontSize": 12, "subtitlePadding": 4} if subtitle else {}
    return {
        "text": text,
        "fontSize": 13,
        "offset": 10,
        "anchor": "start",
        "frame": "group",
        "limit": 0,
    } | more


def share_axis(title: str | None, **options: Any) -> Options:
    """An axis in percent."""
    return {"format": ".0%", "title": title, "tickCount": 5} | options


def number_axis(title: str | None, **options: Any) -> Options:
    """An axis of plain numbers: 0.25, 500, 2k, 1.5M."""
    thousands = "replace(format(datum.value, '~s'), 'G', 'B')"
    expression = f"abs(datum.value) >= 1000 ? {thousands} : format(datum.value, '~g')"
    return {"labelExpr": expression, "title": title, "tickCount": 5} | options


HIDDEN_AXIS: Options = {"grid": False, "labels": False, "title": None}
"""For bars that carry their own labels."""
WHOLE: Options = {"domain": [0, 1]}
"""The scale of a share."""
