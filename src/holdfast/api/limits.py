"""How often a key may ask: a fixed window per key, counted in each worker."""

import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from holdfast.api.problems import Refused
from holdfast.errors import InputError


class RateLimit:
    """The limit of one worker."""

    def __init__(self, rate: str) -> None:
        self._item, self._limiter = read_rate(rate), FixedWindowRateLimiter(MemoryStorage())

    def check(self, key_id: str) -> None:
        """Count a request.

        Raises
        ------
        Refused
            429, with Retry-After.
        """
        if self._limiter.hit(self._item, key_id):
            return
        ends = self._limiter.get_window_stats(self._item, key_id).reset_time
        seconds = max(1, round(ends - time.time()))
        raise Refused(
            429,
            f"more than {self._item}",
            fix=f"wait {seconds} s, ask for many customers at once, or raise --rate",
            headers={"retry-after": str(seconds)},
        )


def read_rate(rate: str) -> RateLimitItem:
    """Read "6000/minute".

    Raises
    ------
    InputError
        It is no rate.
    """
    try:
        return parse(rate)
    except ValueError:
        raise InputError(f"{rate!r} is no rate", fix='write it as "100/second" or "6000/minute"') from None
