"""Pages: the report of a run and the data report, each one HTML file that loads nothing, light and
dark, for a manager first and for whoever checks the figures; and the model card in Markdown.

Everything that comes from data or study is escaped by the templates; the only markup that is passed
through is ours.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from holdfast.report import (
    data_tables,
    evidence_tables,
    formatting,
    monitor_tables,
    page_one,
    plan_tables,
    run_tables,
    summary,
)
from holdfast.report.charts import data_quality
from holdfast.report.render import Drawing, drawing
from holdfast.report.report_data import Report
from holdfast.report.table_format import Table, plain, to_markdown
from holdfast.report.theme import css_variables

if TYPE_CHECKING:
    import jinja2

# What HTML cannot hold, and what browsers drop or act on silently.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def to_html(table: Table) -> str:
    """Write the table as HTML, in which nothing from the data is markup; without rows, nothing."""
    return _template("table.html.j2").render(table=table).rstrip() if table.rows else ""


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
        **_script(),
    )


def model_card(report: Report) -> str:
    """Write the model card: what the models are, what they stand on, how good they proved and where
    they must not be used.
    """
    card = _template("model_card.md.j2").render(report=report)
    return re.sub(r"\n{3,}", "\n\n", card).rstrip("\n") + "\n"


def data_page(study: str, check: Mapping[str, Any]) -> str:
    """Write the data report from a check's plain values."""
    drawn = _data_drawings({topic["name"]: topic for topic in check["topics"]})
    page = _template("check.html.j2")
    return page.render(study=study, check=check, drawings=drawn, **_script())


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
    """A page's template; whatever a page is given is escaped."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=name.endswith(".html.j2"),
        undefined=jinja2.StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "tables": run_tables,
        "evidence_tables": evidence_tables,
        "data_tables": data_tables,
        "monitor_tables": monitor_tables,
        "page_one": page_one,
        "plan_tables": plan_tables,
        "summary": summary,
        "words": formatting,
        "table": lambda table: Markup(to_html(table)),
        "css_variables": css_variables,
        "markdown": to_markdown,
        "plain": plain,
    }
    return environment.get_template(name)


def _script() -> dict[str, str]:
    """The script of every page, with the hash that its policy names."""
    script = _resource("report.js")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return {"script": script, "script_hash": digest}


def _resource(name: str) -> str:
    return files("holdfast.report").joinpath("templates", name).read_text(encoding="utf-8")


def _printable(value: Any) -> Any:
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value
