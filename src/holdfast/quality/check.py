"""Check: what may come in. Read the sources, hold them to their contract and say what a careful
reader would see.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from holdfast.findings import Finding, sort_findings
from holdfast.ingest.contract import Violation, kinds_of, named_contract, violations
from holdfast.ingest.data_contract import DataContract, Kind, contract_of
from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.ingest.snapshot import read_snapshot
from holdfast.ingest.validation import Rows, ValidatedSource
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Listener, Silence, Steps
from holdfast.quality.data_report import (
    all_topics,
    attribute_findings,
    snapshot_topics,
    unused_rules,
)
from holdfast.quality.gate import as_of_day, log_gate, snapshot_gate
from holdfast.quality.sufficiency import Sufficiency
from holdfast.quality.topics import Topic
from holdfast.study import Study
from holdfast.windows import date_of


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was found at the door.

    Attributes
    ----------
    rows
        Input -> what became of its rows; read = accepted + set_aside + quarantined.
    reasons
        Input -> reason -> rows that were set aside or quarantined for it.
    violations
        Rows that were quarantined: they broke the contract, or could not be understood.
    failures
        Limits that are exceeded, in words; `passed` is whether there are none.
    contract
        What the study takes for granted, in the terms of a contract; the file it names has the last
        word.
    findings
        Of every topic, the gravest first.
    """

    study: str
    kind: str
    rows: dict[str, Rows]
    reasons: dict[str, dict[str, int]]
    topics: tuple[Topic, ...]
    sufficiency: Sufficiency
    violations: tuple[Violation, ...]
    failures: tuple[str, ...]
    findings: tuple[Finding, ...]
    contract: DataContract = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether no limit is exceeded."""
        return not self.failures

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "study": self.study,
            "kind": self.kind,
            "passed": self.passed,
            "rows": {name: asdict(rows) for name, rows in self.rows.items()},
            "reasons": self.reasons,
            "topics": [topic.as_dict() for topic in self.topics],
            "sufficiency": self.sufficiency.as_dict(),
            "violations": [asdict(violation) for violation in self.violations],
            "failures": list(self.failures),
            "findings": [finding.as_dict() for finding in self.findings],
        }


def check(study: Study, *, listener: Listener | None = None) -> Check:
    """Look at a study's inputs; nothing is learnt and nothing is published.

    Parameters
    ----------
    listener
        Told of each step.

    Raises
    ------
    HoldfastError
        A source, or the contract, cannot be read at all.
    """
    steps = Steps(listener or Silence())
    with TemporaryDirectory(prefix="holdfast-") as scratch, Warehouse(Path(scratch)) as warehouse:
        return (_log if study.transactions is not None else _snapshot)(study, warehouse, steps)


def _log(study: Study, warehouse: Warehouse, steps: Steps) -> Check:
    with steps("Read the sources") as step:
        got = read_order_log(study, warehouse)
        step.detail = f"{got.rows.read:,} rows, {got.n_customers:,} customers"
    with steps("Look at them") as step, warehouse.working("describe the log"):
        topics = tuple(all_topics(study, warehouse, got))
        besides = [*attribute_findings(study, warehouse), *unused_rules(study, got.sources[0])]
        step.detail = f"{len(topics)} topics"
    with steps("Is it enough?") as step:
        gate = log_gate(study, warehouse, end_day=got.end_day)
        step.detail = (
            ", ".join(f"{count.name}" for count in gate.counts if not count.holds) or "yes"
        )
    late = tuple(_late(study, warehouse, got))
    return _check(
        study,
        got.sources,
        topics,
        gate,
        kind="log",
        failures=(*got.failures, *late),
        findings=[*got.findings, *gate.findings, *besides],
    )


def _snapshot(study: Study, warehouse: Warehouse, steps: Steps) -> Check:
    with steps("Read the snapshot") as step:
        got = read_snapshot(study, warehouse)
        step.detail = f"{got.rows.read:,} rows, {got.frame.height:,} customers"
    with steps("Look at it") as step:
        topics = tuple(snapshot_topics(study, got, warehouse))
        step.detail = f"{len(topics)} topics"
    gate = snapshot_gate(study, got.frame)
    return _check(
        study,
        got.sources,
        topics,
        gate,
        kind="snapshot",
        failures=got.failures,
        findings=[*got.findings, *gate.findings],
    )


def _check(
    study: Study,
    validated: tuple[ValidatedSource, ...],
    topics: tuple[Topic, ...],
    gate: Sufficiency,
    *,
    kind: str,
    failures: tuple[str, ...],
    findings: list[Finding],
) -> Check:
    every = [
        *findings,
        *(finding for topic in topics for finding in topic.findings),
        *_not_checked(study),
    ]
    others: dict[str, dict[str, Kind]] = {each.name: kinds_of(each.fields) for each in validated}
    return Check(
        study=study.name,
        kind=kind,
        rows={each.name: each.rows for each in validated},
        reasons={each.name: each.reasons for each in validated},
        topics=topics,
        sufficiency=gate,
        violations=violations(validated),
        failures=failures,
        findings=sort_findings(every),
        contract=contract_of(study, others),
    )


def _late(study: Study, warehouse: Warehouse, got: OrderLog) -> Iterator[str]:
    """Hold each input against its contract's freshness, on the day the study asks about."""
    contract, now = named_contract(study), as_of_day(study)
    if contract is None or now is None:
        return
    for name, given in contract.inputs.items():
        if (
            given.fresh_days is None
            or not warehouse.has(name)
            or name not in ("transactions", "events", "treatments")
        ):
            continue
        last = warehouse.row(f"SELECT max(day) FROM {name}")[0]
        if last is not None and now - last > given.fresh_days:
            yield (
                f"{name}: the latest row is of {date_of(last)}, {now - last:,} days before "
                f"{date_of(now)}; "
                f"the contract allows {given.fresh_days}"
            )


def _not_checked(study: Study) -> list[Finding]:
    contract = named_contract(study)
    if contract is None or not contract.not_checked:
        return []
    return [
        Finding.note(
            "rules-not-run",
            evidence="the contract has rules that Holdfast does not run: "
            f"{'; '.join(contract.not_checked)}",
            meaning="SQL and other tools' rules are theirs to run; texts are for people.",
            fix="nothing, or write them as ranges, patterns, lists or limits",
        )
    ]
