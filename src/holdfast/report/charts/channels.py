"""Channels: what a customer won by each has brought by the end of each month, beside the cost."""

import polars as pl

from holdfast.report import formatting, run_tables
from holdfast.report.charts.axes import number_axis
from holdfast.report.charts.base import Chart, Options, field, make_chart, mark, no_chart, panel
from holdfast.report.charts.cohorts import by_line
from holdfast.report.charts.line_names import name_lines
from holdfast.report.theme import DOT, WIDTH

_SHOWN = 6
_TIPS = ("channel:N", "month:Q", "margin:Q", "customers:Q", "source:N")


def channel_payback(channels: pl.DataFrame, months: pl.DataFrame, *, currency: str) -> Chart:
    """Cumulated margin per customer won of the largest channels, by months since the first
    purchase, observed and expected, with the cost of winning one as a line.

    Parameters
    ----------
    channels, months
        CHANNELS and CHANNEL_MONTHS of a run.
    """
    if channels.is_empty():
        return no_chart("channel_payback", "unnamed")
    if months.is_empty():
        return no_chart("channel_payback", "few")
    shown = channels.filter(pl.col("months_observed") > 0).head(_SHOWN)
    names = shown["channel"].to_list()
    look = by_line("channel:N", names)
    title = _say_payback(shown, months, currency)
    table = run_tables.channels(channels, currency=currency)
    drawn = panel(*_marks(shown, months, look, currency), size=(WIDTH - 80, 280))
    return make_chart("channel_payback", drawn, table, title=title)


def _marks(
    shown: pl.DataFrame, months: pl.DataFrame, look: Options, currency: str
) -> list[Options]:
    """The lines of the channels, the costs across them, and where they meet."""
    line = _with_start(months.filter(pl.col("channel").is_in(shown["channel"].to_list())))
    seen = pl.col("source") == "observed"
    # The expected line begins where the observed one ends.
    last = line.filter(seen).group_by("channel", maintain_order=True).last()
    coming = pl.concat([last.select(line.columns), line.filter(~seen)])
    costs = shown.drop_nulls("cost").select("channel", "cost")
    met = line.join(
        shown.select("channel", month="payback_months"), on=["channel", "month"]
    ).drop_nulls("month")
    x = field("month:Q", axis={"title": "Months since the first purchase", "tickMinStep": 1})
    y = field("margin:Q", axis=number_axis(f"Margin per customer won, {currency}"))
    tips = [field(name) for name in _TIPS]
    thin = {"strokeWidth": 1, "strokeOpacity": 0.8}
    colour = {"color": look["color"]}
    return [
        mark("line", line.filter(seen), {"strokeWidth": 2.5}, x=x, y=y, tooltip=tips, **look),
        mark("line", coming, thin, x=x, y=y, tooltip=tips, **look),
        mark("rule", costs, thin, y=field("cost:Q"), **look),
        mark("point", met, DOT | {"size": 60}, x=x, y=y, tooltip=tips, **colour),
        *name_lines(line, by="channel", x=x, y=y, **colour),
    ]


def _with_start(months: pl.DataFrame) -> pl.DataFrame:
    """The months by their end, from nothing on."""
    ends = months.select(pl.exclude("months_since"), month=pl.col("months_since") + 1)
    starts = ends.group_by("channel", maintain_order=True).first()
    zero = starts.with_columns(margin=pl.lit(0.0), month=pl.lit(0, pl.Int32))
    return pl.concat([zero.select(ends.columns), ends]).sort("channel", "month")


def _say_payback(shown: pl.DataFrame, months: pl.DataFrame, currency: str) -> str:
    priced = shown.drop_nulls("cost")
    if priced.is_empty():
        name = shown["channel"][0]
        end = months.filter(channel=name, source="observed").row(-1, named=True)
        worth = formatting.money(end["margin"], currency)
        after = formatting.plural(end["months_since"] + 1, "month")
        return f"A customer won by {name} has brought {worth} after {after}"
    each = [f"{row['channel']} {run_tables.payback(row)}" for row in priced.to_dicts()]
    return f"Winning a customer pays for itself: {'; '.join(each)}"
