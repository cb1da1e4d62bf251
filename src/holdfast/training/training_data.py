"""Training data: the features and labels of every cutoff that a backtest and the final fit need,
built once.
"""

from collections.abc import Sequence

from holdfast.errors import NotEnoughData
from holdfast.evaluation.evidence import TaskName
from holdfast.features import feature_tables
from holdfast.findings import Finding
from holdfast.io.warehouse import Warehouse
from holdfast.models.promotions import Promotions, learn_promotions
from holdfast.models.purchase_counts import (
    CountModel,
    RenewalModel,
    fit_counts,
    fit_renewals,
)
from holdfast.models.training_set import TrainingData, learning_cutoffs
from holdfast.study import Study
from holdfast.windows import backtest_cutoffs, parse_day

ROWS_TO_LEARN_FROM = 400_000
"""Small trees learn nothing more from more rows; above, customers are sampled by a hash of their
name.
"""

CUSTOMERS_TO_COUNT_BY = 25_000
"""A BTYD model has four parameters."""

TASKS: tuple[TaskName, ...] = ("churn", "value")


def horizon_of(study: Study, task: TaskName) -> int:
    """Length of the task's target window, days."""
    return study.churn.horizon_days if task == "churn" else study.value.horizon_days


def promotions_at(study: Study, data: TrainingData, *, now: int) -> Promotions:
    """What is known of the study's promotions at `now`."""
    planned = study.calendar.promotions if study.calendar is not None else ()
    return learn_promotions(planned, data.purchases, first_day=data.first_day, now=now)


def counts_at(
    study: Study, data: TrainingData, *, now: int
) -> tuple[CountModel | RenewalModel, tuple[Finding, ...]]:
    """The count model of what was known at `now`, of contracts that of renewals, and how it was
    learnt.
    """
    if now not in data.counts:
        data.counts[now] = fit_renewals(
            data.purchases, now=now, first_day=data.first_day
        ) or fit_counts(
            data.purchases,
            now=now,
            horizon_days=study.churn.horizon_days,
            first_day=data.first_day,
            seed=study.seed,
            promotions=promotions_at(study, data, now=now).purchases,
        )
    return data.counts[now]


def proving_cutoffs(
    study: Study,
    task: TaskName,
    *,
    first_day: int,
    end_day: int,
    cutoffs: Sequence[int] | None = None,
) -> tuple[int, ...]:
    """Test cutoffs of a task whose target window is complete, in time order; none where nothing
    could be learnt before.

    Those given, or the study's, or else the last ones, a horizon apart. Of the last ones only
    those before which a full window had ended are taken, if there are any.
    """
    horizon, plan = horizon_of(study, task), study.backtest
    wanted = sorted(set(cutoffs or map(parse_day, plan.cutoffs)))
    last = backtest_cutoffs(
        end_day=end_day, horizon_days=horizon, step_days=horizon, count=plan.count
    )
    learnable = [
        c
        for c in wanted or last
        if c + horizon <= end_day
        and learning_cutoffs(study, horizon_days=horizon, first_day=first_day, now=c)
    ]
    if wanted:
        return tuple(learnable)
    complete = [c for c in learnable if first_day + plan.min_history_days + horizon <= c]
    return tuple(complete or learnable[-1:])


def list_cutoffs(
    study: Study, *, first_day: int, end_day: int, cutoffs: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Every cutoff that the tests, the learning before each of them and the final fit read, in time
    order.
    """
    needed: set[int] = set()
    for task in TASKS:
        tests = proving_cutoffs(study, task, first_day=first_day, end_day=end_day, cutoffs=cutoffs)
        needed |= set(tests)
        for now in (*tests, end_day):
            # Where value is tested, every horizon is, and with them churn.
            for days in {horizon_of(study, task), horizon_of(study, "churn")}:
                needed |= set(
                    learning_cutoffs(study, horizon_days=days, first_day=first_day, now=now)
                )
    if needed:
        # The BTYD models predict the level of the customers who are there in the end.
        needed.add(end_day)
    return tuple(sorted(needed))


def read_training_data(
    study: Study,
    warehouse: Warehouse,
    *,
    first_day: int,
    end_day: int,
    cutoffs: Sequence[int] | None = None,
    with_activity: bool | None = None,
) -> TrainingData:
    """Build features and labels once for everything that follows.

    Parameters
    ----------
    end_day
        First day after the log.
    cutoffs
        Test cutoffs, instead of the study's.
    with_activity
        Whether to keep the days that a network learns from; None: where the study asks for one.

    Raises
    ------
    NotEnoughData
        The log is too short for any cutoff.
    """
    needed = list_cutoffs(study, first_day=first_day, end_day=end_day, cutoffs=cutoffs)
    if not needed:
        raise NotEnoughData(
            f"a log of {end_day - first_day} days has no cutoff to learn from",
            fix="use a longer log, shorter horizons, or a smaller backtest.min_history_days",
        )
    features = feature_tables.features(
        study, warehouse, needed, customers_at_most=ROWS_TO_LEARN_FROM // len(needed)
    )
    with_days = study.asks_for_sequence if with_activity is None else with_activity
    return TrainingData(
        features=features,
        activity=feature_tables.activity(warehouse, features["customer_id"]) if with_days else None,
        labels=feature_tables.labels(study, warehouse, features, end_day=end_day),
        purchases=feature_tables.purchases(
            study, warehouse, customers_at_most=CUSTOMERS_TO_COUNT_BY
        ),
        first_day=first_day,
        end_day=end_day,
    )
