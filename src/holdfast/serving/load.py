"""Load: a run's models, rebuilt from their parts.

A damaged model file can abort the interpreter that reads it, and no `except` catches that. So
hashes are checked first, and the first load of a run happens in a child process that may die in our
place.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from holdfast import tables
from holdfast.errors import DamagedRun
from holdfast.explain import Wording
from holdfast.io.runs import Run
from holdfast.learners.parts import rebuild
from holdfast.models.churn import ChurnModel
from holdfast.models.fitted_models import MODEL_TYPES, FittedModels, Model
from holdfast.models.value import ValueModel
from holdfast.segments import SegmentRule
from holdfast.study import Study

MODELS = "models"
_CHILD_SECONDS = 120


def load_models(run: Run) -> dict[str, Model]:
    """Rebuild the models of a published run.

    Raises
    ------
    DamagedRun
        A file differs from the manifest, or the models cannot be loaded.
    """
    parts = {task: run.parts(f"{MODELS}/{task}") for task in MODEL_TYPES}
    # A server's copy lies one folder below the runs; what was loaded there is the same, byte for
    # byte.
    if not any(
        _marker(run, folder).exists() for folder in (run.path.parent, run.path.parent.parent)
    ):
        load_in_child(run.path)
        mark_loaded(run)
    return rebuild_models(parts)


def rebuild_models(parts: Mapping[str, Mapping[str, bytes]]) -> dict[str, Model]:
    """Models from task -> file name -> content."""
    return {
        task: kind.from_parts(parts[task]) for task, kind in MODEL_TYPES.items() if parts.get(task)
    }


def load_fitted(run: Run, models: Mapping[str, Model]) -> FittedModels | None:
    """All models of an order log's run; None for a snapshot, and for a run older than horizons.

    Parameters
    ----------
    models
        Of `load_models`.
    """
    horizons, counts = (run.parts(f"{MODELS}/{name}") for name in ("horizons", "counts"))
    churn, value = models["churn"], models.get("value")
    if (
        not counts
        or not isinstance(churn, ChurnModel)
        or not (value is None or isinstance(value, ValueModel))
    ):
        return None
    from holdfast.models.horizon_chain import HorizonModel
    from holdfast.models.purchase_counts import CountModel, RenewalModel

    return FittedModels(
        churn=churn,
        value=value,
        horizons=HorizonModel.from_parts(horizons),
        counts=rebuild(CountModel | RenewalModel, counts),
    )


def load_in_child(folder: Path) -> None:
    """Load the models below `folder` in a process of their own.

    Raises
    ------
    DamagedRun
        The process failed or died.
    """
    command = [sys.executable, "-m", "holdfast.serving.load", str(folder), str(os.getpid())]
    done = subprocess.run(command, capture_output=True, timeout=_CHILD_SECONDS, check=False)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise DamagedRun(
            f"the models of {folder.name} cannot be loaded (exit {done.returncode}) "
            f"{' '.join(last)}",
            fix="run again, or `holdfast runs rollback`",
        )


def mark_loaded(run: Run) -> None:
    """Remember that the models were loaded once; where it cannot be written, they are tried again
    next time.
    """
    seen = _marker(run, run.path.parent)
    try:
        seen.parent.mkdir(exist_ok=True)
        seen.touch()
    except OSError:
        return


def _marker(run: Run, folder: Path) -> Path:
    return (
        folder / ".loaded" / f"{run.run_id}-{run.manifest['files']['summary.json']['sha256'][:16]}"
    )


def has_table(run: Run, name: str) -> bool:
    """Whether the run has a table of that name."""
    return f"tables/{name}.parquet" in run.manifest["files"]


def read_table(run: Run, name: str) -> pl.DataFrame:
    """A table of the run; without rows where the run is older than the table or the data cannot
    fill it.
    """
    if has_table(run, name):
        return run.table(name)
    contract = getattr(tables, name.upper(), None)
    return pl.DataFrame() if contract is None else contract.empty()


def load_study(run: Run) -> Study:
    """The study that the run was made with."""
    return Study.from_dict(json.loads(run.read("study.json")))


def load_rule(run: Run) -> SegmentRule:
    """The segment rule that the run learnt."""
    return SegmentRule.from_dict(json.loads(run.read("segments.json")))


def load_wording(run: Run) -> Wording:
    """The wording of reasons."""
    return Wording.from_dict(json.loads(run.read("wording.json")))


def _end_with_parent(parent: int) -> None:
    """Die when the parent does: it may be killed, and nobody would wait for this process."""
    if sys.platform == "linux":
        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def _main() -> None:
    _end_with_parent(int(sys.argv[2]))
    folder = Path(sys.argv[1]) / MODELS
    rebuild_models(
        {
            task: {path.name: path.read_bytes() for path in (folder / task).glob("*")}
            for task in MODEL_TYPES
        }
    )


if __name__ == "__main__":
    _main()
