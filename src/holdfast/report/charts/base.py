"""What charts share: marks and their channels in Vega-Lite's words, panels, and the chart that says
why it is empty.

A chart is plain Vega-Lite: dicts, in which the data of a mark is a table. `fillOpacity` instead of
`opacity` makes drawing several times faster, because each mark would be a layer of its own.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.report.render import Chart as Chart
from holdfast.report.render import Options as Options
from holdfast.report.table_format import Table, make_table
from holdfast.report.theme import COLOURS, WIDTH, light

WORDS: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
)
"""What the charts say, by their names."""
_TYPES = {"Q": "quantitative", "N": "nominal", "O": "ordinal", "T": "temporal"}


def empty(what: str, reason: str) -> Chart:
    """A chart of nothing: a title and the reason."""
    style = {"align": "left", "fontSize": 13, "color": "muted"}
    note = mark("text", pl.DataFrame({"why": [reason]}), style, x=0, text="why:N")
    return Chart(note | {"width": WIDTH, "height": 60}, f"No {what} to show", reason=reason)


def no_chart(name: str, why: str, **facts: str) -> Chart:
    """The chart of a name where there is nothing to draw, with the reason that its words, or those
    of all charts, call `why`.
    """
    words = WORDS[name]
    return empty(words["of"].format(**facts), words.get(why) or WORDS["reasons"][why])


def make_chart(
    name: str,
    drawn: Options,
    figures: Table | pl.DataFrame | None = None,
    *,
    title: str = "",
    currency: str = "",
    **facts: Any,
) -> Chart:
    """The chart of a name with its words, filled in with the facts.

    Parameters
    ----------
    figures
        Its table, or the rows of the one that its words describe.
    title
        Where it hangs on more than the facts.
    """
    words = WORDS[name]
    if isinstance(figures, pl.DataFrame):
        caption, columns = words["caption"].format(**facts), words["columns"].split()
        figures = make_table(caption, figures, *columns, currency=currency)
    what = words.get("what", "").format(**facts)
    return Chart(drawn, title or words["title"].format(**facts), what, figures)


def field(shorthand: str, **options: Any) -> Options:
    """A channel that a column feeds: its name, and whether it is quantitative, nominal, ordinal or
    temporal.

    >>> field("revenue:Q", title="Revenue")
    {'field': 'revenue', 'type': 'quantitative', 'title': 'Revenue'}
    """
    name, _, kind = shorthand.partition(":")
    return {"field": name, **({"type": _TYPES[kind]} if kind else {}), **options}


def by_name(shorthand: str, values: Mapping[str, Any], legend: Options | None = None) -> Options:
    """A channel that gives each name its value: a dash, a shape, or a colour of the palette."""
    shown = [COLOURS.get(str(value), (value,))[0] for value in values.values()]
    return field(shorthand, scale={"domain": list(values), "range": shown}, legend=legend)


def mark(kind: str, table: pl.DataFrame, style: Options | None = None, **channels: Any) -> Options:
    """A layer of marks.

    Parameters
    ----------
    style
        The mark's properties; colours by their names in the palette.
    channels
        Each a `field`, its shorthand, or a number of pixels.
    """
    drawn = {
        name: light(value) if name in ("color", "stroke") else value
        for name, value in (style or {}).items()
    }
    encoding = {name: _channel(given) for name, given in channels.items()}
    return {"data": table, "mark": {"type": kind, **drawn}, "encoding": encoding}


def _channel(given: Any) -> Any:
    if isinstance(given, str):
        return field(given)
    return {"value": given} if isinstance(given, int | float) else given


def panel(*marks: Options, size: tuple[int, int], **options: Any) -> Options:
    """One panel of one mark, or of several upon one another.

    Parameters
    ----------
    size
        Width and height in pixels.
    """
    drawn = marks[0] if len(marks) == 1 else {"layer": list(marks)}
    return drawn | {"width": size[0], "height": size[1], **options}


def rule(axis: str, at: float, colour: str = "muted", **style: Any) -> Options:
    """A line across the panel at one place of the x or y axis."""
    return mark(
        "rule", pl.DataFrame({axis: [float(at)]}), {"color": colour, **style}, **{axis: f"{axis}:Q"}
    )


def diagonal(colour: str, **style: Any) -> Options:
    """The line from (0, 0) to (1, 1)."""
    ends = pl.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})
    return mark("line", ends, {"color": colour, **style}, x="x:Q", y="y:Q")
