"""Score: what the models say of each customer, why, in which segment, and what keeping them would
bring.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from holdfast import explain
from holdfast.arrays import Vector
from holdfast.campaigns import economics
from holdfast.explain import Explanation, Wording
from holdfast.findings import Finding
from holdfast.learners.design import Attribution
from holdfast.segments import SegmentRule, summary
from holdfast.study import Study
from holdfast.tables import RECOVERY, SCORES, SEGMENTS


class Model(Protocol):
    """What scoring asks of a model."""

    @property
    def algorithm(self) -> str:
        """The champion's name."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The frame's columns that it reads."""

    def predict(self, frame: pl.DataFrame, /) -> Vector:
        """(n_customers,), in the label's unit."""

    def raw(self, frame: pl.DataFrame, /) -> Vector:
        """The score that contributions add up to."""

    def contributions(self, frame: pl.DataFrame, /) -> Attribution:
        """What each column adds to it."""

    def parts(self) -> dict[str, bytes]:
        """Files, by name."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A customer base, scored.

    Attributes
    ----------
    scores, segments, recovery
        By the contracts of the same names.
    """

    scores: pl.DataFrame
    segments: pl.DataFrame
    recovery: pl.DataFrame
    rule: SegmentRule


def predicted(models: Mapping[str, Model], frame: pl.DataFrame) -> pl.DataFrame:
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
    base = predicted(models, frame)
    rule = SegmentRule.learn(study.segments, base)
    assigned = rule.assign(base)
    unknown = [
        pl.lit(None, kind).alias(name)
        for name, kind in SCORES.schema.items()
        if name not in assigned.columns
    ]
    scores = SCORES.check(
        assigned.with_columns(unknown).select(SCORES.schema.names()).sort("customer_id")
    )
    segments = SEGMENTS.check(summary(scores))
    recovery = RECOVERY.check(
        economics.recovery(segments, study.recovery, margin_rate=study.value.margin_rate)
    )
    return Scored(scores=scores, segments=segments, recovery=recovery, rule=rule)


def explained(
    study: Study, models: Mapping[str, Model], frame: pl.DataFrame, scored: Scored
) -> tuple[Explanation, Wording]:
    """Give the reasons behind the scores, and the wording that one customer's reasons will be told
    in later.
    """
    columns = list(dict.fromkeys(name for model in models.values() for name in model.columns))
    wording = Wording.learn(
        frame, columns=columns, catalogue=study.snapshot is None, currency=study.currency
    )
    rank = frame.select("customer_id").join(scored.scores, on="customer_id", maintain_order="left")[
        "risk_rank"
    ]
    found = explain.explain(
        models,
        frame,
        wording=wording,
        settings=study.explain,
        at_risk=rank >= study.segments.high_risk_rank,
        seed=study.seed,
    )
    return found, wording


def no_value_finding(models: Mapping[str, Model], *, snapshot: bool) -> tuple[Finding, ...]:
    """Say that nothing is known of value, if nothing is."""
    if "value" in models:
        return ()
    return (
        Finding.warning(
            "no-value-label",
            evidence=f"the {'study names no value label' if snapshot else 'log has no amounts'}: "
            "no revenue was learnt",
            meaning="Expected revenue is 0 for everyone: segments differ by risk alone, and "
            "nothing can be recovered.",
            fix="set snapshot.labels.value to a column or a formula"
            if snapshot
            else "map an amount, if there is one",
        ),
    )
