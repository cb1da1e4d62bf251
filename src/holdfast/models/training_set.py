"""Training set: one row per customer and cutoff whose target window had ended by the time of
learning.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.arrays import Rows, Split, Vector
from holdfast.errors import NotEnoughData
from holdfast.features.catalogue import FEATURES
from holdfast.features.recent_days import add_recent_days
from holdfast.findings import Finding
from holdfast.models.log_situation import LogSituation
from holdfast.models.promotions import Lifts, Promotions
from holdfast.models.seasonality import Turnover
from holdfast.progress import Listener, Silence
from holdfast.study import Study
from holdfast.tables import LABELS
from holdfast.windows import date_of, training_cutoffs

if TYPE_CHECKING:
    from holdfast.models.purchase_counts import CountModel, RenewalModel
    from holdfast.models.sequence.model import SequenceModel

_CALENDAR = frozenset(feature.name for feature in FEATURES if feature.group == "calendar")
_TWO_YEARS_DAYS = 730
_SPLITS_AT_MOST = 6  # decision 5
_CUSTOMER_SPLITS = 5


@dataclass(frozen=True)
class TrainingData:
    """What was seen of the shop up to `end_day`: all that any task learns from at any cutoff.

    Attributes
    ----------
    features, labels
        FEATURES and LABELS at the cutoffs of `training_data.list_cutoffs`.
    purchases
        customer_id, day, net (currency): each day of purchase of all who ever bought, or of a
        sample of them.
    counts
        Cutoff -> the count model fitted then, so that it is fitted once for all that ask.
    activity
        ACTIVITY of the same customers, sorted by customer_id, day; None where no network is asked
        for.
    networks
        Cutoff and horizon of revenue, if it is learnt -> the network fitted then, as `counts`.
    listener
        Hears how far the training of a network is.
    """

    features: pl.DataFrame
    labels: pl.DataFrame
    purchases: pl.DataFrame
    first_day: int
    end_day: int
    counts: "dict[int, tuple[CountModel | RenewalModel, tuple[Finding, ...]]]" = field(
        default_factory=dict, compare=False, repr=False
    )
    activity: pl.DataFrame | None = field(default=None, compare=False, repr=False)
    networks: "dict[tuple[int, int | None], SequenceModel]" = field(
        default_factory=dict, compare=False, repr=False
    )
    listener: Listener = field(default_factory=Silence, compare=False, repr=False)

    def customers_at(self, cutoff: int) -> pl.DataFrame:
        """The rows of FEATURES at a cutoff, with the recent days that a network reads."""
        rows = self.features.filter(pl.col("cutoff_day") == cutoff)
        return rows if self.activity is None else add_recent_days(rows, self.activity)

    def labels_by(self, now: int) -> pl.DataFrame:
        """The rows of LABELS whose window had ended by then."""
        return self.labels.filter(pl.col("cutoff_day") + pl.col("horizon_days") <= now)


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """What one task learns from at one cutoff.

    Attributes
    ----------
    frame
        Features, then the outcome of the longest complete window at each cutoff; sorted by
        cutoff_day, customer_id.
    columns
        The features that a model may see.
    windows
        LABELS of the same cutoffs over every complete window, shorter ones too.
    horizon_days
        The task's own; the windows in `frame` are no longer than that.
    purchases
        customer_id, day, net (currency): purchases before `now`, also of customers who have no
        row in `frame`.
    turnover
        Of the shop before `now`, where the log knows amounts.
    promotions
        As known at `now`.
    first_day, now
        First day of the log; first day that may not be seen.
    """

    frame: pl.DataFrame
    columns: tuple[str, ...]
    windows: pl.DataFrame
    horizon_days: int
    minor_digits: int
    purchases: pl.DataFrame
    turnover: Turnover | None
    promotions: Promotions
    first_day: int
    now: int

    @cached_property
    def situation(self) -> LogSituation:
        """What can be learnt from these rows."""
        midway = self.turnover is not None and self.turnover.opens_midway
        return LogSituation(
            history_days=self.now - self.first_day,
            complete_windows=bool((self.frame["horizon_days"] == self.horizon_days).all()),
            newly_opened=self.turnover is not None and not midway,
            all_alike=bool(self.churned.all() or not self.churned.any()),
            earns_nothing=self.revenue.sum() <= 0 or not (self.revenue > 0).any(),
        )

    @cached_property
    def cutoffs(self) -> tuple[int, ...]:
        """Cutoffs learnt from, in time order."""
        return tuple(self.frame["cutoff_day"].unique().sort().to_list())

    @cached_property
    def cutoff(self) -> Rows:
        """(n_rows,)."""
        return self.frame["cutoff_day"].cast(pl.Int64).to_numpy()

    @cached_property
    def window(self) -> Vector:
        """Length of each row's window in days, (n_rows,)."""
        return self.frame["horizon_days"].cast(pl.Float64).to_numpy()

    @cached_property
    def churned(self) -> npt.NDArray[np.bool_]:
        """Whether no purchase fell into the window, (n_rows,)."""
        return self.frame["churned"].to_numpy()

    @cached_property
    def revenue(self) -> Vector:
        """Net revenue in the window, currency, (n_rows,)."""
        return np.asarray(
            self.frame["future_revenue_minor"].to_numpy() / 10**self.minor_digits, dtype=np.float64
        )

    def lifts_over(self, lifts: Lifts) -> tuple[Vector, float]:
        """The factor of promotions in each row's window, (n_rows,), and in the coming one; 1
        without any.
        """
        return lifts.over(self.cutoff, self.window), float(lifts.over(self.now, self.horizon_days))

    def splits(self, *, seed: int) -> tuple[Split, ...]:
        """Where honest predictions of these same rows can come from.

        Each cutoff is predicted from the cutoffs whose windows had ended by then: at most six,
        spread over time, the last one among them. Seasons differ, so one later cutoff alone would
        teach its season. Where no cutoff has such a past, customers are divided instead.
        """
        later = (
            [c for c in self.cutoffs if self.cutoffs[0] + self.horizon_days <= c]
            if self.situation.complete_windows
            else []
        )
        if not later:
            return customer_splits(self.frame["customer_id"], seed=seed)
        places = np.unique(np.linspace(0, len(later) - 1, _SPLITS_AT_MOST).round().astype(int))
        return tuple(self.split_at(later[place]) for place in places)

    def split_at(self, cutoff: int) -> Split:
        """The rows of a cutoff, and those whose windows had ended by then."""
        return Split(
            np.flatnonzero(self.cutoff + self.horizon_days <= cutoff).astype(np.int64),
            np.flatnonzero(self.cutoff == cutoff).astype(np.int64),
        )

    def before(self, cutoff: int) -> "TrainingSet":
        """What was known of purchases at an earlier day."""
        seen = self.purchases.filter(pl.col("day") < cutoff)
        return replace(self, purchases=seen, now=cutoff)

    @property
    def split_in_time(self) -> bool:
        """Whether `splits` divides time, and not customers."""
        return (
            self.situation.complete_windows
            and self.cutoffs[0] + self.horizon_days <= self.cutoffs[-1]
        )


def customer_splits(
    customer: pl.Series, *, seed: int, parts: int = _CUSTOMER_SPLITS
) -> tuple[Split, ...]:
    """Divide customers at random, each part predicted from the others; a customer's rows stay
    together.
    """
    names = customer.unique().sort()
    part = np.random.default_rng(seed).permutation(len(names)) % parts
    of_row = part[names.search_sorted(customer).to_numpy()]
    return tuple(
        Split(
            np.flatnonzero(of_row != k).astype(np.int64),
            np.flatnonzero(of_row == k).astype(np.int64),
        )
        for k in range(parts)
    )


def learning_cutoffs(
    study: Study, *, horizon_days: int, first_day: int, now: int
) -> tuple[int, ...]:
    """Cutoffs to learn a horizon from at `now`; where no window of it has ended, those of the
    shortest horizon's.

    Empty where not even one of those has ended.
    """
    plan = study.backtest
    for days in (horizon_days, min(study.all_horizons)):
        cutoffs = training_cutoffs(
            first_day=first_day,
            now=now,
            horizon_days=days,
            step_days=plan.step_days,
            min_history_days=plan.min_history_days,
            at_most=plan.max_training_cutoffs,
        )
        if cutoffs:
            return cutoffs
    return ()


def training_set_at(
    study: Study, data: TrainingData, *, horizon_days: int, now: int, promotions: Promotions
) -> TrainingSet:
    """Choose what a task may learn from at `now`: no feature and no label of it sees `now` or a
    later day.

    Parameters
    ----------
    data
        Has the cutoffs of `learning_cutoffs`.
    promotions
        As known at `now`.

    Raises
    ------
    NotEnoughData
        No target window has ended before `now`.
    """
    features, first_day = data.features, data.first_day
    cutoffs = learning_cutoffs(study, horizon_days=horizon_days, first_day=first_day, now=now)
    if not cutoffs:
        raise NotEnoughData(
            f"the log starts on {date_of(first_day)}: with {study.backtest.min_history_days} days "
            "of history no window "
            f"of {min(study.all_horizons)} days has ended before {date_of(now)}",
            fix="use a longer log, a shorter horizon, or a smaller backtest.min_history_days",
        )
    windows = data.labels_by(now).filter(
        pl.col("cutoff_day").is_in(cutoffs), pl.col("horizon_days") <= horizon_days
    )
    longest = windows.filter(
        pl.col("horizon_days") == pl.col("horizon_days").max().over("cutoff_day")
    )
    frame = features.join(
        longest.select(LABELS.schema.names()), on=["customer_id", "cutoff_day"], how="inner"
    )
    if frame.is_empty():
        raise NotEnoughData(
            f"no customer has a complete label at {date_of(now)}",
            fix="use a longer log or a shorter horizon; if a mistyped date ends the log, set "
            "transactions.last_day",
        )
    turnover = (
        Turnover.of(features, first_day=first_day, now=now)
        if "spend_total" in features.columns
        else None
    )
    return TrainingSet(
        frame=frame.sort("cutoff_day", "customer_id"),
        columns=_columns(features, cutoffs),
        windows=windows,
        horizon_days=horizon_days,
        minor_digits=study.minor_digits,
        purchases=data.purchases.filter(pl.col("day") < now),
        turnover=turnover and turnover.without(promotions.revenue),
        promotions=promotions,
        first_day=first_day,
        now=now,
    )


def _columns(features: pl.DataFrame, cutoffs: tuple[int, ...]) -> tuple[str, ...]:
    """Features that a model may see: the month waits until each has come round twice, else it only
    names the cutoff.
    """
    hidden = _CALENDAR if cutoffs[-1] - cutoffs[0] < _TWO_YEARS_DAYS else frozenset()
    return tuple(
        name
        for name in features.columns
        if name not in hidden and name not in ("customer_id", "cutoff_day")
    )
