"""Why scores changed since the run before, as sections of pages: of one customer, and of all."""

from datetime import date
from functools import partial
from typing import Any

import streamlit as st

from holdfast.dashboard.components import box, bullets, explain, figure, plain
from holdfast.dashboard.run_view import RunView
from holdfast.errors import InputError
from holdfast.report import charts, formatting
from holdfast.report.change_tables import segment_changes, who_came_and_went
from holdfast.runs.changes_since import all_changes, customer_changes
from holdfast.windows import day_of


def customer_section(run: RunView, customer_id: str) -> None:
    """Why this customer's scores are not what they were."""
    st.header("Why this changed since the last run")
    try:
        changes = customer_changes(run.registry, run.run, customer_id)
    except InputError as error:
        _explain(error)
        return
    _tell(run, changes, key=f"of {customer_id}", keep=False)


def whole_section(run: RunView) -> None:
    """Why the scores of all customers, and of each segment, are not what they were."""
    st.header("Why scores changed since the last run")
    try:
        changes = run.keep("all changes", lambda: all_changes(run.registry, run.run))
    except InputError as error:
        _explain(error)
        return
    _tell(run, changes, key="of all", keep=True)
    for each in changes["tasks"]:
        if any(part["points"] for part in each["parts"]):
            box(segment_changes(changes["segments"], each["task"], currency=run.currency))


def _explain(error: InputError) -> None:
    problem, fix = (formatting.sentence(text) for text in (error.problem, error.fix))
    explain(plain(problem), fix)


def _tell(run: RunView, changes: dict[str, Any], *, key: str, keep: bool) -> None:
    since = changes["since"]
    came = who_came_and_went(changes, currency=run.currency)
    day = formatting.day(day_of(date.fromisoformat(since["cutoff_date"])))
    st.caption(plain(f"Since {day}, run {since['run_id']}. {came}".strip()))
    if changes["not_told"]:
        bullets([formatting.sentence(line) for line in changes["not_told"]])
    for each in changes["tasks"]:
        st.markdown(plain(each["sentence"]))
    tasks = [each for each in changes["tasks"] if any(part["points"] for part in each["parts"])]
    for place, each in zip(st.columns(max(len(tasks), 1)), tasks, strict=False):
        with place:
            make = partial(charts.change_steps, each, currency=run.currency)
            figure(run, f"changes-{each['task']}-{key}", make, keep=keep)
