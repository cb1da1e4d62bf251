"""Look: prove or compare without publishing anything, in a scratch folder of their own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from holdfast.errors import InputError, nearest
from holdfast.evaluation.evidence import Evidence
from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.ingest.snapshot import read_snapshot
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Listener, Silence, Steps
from holdfast.study import Study
from holdfast.training import backtest as proving
from holdfast.training import comparison as comparing
from holdfast.training.training_data import TASKS


def backtest(
    study: Study, *, cutoffs: Sequence[int] | None = None, listener: Listener | None = None
) -> Evidence:
    """Prove a study's models on later cutoffs.

    Parameters
    ----------
    cutoffs
        Test cutoffs, days since 1970-01-01, instead of the study's.

    Raises
    ------
    StudyError
        The study is a snapshot, which has no time to prove on.
    """
    steps = Steps(listener or Silence())
    with _scratch() as warehouse:
        got = _read(study, warehouse, steps)
        with steps("Prove on unseen time"):
            return proving.backtest(
                study, warehouse, first_day=got.first_day, end_day=got.end_day, cutoffs=cutoffs
            )


def compare(study: Study, *, task: str | None = None, listener: Listener | None = None) -> Evidence:
    """Benchmark six algorithms on the same folds.

    Parameters
    ----------
    task
        "churn" or "value"; None: both.

    Raises
    ------
    InputError
        There is no such task.
    """
    tasks = [name for name in TASKS if task in (None, name)]
    if not tasks:
        raise InputError(f"there is no task {task!r}", fix=nearest(str(task), TASKS))
    steps = Steps(listener or Silence())
    with _scratch() as warehouse:
        if study.snapshot is None:
            got = _read(study, warehouse, steps)
            with steps("Compare"):
                return comparing.compare_log(study, got, warehouse, tasks=tasks)
        with steps("Read the snapshot"):
            snapshot = read_snapshot(study, warehouse)
        with steps("Compare"):
            return comparing.compare_snapshot(study, snapshot, tasks=tasks)


@contextmanager
def _scratch() -> Iterator[Warehouse]:
    with TemporaryDirectory(prefix="holdfast-") as folder, Warehouse(Path(folder)) as warehouse:
        yield warehouse


def _read(study: Study, warehouse: Warehouse, steps: Steps) -> OrderLog:
    with steps("Read the sources") as step:
        got = read_order_log(study, warehouse)
        step.detail = f"{got.rows.read:,} rows, {got.n_customers:,} customers"
    return got
