"""Value: expected net revenue = P(buys) x E[net revenue | buys], in totals that add up.

Revenue has a long tail, so the amount is learnt as a ratio to what the customer's own past suggests
(the reference spend), of windows put on one level by the season, weighted by the reference: the
ratio is then small, and its weighted mean is still the mean of the money. In the end one factor
makes the predictions of the training rows add up to their revenue.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Rows, Split, Vector
from holdfast.errors import NotEnoughData
from holdfast.findings import Finding
from holdfast.learners.algorithms import ALGORITHMS, Learner, Parameters, Recipe
from holdfast.learners.attribution import explain_factor, mean_of, product
from holdfast.learners.design import Attribution, Design
from holdfast.learners.parts import Part, Saved
from holdfast.learners.selection import candidates_of, predict_held_out, tweedie_deviance
from holdfast.models.baselines import TrailingSpend
from holdfast.models.churn import describe_short_windows
from holdfast.models.prediction_intervals import IntervalInputs, IntervalModel, Intervals
from holdfast.models.reference_spend import PAST, ReferenceSpend, Scale, read_past
from holdfast.models.seasonality import Season
from holdfast.models.short_windows import REVENUE, fit_spend, horizon_exponent
from holdfast.models.training_set import TrainingSet, customer_splits
from holdfast.study import Value
from holdfast.windows import YEAR_DAYS

if TYPE_CHECKING:
    from holdfast.models.purchase_counts import BTYDRevenue

_FLOOR_SHARE = 0.1  # decision 24
_BTYD_REVENUE = "holdfast.models.purchase_counts:BTYDRevenue"


@dataclass(frozen=True)
class ValueModel(Saved):
    """A fitted model of value: level x scale x P(buys) x amount.

    Attributes
    ----------
    amount
        E[revenue | buys] over the scale; without `buys` and `scale`, the expected revenue itself.
    buys
        P(buys).
    scale, level
        What the amount is a ratio to; season ahead x the factor that makes training totals add up.
    intervals
        Median and intervals; None for a snapshot, and where no full window has ended.
    btyd
        Where no whole window has ended: the expected revenue is the mean of the learnt one and of
        this, and median and intervals are its own.
    """

    FILE = "value.json"
    design: Annotated[Design, Part()]
    amount: Annotated[Learner, Part()]
    buys: Annotated[Learner | None, Part("buys-")] = None
    scale: Scale | None = None
    level: float = 1.0
    horizon_days: int | None = None
    intervals: Annotated[IntervalModel | None, Part("spread-")] = None
    # Few models have one, and its special functions would take a third of a server's start to
    # import.
    btyd: Annotated["BTYDRevenue | None", Part("spending-", _BTYD_REVENUE)] = None

    @property
    def algorithm(self) -> str:
        """The champion's name."""
        return self.amount.algorithm

    @property
    def columns(self) -> tuple[str, ...]:
        """The frame's columns that are read."""
        return self.design.frame_columns

    def predict(self, frame: pl.DataFrame) -> Vector:
        """Expected revenue, currency, (n_customers,)."""
        return self.predict_matrix(self.design.matrix(frame))

    def predict_matrix(self, matrix: Matrix) -> Vector:
        """As `predict`, of the design's matrix."""
        expected = self.level * self.amount.predict(matrix)
        if self.buys is not None:
            expected = expected * self.buys.predict(matrix)
        if self.scale is not None:
            past = (np.nan_to_num(matrix[:, self.design.names.index(name)]) for name in PAST)
            expected = expected * self.scale.of_past(*past)
        if self.btyd is None:
            return expected
        places = {name: matrix[:, self.design.names.index(name)] for name in self.btyd.inputs}
        return (expected + self.btyd.revenue(pl.DataFrame(places).fill_nan(None))) / 2

    def scale_level(self, factor: float) -> "ValueModel":
        """The model with this factor on its level; its median and intervals follow."""
        intervals = self.intervals and replace(
            self.intervals, season=self.intervals.season * factor
        )
        return replace(self, level=self.level * factor, intervals=intervals)

    def interval_inputs(self, frame: pl.DataFrame) -> IntervalInputs:
        """What the intervals are predicted from, as in a usual season."""
        assert self.buys is not None
        assert self.scale is not None
        assert self.intervals is not None
        matrix = self.design.matrix(frame)
        buys, scale = self.buys.predict(matrix), self.scale.of(frame)
        mean = self.level / self.intervals.season * self.amount.predict(matrix) * buys * scale
        return IntervalInputs(buys, mean, scale, frame)

    def intervals_of(self, frame: pl.DataFrame) -> Intervals | None:
        """Median and intervals of revenue, currency; None where they are not known."""
        if self.intervals is not None:
            return self.intervals.predict(self.interval_inputs(frame))
        return self.btyd.intervals_of(frame) if self.btyd is not None else None

    def raw(self, frame: pl.DataFrame) -> Vector:
        """The expected revenue itself: what is explain_factor is money."""
        return self.predict(frame)

    def contributions(self, frame: pl.DataFrame) -> Attribution:
        """What each column adds to the expected revenue, in currency; adds up exactly.

        Each factor is explained by TreeSHAP in its raw score, brought to its own unit by the mean
        slope of its link (`chord`), and the product is shared between its factors by their Shapley
        values.
        """
        matrix = self.design.matrix(frame)
        factors = [
            explain_factor(self.design, learner, matrix)
            for learner in (self.amount, self.buys)
            if learner
        ]
        if self.scale is not None:
            factors.append(self.scale.factor(frame, self.columns))
        learnt = product(self.columns, factors, level=self.level)
        return learnt if self.btyd is None else mean_of(learnt, self.btyd.attribution(frame))


def learn_value(
    frame: pl.DataFrame,
    value: Vector,
    *,
    columns: Sequence[str],
    settings: Value,
    seed: int,
    splits: Sequence[Split],
) -> ValueModel:
    """Fit a plain regression, for a snapshot; "auto" takes the candidate with the least squared
    error on unseen rows.

    Squared error, because the value of a snapshot may be any number; it is proper for a mean.
    """
    design = Design.learn(frame, columns=columns)
    matrix = design.matrix(frame)
    recipes = [
        Recipe(name, "mean", seed=seed, parameters=settings.parameters)
        for name in candidates_of(settings)
    ]

    def loss(recipe: Recipe) -> float:
        unseen = predict_held_out(
            splits, matrix, lambda rows: recipe.trial(matrix[rows], value[rows])
        )
        return float(np.mean((value[unseen.rows] - unseen.predicted) ** 2))

    best = min(recipes, key=loss) if len(recipes) > 1 else recipes[0]
    return ValueModel(design, best.fit(matrix, value))


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
    inputs: IntervalInputs | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def baseline(self) -> TrailingSpend:
        """What the model must beat."""
        assert self.model.horizon_days is not None
        return TrailingSpend(self.model.horizon_days)


def fit_value(training: TrainingSet, settings: Value, *, seed: int) -> FittedValue:
    """Learn from an order log whose target windows brought revenue."""
    if not training.situation.complete_windows:
        return _from_short_windows(training, settings, seed=seed)
    rows = RatioRows.of(training, seed=seed, parameters=settings.parameters)
    names = candidates_of(settings)
    splits = training.splits(seed=seed) if len(names) > 1 else ()
    best = min(names, key=lambda name: rows.loss(name, splits)) if splits else names[0]
    inputs = rows.inputs(best)
    findings = () if rows.ahead is not None else (_no_season(training),)
    return FittedValue(rows.model(best, inputs), inputs, findings)


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
        return buys, recipe.fit(self.matrix[buyers], ratio, weight)

    def loss(self, algorithm: str, splits: Sequence[Split]) -> float:
        """Deviance of unseen rows, in the season of their own windows."""

        def predict(split: Split) -> Vector:
            buys, amount = self.fit_on(algorithm, split.train)
            rows = self.matrix[split.test]
            return self.reference[split.test] * buys.predict(rows) * amount.predict(rows)

        truth = np.concatenate([self.revenue[split.test] for split in splits])
        return tweedie_deviance(truth, np.concatenate([predict(split) for split in splits]))

    def inputs(self, algorithm: str) -> IntervalInputs | None:
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
        mean = expected * (self.revenue.sum() / expected.sum())
        return IntervalInputs(chance, mean, self.reference, self.frame)

    def model(self, algorithm: str, inputs: IntervalInputs | None) -> ValueModel:
        """Fit on all rows; the intervals, around the inputs."""
        buys, amount = self.fit_on(algorithm, np.arange(len(self.bought)))
        expected = self.reference * buys.predict(self.matrix) * amount.predict(self.matrix)
        season = (self.ahead or 1.0) * self.coming
        level = season * float(self.revenue.sum() / expected.sum())
        intervals = self._intervals(inputs, season) if inputs is not None else None
        return ValueModel(
            self.design, amount, buys, self.scale, level, self.horizon_days, intervals
        )

    def _intervals(self, inputs: IntervalInputs, season: float) -> IntervalModel:
        return IntervalModel.fit(
            inputs,
            self.revenue,
            cutoff=self.frame["cutoff_day"].cast(pl.Int64).to_numpy(),
            horizon_days=self.horizon_days,
            season=season,
            seed=self.seed,
        )


def _from_short_windows(training: TrainingSet, settings: Value, *, seed: int) -> FittedValue:
    exponent = horizon_exponent(training.windows, REVENUE)
    design = Design.learn(training.frame, columns=training.columns)
    matrix = design.matrix(training.frame)
    exposure = (training.window / training.horizon_days) ** exponent
    parameters = settings.parameters if settings.algorithm == "lightgbm" else {}
    amount = fit_spend(matrix, training.revenue, exposure, parameters=parameters, seed=seed)
    level = float(training.revenue.sum() / (exposure * amount.predict(matrix)).sum())
    model = ValueModel(design, amount, level=level, horizon_days=training.horizon_days)
    findings: tuple[Finding, ...] = (describe_short_windows("value", training, exponent),)
    btyd = fit_btyd_revenue_of(training, seed=seed)
    if btyd is None:
        return FittedValue(model, findings=findings)
    # Trees know who spends more, and the BTYD models how much there is to come: the total, at the
    # latest cutoff, is theirs.
    latest = training.frame.filter(pl.col("cutoff_day") == training.cutoffs[-1])
    level *= float(btyd[0].revenue(latest).sum() / model.predict(latest).sum())
    return FittedValue(replace(model, level=level, btyd=btyd[0]), findings=(*findings, *btyd[1]))


def fit_btyd_revenue_of(
    training: TrainingSet, *, seed: int
) -> "tuple[BTYDRevenue, tuple[Finding, ...]] | None":
    """Fit the BTYD models of revenue; None where their features are missing, or where all orders
    are worth the same, so that the trees know as much.
    """
    from holdfast.models.purchase_counts import fit_btyd_revenue
    from holdfast.models.purchase_counts.btyd_revenue import INPUTS

    if not set(INPUTS) <= set(training.columns):
        return None
    try:
        return fit_btyd_revenue(
            training.purchases,
            now=training.now,
            horizon_days=training.horizon_days,
            first_day=training.first_day,
            seed=seed,
        )
    except NotEnoughData:
        return None


def _no_season(training: TrainingSet) -> Finding:
    return Finding.note(
        "season-unknown",
        evidence=f"the log covers {training.situation.history_days} days, so no complete window of "
        f"{training.horizon_days} days a year before the coming one was learnt from",
        meaning="If the shop has seasons, the total of expected revenue is that of an average "
        "season.",
        fix=f"use a log of {YEAR_DAYS} days and some months, or raise "
        "backtest.max_training_cutoffs",
    )
