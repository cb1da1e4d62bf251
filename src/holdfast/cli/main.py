"""The application: its commands, and how an error leaves it."""

import os
import sys
from typing import Annotated

import typer

from holdfast import __version__
from holdfast.cli import (
    backtest,
    checks,
    experiments,
    export,
    interruption,
    plans,
    predict,
    privacy,
    run,
    runs,
    serve,
    setup,
)
from holdfast.cli.output import print_error
from holdfast.errors import HoldfastError, system_error

app = typer.Typer(
    name="holdfast",
    no_args_is_help=True,
    rich_markup_mode=None,  # half the start of every --help would be spent on colours
    pretty_exceptions_enable=False,
    help="From an order log, or a customer snapshot, to churn, value, reasons, segments and a "
    "retention plan.\n\n"
    "Start with `holdfast init my-shop --data orders.csv`, then `holdfast run`.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong input. Every command takes --help and --json.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)  # noqa: T201
        raise typer.Exit()


_SERVERS = ("serve", "dashboard", "schedule")
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


for command, example in (
    (setup.init, "holdfast init my-shop --data orders.csv"),
    (run.run, "holdfast run --set churn.horizon_days=60"),
    (run.schedule, "holdfast schedule --cron '0 2 * * *'"),
    (predict.forecast, "holdfast forecast --by segment --weeks 8"),
    (predict.predict, "holdfast predict CUST00001"),
    (plans.history, "holdfast history"),
    (plans.plan, "holdfast plan --budget 2000 --list contacts.csv"),
    (backtest.compare, "holdfast compare --task churn"),
    (backtest.backtest, "holdfast backtest --cutoff 2011-06-01"),
    (checks.check, "holdfast check --html data.html --contract contract"),
    (checks.audit, "holdfast audit"),
    (checks.churn_window, "holdfast churn-window --set churn.horizon_days=60"),
    (checks.features, "holdfast features --sql --cutoff 2011-06-01"),
    (export.export, "holdfast export --to customers.xlsx"),
    (export.report, "holdfast report --pdf report.pdf"),
    (experiments.uplift, "holdfast uplift --days 60"),
    (serve.serve, "holdfast serve --port 8000 --workers 2"),
    (serve.dashboard, "holdfast dashboard -c my-shop/holdfast.toml"),
    (privacy.erase, "holdfast erase CUST00001 --yes"),
    (setup.simulate, "holdfast simulate shop --customers 3000 --set december_factor=4"),
):
    app.command(epilog=f"Example: {example}")(command)
app.add_typer(runs.app, name="runs")
app.add_typer(experiments.app, name="experiment")
app.add_typer(serve.keys, name="keys")
app.add_typer(privacy.customer, name="customer")
app.add_typer(privacy.audit_log, name="audit-log")
app.add_typer(setup.datasets, name="datasets")


def main() -> None:
    """Run a command; no traceback reaches a user."""
    try:
        app()
    except BaseException as error:
        # A library that was interrupted may say so with an error of its own.
        if (code := interruption.exit_code()) is None:
            code = _explain(error)
        else:
            interruption.say()
        sys.exit(code)


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
    print_error(
        system_error(error)
        or HoldfastError(
            f"something went wrong that Holdfast did not expect: {type(error).__name__}: {error}",
            fix="set HOLDFAST_DEBUG=1 to see where, and report it",
        )
    )
    return 1
