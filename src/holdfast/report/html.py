"""The report: one HTML file that loads nothing, light and dark, for a manager first and for whoever
checks the figures.

Everything that comes from data or study is escaped by the template; the only markup that is passed
through is ours.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from holdfast.findings import SEVERITIES
from holdfast.report import formatting, run_tables
from holdfast.report.churn_page import churn_page
from holdfast.report.render import Drawing
from holdfast.report.report_data import Report
from holdfast.report.summary import audited, cards, how_proved, lead, rows, stamps, top_reasons
from holdfast.report.table_format import CONTROL, Table, to_html
from holdfast.report.theme import css_variables

if TYPE_CHECKING:
    import jinja2

SECTIONS = (
    ("summary", "In short"),
    ("findings", "Findings"),
    ("churn-window", "Churn window"),
    ("segments", "Segments"),
    ("recovery", "Recovery"),
    ("coming", "What is to come"),
    ("riskiest", "Riskiest customers"),
    ("evidence", "Evidence"),
    ("reasons", "Reasons"),
    ("data", "Data"),
    ("made", "How it was made"),
)


def render(report: Report, drawn: Sequence[Drawing]) -> str:
    """Write the report.

    Parameters
    ----------
    drawn
        Every drawing of `holdfast.report.render.drawings(report)`.
    """
    return template("report.html.j2").render(
        report=report,
        page=_page(report),
        drawings={drawing.name: drawing for drawing in drawn},
        tables=_tables(report),
        **dressing(),
    )


def dressing() -> dict[str, str]:
    """What every page wears: the style, and the script with the hash that its policy names."""
    script = _resource("report.js")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return {"style": _style(), "script": script, "script_hash": digest}


def _resource(name: str) -> str:
    return files("holdfast.report").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def template(name: str) -> "jinja2.Template":
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
    environment.globals["table"] = lambda table: Markup(to_html(table))
    return environment.get_template(name)


def _printable(value: Any) -> Any:
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value


def _style() -> str:
    light, dark = css_variables(0), css_variables(1)
    return (
        f":root{{color-scheme:light;{light}}}"
        f"@media(prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}"
        f"{_resource('report.css')}"
        "@media "
        f"print{{:root,:root[data-theme],:root:not([data-theme=light]){{color-scheme:light;{light}}}}}"
    )


def _page(report: Report) -> dict[str, Any]:
    summary = report.summary
    known = {"churn-window": "churn_window" in summary, "coming": not report.forecast.is_empty()}
    return {
        "as_of": formatting.day(summary["cutoff_day"]),
        "run_id": summary.get("run_id", ""),
        "created_at": str(summary.get("created_at", "")).replace("T", " ").replace("Z", " UTC"),
        "sections": [each for each in SECTIONS if known.get(each[0], True)],
        "stamps": stamps(report),
        "lead": lead(report),
        "cards": cards(report),
        "reasons": top_reasons(report),
        "findings": told(report.summary.get("findings", []), acknowledged=report.study.acknowledge),
        "churn_window": churn_page(report.summary.get("churn_window")),
        "topics": [
            {
                "title": topic["title"],
                "sentences": [formatting.sentence(said) for said in topic["sentences"]],
            }
            for topic in report.summary.get("data_report", [])
        ],
        "actions": [
            (name, report.study.actions.get(name, [])) for name in report.segments["segment"]
        ],
        "is_assumed": "assumed" in report.recovery["uplift_source"].to_list(),
        "how_proved": how_proved(report),
        "audited": audited(report),
        "rows": rows(report),
        "made": _made(report),
        "study": json.dumps(
            report.study.model_dump(mode="json", exclude_defaults=True),
            indent=1,
            ensure_ascii=False,
        ),
    }


def told(
    findings: Sequence[Mapping[str, str]], *, acknowledged: Sequence[str] = ()
) -> list[dict[str, str]]:
    """Findings as sentences, the gravest first."""
    return [
        {part: formatting.sentence(finding[part]) for part in ("evidence", "meaning", "fix")}
        | {
            "severity": finding["severity"],
            "badge": formatting.capital(finding["severity"])
            + (", acknowledged in the study" if finding["name"] in acknowledged else ""),
            "title": formatting.capital(finding["name"].replace("-", " ")),
        }
        for finding in sorted(findings, key=lambda each: SEVERITIES.index(each["severity"]))
    ]


def _tables(report: Report) -> dict[str, Table]:
    currency = report.currency
    whole = (
        run_tables.segments,
        run_tables.audit,
        run_tables.tiers,
        run_tables.riskiest,
        run_tables.proof,
        run_tables.cross_validated,
        run_tables.candidates,
        run_tables.calibration,
        run_tables.ranking,
        run_tables.gains,
        run_tables.roles,
        run_tables.set_aside,
        run_tables.seconds,
        run_tables.versions,
    )
    of_task = (
        run_tables.metrics,
        run_tables.all_metrics,
        run_tables.importance,
        run_tables.dependence,
    )
    return (
        {make.__name__: make(report) for make in whole}
        | {
            f"{task}_{make.__name__}": make(report, task)
            for task in ("churn", "value")
            for make in of_task
        }
        | {
            "recovery": run_tables.recovery(report.recovery, currency=currency),
            "promises": run_tables.promises(report.predictions, currency=currency),
            "horizons_proved": run_tables.horizons_proved(
                report.horizon_evidence, currency=currency
            ),
        }
    )


def _made(report: Report) -> list[tuple[str, str]]:
    study, summary = report.study, report.summary
    cutoffs = [formatting.day(day) for day in report.evidence["cutoff_day"].unique().sort()]
    algorithms = {task: (summary.get(task) or {}).get("algorithm") for task in ("churn", "value")}
    return [
        ("Scored as of", formatting.day(summary["cutoff_day"])),
        ("Proved at", formatting.listing(cutoffs) or "nowhere"),
        (
            "Churn",
            f"{formatting.algorithm(algorithms['churn'])}, "
            f"{_horizon(study.churn.horizon_days, report)}",
        ),
        (
            "Value",
            f"{formatting.algorithm(algorithms['value'])}, "
            f"{_horizon(study.value.horizon_days, report)}",
        ),
        ("Seed", str(study.seed)),
        ("Time zone", study.time_zone),
        ("Study's SHA-256", study.fingerprint[:16]),
    ]


def _horizon(days: int, report: Report) -> str:
    return (
        "label of the snapshot, no horizon"
        if report.is_snapshot
        else f"over the next {formatting.plural(days, 'day')}"
    )
