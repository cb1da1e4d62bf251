"""Live alerts: where they stand, by segment and rule."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from holdfast.report import formatting
from holdfast.report.charts.axes import highest, shorten, words
from holdfast.report.charts.base import Chart, field, make_chart, mark, no_chart, panel
from holdfast.report.theme import BLUE, WIDTH
from holdfast.study import SEGMENT_NAMES

UNSCORED = "No longer scored"
_STRONGEST = 0.5
"""Opacity of the fullest cell: text on it keeps a contrast of 4.5:1 in both themes."""
_ROW, _LONGEST_RULE = 46, 24


def open_alerts(counts: Sequence[Mapping[str, Any]], *, currency: str) -> Chart:
    """How many alerts are open, and what is at stake, by segment and rule.

    Parameters
    ----------
    counts
        rule, segment (null: no longer scored), alerts and at_stake; a cell may come in parts.
    """
    if not counts:
        return no_chart("open_alerts", "calm")
    cells = _add_up(counts)
    held = words(cells["at_stake"], formatting.money, currency)
    n = words(cells["alerts"], formatting.count)
    cells = cells.with_columns(n=n, held=held, of=words(cells["rule"], shorten, _LONGEST_RULE))
    order = [name for name in (*SEGMENT_NAMES, UNSCORED) if name in set(cells["segment"])]
    x = field("of:N", axis={"title": None, "labelAngle": 0, "orient": "top", "labelLimit": 180})
    y = field("segment:N", sort=order, axis={"title": None})
    scale = {"domain": [0, highest(cells["alerts"])], "range": [0.06, _STRONGEST]}
    shade = field("alerts:Q", scale=scale, legend=None)
    drawn = panel(
        mark("rect", cells, BLUE | {"stroke": "panel", "strokeWidth": 2}, x=x, y=y,
             fillOpacity=shade),
        mark("text", cells, {"fontWeight": "bold", "dy": -8}, x=x, y=y, text="n:N"),
        mark("text", cells, {"dy": 9}, x=x, y=y, text="held:N"),
        size=(WIDTH - 120, _ROW * len(order)),
    )  # fmt: skip
    return make_chart("open_alerts", drawn, cells, currency=currency, **_facts(cells, currency))


def _add_up(counts: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """One row per rule and segment."""
    kinds = {"rule": pl.String, "segment": pl.String, "alerts": pl.Int64, "at_stake": pl.Float64}
    rows = pl.DataFrame([{name: each[name] for name in kinds} for each in counts], schema=kinds)
    return (
        rows.with_columns(pl.col("segment").fill_null(UNSCORED))
        .group_by("rule", "segment")
        .agg(pl.col("alerts", "at_stake").sum())
        .sort("rule", "segment")
    )


def _facts(cells: pl.DataFrame, currency: str) -> dict[str, str]:
    """The segment with the most at stake; of several, the one with more alerts."""
    segments = cells.group_by("segment").agg(pl.col("alerts", "at_stake").sum())
    first = segments.sort("at_stake", "alerts", "segment", descending=[True, True, False]).row(
        0, named=True
    )
    return {
        "segment": first["segment"],
        "alerts": formatting.plural(first["alerts"], "alert"),
        "held": formatting.money(first["at_stake"], currency),
    }
