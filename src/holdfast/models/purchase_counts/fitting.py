"""Fit the count model on what was known at a cutoff: the BTYD pair, its level, its correction and
the weights of the mixture.

All corrections are learnt from development windows: earlier cutoffs whose windows had ended by
then, predicted by models fitted before them. The weights come from whole models fitted at such
cutoffs, so that nothing is measured on what it learnt from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.findings import Finding
from holdfast.models.promotions import NO_LIFTS, Lifts
from holdfast.models.purchase_counts.boosted_correction import (
    BoostedCorrection,
    CorrectionWindow,
    fit_correction,
)
from holdfast.models.purchase_counts.btyd_pair import BTYD_MODELS, BTYDPair, fit_pair
from holdfast.models.purchase_counts.business_time import (
    YEAR_DAYS,
    BusinessTime,
    learn_business_time,
)
from holdfast.models.purchase_counts.histories import histories_at, purchases_in, some_customers
from holdfast.models.purchase_counts.mixture_weights import MixtureWeights, PastWindow, fit_weights
from holdfast.models.purchase_counts.model import CORRECTED, CountModel

_FIT_ON = 20_000  # decision 9
_DEVELOP_ON = 2_500  # decision 9
"""Customers: more of them teach four parameters, or sixty small trees, nothing new."""
_WINDOWS_AT_MOST = 4  # decision 9
_LEAST_HISTORY_DAYS = 90  # decision 9
_LEAST_WINDOW_DAYS = 28  # decision 9
_SAME_SEASON_DAYS = 45  # decision 9
_LEAST_PURCHASES = 100  # decision 9
_NEARLY_WHOLE = 0.75  # decision 9
_WEIGHED_PARTS, _WEIGHED_AT_MOST = (1, 2, 3), 2  # decision 9
_SPEEDS = (0.5, 2.0)  # decision 9
_CLOSE, _LEAST_SLOPE = 1e-6, 0.25
_PMF_ROOM = 60
_SHARES = {2: (0.5, 0.5), 3: (0.25, 0.25, 0.5)}  # decision 9


def fit_counts(
    days: pl.DataFrame,
    *,
    now: int,
    horizon_days: int,
    first_day: int,
    seed: int,
    promotions: Lifts = NO_LIFTS,
) -> tuple[CountModel, tuple[Finding, ...]]:
    """Learn from the purchases before `now`.

    Parameters
    ----------
    days
        customer_id and day, one row per customer and day of purchase; all customers who ever
        bought, not only those who are scored.
    horizon_days
        What the correction and the weights are learnt for; the model predicts any horizon.
    first_day
        First day of the log.
    promotions
        Of purchases, as known at `now`.
    """
    days = days.select("customer_id", pl.col("day").cast(pl.Int32)).filter(pl.col("day") < now)
    time = learn_business_time(days, first_day=first_day, now=now, seed=seed, promotions=promotions)
    few = some_customers(days, at_most=_DEVELOP_ON, seed=seed)
    many = some_customers(days, at_most=_FIT_ON, seed=seed)
    fit = _CountFit(many, few, time, now, horizon_days, first_day, seed)
    model = fit.model()
    windows: list[PastWindow] = []
    for length in dict.fromkeys(horizon_days // part for part in _WEIGHED_PARTS):
        if len(windows) < _WEIGHED_AT_MOST:
            windows += fit.past_window(length, model.mixture.members)
    members = model.mixture.members
    model = replace(model, mixture=fit_weights(members, _SHARES[len(members)], windows))
    undetermined = Finding.listing("counts-hardly-determined", model.pair.notes)
    learnt = _how_counts_were_learnt(model, time, judged=bool(windows))
    return model, (learnt, *undetermined)


@dataclass(frozen=True)
class _DevelopmentWindow:
    """What the models fitted before a window predict of it, and what happened."""

    pair: BTYDPair
    histories: pl.DataFrame
    cutoff_day: int
    window_days: int
    bought: Vector

    def expected_total(self, speed: float) -> float:
        """The purchases of all customers, in the mean of both models."""
        both = self.pair.expected_purchases(self.histories, self.window_days, speed=speed)
        return float(np.mean(both, 0).sum())


@dataclass(frozen=True)
class _CountFit:
    """One fit: `many` customers for the BTYD pair, a `few` for what corrects it."""

    many: pl.DataFrame
    few: pl.DataFrame
    time: BusinessTime
    now: int
    horizon_days: int
    first_day: int
    seed: int

    def model(self) -> CountModel:
        """The model with equal weights."""
        clock = self.time.clock
        pair = fit_pair(histories_at(self.many, self.now), clock=clock, opened=self.time.opened)
        windows = self._development_windows(k=pair.mbg_cnbd_k.k_)
        same_season = any(
            abs(self.now - YEAR_DAYS - window.cutoff_day) <= _SAME_SEASON_DAYS for window in windows
        )
        # What was learnt in one season is not taken for granted in another.
        correction = self._correction(windows) if same_season or not clock.rates else None
        # Half-way in ratio: windows that overlap are few, and one of them may have been a campaign.
        speed = float(np.sqrt(_speed(windows, self.horizon_days)))  # decision 29
        members = BTYD_MODELS if correction is None else (*BTYD_MODELS, CORRECTED)
        mixture = MixtureWeights.equal(members, _SHARES[len(members)])
        trees, n_thresholds = correction or (None, None)
        return CountModel(pair, mixture, self.horizon_days, speed, n_thresholds, trees)

    def _development_windows(self, *, k: int) -> tuple[_DevelopmentWindow, ...]:
        """Windows of at least half the horizon, ended by `now`, spread evenly over what the log
        allows.
        """
        latest = self.now - max(self.horizon_days // 2, _LEAST_WINDOW_DAYS)
        earliest = max(
            self.first_day + _LEAST_HISTORY_DAYS, self.now - YEAR_DAYS - self.horizon_days
        )
        if latest < earliest:
            return ()
        n = min(_WINDOWS_AT_MOST, 1 + (latest - earliest) // _LEAST_WINDOW_DAYS)
        windows = []
        for cutoff in np.unique(np.linspace(latest, earliest, n).round().astype(int)).tolist():
            histories = histories_at(self.few, cutoff)
            length = min(self.horizon_days, self.now - cutoff)
            bought = purchases_in(self.few, histories, length)
            if bought.sum() >= _LEAST_PURCHASES:
                clock, opened = self.time.clock, self.time.opened
                pair = fit_pair(histories, clock=clock, opened=opened, k=k)
                windows.append(_DevelopmentWindow(pair, histories, cutoff, length, bought))
        return tuple(windows)

    def _correction(self, windows: Sequence[_DevelopmentWindow]) -> BoostedCorrection | None:
        # What trees learn from short windows does not carry over to long ones; the pair does.
        if not any(w.window_days >= _NEARLY_WHOLE * self.horizon_days for w in windows):
            return None
        rows = []
        for window in windows:
            room = int(max(window.bought.max(), _PMF_ROOM))
            both = window.pair.pmf(
                window.histories, window.window_days, speed=1.0, max_purchases=room
            )
            weight = window.window_days / self.horizon_days
            pmf = np.mean(both, axis=0)
            rows.append(CorrectionWindow(window.histories, pmf, window.bought, weight))
        return fit_correction(rows, seed=self.seed)

    def past_window(self, length: int, members: tuple[str, ...]) -> list[PastWindow]:
        """What the same members, fitted so many days ago, predicted of the days since; none where
        they cannot be fitted.
        """
        then = self.now - length
        if length < _LEAST_WINDOW_DAYS or then < self.first_day + _LEAST_HISTORY_DAYS + length // 2:
            return []
        seen = self.few.filter(pl.col("day") < then)
        if seen.is_empty():
            return []
        model = replace(self, many=seen, few=seen, now=then, horizon_days=length).model()
        if len(model.mixture.members) < len(members):
            return []
        histories = histories_at(self.few, then)
        bought = purchases_in(self.few, histories, length)
        pmfs = model.members(histories, max_purchases=int(max(bought.max(), _PMF_ROOM)))
        n_purchases = histories["n_purchases"].cast(pl.Float64).to_numpy()
        return [PastWindow(n_purchases, pmfs[: len(members)], bought)]


def _speed(windows: Sequence[_DevelopmentWindow], horizon_days: int) -> float:
    """Business days ahead per day at which the pair predicts the totals of past windows, in their
    geometric mean.

    A window counts by its length over the horizon. Purchases slow down as customers leave, so that
    a speed acts on the total by less than itself: by how much, a first correction shows (secant, in
    logarithms).
    """
    if not windows:
        return 1.0
    low, high = np.log(_SPEEDS)
    missing = _shortfall(windows, horizon_days, 1.0)
    first = float(np.clip(missing, low, high))
    if abs(first) < _CLOSE:
        return 1.0
    slope = (missing - _shortfall(windows, horizon_days, float(np.exp(first)))) / first
    return float(np.exp(np.clip(missing / max(slope, _LEAST_SLOPE), low, high)))


def _shortfall(windows: Sequence[_DevelopmentWindow], horizon_days: int, speed: float) -> float:
    """Logarithm of what happened over what is expected at a speed."""
    ratios = [np.log(window.bought.sum() / window.expected_total(speed)) for window in windows]
    weights = [window.window_days / horizon_days for window in windows]
    return float(np.average(ratios, weights=weights))


def _how_counts_were_learnt(model: CountModel, time: BusinessTime, *, judged: bool) -> Finding:
    weights = "; ".join(
        f"{group} {', '.join(f'{share:.0%}' for share in shares)}"
        for group, shares in model.mixture.weights.items()
    )
    how = (
        "judged on windows that had ended"
        if judged
        else "no window had ended early enough to judge by"
    )
    older = "; the shop is older than its log" if time.opened is not None else ""
    return Finding.of(
        "counts-routed",
        members=", ".join(model.mixture.members),
        weights=weights,
        how=how,
        level=model.speed,
        season=time.reason + older,
    )
