"""Leaks: how many of the planted ones the audit finds, and how often it objects to an honest study.

The bank is that of the tests; here the models are trained too, so that what they say is judged as
well.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.audits.bank import TABLE_LEAKS, Planted, earlier_study, study_in
from tests.audits.bank_logs import LOG_LEAKS
from tests.audits.bank_prepared import PREPARED_LEAKS
from tests.audits.clean import CLEAN

from bench import require_data
from bench._figures import Figure, at_least, at_most, show
from holdfast.audits.audit import audit

MISSED_AT_MOST, FALSE_ALARMS_AT_MOST = 1, 1


def leak_figures(data: Path, *, verbose: bool) -> Iterator[Figure]:
    """Planted leaks found, honest studies objected to, and the slowest audits.

    Parameters
    ----------
    data
        The folder of real data.
    """
    bank: Sequence[Planted] = (*TABLE_LEAKS, *PREPARED_LEAKS, *LOG_LEAKS)
    found = [_is_found(planted, data, verbose=verbose) for planted in bank]
    yield at_least(
        f"audit: planted leaks found, of {len(bank)}", sum(found), len(bank) - MISSED_AT_MOST
    )
    real = [hit for hit, planted in zip(found, bank, strict=True) if planted.real]
    yield Figure(f"audit: of them in real data, of {len(real)}", sum(real))
    alarms, seconds = [], []
    for clean in CLEAN:
        begun = time.perf_counter()
        with TemporaryDirectory() as folder:
            answer = audit(clean.build(Path(folder), data))
        seconds.append(time.perf_counter() - begun)
        objections = [finding for finding in answer.findings if finding.severity != "note"]
        alarms.append(bool(objections))
        if verbose:
            told = (
                "; ".join(f"{finding.name}: {finding.evidence}" for finding in objections)
                or "quiet"
            )
            print(f"honest   {clean.name}: {told} ({seconds[-1]:.1f} s)", flush=True)
    yield at_most(
        f"audit: false alarms, of {len(CLEAN)} honest studies", sum(alarms), FALSE_ALARMS_AT_MOST
    )
    yield Figure("audit: slowest honest study with its models, seconds", max(seconds))


def _is_found(planted: Planted, data: Path, *, verbose: bool) -> bool:
    with TemporaryDirectory() as folder:
        raw = planted.build(Path(folder), data)
        study, earlier = study_in(Path(folder), raw), earlier_study(Path(folder), planted, raw)
        answer = audit(study, earlier=earlier, prove=planted.prove)
    names = [finding.name for finding in answer.findings if finding.severity != "note"]
    hit = any(name in planted.expected for name in names)
    if verbose:
        print(
            f"{'found ' if hit else 'MISSED'}   {planted.name}: {', '.join(names) or 'nothing'}",
            flush=True,
        )
    return hit


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a JSON list of figures")
    asked = parser.parse_args()
    show(leak_figures(require_data(), verbose=not asked.json), as_json=asked.json)


if __name__ == "__main__":
    main()
