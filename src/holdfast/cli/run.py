"""`holdfast run` and `schedule`: everything, from the source to the report, once or every night."""

import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import interruption, output
from holdfast.cli.engine import Kind, with_engine
from holdfast.cli.output import Config, Json, Set
from holdfast.errors import HoldfastError, StudyError

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.decisions.messages import Messenger
    from holdfast.storage.runs import Registry, Run
    from holdfast.study import Study


def run(
    config: Config = "holdfast.toml",
    overrides: Set = None,
    promote: Annotated[
        bool, typer.Option(help="Publish the new run: predictions come from it then.")
    ] = True,
    engine: Kind = None,
    json: Json = False,
) -> None:
    """Ingest, learn, prove, score, explain, segment, simulate and report.

    Each step is written to a log, runs/logs/<moment>.jsonl, which the error of a failed run names.
    A run that is certainly worse than the published one is kept and not published: exit code 3.
    """
    from holdfast.cli.progress_display import progress
    from holdfast.engine.run import choose_make
    from holdfast.progress import Several
    from holdfast.runs.run import is_refused
    from holdfast.runs.run import run as run_study
    from holdfast.runs.schedule import NOT_PUBLISHED
    from holdfast.storage.run_log import RunLog

    study = with_engine(output.study_from(config, overrides), engine)
    registry = output.registry_of(config)
    interruption.watch_runs(registry)
    with RunLog(registry.folder) as log:
        log.write("began", process=os.getpid())
        with progress(silent=json, earlier=_seconds_before(registry)) as shown:
            published = run_study(
                study, listener=Several([shown, log]), promote=promote, make=choose_make(study)
            )
        log.write("published", run_id=published.run_id)
    places = {"path": str(published.path.resolve()), "report": str(published.report.resolve())}
    values = published.summary | places
    output.print_result(values, lambda out: print_summary(out, published, study), json=json)
    if promote and is_refused(published):
        output.print_refusal(published.run_id)
        raise typer.Exit(NOT_PUBLISHED)


def _seconds_before(registry: "Registry") -> dict[str, float]:
    """What each step took in the published run; nothing where none can be read."""
    try:
        return dict(registry.open().manifest.get("seconds", {}))
    except HoldfastError:
        return {}


def print_summary(out: "Console", run: "Run", study: "Study") -> None:
    """Print what a run says, in the order a manager asks."""
    from polars import DataFrame

    from holdfast.report.evidence_tables import proof
    from holdfast.report.run_tables import channels
    from holdfast.report.summary import order_warning
    from holdfast.report.table_format import make_table

    summary, currency = run.summary, study.currency
    knows_value = summary["value"]["algorithm"] is not None
    out.print(
        f"\n[bold]{study.name}[/bold], {summary['customers']:,} customers as of "
        f"{summary['cutoff_date']}"
    )
    for label, text in _headline(summary, currency, knows_value=knows_value).items():
        out.print(f"{label:<20}{text}")
    out.print()
    names = f"segment customers {'average_ltv total_ltv' if knows_value else ''}"
    output.print_table(out, make_table("", summary["segments"], names, currency=currency))
    if rows := summary.get("channels"):
        output.print_table(out, channels(DataFrame(rows), currency=currency, brief=True))
    if warning := order_warning(summary):
        out.print(f"[yellow]{warning}[/yellow]")
    for reason in summary["top_reasons"]:
        out.print(f"[dim]{reason['task']:<6}[/dim] {reason['sentence']}")
    out.print()
    output.print_table(out, proof(summary, currency=currency))
    output.print_findings(out, summary["findings"])
    out.print(f"\nReport: {run.report}")


def _headline(summary: dict[str, Any], currency: str, *, knows_value: bool) -> dict[str, str]:
    from holdfast.report.formatting import money, past_error, percent
    from holdfast.report.summary import likely_to_leave

    error = past_error(summary["churn"].get("past_error"))
    rows, recovery = summary["rows"], summary["recovery"]
    lines = {
        "Rows": f"{rows['read']:,} read = {rows['accepted']:,} accepted + {rows['set_aside']:,} "
        f"set aside + {rows['quarantined']:,} quarantined",
        "Likely to leave": f"{likely_to_leave(summary)} of the customers"
        + (f"; {error}" if error else ""),
    }
    if not knows_value:
        return lines
    days = summary["value"]["horizon_days"]
    horizon = f"next {days} days" if days else "the snapshot's own value label"
    lines["Expected revenue"] = f"{money(summary['expected_revenue'], currency)} ({horizon})"
    lines["Revenue at stake"] = money(summary["at_stake"], currency)
    if recovery["invested"]:
        invested, net = (money(recovery[name], currency) for name in ("invested", "net"))
        roi = percent(recovery["roi_percent"] / 100, 0)
        lines["Recovery (assumed)"] = f"{invested} spent, net {net}, ROI {roi}"
    return lines


def _test(messenger: "Messenger | None") -> None:
    """Send a test; exit with 1 where somebody did not get it."""
    if messenger is None:
        raise StudyError(
            "the study names nobody to tell", fix="write [messages] into holdfast.toml"
        )
    if not messenger.test():
        raise typer.Exit(1)


def schedule(
    config: Config = "holdfast.toml",
    overrides: Set = None,
    cron: Annotated[
        str, typer.Option(help="Minute, hour, day, month, weekday, on the study's clock.")
    ] = "0 2 * * *",
    now: Annotated[
        bool | None, typer.Option(help="Run at once, too. [default: if there is no run yet]")
    ] = None,
    test_messages: Annotated[
        bool,
        typer.Option("--test-messages", help="Send a test by each way of [messages], and end."),
    ] = False,
) -> None:
    """Run the study again and again; a run that fails is tried again, after a minute, two, four, up
    to an hour. Whoever [messages] names is told how each run went.
    """
    from holdfast.decisions.messages import Messenger
    from holdfast.runs.schedule import run_on_schedule

    study = output.study_from(config, overrides)
    messenger = None
    if study.messages is not None:
        messenger = Messenger(
            study,
            say=lambda text: typer.echo(text, err=True),
            reread=lambda: output.study_from(config, overrides),
        )
    if test_messages:
        _test(messenger)
        return
    published = output.registry_of(config).run_ids()
    arguments = [
        "--config",
        config,
        *(part for item in overrides or [] for part in ("--set", item)),
    ]
    # A container is stopped by SIGTERM, which Python would otherwise leave without a word to the
    # run at work.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, interruption.interrupt)
    run_on_schedule(
        arguments,
        cron=cron,
        time_zone=study.time_zone,
        now_too=not published if now is None else now,
        say=lambda text: print(text, flush=True),  # noqa: T201
        tell=messenger.tell if messenger else lambda _: None,
        afterwards=["runs", "prune", "--config", config] if study.schedule.prunes else [],
    )
