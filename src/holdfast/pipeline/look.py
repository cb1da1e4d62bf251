"""Look: prove or compare without publishing anything, in a scratch folder of their own."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from holdfast.evaluation.backtest import Evidence
from holdfast.io.duckdb import Warehouse
from holdfast.pipeline import backtest as proving
from holdfast.pipeline.ingest import Ingested, ingest
from holdfast.pipeline.progress import Listener, Silence, Steps
from holdfast.study import Study


def backtest(study: Study, *, cutoffs: Sequence[int] | None = None, listener: Listener | None = None) -> Evidence:
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
    return _with_log(
        study,
        listener,
        "Prove on unseen time",
        lambda got, warehouse: proving.backtest(
            study, warehouse, first_day=got.first_day, end_day=got.end_day, cutoffs=cutoffs
        ),
    )


def _with_log(
    study: Study, listener: Listener | None, name: str, verb: Callable[[Ingested, Warehouse], Evidence]
) -> Evidence:
    steps = Steps(listener or Silence())
    with TemporaryDirectory(prefix="holdfast-") as scratch, Warehouse(Path(scratch)) as warehouse:
        with steps("Read the sources") as step:
            got = ingest(study, warehouse)
            step.detail = f"{got.rows.read:,} rows, {got.n_customers:,} customers"
        with steps(name):
            return verb(got, warehouse)
