"""From charts to pictures, offline: a chart is laid out once as SVG, which gives the page's drawing
and the PNG.
"""

import re
from dataclasses import dataclass
from html import escape
from typing import Any

import polars as pl
import polars.selectors as cs

from holdfast.report.table_format import Table
from holdfast.report.theme import FONT, as_variables, chart_config, light, wrap_lines

MARGIN = 20
Options = dict[str, Any]
_NOISE = re.compile(r' (?:aria-[a-z]+|role|class|pointer-events|xmlns:xlink|version)="[^"]*"')
_SIZE = re.compile(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)"')


@dataclass(frozen=True)
class Chart:
    """A chart in Vega-Lite, its sentence, and its figures as a table.

    Attributes
    ----------
    panel
        The specification without heading and configuration; the data of its marks are tables.
    table
        Its figures in words, where they are not told elsewhere.
    reason
        Why there is nothing to draw; empty where there is something.
    """

    panel: Options
    title: str
    subtitle: str = ""
    table: Table | None = None
    reason: str = ""

    def without_heading(self) -> Options:
        """The Vega-Lite specification for a page that writes the heading itself."""
        tables: dict[int, pl.DataFrame] = {}
        spec = _with_named_data(self.panel, tables)
        datasets = {f"table-{key}": _values(table) for key, table in enumerate(tables.values())}
        return {"config": chart_config(), "datasets": datasets, **spec}

    def to_dict(self) -> Options:
        """The whole as Vega-Lite, for any program that draws it."""
        schema = "https://vega.github.io/schema/vega-lite/v6.json"
        titles, subtitles = _break_heading(self.title, self.subtitle)
        title = {"text": titles, "subtitle": subtitles}
        return {"$schema": schema, "title": title, **self.without_heading()}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        svg = drawing("chart", self).with_heading()
        return {"image/svg+xml": svg, "text/plain": self.title}


def _break_heading(title: str, subtitle: str) -> tuple[list[str], list[str]]:
    """Title and subtitle in lines."""
    return wrap_lines(title, 78), wrap_lines(subtitle, 100)


def _with_named_data(part: Any, tables: dict[int, pl.DataFrame]) -> Any:
    """Replace each table by its name; a table that several marks share is written once."""
    if isinstance(part, pl.DataFrame):
        tables.setdefault(id(part), part)
        return {"name": f"table-{list(tables).index(id(part))}"}
    if isinstance(part, dict):
        return {key: _with_named_data(value, tables) for key, value in part.items()}
    return [_with_named_data(value, tables) for value in part] if isinstance(part, list) else part


def _values(table: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON holds them: days as local times, and no NaN."""
    finite = [
        pl.when(pl.col(name).is_finite()).then(pl.col(name))
        for name in table.select(cs.float()).columns
    ]
    days = cs.date().dt.to_string("%Y-%m-%dT00:00:00")
    return table.with_columns(*finite, days).to_dicts()


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A chart laid out: its heading as words, the rest as SVG in the light palette."""

    name: str
    title: str
    subtitle: str
    svg: str
    table: Table | None = None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in CSS pixels."""
        size = _SIZE.search(self.svg)
        return (float(size[1]), float(size[2])) if size else (0.0, 0.0)

    def inline(self) -> str:
        """The drawing for a page: colours follow its theme, ids do not clash with another
        drawing's.
        """
        svg = re.sub(r'(id="|url\(#)', rf"\g<1>{self.name}-", as_variables(self.svg))
        label = escape(f"{self.title}. {self.subtitle}", quote=True)
        return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)

    def png(self) -> bytes:
        """The drawing with its heading, at twice its size."""
        import vl_convert

        return bytes(vl_convert.svg_to_png(self.with_heading(), scale=2))

    def with_heading(self) -> str:
        """The drawing as SVG, its heading above it."""
        width, height = self.size
        titles, subtitles = _break_heading(self.title, self.subtitle)
        below = MARGIN + 14 + 21 * len(titles)
        top = below + 18 * len(subtitles)
        lines = [_text(line, MARGIN + 14 + 21 * k, 16, "ink") for k, line in enumerate(titles)]
        lines += [_text(line, below + 18 * k, 13, "muted") for k, line in enumerate(subtitles)]
        all_width, all_height = max(width, 640) + 2 * MARGIN, top + height + MARGIN
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{all_width}" height="{all_height}">'
            f'<rect width="100%" height="100%" fill="{light("panel")}"/>{"".join(lines)}'
            f'<g transform="translate({MARGIN},{top})">{self.svg}</g></svg>'
        )


def _text(line: str, y: float, size: int, colour: str) -> str:
    weight = ' font-weight="bold"' if colour == "ink" else ""
    style = f'font-family="{FONT}" font-size="{size}" fill="{light(colour)}"{weight}'
    return f'<text x="{MARGIN}" y="{y}" {style}>{escape(line)}</text>'


def drawing(name: str, chart: Chart) -> Drawing:
    """Lay a chart out. Nothing is fetched: the chart's data is in it."""
    import vl_convert

    spec = chart.without_heading() | {"background": "transparent"}
    svg = _NOISE.sub("", vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))
    return Drawing(
        name=name, title=chart.title, subtitle=chart.subtitle, svg=svg, table=chart.table
    )
