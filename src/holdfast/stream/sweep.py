"""The sweep: everyone is evaluated once each business day, because silence sends no event.

In a running worker it rolls: each customer is due at a minute of the day that a hash of the name
gives, and when another run is published, everyone is due at once. Chunks are transactions of their
own, so that memory is bounded and events need not wait.
"""

import time
from dataclasses import dataclass, field

from holdfast.stream.state.retention import remove_old
from holdfast.stream.step import Stepper

CHUNK = 10_000
_ROLLING_CHUNK = 1_000
_LOOK_SECONDS, _TIDY_SECONDS = 5.0, 3600.0
_DUE = """
    number IN (
        SELECT number FROM customers
        WHERE run_id IS DISTINCT FROM %s OR (evaluated_day < %s AND due_minute <= %s)
        LIMIT %s)
"""


@dataclass
class Rolling:
    """The sweep of a running worker."""

    stepper: Stepper
    _looked: float = field(default=0.0)
    _tidied: float = field(default=0.0)

    def advance(self, run_id: str | None) -> None:
        """Evaluate a chunk of those who are due, if anybody is."""
        if run_id is None or time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        clock = self.stepper.clock
        due = [run_id, clock.cutoff_day, clock.minute, _ROLLING_CHUNK]
        if not self.stepper.evaluate(_DUE, due):
            self._looked = time.monotonic()
            self._tidy()

    def _tidy(self) -> None:
        """Once an hour, and until nothing is left, remove what is over."""
        stream = self.stepper.study.stream
        assert stream is not None
        if self._looked - self._tidied > _TIDY_SECONDS and not remove_old(
            self.stepper.connection, keep_days=stream.keep_days
        ):
            self._tidied = self._looked
