"""How often a key may ask, over all workers together: a fixed window per key.

Each worker counts its own and has an equal share of the limit, so that nothing is shared on the way
of a request.
"""

import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from holdfast.api.problems import Refused
from holdfast.errors import InputError


class RateLimit:
    """The limit of one worker: its share of the rate."""

    def __init__(self, rate: str, *, workers: int = 1) -> None:
        self._whole = read_rate(rate, workers=workers)
        self._share = type(self._whole)(self._whole.amount // workers, self._whole.multiples)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def check(self, key_id: str) -> None:
        """Count a request.

        Raises
        ------
        Refused
            429, with Retry-After.
        """
        if self._limiter.hit(self._share, key_id):
            return
        ends = self._limiter.get_window_stats(self._share, key_id).reset_time
        seconds = max(1, round(ends - time.time()))
        raise Refused(
            429,
            f"more than {self._whole}",
            fix=f"wait {seconds} s, ask for many customers at once, or raise --rate",
            headers={"retry-after": str(seconds)},
        )


def read_rate(rate: str, *, workers: int = 1) -> RateLimitItem:
    """Read "6000/minute".

    Raises
    ------
    InputError
        It is no rate, or too small a one to give each worker a share.
    """
    try:
        limit = parse(rate)
    except ValueError:
        raise InputError(
            f"{rate!r} is no rate", fix='write it as "100/second" or "6000/minute"'
        ) from None
    if limit.amount < workers:
        raise InputError(
            f"{limit} leaves nothing to each of {workers} workers", fix=f"give at least {workers}"
        )
    return limit
