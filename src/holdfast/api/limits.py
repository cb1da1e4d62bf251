"""How often a key may ask: so many requests a second, minute, hour or day, over all workers together.

Each worker counts its own and has an equal share of the limit, so that nothing is shared on the way of a request.
"""

import re
import time
from dataclasses import dataclass

from holdfast.api.problems import Refused
from holdfast.errors import InputError

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(rf"([1-9]\d{{0,17}})/({'|'.join(_SECONDS)})")


@dataclass(frozen=True)
class Rate:
    """Requests a window of time."""

    requests: int
    unit: str

    def __str__(self) -> str:
        return f"{self.requests}/{self.unit}"

    @property
    def seconds(self) -> int:
        """Length of the window."""
        return _SECONDS[self.unit]


class RateLimit:
    """The limit of one worker: its share of the rate, in each window, for each key."""

    def __init__(self, rate: str, *, workers: int = 1) -> None:
        self._rate = read_rate(rate, workers=workers)
        self._share = self._rate.requests // workers
        self._counted: dict[str, tuple[int, int]] = {}

    def check(self, key_id: str) -> None:
        """Count a request.

        Raises
        ------
        Refused
            429, with Retry-After.
        """
        now = time.time()
        window = int(now // self._rate.seconds)
        last, count = self._counted.get(key_id, (window, 0))
        count = count + 1 if last == window else 1
        if count <= self._share:
            self._counted[key_id] = window, count
            return
        seconds = max(1, round((window + 1) * self._rate.seconds - now))
        raise Refused(
            429,
            f"more than {self._rate}",
            fix=f"wait {seconds} s, ask for many customers at once, or raise --rate",
            headers={"retry-after": str(seconds)},
        )


def read_rate(rate: str, *, workers: int = 1) -> Rate:
    """Read "6000/minute".

    Raises
    ------
    InputError
        It is no rate, or too small a one to give each worker a share.

    >>> read_rate("6000/minute").requests
    6000
    """
    found = _RATE.fullmatch(rate.strip())
    if found is None:
        raise InputError(f"{rate!r} is no rate", fix='write it as "100/second" or "6000/minute"')
    told = Rate(int(found[1]), found[2])
    if told.requests < workers:
        raise InputError(f"{told} leaves nothing to each of {workers} workers", fix=f"give at least {workers}")
    return told
