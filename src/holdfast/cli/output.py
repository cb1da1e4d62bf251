"""What a command prints: for people with rich, for machines as one JSON object."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.study import Study

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
SEVERITY_STYLES = {"fatal": "bold red", "warning": "yellow", "note": "dim"}
Config = Annotated[str, typer.Option("--config", "-c", metavar="FILE", help="The study.")]


def run_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """What a shell completes a run's id to: the published runs of the study that the line names."""
    from holdfast.io.runs import Registry

    try:
        study = study_from(ctx.params.get("config") or "holdfast.toml", None)
        known = Registry(Path(study.project_dir) / "runs").run_ids()
    except HoldfastError:
        known = []
    return [name for name in ("champion", "latest", *known) if name.startswith(incomplete)]


RunOption = Annotated[
    str,
    typer.Option(
        "--run",
        metavar="RUN_ID",
        help="A run's id, `champion` or `latest`.",
        autocompletion=run_ids,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key of the study; may be repeated."
    ),
]


def console(*, stderr: bool = False) -> "Console":
    """A console that highlights nothing by itself."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON object; NaN and infinity are refused rather than printed."""
    sys.stdout.write(
        json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1, default=str) + "\n"
    )


def print_error(error: HoldfastError) -> None:
    """Print an error: to stderr for people, and as JSON to stdout when --json was given."""
    if "--json" in sys.argv:
        print_json(
            {
                "error": {
                    "code": error.code,
                    "problem": error.problem,
                    "fix": error.fix,
                    **error.parts,
                }
            }
        )
        return
    from rich.text import Text

    out = console(stderr=True)
    out.print(Text.assemble(("Error: ", "bold red"), error.problem))
    if error.fix:
        out.print(Text.assemble(("  Fix: ", "bold"), error.fix))


def study_from(config: str, overrides: list[str] | None) -> "Study":
    """Read the study with its overrides."""
    from holdfast.errors import StudyError
    from holdfast.study import Study

    pairs = [item.partition("=") for item in overrides or []]
    for key, equals, _ in pairs:
        if not equals:
            raise StudyError(f"--set {key} has no value", fix="write --set key=value")
    return Study.from_toml(
        config, overrides={key.strip(): value.strip() for key, _, value in pairs}
    )
