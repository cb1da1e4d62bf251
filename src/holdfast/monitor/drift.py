"""Drift: whether the customers of today still are what a run has seen, feature by feature and group
by group.

Two distances are taken to the run's frozen bins: the population stability index (Siddiqi 2006,
"Credit Risk Scorecards"), which sees any change of shares, what is missing and what is new among
them; and Wasserstein's over the ranks of the reference, 0..1, which sees small moves in one
direction. Neither has a limit that suits every feature (0.1 and 0.25 are folklore): each is held
against how far the same feature of the same shop moved from month to month before, and against the
noise of so few customers (decision 92).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, groupby
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import chi2

from holdfast.arrays import Vector
from holdfast.monitor.bins import ALARMING, LEAST_CUSTOMERS, Bins, Key, count_customers, divide
from holdfast.study.monitor import Monitor
from holdfast.tables import DRIFT, REFERENCE

MONTH_DAYS = 30
TIMES = Monitor().drift_times
_YEAR_DAYS, _SEASON_DAYS, _MONTHS = 365, 35, 24
_USUAL_QUANTILE, _LEAST_MONTHS = 0.75, 6  # decision 92
_NOISE = 1e-5
"""P(noise alone moves a feature that stands still so far): a run asks hundreds of them."""
_SMOOTHING = 0.5


@dataclass(frozen=True)
class _Divided:
    """One feature of one group: its bins and the reference's customers in each.

    Attributes
    ----------
    usual
        How far it moves in a month, by both distances; NaN where that is not known.
    """

    bins: Bins
    counts: Vector
    usual: Vector

    def distances(self, before: Vector, now: Vector) -> Vector:
        """Stability index and Wasserstein's distance of pairs of days, each day (n_pairs, n_bins),
        as (n_pairs, 2); NaN where either day has too few customers.
        """
        was, is_now = _smooth(before), _smooth(now)
        index = ((is_now - was) * np.log(is_now / was)).sum(axis=1)
        few = np.minimum(before.sum(axis=1), now.sum(axis=1)) < LEAST_CUSTOMERS
        present = [each[:, :-1].sum(axis=1, keepdims=True) for each in (before, now)]
        few_known = np.minimum(*present)[:, 0] < LEAST_CUSTOMERS
        shares = [
            each[:, :-1] / np.maximum(n, 1) for each, n in zip((before, now), present, strict=True)
        ]
        share = self.counts[:-1] / max(self.counts[:-1].sum(), 1)
        steps = np.diff(np.cumsum(share) - share / 2)
        # The area between two distribution functions, over the ranks of the reference.
        area = np.abs(np.cumsum(shares[1] - shares[0], axis=1))[:, :-1] @ steps
        no_ranks = few | few_known | (self.bins.words is not None)
        return np.column_stack([np.where(few, np.nan, index), np.where(no_ranks, np.nan, area)])

    def noise(self, now: Vector) -> Vector:
        """What both distances reach by chance, (2,)."""
        scale = 1 / max(self.counts.sum(), 1) + 1 / max(now.sum(), 1)
        freedom = max(int(((self.counts + now) > 0).sum()) - 1, 1)
        # The mean gap between two distribution functions is at most their largest, whose tail is
        # Kolmogorov's: 2 exp(-2 d^2 / scale).
        largest = np.sqrt(-np.log(_NOISE / 2) / 2 * scale)
        return np.array([_chi2_limit(freedom) * scale, largest / 2])


@cache
def _chi2_limit(freedom: int) -> float:
    return float(chi2.isf(_NOISE, freedom))


def _smooth(counts: Vector) -> Vector:
    n_bins = counts.shape[1]
    whole = counts.sum(axis=1, keepdims=True) + _SMOOTHING * n_bins
    return np.asarray((counts + _SMOOTHING) / whole)


def freeze(frame: pl.DataFrame, history: Sequence[pl.DataFrame] = ()) -> pl.DataFrame:
    """Freeze the customers of a day, and how far each feature moved in the months before.

    Parameters
    ----------
    frame
        FEATURES of one day, with `segment` and whatever else is to be watched.
    history
        The same of earlier days, in time order: of those at most a month apart each later one is
        held against the earlier. Of moves that ended at this season, now or in a year before, the
        largest counts, of all the upper quartile.

    Returns
    -------
    polars.DataFrame
        REFERENCE.
    """
    bins = divide(frame)
    now = count_customers(bins, frame)
    days = [_day(each) for each in history]
    counted = [count_customers(bins, each) for each in history]
    coming = _day(frame) + MONTH_DAYS // 2
    rows: list[tuple[Any, ...]] = []
    for key, each in bins.items():
        divided = _Divided(each, now[key], np.full(2, np.nan))
        past = np.array([counts.get(key, np.zeros(len(each.kinds))) for counts in counted])
        usual = _usual_move(divided, past, days, coming)
        rows += _freeze_one(key, divided, usual)
    return REFERENCE.check(pl.DataFrame(rows, schema=REFERENCE.schema, orient="row"))


def _day(frame: pl.DataFrame) -> int:
    return int(frame["cutoff_day"][0])


def history_days(day: int, *, first_day: int) -> list[int]:
    """The days whose customers tell how far features usually move from `day` on: every month of two
    years, and this month of both years before, week by week.
    """
    months = range(day, day - _MONTHS * MONTH_DAYS - 1, -MONTH_DAYS)
    weeks = range(0, MONTH_DAYS, 7)
    years = (day - years * _YEAR_DAYS + days for years in (1, 2) for days in weeks)
    return sorted({each for each in (*months, *years) if each >= first_day})


def _usual_move(each: _Divided, past: Vector, days: Sequence[int], coming: int) -> Vector:
    """How far a feature moves in a month of the coming season, (2,); `past` is (n_days, n_bins)."""
    places = range(len(days))
    pairs = [(i, k) for i, k in combinations(places, 2) if days[k] - days[i] <= MONTH_DAYS]
    usual = np.full(2, np.nan)
    if not pairs:
        return usual
    start, end = np.array(pairs).T
    moves = each.distances(past[start], past[end])
    away = (coming - np.array(days)[end]) % _YEAR_DAYS
    is_season = np.minimum(away, _YEAR_DAYS - away) <= _SEASON_DAYS
    for k, move in enumerate(moves.T):
        is_known = np.isfinite(move)
        if is_known.sum() >= _LEAST_MONTHS:
            ordinary = np.quantile(move[is_known], _USUAL_QUANTILE)
            usual[k] = max([ordinary, *move[is_known & is_season]])
    return usual


def _freeze_one(key: Key, each: _Divided, usual: Vector) -> Iterator[tuple[Any, ...]]:
    index, distance = (None if np.isnan(value) else float(value) for value in usual)
    uppers = [*map(float, each.bins.cuts), *[None] * len(each.counts)]
    words = [*(each.bins.words or ()), *[None] * len(each.counts)]
    for number, (kind, n) in enumerate(zip(each.bins.kinds, each.counts, strict=True)):
        yield (*key, number, kind, uppers[number], words[number], int(n), index, distance)


def _thaw(reference: pl.DataFrame) -> Iterator[tuple[Key, _Divided]]:
    for key, rows in groupby(
        reference.iter_rows(named=True), lambda row: (row["group"], row["feature"])
    ):
        bins = list(rows)
        is_word = bins[0]["kind"] in ("word", "other")
        words = tuple(row["word"] for row in bins if row["word"] is not None)
        cuts = np.array([row["upper"] for row in bins if row["upper"] is not None])
        usual = [bins[0]["usual_index"], bins[0]["usual_distance"]]
        yield (
            key,
            _Divided(
                Bins(cuts, words if is_word else None),
                np.array([row["customers"] for row in bins], dtype=np.float64),
                np.array([np.nan if value is None else value for value in usual]),
            ),
        )


def compare(reference: pl.DataFrame, frame: pl.DataFrame, *, times: float = TIMES) -> pl.DataFrame:
    """Hold the customers of a later day against the frozen ones: at most a month later, or what is
    usual no longer is what is usual of a month.

    Parameters
    ----------
    reference
        Of `freeze`.
    frame
        FEATURES, with what was watched then; a feature or group of one of the two alone is not
        compared, nor a group of too few customers.
    times
        A feature has drifted that moved more than so many times as far as is usual or as noise
        reaches, but for those of a segment.

    Returns
    -------
    polars.DataFrame
        DRIFT, the farthest first.
    """
    divided = dict(_thaw(reference))
    now = count_customers({key: each.bins for key, each in divided.items()}, frame)
    compared = (_compare_one(key, divided[key], counts, times) for key, counts in now.items())
    rows = [row for row in compared if row is not None]
    table = pl.DataFrame(rows, schema=DRIFT.schema, orient="row")
    order = ["times", "group", "feature"]
    return DRIFT.check(table.sort(order, descending=[True, False, False]))


def _compare_one(key: Key, each: _Divided, now: Vector, times: float) -> tuple[Any, ...] | None:
    (moved,) = each.distances(each.counts[None], now[None])
    limit = np.fmax(each.usual, each.noise(now))
    far = moved / limit
    if np.isnan(far).all():
        return None
    farthest = float(np.nanmax(far))
    before, after = (int(counts.sum()) for counts in (each.counts, now))
    missing = (float(counts[-1] / counts.sum()) for counts in (each.counts, now))
    is_new = each.bins.words is not None and each.counts[-2] == 0
    unseen = float(now[-2] / now.sum()) if is_new else 0.0
    distance, distance_limit = (
        None if np.isnan(moved[1]) else float(value) for value in (moved[1], limit[1])
    )
    return (
        *key, before, after, float(moved[0]), float(limit[0]), distance, distance_limit, *missing,
        unseen, farthest, farthest > times and key[0] in ALARMING,
    )  # fmt: skip
