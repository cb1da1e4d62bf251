"""The network's place in the pool: how much it says beside the trees and the BTYD models is learnt
out of time.

At earlier cutoffs, a horizon apart, all members are fitted as they would have been then, each is
put at the level that came, and the pool is asked how much better it predicts with more of the
network. Its weight is the one whose gain is best at its lower end, so that a gain that may be
chance counts for nothing and a clear one may take all of the pool (decision 100).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from holdfast.arrays import Split, Vector, share_of
from holdfast.evaluation.evidence import TaskName
from holdfast.features.recent_days import add_recent_days
from holdfast.findings import Finding
from holdfast.learners.calibration import BetaCalibration
from holdfast.learners.link_functions import log_odds, pool_chances
from holdfast.metrics import log_losses, tweedie_deviances
from holdfast.models.churn import ChurnModel, predict_past_churn
from holdfast.models.level_adjustment import find_power
from holdfast.models.purchase_counts import RenewalModel, fit_btyd_silence
from holdfast.models.sequence.model import SequenceModel
from holdfast.models.sequence.training import fit_sequence
from holdfast.models.sequence_member import SequenceRevenue, SequenceSilence
from holdfast.models.training_set import TrainingData, TrainingSet
from holdfast.models.value import ValueModel
from holdfast.models.value_fitting import RatioRows, fit_btyd_revenue_of
from holdfast.progress import Listener, Silence
from holdfast.study import Study, eligible_days
from holdfast.training.training_data import counts_at
from holdfast.windows import date_of

_PROOFS = 2  # decision 100
_WEIGHTS = np.linspace(0.0, 1.0, 21)
_DOUBT = 1.645  # decision 100
_LEAST_WEIGHT = 0.05
_LEAST_CUSTOMERS, _LEAST_DAYS = 1_000, 5_000  # decision 101


@dataclass(frozen=True)
class Fold:
    """What all others and the network said at an earlier cutoff, at the level that came, and what
    came: (n_rows,) each.
    """

    customer_id: pl.Series
    truth: Vector
    others: Vector
    network: Vector


Losses = Callable[[Fold, float], Vector]
"""Of a fold's rows, with a weight of the network."""


def join_churn(
    study: Study,
    data: TrainingData,
    training: TrainingSet,
    churn: ChurnModel,
    today: pl.DataFrame,
) -> tuple[ChurnModel, tuple[Finding, ...]]:
    """Let a network join the pool of churn, as far as it proved to help; and say why it did not.

    Parameters
    ----------
    churn
        The pool of all others, at its level.
    today
        Features of the customers at the cutoff, with their recent days.

    Raises
    ------
    MissingExtra
        PyTorch is not installed.
    """
    members = _Members(study, data, training)
    if (refused := members.refuse("churn")) is not None:
        return churn, (refused,)
    folds = members.churn_folds(churn)
    weight = learn_weight(folds, churn_losses)
    if weight < _LEAST_WEIGHT:
        return churn, (_say_not_kept("churn", folds),)
    network, days = members.network(training.now), training.horizon_days
    silent = network.silent(today, days)
    power = find_power(silent, float(churn.predict(today).mean()))
    usual = float(log_odds(silent**power).mean())
    return replace(churn, sequence=SequenceSilence(network, days, weight, power, usual)), ()


def join_value(
    study: Study,
    data: TrainingData,
    training: TrainingSet,
    value: ValueModel,
    today: pl.DataFrame,
) -> tuple[ValueModel, tuple[Finding, ...]]:
    """Let a network join the pool of value, as `join_churn` does for churn."""
    members = _Members(study, data, training)
    if (refused := members.refuse("value")) is not None:
        return value, (refused,)
    folds = members.value_folds(value)
    weight = learn_weight(folds, value_losses)
    if weight < _LEAST_WEIGHT:
        return value, (_say_not_kept("value", folds),)
    network = members.network(training.now)
    revenue = network.revenue(today)
    if revenue is None:
        return value, (_say_not_kept("value", folds),)
    factor = share_of(float(value.predict(today).sum()), float(revenue.sum()))
    usual = float((factor * revenue).mean())
    return replace(value, sequence=SequenceRevenue(network, weight, factor, usual)), ()


def learn_weight(folds: Sequence[Fold], losses: Losses) -> float:
    """The weight of the network, 0 to 1, whose gain over a pool without it is best at the lower end
    of its 90 % interval; customers are independent, a customer's rows are not. 0 without any fold.
    """
    if not folds:
        return 0.0
    names = pl.concat([fold.customer_id for fold in folds])
    customer = names.rank("dense").to_numpy() - 1
    none = np.concatenate([losses(fold, 0.0) for fold in folds])
    ends = [0.0]
    for weight in _WEIGHTS[1:]:
        gain = none - np.concatenate([losses(fold, float(weight)) for fold in folds])
        each = np.bincount(customer, weights=gain)
        ends.append(float(each.sum() - _DOUBT * np.sqrt(len(each)) * each.std()))
    return float(_WEIGHTS[int(np.argmax(ends))])


def churn_losses(fold: Fold, weight: float) -> Vector:
    """Log loss of each row, the pool put at the level that came once more."""
    pooled = pool_chances(fold.others, fold.network, weight)
    return log_losses(fold.truth, _at_share(pooled, float(fold.truth.mean())))


def value_losses(fold: Fold, weight: float) -> Vector:
    """Deviance of each row, all members having the total that came."""
    return tweedie_deviances(fold.truth, fold.others * (1 - weight) + fold.network * weight)


@dataclass(frozen=True)
class _OfCutoff(Silence):
    """Tells of which cutoff the network is."""

    cutoff: int
    listener: Listener

    def advance(self, step: str, what: str, *, done: int, total: int) -> None:
        """Tell it."""
        self.listener.advance(
            step, f"network as of {date_of(self.cutoff)}, {what}", done=done, total=total
        )


@dataclass(frozen=True)
class _Members:
    """All that can be asked of a task's members at a cutoff."""

    study: Study
    data: TrainingData
    training: TrainingSet

    def network(self, now: int) -> SequenceModel:
        """The network of what was known at `now`; fitted once for all that ask."""
        study, data = self.study, self.data
        assert data.activity is not None
        earns = study.value.asks_for_sequence and "spend_total" in data.features.columns
        key = now, study.value.horizon_days if earns else None
        if key not in data.networks:
            data.networks[key] = fit_sequence(
                data.activity,
                first_day=data.first_day,
                now=now,
                eligible_days=eligible_days(study.churn.eligible),
                money_horizon_days=key[1],
                minor_digits=study.minor_digits,
                seed=study.seed,
                settings=study.sequence,
                newly_opened=self.training.situation.newly_opened,
                listener=_OfCutoff(now, data.listener),
            )
        return data.networks[key]

    def refuse(self, task: TaskName) -> Finding | None:
        """Why no network can join, if so."""
        training = self.training
        horizon_days = training.horizon_days
        if not training.situation.complete_windows:
            return Finding.of(
                "{task}-sequence-without-windows", task=task, horizon_days=horizon_days
            )
        counts, _ = counts_at(self.study, self.data, now=training.now)
        if isinstance(counts, RenewalModel):
            return Finding.of("{task}-sequence-of-contracts", task=task)
        assert self.data.activity is not None
        customers = training.frame["customer_id"].n_unique()
        days = self.data.activity.filter(pl.col("day") < training.now).height
        if customers < _LEAST_CUSTOMERS or days < _LEAST_DAYS:
            return Finding.of(
                "{task}-sequence-too-small",
                task=task,
                customers=customers,
                days=days,
                least_customers=_LEAST_CUSTOMERS,
                least_days=_LEAST_DAYS,
            )
        if not self.past_splits:
            return Finding.of("{task}-sequence-unproved", task=task, horizon_days=horizon_days)
        return None

    @property
    def past_splits(self) -> list[Split]:
        """Cutoffs to prove the network at: those nearest to whole horizons before now, which are
        test cutoffs too, so that hardly a network is fitted for this alone.
        """
        training = self.training
        if not training.split_in_time:
            return []
        first, days = training.cutoffs[0], training.horizon_days
        later = [cutoff for cutoff in training.cutoffs if first + days <= cutoff]
        wanted = (training.now - k * days for k in range(1, _PROOFS + 1))
        nearest = {min(later, key=lambda cutoff: abs(cutoff - day)) for day in wanted}
        return [training.split_at(cutoff) for cutoff in sorted(nearest)]

    def churn_folds(self, churn: ChurnModel) -> list[Fold]:
        """All members as of earlier cutoffs; but for those where all did the same."""
        truth = self.training.churned.astype(np.float64)
        return [
            self._churn_fold(churn, split, truth[split.test])
            for split in self.past_splits
            if all(0 < truth[rows].mean() < 1 for rows in (split.train, split.test))
        ]

    def _churn_fold(self, churn: ChurnModel, split: Split, truth: Vector) -> Fold:
        training, share = self.training, float(truth.mean())
        frame, cutoff = self._past_frame(split)
        settings = self.study.churn.of_table
        learnt = predict_past_churn(training, churn, settings, split, seed=self.study.seed)
        others = _at_share(learnt, share)
        if churn.btyd is not None:
            counts, _ = counts_at(self.study, self.data, now=cutoff)
            btyd = fit_btyd_silence(counts, frame, horizon_days=training.horizon_days, now=cutoff)
            others = pool_chances(others, _at_share(btyd.silent(frame), share), churn.btyd.weight)
        own = self.network(cutoff).silent(frame, training.horizon_days)
        own, others = _at_share(own, share), _at_share(others, share)
        return Fold(frame["customer_id"], truth, others, own)

    def value_folds(self, value: ValueModel) -> list[Fold]:
        """As `churn_folds`; but for those where nothing was earned."""
        parameters = self.study.value.of_table.parameters
        rows = RatioRows.of(self.training, seed=self.study.seed, parameters=parameters)
        folds = [
            self._value_fold(value, rows, split)
            for split in self.past_splits
            if 0 < rows.bought[split.train].mean() < 1 and self.training.revenue[split.test].any()
        ]
        return [fold for fold in folds if fold is not None]

    def _value_fold(self, value: ValueModel, rows: RatioRows, split: Split) -> Fold | None:
        frame, cutoff = self._past_frame(split)
        truth = np.maximum(self.training.revenue[split.test], 0)
        own = self.network(cutoff).revenue(frame)
        if own is None:
            return None
        total = float(truth.sum())
        others = _at_total(rows.predict_past(value.amount.algorithm, split), total)
        counts, _ = counts_at(self.study, self.data, now=cutoff)
        btyd = fit_btyd_revenue_of(self.training.before(cutoff), counts)
        if value.btyd is not None and btyd is not None:
            expected = _at_total(btyd.revenue(frame), total)
            others = others * (1 - btyd.weight) + expected * btyd.weight
        return Fold(frame["customer_id"], truth, others, _at_total(own, total))

    def _past_frame(self, split: Split) -> tuple[pl.DataFrame, int]:
        """The rows of a cutoff with their recent days, and the cutoff."""
        assert self.data.activity is not None
        frame = add_recent_days(self.training.frame[split.test], self.data.activity)
        return frame, int(frame["cutoff_day"][0])


def _at_share(probability: Vector, share: float) -> Vector:
    """The same log-odds but for a constant, so that the mean is the share of those who churned."""
    return BetaCalibration().with_mean(probability, share).apply(probability)


def _at_total(money: Vector, total: float) -> Vector:
    return money * share_of(total, float(money.sum()))


def _say_not_kept(task: TaskName, folds: Sequence[Fold]) -> Finding:
    rows = sum(len(fold.truth) for fold in folds)
    return Finding.of("{task}-sequence-not-kept", task=task, rows=rows, cutoffs=len(folds))
