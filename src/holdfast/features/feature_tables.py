"""Build: features and labels of a study's customers from the warehouse, in customer ranges so that
memory is bounded.

Customers are divided by a hash of their name. Each range is computed for all cutoffs at once, so
that peak memory depends on the size of a range and not on the number of customers or cutoffs.
"""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

import narwhals as nw
import polars as pl
import polars.selectors as cs

from holdfast.errors import StudyError
from holdfast.expressions import quote
from holdfast.features.build import build_features
from holdfast.features.catalogue import FEATURES_BY_NAME, features_for, sources_of
from holdfast.features.labels import build_labels
from holdfast.features.recent_days import DAY_FIELDS, add_recent_days
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study, eligible_days
from holdfast.tables import ACTIVITY, FEATURES, LABELS

_ROWS_PER_RANGE = 300_000
_ROWS_WITH_DAYS = 50_000
_INTEGERS = cs.integer() - cs.by_name("cutoff_day")
_CATALOGUE_SCHEMA = {
    "name": pl.String,
    "group": pl.String,
    "unit": pl.String,
    "sentence": pl.String,
}


def features(
    study: Study,
    warehouse: Warehouse,
    cutoff_days: Sequence[int],
    *,
    customers_at_most: int | None = None,
    known_before: int | None = None,
    recent_days: bool = False,
) -> pl.DataFrame:
    """Compute the features of every eligible customer at every cutoff.

    Parameters
    ----------
    cutoff_days
        First days that may not be seen. At least one.
    customers_at_most
        Take about so many customers, chosen by a hash of their name: the same ones at every cutoff.
        None: all.
    known_before
        See nothing from this day on, as if nothing had happened until the cutoffs; who was eligible
        on that day still is. None: see all that lies before a cutoff.
    recent_days
        Add RECENT_DAYS, which a network reads.

    Returns
    -------
    pl.DataFrame
        The FEATURES table: customer_id, cutoff_day, the features of `catalogue(study)` as int64 or
        float64, then the study's attributes as they were known on the days before the cutoff, then
        the recent days; sorted by cutoff_day, customer_id.
    """
    # Ranges are in the order of names: of one cutoff each is sorted alone, which needs less memory.
    order = ["cutoff_day", "customer_id"]
    parts = features_in_ranges(
        study,
        warehouse,
        cutoff_days,
        customers_at_most=customers_at_most,
        known_before=known_before,
        recent_days=recent_days,
    )
    table = pl.concat(part.sort(order) for part in parts)
    return FEATURES.check(table if len(set(cutoff_days)) == 1 else table.sort(order))


def features_in_ranges(
    study: Study,
    warehouse: Warehouse,
    cutoff_days: Sequence[int],
    *,
    customers_at_most: int | None = None,
    known_before: int | None = None,
    recent_days: bool = False,
) -> Iterator[pl.DataFrame]:
    """Compute the same rows as `features` one range of customers at a time, for logs whose features
    exceed memory.
    """
    wanted = features_for(sources_of(study))
    n_customers = _count_customers(warehouse)
    n_wanted = min(n_customers, customers_at_most or n_customers)
    rows_per_range = _ROWS_WITH_DAYS if recent_days else _ROWS_PER_RANGE
    ranges = max(1, ceil(n_wanted * len(set(cutoff_days)) / rows_per_range))
    sampled = (
        f"hash(customer_id) % {round(ranges * n_customers / max(n_wanted, 1)) or 1} < {ranges}"
    )
    size = ceil(n_customers / ranges)
    last = max(cutoff_days)
    until = last if known_before is None else known_before
    eligible = eligible_days(study.churn.eligible)
    for first in range(1, n_customers + 1, size):
        seen = (
            f"customer_id >= {first} AND customer_id < {first + size} AND day < {min(until, last)}"
        )
        if n_wanted < n_customers:
            seen += f" AND customer_id IN (SELECT number FROM customer_numbers WHERE {sampled})"
        built = build_features(
            _activity(warehouse, seen, copied=len(set(cutoff_days)) > 1),
            cutoff_days,
            wanted,
            eligible_days=eligible and eligible + max(last - until, 0),
            minor_digits=study.minor_digits,
        )
        named = _name_customers(built)
        frame = warehouse.read(_add_attributes(study, named, known_before=until))
        typed = frame.with_columns(
            _INTEGERS.cast(pl.Int64), (cs.float() | cs.decimal()).cast(pl.Float64)
        )
        yield add_recent_days(typed, _named_days(warehouse, seen)) if recent_days else typed


def labels(
    study: Study, warehouse: Warehouse, population: pl.DataFrame, *, end_day: int
) -> pl.DataFrame:
    """Observe what the customers of a population did over each of the study's horizons.

    Parameters
    ----------
    population
        customer_id and cutoff_day; further columns are ignored.
    end_day
        First day after the log, or any earlier day beyond which nothing may be seen. Windows that
        reach beyond it are not complete and have no row.

    Returns
    -------
    pl.DataFrame
        The LABELS table, sorted by cutoff_day, customer_id, horizon_days.
    """
    horizons = study.all_horizons
    complete = population.select("customer_id", "cutoff_day").filter(
        pl.col("cutoff_day") <= end_day - min(horizons)
    )
    if complete.is_empty():
        return LABELS.empty()
    cutoff_days = complete["cutoff_day"].unique().sort().to_list()
    ranges = ceil(complete.height * len(horizons) / _ROWS_PER_RANGE)
    n_customers = _count_customers(warehouse)
    size = ceil(n_customers / ranges)
    warehouse.con.register("population", complete.to_arrow())
    parts = []
    for first in range(1, n_customers + 1, size):
        warehouse.execute(f"""
            CREATE OR REPLACE TEMP TABLE population_range AS
            SELECT number AS customer_id, cutoff_day
            FROM population JOIN customer_numbers USING (customer_id)
            WHERE number >= {first} AND number < {first + size}
        """)
        of_range = (
            "customer_id IN (SELECT customer_id FROM population_range) "
            f"AND day >= {cutoff_days[0]} AND day < {end_day}"
        )
        observed = build_labels(
            _activity(warehouse, of_range),
            warehouse.table("population_range"),
            cutoff_days,
            horizons,
            end_day=end_day,
        )
        parts.append(warehouse.read(_name_customers(observed)))
    warehouse.con.unregister("population")
    return LABELS.check(pl.concat(parts).sort("cutoff_day", "customer_id", "horizon_days"))


def purchases(study: Study, warehouse: Warehouse, *, customers_at_most: int) -> pl.DataFrame:
    """Each day of purchase: customer_id, day and net (currency), sorted; of about so many
    customers, by a hash.
    """
    share = max(1, round(_count_customers(warehouse) / customers_at_most))
    return warehouse.query(f"""
        SELECT customer_id, day,
            CAST((gross_minor + returns_minor) / {10**study.minor_digits}.0 AS DOUBLE) AS net
        FROM activity WHERE n_orders > 0 AND hash(customer_id) % {share} = 0
        ORDER BY customer_id, day
    """)


def activity(warehouse: Warehouse, customers: pl.Series) -> pl.DataFrame:
    """ACTIVITY of some customers, sorted by customer_id, day."""
    names = customers.unique().sort().to_frame("customer_id")
    warehouse.con.register("wanted", names.to_arrow())
    numbers = "SELECT number FROM customer_numbers SEMI JOIN wanted USING (customer_id)"
    days = _named_days(warehouse, f"customer_id IN ({numbers})")
    warehouse.con.unregister("wanted")
    return days.sort("customer_id", "day")


def _named_days(warehouse: Warehouse, condition: str) -> pl.DataFrame:
    """ACTIVITY of the days that a condition on `numbered_activity` names."""
    fields = ", ".join(DAY_FIELDS)
    days = warehouse.query(
        f"SELECT customer_numbers.customer_id, {fields} "
        f"FROM (SELECT * FROM numbered_activity WHERE {condition}) AS days "
        "JOIN customer_numbers ON days.customer_id = number"
    )
    return days.cast(pl.Schema(ACTIVITY.schema))


def catalogue(study: Study) -> pl.DataFrame:
    """List the study's features: name, group, unit, sentence, one row each, in the order of the
    FEATURES table.
    """
    rows = [(f.name, f.group, f.unit, f.sentence) for f in features_for(sources_of(study))]
    given = [
        (name, "attribute", "as given", f"'{name}' of the customer table")
        for name in _attributes(study)
    ]
    return pl.DataFrame(rows + given, schema=_CATALOGUE_SCHEMA, orient="row")


def _count_customers(warehouse: Warehouse) -> int:
    return int(warehouse.row("SELECT count(*) FROM customer_numbers")[0])


def _activity(warehouse: Warehouse, condition: str, *, copied: bool = True) -> nw.LazyFrame[Any]:
    """Days of activity, copied out once where several cutoffs and windows read them again."""
    kind = "TABLE" if copied else "VIEW"
    warehouse.execute(
        f"CREATE OR REPLACE TEMP {kind} activity_{kind} AS "
        f"SELECT * FROM numbered_activity WHERE {condition}"
    )
    return warehouse.table(f"activity_{kind}")


def _name_customers(built: nw.LazyFrame[Any]) -> Any:
    """Put customers' names in the place of their numbers."""
    return built.to_native().query(
        "numbered",
        "SELECT customer_numbers.customer_id, numbered.* EXCLUDE (customer_id) "
        "FROM numbered JOIN customer_numbers ON numbered.customer_id = number",
    )


def _add_attributes(study: Study, built: Any, *, known_before: int) -> Any:
    """Add what was known of the customer on the days before the cutoff and before `known_before`:
    the latest known_from_day.
    """
    names = _attributes(study)
    if not names:
        return built
    given = ", ".join(f"known.{quote(name)}" for name in names)
    return built.query(
        "built",
        f"SELECT built.*, {given} FROM built ASOF LEFT JOIN customers AS known "
        "ON built.customer_id = known.customer_id "
        f"AND least(built.cutoff_day, {known_before}) > known.known_from_day",
    )


def _attributes(study: Study) -> tuple[str, ...]:
    names = tuple(study.customers.attributes) if study.customers is not None else ()
    for name in names:
        if name in FEATURES_BY_NAME or name in FEATURES.schema:
            raise StudyError(
                f"the attribute '{name}' is named like a feature", fix="rename the column"
            )
    return names
