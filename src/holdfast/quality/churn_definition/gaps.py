"""A silence follows every purchase: it ends with the next one, or is still open when the log ends.

A customer who last bought on day d is silent for `cutoff_day - d` days at a cutoff, as in
`days_since_last_purchase`. Open silences are censored, not long gaps: how many return after how
long is estimated as by Kaplan and Meier (1958).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl

from holdfast.models.contract_setting import CLOCK_MIN_DAYS, CLOCK_TOLERANCE
from holdfast.quality.churn_definition.event_times import CONFIDENCE_Z, EventTimes, Floats

DENSE_GAP_DAYS, SPARSE_GAP_DAYS = 30, 90
GROUPS = {
    "one-time": "one purchase so far",
    "sparse": f"two or three purchases so far, or usually more than {SPARSE_GAP_DAYS} days between "
    "them",
    "regular": f"four purchases or more, usually {DENSE_GAP_DAYS} to {SPARSE_GAP_DAYS} days "
    "between them",
    "dense": f"four purchases or more, usually less than {DENSE_GAP_DAYS} days between them",
    "fixed intervals": f"the last three gaps differ by at most {2 * CLOCK_TOLERANCE:.0%}",
}
MIN_SILENCES = 30
"""Silences still watched at the end of the span a return is looked for in; beyond, the log says
nothing.
"""


def find_silences(activity: pl.DataFrame, *, end_day: int) -> pl.DataFrame:
    """Take the silences out of a log.

    Parameters
    ----------
    activity
        The ACTIVITY table. Of it are read: customer_id, day, n_orders, purchase_gap.
    end_day
        First day after the log.

    Returns
    -------
    pl.DataFrame
        One row per purchase, by customer and day: customer_id, start_day; `days`, from the purchase
        to the return, or for how long no return was seen; `returned`; and what was known of the
        customer on that day: `group`, one of GROUPS but the last, and `on_clock`, whether it is of
        the last.

    >>> days = pl.DataFrame({"customer_id": ["a", "a"], "day": [10, 14], "n_orders": [1, 2],
    ...     "purchase_gap": [None, 4]})
    >>> find_silences(days, end_day=20).select("start_day", "days", "returned", "group").rows()
    [(10, 4, True, 'one-time'), (14, 5, False, 'sparse')]
    """
    bought = activity.filter(pl.col("n_orders") > 0).select("customer_id", "day", "purchase_gap")
    # A customer's first purchase has no gap before it, so that what is carried on from there stays
    # within the customer.
    begins = pl.col("purchase_gap").is_null()
    row = pl.int_range(pl.len())
    n_purchases = row - pl.when(begins).then(row).forward_fill() + 1
    first_day = pl.when(begins).then(pl.col("day")).forward_fill()
    usual_gap = (pl.col("day") - first_day) / (n_purchases - 1)
    to_return = pl.col("purchase_gap").shift(-1)
    return (
        bought.sort("customer_id", "day")
        .with_columns(n_purchases=n_purchases, usual_gap=usual_gap, to_return=to_return)
        .select(
            "customer_id",
            start_day="day",
            days=pl.coalesce("to_return", end_day - 1 - pl.col("day")).cast(pl.Int64),
            returned=pl.col("to_return").is_not_null(),
            group=_group(),
            on_clock=_on_clock(),
        )
    )


def _group() -> pl.Expr:
    n, usual = pl.col("n_purchases"), pl.col("usual_gap")
    return (
        pl.when(n == 1)
        .then(pl.lit("one-time"))
        .when((n <= 3) | (usual > SPARSE_GAP_DAYS))
        .then(pl.lit("sparse"))
        .when(usual < DENSE_GAP_DAYS)
        .then(pl.lit("dense"))
        .otherwise(pl.lit("regular"))
        .cast(pl.Enum(list(GROUPS)))
    )


def _on_clock() -> pl.Expr:
    last_gaps = [pl.col("purchase_gap").shift(back) for back in range(3)]
    shortest, longest = pl.min_horizontal(last_gaps), pl.max_horizontal(last_gaps)
    agree = (shortest >= CLOCK_MIN_DAYS) & (longest <= (1 + 2 * CLOCK_TOLERANCE) * shortest)
    return (pl.col("n_purchases") > 3) & agree


@dataclass(frozen=True)
class Chance:
    """P(return within a further span | silent so far), with 95 % limits (Greenwood 1926); shape
    (n,) each.

    Element i is about a silence of i + 1 days.
    """

    value: Floats
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.value)

    def at(self, silence_days: int) -> float | None:
        """The chance at one silence; None beyond what the log can tell."""
        return float(self.value[silence_days - 1]) if 1 <= silence_days <= len(self) else None


class Returns(EventTimes):
    """How many silences end when: with a purchase after exactly so many days."""

    @classmethod
    def of(cls, silences: pl.DataFrame) -> Self:
        """Count the rows of a table of silences."""
        return cls.count(silences["days"].to_numpy(), silences["returned"].to_numpy())

    def within(self, span_days: int) -> Chance:
        """The chance of a return on one of the next `span_days` days, by silence so far, as far as
        the log can tell.

        A silence of w days has had no purchase on w - 1 whole days, so it returns in the span when
        its gap is w .. w + span_days - 1.
        """
        longest = int(np.count_nonzero(self.at_risk >= MIN_SILENCES)) - 1
        start = np.arange(max(longest - span_days + 1, 0))
        stop = start + span_days
        with np.errstate(divide="ignore", invalid="ignore"):
            stays = np.nan_to_num(self.still_there[stop] / self.still_there[start])
        greenwood = self.hazard_variance.cumsum()
        spread = np.exp(CONFIDENCE_Z * np.sqrt(greenwood[stop] - greenwood[start]))
        return Chance(
            value=1 - stays, low=np.clip(1 - stays * spread, 0, 1), high=1 - stays / spread
        )

    def median_gap(self) -> int | None:
        """Days within which half of all silences end; None where fewer do in the time the log was
        watched.
        """
        ended = np.flatnonzero(self.still_there <= 0.5)
        return int(ended[0]) if len(ended) else None

    @cached_property
    def returns_later(self) -> Floats:
        """Share of the returns to be seen within the log's length that come after so many silent
        days or later.

        Element i is about a silence of i + 1 days, as in `Chance`.
        """
        silent = self.still_there
        later: Floats = (silent[:-1] - silent[-1]) / max(1 - float(silent[-1]), 1e-12)
        return later


@dataclass(frozen=True)
class Window:
    """The silence after which a return is unlikely, days.

    Attributes
    ----------
    days
        The first silence from which on the chance is unlikely and stays so; None where the log does
        not show it.
    earliest, latest
        The range the log leaves open, by the chance's 95 % limits; `latest` is None where it leaves
        it open upwards.
    """

    days: int | None
    earliest: int | None = None
    latest: int | None = None

    @classmethod
    def of(cls, chance: Chance, *, unlikely: float) -> "Window":
        """Find where the chance falls to `unlikely` (0..1) for good.

        A later rise above it counts when it is beyond chance, not when the few silences left there
        wobble: annual buyers are silent for eleven months and then return.
        """
        likely = np.flatnonzero(chance.low > unlikely)
        earliest = int(likely[-1]) + 1 if len(likely) else 0
        falls = np.flatnonzero(chance.value[earliest:] <= unlikely)
        if not len(falls):
            return cls(None)
        certain = np.flatnonzero(chance.high[earliest:] <= unlikely)
        return cls(
            days=earliest + int(falls[0]) + 1,
            earliest=earliest + 1,
            latest=earliest + int(certain[0]) + 1 if len(certain) else None,
        )
