"""What a command prints: for people with rich, for machines as one JSON object."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.report.table_columns import Col
    from holdfast.report.table_format import Table
    from holdfast.storage.runs import Registry
    from holdfast.study import Study

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
SEVERITY_STYLES = {"fatal": "bold red", "warning": "yellow", "note": "dim"}
Config = Annotated[str, typer.Option("--config", "-c", metavar="FILE", help="The study.")]


def run_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """What a shell completes a run's id to: the runs of the study that the line names."""
    try:
        published = registry_of(ctx.params.get("config") or "holdfast.toml").run_ids()
    except HoldfastError:
        published = []
    return [name for name in ("champion", "latest", *published) if name.startswith(incomplete)]


RunOption = Annotated[
    str,
    typer.Option(
        "--run",
        metavar="RUN_ID",
        help="A run's id, `latest`, or `champion`: the published run.",
        autocompletion=run_ids,
    ),
]
Receiver = Annotated[
    Literal["klaviyo", "hubspot", "meta"] | None,
    typer.Option("--for", help="Write the list as this receiver imports it, with addresses."),
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


def print_result(
    values: Mapping[str, Any], write: Callable[["Console"], None], *, json: bool
) -> None:
    """Print what a command found: its values for machines, in `write`'s words for people."""
    if json:
        print_json(values)
    else:
        write(console())


def print_table(out: "Console", table: "Table", *, width: int | None = None) -> None:
    """Print a table and a blank line; without rows, nothing. What needs a `width` has it, in a
    narrower terminal and a file, too: no figure is cut off.
    """
    from holdfast.report.table_format import to_rich

    if table.rows:
        out.width, given = max(width or 0, out.width), out.width
        out.print(to_rich(table))
        out.print()
        out.width = given


def print_rows(
    rows: Sequence[Mapping[str, Any]], *columns: "str | Col", json: bool, none: str = ""
) -> None:
    """Print a list: as JSON, as a table, or what to do where there is nothing in it."""
    from holdfast.report.table_format import make_table

    if json:
        print_json(rows)
    elif rows or not none:
        print_table(console(), make_table("", rows, *columns))
    else:
        console().print(none)


def describe_list(written: Mapping[str, Any] | None) -> Iterator[str]:
    """Sentences on the two files of a campaign, and on what it is recorded as."""
    if written is None:
        return
    yield f"{written['contacted']:,} to contact: {written['contact']}"
    yield f"{written['held_out']:,} held out: {written['holdout']}"
    yield (
        f"Recorded as the campaign '{written['campaign']}' of run {written['run_id']}: once its "
        "window is over, `holdfast experiment read` says what it did. If it does not go out, "
        "withdraw it with `holdfast experiment withdraw`."
    )
    yield from (f"{note}." for note in written["notes"])


def print_verdict(out: "Console", study: str, text: str) -> None:
    """Print what was found of a study in a sentence."""
    from rich.text import Text

    out.print()
    out.print(Text.assemble((study, "bold"), f": {text}"))
    out.print()


def print_findings(out: "Console", findings: Iterable[Mapping[str, Any]]) -> None:
    """Print findings from their plain values: what was seen, then the name, what it means and what
    to do.
    """
    from rich.text import Text

    for each in findings:
        style = SEVERITY_STYLES[each["severity"]]
        severity = each["severity"] + ", acknowledged" * bool(each.get("acknowledged"))
        out.print(Text.assemble((severity, style), f": {each['evidence']}"))
        fix = each["fix"][:1].upper() + each["fix"][1:]
        out.print(Text(f"  {each['name']}: {each['meaning']} {fix}", style="dim"))


def print_refusal(run_id: str) -> None:
    """Say on stderr that a run is kept and does not count."""
    out = console(stderr=True)
    out.print(f"Not published: run {run_id} is certainly worse than the published run.")
    fix = "see `holdfast monitor --run latest`; `holdfast runs promote latest` publishes it"
    out.print(f"  Fix: {fix}", markup=False)


def print_error(error: HoldfastError) -> None:
    """Print an error: to stderr for people, and as JSON to stdout when --json was given; with it
    the log of its run, which is a note of the error.
    """
    notes = getattr(error, "__notes__", [])
    if "--json" in sys.argv:
        print_json(
            {
                "error": {
                    "code": error.code,
                    "problem": error.problem,
                    "fix": error.fix,
                    **error.parts,
                    **({"log": notes[-1].removeprefix("Log: ")} if notes else {}),
                }
            }
        )
        return
    from rich.text import Text

    out = console(stderr=True)
    out.print(Text.assemble(("Error: ", "bold red"), error.problem))
    if error.fix:
        out.print(Text.assemble(("  Fix: ", "bold"), error.fix))
    for note in notes:
        out.print(Text(f"  {note}"))


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


def registry_of(config: str) -> "Registry":
    """The published runs of a study."""
    return registry_in(study_from(config, None))


def registry_in(study: "Study") -> "Registry":
    """As `registry_of`, of a study that was read."""
    from holdfast.storage.runs import Registry

    def tell(text: str) -> None:
        console(stderr=True).print(f"Note: {text}", markup=False)

    return Registry(Path(study.project_dir) / "runs", tell=tell)
