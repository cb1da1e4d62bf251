"""Audit: is this honest? It asks the study, the data and the trained models, and a run refuses what
is fatal.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from holdfast.audits.log_audits import Log, of_earlier_export, of_log
from holdfast.audits.table import Table
from holdfast.audits.table_audits import Answer, Suspicion, answers, of_proof, of_table
from holdfast.errors import NotHonest, StudyError
from holdfast.evaluation.evidence import Evidence
from holdfast.findings import Finding, sort_findings
from holdfast.ingest.order_log import read_order_log
from holdfast.ingest.snapshot import Snapshot, read_snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Listener, Silence, Step, Steps
from holdfast.study import Study
from holdfast.training.backtest import backtest_data
from holdfast.training.fit_snapshot import fit_snapshot
from holdfast.training.training_data import read_training_data
from holdfast.windows import parse_day


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What the audit found.

    Attributes
    ----------
    answers
        One per suspicion, in the order in which they were asked.
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
        return not unacknowledged(self.findings, self.acknowledged)

    def as_dict(self) -> dict[str, Any]:
        """The audit as plain values, as JSON takes it."""
        return {
            "study": self.study,
            "honest": self.is_honest,
            "acknowledged": list(self.acknowledged),
            "findings": [
                finding.with_acknowledgement(self.acknowledged) for finding in self.findings
            ],
            "suspicions": [answer_as_dict(answer) for answer in self.answers],
        }


def answer_as_dict(answer: Answer) -> dict[str, Any]:
    """One suspicion as plain values."""
    return {
        "name": answer.name,
        "question": answer.question,
        "found": [finding.name for finding in answer.findings],
        "seconds": round(answer.seconds, 4),
    }


def audit(
    study: Study,
    *,
    earlier: Study | None = None,
    prove: bool = True,
    listener: Listener | None = None,
) -> Audit:
    """Ask every suspicion; nothing is published, and nothing is refused.

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
    asked = _of_snapshot if study.snapshot is not None else _of_log
    return Audit(
        study=study.name,
        answers=tuple(asked(study, earlier, prove, steps)),
        acknowledged=tuple(study.acknowledge),
    )


def unacknowledged(findings: Iterable[Finding], acknowledged: Collection[str]) -> list[Finding]:
    """The fatal findings that a study does not accept by name."""
    return [
        finding
        for finding in findings
        if finding.severity == "fatal" and finding.name not in acknowledged
    ]


def refuse(findings: Iterable[Finding], study: Study) -> None:
    """Raise on a fatal finding that the study does not acknowledge.

    Raises
    ------
    NotHonest
        Naming each of them, and how to acknowledge them.
    """
    fatal = unacknowledged(findings, study.acknowledge)
    if not fatal:
        return
    names = list(dict.fromkeys(finding.name for finding in fatal))
    written = ", ".join(f'"{name}"' for name in dict.fromkeys([*study.acknowledge, *names]))
    raise NotHonest(
        "; ".join(f"{finding.name}: {finding.evidence}" for finding in fatal),
        fix=f"{fatal[0].fix} If it is known and meant, write acknowledge = [{written}] in [study]: "
        "the report then "
        "says so on its first page",
        findings=[finding.as_dict() for finding in fatal],
    )


def asked_cheaply(suspicions: Sequence[Suspicion], study: Study, step: Step) -> tuple[Answer, ...]:
    """What a run asks before it learns anything; it ends here on what is fatal.

    Raises
    ------
    NotHonest
        A fatal finding that the study does not acknowledge.
    """
    asked = cheap(suspicions)
    findings = [finding for answer in asked for finding in answer.findings]
    refuse(findings, study)
    names = (
        f.name + (" (acknowledged)" if f.is_acknowledged(study.acknowledge) else "")
        for f in findings
    )
    step.detail = ", ".join(dict.fromkeys(names)) or "nothing found"
    return asked


def cheap(suspicions: Sequence[Suspicion]) -> tuple[Answer, ...]:
    """What a run asks."""
    return tuple(answers(suspicions, every=False))


def table_of(study: Study, got: Snapshot) -> Table:
    """The snapshot as the audit looks at it: where it has a split of its own, before repeats were
    set aside.
    """
    snapshot = study.snapshot
    assert snapshot is not None
    frame = got.frame if got.prepared is None else got.prepared
    return Table(
        columns=frame.select(got.columns),
        churned=frame["churned"],
        customer=frame["customer_id"],
        value=frame["value"] if "value" in frame.columns else None,
        hidden={"churn": snapshot.hidden_from("churn"), "value": snapshot.hidden_from("value")},
        days=got.days,
        test=frame["is_test"].to_numpy() if "is_test" in frame.columns else None,
        cutoff_day=frame["row_cutoff_day"] if "row_cutoff_day" in frame.columns else None,
        as_of_day=parse_day(snapshot.as_of),
        horizon_days=snapshot.horizon_days,
        seed=study.seed,
    )


def proof_suspicions(
    study: Study,
    proof: Evidence,
    *,
    table: Table | None,
    cross_validated: Mapping[Any, Mapping[str, float]],
) -> list[Suspicion]:
    """What is asked of what a proof says."""
    figures: dict[str, dict[str, float]] = {}
    baselines: dict[str, str] = {}
    for task in ("churn", "value"):
        rows = proof.evidence.filter(pl.col("task") == task)
        last = rows.filter(pl.col("cutoff_day") == pl.col("cutoff_day").max())
        champion = last.filter(pl.col("model") == "champion")
        figures[task] = dict(champion.select("metric", "value").iter_rows())
        naive = [
            name
            for name in rows["model"].unique(maintain_order=True)
            if name.startswith("baseline")
        ]
        if naive:
            baselines[task] = naive[0].removeprefix("baseline: ")
    return of_proof(
        proof.predictions,
        figures=figures,
        baselines=baselines,
        cross_validated=cross_validated,
        table=table,
        seed=study.seed,
    )


def _of_snapshot(
    study: Study, earlier: Study | None, prove: bool, steps: Steps
) -> Iterator[Answer]:
    if earlier is not None:
        raise StudyError(
            "an earlier export can only be compared with an order log", fix="leave out --earlier"
        )
    with _scratch() as warehouse:
        with steps("Read the snapshot") as step:
            got = read_snapshot(study, warehouse)
            step.detail = f"{got.rows.read:,} rows, {len(got.columns)} columns"
        table = table_of(study, got)
        yield from _asked("Ask the table", of_table(table), steps)
        if prove and table.cutoff_day is None:
            with steps("Learn and prove"):
                fitted = fit_snapshot(study, got.frame, columns=got.columns)
            proof = proof_suspicions(
                study, fitted.proof, table=table, cross_validated=fitted.cross_validated
            )
            yield from _asked("Ask the models", proof, steps)


def _of_log(study: Study, earlier: Study | None, prove: bool, steps: Steps) -> Iterator[Answer]:
    with _scratch() as warehouse:
        with steps("Read the sources") as step:
            got = read_order_log(study, warehouse)
            step.detail = f"{got.rows.read:,} rows, {got.n_customers:,} customers"
        with steps("Features and labels"):
            history = read_training_data(
                study, warehouse, first_day=got.first_day, end_day=got.end_day
            )
        log = Log(study, warehouse, got, history)
        yield from _asked("Ask the log", of_log(log), steps)
        if earlier is not None:
            yield from _compared(log, earlier, steps)
        if prove:
            with steps("Prove on unseen time"):
                proof = backtest_data(study, history)
            asked = proof_suspicions(study, proof, table=None, cross_validated={})
            yield from _asked("Ask the models", asked, steps)


def _compared(log: Log, earlier: Study, steps: Steps) -> Iterator[Answer]:
    if earlier.transactions is None:
        raise StudyError(
            "the earlier export is no order log",
            fix="name an earlier export with transactions.path",
        )
    with _scratch() as warehouse:
        with steps("Read the earlier export"):
            got = read_order_log(earlier, warehouse)
        yield from _asked("Compare the exports", [of_earlier_export(log, got, warehouse)], steps)


def _asked(title: str, suspicions: Sequence[Suspicion], steps: Steps) -> tuple[Answer, ...]:
    with steps(title) as step:
        asked = tuple(answers(suspicions, every=True))
        found = sum(bool(answer.findings) for answer in asked)
        step.detail = f"{len(asked)} questions, {found} with findings"
    return asked


@contextmanager
def _scratch() -> Iterator[Warehouse]:
    with TemporaryDirectory(prefix="holdfast-") as folder, Warehouse(Path(folder)) as warehouse:
        yield warehouse
