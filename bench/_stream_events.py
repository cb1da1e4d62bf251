"""Events handed over at a steady rate, and when what followed from each was committed."""

import json
import random
import time
from dataclasses import dataclass

import numpy as np

from bench._stream_shop import StreamShop, hash_of
from holdfast.windows import date_of

_PAUSE_SECONDS = 0.02
_COMMITTED = "extract(epoch FROM pg_xact_commit_timestamp({table}.xmin))"
_OF_EVENTS = f"""
    SELECT substr(event_id, 2)::int, {_COMMITTED.format(table="lines")}
    FROM lines WHERE event_id LIKE 'b%'
"""
_OF_ALERTS = f"""
    SELECT customer_id, {_COMMITTED.format(table="deliveries")}
    FROM deliveries JOIN episodes ON episodes.id = episode_id
    WHERE transition = 'opened' AND rule = 'here-today'
"""


@dataclass(frozen=True)
class Published:
    """Events that were handed over.

    Attributes
    ----------
    moments
        When each was, before its commit: seconds since 1970.
    first
        Customer -> place of the first event.
    """

    moments: list[float]
    first: dict[str, int]

    def event_seconds(self, shop: StreamShop) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """From each event to the commit of its line and of its customer's scores."""
        with shop.connect() as connection:
            rows = connection.execute(_OF_EVENTS).fetchall()
        return np.array([float(at) - self.moments[place] for place, at in rows])

    def alert_seconds(self, shop: StreamShop) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """From a customer's first event to the commit of the alert that it opens."""
        with shop.connect() as connection:
            rows = connection.execute(_OF_ALERTS).fetchall()
        begun = {who: self.moments[place] for who, place in self.first.items()}
        # Who had been here today opened one before.
        waits = [float(at) - begun[who] for who, at in rows if who in begun]
        return np.array([wait for wait in waits if wait > 0])


def warm_up(shop: StreamShop, *, partitions: int) -> int:
    """Let each worker take some events in, so that it is at work; returns how many they were."""
    yesterday = shop.today - 1
    with shop.connect() as connection:
        names = [name for (name,) in connection.execute("SELECT customer_id FROM scores")]
        with connection.cursor().copy("COPY outbox (partition, body) FROM STDIN") as copy:
            for place, who in enumerate(names):
                body = _session(place, who, yesterday).replace('"b', '"w', 1)
                copy.write_row((hash_of(who) % partitions, body))
    return len(names)


def publish(
    shop: StreamShop, *, rate: float, seconds: float, partitions: int, seed: int
) -> Published:
    """Write sessions of today into the outbox; customers come in one after the other, so that
    alerts open all the time.
    """
    draw, moments, first, today = random.Random(seed), [], {}, shop.today
    with shop.connect() as connection:
        names = [name for (name,) in connection.execute("SELECT customer_id FROM scores")]
        draw.shuffle(names)
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < seconds:
            due, now = int(elapsed * rate) - len(moments), time.time()
            seen = max(int(len(names) * elapsed / seconds), 1)
            with connection.cursor().copy("COPY outbox (partition, body) FROM STDIN") as copy:
                for place in range(len(moments), len(moments) + due):
                    who = names[draw.randrange(seen)]
                    first.setdefault(who, place)
                    copy.write_row((hash_of(who) % partitions, _session(place, who, today)))
            moments += [now] * due
            time.sleep(_PAUSE_SECONDS)
    return Published(moments, first)


def _session(place: int, customer: str, today: int) -> str:
    return json.dumps(
        {
            "source": "events", "event_id": f"b{place}", "customer_id": customer,
            "kind": "session", "occurred_at": f"{date_of(today)}T10:00:00",
        }
    )  # fmt: skip
