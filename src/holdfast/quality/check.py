"""Check: what may come in. Read the sources, hold them to their contract and say what a careful
reader would see.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from holdfast.findings import Finding, sort_findings
from holdfast.ingest.contract import Violation, kinds_of, named_contract, violations
from holdfast.ingest.read import OrderLog, Snapshot, read_sources
from holdfast.ingest.study_data import StudyData
from holdfast.ingest.validation import Rows
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Listener, Silence, Steps
from holdfast.quality.check_files import draft_contract, write_text
from holdfast.quality.data_report import (
    CHECK_TOPICS,
    describe_log,
    describe_snapshot,
    find_in_log,
    find_rules_not_run,
)
from holdfast.quality.sufficiency import Sufficiency, as_of_day, check_log, check_snapshot
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
        What the study takes for granted, as ODCS; the file it names has the last word.
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
    contract: Mapping[str, Any] = field(repr=False)

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
    with Warehouse.temporary() as warehouse:
        with steps("Read the sources") as step:
            data = read_sources(study, warehouse)
            step.detail = data.size
        if isinstance(data, OrderLog):
            return _check_log(study, data, warehouse, steps)
        return _check_snapshot(study, data, warehouse, steps)


def _check_log(study: Study, log: OrderLog, warehouse: Warehouse, steps: Steps) -> Check:
    with steps("Look at them") as step, warehouse.working("describe the log"):
        topics = describe_log(log, CHECK_TOPICS)
        besides = tuple(find_in_log(log))
        step.detail = f"{len(topics)} topics"
    with steps("Enough data?") as step:
        gate = check_log(study, warehouse, end_day=log.end_day)
        step.detail = ", ".join(count.name for count in gate.counts if not count.holds) or "yes"
    stale = tuple(_stale_inputs(study, warehouse))
    return _check(study, log, topics, gate, findings=besides, failures=stale)


def _check_snapshot(study: Study, snapshot: Snapshot, warehouse: Warehouse, steps: Steps) -> Check:
    with steps("Data report") as step:
        topics = describe_snapshot(snapshot, warehouse)
        step.detail = f"{len(topics)} topics"
    gate = check_snapshot(snapshot.frame["churned"], needs=study.check.needs)
    return _check(study, snapshot, topics, gate)


def _check(
    study: Study,
    data: StudyData,
    topics: tuple[Topic, ...],
    gate: Sufficiency,
    *,
    findings: tuple[Finding, ...] = (),
    failures: tuple[str, ...] = (),
) -> Check:
    odd = [finding for topic in topics for finding in topic.findings]
    return Check(
        study=study.name,
        kind=data.kind,
        rows={each.name: each.rows for each in data.sources},
        reasons=data.reasons,
        topics=topics,
        sufficiency=gate,
        violations=violations(data.sources),
        failures=(*data.failures, *failures),
        findings=sort_findings(
            [*data.findings, *gate.findings, *findings, *odd, *find_rules_not_run(study)]
        ),
        contract=draft_contract(study, {each.name: kinds_of(each.fields) for each in data.sources}),
    )


def write_page(check: Check, path: Path) -> Path:
    """Write the data report as one HTML file that loads nothing."""
    from holdfast.report.pages import data_page

    return write_text(path, data_page(check.study, check.as_dict()))


def _stale_inputs(study: Study, warehouse: Warehouse) -> Iterator[str]:
    """Hold each input against its contract's freshness, on the day the study asks about."""
    contract, now = named_contract(study), as_of_day(study)
    if contract is None or now is None:
        return
    for name in ("transactions", "events", "treatments"):
        promised = contract.inputs.get(name)
        if promised is None or promised.fresh_days is None or not warehouse.has(name):
            continue
        last = warehouse.row(f"SELECT max(day) FROM {name}")[0]
        if last is not None and now - last > promised.fresh_days:
            yield (
                f"{name}: the latest row is of {date_of(last)}, {now - last:,} days before "
                f"{date_of(now)}; the contract allows {promised.fresh_days}"
            )
