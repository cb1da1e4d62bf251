"""The tables of live monitoring, from rows as the stream's state has them: alerts, partitions,
messages, and what happened around one customer.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from holdfast.report import formatting
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table

Rows = Sequence[Mapping[str, Any]]
_TRANSITIONS = {"opened": "it opened", "closed": "it closed"}
_PARTS = {
    "n_orders": "order", "n_sessions": "visit", "n_treatments": "campaign contact",
    "n_other": "other event",
}  # fmt: skip


def open_alerts(alerts: Rows, *, caption: str, currency: str, now: str) -> Table:
    """Open alerts, each with the strongest reason and what to do; a row has the customer's name."""
    rows = [
        {
            **alert,
            "alert": f"{alert['rule']}\n{alert['severity']}, {_ago(alert['opened_at'], now)}",
            "why": _reasons(alert)[0],
        }
        for alert in alerts
    ]
    columns = [
        Col("customer_id", "Customer"), Col("alert", "Alert"), Col("segment"),
        Col("at_stake", "At stake", "money"),
        Col("churn_probability", "Risk", "whole_percent"),
        Col("why", "Why they may leave"), Col("action", "What to do"),
    ]  # fmt: skip
    shown = [col for col in columns if col.name != "action" or any(r["action"] for r in rows)]
    return make_table(caption, rows, *shown, currency=currency)


def _reasons(alert: Mapping[str, Any]) -> list[str]:
    return [reason["sentence"] for reason in alert["reasons"]] or ["not explained"]


def closed_alerts(counts: Rows, *, days: int) -> Table:
    """Why alerts closed."""
    rows = [{**each, "close_reason": formatting.capital(each["close_reason"])} for each in counts]
    return make_table(
        f"Closed in the last {days} days", rows, Col("rule", "Rule"), Col("close_reason", "Why"),
        Col("alerts", "Alerts", "count"),
    )  # fmt: skip


def partitions(rows: Rows, rates: Mapping[int, float | None]) -> Table:
    """How far each partition is; `rates`: messages a second, where they are known yet."""
    shown = [
        {
            **row,
            "name": f"Partition {row['partition']}",
            "state": _describe_state(row),
            "rate": rates.get(row["partition"]),
            "last": f"{formatting.age(row['silent_seconds'])} ago",
        }
        for row in rows
    ]
    return make_table(
        "Where the stream stands", shown, Col("name", "Partition"), Col("state", "State"),
        Col("lag", "Events waiting", "count"), Col("rate", "Read a second", "number"),
        Col("messages", "Read in all", "count"), Col("last", "Last step"),
    )  # fmt: skip


def _describe_state(row: Mapping[str, Any]) -> str:
    if row["catching_up"]:
        return "Catching up: no alerts until it has"
    return "Behind" if row["lag"] else "Up to date"


def dead_letters(counts: Rows, now: str) -> Table:
    """What could not be understood, by reason."""
    rows = [
        {
            **row,
            "why": formatting.capital(row["reason"]),
            "latest": _ago(row["latest_at"], now),
        }
        for row in counts
    ]
    return make_table(
        "Messages that could not be understood", rows, Col("why", "Reason"),
        Col("messages", "Messages", "count"), Col("new_messages", "In 24 hours", "count"),
        Col("latest", "Latest"),
    )  # fmt: skip


def latest_dead(letters: Rows) -> Table:
    """The latest of them, with how they begin."""
    rows = [
        {
            **row,
            "place": f"{row['partition']}/{row['position']}",
            "at": formatting.moment(row["received_at"]),
            "says": row["body"] or "Not kept",
        }
        for row in letters
    ]
    return make_table(
        "The latest", rows, Col("place", "Partition and position"), Col("at", "Arrived"),
        Col("reason", "Reason"), Col("says", "It says"),
    )  # fmt: skip


def deliveries(routes: Rows, now: str) -> Table:
    """Messages by route."""
    rows = [
        {
            **row,
            "oldest": row["waiting_since"] and _ago(row["waiting_since"], now),
        }
        for row in routes
    ]
    return make_table(
        "Messages to people and systems", rows, Col("route", "Route"),
        Col("sent", "Sent in 24 hours", "count"), Col("waiting", "Waiting", "count"),
        Col("failing", "Of them failing", "count"), Col("given_up", "Given up", "count"),
        Col("oldest", "Oldest that waits"), Col("last_error", "Last error"),
    )  # fmt: skip


def operator_log(entries: Rows) -> Table:
    """What the operator should know."""
    rows = [{**each, "when": formatting.moment(each["at"])} for each in entries]
    return make_table(
        "What the operator should know",
        rows,
        Col("when", "When (UTC)"),
        Col("text", "What happened"),
    )


def timeline(history: Mapping[str, Any], *, currency: str, minor_digits: int) -> Table:
    """What happened around one customer, the latest first."""
    rows = sorted(_happenings(history, currency, minor_digits), key=lambda each: -each["place"])
    return make_table(
        f"What the stream knows of {history['customer_id']}", rows, Col("when", "When (UTC)"),
        Col("what", "What happened"),
    )  # fmt: skip


def _happenings(
    history: Mapping[str, Any], currency: str, minor_digits: int
) -> Iterator[dict[str, Any]]:
    for day in history["days"]:
        what = _describe_day(day, currency, minor_digits)
        yield {"place": day["day"] * 86_400, "when": formatting.day(day["day"]), "what": what}
    rules = {episode["id"]: episode["rule"] for episode in history["episodes"]}
    for episode in history["episodes"]:
        yield _happening(
            episode["opened_at"],
            f"Alert “{episode['rule']}” ({episode['severity']}) opened at "
            f"{formatting.number(episode['value_opened'])}: {'; '.join(_reasons(episode))}",
        )
        if episode["closed_at"]:
            note = f" ({episode['note']})" if episode["note"] else ""
            closed = f"Alert “{episode['rule']}” closed: {episode['close_reason']}{note}"
            yield _happening(episode["closed_at"], closed)
    for message in history["messages"]:
        why = _TRANSITIONS.get(message["transition"], message["transition"])
        about = f"that {why}, alert “{rules[message['episode_id']]}”"
        if message["sent_at"]:
            yield _happening(message["sent_at"], f"Told {message['route']} {about}")
        else:
            error = f": {message['last_error']}" if message["last_error"] else ""
            state = "given up" if message["failed_at"] else "waiting"
            yield _happening(
                message["created_at"], f"Message to {message['route']} {about}, {state}{error}"
            )


def _happening(at: str, what: str) -> dict[str, Any]:
    place = datetime.fromisoformat(at).timestamp()
    return {"place": place, "when": formatting.moment(at), "what": what}


def _describe_day(day: Mapping[str, Any], currency: str, minor_digits: int) -> str:
    parts = [formatting.plural(day[name], noun) for name, noun in _PARTS.items() if day[name]]
    for name, words in (("gross_minor", "{} spent"), ("returns_minor", "{} returned")):
        if day[name]:
            amount = formatting.money(abs(day[name]) / 10**minor_digits, currency)
            parts.append(words.format(amount))
    return formatting.capital(", ".join(parts)) or "Known to the shop"


def _ago(at: str, now: str) -> str:
    seconds = datetime.fromisoformat(now) - datetime.fromisoformat(at)
    return f"{formatting.age(seconds.total_seconds())} ago"
