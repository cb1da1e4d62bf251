"""How much to spend and on whom: what the best plan of each budget leaves, where more budget stops
paying, and what choosing among customers adds over a draw by lot.
"""

from typing import Any

import numpy as np
import polars as pl

from holdfast.report.charts.axes import (
    effect,
    effect_axis,
    highest,
    number_axis,
    round_steps,
    share_axis,
)
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
from holdfast.report.charts.line_names import name_lines
from holdfast.report.formatting import money, percent
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table
from holdfast.report.theme import BLUE, DOT, WHOLE

_SIZE = (480, 280)
"""With its axis as wide as a report's chart is on a phone, where no text may become smaller."""
_BAND: Options = BLUE | {"fillOpacity": 0.18, "strokeWidth": 0}
_RING: Options = DOT | {"size": 110, "color": "panel", "stroke": "blue", "strokeWidth": 2.5}
_LINE_OF_TEXT = 18
"""Pixels."""
_TWO = ("grey", "blue")


def profit_curve(curve: pl.DataFrame, *, chosen: float, currency: str) -> Chart:
    """Net return of the best plan of each budget, with the chosen budget on it.

    Parameters
    ----------
    curve
        BUDGET_CURVE.
    chosen
        The budget that is planned with; currency.
    """
    table = curve.sort("budget")
    if table["budget"].n_unique() < 2:
        return no_chart("profit_curve", "no_budget")
    at_best = int(np.argmax(table["net"].to_numpy()))
    apart = abs(chosen - table["budget"][at_best]) > 0.01 * _reach(table, chosen)
    best = "Ring: the best budget. " if apart and table["net"][at_best] > 0 else ""
    here = pl.DataFrame({"budget": [float(chosen)], "net": [_at(table, "net", chosen)]})
    here = here.with_columns(text=pl.lit(f"{money(chosen, currency)} chosen"))
    x = field("budget:Q", axis=_budget_axis(currency), scale=_from_0(_reach(table, chosen)))
    y = field("net:Q", axis=number_axis(f"Net return, {currency}"))
    band = {"x": x, "y": y | {"field": "net_low"}, "y2": "net_high"}
    bold = _beside_curve(table, chosen) | {"fontWeight": "bold"}
    drawn = panel(
        mark("area", table, _BAND, **band),
        rule("y", 0),
        mark("line", table, BLUE | {"strokeWidth": 2.5}, x=x, y=y),
        *([mark("point", table[[at_best]], _RING, x=x, y=y)] if best else []),
        mark("point", here, DOT | {"size": 110, "color": "vermillion"}, x=x, y=y),
        mark("text", here, bold, x=x, y=y, text="text:N"),
        size=_SIZE,
    )
    facts = {
        "title": _describe_best(table, at_best, currency), "best": best,
        "chosen": money(chosen, currency), "net": money(here["net"][0], currency),
    }  # fmt: skip
    return make_chart("profit_curve", drawn, table, currency=currency, **facts)


def _describe_best(table: pl.DataFrame, at: int, currency: str) -> str:
    spent = money(table["budget"][at], currency)
    if table["net"][at] <= 0:
        return "No budget brings more than it costs"
    if at == table.height - 1 and table["price"][at] > 0:
        return f"Net still grows at the largest budget tried, {spent}"
    return (
        f"Net is highest at a budget of {spent}; beyond it more contacts cost more than they bring"
    )


def _at(table: pl.DataFrame, column: str, budget: float) -> float:
    curve = table.drop_nulls(column)
    return float(np.interp(budget, curve["budget"].to_numpy(), curve[column].to_numpy()))


def _reach(table: pl.DataFrame, chosen: float) -> float:
    return max(float(table["budget"][-1]), chosen)


def _from_0(reach: float) -> Options:
    return {"domain": [0, reach], "nice": False}


def _budget_axis(currency: str, **options: Any) -> Options:
    return number_axis(f"Budget, {currency}", grid=False, **options)


def _beside_curve(table: pl.DataFrame, budget: float) -> Options:
    """Where a text stands through which the curve does not run: toward the middle of the chart, on
    the free side of a curve that rises or falls there.
    """
    reach = _reach(table, budget)
    is_left, step = budget < reach / 2, reach / 50
    rises = _at(table, "net", budget + step) >= _at(table, "net", budget - step)
    beside: Options = {"align": "left", "dx": 10} if is_left else {"align": "right", "dx": -10}
    return beside | {"dy": 16 if rises == is_left else -14}


def budget_against_return(curve: pl.DataFrame, *, chosen: float, currency: str) -> Chart:
    """What the next unit of budget brings, beside what the whole brings per unit.

    Parameters
    ----------
    curve
        BUDGET_CURVE.
    chosen
        The budget that is planned with; currency.
    """
    table = curve.select("budget", "price", "roi").sort("budget")
    if table["budget"].n_unique() < 2:
        return no_chart("budget_against_return", "no_budget")
    one, reach = money(1, currency), _reach(table, chosen)
    names = {"roi": "Average", "price": f"Next {one}"}
    lines = table.unpivot(list(names), index="budget", variable_name="kind", value_name="net")
    lines = lines.drop_nulls("net").with_columns(name=pl.col("kind").replace_strict(names))
    here = pl.DataFrame(
        {"name": name, "budget": float(chosen), "net": _at(table, column, chosen)}
        for column, name in names.items()
    )
    shown = _shown_range(table)
    # The lines' names have a third more room, behind their ends.
    axis = _budget_axis(currency, values=round_steps(reach))
    x = field("budget:Q", axis=axis, scale=_from_0(1.3 * reach))
    y = field("net:Q", axis=number_axis(f"Net per {one}"), scale={"domain": shown})
    place = {
        "x": x,
        "y": y,
        "color": by_name("name:N", dict(zip(names.values(), _TWO, strict=True))),
    }
    dash = by_name("name:N", dict(zip(names.values(), ([6, 4], [1, 0]), strict=True)))
    labels = _apart(lines.group_by("name", maintain_order=True).last(), shown)
    bold = {"align": "left", "dx": 8, "fontWeight": "bold"}
    drawn = panel(
        rule("y", 0),
        rule("x", chosen, strokeDash=[4, 4]),
        mark("line", lines, {"strokeWidth": 2.5, "clip": True}, **place, strokeDash=dash),
        mark("point", table.filter(pl.col("price") <= 0).head(1), _RING, x=x, y="price:Q"),
        mark("point", here, DOT | {"size": 90, "clip": True}, **place),
        mark("text", labels, bold, **place | {"y": y | {"field": "place"}}, text="name:N"),
        size=_SIZE,
    )
    is_cut = highest(lines["net"]) > shown[1]
    facts = {
        "title": _describe_price(table, chosen, currency), "one": one,
        "cut": " What the first customers bring lies above." if is_cut else "",
    }  # fmt: skip
    return make_chart("budget_against_return", drawn, _return_table(table, currency), **facts)


def _shown_range(table: pl.DataFrame) -> list[float]:
    """From the lowest figure or 0 to the highest; without the first fifth of the budget where the
    best customers bring so many times what they cost that the rest would lie flat on 0.
    """
    values = table.select("budget", pl.concat_list("price", "roi").alias("net")).explode("net")
    values = values.drop_nulls("net")
    later = values.filter(pl.col("budget") > 0.2 * pl.col("budget").max())
    most, later_most = highest(values["net"]), highest(later["net"])
    high = most if most <= 2 * later_most else 1.2 * later_most
    low = min(0.0, -highest(-values["net"]))
    return [low, high if high > low else low + 1.0]


def _apart(ends: pl.DataFrame, shown: list[float]) -> pl.DataFrame:
    """The ends of the lines with the place of each name: none on the line of 0 or on another."""
    gap = (shown[1] - shown[0]) * _LINE_OF_TEXT / _SIZE[1]
    places: list[float] = []
    ordered = ends.sort("net")
    for value in ordered["net"]:
        free = value if abs(value) > gap / 2 else gap / 2
        places.append(max(free, places[-1] + gap) if places else free)
    return ordered.with_columns(place=pl.Series(places))


def _describe_price(table: pl.DataFrame, chosen: float, currency: str) -> str:
    one, price = money(1, currency), _at(table, "price", chosen)
    stops = table.filter(pl.col("price") <= 0)
    if stops.is_empty():
        return f"The next {one} of budget still brings {money(price, currency)} net"
    limit = money(stops["budget"][0], currency)
    if price <= 0:
        return f"More budget brings nothing: from {limit} on, no contact is worth its cost"
    return f"The next {one} of budget brings {money(price, currency)} net; from {limit} on, nothing"


def _return_table(table: pl.DataFrame, currency: str) -> Table:
    one = money(1, currency)
    return make_table(
        "What more budget brings",
        table,
        Col("budget", kind="money"),
        Col("price", f"The next {one} brings", kind="money"),
        Col("roi", f"Each {one} brings on average", kind="money"),
        currency=currency,
    )


_BY_LOT, _RANKINGS = "at random", (("blue", [1, 0]), ("vermillion", [7, 3]))
_FIRST = 0.3
"""Share of the customers of which the title tells."""


def qini(curve: pl.DataFrame, *, unit: str, rule: str | None) -> Chart:
    """What contacting the first of a ranking adds per head of all customers, beside the best named
    rule and a draw by lot.

    Parameters
    ----------
    curve
        Points of one or two curves, as of `OfferVerdict`: ranking, share (0..1), effect, low, high
        (95 %).
    unit
        Currency of the effect; empty where it is on the chance of buying.
    rule
        Which ranking is the rule.
    """
    if curve.is_empty():
        return no_chart("qini", "no_ranking")
    learnt_first = curve.sort(pl.col("ranking") == rule, maintain_order=True)
    names = learnt_first["ranking"].unique(maintain_order=True).to_list()
    table = curve.filter(ranking=names[0]).sort("share")
    ends = {"ranking": [_BY_LOT] * 2, "share": [0.0, 1.0], "effect": [0.0, table["effect"][-1]]}
    lines = pl.concat([learnt_first.select(list(ends)), pl.DataFrame(ends)])
    color, dash = _qini_looks(names)
    x_axis = share_axis("Contacted, first in the ranking", grid=False)
    x = field("share:Q", scale=WHOLE, axis=x_axis)
    y = field("effect:Q", axis=effect_axis("Added per head of all", unit))
    drawn = panel(
        mark("area", table, _BAND, x=x, y=y | {"field": "low"}, y2="high"),
        mark("line", lines, {"strokeWidth": 2.5}, x=x, y=y, color=color, strokeDash=dash),
        *name_lines(lines, by="ranking", x=x, y=y, color=color),
        size=_SIZE,
    )
    first, everybody = (_at_share(table, share) for share in (_FIRST, 1.0))
    facts = {"adds": effect(first, unit), "by_lot": effect(_FIRST * everybody, unit)}
    share = percent(_FIRST, 0)
    return make_chart("qini", drawn, _qini_table(curve, unit), first=share, **facts)


def _qini_looks(names: list[str]) -> list[Options]:
    """The colour and the dash of each curve."""
    looks = dict(zip(names, _RANKINGS, strict=False)) | {_BY_LOT: ("grey", [2, 3])}
    return [by_name("ranking:N", {name: look[k] for name, look in looks.items()}) for k in (0, 1)]


def _at_share(table: pl.DataFrame, share: float) -> float:
    return float(np.interp(share, table["share"].to_numpy(), table["effect"].to_numpy()))


def _qini_table(curve: pl.DataFrame, unit: str) -> Table:
    rows = [
        row | {name: effect(row[name], unit) for name in ("effect", "low", "high")}
        for row in curve.to_dicts()
    ]
    return make_table(
        "What the first of a ranking add",
        rows,
        Col("ranking"),
        Col("share", "Contacted", "whole_percent"),
        Col("effect", "Added per head of all"),
        Col("interval", "95% interval", "text", "{low} to {high}"),
    )
