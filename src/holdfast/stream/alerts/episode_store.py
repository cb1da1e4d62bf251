"""Episodes and their messages, written in the transaction of the evaluation that they follow from.

An episode is told by each route of its rule, up to so many an hour; when more open, the others are
recorded, and one message says so. That it is over is told where its opening was.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from holdfast.io.message import Message
from holdfast.stream.alerts.actions import Actions
from holdfast.stream.alerts.alert_messages import EpisodeMessage, describe_opened, tell_flood
from holdfast.stream.alerts.episodes import (
    BOUGHT,
    EPISODES,
    LATE,
    RECOVERED,
    EpisodeChanges,
    update_episodes,
)
from holdfast.stream.alerts.rules import evaluate_rules, last_purchases
from holdfast.stream.scoring import LiveModels, LiveScores
from holdfast.stream.state.postgres import read_row, read_rows, write_rows
from holdfast.study import Study
from holdfast.study.alerts import Alert
from holdfast.windows import date_of

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_OF_WANTED = f"""
    SELECT {", ".join(EPISODES.names())} FROM episodes
    WHERE customer_id IN (SELECT customer_id FROM wanted)
        AND (closed_day IS NULL OR closed_day = %s OR close_reason NOT IN ('{BOUGHT}', '{LATE}'))
"""
_OPENED = """
    INSERT INTO episodes (rule, customer_id, anchor_day, severity, owner, opened_day, value_opened,
        value_now, reasons, action, evaluated_day, days_below_before, days_below, run_id)
    SELECT rule, customer_id, anchor_day, severity, owner, opened_day, value_opened, value_now,
        reasons, action, evaluated_day, days_below_before, days_below, run_id
    FROM opening ORDER BY rule, customer_id
"""
_CHANGED = """
    UPDATE episodes AS e SET value_now = c.value_now, evaluated_day = c.evaluated_day,
        days_below_before = c.days_below_before, days_below = c.days_below,
        closed_day = c.closed_day, close_reason = c.close_reason,
        closed_at = CASE WHEN c.closed_day IS NOT NULL THEN coalesce(e.closed_at, now()) END
    FROM changing AS c WHERE e.id = c.id
"""
_CHANGING = (
    "id", "value_now", "evaluated_day", "days_below_before", "days_below", "closed_day",
    "close_reason",
)  # fmt: skip
_TELL_LOCK = "SELECT pg_advisory_xact_lock(hashtext(current_schema()), hashtext(%s))"
_IN_AN_HOUR = """
    SELECT count(*), count(*) FILTER (WHERE EXISTS (
        SELECT FROM deliveries WHERE episode_id = episodes.id AND transition = 'opened'))
    FROM episodes WHERE rule = %s AND opened_at > now() - interval '1 hour'
"""


class EpisodeStore:
    """Keeps the episodes of a study's rules, as one run scores."""

    def __init__(self, study: Study, models: LiveModels, actions: Actions) -> None:
        self._study, self._models, self._actions = study, models, actions
        self._alerts = {alert.name: alert for alert in study.alert}

    def update(
        self,
        connection: "Connection",
        activity: pl.DataFrame,
        scored: LiveScores,
        *,
        cutoff_day: int,
    ) -> int:
        """Bring the episodes of those who are `wanted` up to date; returns how many opened."""
        day = cutoff_day - 1
        episodes = read_rows(connection, _OF_WANTED, EPISODES, [day])
        if not self._alerts and episodes.is_empty():
            return 0
        anchors = last_purchases(activity, cutoff_day=cutoff_day)
        alerts = self._study.alert
        evaluations = evaluate_rules(alerts, self._models, scored, anchors)
        is_open = pl.col("closed_day").is_null()
        changes = update_episodes(
            episodes.filter(is_open),
            episodes.filter(~is_open),
            evaluations,
            alerts,
            day=day,
        )
        self._change(connection, changes, scored)
        self._open(connection, changes.opened, scored)
        return changes.opened.height

    def _open(self, connection: "Connection", opened: pl.DataFrame, scored: LiveScores) -> None:
        if opened.is_empty():
            return
        described = describe_opened(opened, scored, self._models, self._actions)
        reasons = [json.dumps(each) for each in described["reasons"].to_list()]
        write_rows(connection, "opening", described.with_columns(reasons=pl.Series(reasons)))
        connection.execute(_OPENED)
        for rule in opened["rule"].unique().sort():
            customers = opened.filter(rule=rule)["customer_id"].to_list()
            self._tell_opened(connection, self._alerts[rule], customers, scored)

    def _tell_opened(
        self, connection: "Connection", alert: Alert, customers: list[str], scored: LiveScores
    ) -> None:
        """Tell of as many as an hour may have, and once of there being more."""
        if not alert.to:
            return
        # Who else tells of this rule is counted first.
        connection.execute(_TELL_LOCK, [alert.name])
        opened, n_sent = read_row(connection, _IN_AN_HOUR, [alert.name])
        episodes = _read_episodes(
            connection,
            "rule = %s AND closed_day IS NULL AND customer_id = ANY(%s) ORDER BY id LIMIT %s",
            [alert.name, customers, max(alert.max_opened_per_hour - n_sent, 0)],
        )
        scores = _scores_of(scored, episodes)
        for episode in episodes:
            message = self._message(episode, scores, alert).tell_opening()
            _deliver(connection, alert.to, "opened", message, episode_id=episode["id"])
        if opened > alert.max_opened_per_hour:
            flood = tell_flood(alert, crossed=opened, study=self._study)
            hour = datetime.now(UTC).strftime("%Y-%m-%dT%H")
            _deliver(connection, alert.to, "operator", flood, key=f"flood/{alert.name}/{hour}")

    def _change(
        self, connection: "Connection", changes: EpisodeChanges, scored: LiveScores
    ) -> None:
        parts = [changes.updated, changes.closed, changes.reopened]
        changing = pl.concat(parts, how="diagonal").select(_CHANGING)
        if changing.is_empty():
            return
        write_rows(connection, "changing", changing)
        connection.execute(_CHANGED)
        connection.execute(
            "DELETE FROM deliveries WHERE transition = 'closed' AND sent_at IS NULL "
            "AND attempts = 0 AND episode_id IN (SELECT id FROM changing WHERE closed_day IS NULL)"
        )
        episodes = _read_episodes(
            connection, "id IN (SELECT id FROM changing WHERE closed_day IS NOT NULL)"
        )
        scores = _scores_of(scored, episodes)
        for episode in episodes:
            score = scores.get(episode["customer_id"])
            tell_closed(connection, self._study, episode, score)

    def _message(
        self,
        episode: Mapping[str, Any],
        scores: Mapping[str, Mapping[str, Any]],
        alert: Alert,
    ) -> EpisodeMessage:
        score = scores.get(episode["customer_id"])
        return EpisodeMessage(episode=episode, score=score, alert=alert, study=self._study)


def tell_closed(
    connection: "Connection",
    study: Study,
    episode: Mapping[str, Any],
    score: Mapping[str, Any] | None,
) -> None:
    """Tell that an episode is over, where its opening was told; of a rule that is gone, nobody.

    A recovery is told when its day is over: until then the day may take it back.
    """
    alert = next((alert for alert in study.alert if alert.name == episode["rule"]), None)
    if alert is None:
        return
    routes = connection.execute(
        "SELECT route FROM deliveries WHERE episode_id = %s AND transition = 'opened'",
        [episode["id"]],
    ).fetchall()
    message = EpisodeMessage(episode=episode, score=score, alert=alert, study=study).tell_ending()
    names = [route for (route,) in routes]
    _deliver(connection, names, "closed", message, episode_id=episode["id"])
    if episode["close_reason"] == RECOVERED:
        connection.execute(
            "UPDATE deliveries SET due_at = %s "
            "WHERE episode_id = %s AND transition = 'closed' AND attempts = 0",
            [end_of_day(episode["closed_day"], study), episode["id"]],
        )


def end_of_day(day: int, study: Study) -> datetime:
    """The moment at which a business day is over."""
    return datetime.combine(date_of(day + 1), time(), ZoneInfo(study.time_zone))


def tell_operator(connection: "Connection", study: Study, text: str, *, key: str) -> None:
    """Tell by every route that alerts use what the operator should know."""
    routes = sorted({name for alert in study.alert for name in alert.to})
    message = Message.of(
        "failed", f"{study.name}: the stream needs a look", iter([("What happened", text)]),
        study=study.name,
    )  # fmt: skip
    _deliver(connection, routes, "operator", message, key=key)


def _deliver(
    connection: "Connection",
    routes: Sequence[str],
    transition: str,
    message: Message,
    *,
    episode_id: int | None = None,
    key: str = "",
) -> None:
    """Leave a message for each route; once, however often it is asked for."""
    body = json.dumps(asdict(message))
    for route in routes:
        connection.execute(
            "INSERT INTO deliveries (episode_id, transition, route, body, idempotency_key) "
            "VALUES (%s, %s, %s, %s, %s) ON CONFLICT (idempotency_key) DO NOTHING",
            [episode_id, transition, route, body, f"{key or episode_id}/{transition}/{route}"],
        )


def _read_episodes(
    connection: "Connection", where: str, values: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    from psycopg.rows import dict_row

    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT * FROM episodes WHERE {where}", values or None).fetchall()


def _scores_of(
    scored: LiveScores, episodes: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    names = [episode["customer_id"] for episode in episodes]
    about = scored.scores.filter(pl.col("customer_id").is_in(names))
    return {row["customer_id"]: row for row in about.iter_rows(named=True)}
