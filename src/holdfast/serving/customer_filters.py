"""Customer filters: the customers of a run by segment, worth, cohort and attribute, and what those
who are left add up to.
"""

from dataclasses import dataclass

import polars as pl

from holdfast.serving.breakdown import COHORT, list_attributes, name_groups
from holdfast.storage.runs import Run

MOST_GROUPS = 60


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which customers are looked at.

    Attributes
    ----------
    segments
        Names; empty: all of them.
    least_revenue, most_revenue
        Of expected revenue, currency; None: no limit.
    groups
        Dimension of `list_attributes` and its groups; a customer is in one of them.
    """

    segments: tuple[str, ...] = ()
    least_revenue: float | None = None
    most_revenue: float | None = None
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __bool__(self) -> bool:
        limits = (self.least_revenue, self.most_revenue)
        return bool(self.segments or self.groups) or limits != (None, None)


def list_groups(run: Run, scores: pl.DataFrame) -> dict[str, list[str]]:
    """What customers can be filtered by: dimension -> its largest groups, cohorts in order."""
    return {
        name: _largest(name_groups(run, scores, name), in_order=name == COHORT)
        for name in list_attributes(run, scores)
    }


def _largest(groups: pl.Series, *, in_order: bool) -> list[str]:
    counts = groups.value_counts(sort=True).head(MOST_GROUPS)
    names: list[str] = counts[groups.name].to_list()
    return sorted(names) if in_order else names


def filter_customers(run: Run, scores: pl.DataFrame, filters: Filters) -> pl.DataFrame:
    """The scores of those who meet every filter, in their order."""
    kept = [pl.lit(True)]
    if filters.segments:
        kept.append(pl.col("segment").cast(pl.String).is_in(filters.segments))
    if filters.least_revenue is not None:
        kept.append(pl.col("expected_revenue") >= filters.least_revenue)
    if filters.most_revenue is not None:
        kept.append(pl.col("expected_revenue") <= filters.most_revenue)
    named = scores.with_columns(
        name_groups(run, scores, name).alias(f"_{name}") for name, _ in filters.groups
    )
    kept += [pl.col(f"_{name}").is_in(groups) for name, groups in filters.groups]
    return named.filter(kept).select(scores.columns)
