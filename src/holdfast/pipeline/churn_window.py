"""Churn window: read a study's order log and ask it what churn is."""

from pathlib import Path
from tempfile import TemporaryDirectory

import narwhals as nw

from holdfast.checks.churn_window import ChurnWindow, find_churn_window
from holdfast.errors import StudyError
from holdfast.io.duckdb import Warehouse
from holdfast.pipeline.ingest import ingest
from holdfast.pipeline.progress import Listener, Silence, Steps
from holdfast.study import Study, eligible_days


def churn_window(study: Study, *, listener: Listener | None = None) -> ChurnWindow:
    """Ingest the log and find what churn is in it; nothing is published.

    Parameters
    ----------
    listener
        Told of each step.

    Raises
    ------
    StudyError
        The study has a snapshot: it holds no gaps between purchases.
    HoldfastError
        Whatever else is wrong with the source.
    """
    if study.transactions is None:
        raise StudyError("a snapshot does not say when customers bought", fix="give the order log as [transactions]")
    steps = Steps(listener or Silence())
    with TemporaryDirectory(prefix="holdfast-") as scratch, Warehouse(Path(scratch)) as warehouse:
        with steps("Read the log") as step:
            ingested = ingest(study, warehouse)
            step.detail = f"{ingested.rows.accepted:,} rows, {ingested.n_customers:,} customers"
        with steps("Find the churn window") as step:
            found = _asked(study, warehouse, end_day=ingested.end_day)
            step.detail = f"{found.window.days} days" if found.window.days is not None else "the log is too short"
    return found


def _asked(study: Study, warehouse: Warehouse, *, end_day: int) -> ChurnWindow:
    bought = warehouse.table("activity").filter(nw.col("n_orders") > 0)
    return find_churn_window(
        warehouse.read(bought.select("customer_id", "day", "n_orders", "purchase_gap")),
        end_day=end_day,
        horizon_days=study.churn.horizon_days,
        horizons_days=study.all_horizons,
        eligible_days=eligible_days(study.churn.eligible),
        kind=study.churn.kind,
    )
