"""Explanation: everything that a run publishes about its reasons, made chunk by chunk so that
memory stays bounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast import study, tables
from holdfast.arrays import Booleans, Floats
from holdfast.explain.reasons import reasons
from holdfast.explain.wording import Wording
from holdfast.findings import Finding
from holdfast.learners.design import Attribution
from holdfast.models.fitted_models import Model

SAMPLE = 2_000
"""Customers whose contributions are published, for charts."""
TOLERANCE = 1e-6
"""How far contributions may miss the raw score, in its unit."""
_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a run publishes about its reasons.

    Attributes
    ----------
    reasons, contributions, importance
        By the contracts of these names in `tables`; contributions are those of a sample of `SAMPLE`
        customers.
    findings
        What the reader must know; nothing, where contributions add up.
    """

    reasons: pl.DataFrame
    contributions: pl.DataFrame
    importance: pl.DataFrame
    findings: tuple[Finding, ...]


def explain(
    models: Mapping[str, Model],
    frame: pl.DataFrame,
    *,
    wording: Wording,
    settings: study.Explain,
    at_risk: pl.Series,
    seed: int,
) -> Explanation:
    """Explain the scores of a customer base.

    Up to `settings.every_customer_up_to`, each customer gets reasons and importance is the mean
    over all of them; above it, customers at risk get reasons and importance is the mean over a
    sample of everyone.

    Parameters
    ----------
    models
        Task ("churn" or "value") -> model.
    frame
        One row per customer: `customer_id` and the columns that the models read.
    at_risk
        For each row, whether the customer is at high risk.
    """
    everyone = frame.height <= settings.every_customer_up_to
    in_sample = np.zeros(frame.height, dtype=bool)
    in_sample[np.random.default_rng(seed).permutation(frame.height)[:SAMPLE]] = True
    explained = np.ones_like(in_sample) if everyone else at_risk.to_numpy()
    tallies = {task: _Tally() for task in models}
    parts = [tables.REASONS.empty()]
    rows = np.flatnonzero(explained | in_sample)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        chunk = rows[start : start + _ROWS_AT_ONCE]
        part = frame[chunk]
        for task, model in models.items():
            attribution = model.contributions(part)
            tallies[task].add(
                attribution, model.raw(part), sample=in_sample[chunk], everyone=everyone
            )
            kept = np.flatnonzero(explained[chunk])
            shown = Attribution(
                attribution.columns, attribution.values[kept], attribution.base[kept]
            )
            parts.append(reasons(task, shown, part[kept], wording=wording, top=settings.reasons))
    sample = frame.filter(pl.Series(in_sample))
    each = tallies.items()
    return Explanation(
        reasons=pl.concat(parts),
        contributions=_concat(tables.CONTRIBUTIONS, [tally.long(t, sample) for t, tally in each]),
        importance=_concat(tables.IMPORTANCE, [tally.importance(task) for task, tally in each]),
        findings=tuple(finding for task, tally in each for finding in tally.findings(task)),
    )


def _concat(contract: tables.Contract, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return contract.check(pl.concat([contract.empty(), *parts]))


class _Tally:
    """What is kept of one task's contributions, chunk after chunk."""

    def __init__(self) -> None:
        self.columns: tuple[str, ...] = ()
        self.total: Floats = np.zeros(0)
        self.customers = 0
        self.gap = 0.0
        self.sampled: list[Floats] = []

    def add(
        self, attribution: Attribution, raw: Floats, *, sample: Booleans, everyone: bool
    ) -> None:
        """Count everyone or only the sample; check all; keep the sample."""
        counted = attribution.values if everyone else attribution.values[sample]
        self.columns = attribution.columns
        self.total = np.abs(counted).sum(axis=0) + (self.total if self.customers else 0.0)
        self.customers += len(counted)
        self.gap = max(self.gap, float(np.abs(attribution.total - raw).max(initial=0.0)))
        self.sampled.append(attribution.values[sample])

    def importance(self, task: str) -> pl.DataFrame:
        """Mean |contribution| by column, strongest first."""
        mean = self.total / max(self.customers, 1)
        top = float(mean.max(initial=0.0)) or 1.0
        return pl.DataFrame(
            {
                "task": pl.repeat(task, len(mean), eager=True),
                "feature": pl.Series(self.columns, dtype=pl.String),
                "mean_abs_contribution": mean,
                "relative": mean / top,
            }
        ).sort("mean_abs_contribution", "feature", descending=[True, False])

    def long(self, task: str, sample: pl.DataFrame) -> pl.DataFrame:
        """One row per sampled customer and column."""
        values = np.concatenate(self.sampled) if self.sampled else np.zeros((0, len(self.columns)))
        added = pl.DataFrame(values, schema=self.columns).unpivot(
            variable_name="feature", value_name="contribution"
        )
        value = _as_numbers(sample, self.columns).unpivot(value_name="value")["value"]
        ids = sample["customer_id"]
        customers = pl.concat([ids.clear(), *[ids] * len(self.columns)])
        return added.select(customers, pl.lit(task).alias("task"), "feature", value, "contribution")

    def findings(self, task: str) -> tuple[Finding, ...]:
        """A finding if contributions miss the raw score."""
        if self.gap <= TOLERANCE:
            return ()
        return (Finding.of("contributions-do-not-add-up", task=task, gap=self.gap),)


def _as_numbers(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Every column as floats; words, which no scale puts in order, as null."""
    numeric = {
        name
        for name in columns
        if frame.schema[name].is_numeric() or frame.schema[name] == pl.Boolean
    }
    return frame.select(
        pl.col(name).cast(pl.Float64)
        if name in numeric
        else pl.repeat(None, pl.len(), dtype=pl.Float64).alias(name)
        for name in columns
    )
