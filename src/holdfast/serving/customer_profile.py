"""Profile: a customer beside the median of the segment, feature by feature, each as a rank among
all customers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.io.runs import Run

AXES = 7
_QUANTILES = np.linspace(0, 1, 101)


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

    def beside(self, customer: Mapping[str, object], segment: str) -> pl.DataFrame:
        """One row per feature: feature, value, rank, median (of the segment), median_rank; ranks
        are 0..1.

        A feature that the customer does not have is null.
        """
        usual = self.medians.filter(pl.col("segment") == segment)
        rows = [
            (name, self._number(customer.get(name)), usual[name][0] if usual.height else None)
            for name in self.features
        ]
        told = pl.DataFrame(
            rows,
            schema={"feature": pl.String, "value": pl.Float64, "median": pl.Float64},
            orient="row",
        )
        return told.with_columns(
            rank=pl.Series([self._rank(name, value) for name, value, _ in rows], dtype=pl.Float64),
            median_rank=pl.Series(
                [self._rank(name, median) for name, _, median in rows], dtype=pl.Float64
            ),
        )

    def _rank(self, feature: str, value: float | None) -> float | None:
        """The share of customers below, those of the same value counted half."""
        if value is None:
            return None
        ends = self.quantiles[feature]
        below, above = (
            np.searchsorted(ends, value, side="left"),
            np.searchsorted(ends, value, side="right"),
        )
        return float((below + above) / 2 / len(ends))

    def _number(self, value: object) -> float | None:
        return float(value) if isinstance(value, int | float) and value == value else None


def profiles(run: Run, scores: pl.DataFrame, importance: pl.DataFrame) -> Profiles:
    """Learn what is usual from the run's features: of the strongest for either task, those that are
    numbers.
    """
    names = strongest_numbers(run, importance, AXES)
    if not names:
        return Profiles({}, pl.DataFrame(schema={"segment": pl.String}))
    features = pl.read_parquet(run.file("tables/features.parquet"), columns=["customer_id", *names])
    numbers = features.with_columns(pl.col(names).cast(pl.Float64).fill_nan(None))
    quantiles = {
        name: np.quantile(column, _QUANTILES)
        for name in names
        if len(column := _known(numbers[name]))
    }
    segments = scores.select("customer_id", pl.col("segment").cast(pl.String))
    medians = (
        numbers.join(segments, on="customer_id")
        .group_by("segment")
        .agg(pl.col(list(quantiles)).median())
    )
    return Profiles(quantiles, medians)


def strongest_numbers(run: Run, importance: pl.DataFrame, n: int) -> list[str]:
    """The features that weigh most in either model and are numbers."""
    schema = pl.read_parquet_schema(run.file("tables/features.parquet"))
    weight = (
        importance.group_by("feature").agg(pl.col("relative").max()).filter(pl.col("relative") > 0)
    )
    ranked = weight.sort("relative", "feature", descending=[True, False])["feature"].to_list()
    return [name for name in ranked if name in schema and schema[name].is_numeric()][:n]


def _known(column: pl.Series) -> np.ndarray:
    return column.drop_nulls().to_numpy()
