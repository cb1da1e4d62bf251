"""`holdfast stream`: events as they happen, their state, and its proof."""

import signal
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import interruption
from holdfast.cli.output import (
    Config,
    Json,
    Set,
    console,
    print_json,
    print_rows,
    print_table,
    registry_in,
    study_from,
)

if TYPE_CHECKING:
    from holdfast.stream.clock import Clock
    from holdfast.study import Study
    from holdfast.study.stream import Stream

app = typer.Typer(
    no_args_is_help=True,
    help="Events as they happen: init, run, status, sweep, replay, verify, drift, dead.",
    epilog="Example: holdfast stream init",
)
dead = typer.Typer(no_args_is_help=True, help="Messages that could not be understood: list, retry.")
app.add_typer(dead, name="dead")
Today = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="The day to stand at, for a rehearsal. [default: today]"),
]


@app.callback()
def _options(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand != "run":
        interruption.listen()


@app.command(epilog="Example: holdfast stream init")
def init(config: Config = "holdfast.toml", overrides: Set = None, json: Json = False) -> None:
    """Create the state in PostgreSQL and load the study's history into it."""
    from holdfast.stream.state.loading import initialise

    study = study_from(config, overrides)
    loaded = initialise(study)
    if json:
        print_json(asdict(loaded))
        return
    console().print(
        f"{loaded.lines:,} lines of {loaded.customers:,} customers are loaded; "
        f"{_count(loaded.partitions, 'partition')} will be read from the first message that is "
        "there.\nNext: `holdfast stream run`."
    )


@app.command(epilog="Example: holdfast stream run")
def run(
    config: Config = "holdfast.toml",
    overrides: Set = None,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End when no message waits any more.")
    ] = False,
    accept_gap: Annotated[
        bool, typer.Option("--accept-gap", help="Go on where messages are gone, and note it.")
    ] = False,
    partition: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Read only this one; may be repeated. [default: all]"),
    ] = None,
    today: Today = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Answer Prometheus there. [default: not at all]"),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(help="Address to answer at; the default is this machine only.")
    ] = "127.0.0.1",
    json: Json = False,
) -> None:
    """Read events, score the customers they are about, and alert, until it is told to end."""
    from holdfast.stream.service import serve_stream
    from holdfast.stream.worker import Orders, Worker

    study = study_from(config, overrides)
    worker = Worker(
        study,
        _clock(study, today),
        registry_in(study),
        Orders(until_caught_up=until_caught_up, accept_gap=accept_gap, only=tuple(partition or ())),
        say=lambda text: typer.echo(text, err=True),
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: worker.stop())
    done = serve_stream(worker, metrics_host=metrics_host, metrics_port=metrics_port)
    if json:
        print_json(asdict(done))
        return
    console().print(
        f"{_count(done.read, 'message')} read: {done.accepted:,} new, {done.dead:,} not "
        f"understood; {_count(done.scored, 'score')} made"
    )


@app.command(epilog="Example: holdfast stream status")
def status(config: Config = "holdfast.toml", json: Json = False) -> None:
    """Show how far each partition was read, and what waits: alerts, dead messages, deliveries."""
    from holdfast.report.table_format import make_table
    from holdfast.stream.live_view import read_status
    from holdfast.stream.state.postgres import connect, require_state

    with connect(_settings(study_from(config, None))) as connection:
        require_state(connection)
        shown = read_status(connection)
    if json:
        print_json(shown)
        return
    out = console()
    sweep = shown["sweep"]
    out.print(
        f"{sweep['evaluated']:,} of {_count(sweep['customers'], 'customer')} are evaluated as of "
        f"the latest day; {sweep['waiting']:,} wait to be rolled up"
    )
    for title, name, columns in (
        ("Partitions", "partitions", "partition lag catching_up messages updated_at"),
        ("Open alerts", "alerts", "rule severity segment alerts"),
        ("Messages not understood", "dead", "reason messages latest_at"),
        ("Messages to leave", "deliveries", "route sent waiting failing given_up last_error"),
        ("For the operator", "operator_log", "at kind text"),
    ):
        print_table(out, make_table(title, shown[name], columns))


@app.command(epilog="Example: holdfast stream sweep")
def sweep(
    config: Config = "holdfast.toml",
    overrides: Set = None,
    today: Today = None,
    json: Json = False,
) -> None:
    """Evaluate every customer now: silence sends no event."""
    from holdfast.stream.full_sweep import sweep as evaluate_everyone

    study = study_from(config, overrides)
    count = evaluate_everyone(study, _clock(study, today), registry_in(study), say=_tell)
    if json:
        print_json({"customers": count})
    else:
        console().print(f"{_count(count, 'customer')} evaluated")


@app.command(epilog="Example: holdfast stream replay --from 2026-11-01")
def replay(
    since: Annotated[
        str, typer.Option("--from", metavar="DATE", help="The first day to work out again.")
    ],
    config: Config = "holdfast.toml",
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Let the next `holdfast stream run` read again what happened since a day, and work it out
    again; nobody is alerted of the past.
    """
    from holdfast.stream.replay import prepare_replay
    from holdfast.stream.sources.source import open_source
    from holdfast.stream.state.postgres import connect, require_state
    from holdfast.windows import parse_day

    study = study_from(config, overrides)
    settings, day = _settings(study), parse_day(since, name="--from")
    with connect(settings) as connection, closing(open_source(study)) as source:
        require_state(connection)
        prepared = prepare_replay(connection, source, schema=settings.postgres_schema, day=day)
    if json:
        print_json(asdict(prepared))
        return
    console().print(
        f"{_count(prepared.partitions, 'partition')} will be read again, and "
        f"{_count(prepared.customers, 'customer')} worked out again, by the next "
        "`holdfast stream run`."
    )


@app.command(epilog="Example: holdfast stream verify")
def verify(config: Config = "holdfast.toml", overrides: Set = None, json: Json = False) -> None:
    """Work every customer out again by the batch, and compare; exit 1 where a cell differs."""
    from holdfast.stream.verify import verify_stream

    study = study_from(config, overrides)
    done = verify_stream(study, registry_in(study))
    if json:
        print_json(asdict(done))
    else:
        cells = sum(done.differing.values())
        console().print(
            f"{_count(done.customers, 'customer')}, {_count(done.days, 'day')} of activity and "
            f"{_count(done.scores, 'score')}: {_count(cells, 'cell')} differ from the batch"
        )
        for name, count in sorted(done.differing.items()):
            console().print(f"  {name}: {count:,}", markup=False)
    if done.differing:
        raise typer.Exit(1)


@app.command(epilog="Example: holdfast stream drift")
def drift(config: Config = "holdfast.toml", overrides: Set = None, json: Json = False) -> None:
    """Show whether the customers whom the stream scores still are what the published run saw."""
    from holdfast.report import monitor_tables
    from holdfast.stream.live_drift import compare_live
    from holdfast.stream.state.postgres import connect, require_state
    from holdfast.tables import json_rows

    study = study_from(config, overrides)
    with connect(_settings(study)) as connection:
        require_state(connection)
        run = registry_in(study).open()
        live = compare_live(connection, run, times=study.monitor.drift_times)
    if json:
        print_json({**asdict(live), "drift": json_rows(live.drift)})
        return
    moved = live.drift.filter("has_drifted").height
    console().print(
        f"{_count(moved, 'feature')} drifted, of {_count(live.customers, 'customer')} scored "
        f"{_count(live.days, 'day')} after run {live.run_id}"
    )
    print_table(console(), monitor_tables.drift(live.drift), width=140)


@dead.command(name="list", epilog="Example: holdfast stream dead list")
def list_dead(
    config: Config = "holdfast.toml",
    most: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    json: Json = False,
) -> None:
    """List the messages that could not be understood, the latest first, and why."""
    from holdfast.stream.live_view import list_dead as read_dead
    from holdfast.stream.state.postgres import connect, require_state

    with connect(_settings(study_from(config, None))) as connection:
        require_state(connection)
        rows = read_dead(connection, most=most)
    none = "every message was understood"
    print_rows(rows, "id received_at partition position reason body", json=json, none=none)


@dead.command(epilog="Example: holdfast stream dead retry")
def retry(
    config: Config = "holdfast.toml",
    overrides: Set = None,
    today: Today = None,
    json: Json = False,
) -> None:
    """Try them again, after the study or whoever sends them was corrected."""
    from holdfast.stream.state.dead_letters import retry_dead
    from holdfast.stream.worker import one_stepper

    study = study_from(config, overrides)
    clock = _clock(study, today)
    with one_stepper(study, clock, registry_in(study), say=_tell) as stepper:
        done = retry_dead(stepper.connection, stepper.judge, last_day=clock.today + 1)
    if json:
        print_json(asdict(done))
        return
    console().print(
        f"{_count(done.understood, 'message')} understood now, {done.dead:,} still not"
        + (f"; {done.withheld:,} were not kept as they came" if done.withheld else "")
    )


def _settings(study: "Study") -> "Stream":
    from holdfast.stream.judging import require_streamable

    require_streamable(study)
    assert study.stream is not None
    return study.stream


def _clock(study: "Study", today: str | None) -> "Clock":
    from holdfast.stream.clock import Clock
    from holdfast.windows import parse_day

    return Clock(study.time_zone, parse_day(today, name="--today") if today else None)


def _tell(text: str) -> None:
    console(stderr=True).print(text, markup=False)


def _count(n: int, what: str) -> str:
    return f"1 {what}" if n == 1 else f"{n:,} {what}s"
