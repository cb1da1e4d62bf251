"""Is the log complete: purchases week after week, stretches of silence, and when a silence means goodbye."""

from typing import TYPE_CHECKING

import polars as pl

from holdfast.report import spreads, words
from holdfast.report.charts.parts import WHOLE, empty, mark, number_axis, share_axis
from holdfast.report.theme import WIDTH, dressed, light

if TYPE_CHECKING:
    from altair.typing import ChartType


def purchases_by_week(days: pl.DataFrame) -> "ChartType":
    """Purchases of each week; stretches of two days or more on which nobody bought are marked."""
    import altair as alt

    weeks, quiet = spreads.weeks(days), spreads.silent_stretches(days)
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
        mark(gaps, "rect", color=light("vermillion"), fillOpacity=0.35).encode(x=alt.X("start:T"), x2="end:T"),
        mark(table, "line", color=light("blue"), strokeWidth=1.5).encode(
            x=x, y=alt.Y("purchases:Q", axis=number_axis("Purchases a week")), tooltip=told
        ),
    )
    n = int(quiet["days"].sum()) if quiet.height else 0
    title = f"On {words.plural(n, 'day')} in {words.plural(quiet.height, 'stretch')} nobody bought".replace(
        "stretchs", "stretches"
    )
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 80, height=200),
        title=title if n else "There is no stretch of two days without a purchase",
        subtitle="Shaded: two days or more without a purchase. Holidays look like this, and so do missing files.",
    )


def silences(curve: pl.DataFrame, *, window_days: int | None, horizon_days: int) -> "ChartType":
    """The chance that a silent customer still returns, by the length of the silence.

    Parameters
    ----------
    curve
        silence_days, at_risk, return_probability, low, high: a churn window's `curve`.
    """
    import altair as alt

    known = curve.drop_nulls("return_probability")
    if known.is_empty():
        return empty("silences", "The log is too short to see silences end.")
    x = alt.X("silence_days:Q", axis={"title": "Days of silence"})
    layers = [
        mark(known, "area", color=light("blue"), fillOpacity=0.2).encode(
            x=x, y=alt.Y("low:Q", scale=WHOLE), y2="high:Q"
        ),
        mark(known, "line", color=light("blue"), strokeWidth=2).encode(
            x=x, y=alt.Y("return_probability:Q", scale=WHOLE, axis=share_axis(f"Returns within {horizon_days} days"))
        ),
        mark(pl.DataFrame({"y": [0.2]}), "rule", color=light("muted"), strokeDash=[4, 4]).encode(y="y:Q"),
    ]
    if window_days is not None:
        at = pl.DataFrame({"x": [window_days], "said": [f"churn window: {window_days} days"]})
        layers += [
            mark(at, "rule", color=light("vermillion"), strokeWidth=2).encode(x="x:Q"),
            mark(at, "text", align="left", dx=6, fontWeight="bold").encode(x="x:Q", y=alt.value(10), text="said:N"),
        ]
    said = (
        f"After {window_days} days of silence at most one in five returns"
        if window_days
        else "No silence means goodbye yet"
    )
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 80, height=240),
        title=said,
        subtitle=f"Share of silent customers who buy again within {horizon_days} more days, with the 95% interval.",
    )
