"""Score changes: why scores are not those of the champion before, found while a run is made.

In order: time passing is the old model on what the customer would look like had nothing happened
since; behaviour is what the customer did since, by the same model, and what became known since of
the days before; the rest of the change is the new model's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from holdfast import tables
from holdfast.arrays import Floats, Vector
from holdfast.errors import DataError, HoldfastError, RunError
from holdfast.explain.changes import Shift, State, move_to, score, share_move, tell_shift
from holdfast.explain.wording import Wording
from holdfast.features import feature_tables
from holdfast.io.warehouse import Warehouse
from holdfast.learners.link_functions import log_odds, logistic, mean_slope
from holdfast.models.fitted_models import Model
from holdfast.serving.load import load_models, load_study
from holdfast.storage.runs import Registry, Run
from holdfast.study import Study
from holdfast.windows import date_of

CORRECTED = "what the source now says of the days before"
NAMES = ("changes", "change_reasons", "change_sums")
_PREDICTION = {"churn": "churn_probability", "value": "expected_revenue"}
_SAME, _NOISE, _CHECKED = 1e-6, 1e-9, 200
_ROWS_AT_ONCE = 20_000

Known = Callable[[int, Sequence[int]], list[pl.DataFrame]]
"""(day, cutoffs) -> the features at each cutoff, as if nothing had happened from that day on."""


@dataclass(frozen=True)
class ScoreChanges:
    """The tables of `NAMES`, and what the run's summary says of them."""

    summary: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class Now:
    """What the run that is being made says of its customers.

    Attributes
    ----------
    known
        None for a snapshot, in which no time passes.
    """

    study: Study
    models: Mapping[str, Model]
    frame: pl.DataFrame
    scores: pl.DataFrame
    wording: Wording
    known: Known | None = None


def known_features(study: Study, warehouse: Warehouse) -> Known:
    """Features as if nothing had happened since a day, from the log that the warehouse holds."""

    def read_as_of(day: int, cutoffs: Sequence[int]) -> list[pl.DataFrame]:
        table = feature_tables.features(
            study,
            warehouse,
            cutoffs,
            known_before=day,
            recent_days=study.asks_for_sequence,
        )
        return [table.filter(cutoff_day=cutoff) for cutoff in cutoffs]

    return read_as_of


def champion_before(registry: Registry) -> Run | None:
    """The run whose scores were acted on until now; None where there is none, or none that can be
    read, which is told.
    """
    if not registry.run_ids():
        return None
    try:
        return registry.open()
    except RunError as error:
        registry.tell(f"why scores changed is not told: {error.problem}")
        return None


def find_changes(now: Now, before: Run) -> ScoreChanges:
    """Explain each change since the run before; where that cannot be done, say why."""
    summary: dict[str, Any] = {
        "since": before.run_id,
        "since_date": date_of(before.summary["cutoff_day"]).isoformat(),
    }
    try:
        models = _comparable_models(now, before)
        states = _join_states(now, before)
    except HoldfastError as error:
        return ScoreChanges({**summary, "not_told": error.problem})
    parts, not_told = {}, {}
    for task, model in models.items():
        try:
            _check_published(task, model, before)
            parts[task] = _explain_task(task, model, states, now)
        except DataError as error:
            not_told[task] = f"the models before read what the data no longer have: {error.problem}"
        except RunError as error:
            not_told[task] = error.problem
    made = {name: _concat(name, [part[name] for part in parts.values()]) for name in NAMES}
    counts = _count(now.scores, before.table("scores"), explained=states.ids)
    return ScoreChanges({**summary, **counts, "tasks_not_told": not_told}, made)


def _concat(name: str, parts: list[pl.DataFrame]) -> pl.DataFrame:
    contract: tables.Contract = getattr(tables, name.upper())
    columns = contract.schema.names()
    return contract.check(pl.concat([contract.empty(), *(part.select(columns) for part in parts)]))


def _comparable_models(now: Now, before: Run) -> dict[str, Model]:
    """The models before, of the tasks that both runs ask in the same way."""
    then = load_study(before)
    if then.name != now.study.name or (then.snapshot is None) != (now.study.snapshot is None):
        kinds = [
            "an order log" if each.snapshot is None else "a snapshot" for each in (then, now.study)
        ]
        raise RunError(
            f"run {before.run_id} is of another study: '{then.name}', {kinds[0]}, not "
            f"'{now.study.name}', {kinds[1]}"
        )
    horizons = {"churn": (then.churn, now.study.churn), "value": (then.value, now.study.value)}
    if now.study.snapshot is None:
        for task, (past, today) in horizons.items():
            if past.horizon_days != today.horizon_days:
                raise RunError(
                    f"{task} is asked over {today.horizon_days} days now and was over "
                    f"{past.horizon_days} in run {before.run_id}: answers to two questions"
                )
    models = load_models(before)
    return {task: model for task, model in models.items() if task in now.models}


@dataclass(frozen=True)
class _States:
    """The customers of both runs, in one order: their scores then, their features then, as if
    nothing had happened since (None where no time has passed), and now.
    """

    scores: pl.DataFrame
    then: pl.DataFrame
    aged: pl.DataFrame | None
    today: pl.DataFrame

    @property
    def ids(self) -> pl.DataFrame:
        """customer_id."""
        return self.today.select("customer_id")

    def part(self, start: int) -> "_States":
        """Some of the customers."""
        rows = slice(start, start + _ROWS_AT_ONCE)
        aged = None if self.aged is None else self.aged[rows]
        return _States(self.scores[rows], self.then[rows], aged, self.today[rows])


def _join_states(now: Now, before: Run) -> _States:
    scores = before.table("scores")
    first, last = (int(each["cutoff_day"][0]) for each in (scores, now.frame))
    if first > last:
        raise RunError(f"run {before.run_id} stands at a later day, {date_of(first)}")
    if now.known is None or first == last:
        then, aged = before.table("features"), None
    else:
        # From today's source, both: what became known late is not taken for time passing.
        then, aged = now.known(first, (first, last))
    ids = now.frame.select("customer_id")
    for other in (scores, then, *([] if aged is None else [aged])):
        ids = ids.join(other, on="customer_id", how="semi", maintain_order="left")
    if ids.is_empty():
        raise RunError(f"no customer is in both this run and run {before.run_id}")
    older = None if aged is None else _in_order(ids, aged)
    return _States(_in_order(ids, scores), _in_order(ids, then), older, _in_order(ids, now.frame))


def _in_order(ids: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    return ids.join(table, on="customer_id", how="left", maintain_order="left")


def _explain_task(task: str, model: Model, states: _States, now: Now) -> dict[str, pl.DataFrame]:
    after = _in_order(states.ids, now.scores)
    parts = [
        _explain_rows(task, model, states.part(start), after[start : start + _ROWS_AT_ONCE], now)
        for start in range(0, after.height, _ROWS_AT_ONCE)
    ]
    made = {name: pl.concat(part[name] for part in parts) for name in NAMES}
    keys, sums = ["segment", "task", "part", "feature"], ["customers", "contribution", "points"]
    by_key = made["change_sums"].group_by(keys, maintain_order=True)
    return {**made, "change_sums": by_key.agg(pl.col(sums).sum())}


def _check_published(task: str, model: Model, before: Run) -> None:
    """Refuse models that no longer give what their run published: their changes would be ours."""
    features = pl.scan_parquet(before.file("tables/features.parquet")).head(_CHECKED).collect()
    scores = _in_order(features.select("customer_id"), before.table("scores"))
    gap = score(model, features) - _scale(task, scores[_PREDICTION[task]])
    if float(np.abs(gap).max()) > _SAME:
        raise RunError(
            f"the {task} model before no longer gives what run {before.run_id} published"
        )


def _scale(task: str, predictions: pl.Series) -> Vector:
    """Predictions as changes are told of them."""
    values = predictions.to_numpy()
    return log_odds(values) if task == "churn" else values


def _explain_rows(
    task: str, model: Model, states: _States, after: pl.DataFrame, now: Now
) -> dict[str, pl.DataFrame]:
    was, is_now = states.scores[_PREDICTION[task]], after[_PREDICTION[task]]
    before = _scale(task, was)
    start = State.of(model, states.then)
    aged = start if states.aged is None else State.of(model, states.aged)
    moved = move_to(model, aged, states.today)
    time = share_move(model, start, aged)
    behaviour = moved.with_reason(CORRECTED, _source_correction(start.score, before))
    path = _Path(task, before, _scale(task, is_now), time, behaviour)
    top, wording = now.study.explain.reasons, now.wording
    reasons = {
        "time": tell_shift(time, start.rows, aged.rows, wording=wording, top=top),
        "behaviour": tell_shift(behaviour, aged.rows, states.today, wording=wording, top=top),
    }
    return {
        "changes": states.ids.with_columns(path.moves(), before=was, after=is_now),
        "change_reasons": pl.concat(
            rows.with_columns(task=pl.lit(task), part=pl.lit(part))
            for part, rows in reasons.items()
        ),
        "change_sums": path.sums(after["segment"], was, is_now),
    }


def _source_correction(from_today: Vector, published: Vector) -> Vector:
    """What the old model says otherwise because the source does."""
    gap = from_today - published
    return np.where(np.abs(gap) > _NOISE * (1 + np.abs(published)), gap, 0.0)


@dataclass(frozen=True)
class _Path:
    """How scores got from one run to the other, each array (n_customers,)."""

    task: str
    before: Vector
    after: Vector
    time: Shift
    behaviour: Shift

    @property
    def model(self) -> Vector:
        """What is left for the new model."""
        return np.asarray(self.after - self.before - self.time.total - self.behaviour.total)

    def moves(self) -> list[pl.Series]:
        """The parts as columns of CHANGES."""
        task = pl.repeat(self.task, len(self.before), eager=True).alias("task")
        parts = (self.time.total, self.behaviour.total, self.model)
        named = zip(("time", "behaviour", "model"), parts, strict=True)
        return [task, *(pl.Series(name, values) for name, values in named)]

    def sums(self, segment: pl.Series, was: pl.Series, now: pl.Series) -> pl.DataFrame:
        """CHANGE_SUMS of the customers."""
        names = segment.unique().sort()
        member = (names.to_numpy()[:, None] == segment.to_numpy()).astype(np.float64)
        start = self.before + self.time.total
        parts = [
            ("time", self.time, self._slope(self.before, start)),
            ("behaviour", self.behaviour, self._slope(start, start + self.behaviour.total)),
        ]
        points = [now.to_numpy() - was.to_numpy()]
        rows = []
        for part, moved, slope in parts:
            values = np.column_stack([moved.rest, moved.values])
            rows.append(_rows(part, ("", *moved.columns), member, values, values * slope[:, None]))
            points.append(-moved.total * slope)
        ends = (("before", self.before, was), ("after", self.after, now))
        rows += [_rows(p, ("",), member, v[:, None], q.to_numpy()[:, None]) for p, v, q in ends]
        left = np.sum(points, axis=0)[:, None]
        rows.append(_rows("model", ("",), member, self.model[:, None], left))
        counts = pl.DataFrame({"segment": names, "customers": member.sum(axis=1).astype(np.int64)})
        totals = pl.concat(rows).with_columns(
            segment=pl.col("place").replace_strict(range(len(names)), names.to_list()),
            task=pl.lit(self.task),
        )
        return totals.join(counts, on="segment", maintain_order="left").select(_SUMS)

    def _slope(self, start: Vector, end: Vector) -> Vector:
        """Points per unit of the score, between two scores."""
        return mean_slope(logistic, start, end) if self.task == "churn" else np.ones(len(start))


_SUMS = tables.CHANGE_SUMS.schema.names()


def _rows(
    part: str, features: tuple[str, ...], member: Floats, values: Floats, points: Floats
) -> pl.DataFrame:
    """A row per group and feature: place (of the group), part, feature, contribution, points."""
    n_groups = len(member)
    return pl.DataFrame(
        {
            "place": np.repeat(np.arange(n_groups), len(features)),
            "part": pl.repeat(part, n_groups * len(features), eager=True),
            "feature": pl.Series(list(features) * n_groups, dtype=pl.String),
            "contribution": (member @ values).ravel(),
            "points": (member @ points).ravel(),
        }
    )


def _count(now: pl.DataFrame, before: pl.DataFrame, *, explained: pl.DataFrame) -> dict[str, Any]:
    """How many are in both runs, and what those bring who are in only one."""
    only = {
        "new": now.join(before, on="customer_id", how="anti"),
        "gone": before.join(now, on="customer_id", how="anti"),
    }
    both = now.height - only["new"].height
    return {"customers": explained.height, "unmatched": both - explained.height} | {
        name: {
            "customers": each.height,
            "churn_probability": each["churn_probability"].mean(),
            "expected_revenue": float(each["expected_revenue"].sum()),
        }
        for name, each in only.items()
    }
