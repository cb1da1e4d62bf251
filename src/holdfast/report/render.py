"""From charts to pictures, offline: a chart is laid out once as SVG, which gives the page's drawing
and the PNG.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from holdfast.report import charts
from holdfast.report.chart_data import weeks
from holdfast.report.report_data import Report
from holdfast.report.theme import FONT, as_variables, light

if TYPE_CHECKING:
    from altair.typing import ChartType

MARGIN = 20
CHARTS: Mapping[str, Callable[[Report], "ChartType"]] = {
    "shap_churn_summary": lambda r: charts.shap_summary(
        r.contributions, r.importance, task="churn"
    ),
    "shap_churn_bar": lambda r: charts.shap_bar(r.importance, task="churn"),
    "shap_churn_dependence": lambda r: charts.shap_dependence(
        r.contributions, r.importance, task="churn"
    ),
    "shap_ltv_summary": lambda r: charts.shap_summary(r.contributions, r.importance, task="value"),
    "shap_ltv_bar": lambda r: charts.shap_bar(r.importance, task="value"),
    "shap_ltv_dependence": lambda r: charts.shap_dependence(
        r.contributions, r.importance, task="value"
    ),
    "shap_cross_model": lambda r: charts.shap_cross_model(r.importance),
    "customer_quadrant": lambda r: charts.customer_quadrant(
        r.scores, r.segments, currency=r.currency
    ),
    "segment_analysis": lambda r: charts.segment_analysis(r.segments, currency=r.currency),
    "revenue_recovery": lambda r: charts.revenue_recovery(r.recovery, currency=r.currency),
    "forecast": lambda r: charts.revenue_forecast(
        r.forecast.filter(group_kind="company"), weeks(r.days), currency=r.currency
    ),
    "roc_pr": lambda r: charts.roc_pr(r.steps),
    "calibration": lambda r: charts.calibration(r.predictions),
    "gains": lambda r: charts.gains(r.steps),
    "backtest": lambda r: charts.backtest(r.evidence),
    "promises": lambda r: charts.promises(r.predictions, currency=r.currency),
}
_NOISE = re.compile(r' (?:aria-[a-z]+|role|class|pointer-events|xmlns:xlink|version)="[^"]*"')
_SIZE = re.compile(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)"')


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A chart laid out: its heading as words, the rest as SVG in the light palette."""

    name: str
    title: str
    subtitle: str
    svg: str
    heading: tuple[tuple[str, ...], tuple[str, ...]]
    """Title and subtitle as broken into lines for the PNG."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in CSS pixels."""
        found = _SIZE.search(self.svg)
        return (float(found[1]), float(found[2])) if found else (0.0, 0.0)

    def inline(self) -> str:
        """The drawing for a page: colours follow its theme, ids do not clash with another
        drawing's.
        """
        own = re.sub(r'(id="|url\(#)', rf"\g<1>{self.name}-", as_variables(self.svg))
        label = escape(f"{self.title}. {self.subtitle}", quote=True)
        return own.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)

    def png(self) -> bytes:
        """The drawing with its heading, at twice its size."""
        import vl_convert

        return bytes(vl_convert.svg_to_png(self._with_heading(), scale=2))

    def _with_heading(self) -> str:
        width, height = self.size
        titles, subtitles = self.heading
        top = MARGIN + 21 * len(titles) + 18 * len(subtitles) + 14
        lines = [
            *(
                _text(line, y=MARGIN + 14 + 21 * k, size=16, colour="ink", bold=True)
                for k, line in enumerate(titles)
            ),
            *(
                _text(line, y=MARGIN + 14 + 21 * len(titles) + 18 * k, size=13, colour="muted")
                for k, line in enumerate(subtitles)
            ),
        ]
        all_width, all_height = max(width, 640) + 2 * MARGIN, top + height + MARGIN
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{all_width}" height="{all_height}">'
            f'<rect width="100%" height="100%" fill="{light("panel")}"/>{"".join(lines)}'
            f'<g transform="translate({MARGIN},{top})">{self.svg}</g></svg>'
        )


def _text(line: str, *, y: float, size: int, colour: str, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    style = f'font-family="{FONT}" font-size="{size}" fill="{light(colour)}"{weight}'
    return f'<text x="{MARGIN}" y="{y}" {style}>{escape(line)}</text>'


def drawing(name: str, chart: "ChartType") -> Drawing:
    """Lay a chart out. Nothing is fetched: the chart's data is in it."""
    import vl_convert

    spec = chart.to_dict(validate=False)
    heading = spec.pop("title")
    spec["background"] = "transparent"
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    titles, subtitles = tuple(heading["text"]), tuple(heading.get("subtitle") or ())
    return Drawing(
        name=name,
        title=" ".join(titles),
        subtitle=" ".join(subtitles),
        svg=_NOISE.sub("", svg),
        heading=(titles, subtitles),
    )


def drawings(report: Report) -> Iterator[Drawing]:
    """Yield every chart of the report, laid out, in the order of `CHARTS`; then what the run has
    besides.
    """
    for name, chart in CHARTS.items():
        yield drawing(name, chart(report))
    window = report.summary.get("churn_window")
    if window:
        yield drawing("reactivation", charts.reactivation(window))
    if window and window["causes"]:
        yield drawing("causes", charts.causes(window))


def pngs(report: Report) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, PNG) of every chart, under the names of the original system."""
    for each in drawings(report):
        yield f"{each.name}.png", each.png()
