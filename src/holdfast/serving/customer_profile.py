"""Profile: a customer beside the median of the segment, feature by feature, each as a rank among
all customers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.storage.runs import Run

AXES = 7
_QUANTILES = np.linspace(0, 1, 101)
_COMPARED = {
    "feature": pl.String,
    **dict.fromkeys(("value", "rank", "median", "median_rank"), pl.Float64),
}


@dataclass(frozen=True)
class Profiles:
    """What is usual, feature by feature.

    Attributes
    ----------
    quantiles
        Feature -> its 101 percentiles over all customers.
    medians
        One row per segment: segment, and the median of each feature.
    """

    quantiles: Mapping[str, np.ndarray]
    medians: pl.DataFrame

    @property
    def features(self) -> list[str]:
        """The features, strongest first."""
        return list(self.quantiles)

    def compare(self, customer: Mapping[str, object], segment: str) -> pl.DataFrame:
        """One row per feature: feature, value, rank, median (of the segment), median_rank; ranks
        are 0..1.

        A feature that the customer does not have is null.
        """
        usual = self.medians.filter(pl.col("segment") == segment)
        rows = []
        for name in self.features:
            value, median = as_number(customer.get(name)), usual[name][0] if usual.height else None
            ranks = self._rank(name, value), self._rank(name, median)
            rows.append((name, value, ranks[0], median, ranks[1]))
        return pl.DataFrame(rows, schema=_COMPARED, orient="row")

    def _rank(self, feature: str, value: float | None) -> float | None:
        """The share of customers below, those of the same value counted half."""
        if value is None:
            return None
        ends = self.quantiles[feature]
        below, above = ends.searchsorted(value, "left"), ends.searchsorted(value, "right")
        return float((below + above) / 2 / len(ends))


def as_number(value: object) -> float | None:
    """The value as a number; None where it is none."""
    return float(value) if isinstance(value, int | float) and value == value else None


def learn_profiles(run: Run, scores: pl.DataFrame, importance: pl.DataFrame) -> Profiles:
    """Learn what is usual from the run's features: of the strongest for either task, those that are
    numbers.
    """
    names = _strongest_numbers(run, importance)
    if not names:
        return Profiles({}, pl.DataFrame(schema={"segment": pl.String}))
    features = pl.read_parquet(run.file("tables/features.parquet"), columns=["customer_id", *names])
    numbers = features.with_columns(pl.col(names).cast(pl.Float64).fill_nan(None))
    quantiles = {
        name: np.quantile(values, _QUANTILES)
        for name in names
        if len(values := numbers[name].drop_nulls())
    }
    segments = scores.select("customer_id", pl.col("segment").cast(pl.String))
    joined = numbers.join(segments, on="customer_id")
    return Profiles(quantiles, joined.group_by("segment").agg(pl.col(list(quantiles)).median()))


def _strongest_numbers(run: Run, importance: pl.DataFrame) -> list[str]:
    """The features that weigh most in either model and are numbers."""
    schema = pl.scan_parquet(run.file("tables/features.parquet")).collect_schema()
    weight = importance.group_by("feature").agg(pl.col("relative").max())
    ranked = weight.filter(pl.col("relative") > 0).sort(
        "relative", "feature", descending=[True, False]
    )
    return [n for n in ranked["feature"] if n in schema and schema[n].is_numeric()][:AXES]
