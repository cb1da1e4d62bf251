"""Delivery: messages leave by their routes, each at least once.

A message is claimed for a minute, sent, and then marked as sent. Whoever dies in between leaves it
to the next, who sends it again with the same Idempotency-Key: an episode is exactly once, its
message is not. What fails is tried again for about a day, and then given up, which `holdfast stream
status` shows. What one route says of one episode leaves in its order.
"""

import hashlib
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from holdfast.errors import HoldfastError, MissingExtra, StudyError
from holdfast.io.files import fill_variables
from holdfast.io.mail import send_mail
from holdfast.io.message import Message
from holdfast.io.time_limit import send_within
from holdfast.io.webhook import post_json
from holdfast.study.alerts import AlertRoute

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

TRIES = 30  # decision 91
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
SECONDS = 10.0
"""What a receiver has to answer."""
CLAIM = timedelta(minutes=1)
_IDLE_SECONDS = 1.0
_AT_ONCE = 100
_SHOWN = 300
"""Characters of what went wrong."""

_NEXT = """
UPDATE deliveries SET attempts = attempts + 1, due_at = %(until)s WHERE id = (
    SELECT id FROM deliveries AS waiting
    WHERE route = %(route)s AND sent_at IS NULL AND failed_at IS NULL AND due_at <= %(now)s
    AND NOT EXISTS (
        SELECT FROM deliveries AS earlier
        WHERE earlier.route = waiting.route AND earlier.episode_id = waiting.episode_id
        AND earlier.id < waiting.id AND earlier.sent_at IS NULL AND earlier.failed_at IS NULL
    )
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id, body, idempotency_key, attempts
"""


@dataclass(frozen=True)
class Delivered:
    """What became of messages that were due."""

    sent: int = 0
    postponed: int = 0
    given_up: int = 0

    def __add__(self, other: "Delivered") -> "Delivered":
        return Delivered(
            self.sent + other.sent,
            self.postponed + other.postponed,
            self.given_up + other.given_up,
        )


def deliver_due(connection: "Connection", routes: Sequence[AlertRoute], now: datetime) -> Delivered:
    """Send what is due, by each route one after another; at most a hundred messages a route.

    Parameters
    ----------
    connection
        To the stream's state; each statement is a transaction of its own.
    """
    total = Delivered()
    for route in routes:
        for _ in range(_AT_ONCE):
            one = _deliver_next(connection, route, now)
            if one == Delivered():
                break
            total += one
    return total


def _deliver_next(connection: "Connection", route: AlertRoute, now: datetime) -> Delivered:
    claim = {"route": route.name, "now": now, "until": now + CLAIM}
    row = connection.execute(_NEXT, claim).fetchone()
    if row is None:
        return Delivered()
    number, body, key, attempts = row
    answer = send_within(SECONDS, lambda: send(route, Message(**body), key))
    if isinstance(answer, str):
        connection.execute(
            "UPDATE deliveries SET sent_at = %s, last_error = NULL WHERE id = %s", [now, number]
        )
        return Delivered(sent=1)
    words = " ".join(str(answer).split())[:_SHOWN]
    is_last = attempts >= TRIES
    connection.execute(
        "UPDATE deliveries SET last_error = %s, due_at = %s, failed_at = %s WHERE id = %s",
        [words, now + pause(attempts), now if is_last else None, number],
    )
    return Delivered(given_up=1) if is_last else Delivered(postponed=1)


def pause(attempts: int) -> timedelta:
    """How long to wait after so many tries: twice as long each time, and never as long as others
    that failed at the same moment.
    """
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts - 1, 20))
    return timedelta(seconds=longest.total_seconds() * random.uniform(0.5, 1))


def send(route: AlertRoute, message: Message, key: str) -> str:
    """Send a message once; what was answered.

    Raises
    ------
    HoldfastError
        It was refused, or nobody answers. No secret of the route is in it.
    """
    where = f"alert_route {route.name}"
    if route.kind == "email":
        return send_mail(_write_mail(route, message, key), route.url, key=where)
    url = fill_variables(route.url, where=where)
    if route.kind == "apprise":
        return _notify(url, message)
    body = message.slack() if route.kind == "slack" else message.webhook()
    headers = {"Idempotency-Key": key}
    return post_json(url, body, headers=headers, allow=route.allow, key=where)


def _write_mail(route: AlertRoute, message: Message, key: str) -> EmailMessage:
    mail = message.mail(sender=str(route.sender), to=route.to)
    # Sent again it is the same mail, to whoever compares.
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    mail.replace_header("Message-ID", f"<{name}@{str(route.sender).partition('@')[2]}>")
    return mail


def _notify(url: str, message: Message) -> str:
    try:
        import apprise
    except ImportError:
        raise MissingExtra("stream", needed_for='an alert route of the kind "apprise"') from None
    # What it logs may hold the address.
    apprise.logger.disabled = True
    service = apprise.Apprise()
    if not service.add(url):
        raise StudyError("apprise does not know such an address", fix="see its list of services")
    if not service.notify(
        message.text(), title=message.title, body_format=apprise.NotifyFormat.TEXT
    ):
        raise HoldfastError("the service did not take it from apprise")
    return "apprise handed it over"


def give_up_without_route(
    connection: "Connection", routes: Sequence[AlertRoute], now: datetime
) -> int:
    """Give up the messages for routes that the study no longer has; how many there were."""
    return connection.execute(
        "UPDATE deliveries SET failed_at = %s, last_error = 'the study has no route of that name' "
        "WHERE sent_at IS NULL AND failed_at IS NULL AND route <> ALL(%s)",
        [now, [route.name for route in routes]],
    ).rowcount


class Couriers:
    """A thread for each route: who is slow holds up nobody else.

    Parameters
    ----------
    connect
        Makes a connection to the stream's state.
    """

    def __init__(self, connect: Callable[[], "Connection"], routes: Sequence[AlertRoute]) -> None:
        self._connect, self._routes, self._stopping = connect, routes, Event()
        self._threads = [Thread(target=self._work, args=(each,), daemon=True) for each in routes]

    def __enter__(self) -> "Couriers":
        with self._connect() as connection:
            give_up_without_route(connection, self._routes, datetime.now(UTC))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End once nothing is due, or after ten seconds: who is cut off has claimed, not sent."""
        self._stopping.set()
        end = time.monotonic() + SECONDS
        for thread in self._threads:
            thread.join(max(0, end - time.monotonic()))

    def _work(self, route: AlertRoute) -> None:
        import psycopg

        is_over = False
        while not is_over:
            # PostgreSQL may be away: nothing can be claimed then, and nothing is lost.
            with suppress(psycopg.OperationalError, HoldfastError), self._connect() as connection:
                while not is_over:
                    is_over = self._deliver(connection, route)
            is_over = is_over or self._stopping.wait(_IDLE_SECONDS)

    def _deliver(self, connection: "Connection", route: AlertRoute) -> bool:
        """Send one message, or wait a moment for one; whether this was the last look."""
        is_last = self._stopping.is_set()
        if _deliver_next(connection, route, datetime.now(UTC)).sent:
            return False
        self._stopping.wait(_IDLE_SECONDS)
        return is_last
