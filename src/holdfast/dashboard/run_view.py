"""What the pages show: the project's runs, opened through the verbs and kept by run id."""

import os
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property, lru_cache, partial
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import polars as pl

from holdfast.campaigns.score_totals import ScoreTotals, sum_up_segments
from holdfast.report.report_data import Report
from holdfast.runs.run_history import moves, run_before, trail
from holdfast.serving.customer_filters import Filters, filter_customers
from holdfast.serving.customer_lists import describe_customers
from holdfast.serving.customer_profile import Profiles, learn_profiles
from holdfast.serving.customer_search import read_scores
from holdfast.serving.load import load_study, read_table
from holdfast.storage.runs import Registry, Run
from holdfast.study import Study
from holdfast.tables import REASONS

STUDY = "HOLDFAST_STUDY"
"""Environment variable that names the study's file; set by `holdfast dashboard`."""
PUBLISHED = "champion"
"""What the address calls the published run."""
_SHOWN = (
    "contributions", "importance", "segments", "recovery", "predictions", "evidence",
    "horizon_evidence",
)  # fmt: skip
T = TypeVar("T")


class RunView:
    """One run as the pages need it; everything is read when it is first asked for, and once."""

    def __init__(self, run: Run, registry: Registry) -> None:
        self.run = run
        self.summary: Mapping[str, Any] = run.summary
        self.registry = registry
        self._kept: dict[Hashable, Any] = {}
        self._making = RLock()

    @cached_property
    def study(self) -> Study:
        """The study that the run was made with."""
        return load_study(self.run)

    @property
    def currency(self) -> str:
        """ISO 4217."""
        return self.study.currency

    @property
    def is_snapshot(self) -> bool:
        """Whether the run stands on one row per customer."""
        return self.study.snapshot is not None

    @cached_property
    def scores(self) -> pl.DataFrame:
        """SCORES, sorted by customer."""
        return read_scores(self.run)

    @cached_property
    def profiles(self) -> Profiles:
        """What is usual in each segment."""
        return learn_profiles(self.run, self.scores, self.table("importance"))

    @cached_property
    def before(self) -> Run | None:
        """The run to compare with."""
        return run_before(self.registry, self.run)

    @cached_property
    def trail(self) -> pl.DataFrame:
        """Headline figures of this run and those before."""
        return trail(self.registry, self.run)

    @cached_property
    def moves(self) -> pl.DataFrame | None:
        """Who moved since the run before; None where there is none."""
        return None if self.before is None else moves(read_scores(self.before), self.scores)

    def table(self, name: str) -> pl.DataFrame:
        """A table of the run, read once; without rows where the run has none of that name."""
        return self.keep(("table", name), lambda: read_table(self.run, name))

    @cached_property
    def report(self) -> Report:
        """The run as the report's tables and sentences read it, without any customer's reasons:
        `describe` reads those of a list.
        """
        return Report(
            study=self.study,
            summary=self.summary,
            scores=self.scores,
            reasons=REASONS.empty(),
            worst_days={},
            versions=self.run.manifest.get("versions", {}),
            **{name: self.table(name) for name in _SHOWN},
        )

    def describe(self, customers: pl.DataFrame) -> pl.DataFrame:
        """A list of customers with reasons, action and offer."""
        # The whole rows: of two campaigns the same customers may be in other groups.
        rows, columns = tuple(customers.rows()), tuple(customers.columns)
        make = partial(describe_customers, self.run, customers, study=self.study)
        return self.keep(("list", columns, rows), make)

    def narrow(self, filters: Filters) -> "RunView":
        """The run as if it had only the customers who meet the filters; the latest is kept."""
        if not filters:
            return self
        with self._making:
            kept = self._kept.get("narrowed")
            if kept is None or kept.filters != filters:
                kept = self._kept["narrowed"] = _Narrowed(self, filters)
            narrowed: RunView = kept
            return narrowed

    def keep(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once per run."""
        with self._making:
            if key not in self._kept:
                self._kept[key] = make()
            kept: T = self._kept[key]
            return kept


class _Narrowed(RunView):
    """Some of a run's customers: scores, headline figures and segments are theirs alone."""

    def __init__(self, whole: RunView, filters: Filters) -> None:
        super().__init__(whole.run, whole.registry)
        self.filters, self._whole = filters, whole
        self.__dict__["scores"] = filter_customers(whole.run, whole.scores, filters)
        threshold = self.study.churn.threshold
        self.summary = {
            **whole.summary,
            **ScoreTotals.of(self.scores, threshold=threshold).headline(),
        }

    @cached_property
    def profiles(self) -> Profiles:
        """What is usual among all customers: one is compared with those."""
        return self._whole.profiles

    @cached_property
    def moves(self) -> pl.DataFrame | None:
        """Who of them moved since the run before."""
        if self.before is None:
            return None
        return moves(
            read_scores(self.before).join(self.scores, on="customer_id", how="semi"), self.scores
        )

    def table(self, name: str) -> pl.DataFrame:
        """A table of the run; the segments add up these customers."""
        if name == "segments":
            return self.keep("segments", lambda: sum_up_segments(self.scores))
        return self._whole.table(name)


def read_study() -> Study:
    """The study as its file reads now.

    Raises
    ------
    StudyError
        The study's file is missing or wrong.
    """
    return Study.from_toml(os.environ.get(STUDY, "holdfast.toml"))


def open_registry() -> Registry:
    """The runs of the project.

    Raises
    ------
    StudyError
        The study's file is missing or wrong.
    """
    return Registry(Path(read_study().project_dir) / "runs")


def open_run(registry: Registry, run_id: str) -> RunView:
    """A run by its id, `champion` or `latest`.

    Raises
    ------
    RunNotFound
        There is none.
    """
    run = registry.open(run_id)
    return _open(run.path.resolve(), run.digest)


@lru_cache(maxsize=2)
def _open(path: Path, _: str) -> RunView:
    registry = Registry(path.parent)
    return RunView(registry.open(path.name), registry)
