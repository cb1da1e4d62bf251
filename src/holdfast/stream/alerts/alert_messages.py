"""What a message about an alert says: who, why, how much is at stake and what to do; that it is
over; and that there were too many to send.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from holdfast.features.catalogue import FEATURES_BY_NAME
from holdfast.features.words import format_value
from holdfast.io.message import Event, Lines, Message
from holdfast.report import formatting
from holdfast.serving.customer_lists import RAISES
from holdfast.stream.alerts.actions import Actions
from holdfast.stream.alerts.episodes import BOUGHT, BY, LAPSED, LATE, RECOVERED
from holdfast.stream.scoring import LiveModels, LiveScores
from holdfast.study import Study
from holdfast.study.alerts import Alert, AlertRoute
from holdfast.windows import date_of

_OF_SCORE = ("segment", "value_tier", "churn_probability", "expected_revenue", "at_stake")
_MONEY = ("at_stake", "expected_revenue", "value_if_kept")
_SHARES = ("churn_probability", "risk_score", "risk_rank", "p_alive", "margin_rate")
_NAMED = {"churn_probability": "churn probability", "at_stake": "revenue at stake"}
_ENDINGS = {
    BOUGHT: "the customer has bought",
    LATE: "the customer had bought before; the purchase became known late",
    LAPSED: "the customer is no longer scored",
}


def describe_opened(
    opened: pl.DataFrame, scored: LiveScores, models: LiveModels, actions: Actions
) -> pl.DataFrame:
    """Add to opened episodes why the customer may leave, what to do, and by which run.

    Parameters
    ----------
    opened
        Of `EpisodeChanges`.

    Returns
    -------
    polars.DataFrame
        `opened` with reasons (a list of feature, sentence and contribution, the strongest first),
        action and run_id.
    """
    customers = opened.select("customer_id").unique().sort("customer_id")
    features = scored.features.join(customers, on="customer_id", how="semi")
    scores = scored.scores.join(customers, on="customer_id", how="semi")
    advice = scores.select("customer_id", action=actions.recommend(scores))
    if features.is_empty():
        reasons = pl.DataFrame(schema={"customer_id": pl.String, "reasons": _REASONS})
    else:
        each = pl.struct("feature", "sentence", "contribution").alias("reasons")
        by_customer = models.reasons(features).group_by("customer_id", maintain_order=True)
        reasons = by_customer.agg(each)
    return (
        opened.join(advice, on="customer_id", how="left", maintain_order="left")
        .join(reasons, on="customer_id", how="left", maintain_order="left")
        .with_columns(pl.col("reasons").fill_null([]), run_id=pl.lit(models.run_id))
    )


_REASONS = pl.List(
    pl.Struct({"feature": pl.String, "sentence": pl.String, "contribution": pl.Float64})
)


@dataclass(frozen=True, kw_only=True)
class EpisodeMessage:
    """An episode, to be told.

    Attributes
    ----------
    episode
        A row of episodes.
    score
        The customer's row of SCORES; None where the customer is no longer scored.
    """

    episode: Mapping[str, Any]
    score: Mapping[str, Any] | None
    alert: Alert
    study: Study

    def tell_opening(self) -> Message:
        """That it has opened."""
        assert self.score is not None
        value = format_watched(self.alert, self.episode["value_opened"], self.study)
        title = (
            f"{self.alert.severity.capitalize()}: {self.episode['customer_id']} "
            f"({self.score['segment']}), {name_watched(self.alert)} {value}"
        )
        return self._message("opened", title, self._opened_lines(value, self.score))

    def tell_ending(self) -> Message:
        """That it is over, and why."""
        why = describe_ending(self.episode, self.alert, self.study)
        title = f"Cleared: {self.episode['customer_id']}, {why}"
        return self._message("closed", title, self._closed_lines(why))

    def _opened_lines(self, value: str, score: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        limit = format_watched(self.alert, self.alert.open, self.study)
        watched = formatting.capital(name_watched(self.alert))
        window = f"over the next {self.study.churn.horizon_days} days"
        yield "Customer", self._describe_customer()
        yield "Why now", f"{watched} is {value}; the alert is at {limit}"
        yield "Likely to leave", f"{formatting.percent(score['churn_probability'])} {window}"
        yield "Revenue at stake", formatting.money(score["at_stake"], self.study.currency)
        for number, reason in enumerate(self.episode["reasons"], start=1):
            yield f"Reason {number}", formatting.sentence(reason["sentence"].removesuffix(RAISES))
        yield "What to do", formatting.sentence(self.episode["action"])
        yield "Owner", self.alert.owner
        yield "Note", self.alert.note
        yield "Runbook", self.alert.runbook
        yield "Alert", self._describe_alert()

    def _closed_lines(self, why: str) -> Iterator[tuple[str, str]]:
        yield "Customer", self._describe_customer()
        yield "Why it is over", formatting.sentence(why)
        yield "Open since", f"{date_of(self.episode['opened_day'])}"
        yield "Note", self.episode.get("note") or ""
        yield "Alert", self._describe_alert()

    def _describe_customer(self) -> str:
        since = f"last purchase on {date_of(self.episode['anchor_day'])}"
        score = self.score
        standing = f"{score['segment']}, {score['value_tier']} value, " if score else ""
        return f"{self.episode['customer_id']}: {standing}{since}"

    def _describe_alert(self) -> str:
        return (
            f"{self.alert.name} of {self.study.name}, {self.alert.severity}, "
            f"number {self.episode['id']}"
        )

    def _message(self, event: Event, title: str, lines: Lines) -> Message:
        sentences = ((label, text) for label, text in lines if text)
        return _link(Message.of(event, title, sentences, **self._facts(event)), self.study)

    def _facts(self, event: Event) -> dict[str, Any]:
        episode, alert, closed_day = self.episode, self.alert, self.episode.get("closed_day")
        return {
            "study": self.study.name,
            "episode": episode["id"],
            "rule": alert.name,
            "severity": alert.severity,
            "owner": alert.owner,
            "customer_id": episode["customer_id"],
            **{name: self.score[name] if self.score else None for name in _OF_SCORE},
            "currency": self.study.currency,
            "when": alert.when,
            "open": alert.open,
            "close": alert.close,
            "value": episode["value_opened"] if event == "opened" else episode["value_now"],
            "last_purchase_date": date_of(episode["anchor_day"]).isoformat(),
            "opened_date": date_of(episode["opened_day"]).isoformat(),
            "closed_date": date_of(closed_day).isoformat() if closed_day is not None else None,
            "close_reason": episode.get("close_reason"),
            "reasons": list(episode["reasons"]),
            "action": episode["action"],
            "note": episode.get("note") or alert.note,
            "runbook": alert.runbook,
            "run_id": episode["run_id"],
        }


def tell_flood(alert: Alert, *, crossed: int, study: Study) -> Message:
    """Tell the operator that an hour had more episodes than are sent."""
    sent = alert.max_opened_per_hour
    customers = formatting.plural(crossed, "customer")
    lines = (
        ("What happened", f"{customers} crossed in an hour; the first {sent:,} were sent"),
        ("Where the others are", f"`holdfast alerts list --open --rule {alert.name}` has them all"),
        (
            "What to do",
            "If so many are right, raise max_opened_per_hour; if not, see whether the data "
            "stopped, the run changed, or open is too low",
        ),
        ("Alert", f"{alert.name} of {study.name}"),
    )
    title = f"{study.name}: {customers} crossed '{alert.name}' in an hour"
    facts = {"study": study.name, "rule": alert.name, "crossed": crossed, "sent": sent}
    return _link(Message.of("flood", title, iter(lines), **facts), study)


def tell_route_test(route: AlertRoute, study: Study) -> Message:
    """Say that messages arrive."""
    text = f"Alerts of this study that go to '{route.name}' arrive here."
    title = f"{study.name}: a test of '{route.name}'"
    return Message.of("test", title, iter([("Test", text)]), study=study.name, route=route.name)


def name_watched(alert: Alert) -> str:
    """What the rule watches, in words."""
    if alert.feature is not None:
        return f"what {formatting.feature(alert.feature)} adds to the risk"
    return _NAMED.get(alert.when) or formatting.feature(alert.when)


def format_watched(alert: Alert, value: float | None, study: Study) -> str:
    """A value of what the rule watches, with its unit."""
    if value is None:
        return "unknown"
    if alert.feature is not None:
        return f"{value:+.2f}"
    if alert.when in _SHARES:
        return formatting.percent(value)
    if alert.when in _MONEY:
        return formatting.money(value, study.currency)
    feature = FEATURES_BY_NAME.get(alert.when)
    if feature is None:
        return formatting.number(value)
    return format_value(value, feature.unit, currency=study.currency)


def describe_ending(episode: Mapping[str, Any], alert: Alert, study: Study) -> str:
    """Why an episode is over, in words."""
    reason = str(episode["close_reason"])
    if reason.startswith(BY):
        return f"closed {reason}"
    if reason == RECOVERED:
        back = "below" if alert.sign > 0 else "above"
        limit = format_watched(alert, alert.close, study)
        return f"{name_watched(alert)} is back {back} {limit}"
    return _ENDINGS[reason]


def _link(message: Message, study: Study) -> Message:
    return replace(message, link=study.messages.link) if study.messages else message
