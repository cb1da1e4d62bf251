"""Fit the models of value on an order log: the learnt member on the windows that have ended, at the
level of the BTYD models, and the spread of revenue around the mean of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Rows, Split, Vector, share_of
from holdfast.errors import NotEnoughData
from holdfast.findings import Finding
from holdfast.learners.algorithms import ALGORITHMS, Learner, Parameters, Recipe
from holdfast.learners.design import Design
from holdfast.learners.linear import constant
from holdfast.learners.selection import candidates_of
from holdfast.metrics import tweedie_deviance
from holdfast.models.baselines import TrailingSpend
from holdfast.models.churn import describe_short_windows
from holdfast.models.level_adjustment import move_towards, revenue_ratio
from holdfast.models.prediction_intervals import IntervalModel
from holdfast.models.reference_spend import ReferenceSpend, Scale, SpendInputs, read_past
from holdfast.models.seasonality import Season
from holdfast.models.short_windows import REVENUE, fit_spend, horizon_exponent
from holdfast.models.training_set import TrainingSet, customer_splits
from holdfast.models.value import ValueModel
from holdfast.study import Value
from holdfast.windows import YEAR_DAYS

if TYPE_CHECKING:
    from holdfast.models.purchase_counts import BTYDRevenue, CountModel, RenewalModel

_FLOOR_SHARE = 0.1  # decision 24
_SPREAD_ROWS = 20_000  # decision 35
_LEAST_BUYERS = 2
"""Of one there is nothing to learn but what that one paid."""


@dataclass(frozen=True)
class FittedValue:
    """What was learnt of value.

    Attributes
    ----------
    inputs
        What fits that had not seen the customer predict of each training row; None where no full
        window has ended.
    """

    model: ValueModel
    inputs: SpendInputs | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def baseline(self) -> TrailingSpend:
        """What the model must beat."""
        assert self.model.horizon_days is not None
        return TrailingSpend(self.model.horizon_days)


def fit_value(
    training: TrainingSet,
    settings: Value,
    *,
    counts: "CountModel | RenewalModel",
    today: pl.DataFrame,
    seed: int,
) -> FittedValue:
    """Learn from an order log whose target windows brought revenue.

    Parameters
    ----------
    counts
        The count model of the same cutoff.
    today
        Features of the customers at the cutoff, whose total the level is adjusted to.
    """
    fit = _fit_on_windows if training.situation.complete_windows else _fit_on_short_windows
    learnt, rows = fit(training, settings, seed=seed)
    btyd = fit_btyd_revenue_of(training, counts)
    model = learnt.model
    if btyd is not None:
        if settings.pool_btyd:
            rows = rows or _short_window_rows(training, model, counts)
        factor = 1.0
        if not today.is_empty():
            ratio = revenue_ratio(btyd.revenue(today), model.predict(today))
            factor = move_towards(1.0, ratio, training.situation.level_trust)
        model = replace(model.scale_level(factor), btyd=btyd if settings.pool_btyd else None)
    spread = rows.intervals(model, seed=seed) if rows is not None else None
    return replace(learnt, model=replace(model, intervals=spread))


@dataclass(frozen=True)
class _KnownRows:
    """Rows whose outcome is known, as the learnt member predicts them unseen: (n_rows,) each.

    Attributes
    ----------
    of_horizon
        Whether all windows are as long as the task's horizon, so that the rows can be pooled.
    """

    frame: pl.DataFrame
    buys: Vector
    mean: Vector
    revenue: Vector
    bought: Vector
    of_horizon: bool

    def intervals(self, model: ValueModel, *, seed: int) -> IntervalModel:
        """Learn how revenue is spread around the mean of the model's pool."""
        n = len(self.buys)
        some = np.sort(np.random.default_rng(seed).permutation(n)[:_SPREAD_ROWS])
        buys, mean = self.buys[some], self.mean[some]
        if self.of_horizon:
            rows = self.frame[some]
            mean, buys = model.pool(mean, rows), model.pool_buys(buys, rows)
        return IntervalModel.fit(buys, mean, self.revenue[some], self.bought[some])


@dataclass(frozen=True)
class RatioRows:
    """The rows of one fit, as arrays.

    Attributes
    ----------
    revenue
        Observed, divided by the season and the promotions of its window, (n_rows,).
    reference
        What the customer's own past suggested, currency, (n_rows,).
    ahead
        The coming season beside the usual one; None where it is not known.
    coming
        The factor of promotions in the coming window.
    """

    design: Design
    frame: pl.DataFrame
    matrix: Matrix
    bought: Vector
    revenue: Vector
    reference: Vector
    scale: Scale
    ahead: float | None
    coming: float
    horizon_days: int
    seed: int
    parameters: Parameters

    @classmethod
    def of(cls, training: TrainingSet, *, seed: int, parameters: Parameters) -> "RatioRows":
        """Prepare the rows."""
        situation, frame, now = training.situation, training.frame, training.now
        spent, tenure = read_past(frame)
        past, coming = training.lifts_over(training.promotions.revenue)
        revenue = training.revenue / past
        floor = _FLOOR_SHARE * float(training.revenue[training.revenue > 0].mean())
        spend = ReferenceSpend(training.horizon_days, floor, by_tenure=situation.newly_opened)
        seen = np.clip(training.cutoff - training.first_day, 1, YEAR_DAYS).astype(np.float64)
        reference = spend.of(spent, tenure, seen)
        spend = replace(spend, highest=float(reference.max()))
        season = Season.learn(training.cutoff, revenue, reference)
        if situation.first_years:
            season = season.temper()
        ahead = season.ahead(now) or season.ahead_by_turnover(
            now, training.turnover, horizon_days=training.horizon_days
        )
        design = Design.learn(frame, columns=training.columns)
        return cls(
            design=design,
            frame=frame,
            matrix=design.matrix(frame),
            bought=(~training.churned).astype(np.float64),
            revenue=revenue if ahead is None else revenue / season.of(training.cutoff),
            reference=reference,
            scale=Scale(
                spend,
                float(min(situation.history_days, YEAR_DAYS)),
                float(reference.mean()),
                float(tenure.mean()),
            ),
            ahead=ahead,
            coming=coming,
            horizon_days=training.horizon_days,
            seed=seed,
            parameters=parameters,
        )

    def fit_on(self, algorithm: str, rows: Rows) -> tuple[Learner, Learner]:
        """Fit P(buys) and the amount on some rows."""
        chance = "logistic" if algorithm == "ridge" else algorithm
        buys = Recipe(chance, "probability", seed=self.seed).fit(
            self.matrix[rows], self.bought[rows]
        )
        buyers = rows[self.bought[rows] > 0]
        defaults = ALGORITHMS[algorithm].ratio_defaults
        recipe = Recipe(
            algorithm, "mean", seed=self.seed, parameters=self.parameters, defaults=defaults
        )
        weight = self.reference[buyers] / self.reference[buyers].mean()
        # A Tweedie likelihood has no negative revenue; the level takes the returns off again.
        ratio = np.maximum(self.revenue[buyers], 0) / self.reference[buyers]
        if len(ratio) < _LEAST_BUYERS or not ratio.any():
            same = float(np.average(ratio, weights=weight)) if len(ratio) else 0.0
            return buys, constant("ridge", same, n_columns=self.matrix.shape[1])
        return buys, recipe.fit(self.matrix[buyers], ratio, weight)

    def loss(self, algorithm: str, splits: Sequence[Split]) -> float:
        """Deviance of unseen rows, in the season of their own windows."""
        truth = np.concatenate([self.revenue[split.test] for split in splits])
        predicted = [self.predict_past(algorithm, split) for split in splits]
        return tweedie_deviance(truth, np.concatenate(predicted))

    def predict_past(self, algorithm: str, split: Split) -> Vector:
        """Expected revenue of the test rows, in a usual season, by fits on the training rows."""
        buys, amount = self.fit_on(algorithm, split.train)
        rows = self.matrix[split.test]
        return self.reference[split.test] * buys.predict(rows) * amount.predict(rows)

    def inputs(self, algorithm: str) -> SpendInputs | None:
        """Predict each row by fits that had not seen the customer; None for a handful of
        customers.
        """
        splits = customer_splits(self.frame["customer_id"], seed=self.seed, parts=2)
        if any(len(np.unique(self.bought[split.train])) < 2 for split in splits):
            return None
        chance, expected = np.empty(len(self.bought)), np.empty(len(self.bought))
        for split in splits:
            buys, amount = self.fit_on(algorithm, split.train)
            rows, reference = self.matrix[split.test], self.reference[split.test]
            chance[split.test] = buys.predict(rows)
            expected[split.test] = reference * chance[split.test] * amount.predict(rows)
        mean = expected * share_of(float(self.revenue.sum()), float(expected.sum()))
        return SpendInputs(chance, mean, self.reference, self.frame)

    def outcomes(self, inputs: SpendInputs | None) -> _KnownRows | None:
        """What came of the rows that were predicted unseen."""
        if inputs is None:
            return None
        return _KnownRows(self.frame, inputs.buys, inputs.mean, self.revenue, self.bought, True)

    def model(self, algorithm: str) -> ValueModel:
        """Fit on all rows."""
        buys, amount = self.fit_on(algorithm, np.arange(len(self.bought)))
        expected = self.reference * buys.predict(self.matrix) * amount.predict(self.matrix)
        season = (self.ahead or 1.0) * self.coming
        level = season * share_of(float(self.revenue.sum()), float(expected.sum()))
        return ValueModel(
            self.design, amount, buys, self.scale, level, self.horizon_days, season=season
        )


def _fit_on_windows(
    training: TrainingSet, settings: Value, *, seed: int
) -> tuple[FittedValue, _KnownRows | None]:
    rows = RatioRows.of(training, seed=seed, parameters=settings.parameters)
    names = candidates_of(settings)
    splits = training.splits(seed=seed) if len(names) > 1 else ()
    best = min(names, key=lambda name: rows.loss(name, splits)) if splits else names[0]
    inputs = rows.inputs(best)
    unknown = Finding.of(
        "season-unknown",
        history_days=training.situation.history_days,
        horizon_days=training.horizon_days,
        year_days=YEAR_DAYS,
    )
    findings = () if rows.ahead is not None else (unknown,)
    return FittedValue(rows.model(best), inputs, findings), rows.outcomes(inputs)


def _fit_on_short_windows(
    training: TrainingSet, settings: Value, *, seed: int
) -> tuple[FittedValue, None]:
    exponent = horizon_exponent(training.windows, REVENUE)
    design = Design.learn(training.frame, columns=training.columns)
    matrix = design.matrix(training.frame)
    exposure = (training.window / training.horizon_days) ** exponent
    parameters = settings.parameters if settings.algorithm == "lightgbm" else {}
    amount = fit_spend(matrix, training.revenue, exposure, parameters=parameters, seed=seed)
    expected = float((exposure * amount.predict(matrix)).sum())
    level = share_of(float(training.revenue.sum()), expected)
    model = ValueModel(design, amount, level=level, horizon_days=training.horizon_days)
    return FittedValue(model, findings=(describe_short_windows("value", training, exponent),)), None


def _short_window_rows(
    training: TrainingSet, model: ValueModel, counts: "CountModel | RenewalModel"
) -> _KnownRows:
    """The rows over their own windows: P(buys) by the BTYD models, and the learnt revenue in
    proportion.
    """
    from holdfast.models.purchase_counts.btyd_forecast import read_history

    frame, buys = training.frame, np.empty(len(training.window))
    for days in np.unique(training.window):
        rows = training.window == days
        buys[rows] = 1 - counts.silent(read_history(frame.filter(rows), training.now), int(days))
    exponent = horizon_exponent(training.windows, REVENUE)
    mean = model.predict(frame) * (training.window / training.horizon_days) ** exponent
    bought = (~training.churned).astype(np.float64)
    return _KnownRows(frame, buys, mean, training.revenue, bought, False)


def fit_btyd_revenue_of(
    training: TrainingSet, counts: "CountModel | RenewalModel"
) -> "BTYDRevenue | None":
    """Fit the BTYD models of revenue; None where their features are missing, or where all orders
    are worth the same, so that the trees know as much.
    """
    from holdfast.models.purchase_counts import fit_btyd_revenue
    from holdfast.models.purchase_counts.btyd_forecast import HISTORY, LAST, SPENT

    if not {*HISTORY, SPENT, LAST} <= set(training.columns):
        return None
    try:
        return fit_btyd_revenue(
            training.purchases,
            counts,
            now=training.now,
            horizon_days=training.horizon_days,
            first_day=training.first_day,
        )
    except NotEnoughData:
        return None
