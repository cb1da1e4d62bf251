"""Why scores changed since the run before, as sections of pages: of one customer, and of all."""

from functools import partial
from typing import Any

import streamlit as st

from holdfast.dashboard.components import box, bullets, explain, figure, plain
from holdfast.dashboard.run_view import RunView
from holdfast.errors import InputError
from holdfast.report import charts, formatting
from holdfast.report.change_tables import segment_changes, who_came_and_went
from holdfast.runs.changes_since import all_changes, customer_changes


def customer_section(run: RunView, customer_id: str) -> None:
    """Why this customer's scores are not what they were."""
    st.subheader("Why this changed since the last run")
    try:
        changes = customer_changes(run.registry, run.run, customer_id)
    except InputError as error:
        _explain(error)
        return
    _tell(run, changes, key=f"of {customer_id}", keep=False)


def whole_section(run: RunView) -> None:
    """Why the scores of all customers, and of each segment, are not what they were."""
    st.subheader("Why scores changed since the last run")
    try:
        changes = run.keep("all changes", lambda: all_changes(run.registry, run.run))
    except InputError as error:
        _explain(error)
        return
    _tell(run, changes, key="of all", keep=True)
    for each in changes["tasks"]:
        box(segment_changes(changes["segments"], each["task"], currency=run.currency))


def _explain(error: InputError) -> None:
    problem, fix = (formatting.sentence(text) for text in (error.problem, error.fix))
    explain(plain(problem), fix)


def _tell(run: RunView, told: dict[str, Any], *, key: str, keep: bool) -> None:
    since = told["since"]
    came = who_came_and_went(told, currency=run.currency)
    st.caption(plain(f"Since {since['cutoff_date']}, run {since['run_id']}. {came}".strip()))
    if told["not_told"]:
        bullets([formatting.sentence(line) for line in told["not_told"]])
    for each in told["tasks"]:
        st.markdown(plain(each["sentence"]))
    tasks = told["tasks"]
    for place, each in zip(st.columns(max(len(tasks), 1)), tasks, strict=False):
        with place:
            make = partial(charts.change_steps, each, currency=run.currency)
            figure(run, f"changes-{each['task']}-{key}", make, keep=keep)
