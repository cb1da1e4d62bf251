"""Score: what the models say of each customer, why, and in which segment."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from holdfast import explain
from holdfast.explain import Explanation, Wording
from holdfast.findings import Finding
from holdfast.models.fitted_models import Model
from holdfast.segments import SegmentRule
from holdfast.study import Study
from holdfast.tables import SCORES


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A customer base, scored: SCORES, and the rule that put each customer into a segment."""

    scores: pl.DataFrame
    rule: SegmentRule


def add_predictions(models: Mapping[str, Model], frame: pl.DataFrame) -> pl.DataFrame:
    """Add `churn_probability` and `expected_revenue` to features; without a value model nothing is
    expected.
    """
    return frame.with_columns(
        churn_probability=pl.Series(models["churn"].predict(frame), dtype=pl.Float64),
        expected_revenue=pl.Series(models["value"].predict(frame), dtype=pl.Float64)
        if "value" in models
        else 0.0,
    )


def score(study: Study, models: Mapping[str, Model], frame: pl.DataFrame) -> Scored:
    """Score a customer base and learn its segments.

    Parameters
    ----------
    models
        "churn" and, if there is a value label, "value".
    frame
        One row per customer: customer_id, cutoff_day and what the models read.
    """
    base = add_predictions(models, frame)
    rule = SegmentRule.learn(study.segments, base)
    return Scored(scores=assign(rule, base), rule=rule)


def assign(rule: SegmentRule, base: pl.DataFrame) -> pl.DataFrame:
    """SCORES of customers whose predictions were added, by a rule that was learnt."""
    assigned = rule.assign(base)
    unknown = [
        pl.lit(None, kind).alias(name)
        for name, kind in SCORES.schema.items()
        if name not in assigned.columns
    ]
    return SCORES.check(
        assigned.with_columns(unknown).select(SCORES.schema.names()).sort("customer_id")
    )


def explain_scores(
    study: Study, models: Mapping[str, Model], frame: pl.DataFrame, scored: Scored
) -> tuple[Explanation, Wording]:
    """Give the reasons behind the scores, and the wording for one customer's reasons later."""
    explained = (name for model in models.values() for name in model.explained_columns)
    columns = list(dict.fromkeys(explained))
    wording = Wording.learn(
        frame, columns=columns, catalogue=study.snapshot is None, currency=study.currency
    )
    rank = frame.select("customer_id").join(scored.scores, on="customer_id", maintain_order="left")[
        "risk_rank"
    ]
    explanation = explain.explain(
        models,
        frame,
        wording=wording,
        settings=study.explain,
        at_risk=rank >= study.segments.high_risk_rank,
        seed=study.seed,
    )
    return explanation, wording


def no_value_finding(models: Mapping[str, Model], study: Study) -> tuple[Finding, ...]:
    """Say that nothing is known of value, if nothing is."""
    if "value" in models:
        return ()
    return (Finding.of("no-value-label" if study.snapshot is not None else "no-value-in-the-log"),)
