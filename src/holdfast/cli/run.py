"""`holdfast run`: everything, from the source to the report."""

from typing import Annotated

import typer

from holdfast.cli.output import Config, Json, Set, console, print_json, study_from


def run(
    config: Config = "holdfast.toml",
    overrides: Set = None,
    promote: Annotated[bool, typer.Option(help="Make the new run the champion.")] = True,
    json: Json = False,
) -> None:
    """Ingest, learn, prove, score, explain, segment, simulate and report."""
    from holdfast.cli.progress import progress
    from holdfast.cli.summary import print_summary
    from holdfast.runs.run import run as run_study

    study = study_from(config, overrides)
    with progress(silent=json) as listener:
        published = run_study(study, listener=listener, promote=promote)
    if json:
        places = {"path": str(published.path.resolve()), "report": str(published.report.resolve())}
        print_json(published.summary | places)
    else:
        print_summary(console(), published, study)
