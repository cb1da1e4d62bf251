"""Prune: remove runs that are no longer kept, but never one that counts or is being served."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from holdfast.errors import InputError
from holdfast.storage import audit_log
from holdfast.storage.runs import Registry
from holdfast.storage.serving_copy import forget, is_in_use


@dataclass(frozen=True)
class Pruned:
    """What became of one run that is no longer kept.

    Attributes
    ----------
    bytes
        What the run's folder holds.
    outcome
        "in use": a server has it loaded, so it stays.
    """

    run_id: str
    bytes: int
    outcome: Literal["removed", "in use"]


def prune(
    registry: Registry,
    *,
    keep: int | None = None,
    older_than_days: int | None = None,
    now: datetime | None = None,
    dry_run: bool = False,
) -> list[Pruned]:
    """Remove the runs beyond the last `keep`, or those made more than `older_than_days` ago.

    The published run stays, whatever its age, and so does a run that a server has loaded.

    Parameters
    ----------
    now
        The moment that ages are counted from; the current one.
    dry_run
        Only say what would be removed.

    Raises
    ------
    InputError
        Not exactly one of the two rules was given.
    RunError
        There is no sound published run to keep, or a folder cannot be removed.
    """
    if (keep is None) == (older_than_days is None):
        raise InputError(
            "there is no rule for what to keep, or there are two",
            fix="give --keep N or --older-than DAYS, or write one of them into [schedule]",
        )
    champion, run_ids = registry.open().run_id, registry.run_ids()
    if older_than_days is not None:
        oldest = (now or datetime.now(UTC)) - timedelta(days=older_than_days)
        run_ids = [run_id for run_id in run_ids if run_id[:16] < f"{oldest:%Y%m%dT%H%M%SZ}"]
    pruned = [_inspect(registry.folder, run_id) for run_id in run_ids[keep:] if run_id != champion]
    if not dry_run:
        _remove(registry, [each.run_id for each in pruned if each.outcome == "removed"])
    return pruned


def _inspect(runs: Path, run_id: str) -> Pruned:
    files = [path.lstat() for path in (runs / run_id).rglob("*") if not path.is_dir()]
    in_use = is_in_use(runs, run_id)
    return Pruned(run_id, sum(f.st_size for f in files), "in use" if in_use else "removed")


def _remove(registry: Registry, run_ids: list[str]) -> None:
    if not run_ids:
        registry.remove([])  # clears what a process that was killed had taken away
        return
    with audit_log.write_ahead(registry.folder.parent, "prune", run_ids=run_ids):
        registry.remove(run_ids)
    for run_id in run_ids:
        forget(registry.folder, run_id)
        for marker in (registry.folder / ".loaded").glob(f"{run_id}-*"):
            marker.unlink(missing_ok=True)
