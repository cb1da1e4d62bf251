"""What is believed of each offer in each segment: before any data, and now."""

from collections.abc import Mapping

import polars as pl

from holdfast.report.charts.axes import number_axis, panel_title, share_axis, shorten, words
from holdfast.report.charts.base import (
    Chart,
    Options,
    by_name,
    field,
    make_chart,
    mark,
    no_chart,
    panel,
    rule,
)
from holdfast.report.formatting import money, percent, plural
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table
from holdfast.report.theme import DOT, MUTED
from holdfast.study import SEGMENT_NAMES

_LOOKS = {
    "measured": ("blue", "circle"), "pooled": ("green", "diamond"),
    "observed": ("amber", "triangle-up"), "assumed": ("grey", "square"),
}  # fmt: skip
_Z_90 = 1.644854
_WIDTH, _ROW = 440, 38
# Pixels below and above the middle of a row.
_BEFORE, _NOW = MUTED | {"yOffset": 8}, {"yOffset": -6}
_DASHED: Options = {"strokeWidth": 1.5, "strokeDash": [3, 2]}
_NAMES: Options = {"minExtent": 116}
"""Room for the longest segment, also in a font wider than the one that was measured."""


def believed_before_and_after(cells: pl.DataFrame, *, currency: str) -> Chart:
    """What each offer was assumed to add in each segment before any data, and what is believed now.

    Parameters
    ----------
    cells
        Of `OfferHistory.table`: segment, offer, mean, deviation, low, high (5 and 95 %), assumed,
        learnt, basis and unit.
    """
    if cells.is_empty():
        return no_chart("believed_before_and_after", "no_offer")
    table = _with_before(cells)
    looks = {name: look for name, look in _LOOKS.items() if name in table["basis"]}
    parts = table.partition_by("offer", maintain_order=True)
    panels = [_offer(part, currency, looks) for part in parts]
    n_measured = table.filter(pl.col("basis").is_in(["measured", "pooled"])).height
    of = plural(table.height, "pair")
    # One panel alone may be as wide as its page.
    drawn = panels[0] if len(panels) == 1 else {"vconcat": panels, "spacing": 20}
    rows = _belief_table(table, currency)
    return make_chart("believed_before_and_after", drawn, rows, told=n_measured, of=of)


def _with_before(cells: pl.DataFrame) -> pl.DataFrame:
    """The cells with the range believed before any data, and where their chart begins and ends.

    Cells of one unit share an axis. It holds what is believed now; before any data much more was
    possible, so that what reaches further is cut, and marked as cut.
    """
    before = _Z_90 * pl.col("deviation") / (1 - pl.col("learnt")).clip(1e-12).sqrt()
    least = pl.min_horizontal("low", "assumed").min().over("unit").clip(None, 0)
    most = pl.max_horizontal("high", "assumed").max().over("unit").clip(0)
    room = 0.3 * (most - least)
    reach = cells.with_columns(
        before_low=pl.col("assumed") - before,
        before_high=pl.col("assumed") + before,
        start=least - room,
        end=most + room,
    )
    return reach.with_columns(
        cut_low=pl.max_horizontal("start", "before_low"),
        cut_high=pl.min_horizontal("end", "before_high"),
    )


def _offer(
    cells: pl.DataFrame,
    currency: str,
    looks: Mapping[str, tuple[str, str]],
) -> Options:
    """One offer's segments: above, what is believed now; below, what was."""
    unit, start, end = cells.select("unit", "start", "end").row(0)
    cells = cells.with_columns(text=words(cells["mean"], _write, unit, currency))
    axis = (
        share_axis("Share kept of what is at stake", format=".1~%")
        if unit == "rate"
        else number_axis(f"Margin per customer contacted, {currency}")
    )
    x = field("mean:Q", axis=axis, scale={"domain": [start, end], "nice": False})
    named = _NAMES | {"labelExpr": _in_two_lines(cells)}
    rows = {"y": field("segment:N", sort=list(SEGMENT_NAMES), title=None, axis=named)}
    color, shape = (
        by_name("basis:N", {name: look[k] for name, look in looks.items()}) for k in (0, 1)
    )
    now = {"x": "low:Q", "x2": "high", "color": color}
    before = {"x": "cut_low:Q", "x2": "cut_high"}
    return panel(
        rule("x", 0),
        mark("rule", cells, _BEFORE | _DASHED, **before, **rows),
        mark("tick", cells, _BEFORE | {"thickness": 2, "size": 10}, x="assumed:Q", **rows),
        *_arrows(cells, rows),
        mark("rule", cells, _NOW | {"strokeWidth": 3}, **now, **rows),
        mark("point", cells, DOT | _NOW | {"size": 90}, x=x, color=color, shape=shape, **rows),
        size=(_WIDTH, _ROW * cells.height),
        title=panel_title(shorten(cells["offer"][0], 48)),
    )


def _in_two_lines(cells: pl.DataFrame) -> str:
    """Each segment's name, and below it what is believed of it and by what."""
    text = pl.format("{}, {}", "text", "basis")
    lines = cells.select("segment", text).iter_rows()
    choice = "".join(f"datum.value === '{name}' ? ['{name}', '{text}'] : " for name, text in lines)
    return f"{choice}datum.value"


def _arrows(cells: pl.DataFrame, rows: Options) -> list[Options]:
    """Where what was believed before reaches beyond the chart."""
    parts = {
        "left": (cells.filter(pl.col("before_low") < pl.col("start")), "start:Q"),
        "right": (cells.filter(pl.col("before_high") > pl.col("end")), "end:Q"),
    }
    head = DOT | _BEFORE | {"size": 36}
    return [
        mark("point", part, head | {"shape": f"triangle-{side}"}, x=at, **rows)
        for side, (part, at) in parts.items()
        if part.height
    ]


def _write(value: float, unit: str, currency: str) -> str:
    return percent(value) if unit == "rate" else money(value, currency)


def _belief_table(table: pl.DataFrame, currency: str) -> Table:
    names = ("assumed", "before_low", "before_high", "mean", "low", "high")
    rows = [
        row | {name: _write(row[name], row["unit"], currency) for name in names}
        for row in table.to_dicts()
    ]
    return make_table(
        "What each offer adds, before any data and now",
        rows,
        "offer segment basis",
        Col("assumed", "Before any data"),
        Col("before", "90% range", "text", "{before_low} to {before_high}"),
        Col("mean", "Now"),
        Col("now", "90% range", "text", "{low} to {high}"),
    )
