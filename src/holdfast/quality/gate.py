"""Gate: hold what was read against what its answers need, by the counts of the study."""

from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from holdfast.io.warehouse import Warehouse
from holdfast.quality.sufficiency import Sufficiency, snapshot_sufficiency, sufficiency
from holdfast.study import Study, eligible_days
from holdfast.windows import day_of, parse_day


def log_gate(study: Study, warehouse: Warehouse, *, end_day: int) -> Sufficiency:
    """Ask whether the log in the warehouse is enough."""
    return sufficiency(
        warehouse.table("activity"),
        end_day=end_day,
        horizon_days=study.churn.horizon_days,
        eligible_days=eligible_days(study.churn.eligible),
        needs=study.check.needs,
        as_of_day=as_of_day(study),
    )


def snapshot_gate(study: Study, frame: pl.DataFrame) -> Sufficiency:
    """Ask whether the customers of a snapshot are enough."""
    return snapshot_sufficiency(frame["churned"], needs=study.check.needs)


def as_of_day(study: Study) -> int | None:
    """The day that the data should reach up to; None where the study names none."""
    asked = study.check.as_of
    if asked == "today":
        return day_of(datetime.now(ZoneInfo(study.time_zone)).date())
    return None if asked is None else parse_day(asked)
