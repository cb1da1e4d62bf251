"""How Holdfast looks: one palette, each colour with a light and a dark value, and what every chart
has in common.

The series colours are Okabe and Ito's, each darkened or lightened until it has a contrast of 3:1 on
its ground; text has 4.5:1. Charts are drawn in the light values; a page that knows both themes
swaps them for CSS variables.
"""

import re
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from holdfast.study import SEGMENT_NAMES

if TYPE_CHECKING:
    from altair.typing import ChartType

# name: (light, dark)
COLOURS: dict[str, tuple[str, str]] = {
    "ground": ("#f6f7f9", "#12161c"),
    "panel": ("#ffffff", "#1a2029"),
    "ink": ("#18202b", "#e8ecf2"),
    "muted": ("#556070", "#a7b1c0"),
    "line": ("#d5dae1", "#343d4a"),
    "grid": ("#e6e9ee", "#2a323d"),
    "blue": ("#0072b2", "#56b4e9"),
    "vermillion": ("#b84600", "#f08a4b"),
    "green": ("#007f5c", "#2fc79a"),
    "amber": ("#bd8400", "#f0c24a"),
    "purple": ("#c262a0", "#f2b8dd"),
    "grey": ("#4c5666", "#8593a6"),
    "lowest": ("#0072b1", "#56b4e8"),
    "low": ("#5686ab", "#86b2d0"),
    "middle": ("#7e7e86", "#b3b3ba"),
    "high": ("#a66b45", "#d6a283"),
    "highest": ("#b94600", "#f18a4b"),
}
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


def light(name: str) -> str:
    """The colour's value on a light ground, as #rrggbb."""
    return COLOURS[name][0]


def as_variables(svg: str) -> str:
    """Replace the palette's light values in a drawing by CSS variables, so that it follows the
    page's theme.

    >>> as_variables('<path fill="#0072b2"/>')
    '<path fill="var(--blue)"/>'
    """
    names = {values[0]: name for name, values in COLOURS.items()}
    return re.sub(
        '"(#[0-9a-fA-F]{6})"',
        lambda match: (
            f'"var(--{names[match[1].lower()]})"' if match[1].lower() in names else match[0]
        ),
        svg,
    )


def in_dark(spec: str) -> str:
    """Replace the palette's light values in a chart's JSON by the dark ones.

    >>> in_dark('{"color": "#0072b2"}')
    '{"color": "#56b4e9"}'
    """
    dark = {light.lower(): dark for light, dark in COLOURS.values()}
    return re.sub(
        '"(#[0-9a-fA-F]{6})"', lambda found: f'"{dark.get(found[1].lower(), found[1])}"', spec
    )


def css_variables(theme: int) -> str:
    """Declare the palette as CSS: 0 = light, 1 = dark."""
    return "".join(f"--{name}:{values[theme]};" for name, values in COLOURS.items())


def dressed(chart: "ChartType", *, title: str, subtitle: str = "") -> "ChartType":
    """Give a chart its heading and the common configuration."""
    heading = {"text": wrapped(title, 78), "subtitle": wrapped(subtitle, 100)}
    configured: ChartType = chart.properties(title=heading).configure(**_config())
    return configured


def wrapped(text: str, width: int) -> list[str]:
    """Break text into lines of at most `width` characters and of similar length, because Vega does
    not.

    >>> wrapped("one two three four", 14)
    ['one two', 'three four']
    """
    lines = wrap(text, width)
    while len(lines) > 1 and len(narrower := wrap(text, width := width - 1)) == len(lines):
        lines = narrower
    return lines


def _config() -> dict[str, Any]:
    ink, muted, grid = light("ink"), light("muted"), light("grid")
    # A limit makes Vega measure each text several times; where a text may be long, its chart sets
    # one.
    text = {
        "labelColor": ink,
        "labelFontSize": 12,
        "labelLimit": 0,
        "titleColor": muted,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titleLimit": 0,
    }
    axis = text | {
        "domain": False,
        "ticks": False,
        "gridColor": grid,
        "labelPadding": 6,
        "labelSeparation": 6,
        "titlePadding": 10,
    }
    return {
        "font": FONT,
        "aria": False,
        "background": light("panel"),
        "view": {"stroke": None},
        "axis": axis | {"labelFlush": False},
        "header": text | {"labelFontSize": 13, "labelFontWeight": "bold"},
        "legend": text | {"symbolType": "circle", "symbolStrokeWidth": 0},
        "title": {
            "anchor": "start",
            "frame": "bounds",
            "color": ink,
            "fontSize": 16,
            "subtitleColor": muted,
            "subtitleFontSize": 13,
            "subtitlePadding": 6,
            "offset": 16,
            "limit": 0,
        },
        "text": {"color": ink, "fontSize": 12, "limit": 0},
    }
