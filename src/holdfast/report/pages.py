"""Pages: the report of a run and the data report, each one HTML file that loads nothing, light and
dark, for a manager first and for whoever checks the figures.

Everything that comes from data or study is escaped by the templates; the only markup that is passed
through is ours.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from holdfast.report import data_tables, evidence_tables, formatting, run_tables, summary
from holdfast.report.charts import data_quality
from holdfast.report.render import Drawing, drawing
from holdfast.report.report_data import Report
from holdfast.report.table_format import CONTROL, to_html
from holdfast.report.theme import css_variables

if TYPE_CHECKING:
    import jinja2

PARTS = {
    "read": ("Rows read", "from all inputs"),
    "accepted": ("Accepted", "what everything is learnt from"),
    "set_aside": ("Set aside", "understood, and not wanted"),
    "quarantined": ("Quarantined", "not understood, or against the contract"),
}


def report_page(report: Report, drawn: Sequence[Drawing]) -> str:
    """Write the report of a run.

    Parameters
    ----------
    drawn
        Every drawing of `holdfast.report.render.drawings(report)`.
    """
    study = report.study.model_dump(mode="json", exclude_defaults=True)
    return _template("report.html.j2").render(
        report=report,
        drawings={drawing.name: drawing for drawing in drawn},
        study=json.dumps(study, indent=1, ensure_ascii=False),
        **_dress(),
    )


def data_page(study: str, check: Mapping[str, Any]) -> str:
    """Write the data report from a check's plain values."""
    total = {part: sum(rows[part] for rows in check["rows"].values()) for part in PARTS}
    totals = [
        {"name": name, "figure": formatting.count(total[part]), "note": note}
        for part, (name, note) in PARTS.items()
    ]
    return _template("check.html.j2").render(
        study=study,
        check=check,
        lead=_data_lead(check, total),
        totals=totals,
        drawings=_data_drawings({topic["name"]: topic for topic in check["topics"]}),
        **_dress(),
    )


def _data_lead(check: Mapping[str, Any], total: Mapping[str, int]) -> str:
    fit = "fit to use" if check["passed"] else "not fit to use"
    share = formatting.percent(total["accepted"] / total["read"] if total["read"] else None)
    n = len(check["findings"])
    noticed = f"{formatting.plural(n, 'thing')} to know before using them" if n else "no objection"
    verb = formatting.verb(n or 1, "is", "are")
    return f"The inputs are {fit}: {share} of the rows are accepted, and there {verb} {noticed}."


def _data_drawings(topics: Mapping[str, Any]) -> list[Drawing]:
    drawn = []
    if "calendar" in topics:
        drawn.append(drawing("weeks", data_quality.weeks(topics["calendar"]["weeks"])))
    clock = topics.get("clock", {})
    if clock.get("lines_by_hour"):
        hours = data_quality.hours(clock["lines_by_hour"], zone=clock["time_zone"])
        drawn.append(drawing("hours", hours))
    return drawn


@cache
def _template(name: str) -> "jinja2.Template":
    """A page's template; whatever it is given is escaped."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "tables": run_tables,
        "evidence_tables": evidence_tables,
        "data_tables": data_tables,
        "summary": summary,
        "words": formatting,
        "table": lambda table: Markup(to_html(table)),
    }
    return environment.get_template(name)


def _dress() -> dict[str, str]:
    """The style that every page wears, and the script with the hash that its policy names."""
    script = _resource("report.js")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return {"style": _style(), "script": script, "script_hash": digest}


def _resource(name: str) -> str:
    return files("holdfast.report").joinpath("templates", name).read_text(encoding="utf-8")


def _printable(value: Any) -> Any:
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value


def _style() -> str:
    light = f"color-scheme:light;{css_variables(0)}"
    dark = f"color-scheme:dark;{css_variables(1)}"
    return (
        f":root{{{light}}}"
        f"@media(prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f":root[data-theme=dark]{{{dark}}}"
        f"{_resource('report.css')}"
        f"@media print{{:root,:root[data-theme],:root:not([data-theme=light]){{{light}}}}}"
    )
