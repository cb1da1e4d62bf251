"""Fit the links from each task's own horizon to the others, on windows that have ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.arrays import Rows, Vector
from holdfast.findings import Finding
from holdfast.learners.algorithms import Recipe
from holdfast.models.baselines import RecencyRule, TrailingSpendRule
from holdfast.models.churn import ChurnModel
from holdfast.models.horizon_chain import HorizonLink, HorizonModel
from holdfast.models.promotions import Promotions
from holdfast.models.reference_spend import SpendInputs
from holdfast.models.seasonality import Season
from holdfast.models.short_windows import HAZARD, REVENUE, horizon_exponent
from holdfast.models.training_set import TrainingData
from holdfast.models.value_fitting import FittedValue
from holdfast.study import Study

_SMALL = {"n_estimators": 80, "learning_rate": 0.06, "min_child_samples": 50}  # decision 13
_LEAST_ROWS = 200  # decision 13
_KEYS = ["customer_id", "cutoff_day"]
_MONEY = ("future_revenue_minor", "future_revenue_minor_long")


def fit_horizons(
    study: Study,
    data: TrainingData,
    promotions: Promotions,
    *,
    churn: ChurnModel,
    value: FittedValue | None,
    now: int,
) -> tuple[HorizonModel, tuple[Finding, ...]]:
    """Learn what links the study's other horizons to the tasks' own.

    Parameters
    ----------
    promotions
        As known at `now`.
    churn
        At the level of the windows learnt from.
    """
    fit = _HorizonFit(study, data, promotions, data.labels_by(now), now, churn)
    silence = {
        days: fit.silence_link(short, long, days)
        for days, short, long in _pairs(study.all_horizons, study.churn.horizon_days)
    }
    learnt = [] if isinstance(churn.learner, RecencyRule) else [*silence.values()]
    if value is None:
        return HorizonModel(silence, {}), _extrapolated_finding(learnt)
    revenue = {
        days: fit.revenue_link(short, long, value)
        for days, short, long in _pairs(study.all_horizons, study.value.horizon_days)
    }
    if not isinstance(value.model.amount, TrailingSpendRule):
        learnt += revenue.values()
    return HorizonModel(silence, revenue), _extrapolated_finding(learnt)


@dataclass(frozen=True)
class _HorizonFit:
    """What is known at `now` of target windows that have ended: their LABELS."""

    study: Study
    data: TrainingData
    promotions: Promotions
    labels: pl.DataFrame
    now: int
    churn: ChurnModel

    def silence_link(self, short: int, long: int, days: int) -> HorizonLink:
        """Downwards, who of the buyers bought early; upwards, who of the silent stayed silent; by
        the rule, silence at a steady rate.
        """
        if isinstance(self.churn.learner, RecencyRule):
            return HorizonLink(short, long)
        down = days == short
        within = ~pl.col("churned_long") if down else pl.col("churned")
        happened = ~pl.col("churned") if down else pl.col("churned_long")
        rows = self.data.features.join(self._windows(short, long).filter(within), on=_KEYS).sort(
            "cutoff_day", "customer_id"
        )
        truth = rows.select(happened.cast(pl.Float64)).to_series().to_numpy()
        if len(truth) < _LEAST_ROWS or not 0 < truth.mean() < 1:
            return HorizonLink(short, long, exponent=horizon_exponent(self.labels, HAZARD))
        recipe = Recipe("lightgbm", "probability", seed=self.study.seed, defaults=_SMALL)
        learner = recipe.fit(self.churn.design.matrix(rows), truth)
        past = self._silence_lift(_days(rows), short, long, down=down)
        coming = self._silence_lift(self.now, short, long, down=down)
        return HorizonLink(short, long, learner, float(coming / past.mean()))

    def _silence_lift(self, start: npt.ArrayLike, short: int, long: int, *, down: bool) -> Vector:
        """What promotions make of the chance to buy early, or of the days beyond."""
        lifts, first = self.promotions.purchases, np.asarray(start)
        if down:
            return lifts.over(first, short) / lifts.over(first, long)
        return lifts.over(first + short, long - short)

    def revenue_link(self, short: int, long: int, value: FittedValue) -> HorizonLink:
        """How much of the long window's revenue comes in the short one; by the rule, revenue at a
        steady rate.
        """
        if isinstance(value.model.amount, TrailingSpendRule):
            return HorizonLink(short, long)
        lifts = self.promotions.revenue
        coming = float(lifts.over(self.now, short) / lifts.over(self.now, long))
        exponent = horizon_exponent(self.labels, REVENUE)
        extrapolated = HorizonLink(short, long, usual=coming, exponent=exponent)
        if value.inputs is None:
            return extrapolated
        seen, inputs = _select_seen(value.inputs, self._windows(short, long))
        within, earned = (seen[name].cast(pl.Float64).to_numpy() for name in _MONEY)
        bought = earned > 0
        if bought.sum() < _LEAST_ROWS or within.sum() <= 0:
            return extrapolated
        cutoff = _days(seen)
        within, earned = within / lifts.over(cutoff, short), earned / lifts.over(cutoff, long)
        season = Season.learn(cutoff, within, earned)
        share = np.clip(within[bought] / earned[bought], 0, 1) / (
            season.usual * season.of(cutoff)[bought]
        )
        recipe = Recipe("lightgbm", "mean", seed=self.study.seed, defaults=_SMALL)
        learner = recipe.fit(inputs.matrix[bought], share, earned[bought] / earned[bought].mean())
        usual = season.usual * (season.ahead(self.now) or 1.0) * coming
        return HorizonLink(short, long, learner, usual)

    def _windows(self, short: int, long: int) -> pl.DataFrame:
        """What happened in both windows of a customer and cutoff, where the longer one has
        ended.
        """
        columns = (*_KEYS, "churned", "future_revenue_minor")
        one, other = (
            self.labels.filter(horizon_days=days).select(columns) for days in (short, long)
        )
        return one.join(other, on=_KEYS, suffix="_long")


def _days(rows: pl.DataFrame) -> Rows:
    return rows["cutoff_day"].cast(pl.Int64).to_numpy()


def _pairs(horizons: Sequence[int], task_days: int) -> list[tuple[int, int, int]]:
    """(horizon, shorter, longer) of each link, outwards from the task's own horizon.

    >>> _pairs([30, 90, 180, 365], 90)
    [(30, 30, 90), (180, 90, 180), (365, 180, 365)]
    """
    steps = list(pairwise(sorted({*horizons, task_days})))
    down = [(short, short, long) for short, long in reversed(steps) if long <= task_days]
    return down + [(long, short, long) for short, long in steps if short >= task_days]


def _select_seen(inputs: SpendInputs, windows: pl.DataFrame) -> tuple[pl.DataFrame, SpendInputs]:
    """The rows for which there is a window, with what happened in it."""
    keys = inputs.frame.select(_KEYS).with_row_index("_at")
    seen = keys.join(windows, on=_KEYS, how="inner").sort("_at")
    chosen = np.zeros(keys.height, dtype=bool)
    chosen[seen["_at"].to_numpy()] = True
    return seen, inputs.rows(chosen)


def _extrapolated_finding(links: Sequence[HorizonLink]) -> tuple[Finding, ...]:
    days = sorted({link.long for link in links if link.learner is None})
    if not days:
        return ()
    each = ", ".join(map(str, days))
    return (Finding.of("horizons-extrapolated", days=each, shortest=min(days)),)
