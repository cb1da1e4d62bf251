"""Churn window: read a study's order log and ask it what churn is."""

from typing import Any

import narwhals as nw
import polars as pl

from holdfast.errors import StudyError
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Listener, Silence, Steps
from holdfast.quality.churn_definition.survival import classify_cause
from holdfast.quality.churn_definition.window import ChurnWindow, find_churn_window
from holdfast.study import Study, eligible_days

CURVE_POINTS = 120


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
        raise StudyError(
            "a snapshot does not say when customers bought",
            fix="give the order log as [transactions]",
        )
    steps = Steps(listener or Silence())
    with Warehouse.temporary() as warehouse:
        with steps("Read the log") as step:
            ingested = read_order_log(study, warehouse)
            step.detail = f"{ingested.rows.accepted:,} rows, {ingested.n_customers:,} customers"
        with steps("Find the churn window") as step:
            churn = read_churn_window(study, warehouse, end_day=ingested.end_day)
            days = churn.window.days
            step.detail = "the log is too short" if days is None else f"{days} days"
    return churn


def read_churn_window(study: Study, warehouse: Warehouse, *, end_day: int) -> ChurnWindow:
    """Find what churn is in the log that the warehouse holds."""
    bought = warehouse.table("activity").filter(nw.col("n_orders") > 0)
    return find_churn_window(
        warehouse.read(bought.select("customer_id", "day", "n_orders", "purchase_gap")),
        end_day=end_day,
        horizon_days=study.churn.horizon_days,
        horizons_days=study.all_horizons,
        eligible_days=eligible_days(study.churn.eligible),
        kind=study.churn.kind,
        endings=_endings(study, warehouse),
    )


def summarise_churn_window(churn: ChurnWindow) -> dict[str, Any]:
    """The churn window as a run keeps it: the curve thinned out for drawing, the single gaps left
    out.
    """
    step = max(churn.curve.height // CURVE_POINTS, 1)
    return churn.as_dict() | {"curve": churn.curve[::step].to_dicts(), "gaps": []}


def _endings(study: Study, warehouse: Warehouse) -> pl.DataFrame | None:
    if study.customers is None or not warehouse.has("endings"):
        return None
    endings = warehouse.read(warehouse.table("endings"))
    return endings.with_columns(
        classify_cause("end_reason", involuntary=study.customers.involuntary)
    )
