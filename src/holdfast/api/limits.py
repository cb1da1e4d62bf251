"""How often a key may ask, over all workers together: a fixed window per key.

Each worker counts its own and has an equal share of the limit, so that nothing is shared on the way
of a request. A large body counts as several requests, and as many more where it is refused: reading
nonsense takes the server's time as well, and that is the others' time.
"""

import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from holdfast.api.problems import Refused
from holdfast.errors import InputError

_BYTES_A_REQUEST = 16 * 1024
_REFUSED = 4
"""A body that was refused counts as so many bodies."""


class RateLimit:
    """The limit of one worker: its share of the rate."""

    def __init__(self, rate: str, *, workers: int = 1) -> None:
        self._whole = read_rate(rate, workers=workers)
        self._share = type(self._whole)(self._whole.amount // workers, self._whole.multiples)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def check(self, key_id: str, *, size: int = 0) -> None:
        """Count a request by the bytes of its body.

        Raises
        ------
        Refused
            429, with Retry-After.
        """
        cost = min(1 + size // _BYTES_A_REQUEST, self._share.amount)
        if self._limiter.hit(self._share, key_id, cost=cost):
            return
        ends = self._limiter.get_window_stats(self._share, key_id).reset_time
        seconds = max(1, round(ends - time.time()))
        raise Refused(
            429,
            f"the key has used up its rate of {self._whole}",
            fix=f"wait {seconds} s, ask for many customers at once, or raise --rate",
            headers={"retry-after": str(seconds), **({"connection": "close"} if size else {})},
        )

    def count_refused(self, key_id: str, *, size: int) -> None:
        """Count a body that was read for nothing once more."""
        cost = min((_REFUSED - 1) * (size // _BYTES_A_REQUEST), self._share.amount)
        if cost and not self._limiter.hit(self._share, key_id, cost=cost):
            # What is left is less: it is gone too.
            left = self._limiter.get_window_stats(self._share, key_id).remaining
            self._limiter.hit(self._share, key_id, cost=left)


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
