"""Activity tables: what the log itself shows, kept with the run so that nobody has to read the log
again to look at it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from holdfast import tables
from holdfast.io.warehouse import Warehouse
from holdfast.quality.churn_definition.survival import estimate_survival
from holdfast.study import Study
from holdfast.windows import date_of

LATEST = 24
"""Purchase days kept of each scored customer."""

_DATE = "(DATE '1970-01-01' + day)"
_MONTH = f"(12 * year({_DATE}) + month({_DATE}) - 1)"
_DAYS = """
    SELECT CAST(day AS INTEGER) AS day, CAST(count(*) FILTER (n_orders > 0) AS BIGINT) AS purchases,
        CAST(sum(gross_minor + returns_minor) AS BIGINT) AS minor
    FROM numbered_activity GROUP BY day
"""
_MONTHS = f"""
    WITH months AS (
        SELECT customer_id, {_MONTH} AS month, count(*) FILTER (n_orders > 0) AS purchases,
            sum(gross_minor + returns_minor) AS minor
        FROM record_range GROUP BY ALL),
    firsts AS (SELECT customer_id, min(month) AS cohort FROM months WHERE purchases > 0 GROUP BY
        customer_id)
    SELECT CAST(cohort AS BIGINT) AS cohort, CAST(month AS BIGINT) AS month,
        CAST(count(*) FILTER (purchases > 0) AS BIGINT) AS active, CAST(sum(minor) AS BIGINT) AS
            minor
    FROM months JOIN firsts USING (customer_id) WHERE month >= cohort GROUP BY ALL
"""
_LIFETIMES = """
    SELECT CAST(year(DATE '1970-01-01' + first_day) AS VARCHAR) AS cohort,
        CAST(last_day - first_day AS BIGINT) AS days, ? - last_day >= ? AS left,
        count(*) AS customers
    FROM (SELECT customer_id, min(day) AS first_day, max(day) AS last_day
          FROM record_range WHERE n_orders > 0 GROUP BY customer_id)
    GROUP BY ALL
"""
_PURCHASES = """
    SELECT names.customer_id, CAST(day AS INTEGER) AS day, CAST(gross_minor + returns_minor AS
        BIGINT) / ? AS revenue
    FROM record_range JOIN customer_numbers AS names ON record_range.customer_id = number
        SEMI JOIN scored ON names.customer_id = scored.customer_id
    WHERE n_orders > 0
    QUALIFY row_number() OVER (PARTITION BY record_range.customer_id ORDER BY day DESC) <= ?
"""
_UNSCORED = """
    SELECT names.customer_id,
        CAST(max(day) FILTER (n_orders > 0) AS INTEGER) AS last_purchase_day
    FROM record_range JOIN customer_numbers AS names ON record_range.customer_id = number
        ANTI JOIN scored ON names.customer_id = scored.customer_id
    GROUP BY names.customer_id
"""
_CUSTOMERS_PER_RANGE = 100_000
"""So that memory does not grow with the number of customers."""


@dataclass(frozen=True)
class Record:
    """What some customers did: `purchases` and `unscored`, by the contracts of the same names, and
    counts that add up over customers: `days` (day, purchases, minor), `months` (cohort, month,
    active, minor) and `lifetimes` (as `estimate_survival` takes them).
    """

    purchases: pl.DataFrame
    unscored: pl.DataFrame
    counts: Mapping[str, pl.DataFrame]


def read_record(
    study: Study, warehouse: Warehouse, *, end_day: int, scored: pl.DataFrame
) -> Record:
    """Read what the customers of a warehouse did.

    Parameters
    ----------
    end_day
        First day after the log.
    scored
        Has the `customer_id` of everyone whose purchases are kept.
    """
    unit = float(10**study.minor_digits)
    queries: dict[str, tuple[Any, ...]] = {
        "months": (_MONTHS,),
        "lifetimes": (_LIFETIMES, end_day, study.churn.horizon_days),
        "purchases": (_PURCHASES, unit, LATEST),
        "unscored": (_UNSCORED,),
    }
    with warehouse.working("sum up the log"):
        warehouse.con.register("scored", scored.select("customer_id").to_arrow())
        days = warehouse.query(_DAYS)
        whole = _query_in_ranges(warehouse, queries)
        warehouse.con.unregister("scored")
    return Record(
        tables.PURCHASES.check(whole["purchases"].sort("customer_id", "day")),
        tables.UNSCORED.check(whole["unscored"].sort("customer_id")),
        {"days": days, "months": whole["months"], "lifetimes": whole["lifetimes"]},
    )


def sum_up_record(
    study: Study, counts: Mapping[str, pl.DataFrame], *, first_day: int, end_day: int
) -> Mapping[str, pl.DataFrame]:
    """Add the counts of all customers up.

    Parameters
    ----------
    counts
        Of `Record`, those of different customers one after the other.
    first_day, end_day
        First day of the log; first day after it.

    Returns
    -------
    Mapping
        days, cohorts and survival, by the contracts of the same names.
    """
    unit = float(10**study.minor_digits)
    every_day = pl.DataFrame({"day": range(first_day, end_day)}, schema={"day": pl.Int32})
    summed = counts["days"].group_by("day").agg(pl.col("purchases", "minor").sum())
    days = every_day.join(summed, on="day", how="left", maintain_order="left").select(
        "day", pl.col("purchases").fill_null(0), revenue=pl.col("minor").fill_null(0) / unit
    )
    months = counts["months"].group_by("cohort", "month").agg(pl.col("active", "minor").sum())
    revenue = months.select(pl.exclude("minor"), revenue=pl.col("minor") / unit)
    return {
        "days": tables.DAYS.check(days),
        "cohorts": cohorts(revenue, end_day=end_day),
        "survival": estimate_survival(counts["lifetimes"]),
    }


def log_record(
    study: Study, warehouse: Warehouse, *, first_day: int, end_day: int, scored: pl.DataFrame
) -> Mapping[str, pl.DataFrame]:
    """Sum up the log's activity for those who look at it.

    Returns
    -------
    Mapping
        days, cohorts, survival, purchases and unscored, by the contracts of the same names.
    """
    record = read_record(study, warehouse, end_day=end_day, scored=scored)
    summed = sum_up_record(study, record.counts, first_day=first_day, end_day=end_day)
    return {**summed, "purchases": record.purchases, "unscored": record.unscored}


def _query_in_ranges(
    warehouse: Warehouse, queries: Mapping[str, tuple[Any, ...]]
) -> dict[str, pl.DataFrame]:
    """Ask each query, with its values, of one range of customers after the other."""
    parts: dict[str, list[pl.DataFrame]] = {name: [] for name in queries}
    (last,) = warehouse.row("SELECT max(number) FROM customer_numbers")
    for first in range(1, last + 1, _CUSTOMERS_PER_RANGE):
        in_range = f"customer_id >= {first} AND customer_id < {first + _CUSTOMERS_PER_RANGE}"
        warehouse.con.execute(
            "CREATE OR REPLACE TEMP VIEW record_range AS SELECT * FROM numbered_activity "
            f"WHERE {in_range}"
        )
        for name, query in queries.items():
            parts[name].append(warehouse.query(*query))
    return {name: pl.concat(frames) for name, frames in parts.items()}


def cohorts(months: pl.DataFrame, *, end_day: int) -> pl.DataFrame:
    """Lay out what each cohort did, month after month, the months of nothing among them.

    Parameters
    ----------
    months
        One row per cohort and month in which it did something: cohort, month (both as 12 x year +
        month - 1), active, revenue.
    """
    sizes = months.filter(pl.col("month") == pl.col("cohort")).select("cohort", customers="active")
    today = date_of(end_day)
    # The month that holds the first day after the log is not complete.
    open_month = 12 * today.year + today.month - 1
    last = open_month - (today.day == 1)
    grid = sizes.with_columns(month=pl.int_ranges(pl.col("cohort"), last + 1)).explode("month")
    laid = grid.join(months, on=["cohort", "month"], how="left", maintain_order="left").sort(
        "cohort", "month"
    )
    table = laid.select(
        cohort=pl.format(
            "{}-{}",
            pl.col("cohort") // 12,
            (pl.col("cohort") % 12 + 1).cast(pl.String).str.zfill(2),
        ),
        months_since=(pl.col("month") - pl.col("cohort")).cast(pl.Int32),
        customers="customers",
        active=pl.col("active").fill_null(0),
        revenue=pl.col("revenue").fill_null(0.0),
        complete=pl.col("month") < open_month,
    )
    return tables.COHORTS.check(table)
