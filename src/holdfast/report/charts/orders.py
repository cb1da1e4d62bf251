"""Is the log complete: purchases week after week, stretches of silence, and when a silence means
goodbye.
"""

from typing import TYPE_CHECKING

import polars as pl

from holdfast.report import chart_data, formatting
from holdfast.report.charts.base import empty, mark, number_axis
from holdfast.report.theme import WIDTH, dressed, light

if TYPE_CHECKING:
    from altair.typing import ChartType


def purchases_by_week(days: pl.DataFrame) -> "ChartType":
    """Purchases of each week; stretches of two days or more on which nobody bought are marked."""
    import altair as alt

    weeks, quiet = chart_data.weeks(days), chart_data.silent_stretches(days)
    if weeks.is_empty():
        return empty("purchases", "The log covers no whole week, or the run stands on a snapshot.")
    table = weeks.with_columns(when=pl.col("week_start_day").cast(pl.Date).cast(pl.Datetime("ms")))
    gaps = quiet.select(
        start=pl.col("first_day").cast(pl.Date).cast(pl.Datetime("ms")),
        end=(pl.col("last_day") + 1).cast(pl.Date).cast(pl.Datetime("ms")),
    )
    x = alt.X("when:T", axis={"title": None, "grid": False, "tickCount": 8})
    told = [alt.Tooltip("when:T", format="%d %b %Y"), alt.Tooltip("purchases:Q", format=",")]
    layers = (
        mark(gaps, "rect", color=light("vermillion"), fillOpacity=0.35).encode(
            x=alt.X("start:T"), x2="end:T"
        ),
        mark(table, "line", color=light("blue"), strokeWidth=1.5).encode(
            x=x, y=alt.Y("purchases:Q", axis=number_axis("Purchases a week")), tooltip=told
        ),
    )
    n = int(quiet["days"].sum()) if quiet.height else 0
    stretches = formatting.plural(quiet.height, "stretch")
    title = f"On {formatting.plural(n, 'day')} in {stretches} nobody bought".replace(
        "stretchs", "stretches"
    )
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 80, height=200),
        title=title if n else "There is no stretch of two days without a purchase",
        subtitle="Shaded: two days or more without a purchase. Holidays look like this, and so do "
        "missing files.",
    )
