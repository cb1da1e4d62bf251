"""Audit: is this honest? It asks the study, the data and the trained models, and a run refuses what
is fatal.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from holdfast.audits import (
    circular_label,
    drift,
    figures,
    joint_leak,
    label_windows,
    late_change,
    leaky_column,
    leaky_preprocessing,
    log_days,
    order_of_outcome,
    prepared_split,
    rewritten_history,
    survivorship,
)
from holdfast.audits.question import Answer, Audit, Subject, ask_all
from holdfast.audits.subjects import Log, Proof
from holdfast.audits.table import Table, snapshot_table
from holdfast.errors import NotEnoughData, NotHonest, StudyError
from holdfast.findings import Finding, sort_findings
from holdfast.ingest.order_log import read_order_log
from holdfast.ingest.snapshot import read_snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Listener, Silence, Step, Steps
from holdfast.study import Study
from holdfast.training.backtest import backtest_data
from holdfast.training.fit_snapshot import fit_snapshot
from holdfast.training.training_data import read_training_data

# In the order in which they are asked: a new one is a file, and a line here.
TABLE_AUDITS: tuple[Audit[Table], ...] = (
    circular_label.AUDIT, *leaky_column.AUDITS, label_windows.LATE_DATE,
    *leaky_preprocessing.AUDITS, *prepared_split.AUDITS, drift.AUDIT, *label_windows.AUDITS,
    *joint_leak.AUDITS, *late_change.AUDITS, order_of_outcome.AUDIT,
)  # fmt: skip
LOG_AUDITS: tuple[Audit[Log], ...] = (
    survivorship.AUDIT,
    *log_days.AUDITS,
    joint_leak.LOG_AUDIT,
    *rewritten_history.AUDITS,
    drift.LOG_AUDIT,
)
PROOF_AUDITS: tuple[Audit[Proof], ...] = figures.AUDITS


@dataclass(frozen=True)
class AuditReport:
    """What the audits found.

    Attributes
    ----------
    answers
        One per question, in the order in which they were asked.
    acknowledged
        Names of findings that the study accepts.
    """

    study: str
    answers: tuple[Answer, ...]
    acknowledged: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding once, the gravest first."""
        return sort_findings(finding for answer in self.answers for finding in answer.findings)

    @property
    def is_honest(self) -> bool:
        """Whether nothing fatal was found that the study does not acknowledge."""
        return not any(each.refuses(self.acknowledged) for each in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, as JSON takes it."""
        return {
            "study": self.study,
            "honest": self.is_honest,
            "acknowledged": list(self.acknowledged),
            "findings": [each.with_acknowledgement(self.acknowledged) for each in self.findings],
            "suspicions": [answer.as_dict() for answer in self.answers],
        }


def audit(
    study: Study,
    *,
    earlier: Study | None = None,
    prove: bool = True,
    listener: Listener | None = None,
) -> AuditReport:
    """Ask every question; nothing is published, and nothing is refused.

    Parameters
    ----------
    earlier
        The same study of an earlier export of the log: what was known then must still be what is
        known of then.
    prove
        Fit the models and hold them against the naive baseline too.
    listener
        Told of each step.

    Raises
    ------
    HoldfastError
        Whatever is wrong with the sources.
    """
    steps = Steps(listener or Silence())
    if study.snapshot is None:
        answers = _audit_log(study, earlier, prove, steps)
    elif earlier is None:
        answers = _audit_snapshot(study, prove, steps)
    else:
        raise StudyError(
            "an earlier export can only be compared with an order log", fix="leave out --earlier"
        )
    return AuditReport(study.name, tuple(answers), tuple(study.acknowledge))


def _audit_snapshot(study: Study, prove: bool, steps: Steps) -> Iterator[Answer]:
    with Warehouse.temporary() as warehouse, steps("Read the snapshot") as step:
        snapshot = read_snapshot(study, warehouse)
        step.detail = snapshot.size
    table = snapshot_table(study, snapshot)
    yield from _ask("Ask the table", TABLE_AUDITS, table, steps)
    if prove and table.cutoff_day is None:
        with steps("Learn and test"):
            fitted = fit_snapshot(study, snapshot.frame, columns=snapshot.columns)
        proof = Proof.of(
            fitted.proof, seed=study.seed, table=table, cross_validated=fitted.cross_validated
        )
        yield from _ask("Ask the models", PROOF_AUDITS, proof, steps)


def _audit_log(study: Study, earlier: Study | None, prove: bool, steps: Steps) -> Iterator[Answer]:
    if earlier is not None and earlier.transactions is None:
        raise StudyError(
            "the earlier export is no order log",
            fix="name an earlier export with transactions.path",
        )
    with Warehouse.temporary() as warehouse, Warehouse.temporary() as beside:
        with steps("Read the sources") as step:
            ingested = read_order_log(study, warehouse)
            step.detail = ingested.size
        before = None
        if earlier is not None:
            with steps("Read the earlier export"):
                before = read_order_log(earlier, beside)
        with steps("Features and labels"):
            data = read_training_data(
                study, warehouse, first_day=ingested.first_day, end_day=ingested.end_day
            )
        yield from _ask("Ask the log", LOG_AUDITS, Log(ingested, data, before), steps)
        if prove:
            with steps("Backtest on later data"):
                proof = Proof.of(backtest_data(study, data), seed=study.seed)
            yield from _ask("Ask the models", PROOF_AUDITS, proof, steps)


def _ask(
    title: str, audits: Iterable[Audit[Subject]], subject: Subject, steps: Steps
) -> tuple[Answer, ...]:
    with steps(title) as step:
        answers = ask_all(audits, subject)
        with_findings = sum(bool(answer.findings) for answer in answers)
        step.detail = f"{len(answers)} questions, {with_findings} with findings"
    return answers


def ask_before_learning(
    audits: Iterable[Audit[Subject]], subject: Subject, study: Study, step: Step
) -> tuple[Answer, ...]:
    """Ask what a run asks before it learns anything; it ends here on what is fatal.

    Raises
    ------
    NotHonest
        Something fatal was found that the study does not acknowledge.
    """
    answers = ask_all(audits, subject, cheaply=True)
    findings = [finding for answer in answers for finding in answer.findings]
    refuse_fatal(findings, study, NotHonest)
    seen = (
        each.name + (" (acknowledged)" if each.severity == "fatal" else "") for each in findings
    )
    step.detail = ", ".join(dict.fromkeys(seen)) or "nothing found"
    return answers


def refuse_fatal(
    findings: Iterable[Finding], study: Study, error: type[NotHonest] | type[NotEnoughData]
) -> None:
    """Raise the error, naming each fatal finding that the study does not acknowledge, and how to
    acknowledge it.
    """
    fatal = [each for each in findings if each.refuses(study.acknowledge)]
    if not fatal:
        return
    names = dict.fromkeys([*study.acknowledge, *(each.name for each in fatal)])
    listed = ", ".join(f'"{name}"' for name in names)
    raise error(
        "; ".join(f"{each.name}: {each.evidence}" for each in fatal),
        fix=f"{fatal[0].fix} If it is known and meant, write acknowledge = [{listed}] in "
        "[study]: the report then says so on its first page",
        findings=[each.as_dict() for each in fatal],
    )
