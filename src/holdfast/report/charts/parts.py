"""What charts share: an empty chart that says why, headings of panels, axes of money and shares."""

from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.report import words
from holdfast.report.theme import WIDTH, dressed, light

if TYPE_CHECKING:
    import altair as alt
    from altair.typing import ChartType


def empty(what: str, why: str) -> "ChartType":
    """A chart of nothing: a title and the reason."""
    import altair as alt

    note = alt.Chart(pl.DataFrame({"why": [why]})).mark_text(align="left", fontSize=13, color=light("muted"))
    drawn = note.encode(text="why:N", x=alt.value(0)).properties(width=WIDTH, height=60)
    return dressed(drawn, title=f"No {what} to show")


def label(name: str) -> str:
    """A feature's name as the label of a row."""
    return words.capital(words.feature(name))


def panel_title(text: str, subtitle: str = "") -> "alt.TitleParams":
    """The heading of one panel among several."""
    import altair as alt

    more = {"subtitle": subtitle, "subtitleFontSize": 12, "subtitlePadding": 4} if subtitle else {}
    return alt.TitleParams(text, fontSize=13, offset=10, anchor="start", frame="group", **more)


def hidden_axis() -> "alt.Axis":
    """No axis at all, for bars that carry their own labels."""
    import altair as alt

    return alt.Axis(grid=False, labels=False, title=None)


def share_axis(title: str | None, **options: Any) -> "alt.Axis":
    """An axis in percent."""
    import altair as alt

    return alt.Axis(format=".0%", title=title, tickCount=5, **options)


def number_axis(title: str | None, **options: Any) -> "alt.Axis":
    """An axis of plain numbers: 0.25, 500, 2k, 1.5M."""
    import altair as alt

    thousands = "replace(format(datum.value, '~s'), 'G', 'B')"
    expression = f"abs(datum.value) >= 1000 ? {thousands} : format(datum.value, '~g')"
    return alt.Axis(labelExpr=expression, title=title, tickCount=5, **options)


def whole() -> "alt.Scale":
    """The scale of a share, 0 to 1."""
    import altair as alt

    return alt.Scale(domain=[0, 1])
