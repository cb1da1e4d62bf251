"""The published run, as the stream follows it: a new one is loaded as soon as it is published, and
one that is gone or damaged is served on from memory.
"""

import time
from collections.abc import Callable

from holdfast.errors import HoldfastError, StudyError
from holdfast.storage.runs import Registry
from holdfast.stream.alerts.actions import Actions
from holdfast.stream.alerts.episode_store import EpisodeStore
from holdfast.stream.alerts.rules import check_rules
from holdfast.stream.evaluation import Evaluator, read_attributes
from holdfast.stream.scoring import LiveModels
from holdfast.study import Study

_LOOK_SECONDS = 2.0


class PublishedRun:
    """Keeps an evaluator of the published run.

    Parameters
    ----------
    tell
        Called with what kind of thing the operator should know, and a sentence, when a run changes
        or cannot be loaded.
    reached
        Told when customers are scored, before their episodes are worked out.
    """

    def __init__(
        self,
        study: Study,
        registry: Registry,
        *,
        tell: Callable[[str, str], None],
        reached: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._study, self._registry, self._tell, self._reached = study, registry, tell, reached
        self._looked, self._trouble, self._attributes_day = 0.0, "", -1
        self.evaluator = Evaluator()

    def look(self, *, today: int) -> bool:
        """Follow what was published, and read attributes again on a new day; whether either
        changed.
        """
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return False
        self._looked = time.monotonic()
        try:
            return self._follow(today)
        except StudyError:
            raise
        except HoldfastError as error:
            self._report(error.problem)
            return False

    @property
    def run_id(self) -> str | None:
        """The run that scores now."""
        models = self.evaluator.models
        return models.run_id if models else None

    def _follow(self, today: int) -> bool:
        champion = self._registry.champion_id()
        if champion is None:
            self._report("no run is published")
            return False
        run = self._registry.open(champion)
        models, episodes = self.evaluator.models, self.evaluator.episodes
        if models is None or models.run_id != run.run_id:
            models = LiveModels.load(run)
            check_rules(self._study.alert, models)
            episodes = EpisodeStore(self._study, models, Actions.load(run))
            self._tell("run", f"run {run.run_id} scores from now on")
        elif today == self._attributes_day:
            self._trouble = ""
            return False
        attributes = read_attributes(self._study)
        self.evaluator = Evaluator(models, episodes, attributes, self._reached)
        self._attributes_day, self._trouble = today, ""
        return True

    def _report(self, trouble: str) -> None:
        """Tell of a trouble once, as long as it is the same."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        then = (
            f"run {self.run_id} goes on scoring" if self.run_id else "nobody is scored until then"
        )
        self._tell("trouble", f"{trouble}; {then}")
