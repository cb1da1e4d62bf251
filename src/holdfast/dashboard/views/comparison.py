"""Compare runs: two runs side by side, each chosen in the address."""

from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from holdfast.dashboard.components import Page, box, bullets, explain, figure, plain
from holdfast.dashboard.filters import link
from holdfast.dashboard.run_view import RunView
from holdfast.report import charts, comparison_tables, formatting
from holdfast.runs.run_comparison import compare_runs
from holdfast.storage.runs import Run


def _draw(run: RunView) -> None:
    run_ids = run.registry.run_ids()
    if len(run_ids) == 1:
        why = "Run the study again when new orders have come in."
        explain("There is only one run.", why, "holdfast run")
        return
    before, after = _choose(run, run_ids)
    comparison = run.keep(("comparison", before, after), lambda: _compare(run, before, after))
    st.markdown(plain(comparison_tables.lead(comparison)))
    if comparison["notes"]:
        bullets([formatting.sentence(note) for note in comparison["notes"]])
    for table in comparison_tables.comparison(comparison, currency=run.currency, with_moves=False):
        box(table)
    flows = pl.DataFrame(comparison["moves"], infer_schema_length=None)
    make = partial(charts.segment_moves, flows, currency=run.currency)
    figure(run, f"moves-{before}-{after}", make, wide=True, to_list=link("segments", run=after))


def _choose(run: RunView, run_ids: list[str]) -> tuple[str, str]:
    """The runs of the address; by default the one shown and the one before it."""
    shown = run.run.run_id
    earlier = run.before.run_id if run.before else next(i for i in run_ids if i != shown)
    first, second = st.columns(2)
    with first:
        before = st.selectbox(
            "Before", run_ids, run_ids.index(earlier), key="before", bind="query-params"
        )
    with second:
        after = st.selectbox(
            "After", run_ids, run_ids.index(shown), key="after", bind="query-params"
        )
    return before or earlier, after or shown


def _compare(run: RunView, before: str, after: str) -> dict[str, Any]:
    runs: list[Run] = [run.registry.open(run_id) for run_id in (before, after)]
    return compare_runs(*runs)


PAGE = Page("Compare runs", "compare_arrows", "compare", _draw)
