"""The application: its commands, and how an error leaves it."""

import atexit
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from holdfast import __version__
from holdfast.cli import (
    alerts,
    backtest,
    changes,
    checks,
    engine,
    experiments,
    export,
    interruption,
    monitor,
    plans,
    predict,
    privacy,
    run,
    runs,
    serve,
    setup,
    stream,
    uplift,
)
from holdfast.cli.output import print_error
from holdfast.errors import HoldfastError, system_error

_WHOLE = 300
"""Characters: no sentence is cut."""


class _Grouped(TyperGroup):
    """Lists the commands under the headings of what they are for."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each heading, its sentences whole."""
        headings = list(_COMMANDS)

        def place(command: Any) -> int:
            panel = command.rich_help_panel
            return headings.index(panel) if panel in headings else 0

        for number, commands in groupby(sorted(self.commands.values(), key=place), place):
            with formatter.section(headings[number] if ctx.parent is None else "Commands"):
                formatter.write_dl(
                    [(str(each.name), each.get_short_help_str(_WHOLE)) for each in commands]
                )


app = typer.Typer(
    name="holdfast",
    cls=_Grouped,
    no_args_is_help=True,
    rich_markup_mode=None,  # half the start of every --help would be spent on colours
    pretty_exceptions_enable=False,
    help="From an order log, or a customer snapshot, to churn, value, reasons, segments and a "
    "retention plan.\n\n"
    "Start with `holdfast init my-shop --data orders.csv`, then `holdfast run`.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong input, 3 run made but worse than the published "
    "one. Every command takes --help and --json.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)  # noqa: T201
        raise typer.Exit()


_SERVERS = ("serve", "dashboard", "schedule", "stream")
"""They end in their own way, and in their own time."""


@app.callback()
def _options(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    if ctx.invoked_subcommand not in _SERVERS:
        interruption.listen()


@dataclass(frozen=True)
class _Command:
    """A command, or a group of them, and how `holdfast --help` tells of it."""

    run: Callable[..., None] | typer.Typer
    short: str
    example: str = ""
    name: str = ""


_COMMANDS = {
    "Look at the data": (
        _Command(
            setup.init, "Look at a file and write a study for it", "init my-shop --data o.csv"
        ),
        _Command(checks.check, "What came in, and whether it is fit", "check --html data.html"),
        _Command(
            checks.churn_window,
            "After which silence a customer is lost",
            "churn-window --set churn.horizon_days=60",
        ),
        _Command(checks.audit, "What would make the figures worthless", "audit"),
        _Command(checks.features, "What the models see", "features --sql duckdb"),
        _Command(setup.simulate, "Write a simulated shop", "simulate shop --customers 3000"),
        _Command(setup.datasets, "Public data sets: list, fetch", name="datasets"),
    ),
    "Run": (
        _Command(run.run, "Learn, prove, score and report", "run --set churn.horizon_days=60"),
        _Command(run.schedule, "Run again and again", "schedule --cron '0 2 * * *'"),
        _Command(backtest.backtest, "Prove on time not seen", "backtest --cutoff 2011-06-01"),
        _Command(backtest.compare, "Compare algorithms", "compare --task churn"),
        _Command(monitor.monitor, "Whether the published run still holds", "monitor"),
        _Command(engine.score, "Everybody's scores by a published run", "score --to scores"),
        _Command(engine.app, "Buckets and Spark: check, plan, submit", name="engine"),
        _Command(runs.app, "Published runs: list, compare, promote, prune", name="runs"),
    ),
    "Decide": (
        _Command(predict.predict, "One customer: risk, value, reasons", "predict CUST00001"),
        _Command(changes.changes, "Why scores changed since the run before", "changes CUST00001"),
        _Command(predict.forecast, "Revenue week by week", "forecast --by segment --weeks 8"),
        _Command(plans.history, "What past campaigns say of each offer", "history"),
        _Command(
            plans.plan, "Who gets which offer within a budget", "plan --budget 2000 --list c.csv"
        ),
        _Command(uplift.uplift, "Whether an offer works, and on whom", "uplift --days 60"),
        _Command(experiments.app, "Design campaigns, read what they did", name="experiment"),
    ),
    "Serve": (
        _Command(export.report, "The report, also as a PDF", "report --pdf report.pdf"),
        _Command(export.export, "To Excel or PostgreSQL", "export --to customers.xlsx"),
        _Command(stream.app, "Events as they happen: init, run, status, verify", name="stream"),
        _Command(alerts.app, "Alerts on them: list, close, test a route", name="alerts"),
        _Command(serve.serve, "A REST API", "serve --port 8000 --workers 2"),
        _Command(serve.dashboard, "Pages in a browser", "dashboard -c my-shop/holdfast.toml"),
        _Command(serve.keys, "API keys: create, list, revoke", name="keys"),
    ),
    "Keep": (
        _Command(privacy.customer, "All that is held about one customer", name="customer"),
        _Command(privacy.erase, "Take customers out of everything", "erase CUST00001 --yes"),
        _Command(privacy.audit_log, "Who did what, and whether it holds", name="audit-log"),
    ),
}
"""In the order in which a user needs them."""


def _add(command: _Command, group: str) -> None:
    if isinstance(command.run, typer.Typer):
        app.add_typer(
            command.run,
            name=command.name,
            cls=_Grouped,
            rich_help_panel=group,
            short_help=command.short,
        )
        return
    example = f"Example: holdfast {command.example}"
    app.command(epilog=example, rich_help_panel=group, short_help=command.short)(command.run)


for group, commands in _COMMANDS.items():
    for command in commands:
        _add(command, group)


def main() -> None:
    """Run a command; no traceback reaches a user."""
    try:
        app()
    except BaseException as error:
        if not os.environ.get("HOLDFAST_DEBUG") and not _is_success(error):
            atexit.register(_silence)
        # A library that was interrupted may say so with an error of its own.
        if (code := interruption.exit_code()) is None:
            code = _explain(error)
        else:
            interruption.say()
        sys.exit(code)


def _is_success(end: BaseException) -> bool:
    """Whether a command ended as it should."""
    return isinstance(end, SystemExit) and not end.code


def _silence() -> None:
    """Say no more after a failure: the frames where it happened may still hold a connection to
    DuckDB, whose bindings would list all that it holds as their leaks.
    """
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _explain(error: BaseException) -> int:
    """Say what went wrong; returns the exit code."""
    if isinstance(error, BrokenPipeError):
        # The reader of a pipe has left; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if not isinstance(error, Exception):
        raise error
    if isinstance(error, HoldfastError):
        print_error(error)
        return error.exit_code
    if os.environ.get("HOLDFAST_DEBUG"):
        raise error
    readable = system_error(error) or HoldfastError(
        f"something went wrong that Holdfast did not expect: {type(error).__name__}: {error}",
        fix="set HOLDFAST_DEBUG=1 to see where, and report it",
    )
    for note in getattr(error, "__notes__", []):
        readable.add_note(note)
    print_error(readable)
    return 1
