"""Log suspicions: what the audit asks of an order log and of the sources beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from holdfast.audits.drift import sudden_change
from holdfast.audits.joint_leak import lifting_column, outshining_column
from holdfast.audits.leaky_column import telling_column
from holdfast.audits.log_days import backdated_returns, beyond_the_log, fading_log, proving_windows
from holdfast.audits.rewritten_history import history_changes
from holdfast.audits.survivorship import chosen_by_the_future
from holdfast.audits.table import Table
from holdfast.audits.table_audits import Suspicion
from holdfast.features import feature_tables
from holdfast.features.catalogue import sources_of
from holdfast.findings import Finding
from holdfast.ingest.daily_activity import roll_up
from holdfast.ingest.order_log import OrderLog
from holdfast.io.warehouse import Warehouse
from holdfast.models.training_set import TrainingData
from holdfast.study import Study
from holdfast.training.fit import tasks_of
from holdfast.training.training_data import horizon_of
from holdfast.windows import parse_day

_LEAST_CUSTOMERS = 200
_COMPARED_CUSTOMERS = 3_000
_JUDGED_CUSTOMERS = 10_000
_MEASURED_CUSTOMERS = 20_000
_LATER = "a history that includes the days after it"
_LAST_PURCHASES = """
    WITH few AS (
        SELECT customer_id, product_id, day, is_return FROM transactions WHERE hash(customer_id) %
            {one_in} = 0)
    SELECT back.customer_id, back.day, max(bought.day) AS bought_day
    FROM few AS back JOIN few AS bought
        ON back.customer_id = bought.customer_id AND back.product_id = bought.product_id AND
            bought.day <= back.day
    WHERE back.is_return AND NOT bought.is_return
    GROUP BY ALL ORDER BY ALL
"""
_LIVES = """
    SELECT count(*) AS n_purchases, min(day) AS first_purchase_day, max(day) AS last_purchase_day
    FROM activity WHERE n_orders > 0 GROUP BY customer_id
"""
_PER_DAY = "SELECT day, count(*) AS n FROM activity WHERE n_orders > 0 GROUP BY day ORDER BY day"


@dataclass(frozen=True)
class Log:
    """An ingested order log with its features at the cutoffs of the study."""

    study: Study
    warehouse: Warehouse
    got: OrderLog
    history: TrainingData


def of_log(log: Log) -> list[Suspicion]:
    """What is asked of an order log."""
    suspicions = [
        Suspicion(
            name="chosen by the future",
            question="Were customers picked by what they did later?",
            ask=partial(_chosen, log),
        ),
        Suspicion(
            name="fading log",
            question="Are last days of the log missing?",
            ask=partial(_fading, log),
        ),
        Suspicion(
            name="beyond the log",
            question="Does a source reach beyond the order log?",
            ask=partial(_beyond, log),
        ),
        Suspicion(
            name="proving windows",
            question="Do tests overlap, or ask for what had not come?",
            ask=partial(_proving, log),
        ),
    ]
    columns = log.study.transactions.columns if log.study.transactions else None
    if columns is not None and columns.product_id is not None:
        suspicions.append(
            Suspicion(
                name="backdated returns",
                question="Do returns carry the day of the purchase?",
                ask=partial(_returns, log),
            )
        )
    if log.study.customers is not None:
        suspicions.append(
            Suspicion(
                name="late attributes",
                question="Do attributes give the outcome away?",
                ask=partial(_attributes, log),
            )
        )
    return [
        *suspicions,
        Suspicion(
            name="features of the future",
            question="Do features change when later rows are appended?",
            ask=partial(_appended, log),
            is_cheap=False,
        ),
        Suspicion(
            name="sudden change",
            question="Did the shop change from one day to the next?",
            ask=partial(_sudden, log),
        ),
    ]


def of_earlier_export(log: Log, earlier: OrderLog, warehouse: Warehouse) -> Suspicion:
    """Compare what is known of the customers at the end of an earlier export with what the log says
    today.

    Parameters
    ----------
    earlier, warehouse
        The earlier export, ingested into a warehouse of its own.
    """

    def ask() -> tuple[Finding, ...]:
        then = _sampled_features(
            log.study, warehouse, cutoff=earlier.end_day, n_customers=earlier.n_customers
        )
        now = _sampled_features(
            log.study,
            log.warehouse,
            cutoff=earlier.end_day,
            n_customers=earlier.n_customers,
            before=earlier.end_day,
        )
        return history_changes(then, now, what="the later export")

    return Suspicion(
        name="earlier export",
        question="Does the later export tell another past?",
        ask=ask,
        is_cheap=False,
    )


def _chosen(log: Log) -> tuple[Finding, ...]:
    lives = log.warehouse.con.sql(_LIVES).pl()
    return chosen_by_the_future(lives, first_day=log.got.first_day, end_day=log.got.end_day)


def _fading(log: Log) -> tuple[Finding, ...]:
    return fading_log(log.warehouse.con.sql(_PER_DAY).pl(), end_day=log.got.end_day)


def _beyond(log: Log) -> tuple[Finding, ...]:
    end = log.got.end_day
    rows = [
        (
            source,
            *log.warehouse.row(f"SELECT count(*) FILTER (day >= {end}), max(day) FROM {source}"),
        )
        for source in ("events", "treatments")
        if log.warehouse.has(source)
    ]
    return beyond_the_log(
        pl.DataFrame(
            rows, schema={"source": pl.String, "n": pl.Int64, "last_day": pl.Int64}, orient="row"
        ),
        end_day=end,
    )


def _returns(log: Log) -> tuple[Finding, ...]:
    one_in = max(1, log.got.n_customers // _MEASURED_CUSTOMERS)
    return backdated_returns(log.warehouse.con.sql(_LAST_PURCHASES.format(one_in=one_in)).pl())


def _proving(log: Log) -> tuple[Finding, ...]:
    asked = sorted({parse_day(text) for text in log.study.backtest.cutoffs})
    return tuple(
        finding
        for task in tasks_of(log.study)
        for finding in proving_windows(
            asked, horizon_days=horizon_of(log.study, task), end_day=log.got.end_day, task=task
        )
    )


def _attributes(log: Log) -> tuple[Finding, ...]:
    """Hold the attributes against what became of customers at the last cutoff whose window has
    ended.
    """
    assert log.study.customers is not None
    names = list(log.study.customers.attributes)
    labels = log.history.labels.filter(pl.col("horizon_days") == log.study.churn.horizon_days)
    if labels.is_empty():
        return ()
    last = labels.filter(pl.col("cutoff_day") == pl.col("cutoff_day").max())
    rows = log.history.features.join(last, on=["customer_id", "cutoff_day"], how="inner")
    if rows.height < _LEAST_CUSTOMERS:
        return ()
    rows = rows.sample(min(rows.height, _JUDGED_CUSTOMERS), seed=log.study.seed)
    features = [
        name for name in log.history.features.columns if name not in ("customer_id", "cutoff_day")
    ]
    whole = Table(
        columns=rows.select(features),
        churned=rows["churned"],
        customer=rows["customer_id"],
        seed=log.study.seed,
    )
    alone = Table(
        columns=rows.select(names),
        churned=rows["churned"],
        customer=rows["customer_id"],
        seed=log.study.seed,
    )
    return (
        *telling_column(alone),
        *outshining_column(whole, among=names),
        *lifting_column(whole, among=names),
    )


def _appended(log: Log) -> tuple[Finding, ...]:
    """Compute the features of a past day twice: from all rows, and from those that were there on
    that day.
    """
    cutoffs = log.history.features["cutoff_day"].unique().sort()
    cutoff = int(cutoffs[len(cutoffs) // 2])
    n = log.got.n_customers
    then = _sampled_features(log.study, log.warehouse, cutoff=cutoff, n_customers=n, before=cutoff)
    now = _sampled_features(log.study, log.warehouse, cutoff=cutoff, n_customers=n)
    return history_changes(then, now, what=_LATER)


def _sampled_features(
    study: Study, warehouse: Warehouse, *, cutoff: int, n_customers: int, before: int | None = None
) -> pl.DataFrame:
    """Features of about 3,000 customers at a cutoff, from all their rows or from those before a
    day.
    """
    one_in = max(1, n_customers // _COMPARED_CUSTOMERS)
    with _copy(warehouse, one_in=one_in, before=before) as copy:
        columns = study.transactions.columns if study.transactions else None
        assert columns is not None
        roll_up(
            copy,
            with_orders=columns.order_id is not None,
            with_products=columns.product_id is not None,
        )
        return feature_tables.features(study, copy, [cutoff])


@contextmanager
def _copy(warehouse: Warehouse, *, one_in: int, before: int | None) -> Iterator[Warehouse]:
    """The tables of fact of a few customers, in a warehouse of their own."""
    day_of = {
        "transactions": "day",
        "events": "day",
        "treatments": "day",
        "customers": "known_from_day",
    }
    with TemporaryDirectory(prefix="holdfast-") as scratch, Warehouse(Path(scratch)) as copy:
        for table, day in day_of.items():
            if warehouse.has(table):
                condition = f"hash(customer_id) % {one_in} = 0" + (
                    f" AND {day} < {before}" if before else ""
                )
                rows = warehouse.con.sql(f"SELECT * FROM {table} WHERE {condition}").pl()
                copy.con.register("rows", rows)
                copy.con.execute(f"CREATE TABLE {table} AS FROM rows")
                copy.con.unregister("rows")
        yield copy


def _sudden(log: Log) -> tuple[Finding, ...]:
    one_in = max(1, log.got.n_customers // _MEASURED_CUSTOMERS)
    amount = (
        f", gross_minor / {10**log.study.minor_digits} AS amount"
        if "amounts" in sources_of(log.study)
        else ""
    )
    lines = (
        ", n_lines AS lines"
        if log.study.transactions and log.study.transactions.columns.product_id
        else ""
    )
    if not amount + lines:
        return ()
    rows = log.warehouse.con.sql(
        f"SELECT day{amount}{lines} FROM activity WHERE n_orders > 0 AND hash(customer_id) % "
        f"{one_in} = 0"
    ).pl()
    return sudden_change(rows, end_day=log.got.end_day)
