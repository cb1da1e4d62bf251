"""What past campaigns did, one by one."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from holdfast.report.charts.axes import effect, effect_axis, shorten
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
from holdfast.report.formatting import capital, day, plural
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table
from holdfast.report.theme import DOT, WIDTH

_MOST, _ROW = 24, 62
_NAME_Y, _BELOW_Y, _LINE_Y = -22, -7, 12
"""Pixels from the middle of a row: its name, the line below it, and its interval."""
_UNSURE, _NO_COST = "not certain", "cost not known"
_VERDICTS: Mapping[str, Mapping[str | None, str]] = {
    "margin": {"yes": "certainly paid", "no": "certainly lost", None: _NO_COST},
    "bought": {"yes": "more bought", "no": "fewer bought"},
}
_LOOKS = {"yes": ("green", "circle"), "no": ("vermillion", "square"), "": ("grey", "diamond")}
_ROWS = field("row:O", axis=None)


def readout_forest(campaigns: pl.DataFrame, *, currency: str) -> Chart:
    """What each past campaign did per customer assigned, with 95 % intervals, and its net.

    Parameters
    ----------
    campaigns
        CAMPAIGNS. Where the log has no amounts, the effect is that on buying. The latest 24 are
        drawn.
    """
    if campaigns.is_empty():
        return no_chart("readout_forest", "no_campaign")
    unit = "" if campaigns["margin"].null_count() else currency
    ordered = campaigns.sort("day", "campaign", "offer")
    every = pl.DataFrame(
        [_forest_row(row, unit) for row in ordered.to_dicts()], infer_schema_length=None
    ).with_row_index("row")
    table = every.tail(_MOST)
    latest = f" The latest {_MOST} of {every.height}." if every.height > _MOST else ""
    title = _describe_forest(every, unit)
    what = " The upright mark is what it cost per customer." if every["even"].count() else ""
    drawn = _rows(table, unit)
    right = "the net after cost" if unit else "the effect"
    facts = {"title": title, "even": what, "latest": latest, "right": right}
    return make_chart("readout_forest", drawn, _forest_table(every, unit), **facts)


def _forest_row(row: Mapping[str, Any], unit: str) -> dict[str, Any]:
    """A campaign's effect, what the effect must be to pay, and both in words."""
    outcome = "margin" if unit else "bought"
    low, high = row[f"{outcome}_low"], row[f"{outcome}_high"]
    pays = row.get("pays") if unit else "yes" if low > 0 else "no" if high < 0 else _UNSURE
    word, cost, net = _VERDICTS[outcome].get(pays, _UNSURE), row.get("cost"), row.get("net")
    ends = (row["net_low"], row["net_high"]) if net is not None else (low, high)
    written = effect(net if unit else row[outcome], unit)
    return {
        **{name: row[name] for name in ("campaign", "day", "offer", "contacted", "held_out")},
        "effect": row[outcome], "low": low, "high": high, "word": word,
        "look": pays if pays in _LOOKS else "", "cost": cost, "net": net,
        "even": cost / row["contacted"] if unit and cost is not None else None,
        "name": shorten(row["campaign"], 22),
        "below": f"{shorten(row['offer'], 12)}, {day(row['day'])}",
        "figure": word if unit and net is None else f"{written}, {word}",
        "range": "" if unit and net is None else " to ".join(effect(end, unit) for end in ends),
    }  # fmt: skip


def _look() -> dict[str, Options]:
    return {
        name: by_name("look:N", {look: each[k] for look, each in _LOOKS.items()})
        for k, name in enumerate(("color", "shape"))
    }


def _rows(table: pl.DataFrame, unit: str) -> Options:
    """A row each: the name on the left and the verdict on the right of two lines of text, and below
    them the interval, as wide as the page lets it be.
    """
    axis = effect_axis("Margin added per customer" if unit else "Share added per customer", unit)
    x, look = field("effect:Q", axis=axis), _look()
    place = {"y": _ROWS, "color": look["color"]}
    even, at = table.drop_nulls("even"), {"yOffset": _LINE_Y}
    tick = at | {"color": "ink", "thickness": 2, "size": 16}
    ends = {"left": 0, "right": {"value": "width"}}
    texts = [
        mark(
            "text", table, {"align": side, "limit": 190, "dy": dy} | style, x=ends[side],
            y=_ROWS, text=name, **({"color": look["color"]} if name == "figure" else {}),
        )
        for side, names in (("left", ("name", "below")), ("right", ("figure", "range")))
        for name, dy, style in zip(
            names, (_NAME_Y, _BELOW_Y), ({"fontWeight": "bold"}, {"color": "muted"}), strict=True
        )
    ]  # fmt: skip
    return panel(
        rule("x", 0, "line"),  # light: names stand on it
        mark("rule", table, at | {"strokeWidth": 3}, x="low:Q", x2="high", **place),
        *([mark("tick", even, tick, x="even:Q", y=_ROWS)] if even.height else []),
        mark("point", table, DOT | at | {"size": 100}, x=x, y=_ROWS, **look),
        *texts,
        size=(WIDTH - 104, _ROW * table.height),
    )


def _describe_forest(every: pl.DataFrame, unit: str) -> str:
    if every.height == 1:
        return f"{every['name'][0]}: {every['figure'][0]}"
    counts = ((every["look"] == end).sum() for end in ("yes", "no"))
    good, bad = (count or "none" for count in counts)
    of = plural(every.height, "campaign")
    if every.select("campaign", "day").n_unique() < every.height:
        of = f"{plural(every.height, 'offer')} of campaigns"
    words = ("paid", "lost") if unit else ("made more customers buy", "fewer")
    return capital(f"{good} of {of} certainly {words[0]}, {bad} certainly {words[1]}")


def _forest_table(every: pl.DataFrame, unit: str) -> Table:
    rows = [
        row | {name: effect(row[name], unit) for name in ("effect", "low", "high", "net")}
        for row in every.to_dicts()
    ]
    money = (Col("cost", "Cost", "money"), Col("net"), Col("range", "95% interval of the net"))
    return make_table(
        "What past campaigns did",
        rows,
        "campaign day:day offer contacted:count held_out:count",
        Col("effect", "Margin per customer" if unit else "Share who bought"),
        Col("interval", "95% interval", "text", "{low} to {high}"),
        *(money if unit else ()),
        Col("word", "Verdict"),
        currency=unit,
    )
