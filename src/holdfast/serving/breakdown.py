"""Breakdown: the customers of a run by what is known of them beside value and risk."""

from collections.abc import Mapping

import polars as pl

from holdfast.io.runs import Run
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
_COUNTS = (("one", 1), ("two or three", 3), ("four to nine", 9), ("ten or more", None))
_SILENCES = (
    ("within 30 days", 30),
    ("31 to 90 days ago", 90),
    ("91 to 365 days ago", 365),
    ("longer ago", None),
)


def _stepped(column: str, steps: tuple[tuple[str, int | None], ...]) -> pl.Expr:
    """The first step whose end is not passed."""
    names = pl.Enum([name for name, _ in steps])
    value = pl.col(column)
    within = (value.is_not_null() if end is None else value <= end for _, end in steps)
    return pl.coalesce(
        pl.when(fits).then(pl.lit(name, names))
        for fits, (name, _) in zip(within, steps, strict=True)
    )


_OF_A_LOG: Mapping[str, pl.Expr] = {
    COHORT: pl.format("{}-Q{}", _FIRST_DAY.dt.year(), _FIRST_DAY.dt.quarter()),
    PURCHASES: _stepped("n_purchases", _COUNTS),
    ACTIVITY: _stepped("days_since_last_purchase", _SILENCES),
}


def dimensions(run: Run, scores: pl.DataFrame) -> list[str]:
    """What the customers can be broken down by: of a log cohort, purchases and evidence; then each
    column of words.
    """
    columns = pl.read_parquet_schema(run.file("tables/features.parquet"))
    log = [
        name for name, group in _OF_A_LOG.items() if set(group.meta.root_names()) <= columns.keys()
    ]
    known = (
        "evidence_level" in scores.columns and scores["evidence_level"].null_count() < scores.height
    )
    words = [name for name, kind in columns.items() if kind in (pl.String, pl.Boolean)]
    return [
        *log,
        *([EVIDENCE] if known else []),
        *(name for name in words if name not in ("customer_id", *OUTCOMES)),
    ]


def breakdown(run: Run, scores: pl.DataFrame, dimension: str, *, threshold: float) -> pl.DataFrame:
    """One row per group of customers; those beyond the twelve largest are one group.

    Parameters
    ----------
    dimension
        One of `dimensions`.
    threshold
        From which churn probability on a customer is at risk.

    Returns
    -------
    pl.DataFrame
        group, customers, share_at_risk, churn_probability (mean), expected_revenue and
        revenue_at_risk (currency). Times and counts stand in their order, others by size; cohorts
        are quarters, or years where there are many.
    """
    group = _OF_A_LOG.get(
        dimension, pl.col(dimension if dimension != EVIDENCE else "evidence_level").cast(pl.String)
    )
    if dimension == EVIDENCE:
        known = scores
    else:
        lazy = pl.scan_parquet(run.file("tables/features.parquet"))
        own = lazy.select("customer_id", group.alias("group")).collect()
        known = scores.join(own, on="customer_id", how="left", maintain_order="left")
        group = pl.col("group")
    at_risk = pl.col("churn_probability") >= threshold
    found = _summed(
        known.select(
            group=group,
            customers=1,
            n_at_risk=at_risk.cast(pl.Int64),
            probabilities="churn_probability",
            expected_revenue="expected_revenue",
            revenue_at_risk=pl.col("expected_revenue") * at_risk,
        )
    )
    if dimension == COHORT and found.height > MOST_GROUPS:
        found = _summed(found.with_columns(pl.col("group").str.head(4)))
    by, down = ("group", False) if dimension in _OF_A_LOG else ("customers", True)
    ordered = found.sort(by, descending=down, nulls_last=True)
    named = _few(ordered.with_columns(pl.col("group").cast(pl.String).fill_null(_UNKNOWN)))
    return named.select(
        "group",
        "customers",
        share_at_risk=pl.col("n_at_risk") / pl.col("customers"),
        churn_probability=pl.col("probabilities") / pl.col("customers"),
        expected_revenue="expected_revenue",
        revenue_at_risk="revenue_at_risk",
    )


def _summed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("group", maintain_order=True).agg(pl.all().sum())


def _few(groups: pl.DataFrame) -> pl.DataFrame:
    """The largest groups in their order, and all others as one."""
    if groups.height <= MOST_GROUPS:
        return groups
    largest = groups["customers"].rank("ordinal", descending=True) <= MOST_GROUPS - 1
    return pl.concat(
        [
            groups.filter(largest),
            _summed(groups.filter(~largest).with_columns(group=pl.lit(_OTHERS))),
        ]
    )
