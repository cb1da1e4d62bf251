"""Plans: what a campaign would bring at other rates, and where it begins to pay."""

from typing import TYPE_CHECKING

import polars as pl

from holdfast.report import formatting, ranking_curves
from holdfast.report.charts.base import empty, mark, number_axis, share_axis, zero
from holdfast.report.theme import SEGMENT_COLOURS, WIDTH, dressed, light

if TYPE_CHECKING:
    from altair.typing import ChartType

_DASHES = ([1, 0], [6, 3], [2, 2])


def net_by_rate(recovery: pl.DataFrame, *, currency: str) -> "ChartType":
    """Net return of each segment's campaign at every recovery rate, with the assumed one and the
    break-even marked.

    Parameters
    ----------
    recovery
        RECOVERY, with net_low and net_high where they are known.
    """
    import altair as alt

    plan = recovery.filter(pl.col("customers") > 0)
    if plan.is_empty():
        return empty("campaign", "Nobody is contacted: raise the reach of a segment.")
    names, lines = plan["segment"].to_list(), net_lines(plan)
    colours = {"domain": names, "range": [light(SEGMENT_COLOURS[name]) for name in names]}
    dash = {"domain": names, "range": list(_DASHES[: len(names)])}
    legend = {"title": None, "orient": "top", "symbolType": "stroke", "symbolStrokeWidth": 3}
    color = alt.Color("segment:N", scale=colours, legend=None)
    x = alt.X("rate:Q", axis=share_axis("Recovery rate"))
    y = alt.Y("net:Q", axis=number_axis(f"Net, {currency}"))
    even = plan.filter(pl.col("break_even_rate") <= lines["rate"].max()).with_columns(
        none=pl.lit(0.0)
    )
    layers = [
        zero("y"),
        mark(lines, "line", strokeWidth=2).encode(
            x=x,
            y=y,
            color=alt.Color("segment:N", scale=colours, legend=legend),
            strokeDash=alt.StrokeDash("segment:N", scale=dash, legend=legend),
        ),
        mark(even, "tick", thickness=3, size=18, orient="vertical", color=light("ink")).encode(
            x=alt.X("break_even_rate:Q"), y=alt.Y("none:Q")
        ),
        mark(plan, "point", filled=True, size=120, opacity=1).encode(x=x, y=y, color=color),
    ]
    if plan["net_low"].null_count() == 0:
        layers.append(
            mark(plan, "rule", strokeWidth=3).encode(
                x=x, y=alt.Y("net_low:Q"), y2="net_high:Q", color=color
            )
        )
    pays = plan.filter(pl.col("net") > 0)
    sources = formatting.listing(sorted(plan["uplift_source"].unique().to_list()))
    net = formatting.money(ranking_curves.total(plan, "net"), currency)
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 80, height=280),
        title=f"{formatting.capital(sources)}: {pays.height} of "
        f"{formatting.plural(plan.height, 'campaign')} "
        f"{formatting.verb(pays.height, 'pays', 'pay')}, net {net}",
        subtitle="Point: the rate chosen. Tick at 0: break-even. Bar: totals as far off as before.",
    )


def net_lines(plan: pl.DataFrame) -> pl.DataFrame:
    """Where each segment's line begins and ends: segment, rate, net."""
    worth = pl.when(pl.col("rate") > 0).then(pl.col("recovered") / pl.col("rate"))
    top = min(
        1.0,
        max(0.2, 1.4 * max(*plan["rate"], *plan["break_even_rate"].drop_nulls().clip(0, 1), 0.0)),
    )
    parts = [
        plan.select(
            "segment",
            rate=pl.lit(rate),
            net=worth.fill_null(pl.col("invested") / pl.col("break_even_rate")).fill_null(0) * rate
            - pl.col("invested"),
        )
        for rate in (0.0, top)
    ]
    return pl.concat(parts)
