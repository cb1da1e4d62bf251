"""Features of activity in memory, by a query that is written once per cutoff: writing it takes ten
times as long as running it for one customer.
"""

from functools import lru_cache
from threading import Lock

import narwhals as nw
import polars as pl

from holdfast.features.build import build_features
from holdfast.features.catalogue import features_for, sources_of
from holdfast.features.recent_days import add_recent_days
from holdfast.study import Study, eligible_days
from holdfast.tables import ACTIVITY

_PLANS_KEPT = 8


class FeaturePlan:
    """Builds the features of a study's customers; may be called from any thread."""

    def __init__(self, study: Study) -> None:
        self._study, self._activity, self._lock = study, ACTIVITY.empty(), Lock()
        self._query = lru_cache(maxsize=_PLANS_KEPT)(self._write_query)

    def features(self, activity: pl.DataFrame, *, cutoff_day: int) -> pl.DataFrame:
        """Compute the features, without attributes, of those who are eligible at the cutoff.

        Parameters
        ----------
        activity
            ACTIVITY, all days of each customer.
        """
        with self._lock:
            self._activity = activity
            try:
                built = self._query(cutoff_day).collect()
            finally:
                self._activity = ACTIVITY.empty()
        return add_recent_days(built, activity) if self._study.asks_for_sequence else built

    def prepare(self, *, cutoff_day: int) -> None:
        """Write the query of a cutoff before it is needed."""
        with self._lock:
            self._query(cutoff_day)

    def _write_query(self, cutoff_day: int) -> pl.LazyFrame:
        deferred = pl.defer(lambda: self._activity, schema=ACTIVITY.schema)
        built: pl.LazyFrame = build_features(
            nw.from_native(deferred),
            [cutoff_day],
            features_for(sources_of(self._study)),
            eligible_days=eligible_days(self._study.churn.eligible),
            minor_digits=self._study.minor_digits,
        ).to_native()
        return built
