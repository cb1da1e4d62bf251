"""Load: a run's models, rebuilt from their parts.

A damaged model file can abort the interpreter that reads it, and no `except` catches that. So
hashes are checked first, and the first load of a run happens in a child process that may die in our
place.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from holdfast import tables
from holdfast.errors import DamagedRun
from holdfast.explain import Wording
from holdfast.learners.parts import rebuild
from holdfast.models.churn import ChurnModel
from holdfast.models.fitted_models import MODEL_TYPES, FittedModels, Model
from holdfast.models.value import ValueModel
from holdfast.segments import SegmentRule
from holdfast.storage.runs import Run
from holdfast.study import Study

MODELS = "models"
_CHILD_SECONDS = 120
_CHILD = """
import os, sys, threading
# We read from a pipe of our parent's: when it is killed the pipe ends, and we with it.
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
from holdfast.serving.load import load_folder
load_folder(sys.argv[1])
"""


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
    return _with_horizons(
        models, *(run.parts(f"{MODELS}/{name}") for name in ("horizons", "counts"))
    )


def rebuild_fitted(parts: Mapping[str, bytes]) -> FittedModels:
    """All models of an order log, from what `FittedModels.parts` gives."""
    files: dict[str, dict[str, bytes]] = {}
    for name, content in parts.items():
        folder, _, file = name.partition("/")
        files.setdefault(folder, {})[file] = content
    fitted = _with_horizons(rebuild_models(files), files["horizons"], files["counts"])
    assert fitted is not None
    return fitted


def _with_horizons(
    models: Mapping[str, Model], horizons: Mapping[str, bytes], counts: Mapping[str, bytes]
) -> FittedModels | None:
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
    command = [sys.executable, "-c", _CHILD, str(folder / MODELS)]
    watched, held = os.pipe()
    try:
        done = subprocess.run(
            command, stdin=watched, capture_output=True, timeout=_CHILD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise DamagedRun(
            f"the models of {folder.name} were not loaded within {_CHILD_SECONDS} seconds",
            fix="run again, or `holdfast runs rollback`",
        ) from None
    finally:
        os.close(watched)
        os.close(held)
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
    return run.has_table(name)


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
    return Study.from_dict(run.read_json("study.json"))


def load_rule(run: Run) -> SegmentRule:
    """The segment rule that the run learnt."""
    return SegmentRule.from_dict(run.read_json("segments.json"))


def load_wording(run: Run) -> Wording:
    """The wording of reasons."""
    return Wording.from_dict(run.read_json("wording.json"))


def load_folder(folder: str) -> None:
    """Load the models that lie in a folder, unchecked: what a child process does."""
    rebuild_models(
        {
            task: {path.name: path.read_bytes() for path in (Path(folder) / task).glob("*")}
            for task in MODEL_TYPES
        }
    )
