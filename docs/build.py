"""Write docs/reference from the code itself: the study's keys, the features, the tables of a run
and the findings.

`python docs/build.py --check` exits 1 when a page differs from what the code says; a test runs it.
"""

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from holdfast import findings
from holdfast.study import Study

REFERENCE = Path(__file__).parent / "reference"


def study_page() -> str:
    """Every key of holdfast.toml: table by table, with default and meaning."""
    lines = [
        "# The study: holdfast.toml",
        "",
        "Made from the code by `make docs`. An unknown key is an error.",
        "",
    ]
    for section, names in _sections(Study, "study").items():
        heading = ", ".join(map(_heading, names))
        lines += [
            f"## {heading}",
            "",
            inspect.getdoc(section) or "",
            "",
            "| key | default | meaning |",
            "|---|---|---|",
        ]
        for key, field in section.model_fields.items():
            if key != "project_dir" and _section_of(field.annotation) is None:
                default = (
                    "required"
                    if field.is_required()
                    else _shown(field.get_default(call_default_factory=True))
                )
                lines.append(
                    f"| `{key}` | {default} | {' '.join((field.description or '').split())} |"
                )
        lines.append("")
    return "\n".join(lines)


def _heading(name: str) -> str:
    """A section as holdfast.toml writes it: twice in brackets where there may be several."""
    field = Study.model_fields.get(name)
    name = name.replace("conversion", "currency")
    is_list = field is not None and get_origin(field.annotation) is list
    return f"[[{name}]]" if is_list else f"[{name}]"


def features_page() -> str:
    """Every feature computed from an order log."""
    from holdfast.features.catalogue import FEATURES

    lines = [
        "# Features",
        "",
        "Made from the code by `make docs`. Each is computed from days before the cutoff only.",
        "",
    ]
    lines += ["| feature | unit | what it is |", "|---|---|---|"]
    lines += [f"| `{feature.name}` | {feature.unit} | {feature.sentence} |" for feature in FEATURES]
    return "\n".join([*lines, ""])


def tables_page() -> str:
    """Every table of a run, column by column."""
    from holdfast import tables

    lines = [
        "# Tables of a run",
        "",
        "Made from the code by `make docs`. A run keeps its tables as `tables/<name>.parquet`; "
        "transactions, events,",
        "customers, treatments and activity exist only while it is at work.",
        "",
    ]
    for contract in (
        found for found in vars(tables).values() if isinstance(found, tables.Contract)
    ):
        grain = (
            f"One row per {', '.join(contract.grain)}." if contract.grain else "Rows have no key."
        )
        more = " Further columns are the study's own." if contract.open_ended else ""
        lines += [
            f"## {contract.name}",
            "",
            grain + more,
            "",
            "| column | type | unit or meaning | may be missing |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{column.name}` | {column.dtype} | {column.unit} | "
            f"{'yes' if column.nullable else ''} |"
            for column in contract.columns
        ]
        lines.append("")
    return "\n".join(lines)


def findings_page() -> str:
    """Every finding about data or honesty: what it means and what to do."""
    lines = [
        "# Findings",
        "",
        "Made from the code by `make docs`: what `holdfast check`, `audit`, `churn-window` and "
        "`run` may find in",
        "data. A fatal finding refuses a run until the study acknowledges its name. Where … stands,"
        " facts are filled in.",
        "",
        "| finding | severity | what it means | what to do |",
        "|---|---|---|---|",
    ]
    for key, words in findings.words().items():
        name = words.get("name", key)
        cells = (f"`{name}`", words["severity"], words["meaning"], words["fix"])
        lines.append(f"| {' | '.join(re.sub('{.*?}', '…', each) for each in cells)} |")
    return "\n".join([*lines, ""])


def _sections(model: type[BaseModel], name: str) -> dict[type[BaseModel], list[str]]:
    """Each table of the study once, with every place where it may stand."""
    found = {model: [name]}
    for key, field in model.model_fields.items():
        if (section := _section_of(field.annotation)) is not None:
            for inner, names in _sections(
                section, key if model is Study else f"{name}.{key}"
            ).items():
                found.setdefault(inner, []).extend(names)
    return found


def _section_of(annotation: Any) -> type[BaseModel] | None:
    options = [annotation, *get_args(annotation)]
    return next(
        (
            option
            for option in options
            if isinstance(option, type) and issubclass(option, BaseModel)
        ),
        None,
    )


def _shown(default: Any) -> str:
    text = str(default)
    return "" if default is None else f"`{text}`" if len(text) <= 60 else "see below"


def openapi_page() -> str:
    """The REST API's own description."""
    from holdfast.api.app import application

    return json.dumps(application().openapi(), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write or check the pages."""
    stale = []
    for name, page in (
        ("study.md", study_page()),
        ("features.md", features_page()),
        ("tables.md", tables_page()),
        ("findings.md", findings_page()),
        ("openapi.json", openapi_page()),
    ):
        path = REFERENCE / name
        if "--check" in sys.argv:
            stale += (
                [name] if not path.is_file() or path.read_text(encoding="utf-8") != page else []
            )
        else:
            path.write_text(page, encoding="utf-8")
    if stale:
        sys.stderr.write(f"stale: {', '.join(stale)}; run `make docs`\n")
    return len(stale)


if __name__ == "__main__":
    sys.exit(main())
