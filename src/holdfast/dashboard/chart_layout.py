"""How a chart of several panels is laid out on a page: each panel a chart of its own, so that it
fills its card on a desk and stands alone on a phone. Vega-Lite cannot do that: only a single panel
takes the width of its page.
"""

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from holdfast.report.render import Options

_SHARED = ("config", "datasets", "usermeta", "$schema")
_PARTS = ("hconcat", "vconcat", "concat")
_LABELS = 48
"""Pixels for the labels of panels that stand upon one another, so that their left edges meet."""


def rows_of_panels(spec: Options) -> list[list[Options]]:
    """The panels of a chart, row by row, each a specification of its own."""
    shared = {key: spec[key] for key in _SHARED if key in spec}
    if "vconcat" in spec:
        panels = [_with_room(panel, shared) for panel in spec["vconcat"]]
        return [row for panel in panels for row in rows_of_panels(panel)]
    several: list[Options] | None = next((spec[key] for key in _PARTS if key in spec), None)
    if several is None:
        return [[_with_own_data(spec)]]
    per_row = spec.get("columns", len(several))
    named = [_with_row_names(panel, several[0]) for panel in several]
    alone = [_with_own_data(shared | panel) for panel in named]
    return [alone[k : k + per_row] for k in range(0, len(alone), per_row)]


def _with_room(panel: Options, shared: Options) -> Options:
    config = shared.get("config", {})
    return shared | {"config": config | {"axisY": {"minExtent": _LABELS}}} | panel


def _with_own_data(spec: Options) -> Options:
    """Without the tables of other panels."""
    tables = spec.get("datasets", {})
    if not tables:
        return spec
    drawn = json.dumps({key: value for key, value in spec.items() if key not in _SHARED})
    return spec | {"datasets": {k: v for k, v in tables.items() if f'"{k}"' in drawn}}


def _with_row_names(panel: Options, first: Options) -> Options:
    """The panel with the names of its rows, which it left to the first one beside it."""
    if not any(_names_rows(each) for each in _encodings(first)):
        return panel
    named = deepcopy(panel)
    for encoding in _encodings(named):
        row = encoding.get("y")
        if isinstance(row, dict) and row.get("type") == "nominal" and row.get("axis", "") is None:
            del row["axis"]
    return named


def _names_rows(encoding: Options) -> bool:
    row = encoding.get("y")
    return (
        isinstance(row, dict) and row.get("type") == "nominal" and row.get("axis", "") is not None
    )


def _encodings(panel: Options) -> Sequence[Any]:
    return [each.get("encoding", {}) for each in (panel, *panel.get("layer", ()))]
