"""What the monitor saw, as findings: what drifted, and which outcomes are not as predicted."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from holdfast.features.catalogue import FEATURES_BY_NAME, fact_of
from holdfast.findings import Finding, join_names
from holdfast.study.monitor import Monitor

_NAMED = 6
_TOLD_MISSING = 0.05
_LEAST_UNSEEN, _LEAST_UNSEEN_CUSTOMERS = 0.01, 20


def strongest_of_each_fact(drift: pl.DataFrame) -> pl.DataFrame:
    """Of the features that drifted the farthest one of each fact, as columns of DRIFT with
    `fact`.
    """
    facts = {name: fact_of(feature) for name, feature in FEATURES_BY_NAME.items()}
    named = drift.filter("has_drifted").with_columns(
        fact=pl.col("feature").replace_strict(facts, default=pl.col("feature"))
    )
    farthest = named.sort("times", "group", "feature", descending=[True, False, False])
    return farthest.unique("fact", keep="first", maintain_order=True)


def describe_drift(drift: pl.DataFrame, *, since: str) -> Iterator[Finding]:
    """Say which facts of the customers are not what they were, and which words are new.

    Parameters
    ----------
    drift
        DRIFT.
    since
        The day that is compared with, as text.
    """
    facts = strongest_of_each_fact(drift)
    if facts.height:
        names = [_describe_feature(row) for row in facts.iter_rows(named=True)]
        listed = join_names(names, at_most=_NAMED)
        yield Finding.of("customers-have-drifted", listed=listed, since=since)
    news = drift.filter(
        pl.col("unseen") >= _LEAST_UNSEEN,
        pl.col("unseen") * pl.col("customers") >= _LEAST_UNSEEN_CUSTOMERS,
    )
    seen = news.unique("feature", keep="first", maintain_order=True)
    words = [f"{row['feature']} ({row['unseen']:.0%} of {row['group']})" for row in seen.to_dicts()]
    yield from Finding.listing("words-never-seen", words)


def _describe_feature(row: Mapping[str, Any]) -> str:
    missing, before = row["missing"], row["missing_before"]
    is_told = abs(missing - before) > _TOLD_MISSING
    blank = f", missing {before:.0%} then and {missing:.0%} now" if is_told else ""
    return (
        f"{row['feature']} of {row['group']} ({row['times']:.1f} times the usual, stability index "
        f"{row['stability_index']:.2f}{blank})"
    )


def describe_realised(realised: pl.DataFrame, settings: Monitor) -> Iterator[Finding]:
    """Say which outcomes are certainly not as predicted, each by the latest run that shows it;
    nothing where too few have matured.
    """
    enough = realised.filter(pl.col("customers") >= settings.least_customers)
    newest = enough.sort("cutoff_day", "horizon_days", descending=[True, False])
    for metric, (key, is_off) in _judgements(settings).items():
        rows = newest.filter(is_off, pl.col("expected").is_not_null(), metric=metric)
        # A longer horizon of the same run says the same again, and later.
        for row in rows.head(1).iter_rows(named=True):
            yield Finding.of(key, **row)


def _judgements(settings: Monitor) -> dict[str, tuple[str, pl.Expr]]:
    """Metric -> the finding, and when the whole interval lies beyond what may be."""
    low, high, expected = (pl.col(name) for name in ("low", "high", "expected"))

    def outside(margin: pl.Expr | float) -> pl.Expr:
        return (low > expected + margin) | (high < expected - margin)

    return {
        "roc_auc": ("order-of-risk-is-worse", high < expected - settings.auc_below),
        "churn_rate": ("churn-not-as-expected", outside(settings.churn_rate_off)),
        # Predicted over observed: a quarter too much is as far off as a quarter too little.
        "total_ratio": (
            "revenue-not-as-expected",
            (low > 1 / (1 - settings.total_off)) | (high < 1 / (1 + settings.total_off)),
        ),
        "coverage_80": ("intervals-miss-outcomes", high < expected - settings.coverage_below),
    }
