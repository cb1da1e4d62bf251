"""The business's day: on the study's clock, or the day that a test, a rehearsal or `--today` stands
at.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from holdfast.windows import day_of


@dataclass(frozen=True)
class Clock:
    """What day it is.

    Attributes
    ----------
    fixed_day
        The day it always is; None: as time goes.
    """

    time_zone: str
    fixed_day: int | None = None

    @property
    def today(self) -> int:
        """The day of the business."""
        return day_of(self._now().date()) if self.fixed_day is None else self.fixed_day

    @property
    def cutoff_day(self) -> int:
        """The first day that is not seen: tomorrow, so that today's events count."""
        return self.today + 1

    @property
    def minute(self) -> int:
        """Minutes since midnight."""
        now = self._now()
        return 60 * now.hour + now.minute

    def _now(self) -> datetime:
        return datetime.now(UTC).astimezone(ZoneInfo(self.time_zone))
