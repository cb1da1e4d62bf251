"""What came of earlier predictions, run by run."""

import polars as pl

from holdfast.report import formatting
from holdfast.report.charts.axes import share_axis, words
from holdfast.report.charts.base import by_name, field, make_chart, mark, no_chart, panel
from holdfast.report.render import Chart
from holdfast.report.theme import WIDTH

_KINDS = {"Expected": "blue", "Came": "vermillion"}
_SHAPES = {"Expected": "circle", "Came": "square"}


def realised_churn(realised: pl.DataFrame) -> Chart:
    """The share who did not buy over the shortest horizon, expected and as it came, run by run."""
    rates = realised.filter(metric="churn_rate")
    table = rates.filter(pl.col("horizon_days") == pl.col("horizon_days").min()).sort("cutoff_day")
    if table.is_empty():
        return no_chart("realised_churn", "no_run")
    table = table.with_columns(cutoff=words(table["cutoff_day"], formatting.day))
    named = table.rename({"expected": "Expected", "value": "Came"})
    long = named.unpivot(
        list(_KINDS), index=["cutoff", "cutoff_day"], variable_name="what", value_name="share"
    )
    scale, legend = {"zero": False, "padding": 20}, {"title": None}
    x = field("cutoff:N", sort=table["cutoff"].to_list(), axis={"title": None, "labelAngle": 0})
    y = field("share:Q", axis=share_axis("Share that did not buy"), scale=scale)
    drawn = panel(
        mark("rule", table, {"color": "vermillion", "strokeWidth": 2}, x=x,
             y=field("low:Q", scale=scale), y2="high"),
        mark("point", long, {"filled": True, "size": 90}, x=x, y=y,
             color=by_name("what:N", _KINDS, legend), shape=by_name("what:N", _SHAPES, legend)),
        size=(WIDTH - 160, 220),
    )  # fmt: skip
    gap = table.select((pl.col("expected") - pl.col("value")).abs().mean()).item()
    days, off = str(table["horizon_days"][0]), formatting.decimal(100 * gap, 1)
    rows = table.select("cutoff_day", "customers", predicted="expected", actual="value")
    return make_chart("realised_churn", drawn, rows, days=days, points=off)
