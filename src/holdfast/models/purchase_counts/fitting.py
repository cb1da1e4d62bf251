"""Fit the count model on what was known at a cutoff: the laws, their level, the tilt and the
weights of the pool.

All corrections are learnt from development windows: earlier cutoffs whose windows had ended by
then, told by laws fitted before them. The weights come from whole models fitted at such cutoffs, so
nothing is judged by what it learnt from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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

_FIT_ON = 20_000
_DEVELOP_ON = 2_500
"""Customers: more of them teach four parameters, or sixty small trees, nothing new."""
_WINDOWS_AT_MOST = 4
_LEAST_HISTORY_DAYS = 90
_LEAST_WINDOW_DAYS = 28
_SAME_SEASON_DAYS = 45
_LEAST_PURCHASES = 100
_NEARLY_WHOLE = 0.75
_PAST_PARTS, _PAST_WINDOWS_AT_MOST = (1, 2, 3), 2
_SPEEDS = (0.5, 2.0)
_CLOSE, _LEAST_SLOPE = 1e-6, 0.25
_PMF_ROOM = 60
_SHARES = {2: (0.5, 0.5), 3: (0.25, 0.25, 0.5)}


@dataclass(frozen=True)
class _DevelopmentWindow:
    """One development window: what the laws fitted before it say, and what happened."""

    pair: BTYDPair
    histories: pl.DataFrame
    cutoff_day: int
    window_days: int
    bought: Vector


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
        What the tilt and the weights are learnt for; any horizon can be asked afterwards.
    first_day
        First day of the log.
    promotions
        Of purchases, as known at `now`.
    """
    days = days.select("customer_id", pl.col("day").cast(pl.Int32)).filter(pl.col("day") < now)
    time = learn_business_time(days, first_day=first_day, now=now, seed=seed, promotions=promotions)
    few = some_customers(days, at_most=_DEVELOP_ON, seed=seed)
    many = some_customers(days, at_most=_FIT_ON, seed=seed)
    model = _fitted(
        many, few, time, now=now, horizon_days=horizon_days, first_day=first_day, seed=seed
    )
    trials: list[PastWindow] = []
    for window in dict.fromkeys(horizon_days // part for part in _PAST_PARTS):
        if len(trials) == _PAST_WINDOWS_AT_MOST:
            break
        judged = _judged(few, time, model, now=now, window=window, first_day=first_day, seed=seed)
        trials += [judged] if judged else []
    members = model.mixture.members
    routed = fit_weights(members, _SHARES[len(members)], trials)
    model = CountModel(model.pair, routed, horizon_days, model.speed, model.correction)
    return model, (_how_counts_were_learnt(model, time), *_vague_finding(model.pair))


def _fitted(
    many: pl.DataFrame,
    few: pl.DataFrame,
    time: BusinessTime,
    *,
    now: int,
    horizon_days: int,
    first_day: int,
    seed: int,
) -> CountModel:
    pair = fit_pair(histories_at(many, now), clock=time.clock, opened=time.opened)
    past = _windows(
        few, time, k=pair.rhythm.k_, now=now, horizon_days=horizon_days, first_day=first_day
    )
    a_year_ago = any(
        abs(now - YEAR_DAYS - window.cutoff_day) <= _SAME_SEASON_DAYS for window in past
    )
    correction, speed = None, _speed(past, horizon_days)
    if a_year_ago or not time.clock.rates:
        correction = _correction(past, horizon_days=horizon_days, seed=seed)
    else:
        # What was learnt in one season is not taken for granted in another.
        speed = float(np.sqrt(speed))
    members = BTYD_MODELS if correction is None else (*BTYD_MODELS, CORRECTED)
    mixture = MixtureWeights.equal(members, _SHARES[len(members)])
    return CountModel(pair, mixture, horizon_days, speed, correction)


def _windows(
    days: pl.DataFrame, time: BusinessTime, *, k: int, now: int, horizon_days: int, first_day: int
) -> tuple[_DevelopmentWindow, ...]:
    """Development windows: of at least half the horizon, ended by `now`, spread evenly over what
    the log allows.
    """
    latest = now - max(horizon_days // 2, _LEAST_WINDOW_DAYS)
    earliest = max(first_day + _LEAST_HISTORY_DAYS, now - YEAR_DAYS - horizon_days)
    if latest < earliest:
        return ()
    n = min(_WINDOWS_AT_MOST, 1 + (latest - earliest) // _LEAST_WINDOW_DAYS)
    found = []
    for cutoff in np.unique(np.linspace(latest, earliest, n).round().astype(int)).tolist():
        histories, window = histories_at(days, cutoff), min(horizon_days, now - cutoff)
        bought = purchases_in(days, histories, window)
        if bought.sum() >= _LEAST_PURCHASES:
            pair = fit_pair(histories, clock=time.clock, opened=time.opened, k=k)
            found.append(_DevelopmentWindow(pair, histories, cutoff, window, bought))
    return tuple(found)


def _speed(past: Sequence[_DevelopmentWindow], horizon_days: int) -> float:
    """Business days ahead per day at which the laws tell the totals of past windows, in their
    geometric mean.

    A window counts by its length over the horizon. Purchases slow down as customers leave, so that
    a speed acts on the total by less than itself: by how much, a first correction shows (secant, in
    logarithms).
    """
    if not past:
        return 1.0
    low, high = np.log(_SPEEDS)
    missing = _shortfall(past, horizon_days, 1.0)
    first = float(np.clip(missing, low, high))
    if abs(first) < _CLOSE:
        return 1.0
    slope = (missing - _shortfall(past, horizon_days, float(np.exp(first)))) / first
    return float(np.exp(np.clip(missing / max(slope, _LEAST_SLOPE), low, high)))


def _shortfall(past: Sequence[_DevelopmentWindow], horizon_days: int, speed: float) -> float:
    """Logarithm of what happened over what is told at a speed."""
    ratio = [
        np.log(
            window.bought.sum()
            / np.mean(
                window.pair.expected(window.histories, window.window_days, speed=speed), 0
            ).sum()
        )
        for window in past
    ]
    weight = [window.window_days / horizon_days for window in past]
    return float(np.average(ratio, weights=weight))


def _correction(
    past: Sequence[_DevelopmentWindow], *, horizon_days: int, seed: int
) -> BoostedCorrection | None:
    # What trees learn from short windows does not carry over to long ones; the laws do.
    if not any(window.window_days >= _NEARLY_WHOLE * horizon_days for window in past):
        return None
    windows = []
    for window in past:
        room = int(max(window.bought.max(), _PMF_ROOM))
        pmf = np.mean(
            window.pair.pmf(window.histories, window.window_days, speed=1.0, max_purchases=room),
            axis=0,
        )
        windows.append(
            CorrectionWindow(
                window.histories, pmf, window.bought, window.window_days / horizon_days
            )
        )
    return fit_correction(windows, seed=seed)


def _judged(
    days: pl.DataFrame,
    time: BusinessTime,
    model: CountModel,
    *,
    now: int,
    window: int,
    first_day: int,
    seed: int,
) -> PastWindow | None:
    """Fit the same model `window` days ago, and hear what its members said of the days since."""
    then = now - window
    if window < _LEAST_WINDOW_DAYS or then < first_day + _LEAST_HISTORY_DAYS + window // 2:
        return None
    seen = days.filter(pl.col("day") < then)
    if seen.is_empty():
        return None
    fitted = _fitted(
        seen, seen, time, now=then, horizon_days=window, first_day=first_day, seed=seed
    )
    if len(fitted.mixture.members) < len(model.mixture.members):
        return None
    histories = histories_at(days, then)
    bought = purchases_in(days, histories, window)
    said = fitted.members(histories, max_purchases=int(max(bought.max(), _PMF_ROOM)))[
        : len(model.mixture.members)
    ]
    return PastWindow(histories["n_purchases"].cast(pl.Float64).to_numpy(), said, bought)


def _how_counts_were_learnt(model: CountModel, time: BusinessTime) -> Finding:
    weights = "; ".join(
        f"{group} {', '.join(f'{share:.0%}' for share in shares)}"
        for group, shares in model.mixture.weights.items()
    )
    judged = (
        "judged on windows that had ended"
        if model.mixture.scores
        else "no window had ended early enough to judge by"
    )
    older = "; the shop is older than its log" if time.opened is not None else ""
    return Finding.note(
        "counts-routed",
        evidence=f"Weights of {', '.join(model.mixture.members)}: {weights} ({judged}). Level "
        f"{model.speed:.2f}. Season: {time.reason}{older}",
        meaning="Expected purchases, P(alive) and the next purchase day are a weighted mean of "
        "these models.",
        fix="Nothing, unless the weights of a group surprise you.",
    )


def _vague_finding(pair: BTYDPair) -> tuple[Finding, ...]:
    if not pair.notes:
        return ()
    return (
        Finding.warning(
            "counts-hardly-determined",
            evidence="; ".join(pair.notes),
            meaning="P(alive) and purchases beyond the length of the log are guesses around the "
            "mean.",
            fix="Use a longer log, or more customers who bought again.",
        ),
    )
