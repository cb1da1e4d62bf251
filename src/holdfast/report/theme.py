"""How Holdfast looks: one palette, each colour with a light and a dark value, and what every chart
has in common.

The series colours are Okabe and Ito's, each darkened or lightened until it has a contrast of 3:1 on
its ground; text has 4.5:1. Charts are drawn in the light values; a page that knows both themes
swaps them for CSS variables.
"""

import re
from textwrap import wrap
from typing import Any

from holdfast.study import SEGMENT_NAMES

# name: (light, dark)
COLOURS: dict[str, tuple[str, str]] = {
    "ground": ("#f6f7f9", "#12161c"), "panel": ("#ffffff", "#1a2029"),
    "ink": ("#18202b", "#e8ecf2"), "muted": ("#556070", "#a7b1c0"), "line": ("#d5dae1", "#343d4a"),
    "grid": ("#e6e9ee", "#2a323d"), "blue": ("#0072b2", "#56b4e9"),
    "vermillion": ("#b84600", "#f08a4b"), "green": ("#007f5c", "#2fc79a"),
    "amber": ("#bd8400", "#f0c24a"), "purple": ("#c262a0", "#f2b8dd"),
    "grey": ("#4c5666", "#8593a6"), "lowest": ("#0072b1", "#56b4e8"), "low": ("#5686ab", "#86b2d0"),
    "middle": ("#7e7e86", "#b3b3ba"), "high": ("#a66b45", "#d6a283"),
    "highest": ("#b94600", "#f18a4b"),
}  # fmt: skip
SEGMENT_COLOURS = dict(
    zip(SEGMENT_NAMES, ("blue", "vermillion", "green", "amber", "grey", "purple"), strict=True)
)
SEGMENT_SHAPES = dict(
    zip(
        SEGMENT_NAMES,
        ("circle", "triangle-up", "square", "triangle-down", "diamond", "cross"),
        strict=True,
    )
)
FIFTHS = ("lowest", "low", "middle", "high", "highest")
# Metric-compatible with one another, so that text measured when drawing fits where the page has
# another of them.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
WIDTH = 640
DOT: dict[str, Any] = {"filled": True, "opacity": 1}
MUTED: dict[str, Any] = {"color": "muted"}
BLUE: dict[str, Any] = {"color": "blue"}
HIDDEN: dict[str, Any] = {"grid": False, "labels": False, "title": None}
"""An axis for bars that carry their own labels."""
DAYS: dict[str, Any] = {"title": None, "grid": False, "tickCount": 8}
"""An axis of dates."""
WHOLE: dict[str, Any] = {"domain": [0, 1]}
"""The scale of a share."""
KEY: dict[str, Any] = {"title": None, "orient": "top"}
LINE_KEY: dict[str, Any] = KEY | {"symbolType": "stroke", "symbolStrokeWidth": 3}


def light(name: str) -> str:
    """The colour's value on a light ground, as #rrggbb."""
    return COLOURS[name][0]


def as_variables(svg: str) -> str:
    """Replace the palette's light values in a drawing by CSS variables, so that it follows the
    page's theme.

    >>> as_variables('<path fill="#0072b2"/>')
    '<path fill="var(--blue)"/>'
    """
    return _recolour(svg, {values[0]: f"var(--{name})" for name, values in COLOURS.items()})


def in_dark(spec: str) -> str:
    """Replace the palette's light values in a chart's JSON by the dark ones.

    >>> in_dark('{"color": "#0072b2"}')
    '{"color": "#56b4e9"}'
    """
    return _recolour(spec, dict(COLOURS.values()))


def _recolour(text: str, colours: dict[str, str]) -> str:
    return re.sub(
        '"(#[0-9a-fA-F]{6})"', lambda match: f'"{colours.get(match[1].lower(), match[1])}"', text
    )


def css_variables(theme: int) -> str:
    """Declare the palette as CSS: 0 = light, 1 = dark."""
    return "".join(f"--{name}:{values[theme]};" for name, values in COLOURS.items())


def wrap_lines(text: str, width: int) -> list[str]:
    """Break text into lines of at most `width` characters and of similar length, because Vega does
    not.

    >>> wrap_lines("one two three four", 14)
    ['one two', 'three four']
    """
    lines = wrap(text, width)
    while len(lines) > 1 and len(narrower := wrap(text, width := width - 1)) == len(lines):
        lines = narrower
    return lines


def chart_config() -> dict[str, Any]:
    """What every chart has in common, as Vega-Lite's `config`."""
    ink, muted = light("ink"), light("muted")
    titles = {"titleColor": muted, "titleFontSize": 12, "titleFontWeight": "normal"}
    # A limit makes Vega measure each text several times; where a text may be long, its chart sets
    # one.
    text = titles | {"titleLimit": 0, "labelColor": ink, "labelFontSize": 12, "labelLimit": 0}
    axis = {"domain": False, "ticks": False, "gridColor": light("grid"), "labelFlush": False}
    spacing = {"labelPadding": 6, "labelSeparation": 6, "titlePadding": 10}
    title = {"anchor": "start", "frame": "bounds", "color": ink, "fontSize": 16, "limit": 0}
    subtitle = {"subtitleColor": muted, "subtitleFontSize": 13, "subtitlePadding": 6, "offset": 16}
    return {
        "font": FONT,
        "aria": False,
        "background": light("panel"),
        "view": {"stroke": None},
        "axis": text | axis | spacing,
        "header": text | {"labelFontSize": 13, "labelFontWeight": "bold"},
        "legend": text | {"symbolType": "circle", "symbolStrokeWidth": 0},
        "title": title | subtitle,
        "text": {"color": ink, "fontSize": 12, "limit": 0},
    }
