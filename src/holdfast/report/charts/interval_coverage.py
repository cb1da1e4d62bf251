"""Charts of how promises of money held."""

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from holdfast.report import formatting
from holdfast.report.chart_data import ticks
from holdfast.report.charts.base import empty, mark, number_axis, panel_title, share_axis
from holdfast.report.interval_coverage import tenths
from holdfast.report.theme import WIDTH, dressed, light

if TYPE_CHECKING:
    from altair.typing import ChartType

PROMISED = 0.8
_HALF = WIDTH // 2 - 62


def promises(predictions: pl.DataFrame, *, currency: str) -> "ChartType":
    """Predicted against realised revenue, and how often the 80 % interval held, by tenth of
    predicted revenue.
    """
    import altair as alt

    table = tenths(predictions)
    if table.is_empty():
        return empty(
            "promises of revenue", "No customer has both an expected revenue and what came."
        )
    panels = [_totals(table, currency)]
    known = table.drop_nulls("held_80")
    if known.height:
        panels.append(_coverage(known))
    n = table["cutoff_day"].n_unique()
    return dressed(
        alt.hconcat(*panels, spacing=30),
        title=_how_it_held(known, table),
        subtitle="Customers in ten equal groups by expected revenue, 10 = most. One line per "
        f"cutoff ({n}).",
    )


def _how_it_held(known: pl.DataFrame, table: pl.DataFrame) -> str:
    if known.height:
        held = float(np.average(known["held_80"], weights=known["customers"]))
        return f"What came lay in the 80% interval for {formatting.percent(held)} of customers"
    sums = table.select(pl.col("predicted", "actual") * pl.col("customers")).sum().row(0)
    return (
        f"{formatting.percent(sums[0] / sums[1] if sums[1] > 0 else None, 0)} of what came was "
        "expected"
    )


def _totals(table: pl.DataFrame, currency: str) -> Any:
    import altair as alt

    kinds = {"predicted": "Expected", "actual": "Came", "baseline": "Naive baseline"}
    long = table.select("cutoff_day", "tenth", *kinds).unpivot(
        list(kinds), index=["cutoff_day", "tenth"], variable_name="kind", value_name="revenue"
    )
    long = long.with_columns(
        pl.col("kind").replace_strict(kinds), revenue=pl.col("revenue").clip(0)
    )
    scale = {
        "domain": list(kinds.values()),
        "range": [light("blue"), light("vermillion"), light("grey")],
    }
    dash = {"domain": list(kinds.values()), "range": [[1, 0], [1, 0], [5, 4]]}
    legend = {
        "title": None,
        "orient": "bottom",
        "columns": 1,
        "symbolType": "stroke",
        "symbolStrokeWidth": 3,
    }
    amounts = ticks(float(np.log1p(long["revenue"].max() or 0.0)))  # type: ignore[arg-type]
    axis = number_axis(f"Mean revenue, {currency}", values=amounts)
    line = mark(long, "line", strokeWidth=2).encode(
        x=alt.X("tenth:O", axis={"title": "Tenth by expected revenue", "labelAngle": 0}),
        y=alt.Y("revenue:Q", scale={"type": "symlog"}, axis=axis),
        color=alt.Color("kind:N", scale=scale, legend=legend),
        strokeDash=alt.StrokeDash("kind:N", scale=dash, legend=None),
        detail=alt.Detail("cutoff_day:O"),
    )
    return line.properties(width=_HALF, height=250, title=panel_title("Expected and realised"))


def _coverage(table: pl.DataFrame) -> Any:
    import altair as alt

    x = alt.X("tenth:O", axis={"title": "Tenth by expected revenue", "labelAngle": 0})
    y = alt.Y(
        "held_80:Q", scale={"domain": [0, 1]}, axis=share_axis("Share inside the 80% interval")
    )
    promised = mark(
        pl.DataFrame({"y": [PROMISED]}), "rule", color=light("muted"), strokeDash=[4, 4]
    )
    lines = mark(
        table,
        "line",
        color=light("blue"),
        strokeWidth=2,
        point={"size": 40, "color": light("blue")},
    )
    layers = alt.layer(
        promised.encode(y=alt.Y("y:Q")), lines.encode(x=x, y=y, detail=alt.Detail("cutoff_day:O"))
    )
    return layers.properties(
        width=_HALF, height=250, title=panel_title("Coverage", "Dashed: the 80% promised")
    )
