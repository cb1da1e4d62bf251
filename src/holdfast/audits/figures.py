"""Figures: how good can any model be here, does the figure reach it, is it more than a naive
baseline's, and does it hang on the luck of one split?

Where churn happens only inside one group and nothing known tells who of the group leaves, the best
score is the same for the whole group. Its ROC-AUC and F1 are the ceiling: a model that reaches them
has found the group, and one that exceeds them was lucky with its test.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.arrays import Booleans
from holdfast.audits.circular_label import NEARLY_CERTAIN
from holdfast.audits.question import Audit
from holdfast.audits.subjects import Proof
from holdfast.audits.table import Table, halve, is_number
from holdfast.evaluation.verdict import LEAST_CUSTOMERS, Verdict
from holdfast.findings import Finding
from holdfast.report import formatting

TOO_GOOD_AUC, TOO_GOOD_R2 = 0.98, 0.98
_COIN = 0.05
_LEAST_PART, _MOST_PART = 0.02, 0.8
_LEAST_ROWS, _MOST_WORDS = 200, 50
_REACHES = 0.02


@dataclass(frozen=True)
class Ceiling:
    """The group inside which all churn happens, as a coin flip.

    Attributes
    ----------
    inside, churned
        Customers of the group, and those of them who left.
    inside_auc
        What boosted trees on the columns that the model sees make of the customers inside; 0.5 is
        nothing.
    auc, f1
        Of a model that gives everyone inside one probability, and everyone outside none.
    """

    group: str
    inside: int
    churned: int
    inside_auc: float
    auc: float
    f1: float


def find_ceiling(table: Table) -> Ceiling | None:
    """Find the group of a column of words inside which all churn happens, if nothing tells who
    leaves inside it.
    """
    for name, auc in table.aucs.items():
        column, left = table.columns[name], table.left
        if is_number(column) or column.n_unique() > _MOST_WORDS or auc >= NEARLY_CERTAIN:
            continue
        words = column.cast(pl.String).fill_null("(nothing)")
        levels = words.filter(pl.Series(left)).unique().sort().to_list()
        inside = words.is_in(levels).to_numpy()
        inside_auc = _inside_auc(table, inside)
        if inside_auc is not None and inside_auc <= 0.5 + _COIN:
            which = f"= {levels[0]}" if len(levels) == 1 else f"in ({', '.join(levels)})"
            precision = float(left[inside].mean())
            return Ceiling(
                group=f"{name} {which}",
                inside=int(inside.sum()),
                churned=int(left.sum()),
                inside_auc=inside_auc,
                auc=1 - float((inside & ~left).sum() / (~left).sum()) / 2,
                f1=2 * precision / (1 + precision),
            )
    return None


def _inside_auc(table: Table, inside: Booleans) -> float | None:
    """ROC-AUC of boosted trees inside a group; None where the group is too small or too large."""
    rows = np.flatnonzero(inside)
    if not _LEAST_PART <= inside.mean() <= _MOST_PART or len(rows) < _LEAST_ROWS:
        return None
    halves = halve(table.left[rows], table.seed)
    if halves is None:
        return None
    return halves.boosted_auc(np.column_stack([table.encoded[name][rows] for name in table.seen]))


def find_figures_at_their_ceiling(proof: Proof) -> Iterator[Finding]:
    """Hold the figures against the ceiling of the table or, where it has none, against what honest
    data allows.
    """
    ceiling = find_ceiling(proof.table) if proof.table is not None else None
    if ceiling is None:
        yield from _too_good(proof)
        return
    figures = proof.figures.get("churn", {})
    auc = figures.get("roc_auc", 0.0)
    if auc < ceiling.auc - _REACHES:
        return
    f1 = f", F1 {figures['f1']:.3f}" if "f1" in figures else ""
    is_above = auc > ceiling.auc or figures.get("f1", 0.0) > ceiling.f1
    yield Finding.of(
        "at-the-ceiling",
        ceiling=ceiling,
        auc=auc,
        f1=f1,
        luck="; what lies above the ceiling is the luck of the split." if is_above else ".",
    )


def _too_good(proof: Proof) -> Iterator[Finding]:
    bounds = (
        ("churn", "roc_auc", "ROC-AUC", TOO_GOOD_AUC),
        ("value", "r2", "R2", TOO_GOOD_R2),
    )
    figures = [
        f"{task}: {name} {proof.figures[task][metric]:.4f}"
        for task, metric, name, limit in bounds
        if proof.figures.get(task, {}).get(metric, 0.0) >= limit
    ]
    if figures:
        yield Finding.of("too-good", figures="; ".join(figures))


_ORDER = {
    "better": "its order of customers is better",
    "no difference": "nothing shows that its order of customers is better",
    "worse": "its order of customers is worse",
}


def find_model_no_better_than_naive(proof: Proof) -> Iterator[Finding]:
    """Say where the model's error is certainly larger than the baseline's, where nothing shows that
    it is better, and where the order of customers is that of chance.
    """
    for verdict in proof.verdicts.values():
        if verdict.customers < LEAST_CUSTOMERS:
            continue
        if verdict.is_worse:
            yield _beside_naive("worse-than-naive-{task}", verdict, proof)
        elif "better" not in (verdict.word(verdict.error), verdict.word(verdict.rank_metric)):
            yield _beside_naive("no-better-than-naive-{task}", verdict, proof)
        if verdict.ranks_by_chance:
            yield Finding.of(
                "ranked-by-chance-{task}",
                task=verdict.task,
                tests=_tests(verdict),
                rank=formatting.metric_label(verdict.rank_metric),
                ranking=verdict.ranking,
                chance=verdict.chance,
            )


def _beside_naive(key: str, verdict: Verdict, proof: Proof) -> Finding:
    error, rank = verdict.error, verdict.rank_metric
    return Finding.of(
        key,
        task=verdict.task,
        tests=_tests(verdict),
        baseline=proof.baselines.get(verdict.task, "base rate"),
        error=formatting.metric_label(error),
        difference=verdict.differences[error],
        order=_ORDER[verdict.word(rank)],
        rank=formatting.metric_label(rank),
        ranks=verdict.differences[rank],
    )


def _tests(verdict: Verdict) -> str:
    tests, customers = verdict.cutoffs, verdict.customers
    return f"{formatting.plural(tests, 'test')} on {formatting.plural(customers, 'customer')}"


_TOP_HOLDS = (0.75, 1.33)
"""Promised over realised, within which a campaign can be planned for the best tenth."""


def find_top_tenth_off(proof: Proof) -> Iterator[Finding]:
    """Say where the customers of the highest expected revenue certainly brought far less, or far
    more, than was expected of them.
    """
    for verdict in proof.verdicts.values():
        top = verdict.top_tenth
        if top is None or verdict.customers < LEAST_CUSTOMERS:
            continue
        low, high = _TOP_HOLDS
        if top.low > high or top.high < low:
            yield Finding.of("top-tenth-off", tests=_tests(verdict), ratio=top)


_LUCK = 0.002
"""A smaller difference is not worth a reader's time."""
_NAMES = {"roc_auc": "ROC-AUC", "f1": "F1", "r2": "R2"}


def find_lucky_split(proof: Proof) -> Iterator[Finding]:
    """Put the figures of the test split beside those of cross-validation where the split flatters.

    Examples
    --------
    >>> import polars as pl
    >>> proof = Proof(predictions=pl.DataFrame(), baselines={},
    ...     figures={"churn": {"roc_auc": 0.9836}}, cross_validated={"churn": {"roc_auc": 0.9781}})
    >>> next(find_lucky_split(proof)).evidence
    'churn: ROC-AUC is 0.9836 on the test customers and 0.9781 in cross-validation'
    """
    for task, folds in (proof.cross_validated or {}).items():
        test = proof.figures.get(task, {})
        flattered = [
            f"{_NAMES[name]} is {test[name]:.4f} on the test customers and {folds[name]:.4f} in "
            "cross-validation"
            for name in _NAMES
            if name in test and name in folds and test[name] - folds[name] > _LUCK
        ]
        if flattered:
            yield Finding.of("lucky-{task}-split", task=task, figures="; ".join(flattered))


AUDITS = (
    Audit("ceiling", "Is a figure at its ceiling, or too good?", find_figures_at_their_ceiling),
    Audit(
        "naive",
        "Is the model no better than the naive baseline?",
        find_model_no_better_than_naive,
    ),
    Audit("top tenth", "Do the best customers bring what they promise?", find_top_tenth_off),
    Audit("lucky split", "Does the test flatter?", find_lucky_split, needs=("cross_validated",)),
)
