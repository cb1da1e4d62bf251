"""Throughput: how many messages a second are read, from the totals at two moments: the state keeps
totals only.
"""

from collections import deque
from collections.abc import Mapping

_SECONDS = 60.0
_LEAST_SECONDS = 1.0


class Throughput:
    """Of the last minute, as far as somebody has looked."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Mapping[int, int]]] = deque()

    def add(self, at: float, messages: Mapping[int, int]) -> dict[int, float | None]:
        """Look at totals by partition; messages a second, None before a second look.

        >>> throughput = Throughput()
        >>> throughput.add(0.0, {0: 100})
        {0: None}
        >>> throughput.add(20.0, {0: 160, 1: 5})
        {0: 3.0, 1: None}
        """
        self._looks.append((at, messages))
        while len(self._looks) > 2 and self._looks[1][0] <= at - _SECONDS:
            self._looks.popleft()
        begun, earlier = self._looks[0]
        seconds = at - begun
        return {
            partition: max(0, total - earlier[partition]) / seconds
            if partition in earlier and seconds >= _LEAST_SECONDS
            else None
            for partition, total in messages.items()
        }
