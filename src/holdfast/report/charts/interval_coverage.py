"""Charts of how often the intervals of revenue held."""

import numpy as np
import polars as pl

from holdfast.report import evidence_tables, formatting
from holdfast.report.chart_data import ticks
from holdfast.report.charts.axes import (
    LINE_KEY,
    WHOLE,
    highest,
    number_axis,
    panel_title,
    share_axis,
    total,
)
from holdfast.report.charts.base import (
    BLUE,
    Chart,
    Options,
    by_name,
    empty,
    field,
    mark,
    panel,
    rule,
)
from holdfast.report.interval_coverage import tenths
from holdfast.report.theme import WIDTH, light

PROMISED = 0.8
_KINDS = {"Expected": "blue", "Came": "vermillion", "Naive baseline": "grey"}
_DASHES = {"Expected": [1, 0], "Came": [1, 0], "Naive baseline": [5, 4]}
_SIZE = (WIDTH // 2 - 62, 250)
_X = field("tenth:O", axis={"title": "Tenth by expected revenue", "labelAngle": 0})


def promises(predictions: pl.DataFrame, *, currency: str) -> Chart:
    """Predicted against realised revenue, and how often the 80 % interval held, by tenth of
    predicted revenue.
    """
    table = tenths(predictions)
    if table.is_empty():
        return empty(
            "promises of revenue", "No customer has both an expected revenue and what came."
        )
    covered = table.drop_nulls("held_80")
    panels = [_totals(table, currency), *([_coverage(covered)] if covered.height else [])]
    lines = f"One line per cutoff ({table['cutoff_day'].n_unique()})."
    what = f"Customers in ten equal groups by expected revenue, 10 = most. {lines}"
    drawn, title = {"hconcat": panels, "spacing": 30}, _describe_coverage(covered, table)
    tenths_ = evidence_tables.revenue_by_tenth(predictions, currency=currency)
    return Chart(drawn, title, what, tenths_)


def _describe_coverage(covered: pl.DataFrame, table: pl.DataFrame) -> str:
    if covered.height:
        share = float(np.average(covered["held_80"], weights=covered["customers"]))
        return f"What came lay in the 80% interval for {formatting.percent(share)} of customers"
    predicted, came = (total(table[name] * table["customers"]) for name in ("predicted", "actual"))
    share_expected = formatting.percent(predicted / came if came > 0 else None, 0)
    return f"{share_expected} of what came was expected"


def _totals(table: pl.DataFrame, currency: str) -> Options:
    named = table.rename({"predicted": "Expected", "actual": "Came", "baseline": "Naive baseline"})
    long = named.unpivot(
        list(_KINDS), index=["cutoff_day", "tenth"], variable_name="kind", value_name="revenue"
    )
    long = long.with_columns(pl.col("revenue").clip(0))
    axis = number_axis(
        f"Mean revenue, {currency}", values=ticks(float(np.log1p(highest(long["revenue"]))))
    )
    y, detail = field("revenue:Q", scale={"type": "symlog"}, axis=axis), "cutoff_day:O"
    color = by_name("kind:N", _KINDS, LINE_KEY | {"orient": "bottom", "columns": 1})
    dash = by_name("kind:N", _DASHES)
    line = mark(
        "line", long, {"strokeWidth": 2}, x=_X, y=y, color=color, strokeDash=dash, detail=detail
    )
    return panel(line, size=_SIZE, title=panel_title("Expected and realised"))


def _coverage(table: pl.DataFrame) -> Options:
    style = BLUE | {"strokeWidth": 2, "point": {"size": 40, "color": light("blue")}}
    y = field("held_80:Q", scale=WHOLE, axis=share_axis("Share inside the 80% interval"))
    lines = mark("line", table, style, x=_X, y=y, detail="cutoff_day:O")
    title = panel_title("Coverage", "Dashed: the 80% promised")
    return panel(rule("y", PROMISED, strokeDash=[4, 4]), lines, size=_SIZE, title=title)
