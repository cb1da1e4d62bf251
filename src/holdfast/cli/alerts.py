"""`holdfast alerts`: who is in trouble now, closing an alert, and whether its messages arrive."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.output import Config, Json, console, print_json, print_table, study_from

if TYPE_CHECKING:
    from holdfast.report.table_format import Table
    from holdfast.stream.state.connections import Connections
    from holdfast.study import Study

app = typer.Typer(
    no_args_is_help=True,
    help="Alerts of live monitoring: list, close, test a route.",
    epilog="Example: holdfast alerts list --open",
)
_WIDE = 140


@app.command(name="list", epilog="Example: holdfast alerts list --open --rule at-risk-vip")
def list_alerts(
    only_open: Annotated[
        bool, typer.Option("--open", help="Only those that are open; without, the closed ones too.")
    ] = False,
    rule: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only those of one [[alert]].")
    ] = None,
    most: Annotated[
        int, typer.Option(min=1, max=10_000, help="Of the open and of the closed ones, at most.")
    ] = 100,
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """List alerts: the open ones, the most at stake first, then those closed last."""
    from holdfast.stream.live_view import EpisodeFilter, list_episodes

    study = study_from(config, None)
    _check_rule(study, rule)
    states = [True] if only_open else [True, False]
    with closing(_connections(study)) as connections, connections.read() as connection:
        listed = [
            row
            for is_open in states
            for row in list_episodes(
                connection, EpisodeFilter(is_open=is_open, rule=rule), most=most
            ).episodes
        ]
    if json:
        print_json(listed)
    elif listed:
        print_table(console(), _table(listed, study.currency), width=_WIDE)
    else:
        console().print("No alert is open." if only_open else "There has been no alert yet.")


@app.command(epilog="Example: holdfast alerts close 812 --by Ann --note 'called, all is well'")
def close(
    alert_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="Number of the alert.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who closes it.")],
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "",
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """Close an open alert. Its rule says no more of the customer until they have bought again."""
    from pathlib import Path

    from holdfast.storage import audit_log
    from holdfast.stream.alerts.closing import close_episode
    from holdfast.stream.clock import Clock

    study = study_from(config, None)
    name = _check_name(by)
    day = Clock(study.time_zone).today
    # What cannot be recorded is not done.
    with closing(_connections(study)) as connections, connections.write() as connection:
        close_episode(connection, study, alert_id, by=name, note=note, day=day)
        audit_log.record(Path(study.project_dir), "close alert", by=name, alert=alert_id)
    if json:
        print_json({"closed": alert_id, "by": name, "note": note})
    else:
        console().print(f"Alert {alert_id} is closed by {name}.", markup=False)


@app.command(name="test", epilog="Example: holdfast alerts test crm")
def send_test(
    route: Annotated[str, typer.Argument(metavar="ROUTE", help="Name of an [[alert_route]].")],
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """Send a test message by a route, and say what was answered."""
    from uuid import uuid4

    from holdfast.stream.alerts.alert_messages import tell_route_test
    from holdfast.stream.alerts.delivery import send
    from holdfast.study.sections import require_known

    study = study_from(config, None)
    routes = {each.name: each for each in study.alert_route}
    require_known(route, list(routes), f"the study has no [[alert_route]] '{route}'")
    answer = send(routes[route], tell_route_test(routes[route], study), f"test/{uuid4().hex}")
    if json:
        print_json({"route": route, "answer": answer})
    else:
        console().print(f"{route}: {answer}", markup=False)


def _table(alerts: Sequence[Mapping[str, Any]], currency: str) -> "Table":
    from holdfast.report.table_columns import Col
    from holdfast.report.table_format import make_table

    columns = (
        Col("id", "No."), Col("severity"), Col("rule", "Alert"), Col("customer_id", "Customer"),
        Col("segment"), Col("at_stake", "At stake", "money"), Col("opened_day", "Since", "day"),
        Col("action", "What to do"), Col("close_reason", "Closed"),
    )  # fmt: skip
    return make_table("Alerts", alerts, *columns, currency=currency)


def _check_rule(study: "Study", rule: str | None) -> None:
    from holdfast.study.sections import require_known

    if rule is not None and study.alert:
        names = [alert.name for alert in study.alert]
        require_known(rule, names, f"the study has no [[alert]] '{rule}'")


def _check_name(by: str) -> str:
    from holdfast.errors import InputError
    from holdfast.io.message import one_line

    name = one_line(by, at_most=80)
    if not name:
        raise InputError("nobody is named who closes the alert", fix="write --by NAME")
    return name


def _connections(study: "Study") -> "Connections":
    from holdfast.stream.judging import require_streamable
    from holdfast.stream.state.connections import Connections

    require_streamable(study)
    assert study.stream is not None
    return Connections(study.stream)
