"""Rewritten history: does the past change when later rows arrive?

What is known of a customer at a cutoff must not depend on when it is asked. Where later rows, or a
later export, give other features for the same cutoff, rows were overwritten, and models learn from
what nobody could see on the day.
"""

from collections.abc import Iterator

import polars as pl
import polars.selectors as cs

from holdfast.audits.question import Audit
from holdfast.audits.subjects import Log
from holdfast.features import feature_tables
from holdfast.findings import Finding
from holdfast.ingest.daily_activity import roll_up
from holdfast.ingest.order_log import OrderLog
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.windows import date_of

_SAMPLED_CUSTOMERS = 3_000
_RELATIVE = 1e-9
_DAY_OF = {
    "transactions": "day",
    "events": "day",
    "treatments": "day",
    "customers": "known_from_day",
}


def find_features_of_the_future(log: Log) -> Iterator[Finding]:
    """Compute the features of a past day twice: from all rows, and from those that were there on
    that day.
    """
    cutoffs = log.data.features["cutoff_day"].unique().sort()
    cutoff = int(cutoffs[len(cutoffs) // 2])
    sample = log.orders.sample(_SAMPLED_CUSTOMERS)
    then = _features_at(cutoff, log.orders.study, log.orders, f"{sample} AND {{day}} < {cutoff}")
    now = _features_at(cutoff, log.orders.study, log.orders, sample)
    yield from compare_features(then, now, what="a history that includes the days after it")


def find_rewritten_history(log: Log) -> Iterator[Finding]:
    """Compare what is known of the customers at the end of an earlier export with what the log says
    today.
    """
    assert log.earlier is not None
    cutoff, sample = log.earlier.end_day, log.earlier.sample(_SAMPLED_CUSTOMERS)
    then = _features_at(cutoff, log.orders.study, log.earlier, sample)
    now = _features_at(cutoff, log.orders.study, log.orders, f"{sample} AND {{day}} < {cutoff}")
    yield from compare_features(then, now, what="the later export")


def compare_features(earlier: pl.DataFrame, later: pl.DataFrame, *, what: str) -> Iterator[Finding]:
    """Compare the features of the same customers at the same cutoff.

    Parameters
    ----------
    earlier, later
        FEATURES at one cutoff: as they were known then, and as they are computed now.
    what
        Where `later` comes from, for the finding.

    Examples
    --------
    >>> then = pl.DataFrame({"customer_id": ["a", "b"], "cutoff_day": [10, 10],
    ...     "spend_total": [5.0, 7.0]})
    >>> now = then.with_columns(spend_total=pl.Series([5.0, 3.0]))
    >>> next(compare_features(then, now, what="the later export")).evidence.split(": ")[1]
    'spend_total of 1 (customer b'
    >>> list(compare_features(then, then, what="the later export"))
    []
    """
    keys = ["customer_id", "cutoff_day"]
    shared = [name for name in earlier.columns if name in later.columns and name not in keys]
    both = earlier.join(later, on=keys, suffix=":now")
    changed = [
        (name, rows) for name in shared if (rows := both.filter(_differs(name, both))).height
    ]
    differences = [
        _describe(name, rows)
        for name, rows in sorted(changed, key=lambda item: -item[1].height)[:4]
    ]
    for frame, change in ((earlier, "gone"), (later, "new")):
        if frame.height > both.height:
            differences.append(f"{frame.height - both.height:,} customers are {change}")
    if differences:
        day = date_of(int((earlier if earlier.height else later)["cutoff_day"][0]))
        yield Finding.of(
            "history-changes",
            day=day,
            earlier=earlier,
            what=what,
            differences="; ".join(differences),
        )


def _features_at(cutoff: int, study: Study, export: OrderLog, condition: str) -> pl.DataFrame:
    """Features of a few customers at a cutoff, from those of their rows that meet a condition."""
    columns = export.columns
    with Warehouse.temporary() as copy:
        for table, day in _DAY_OF.items():
            if export.warehouse.has(table):
                rows = export.query(f"FROM {table} WHERE {condition.format(day=day)}")
                copy.con.register("rows", rows)
                copy.con.execute(f"CREATE TABLE {table} AS FROM rows")
        roll_up(
            copy,
            with_orders=columns.order_id is not None,
            with_products=columns.product_id is not None,
        )
        return feature_tables.features(study, copy, [cutoff])


def _differs(name: str, both: pl.DataFrame) -> pl.Expr:
    then, now = pl.col(name), pl.col(f"{name}:now")
    if both.select(cs.by_name(name) & cs.float()).width:
        near = (then - now).abs() <= _RELATIVE * pl.max_horizontal(then.abs(), now.abs(), 1.0)
        return ~(near.fill_null(False) | (then.is_null() & now.is_null()))
    return then.ne_missing(now)


def _describe(name: str, rows: pl.DataFrame) -> str:
    then, now = _format(rows[name][0]), _format(rows[f"{name}:now"][0])
    customer = rows["customer_id"][0]
    return f"{name} of {rows.height:,} (customer {customer}: {then} then, {now} now)"


def _format(value: object) -> str:
    if value is None:
        return "nothing"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


AUDITS = (
    Audit(
        "features of the future",
        "Do features change when later rows are appended?",
        find_features_of_the_future,
        is_cheap=False,
    ),
    Audit(
        "earlier export",
        "Does the later export tell another past?",
        find_rewritten_history,
        needs=("earlier",),
        is_cheap=False,
    ),
)
