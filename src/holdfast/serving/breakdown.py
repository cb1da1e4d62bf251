"""Breakdown: the customers of a run by what is known of them beside value and risk."""

from collections.abc import Mapping, Sequence

import polars as pl

from holdfast.segments import is_likely_to_leave
from holdfast.storage.runs import Run
from holdfast.tables import OUTCOMES

COHORT, PURCHASES, ACTIVITY, EVIDENCE = (
    "First purchase",
    "Purchases so far",
    "Last purchase",
    "Evidence",
)
MOST_GROUPS = 12
_UNKNOWN, _OTHERS = "unknown", "all others"
_FIRST_DAY = pl.from_epoch(pl.col("cutoff_day") - pl.col("tenure_days"), time_unit="d")


def _step_of(column: str, ends: Sequence[int], names: Sequence[str]) -> pl.Expr:
    """The first step whose end is not passed."""
    place = pl.sum_horizontal((pl.col(column) > end).cast(pl.Int32) for end in ends)
    named = place.replace_strict(range(len(names)), names, return_dtype=pl.Enum(names))
    return pl.when(pl.col(column).is_not_null()).then(named)


_OF_A_LOG: Mapping[str, pl.Expr] = {
    COHORT: pl.format("{}-Q{}", _FIRST_DAY.dt.year(), _FIRST_DAY.dt.quarter()),
    PURCHASES: _step_of(
        "n_purchases", (1, 3, 9), ("one", "two or three", "four to nine", "ten or more")
    ),
    ACTIVITY: _step_of(
        "days_since_last_purchase",
        (30, 90, 365),
        ("within 30 days", "31 to 90 days ago", "91 to 365 days ago", "longer ago"),
    ),
}


def list_dimensions(run: Run, scores: pl.DataFrame) -> list[str]:
    """What the customers can be broken down by: of a log cohort, purchases and evidence; then each
    column of words.
    """
    columns = pl.scan_parquet(run.file("tables/features.parquet")).collect_schema()
    of_a_log = [n for n, group in _OF_A_LOG.items() if set(group.meta.root_names()) <= set(columns)]
    levels = scores.get_column("evidence_level", default=None)
    evidence = [EVIDENCE] if levels is not None and levels.count() else []
    words = [name for name, kind in columns.items() if kind in (pl.String, pl.Boolean)]
    return [
        *of_a_log,
        *evidence,
        *(name for name in words if name not in ("customer_id", *OUTCOMES)),
    ]


def break_down(run: Run, scores: pl.DataFrame, dimension: str, *, threshold: float) -> pl.DataFrame:
    """One row per group of customers; those beyond the twelve largest are one group.

    Parameters
    ----------
    dimension
        One of `list_dimensions`.
    threshold
        From which churn probability on a customer is likely to leave.

    Returns
    -------
    pl.DataFrame
        group, customers, share_at_risk, churn_probability (mean), expected_revenue and
        at_stake (currency). Times and counts stand in their order, others by size; cohorts are
        quarters, or years where there are many.
    """
    grouped = _add_group(run, scores, dimension)
    sums = _sum_groups(
        grouped.select(
            "group",
            customers=1,
            n_leaving=is_likely_to_leave(threshold).cast(pl.Int64),
            probabilities="churn_probability",
            expected_revenue="expected_revenue",
            at_stake="at_stake",
        )
    )
    if dimension == COHORT and sums.height > MOST_GROUPS:
        sums = _sum_groups(sums.with_columns(pl.col("group").str.head(4)))
    by, down = ("group", False) if dimension in _OF_A_LOG else ("customers", True)
    ordered = sums.sort(by, descending=down, nulls_last=True)
    named = ordered.with_columns(pl.col("group").cast(pl.String).fill_null(_UNKNOWN))
    return _join_small(named).select(
        "group",
        "customers",
        share_at_risk=pl.col("n_leaving") / pl.col("customers"),
        churn_probability=pl.col("probabilities") / pl.col("customers"),
        expected_revenue="expected_revenue",
        at_stake="at_stake",
    )


def _add_group(run: Run, scores: pl.DataFrame, dimension: str) -> pl.DataFrame:
    """The scores with each customer's group."""
    if dimension == EVIDENCE:
        return scores.with_columns(group=pl.col("evidence_level").cast(pl.String))
    group = _OF_A_LOG.get(dimension, pl.col(dimension).cast(pl.String))
    features = pl.scan_parquet(run.file("tables/features.parquet"))
    groups = features.select("customer_id", group=group).collect()
    return scores.join(groups, on="customer_id", how="left", maintain_order="left")


def _sum_groups(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("group", maintain_order=True).agg(pl.all().sum())


def _join_small(groups: pl.DataFrame) -> pl.DataFrame:
    """The largest groups in their order, and all others as one."""
    if groups.height <= MOST_GROUPS:
        return groups
    large = groups["customers"].rank("ordinal", descending=True) <= MOST_GROUPS - 1
    others = groups.filter(~large).with_columns(group=pl.lit(_OTHERS))
    return pl.concat([groups.filter(large), _sum_groups(others)])


def list_attributes(run: Run, scores: pl.DataFrame) -> list[str]:
    """What customers can be chosen by beside their figures: cohort, and each column of words."""
    return [
        name for name in list_dimensions(run, scores) if name not in (PURCHASES, ACTIVITY, EVIDENCE)
    ]


def name_groups(run: Run, scores: pl.DataFrame, dimension: str) -> pl.Series:
    """Each customer's group of a dimension, in the order of the scores; "unknown" where there is
    none.
    """
    return _add_group(run, scores, dimension)["group"].cast(pl.String).fill_null(_UNKNOWN)
