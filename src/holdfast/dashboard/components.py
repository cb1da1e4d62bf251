"""What pages are made of: a head, figures with their words and table, cards, empty states."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from holdfast.dashboard.run_view import RunView, open_registry, open_run
from holdfast.errors import HoldfastError
from holdfast.report import formatting
from holdfast.report.pages import to_html
from holdfast.report.render import Chart
from holdfast.report.summary import order_warning, stamps
from holdfast.report.table_format import Table
from holdfast.report.theme import in_dark

_NARROW = 320
"""A chart that is no wider keeps its width: it fits a phone, and its shape means something."""
_CARDS = 4
"""Headline figures that a row has room for."""
_STYLE = Path(__file__).with_name("style.css")


@dataclass(frozen=True)
class Page:
    """A page: what the address and the menu call it, and how a run is drawn on it.

    Attributes
    ----------
    icon
        Of Material Symbols.
    path
        In the address; empty for the first page.
    """

    title: str
    icon: str
    path: str
    draw: Callable[[RunView], None]

    def show(self) -> None:
        """Draw the chosen run; where there is none, what to do about it."""
        st.title(self.title)
        st.html(_STYLE)
        run = _open_chosen()
        if run is None:
            return
        as_of = formatting.day(run.summary["cutoff_day"])
        st.caption(f"{run.study.name}, scored as of {as_of}. Run {run.run.run_id}.")
        for stamp in stamps(run.report) if run.summary.get("findings") else []:
            st.warning(
                f"**{plain(stamp['heading'])}.** {plain(stamp['text'])}", icon=":material/warning:"
            )
        try:
            self.draw(run)
        except HoldfastError as error:
            fail(error)


def _open_chosen() -> RunView | None:
    try:
        registry = open_registry()
        if registry.run_ids():
            return open_run(registry, st.session_state.get("run") or "champion")
    except HoldfastError as error:
        fail(error)
        return None
    why = "Once one is, this page shows it by itself. Make it:"
    explain("No run is published yet.", why, "holdfast run")
    return None


def fail(error: HoldfastError) -> None:
    """An error as the command line prints it: what is wrong, and what to do."""
    fix = f"\n\n{formatting.sentence(plain(error.fix))}" if error.fix else ""
    st.error(f"**{formatting.sentence(plain(error.problem))}**{fix}", icon=":material/error:")


def show_order(run: RunView) -> DeltaGenerator:
    """A place for what follows from the order of the customers: under a warning and grey where that
    order did not prove better than chance.
    """
    if warning := order_warning(run.summary):
        st.warning(warning, icon=":material/warning:")
    return st.container(key="unproved" if warning else "proved")


def explain(what: str, why: str, command: str = "") -> None:
    """An empty state: what is missing, why, and the command that would fill it."""
    st.info(f"**{what}** {plain(why)}", icon=":material/info:")
    if command:
        st.code(command, language="bash")


def figure(run: RunView, name: str, make: Callable[[], Chart], *, keep: bool = True) -> None:
    """A chart with its words above and its table below.

    Parameters
    ----------
    name
        Of the chart on its page; with the run it names what is kept.
    keep
        False where the chart follows a slider.
    """
    chart = run.keep(("chart", name), make) if keep else make()
    with st.container(border=True, key=f"figure-{name}", height="stretch"):
        _draw(chart, name)
        if chart.table is not None:
            with st.expander("Table", icon=":material/table_rows:"):
                write_table(chart.table)


def _draw(chart: Chart, name: str) -> None:
    """A chart below its words: the page writes headings, which wrap and are read aloud; where there
    is nothing to draw, why.
    """
    st.markdown(f"**{plain(chart.title)}**")
    if chart.reason:
        st.markdown(plain(chart.reason))
        return
    if chart.subtitle:
        st.caption(plain(chart.subtitle))
    spec = chart.without_heading()
    spec["config"]["background"] = "transparent"
    fits = spec.get("width", 0) > _NARROW
    fit = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
    spec |= fit if fits else {"autosize": {"type": "pad"}}
    # On a canvas there are no marks for a screen reader to stumble over: words and table say what
    # they show.
    spec["usermeta"] = {"embedOptions": {"actions": False, "renderer": "canvas"}}
    if st.context.theme.type == "dark":
        spec = json.loads(in_dark(json.dumps(spec)))
    words = f"{chart.title}. {chart.subtitle}"
    width: Any = "stretch" if fits else "content"
    st.vega_lite_chart(spec=spec, theme=None, width=width, alt=words, key=f"chart-{name}")


def write_table(table: Table) -> None:
    """A table in words; nothing in a cell is markup."""
    if table.rows:
        st.html(to_html(table))
    else:
        st.caption(f"{plain(table.caption)}: nothing to list.")


def box(table: Table) -> None:
    """A table in a frame."""
    with st.container(border=True):
        write_table(table)


def card(label: str, value: str, note: str | None = None, **more: Any) -> dict[str, Any]:
    """A headline figure with its explanation; `more` as `st.metric` takes it."""
    return {"label": label, "value": value, "help": note, **more}


def cards(*figures: dict[str, Any]) -> None:
    """Headline figures, at most four side by side; on a phone, below one another."""
    per_row = len(figures) if len(figures) <= _CARDS else _CARDS - 1
    for k in range(0, len(figures), per_row):
        for place, figure in zip(st.columns(per_row), figures[k : k + per_row], strict=False):
            place.metric(border=True, height="stretch", **figure)


def bullets(lines: Sequence[str], heading: str = "") -> None:
    """A list under its heading."""
    title = f"**{plain(heading)}**\n" if heading else ""
    st.markdown(title + "".join(f"\n- {plain(line)}" for line in lines))


def plain(text: str) -> str:
    """Text that holds no Markdown, whatever a study or a file has put into it."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]<>#|~$:" else char for char in text)
