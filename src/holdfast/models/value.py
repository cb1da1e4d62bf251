"""Value: expected net revenue = P(buys) x E[net revenue | buys], in totals that add up.

Revenue has a long tail, so the amount is learnt as a ratio to what the customer's own past suggests
(the yardstick), of windows put on one level by the season, weighted by the yardstick: the ratio is
then small, and its weighted mean is still the mean of the money. In the end one factor makes the
predictions of the training rows add up to their revenue.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Rows, Split, Vector
from holdfast.errors import NotEnoughData
from holdfast.findings import Finding
from holdfast.learners.algorithms import Learner, Parameters, Recipe, learner_from_parts
from holdfast.learners.attribution import explained, mean_of, product
from holdfast.learners.design import Attribution, Design
from holdfast.learners.selection import candidates_of, held_out, tweedie_deviance
from holdfast.models.churn import short_windows
from holdfast.models.prediction_intervals import Outlook, Spread, SpreadModel
from holdfast.models.reference_spend import PAST, Scale, Yardstick, past_of
from holdfast.models.seasonality import YEAR_DAYS, Season
from holdfast.models.short_windows import REVENUE, fit_spend, horizon_exponent
from holdfast.models.training_set import Examples, customer_splits
from holdfast.study import Value

if TYPE_CHECKING:
    from holdfast.models.purchase_counts import SpendLaw

RATIO_DEFAULTS: Mapping[str, Parameters] = {
    "lightgbm": {"objective": "tweedie", "tweedie_variance_power": 1.5, "n_estimators": 60},
    "hist_gradient_boosting": {"loss": "poisson", "max_iter": 60},
    "xgboost": {"objective": "reg:tweedie", "n_estimators": 60},
    "catboost": {"iterations": 60},
    "random_forest": {"min_samples_leaf": 100},
    "ridge": {"alpha": 1000.0},
}
"""Few rounds and large leaves: ratios of money are mostly noise, and a customer's own past says
most.
"""

_FLOOR_SHARE = 0.1


@dataclass(frozen=True)
class ValueModel:
    """A fitted model of value: level x scale x P(buys) x amount.

    Attributes
    ----------
    amount
        E[revenue | buys] over the scale; without `buys` and `scale`, the expected revenue itself.
    buys
        P(buys).
    scale, level
        What the amount is a ratio to; season ahead x the factor that makes training totals add up.
    spread
        Median and intervals; None for a snapshot, and where no full window has ended.
    law
        Where no whole window has ended: the expected revenue is the mean of the learnt one and of
        this, and median and intervals are its own.
    """

    design: Design
    amount: Learner
    buys: Learner | None = None
    scale: Scale | None = None
    level: float = 1.0
    horizon_days: int | None = None
    spread: SpreadModel | None = None
    law: "SpendLaw | None" = None

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
        if self.law is None:
            return expected
        places = {name: matrix[:, self.design.names.index(name)] for name in self.law.inputs}
        return (expected + self.law.revenue(pl.DataFrame(places).fill_nan(None))) / 2

    def outlook(self, frame: pl.DataFrame) -> Outlook:
        """What the spread is predicted from, as in a usual season."""
        assert self.buys is not None
        assert self.scale is not None
        assert self.spread is not None
        matrix = self.design.matrix(frame)
        buys, scale = self.buys.predict(matrix), self.scale.of(frame)
        mean = self.level / self.spread.season * self.amount.predict(matrix) * buys * scale
        return Outlook(buys, mean, scale, frame)

    def spread_of(self, frame: pl.DataFrame) -> Spread | None:
        """Median and intervals of revenue, currency; None where they are not known."""
        if self.spread is not None:
            return self.spread.predict(self.outlook(frame))
        return self.law.spread(frame) if self.law is not None else None

    def raw(self, frame: pl.DataFrame) -> Vector:
        """The expected revenue itself: what is explained is money."""
        return self.predict(frame)

    def contributions(self, frame: pl.DataFrame) -> Attribution:
        """What each column adds to the expected revenue, in currency; adds up exactly.

        Each factor is explained by TreeSHAP in its raw score, brought to its own unit by the mean
        slope of its link (`chord`), and the product is shared between its factors by their Shapley
        values.
        """
        matrix = self.design.matrix(frame)
        factors = [
            explained(self.design, learner, matrix)
            for learner in (self.amount, self.buys)
            if learner
        ]
        if self.scale is not None:
            factors.append(self.scale.factor(frame, self.columns))
        learnt = product(self.columns, factors, level=self.level)
        return learnt if self.law is None else mean_of(learnt, self.law.attribution(frame))

    def parts(self) -> dict[str, bytes]:
        """The model as files; those of P(buys), spread and law start with "buys-", "spread-",
        "spending-".
        """
        own = {
            "scale": asdict(self.scale) if self.scale else None,
            "level": self.level,
            "horizon_days": self.horizon_days,
        }
        buys = self.buys.parts() if self.buys else {}
        spread = self.spread.parts() if self.spread else {}
        law = self.law.parts() if self.law else {}
        return {
            **self.design.parts(),
            "value.json": json.dumps(own).encode(),
            **self.amount.parts(),
            **{f"buys-{name}": data for name, data in buys.items()},
            **{f"spread-{name}": data for name, data in spread.items()},
            **{f"spending-{name}": data for name, data in law.items()},
        }

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> "ValueModel":
        """Rebuild from `parts`, whose hashes have been checked."""
        buys, spread, law = (
            {
                name.removeprefix(prefix): data
                for name, data in parts.items()
                if name.startswith(prefix)
            }
            for prefix in ("buys-", "spread-", "spending-")
        )
        own = json.loads(parts["value.json"])
        scale = own.pop("scale")
        return cls(
            design=Design.from_parts(parts),
            amount=learner_from_parts(
                {n: d for n, d in parts.items() if n in ("trees.txt", "trees.json", "linear.json")}
            ),
            buys=learner_from_parts(buys) if buys else None,
            scale=Scale(**{**scale, "yardstick": Yardstick(**scale["yardstick"])})
            if scale
            else None,
            spread=SpreadModel.from_parts(spread) if spread else None,
            law=_law_from_parts(law) if law else None,
            **own,
        )


def _law_from_parts(parts: Mapping[str, bytes]) -> "SpendLaw":
    # Few models have a law, and its special functions would take a third of a server's start to
    # import.
    from holdfast.models.purchase_counts import SpendLaw

    return SpendLaw.from_parts(parts)


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
        found = held_out(splits, matrix, lambda rows: recipe.trial(matrix[rows], value[rows]))
        return float(np.mean((value[found.rows] - found.predicted) ** 2))

    best = min(recipes, key=loss) if len(recipes) > 1 else recipes[0]
    return ValueModel(design, best.fit(matrix, value))


@dataclass(frozen=True)
class FittedValue:
    """What was learnt of value.

    Attributes
    ----------
    outlook
        What fits that had not seen the customer say of each training row; None where no full window
        has ended.
    """

    model: ValueModel
    outlook: Outlook | None = None
    findings: tuple[Finding, ...] = ()


def fit_value(
    examples: Examples, settings: Value, *, first_day: int, now: int, seed: int
) -> FittedValue:
    """Learn from an order log that starts on `first_day` and is known up to, and without, `now`.

    Raises
    ------
    NotEnoughData
        Nothing was earned in the target windows.
    """
    if not (examples.revenue > 0).any():
        raise NotEnoughData(
            "no customer brought revenue in a target window",
            fix="map an amount, or use a longer log",
        )
    if not examples.complete:
        return _from_short_windows(examples, settings, first_day=first_day, now=now, seed=seed)
    training = Training.of(
        examples, first_day=first_day, now=now, seed=seed, parameters=settings.parameters
    )
    names = candidates_of(settings)
    splits = examples.splits(seed=seed) if len(names) > 1 else ()
    best = min(names, key=lambda name: training.loss(name, splits)) if splits else names[0]
    outlook = training.outlook(best)
    findings = () if training.ahead is not None else (_no_season(examples, first_day, now),)
    return FittedValue(training.model(best, outlook), outlook, findings)


@dataclass(frozen=True)
class Training:
    """The rows of one fit, as arrays.

    Attributes
    ----------
    revenue
        Observed, divided by the season and the promotions of its window, (n_rows,).
    yardstick
        What the customer's own past suggested, (n_rows,).
    coming
        How much livelier promotions make the coming window.
    """

    design: Design
    frame: pl.DataFrame
    matrix: Matrix
    bought: Vector
    revenue: Vector
    yardstick: Vector
    scale: Scale
    ahead: float | None
    coming: float
    horizon_days: int
    seed: int
    parameters: Parameters

    @classmethod
    def of(
        cls, examples: Examples, *, first_day: int, now: int, seed: int, parameters: Parameters
    ) -> "Training":
        """Prepare the rows."""
        horizon, frame = examples.horizon_days, examples.frame
        spent, tenure = past_of(frame)
        seen = np.clip(examples.cutoff - first_day, 1, YEAR_DAYS).astype(np.float64)
        opens_now = examples.turnover is not None and not examples.turnover.opens_midway
        yardstick = Yardstick(
            horizon, _FLOOR_SHARE * _mean_positive(examples.revenue), by_tenure=opens_now
        )
        lengths = yardstick.of(spent, tenure, seen)
        lively, coming = examples.lively(examples.promotions.revenue)
        revenue = examples.revenue / lively
        season = Season.learn(examples.cutoff, revenue, lengths)
        if opens_now and now - first_day < 2 * YEAR_DAYS:
            season = season.tempered()
        ahead = season.ahead(now) or season.ahead_by_turnover(
            now, examples.turnover, horizon_days=horizon
        )
        design = Design.learn(frame, columns=examples.columns)
        return cls(
            design=design,
            frame=frame,
            matrix=design.matrix(frame),
            bought=(~examples.churned).astype(np.float64),
            revenue=revenue if ahead is None else revenue / season.of(examples.cutoff),
            yardstick=lengths,
            scale=Scale(
                yardstick,
                float(min(now - first_day, YEAR_DAYS)),
                float(lengths.mean()),
                float(tenure.mean()),
            ),
            ahead=ahead,
            coming=coming,
            horizon_days=horizon,
            seed=seed,
            parameters=parameters,
        )

    def fitted(self, algorithm: str, rows: Rows) -> tuple[Learner, Learner]:
        """Fit P(buys) and the amount on some rows."""
        chance = "logistic" if algorithm == "ridge" else algorithm
        buys = Recipe(chance, "probability", seed=self.seed).fit(
            self.matrix[rows], self.bought[rows]
        )
        buyers = rows[self.bought[rows] > 0]
        defaults = RATIO_DEFAULTS.get(algorithm, {})
        recipe = Recipe(
            algorithm, "mean", seed=self.seed, parameters=self.parameters, defaults=defaults
        )
        weight = self.yardstick[buyers] / self.yardstick[buyers].mean()
        # A Tweedie likelihood has no negative revenue; the level takes the returns off again.
        ratio = np.maximum(self.revenue[buyers], 0) / self.yardstick[buyers]
        return buys, recipe.fit(self.matrix[buyers], ratio, weight)

    def loss(self, algorithm: str, splits: Sequence[Split]) -> float:
        """Deviance of unseen rows, in the season of their own windows."""

        def predict(split: Split) -> Vector:
            buys, amount = self.fitted(algorithm, split.train)
            rows = self.matrix[split.test]
            return self.yardstick[split.test] * buys.predict(rows) * amount.predict(rows)

        truth = np.concatenate([self.revenue[split.test] for split in splits])
        return tweedie_deviance(truth, np.concatenate([predict(split) for split in splits]))

    def outlook(self, algorithm: str) -> Outlook | None:
        """Say of each row what fits that had not seen the customer predict; None for a handful of
        customers.
        """
        splits = customer_splits(self.frame["customer_id"], seed=self.seed, parts=2)
        if any(len(np.unique(self.bought[split.train])) < 2 for split in splits):
            return None
        chance, said = np.empty(len(self.bought)), np.empty(len(self.bought))
        for split in splits:
            buys, amount = self.fitted(algorithm, split.train)
            rows = self.matrix[split.test]
            chance[split.test] = buys.predict(rows)
            said[split.test] = (
                self.yardstick[split.test] * chance[split.test] * amount.predict(rows)
            )
        return Outlook(chance, said * (self.revenue.sum() / said.sum()), self.yardstick, self.frame)

    def model(self, algorithm: str, outlook: Outlook | None) -> ValueModel:
        """Fit on all rows; the spread, around the outlook."""
        buys, amount = self.fitted(algorithm, np.arange(len(self.bought)))
        said = self.yardstick * buys.predict(self.matrix) * amount.predict(self.matrix)
        level, season = float(self.revenue.sum() / said.sum()), (self.ahead or 1.0) * self.coming
        spread = self._spread(outlook, season) if outlook is not None else None
        return ValueModel(
            self.design, amount, buys, self.scale, season * level, self.horizon_days, spread
        )

    def _spread(self, outlook: Outlook, season: float) -> SpreadModel:
        cutoff = self.frame["cutoff_day"].cast(pl.Int64).to_numpy()
        return SpreadModel.fit(
            outlook,
            self.revenue,
            cutoff=cutoff,
            horizon_days=self.horizon_days,
            season=season,
            seed=self.seed,
        )


def _mean_positive(revenue: Vector) -> float:
    return float(revenue[revenue > 0].mean())


def _from_short_windows(
    examples: Examples, settings: Value, *, first_day: int, now: int, seed: int
) -> FittedValue:
    exponent = horizon_exponent(examples.windows, REVENUE)
    design = Design.learn(examples.frame, columns=examples.columns)
    matrix = design.matrix(examples.frame)
    exposure = (examples.window / examples.horizon_days) ** exponent
    parameters = settings.parameters if settings.algorithm == "lightgbm" else {}
    amount = fit_spend(matrix, examples.revenue, exposure, parameters=parameters, seed=seed)
    level = float(examples.revenue.sum() / (exposure * amount.predict(matrix)).sum())
    model = ValueModel(design, amount, level=level, horizon_days=examples.horizon_days)
    told = short_windows("value", examples, exponent)
    law, findings = _law_of(examples, first_day=first_day, now=now, seed=seed)
    if law is None:
        return FittedValue(model, findings=(told, *findings))
    # Trees know who spends more, and a law how much there is to come: its total, at the latest
    # cutoff, is theirs.
    latest = examples.frame.filter(pl.col("cutoff_day") == examples.cutoffs[-1])
    level *= float(law.revenue(latest).sum() / model.predict(latest).sum())
    return FittedValue(replace(model, level=level, law=law), findings=(told, *findings))


def _law_of(
    examples: Examples, *, first_day: int, now: int, seed: int
) -> "tuple[SpendLaw | None, tuple[Finding, ...]]":
    from holdfast.models.purchase_counts import fit_spend_law
    from holdfast.models.purchase_counts.btyd_revenue import INPUTS

    if examples.purchases is None or not set(INPUTS) <= set(examples.columns):
        return None, ()
    try:
        return fit_spend_law(
            examples.purchases,
            now=now,
            horizon_days=examples.horizon_days,
            first_day=first_day,
            seed=seed,
        )
    except NotEnoughData:
        # All orders are worth the same: the trees know as much as a law would.
        return None, ()


def _no_season(examples: Examples, first_day: int, now: int) -> Finding:
    return Finding.note(
        "season-unknown",
        evidence=f"the log covers {now - first_day} days, so no complete window of "
        f"{examples.horizon_days} days a year before the coming one was learnt from",
        meaning="If the shop has seasons, the total of expected revenue is that of an average "
        "season.",
        fix=f"use a log of {YEAR_DAYS} days and some months, or raise "
        "backtest.max_training_cutoffs",
    )
