"""Live drift: whether the customers whom the stream scores still are what the published run has
seen, without waiting for the next run.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.errors import NotEnoughData
from holdfast.monitor.drift import compare
from holdfast.serving.load import read_table
from holdfast.storage.runs import Run

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_CUSTOMERS = 20_000
_USUAL_DAY = """
    SELECT cutoff_day FROM scores WHERE run_id = %s
    GROUP BY cutoff_day ORDER BY count(*) DESC, cutoff_day DESC LIMIT 1
"""
_SCORES = """
    SELECT customer_id, churn_probability, expected_revenue, segment, features FROM scores
    WHERE run_id = %s AND cutoff_day = %s ORDER BY md5(customer_id) LIMIT %s
"""


@dataclass(frozen=True)
class LiveDrift:
    """What was compared.

    Attributes
    ----------
    drift
        DRIFT.
    days
        From the run's day to that of the scores; over a month, what is usual of a month says less.
    """

    run_id: str
    customers: int
    days: int
    drift: pl.DataFrame


def compare_live(connection: "Connection", run: Run, *, times: float) -> LiveDrift:
    """Hold the scored customers against what the run froze of its own: those of the day on which
    most were scored, 20,000 of them at the most.

    Raises
    ------
    NotEnoughData
        The stream has scored nobody by this run.
    """
    day = connection.execute(_USUAL_DAY, [run.run_id]).fetchone()
    names = connection.execute(
        "SELECT feature_names FROM scoring_runs WHERE run_id = %s", [run.run_id]
    ).fetchone()
    if day is None or names is None:
        raise NotEnoughData(
            f"the stream has scored nobody by run {run.run_id} yet",
            fix="start `holdfast stream run`, or run `holdfast stream sweep`",
        )
    rows = connection.execute(_SCORES, [run.run_id, day[0], _CUSTOMERS]).fetchall()
    *scores, features = zip(*rows, strict=True)
    schema = ["customer_id", "churn_probability", "expected_revenue", "segment"]
    frame = pl.DataFrame(dict(zip(schema, map(list, scores), strict=True))).hstack(
        pl.DataFrame(np.array(features, dtype=np.float64), schema=names[0])
    )
    frame = frame.with_columns(cutoff_day=pl.lit(day[0], pl.Int32)).fill_nan(None)
    drift = compare(read_table(run, "reference"), frame, times=times)
    return LiveDrift(run.run_id, frame.height, day[0] - int(run.summary["cutoff_day"]), drift)
