"""Suspicions: what the audit asks of a table, of a log and of a proof, each with its question in
words.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import polars as pl

from holdfast.audits.ceiling import at_the_ceiling, ceiling_of, too_good
from holdfast.audits.circular_label import circular_label
from holdfast.audits.drift import drift
from holdfast.audits.joint_leak import outshining_column, telling_together
from holdfast.audits.label_windows import immature_labels, no_gap
from holdfast.audits.late_change import late_change, redundant_columns
from holdfast.audits.late_date import late_date
from holdfast.audits.leaky_column import telling_column, telling_value
from holdfast.audits.leaky_preprocessing import encoded_outcome, scaled_on_all
from holdfast.audits.lucky_split import lucky_split
from holdfast.audits.naive import no_better_than_naive
from holdfast.audits.order_of_outcome import order_of_outcome
from holdfast.audits.prepared_split import resampled, shared_customers, shared_rows
from holdfast.audits.table import Table
from holdfast.findings import Finding

Asked = Callable[[], tuple[Finding, ...]]


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """One question, and how it is answered.

    Attributes
    ----------
    is_cheap
        Whether a run asks it too; `holdfast audit` asks them all.
    """

    name: str
    question: str
    ask: Asked
    is_cheap: bool = True


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a suspicion."""

    name: str
    question: str
    seconds: float
    findings: tuple[Finding, ...]


def answers(suspicions: Sequence[Suspicion], *, every: bool) -> Iterator[Answer]:
    """Ask the suspicions in order: every one, or only the cheap ones."""
    for suspicion in suspicions:
        if every or suspicion.is_cheap:
            begun = perf_counter()
            found = suspicion.ask()
            seconds = perf_counter() - begun
            yield Answer(
                name=suspicion.name, question=suspicion.question, seconds=seconds, findings=found
            )


def of_table(table: Table) -> list[Suspicion]:
    """What is asked of one row per customer."""
    asked: list[tuple[str, str, Callable[[Table], tuple[Finding, ...]], bool]] = [
        ("circular label", "Is the label a formula of its own row?", circular_label, True),
        (
            "telling column",
            "Does a column, or that it is empty, give the outcome away?",
            telling_column,
            True,
        ),
        (
            "telling value",
            "Does a column order customers as their value does?",
            telling_value,
            True,
        ),
        ("late date", "Does a row know days that had not come?", late_date, True),
        ("encoded outcome", "Were words replaced by churn rates?", encoded_outcome, True),
        ("scaled on all rows", "Were columns scaled with rows of the test?", scaled_on_all, True),
        ("repeated rows", "Is a customer's row there more than once?", shared_rows, True),
    ]
    if table.test is not None:
        asked += [
            ("shared customers", "Are customers of the test learnt from?", shared_customers, True),
            ("resampled", "Was an outcome multiplied before the split?", resampled, True),
            ("drift", "Is the test unlike what was learnt?", drift, False),
        ]
    if table.cutoff_day is not None:
        asked += [
            ("no gap", "Do outcomes that are learnt from reach into the test?", no_gap, True),
            ("immature labels", "Are there outcomes that had not come?", immature_labels, True),
        ]
    asked += [
        (
            "telling together",
            "Do the columns together give the outcome away?",
            telling_together,
            False,
        ),
        (
            "outshining column",
            "Does one column tell more than all others?",
            outshining_column,
            False,
        ),
        ("late change", "Was a column changed when the customer left?", late_change, False),
        (
            "order of the outcome",
            "Does a number or a day carry the order of outcomes?",
            order_of_outcome,
            False,
        ),
        ("redundant columns", "Do columns say the same twice?", redundant_columns, False),
    ]
    return [
        Suspicion(name=name, question=question, ask=partial(ask, table), is_cheap=is_cheap)
        for name, question, ask, is_cheap in asked
    ]


def of_proof(
    predictions: pl.DataFrame,
    *,
    figures: Mapping[str, Mapping[str, float]],
    baselines: Mapping[str, str],
    cross_validated: Mapping[str, Mapping[str, float]],
    table: Table | None,
    seed: int,
) -> list[Suspicion]:
    """What is asked of the trained models.

    Parameters
    ----------
    predictions
        PREDICTIONS of unseen outcomes.
    figures, cross_validated
        Task -> metric -> the champion's figure on the last test, and its mean over folds of
        customers.
    baselines
        Task -> name of the naive baseline.
    table
        The table that the models were learnt from, if it is a snapshot.
    """

    def lucky() -> tuple[Finding, ...]:
        return tuple(
            finding
            for task, folds in cross_validated.items()
            for finding in lucky_split(task, test=figures.get(task, {}), cross_validated=folds)
        )

    def ceiling() -> tuple[Finding, ...]:
        found = ceiling_of(table) if table is not None else None
        return (
            at_the_ceiling(found, figures.get("churn", {}))
            if found is not None
            else too_good(figures)
        )

    naive = partial(no_better_than_naive, predictions, baselines=baselines, seed=seed)
    return [
        Suspicion(name="ceiling", question="Is a figure at its ceiling, or too good?", ask=ceiling),
        Suspicion(
            name="naive", question="Is the model no better than the naive baseline?", ask=naive
        ),
        *(
            [Suspicion(name="lucky split", question="Does the test flatter?", ask=lucky)]
            if cross_validated
            else []
        ),
    ]
