"""Who predicts: trees on aggregates, the same with the last gaps and baskets, hazards of person-
periods, the product, and pools of two.

Each answers P(no purchase in the horizon) of the customers of a case, learnt from what had happened
by its cutoff.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import lightgbm
import numpy as np
import polars as pl

from bench._sequence_cases import Case
from holdfast.arrays import Matrix, Vector
from holdfast.evaluation.evidence import TaskName
from holdfast.features.catalogue import FEATURES
from holdfast.features.recent_days import add_recent_days
from holdfast.learners.algorithms import Recipe
from holdfast.learners.design import Design
from holdfast.learners.link_functions import log_odds, logistic, pool_chances
from holdfast.models.sequence.model import SequenceModel
from holdfast.models.sequence.training import fit_sequence
from holdfast.models.training_set import training_set_at
from holdfast.study import eligible_days
from holdfast.training.fit import FittedTask, fit_task
from holdfast.training.training_data import promotions_at

Member = Callable[[Case], Vector]

_TREES = {"n_estimators": 150, "num_leaves": 15, "learning_rate": 0.05}
_EDGES = (0, 7, 14, 21, 30, 45, 60, 75, 90, 120, 150, 180, 230, 273, 365)
_CUTOFFS_A_CUSTOMER = 10
_CALENDAR = {feature.name for feature in FEATURES if feature.group == "calendar"}


def trees(case: Case) -> Vector:
    """LightGBM on the study's FEATURES at its cutoffs, uncalibrated."""
    study, now = case.study, case.now
    training = training_set_at(
        study,
        case.data,
        horizon_days=case.horizon_days,
        now=now,
        promotions=promotions_at(study, case.data, now=now),
    )
    design = Design.learn(training.frame, columns=training.columns)
    recipe = Recipe("lightgbm", "probability", seed=study.seed, parameters=_TREES)
    learner = recipe.fit(design.matrix(training.frame), training.churned.astype(np.float64))
    return learner.predict(design.matrix(case.frame))


def product(case: Case) -> Vector:
    """What the study's own model says."""
    return fit_task(case.study, "churn", case.data, now=case.now).model.predict(case.frame)


def with_lags(member: Member) -> Member:
    """The same member, to whom the last four gaps and baskets are features too."""

    def predict(case: Case) -> Vector:
        return member(replace(case, data=replace(case.data, features=case.lagged)))

    return predict


def person_periods(case: Case) -> Vector:
    """LightGBM on hazards: a row for each customer, cutoff and bin of time that had ended by now,
    so that windows which have not ended teach, too.
    """
    rows = _dense_rows(case)
    edges = [0, *(edge for edge in _EDGES[1:] if edge < case.horizon_days), case.horizon_days]
    columns = [
        name
        for name, dtype in rows.schema.items()
        if dtype.is_numeric() and name not in ("cutoff_day", "waited", "_row") and
        name not in _CALENDAR
    ]  # fmt: skip
    design = Design.learn(rows, columns=columns)
    matrix, waited = design.matrix(rows), rows["waited"].to_numpy()
    seen_days = case.now - rows["cutoff_day"].to_numpy()
    parts, targets = [], []
    for first, end in pairwise(edges):
        at_risk = (waited >= first) & (end <= seen_days)
        parts.append(_in_bin(matrix[at_risk], first, end))
        targets.append((waited[at_risk] < end).astype(np.float64))
    hazards = lightgbm.LGBMClassifier(
        **_TREES, min_child_samples=50, n_jobs=1, random_state=case.study.seed,
        deterministic=True, force_row_wise=True, verbosity=-1,
    ).fit(np.concatenate(parts), np.concatenate(targets))  # fmt: skip
    today, silent = design.matrix(case.frame), np.ones(case.frame.height)
    for first, end in pairwise(edges):
        silent *= hazards.predict_proba(_in_bin(today, first, end))[:, 0]
    return silent


def _in_bin(matrix: Matrix, first: int, end: int) -> Matrix:
    n = len(matrix)
    return np.column_stack([matrix, np.full(n, float(first)), np.full(n, float(end - first))])


def _dense_rows(case: Case) -> pl.DataFrame:
    """At most ten of the dense cutoffs of each customer, with the days that the customer then let
    pass until the next purchase (a large number: none before `now`).
    """
    rng = np.random.default_rng(case.study.seed)
    before = case.dense.filter(pl.col("cutoff_day") < case.now)
    drawn = (
        before.with_columns(_row=pl.Series(rng.random(before.height)))
        .filter(pl.col("_row").rank().over("customer_id") <= _CUTOFFS_A_CUSTOMER)
        .sort("cutoff_day", "customer_id")
    )
    bought = (
        case.activity.filter(pl.col("n_orders") > 0, pl.col("day") < case.now)
        .select("customer_id", next_day="day")
        .sort("next_day")
    )
    followed = drawn.join_asof(
        bought, left_on="cutoff_day", right_on="next_day", by="customer_id", strategy="forward",
        check_sortedness=False,
    )  # fmt: skip
    waited = (pl.col("next_day") - pl.col("cutoff_day")).fill_null(10**6)
    return followed.with_columns(waited=waited).drop("next_day")


def at_level_of(one: Vector, other: Vector) -> Vector:
    """The first, shifted in log-odds until its mean is the other's."""
    raw, low, high = log_odds(one), -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if logistic(raw + middle).mean() < other.mean() else (low, middle)
        )
    return logistic(raw + (low + high) / 2)


def halves(one: Vector, other: Vector) -> Vector:
    """Mean of the log-odds, the other first put at the level of the one."""
    return pool_chances(one, at_level_of(other, one), 0.5)


def fit_network(case: Case) -> SequenceModel:
    """The network of what was known by the case's cutoff, without money; fitted once, for the pool
    too.
    """
    study, data, key = case.study, case.data, (case.now, None)
    if key not in data.networks:
        data.networks[key] = fit_sequence(
            case.activity,
            first_day=data.first_day,
            now=case.now,
            eligible_days=eligible_days(study.churn.eligible),
            money_horizon_days=None,
            minor_digits=study.minor_digits,
            seed=study.seed,
        )
    return data.networks[key]


def with_days(case: Case) -> pl.DataFrame:
    """The case's frame with what a network reads."""
    return add_recent_days(case.frame, case.activity)


def network(case: Case) -> Vector:
    """The network alone, at no other's level."""
    return fit_network(case).silent(with_days(case), case.horizon_days)


def fit_pool(case: Case, task: TaskName) -> FittedTask:
    """What the study fits that asks for a network."""
    asks = getattr(case.study, task).model_copy(update={"algorithm": "sequence"})
    study = case.study.model_copy(update={task: asks})
    data = replace(case.data, activity=case.activity)
    return fit_task(study, task, data, now=case.now)


def pool(case: Case) -> Vector:
    """The product with a network in its pool."""
    return fit_pool(case, "churn").model.predict(with_days(case))
