"""Ceiling: how good can any model be here, and does the figure reach it?

Where churn happens only inside one group and nothing known tells who of the group leaves, the best
score is the same for the whole group. Its ROC-AUC and F1 are the ceiling: a model that reaches them
has found the group, and one that exceeds them was lucky with its test.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.audits.circular_label import NEARLY_CERTAIN
from holdfast.audits.table import Booleans, Table, halves_of, is_number
from holdfast.findings import Finding

TOO_GOOD_AUC, TOO_GOOD_R2 = 0.98, 0.98
_COIN = 0.05
_LEAST_PART = 0.02
_MOST_PART = 0.8
_LEAST_ROWS = 200
_REACHES = 0.02


@dataclass(frozen=True)
class Ceiling:
    """The group inside which all churn happens, as a coin flip.

    Attributes
    ----------
    inside_auc
        What boosted trees on the columns that the model sees make of the customers inside; 0.5 is
        nothing.
    """

    group: str
    inside: int
    churned: int
    inside_auc: float
    auc: float
    f1: float


def ceiling_of(table: Table) -> Ceiling | None:
    """Find the group of a column of words inside which all churn happens, if nothing tells who
    leaves inside it.
    """
    words = [
        n
        for n in table.columns.columns
        if not is_number(table.columns[n]) and table.columns[n].n_unique() <= 50
    ]
    for name in words:
        if table.halves is None or table.aucs[name] >= NEARLY_CERTAIN:
            continue
        inside, levels = _where_churn_happens(table.columns[name], table.left)
        share = inside.mean()
        if (
            not _LEAST_PART <= share <= _MOST_PART
            or inside.sum() < _LEAST_ROWS
            or table.left[inside].all()
        ):
            continue
        auc = _inside_auc(table, inside)
        if auc is None or auc > 0.5 + _COIN:
            continue
        return _flat(
            f"{name} in ({', '.join(levels)})" if len(levels) > 1 else f"{name} = {levels[0]}",
            inside,
            auc,
            table.left,
        )
    return None


def _where_churn_happens(column: pl.Series, left: Booleans) -> tuple[Booleans, list[str]]:
    words = column.cast(pl.String).fill_null("(nothing)")
    levels = words.filter(pl.Series(left)).unique().sort().to_list()
    return words.is_in(levels).to_numpy(), levels


def _inside_auc(table: Table, inside: Booleans) -> float | None:
    rows = np.flatnonzero(inside)
    halves = halves_of(table.left[rows], np.random.default_rng(table.seed))
    if halves is None:
        return None
    matrix = np.column_stack([table.coded[name][rows] for name in table.seen])
    return halves.boosted_auc(matrix)


def _flat(group: str, inside: Booleans, inside_auc: float, left: Booleans) -> Ceiling:
    """The figures of a model that gives everyone inside one probability, and everyone
    outside none.
    """
    precision = float(left[inside].mean())
    stayed_inside = float((inside & ~left).sum() / (~left).sum())
    return Ceiling(
        group=group,
        inside=int(inside.sum()),
        churned=int(left.sum()),
        inside_auc=inside_auc,
        auc=1 - stayed_inside / 2,
        f1=2 * precision / (1 + precision),
    )


def at_the_ceiling(found: Ceiling, figures: Mapping[str, float]) -> tuple[Finding, ...]:
    """Hold a model's figures on unseen customers against the ceiling.

    Parameters
    ----------
    figures
        `roc_auc` and, if there is one, `f1` on the test customers.

    Examples
    --------
    >>> table = Ceiling(group="g = x", inside=1448, churned=1069, inside_auc=0.51, auc=0.9788,
    ...     f1=0.8494)
    >>> at_the_ceiling(table, {"roc_auc": 0.9836})[0].severity
    'warning'
    >>> at_the_ceiling(table, {"roc_auc": 0.9})
    ()
    """
    auc = figures.get("roc_auc", 0.0)
    if auc < found.auc - _REACHES:
        return ()
    f1 = f", F1 {figures['f1']:.3f}" if "f1" in figures else ""
    above = auc > found.auc or figures.get("f1", 0.0) > found.f1
    return (
        Finding.warning(
            "at-the-ceiling",
            evidence=f"all {found.churned:,} who left are among the {found.inside:,} customers "
            f"with {found.group}, and inside nothing tells who (ROC-AUC {found.inside_auc:.3f}); "
            f"so the ceiling is ROC-AUC {found.auc:.3f} and F1 {found.f1:.3f}, and the test has "
            f"ROC-AUC {auc:.4f}{f1}",
            meaning="The figures say that the group was found, not that anybody's leaving is "
            "foreseen"
            + ("; what lies above the ceiling is the luck of the split." if above else "."),
            fix="Report what is told inside the group; ask how the group and the outcome came "
            "about.",
        ),
    )


def too_good(figures: Mapping[str, Mapping[str, float]]) -> tuple[Finding, ...]:
    """Suspect figures on unseen customers that honest data does not allow: task -> metric ->
    figure.
    """
    bounds = {"churn": ("roc_auc", "ROC-AUC", TOO_GOOD_AUC), "value": ("r2", "R2", TOO_GOOD_R2)}
    told = [
        f"{task}: {name} {figures[task][metric]:.4f}"
        for task, (metric, name, bound) in bounds.items()
        if figures.get(task, {}).get(metric, 0.0) >= bound
    ]
    if not told:
        return ()
    return (
        Finding.warning(
            "too-good",
            evidence="; ".join(told) + " on customers that the model has not seen",
            meaning="What customers do is never known so well beforehand. Some column holds the "
            "outcome.",
            fix="Look at the strongest reasons: hide the columns that are known only afterwards.",
        ),
    )
