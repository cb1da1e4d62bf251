"""What pages are made of: a head, figures with their words and table, cards, empty states,
downloads.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from holdfast.dashboard.run_view import Opened, Project, opened, project
from holdfast.errors import HoldfastError, RunNotFound
from holdfast.report import formatting
from holdfast.report.render import Chart
from holdfast.report.summary import stamps
from holdfast.report.table_format import Table, to_html
from holdfast.report.theme import in_dark

_NARROW = 320
"""A chart that is no wider keeps its width: it fits a phone, and its shape means something."""
_CARDS = 4
"""Headline figures that a row has room for."""
_STYLE = """
<style>
.scroll { overflow-x: auto; max-width: 100%; }
.scroll:focus-visible { outline: 2px solid currentColor; }
.hf-table { width: 100%; border-collapse: collapse; font-size: .92rem;
    font-variant-numeric: tabular-nums; }
.hf-table caption { font-weight: 600; text-align: left; color: inherit; padding: .2rem 0 .4rem; }
.hf-table th, .hf-table td
    { padding: .4rem .65rem; text-align: left; vertical-align: top; border: 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
.hf-table tbody th { font-weight: 400; }
.hf-table :is(td, tbody th) { white-space: pre-line; overflow-wrap: break-word;
    min-width: 5.5rem; max-width: 32rem; }
.hf-table .s { white-space: nowrap; }
.hf-table .w { min-width: 15rem; width: 50%; }
.hf-table .n { text-align: right; white-space: nowrap; }
.hf-table thead .n { white-space: normal; }
.hf-table thead th { font-weight: 600; vertical-align: bottom; opacity: .85; }
[data-testid="stElementContainer"]:has(> [data-testid="stFullScreenFrame"]
    [data-testid="stVegaLiteChart"]) {
  max-width: 100%; overflow-x: auto; }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p
    { color: inherit; opacity: .9; }
[data-testid="stMetric"] p { color: inherit; }
[data-testid="stMetric"] g[class*="highlighted_points"] { display: none; }
[data-testid="stMultiSelect"] [data-tag], [data-testid="stMultiSelect"] [data-tag] * {
  background: transparent; color: inherit; }
[data-testid="stMultiSelect"] [data-tag] { border: 1px solid currentColor; }
:is(.st-key-figure-retention, .st-key-figure-quadrant, .st-key-figure-moves,
    [class*="st-key-figure-swarm"])
  [data-testid="stFullScreenFrame"] {
  min-width: 36rem; }
.st-key-figure-net [data-testid="stFullScreenFrame"] { min-width: 26rem; }
[data-testid="stMetricValue"] { font-variant-numeric: tabular-nums; font-size: 1.55rem; }
[data-testid^="stMetric"] :is(p, div) {
  white-space: normal !important; overflow-wrap: break-word; text-overflow: clip; }
</style>
"""


def start(title: str, lead: str = "") -> tuple[Project, Opened]:
    """The head of a page, and the run it is about; where there is nothing to show, what to do about
    it, and no more.
    """
    st.title(title)
    st.html(_STYLE)
    try:
        found = project()
        run = opened(found.registry, st.session_state.get("run") or "champion")
    except RunNotFound as error:
        if found.registry.run_ids():
            failed(error)
        else:
            nothing(
                "No run is published yet.",
                "Once one is, this page shows it by itself. Make it:",
                "holdfast run",
            )
        st.stop()
    except HoldfastError as error:
        failed(error)
        st.stop()
    summary = run.run.summary
    st.caption(
        f"{run.study.name}, scored as of {formatting.day(summary['cutoff_day'])}. Run "
        f"{run.run.run_id}."
    )
    for stamp in stamps(run.report) if run.study.acknowledge or summary.get("findings") else []:
        st.warning(
            f"**{plain(stamp['heading'])}.** {plain(stamp['text'])}", icon=":material/warning:"
        )
    if lead:
        st.markdown(lead)
    return found, run


def failed(error: HoldfastError) -> None:
    """An error as the command line prints it: what is wrong, and what to do."""
    fix = f"\n\n{formatting.sentence(plain(error.fix))}" if error.fix else ""
    st.error(f"**{formatting.sentence(plain(error.problem))}**{fix}", icon=":material/error:")


def nothing(what: str, why: str, command: str = "") -> None:
    """An empty state: what is missing, why, and the command that would fill it."""
    st.info(f"**{what}** {plain(why)}", icon=":material/info:")
    if command:
        st.code(command, language="bash")


def figure(
    run: Opened,
    name: str,
    make: Callable[[], Chart],
    table: Callable[[], Table] | None = None,
    *,
    keep: bool = True,
) -> None:
    """A chart with its words above and its table below.

    Parameters
    ----------
    name
        Of the chart on its page; with the run it names what is kept.
    keep
        False where the chart follows a slider.
    """
    chart = run.kept(("chart", name), make) if keep else make()
    with st.container(border=True, key=f"figure-{name}", height="stretch"):
        _draw(chart, name)
        if table is not None and not chart.reason:
            with st.expander("Table", icon=":material/table_rows:"):
                listing(run.kept(("table of", name), table) if keep else table())


def prepare(run: Opened, name: str, make: Callable[[], Chart], table: Callable[[], Table]) -> None:
    """Make what `figure` keeps, before anybody looks."""
    run.kept(("chart", name), make)
    run.kept(("table of", name), table)


def _draw(chart: Chart, name: str) -> None:
    """A chart below its words: the page writes headings, which wrap and are read aloud; where there
    is nothing to draw, why.
    """
    st.markdown(f"**{plain(chart.title)}**")
    if chart.subtitle or chart.reason:
        (st.markdown if chart.reason else st.caption)(plain(chart.reason or chart.subtitle))
    if chart.reason:
        return
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


def listing(table: Table) -> None:
    """A table in words; nothing in a cell is markup."""
    if not table.rows:
        st.caption(f"{plain(table.caption)}: nothing to list.")
        return
    st.html(to_html(table))


def cards(found: Sequence[dict[str, Any]]) -> None:
    """Headline figures, at most four side by side; on a phone, below one another."""
    per_row = len(found) if len(found) <= _CARDS else _CARDS - 1
    for k in range(0, len(found), per_row):
        for place, card in zip(st.columns(per_row), found[k : k + per_row], strict=False):
            place.metric(border=True, height="stretch", **card)


def plain(text: str) -> str:
    """Text that holds no Markdown, whatever a study or a file has put into it."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]<>#|~$:" else char for char in text)
