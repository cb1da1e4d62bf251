"""`holdfast score` and `engine`: everybody's scores by a published run, and who works on them."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from holdfast.cli import output
from holdfast.cli.output import Config, Json, Set

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.study import Study

Kind = Annotated[
    Literal["memory", "buckets", "spark"] | None,
    typer.Option("--engine", help="What works on it. [default: engine.kind of the study]"),
]
app = typer.Typer(
    no_args_is_help=True,
    help="Who works on a run: check, plan, submit.",
    epilog="Example: holdfast engine plan",
)


def with_engine(study: "Study", kind: str | None) -> "Study":
    """The study with another engine."""
    if kind is None:
        return study
    return study.model_copy(update={"engine": study.engine.model_copy(update={"kind": kind})})


def score(
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="A folder that is not there yet.")],
    run_id: Annotated[
        str, typer.Option("--run", metavar="RUN", help="A run's id, champion or latest.")
    ] = "champion",
    engine: Kind = None,
    config: Config = "holdfast.toml",
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Score everybody in the study's sources by a published run, in buckets; nothing is learnt.

    FOLDER takes what a run keeps of each customer in parts (Parquet): scores, horizons, reasons,
    features, purchases, permissions and addresses; and summary.json.
    """
    from holdfast.cli.progress_display import progress
    from holdfast.engine.score_run import score_by_run
    from holdfast.progress import Steps

    study = with_engine(output.study_from(config, overrides), engine)
    run = output.registry_of(config).open(run_id)
    with progress(silent=json, earlier={}) as shown:
        summary = score_by_run(study, run, to, Steps(shown))

    def write(out: "Console") -> None:
        out.print(
            f"{summary['customers']:,} customers as of {summary['cutoff_date']} scored by run "
            f"{summary['run_id']}; {summary['leaving']:,} are likely to leave.\nScores: {to}"
        )

    output.print_result(summary, write, json=json)


@app.command(epilog="Example: holdfast engine check --engine spark")
def check(
    engine: Kind = None,
    config: Config = "holdfast.toml",
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Ask every executor for its versions, and whether it sees the project's folder."""
    from holdfast.engine.spark import SparkEngine, open_session

    study = with_engine(output.study_from(config, overrides), engine)
    if study.engine.kind != "spark":
        output.console().print(f"The engine '{study.engine.kind}' is this machine.")
        return
    session = open_session(study.engine.spark)
    rows = SparkEngine(session).check(Path(study.project_dir).resolve())
    output.print_rows(rows, "host", "process", "holdfast", "python", "duckdb", "polars", json=json)


@app.command(epilog="Example: holdfast engine plan")
def plan(config: Config = "holdfast.toml", overrides: Set = None, json: Json = False) -> None:
    """Say how the sources would be cut, into how many buckets, and with how many shuffles; no row
    is read.
    """
    from holdfast.engine.describe import plan_sources

    study = output.study_from(config, overrides)
    n_buckets, sources = plan_sources(study)
    rows = [asdict(each) for each in sources]
    if json:
        output.print_json({"buckets": n_buckets, "sources": rows})
        return
    output.print_rows(rows, "source", "files", "size", "splits", "shuffles", json=False)
    most = study.engine.sample_customers
    output.console().print(
        f"Buckets: {n_buckets:,}. Learnt from at most about {most:,} customers; all are scored."
    )


@app.command(epilog="Example: holdfast engine submit --print databricks")
def submit(
    platform: Annotated[
        Literal["spark-submit", "databricks", "emr", "dataproc"],
        typer.Option("--print", help="Of which platform."),
    ],
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """Print the command that starts a run on a cluster; nothing is sent."""
    from holdfast.engine.describe import SCRIPT, submit_command

    output.study_from(config, None)
    command = submit_command(platform, config)
    if json:
        output.print_json({"command": command, "holdfast_run.py": SCRIPT})
        return
    output.console().out(f"# holdfast_run.py:\n{SCRIPT}\n{command}")
