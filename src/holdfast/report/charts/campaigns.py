"""Plans: what a campaign would bring at other rates, and where it begins to pay."""

import polars as pl

from holdfast.report import formatting, run_tables
from holdfast.report.charts.axes import LINE_KEY, highest, number_axis, share_axis, total
from holdfast.report.charts.base import DOT, Chart, by_name, empty, field, mark, panel, rule
from holdfast.report.theme import SEGMENT_COLOURS, WIDTH

_DASHES = ([1, 0], [6, 3], [2, 2])


def net_by_rate(recovery: pl.DataFrame, *, currency: str) -> Chart:
    """Net return of each segment's campaign at every recovery rate, with the assumed one and the
    break-even marked.

    Parameters
    ----------
    recovery
        RECOVERY, with net_low and net_high, as `campaigns.recovery` gives it.
    """
    plan = recovery.filter(pl.col("customers") > 0).with_columns(none=pl.lit(0.0))
    if plan.is_empty():
        return empty("campaign", "Nobody is contacted: raise the reach of a segment.")
    names, lines = plan["segment"].to_list(), net_lines(plan)
    colours = {name: SEGMENT_COLOURS[name] for name in names}
    color, key = by_name("segment:N", colours), by_name("segment:N", colours, LINE_KEY)
    dash = by_name("segment:N", dict(zip(names, _DASHES, strict=False)), LINE_KEY)
    x = field("rate:Q", axis=share_axis("Recovery rate"))
    y = field("net:Q", axis=number_axis(f"Net, {currency}"))
    even = plan.filter(pl.col("break_even_rate") <= highest(lines["rate"]))
    tick = {"thickness": 3, "size": 18, "orient": "vertical", "color": "ink"}
    drawn = panel(
        rule("y", 0),
        mark("line", lines, {"strokeWidth": 2}, x=x, y=y, color=key, strokeDash=dash),
        mark("tick", even, tick, x="break_even_rate:Q", y="none:Q"),
        mark("point", plan, DOT | {"size": 120}, x=x, y=y, color=color),
        mark("rule", plan, {"strokeWidth": 3}, x=x, y="net_low:Q", y2="net_high", color=color),
        size=(WIDTH - 80, 280),
    )
    n_paying, campaigns = (
        plan.filter(pl.col("net") > 0).height,
        formatting.plural(plan.height, "campaign"),
    )
    sources = formatting.capital(formatting.listing(sorted(plan["uplift_source"].unique())))
    net = formatting.money(total(plan["net"]), currency)
    pay = formatting.verb(n_paying, "pays", "pay")
    title = f"{sources}: {n_paying} of {campaigns} {pay}, net {net}"
    what = (
        "Point: the rate chosen. Tick at 0: break-even. Bar: low to high rate, totals as far "
        "off as before."
    )
    return Chart(drawn, title, what, run_tables.recovery(recovery, currency=currency))


def net_lines(plan: pl.DataFrame) -> pl.DataFrame:
    """Where each segment's line begins and ends: segment, rate, net."""
    by_cost = pl.col("invested") / pl.col("break_even_rate")
    by_rate = pl.when(pl.col("rate") > 0).then(pl.col("recovered") / pl.col("rate"))
    worth = pl.coalesce(by_rate, by_cost, 0.0)
    rates = [*plan["rate"], *plan["break_even_rate"].drop_nulls().clip(0, 1), 0.0]
    ends = (0.0, min(1.0, max(0.2, 1.4 * max(rates))))
    return pl.concat(
        plan.select("segment", rate=pl.lit(rate), net=worth * rate - pl.col("invested"))
        for rate in ends
    )
