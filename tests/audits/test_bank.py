"""Each leak that is planted is found, and honest studies are left alone."""

from pathlib import Path

import polars as pl
import pytest
from tests.audits.bank import TABLE_LEAKS, Planted, earlier_study, study_in
from tests.audits.bank_logs import LOG_LEAKS
from tests.audits.bank_prepared import PREPARED_LEAKS
from tests.audits.clean import CLEAN, Clean

from holdfast.audits.audit import AuditReport, audit


def audited(planted: Planted, folder: Path, real: Path) -> AuditReport:
    raw = planted.build(folder, real)
    return audit(
        study_in(folder, raw), earlier=earlier_study(folder, planted, raw), prove=planted.prove
    )


def slow(is_slow: bool) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.slow,) if is_slow else ()


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(planted, marks=slow(planted.slow), id=planted.name)
        for planted in (*TABLE_LEAKS, *PREPARED_LEAKS, *LOG_LEAKS)
    ],
)
def test_a_planted_leak_is_found(planted: Planted, tmp_path: Path, bench_data: Path) -> None:
    found = {
        finding.name
        for finding in audited(planted, tmp_path, bench_data).findings
        if finding.severity != "note"
    }
    assert found & set(planted.expected), f"{planted.name}: {found or 'nothing'}"


@pytest.mark.parametrize(
    "clean", [pytest.param(clean, marks=slow(clean.large), id=clean.name) for clean in CLEAN]
)
def test_an_honest_study_is_left_alone(clean: Clean, tmp_path: Path, bench_data: Path) -> None:
    found = audit(clean.build(tmp_path, bench_data), prove=False)
    assert [finding.evidence for finding in found.findings if finding.severity != "note"] == []


def test_telco_is_quiet_but_for_what_it_says_twice(tmp_path: Path, bench_data: Path) -> None:
    (telco,) = (clean for clean in CLEAN if clean.name == "Telco")
    (finding,) = audit(telco.build(tmp_path, bench_data), prove=False).findings
    assert (finding.name, finding.severity) == ("redundant-columns", "note")
    assert "TotalCharges is " in finding.evidence
    assert "tenure" in finding.evidence


def test_the_bank_has_leaks_and_honest_studies_of_many_kinds() -> None:
    leaks = [*TABLE_LEAKS, *PREPARED_LEAKS, *LOG_LEAKS]
    assert len({planted.name for planted in leaks}) >= 20
    assert len({name for planted in leaks for name in planted.expected}) >= 20
    assert len(CLEAN) >= 10


def test_evidence_has_numbers_and_every_finding_says_what_to_do(
    tmp_path: Path, bench_data: Path
) -> None:
    rows = []
    for number, planted in enumerate(TABLE_LEAKS[:9:4]):
        folder = tmp_path / str(number)
        folder.mkdir()
        rows += [finding.as_dict() for finding in audited(planted, folder, bench_data).findings]
    told = pl.DataFrame(rows)
    assert told["evidence"].str.contains(r"\d").all()
    assert told.select(pl.col("meaning", "fix").str.len_chars().min() > 30).row(0) == (True, True)
