"""The whole base: how value is spread, where value meets risk, and who moved since the last run."""

from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.report import chart_data, formatting, ranking_curves
from holdfast.report.charts.base import HIDDEN_AXIS, Options, empty, mark, number_axis, share_axis
from holdfast.report.theme import SEGMENT_COLOURS, WIDTH, dressed, light
from holdfast.study import SEGMENT_NAMES

if TYPE_CHECKING:
    from altair.typing import ChartType

NOBODY = "This run has scored no customer."
_STRONGEST = 0.5
"""Opacity of the fullest cell: text on it keeps a contrast of 4.5:1 in both themes."""


def amount_axis(top: float, currency: str, title: str, **options: Any) -> Options:
    """An axis of log(1 + amount), with round amounts."""
    named = {
        float(chart_data.on_axis(pl.Series([at]))[0]): formatting.money(at, currency)
        for at in chart_data.ticks(top)
    }
    text = "".join(f"abs(datum.value - {at!r}) < 1e-6 ? '{said}' : " for at, said in named.items())
    return {"values": list(named), "labelExpr": f"{text}''", "title": title, **options}


def revenue_distribution(scores: pl.DataFrame, *, currency: str) -> "ChartType":
    """How many customers are expected to be worth how much."""
    import altair as alt

    if scores.is_empty() or float(scores["expected_revenue"].max() or 0) <= 0:  # type: ignore[arg-type]
        return empty("expected revenue", "No customer of this run is expected to spend.")
    bins = chart_data.revenue_bins(scores).with_columns(none=pl.lit(0))
    told = [
        f"{formatting.money(a, currency)} to {formatting.money(b, currency)}"
        for a, b in bins.select("least", "most").rows()
    ]
    bars = mark(
        bins.with_columns(worth=pl.Series(told)), "rect", color=light("blue"), stroke=light("panel")
    ).encode(
        x=alt.X(
            "start:Q",
            axis=amount_axis(
                float(bins["end"][-1]), currency, "Expected revenue, log scale", grid=False
            ),
        ),
        x2=alt.X2("end"),
        y=alt.Y("customers:Q", axis=number_axis("Customers")),
        y2=alt.Y2("none"),
        tooltip=[alt.Tooltip("worth:N"), alt.Tooltip("customers:Q", format=",")],
    )
    ranked = scores["expected_revenue"].sort(descending=True)
    top = float(ranked.head(max(1, scores.height // 10)).sum()) / float(ranked.sum())
    median = float(ranked.median())  # type: ignore[arg-type]
    return dressed(
        bars.properties(width=WIDTH - 60, height=320),
        title=f"A tenth of the customers holds {formatting.percent(top, 0)} of the expected "
        "revenue",
        subtitle=f"{formatting.plural(scores.height, 'customer')}; the median customer is expected "
        "to bring "
        f"{formatting.money(median, currency)}.",
    )


def value_by_segment(scores: pl.DataFrame, *, currency: str) -> "ChartType":
    """The spread of expected revenue in each segment, as violins with median and quartiles."""
    import altair as alt

    outline = chart_data.value_density(scores)
    if outline.is_empty() or float(scores["expected_revenue"].max() or 0) <= 0:  # type: ignore[arg-type]
        return empty("expected revenue by segment", "No customer of this run is expected to spend.")
    ends = outline.group_by("segment").agg(end=pl.col("place").max())
    middle = _middles(scores, currency).join(ends, on="segment", maintain_order="left")
    names = middle["segment"].to_list()
    colours = {"domain": names, "range": [light(SEGMENT_COLOURS[name]) for name in names]}
    top = float(outline["place"].max())  # type: ignore[arg-type]
    labels = "".join(f"datum.value == {row} ? '{name}' : " for row, name in enumerate(names))
    axis = {
        "values": list(range(len(names))),
        "labelExpr": f"{labels}''",
        "title": None,
        "grid": False,
    }
    scale = {"domain": [len(names) - 0.5, -0.5], "nice": False}
    x = alt.X("place:Q", axis=amount_axis(top, currency, "Expected revenue, log scale"))
    color = alt.Color("segment:N", scale=colours, legend=None)
    layers = (
        mark(outline, "area", fillOpacity=0.55).encode(
            x=x,
            y=alt.Y("low:Q", axis=axis, scale=scale),
            y2=alt.Y2("high"),
            color=color,
            detail="segment:N",
        ),
        mark(middle, "rule", color=light("ink"), strokeWidth=3).encode(
            x=alt.X("from:Q"), x2=alt.X2("to"), y=alt.Y("row:Q", scale=scale)
        ),
        mark(middle, "point", filled=True, size=70, color=light("ink"), opacity=1).encode(
            x=alt.X("at:Q"),
            y=alt.Y("row:Q", scale=scale),
            tooltip=[alt.Tooltip("told:N", title="Median")],
        ),
        mark(middle, "text", align="left", dx=8).encode(
            x=alt.X("end:Q"), y=alt.Y("row:Q", scale=scale), text=alt.Text("told:N")
        ),
    )
    best = middle.sort("at", descending=True).row(0, named=True)
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 120, height=58 * len(names)),
        title=f"{best['segment']} customers are worth most: {best['told']} at the median",
        subtitle="Width: how many customers of the segment. Point: median. Bar: the middle half.",
    )


def _middles(scores: pl.DataFrame, currency: str) -> pl.DataFrame:
    found = chart_data.value_quartiles(scores).with_row_index("row")
    placed = {
        to: chart_data.on_axis(found[name])
        for to, name in (("at", "median"), ("from", "quarter"), ("to", "three_quarters"))
    }
    told = [formatting.money(value, currency) for value in found["median"]]
    return found.select("row", "segment").with_columns(
        told=pl.Series(told), **{name: pl.Series(values) for name, values in placed.items()}
    )


def value_against_risk(scores: pl.DataFrame, *, threshold: float, currency: str) -> "ChartType":
    """Every customer, counted in cells of expected revenue by churn probability."""
    import altair as alt

    if scores.is_empty():
        return empty("customers", NOBODY)
    cells = chart_data.crowd(scores).with_columns(weight=(pl.col("customers") + 1).log())
    top = float(cells["right"].max())  # type: ignore[arg-type]
    opacity = {"domain": [0, float(cells["weight"].max())], "range": [0.08, 1]}  # type: ignore[arg-type]
    median = pl.DataFrame(
        {"x": [float(chart_data.on_axis(pl.Series([scores["expected_revenue"].median()]))[0])]}
    )
    layers = (
        mark(cells, "rect", color=light("blue")).encode(
            x=alt.X(
                "left:Q", axis=amount_axis(top, currency, "Expected revenue, log scale", grid=False)
            ),
            x2=alt.X2("right"),
            y=alt.Y(
                "bottom:Q",
                axis=share_axis("Churn probability", grid=False),
                scale={"domain": [0, 1]},
            ),
            y2=alt.Y2("top"),
            fillOpacity=alt.FillOpacity("weight:Q", scale=opacity, legend=None),
            tooltip=[
                alt.Tooltip("customers:Q", format=","),
                alt.Tooltip("expected_revenue:Q", format=",.0f"),
                alt.Tooltip("bottom:Q", format=".0%", title="risk from"),
            ],
        ),
        mark(
            pl.DataFrame({"y": [threshold]}), "rule", color=light("vermillion"), strokeDash=[5, 4]
        ).encode(y="y:Q"),
        mark(median, "rule", color=light("ink"), strokeDash=[2, 3]).encode(x="x:Q"),
    )
    both = scores.filter(
        (pl.col("churn_probability") >= threshold)
        & (pl.col("expected_revenue") >= scores["expected_revenue"].median())
    )
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 60, height=340),
        title=_likely_to_leave(both, currency),
        subtitle=f"All {formatting.count(scores.height)} customers; the darker, the more of them. "
        "Dashed: churn probability "
        f"of {formatting.percent(threshold, 0)}. Dotted: the median customer's expected revenue.",
    )


def _likely_to_leave(both: pl.DataFrame, currency: str) -> str:
    if both.is_empty():
        return "Nobody of the more valuable half is likely to leave"
    n, held = (
        both.height,
        formatting.money(ranking_curves.total(both, "expected_revenue"), currency),
    )
    leave = formatting.verb(n, "is likely to leave and holds", "are likely to leave and hold")
    return f"{formatting.plural(n, 'customer')} of the more valuable half {leave} {held}"


def risk_bands(scores: pl.DataFrame, *, currency: str) -> "ChartType":
    """Value tier by band of churn probability: customers and what they hold, cell by cell."""
    import altair as alt

    if scores.is_empty():
        return empty("customers", NOBODY)
    cells = chart_data.bands(scores)
    told = [
        (formatting.count(n), formatting.money(held, currency))
        for n, held in cells.select("customers", "expected_revenue").iter_rows()
    ]
    cells = cells.with_columns(
        n=pl.Series([n for n, _ in told]), held=pl.Series([held for _, held in told])
    )
    x = alt.X(
        "band:N",
        sort=list(chart_data.BANDS),
        axis={"title": "Churn probability", "labelAngle": 0, "orient": "top"},
    )
    y = alt.Y("value_tier:N", sort=["high", "mid", "low"], axis={"title": "Value tier"})
    most = float(cells["customers"].max() or 1)  # type: ignore[arg-type]
    layers = (
        mark(cells, "rect", color=light("blue"), stroke=light("panel"), strokeWidth=2).encode(
            x=x, y=y, fillOpacity=alt.FillOpacity("customers:Q", scale=_opacity(most), legend=None)
        ),
        mark(cells, "text", fontWeight="bold", dy=-8).encode(x=x, y=y, text=alt.Text("n:N")),
        mark(cells, "text", dy=9).encode(x=x, y=y, text=alt.Text("held:N")),
    )
    worst = cells.filter(
        (pl.col("value_tier") == "high") & pl.col("band").is_in(["high", "very high"])
    )
    n = int(worst["customers"].sum())
    who = (
        f"{formatting.plural(n, 'customer')} of high value {formatting.verb(n, 'has', 'have')}"
        if n
        else "Nobody of high value has"
    )
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 120, height=210),
        title=f"{who} a high or very high risk",
        subtitle="Customers and the revenue expected of them. Moderate from 10%, high from 30%, "
        "very high from 70%.",
    )


def _opacity(most: float) -> Options:
    return {"domain": [0, most], "range": [0.04, _STRONGEST]}


def segment_moves(moves: pl.DataFrame) -> "ChartType":
    """From which segment to which, since the run before.

    Parameters
    ----------
    moves
        was, now, customers, as of `runs.run_history.moves`.
    """
    import altair as alt

    if moves.is_empty():
        return empty("moves", "There is no earlier run of this study to compare with.")
    order = [*SEGMENT_NAMES, "new", "gone"]
    moved = moves.filter(pl.col("was") != pl.col("now"))
    y = alt.Y("was:N", sort=order, axis={"title": "Was"})
    x = alt.X("now:N", sort=order, axis={"title": "Is now", "labelAngle": -35, "orient": "top"})
    most = float(moved["customers"].max() or 1)  # type: ignore[arg-type]
    stayed = moves.filter(pl.col("was") == pl.col("now"))
    layers = (
        mark(moved, "rect", color=light("blue"), stroke=light("panel"), strokeWidth=2).encode(
            x=x, y=y, fillOpacity=alt.FillOpacity("customers:Q", scale=_opacity(most), legend=None)
        ),
        mark(stayed, "rect", color=light("grid"), stroke=light("panel"), strokeWidth=2).encode(
            x=x, y=y
        ),
        mark(moves, "text").encode(x=x, y=y, text=alt.Text("customers:Q", format=",")),
    )
    both = moves.filter((pl.col("was") != "new") & (pl.col("now") != "gone"))
    n, changed = (
        ranking_curves.total(both, "customers"),
        ranking_curves.total(both.filter(pl.col("was") != pl.col("now")), "customers"),
    )
    share = f" ({formatting.percent(changed / n, 0)})" if n else ""
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 140, height=300),
        title=f"{formatting.plural(int(changed), 'customer')}{share} changed segment since the run "
        "before",
        subtitle="Grey: stayed. New: not scored before. Gone: no longer scored, mostly because of "
        "a long silence.",
    )


def quarantined(reasons: pl.DataFrame) -> "ChartType":
    """Why rows were not used.

    Parameters
    ----------
    reasons
        source, reason, rows.
    """
    import altair as alt

    if reasons.is_empty():
        return empty("left-out rows", "Every row was used.")
    table = (
        reasons.sort("rows", descending=True)
        .head(12)
        .with_columns(told=pl.format("{}: {}", "source", "reason"))
    )
    y = alt.Y("told:N", sort=table["told"].to_list(), title=None, axis={"labelLimit": 300})
    x = alt.X("rows:Q", axis=HIDDEN_AXIS, scale={"domain": [0, 1.2 * float(table["rows"].max())]})  # type: ignore[arg-type]
    layers = (
        mark(table, "bar", color=light("grey"), height=16).encode(x=x, y=y),
        mark(table, "text", align="left", dx=6).encode(
            x=x, y=y, text=alt.Text("rows:Q", format=",")
        ),
    )
    n = int(reasons["rows"].sum())
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 320, height=28 * table.height),
        title=f"{formatting.plural(n, 'row')} {formatting.verb(n, 'was', 'were')} not used",
        subtitle="Set aside by a rule of the study, or quarantined because they could not be "
        "understood.",
    )
