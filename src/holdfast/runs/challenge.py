"""Challenge: a new run against the published one, before it may take that one's place."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from holdfast.errors import HoldfastError, NotEnoughData, RunError
from holdfast.evaluation.evidence import OBSERVED, PREDICTED, Evidence, TaskName
from holdfast.findings import Finding
from holdfast.models.training_set import TrainingData
from holdfast.monitor.challenger import RIVAL, Contest, describe_contest, hold_contest
from holdfast.serving.load import load_models
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.training.fit import tasks_of
from holdfast.training.training_data import horizon_of
from holdfast.windows import date_of, parse_day

_KEYS = ["customer_id", "cutoff_day"]


@dataclass(frozen=True)
class Challenge:
    """How a new run stands beside the published one.

    Attributes
    ----------
    contests
        Task -> the comparison and the run that it was held with.
    not_held
        Task -> why there is none.
    """

    contests: Mapping[TaskName, tuple[Contest, str]] = field(default_factory=dict)
    not_held: Mapping[TaskName, str] = field(default_factory=dict)

    def worse(self, study: Study) -> list[tuple[Contest, str]]:
        """Those that the new run loses for certain."""
        by = study.monitor.worse_by
        return [each for each in self.contests.values() if each[0].is_worse(by=by)]

    def is_refused(self, study: Study) -> bool:
        """Whether the run is not to be published."""
        return study.monitor.challenger == "refuse" and bool(self.worse(study))

    def findings(self, study: Study) -> list[Finding]:
        """What of it must be known."""
        refused = self.is_refused(study)
        return [
            describe_contest(contest, rival=rival, refused=refused)
            for contest, rival in self.worse(study)
        ]

    def as_dict(self, study: Study) -> dict[str, Any]:
        """As plain values."""
        return {
            "refused": self.is_refused(study),
            "contests": [
                {**contest.as_dict(), "published": rival, "worse": contest in self._losses(study)}
                for contest, rival in self.contests.values()
            ],
            "not_held": dict(self.not_held),
        }

    def _losses(self, study: Study) -> list[Contest]:
        return [contest for contest, _ in self.worse(study)]


def challenge(
    study: Study,
    data: TrainingData,
    proof: Evidence,
    published: Iterable[Run],
    *,
    by_rule: Collection[TaskName],
) -> Challenge:
    """Hold a new run against the published one, at its test cutoffs.

    The published run has learnt from all that lay before its own day, so it is asked at test
    cutoffs from that day on. Where it is younger than all of them, the newest of its forerunners
    stands in for it: once published, of the same study to the letter, and old enough.

    Parameters
    ----------
    by_rule
        Tasks of which the new run publishes the naive baseline.
    """
    contests, not_held = {}, {}
    lineage = list(_lineage(published)) if study.monitor.challenger != "off" else []
    for task in tasks_of(study) if lineage else ():
        champion, baseline = PREDICTED[task]
        predictions = proof.predictions
        if task in by_rule:
            predictions = predictions.with_columns(pl.col(baseline).alias(champion))
        tested = predictions.drop_nulls([OBSERVED[task], champion])
        try:
            rival = _find_rival(lineage, tested)
            rows = tested.join(_ask_rival(study, data, rival, task, tested), on=_KEYS)
            contest = hold_contest(task, rows, seed=study.seed)
        except HoldfastError as error:
            not_held[task] = error.problem
            continue
        if contest is not None:
            contests[task] = contest, rival.run_id
    return Challenge(contests, not_held)


def _lineage(published: Iterable[Run]) -> Iterator[Run]:
    """The published run, and its forerunners of the same study."""
    first: Run | None = None
    for run in published:
        first = first or run
        if run.manifest.get("study_sha256") == first.manifest.get("study_sha256"):
            yield run


def _cutoff(run: Run) -> int:
    return parse_day(run.manifest["cutoff_date"])


def _find_rival(lineage: Iterable[Run], tested: pl.DataFrame) -> Run:
    """The newest run that was fitted no later than the last of the test cutoffs.

    Raises
    ------
    NotEnoughData
        There is none.
    """
    if tested.is_empty():
        raise NotEnoughData("nothing of this run was proved", fix="use a longer log")
    last = int(tested["cutoff_day"].max())  # type: ignore[arg-type]
    rival = next((run for run in lineage if _cutoff(run) <= last), None)
    if rival is None:
        raise NotEnoughData(
            f"every published run has learnt from days after {date_of(last)}, the last that this "
            "one was proved on",
            fix="keep older runs, until one is old enough",
        )
    return rival


def _ask_rival(
    study: Study, data: TrainingData, rival: Run, task: TaskName, tested: pl.DataFrame
) -> pl.DataFrame:
    """What the rival says of the customers of each test cutoff from its own day on: `_KEYS` and
    `RIVAL`.

    Raises
    ------
    HoldfastError
        It has no such model, is asked over another horizon, or reads what is no longer there.
    """
    model = load_models(rival).get(task)
    if model is None or model.horizon_days != horizon_of(study, task):
        raise RunError(
            f"run {rival.run_id} was not asked for {task} over {horizon_of(study, task)} days",
            fix="compare the runs with `holdfast runs compare`",
        )
    cutoffs = tested["cutoff_day"].unique().sort()
    frames = [data.customers_at(day) for day in cutoffs if day >= _cutoff(rival)]
    return pl.concat(
        frame.select(_KEYS).with_columns(pl.Series(RIVAL, model.predict(frame))) for frame in frames
    )
