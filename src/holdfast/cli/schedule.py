"""`holdfast schedule`: the study, every night."""

import signal
import sys
from typing import Annotated

import typer

from holdfast.cli.output import Config, Set, registry_of, study_from


def schedule(
    config: Config = "holdfast.toml",
    overrides: Set = None,
    cron: Annotated[
        str, typer.Option(help="Minute, hour, day, month, weekday, on the study's clock.")
    ] = "0 2 * * *",
    now: Annotated[
        bool | None, typer.Option(help="Run at once, too. [default: if nothing is published yet]")
    ] = None,
) -> None:
    """Run the study again and again; a run that fails is tried again, after a minute, two, four, up
    to an hour.
    """
    from holdfast.runs.schedule import run_on_schedule

    study = study_from(config, overrides)
    published = registry_of(config).run_ids()
    arguments = [
        "--config",
        config,
        *(part for item in overrides or [] for part in ("--set", item)),
    ]
    # A container is stopped by SIGTERM, which Python would otherwise leave without a word to the
    # run at work.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    run_on_schedule(
        arguments,
        cron=cron,
        time_zone=study.time_zone,
        now_too=not published if now is None else now,
        say=lambda text: print(text, flush=True),  # noqa: T201
    )
