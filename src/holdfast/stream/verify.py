"""Verify: the stream's own proof. Every customer is worked out again by the batch, from the lines
alone, and held against what the stream has folded and scored on its way.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.features.feature_tables import features as build_batch_features
from holdfast.ingest.customers import create_customers
from holdfast.ingest.daily_activity import roll_up
from holdfast.ingest.reader import SourceReader
from holdfast.io.warehouse import Warehouse
from holdfast.serving.score import add_predictions
from holdfast.storage.runs import Registry
from holdfast.stream.evaluation import feature_names
from holdfast.stream.judging import require_streamable
from holdfast.stream.scoring import LiveModels
from holdfast.stream.state.folding import read_activity
from holdfast.stream.state.postgres import connect, read_row, read_rows, require_state
from holdfast.stream.state.tables import TEMPORARY, read_wanted
from holdfast.study import Study
from holdfast.tables import ACTIVITY, ENGAGEMENT_KINDS

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_CUSTOMERS_AT_ONCE = 20_000
_TOLERANCE = 1e-9
_KEYS = ("customer_id", "day")
_KINDS = ", ".join(f"'{kind}'" for kind in ENGAGEMENT_KINDS)
_TABLES: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "transactions": (
        "day, order_id, product_id, amount_minor, is_return", "source = 1",
        {"order_id": pl.String, "product_id": pl.String, "amount_minor": pl.Int64,
         "is_return": pl.Boolean},
    ),
    "events": (
        f"day, (ARRAY[{_KINDS}])[kind] AS kind, n", "source = 2",
        {"kind": pl.String, "n": pl.Int64},
    ),
    "treatments": ("day, treated", "source >= 3", {"treated": pl.Boolean}),
}  # fmt: skip
"""Table of the batch -> its columns, which lines it is of, and their types."""


@dataclass(frozen=True)
class Verified:
    """What was compared.

    Attributes
    ----------
    differing
        Column -> cells that differ; empty where the stream is the batch.
    """

    customers: int
    days: int
    scores: int
    differing: dict[str, int]


def verify_stream(study: Study, registry: Registry) -> Verified:
    """Verify a study's stream with its published run, if there is one.

    Raises
    ------
    HoldfastError
        There is no state, or the run is damaged.
    """
    require_streamable(study)
    assert study.stream is not None
    with connect(study.stream) as connection:
        require_state(connection)
        connection.execute(TEMPORARY)
        models = LiveModels.load(registry.open()) if registry.champion_id() else None
        return verify(connection, study, models)


def verify(connection: "Connection", study: Study, models: LiveModels | None) -> Verified:
    """Compare what is folded and scored with the batch; customers whose lines wait to be rolled up
    are left out.
    """
    differing: Counter[str] = Counter()
    with Warehouse.temporary() as warehouse, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        (customers,) = read_row(connection, "SELECT count(*) FROM customers WHERE NOT dirty")
        _load_lines(connection, warehouse)
        log = study.transactions
        assert log is not None
        if customers:
            roll_up(
                warehouse,
                with_orders=log.columns.order_id is not None,
                with_products=log.columns.product_id is not None,
            )
        days = sum(_compare_days(connection, warehouse, differing)) if customers else 0
        scores = 0
        if customers and models is not None:
            if study.customers is not None and study.customers.attributes:
                create_customers(SourceReader.of(study, warehouse))
            scores = _compare_scores(connection, study, warehouse, models, differing)
    return Verified(customers, days, scores, {name: n for name, n in differing.items() if n})


def _load_lines(connection: "Connection", warehouse: Warehouse) -> None:
    for name, (columns, where, kinds) in _TABLES.items():
        schema = pl.Schema({"customer_id": pl.String, "day": pl.Int32, **kinds})
        for condition in _ranges(connection):
            rows = read_rows(
                connection,
                f"SELECT customer_id, {columns} FROM customers JOIN lines ON customer = number "
                f"WHERE {where} AND NOT dirty AND {condition}",
                schema,
            )
            warehouse.con.register("read_rows", rows.to_arrow())
            warehouse.execute(f"CREATE TABLE IF NOT EXISTS {name} AS FROM read_rows LIMIT 0")
            warehouse.execute(f"INSERT INTO {name} FROM read_rows")
            warehouse.con.unregister("read_rows")


def _compare_days(
    connection: "Connection", warehouse: Warehouse, differing: "Counter[str]"
) -> Iterator[int]:
    """Compare range by range; how many rows the batch has in each."""
    for condition in _ranges(connection):
        connection.execute(
            f"INSERT INTO wanted SELECT number, customer_id FROM customers "
                  f"WHERE NOT dirty AND {condition}"
        )  # fmt: skip
        customers = read_wanted(connection)
        folded = read_activity(connection, customers)
        connection.execute("TRUNCATE wanted")
        warehouse.con.register("of_range", customers.to_arrow())
        batch = warehouse.query(
            f"SELECT {', '.join(ACTIVITY.schema)} FROM activity "
            "SEMI JOIN of_range USING (customer_id)"
        )
        warehouse.con.unregister("of_range")
        _count_differences(folded, batch, keys=_KEYS, differing=differing)
        yield batch.height


def _compare_scores(
    connection: "Connection",
    study: Study,
    warehouse: Warehouse,
    models: LiveModels,
    differing: "Counter[str]",
) -> int:
    cutoffs = connection.execute(
        "SELECT DISTINCT evaluated_day FROM customers WHERE run_id = %s AND NOT dirty ORDER BY 1",
        [models.run_id],
    ).fetchall()
    return sum(
        _compare_cutoff(connection, study, warehouse, models, cutoff, differing)
        for (cutoff,) in cutoffs
    )


def _compare_cutoff(
    connection: "Connection",
    study: Study,
    warehouse: Warehouse,
    models: LiveModels,
    cutoff_day: int,
    differing: "Counter[str]",
) -> int:
    """Compare the scores that were made at one cutoff."""
    batch = build_batch_features(study, warehouse, [cutoff_day])
    predicted = models.rule.assign(add_predictions(models.models.tasks, batch))
    names = feature_names(batch)
    compared = ("churn_probability", "expected_revenue", "value_tier", "segment")
    stored = _stored_scores(connection, models.run_id, cutoff_day, names)
    evaluated = connection.execute(
        "SELECT customer_id FROM customers WHERE run_id = %s AND evaluated_day = %s AND NOT dirty",
        [models.run_id, cutoff_day],
    ).fetchall()
    expected = predicted.filter(pl.col("customer_id").is_in([name for (name,) in evaluated]))
    _count_differences(
        stored, expected.select("customer_id", *compared, *names), keys=("customer_id",),
        differing=differing,
    )  # fmt: skip
    return stored.height


def _stored_scores(
    connection: "Connection", run_id: str, cutoff_day: int, names: list[str]
) -> pl.DataFrame:
    rows = connection.execute(
        "SELECT customer_id, churn_probability, expected_revenue, value_tier, segment, features "
        "FROM scores JOIN customers USING (customer_id) "
        "WHERE scores.run_id = %s AND cutoff_day = %s AND NOT dirty",
        [run_id, cutoff_day],
    ).fetchall()
    flat = [(*row[:-1], *row[-1]) for row in rows]
    kinds = [pl.String, pl.Float64, pl.Float64, pl.String, pl.String, *[pl.Float64] * len(names)]
    columns = ["customer_id", "churn_probability", "expected_revenue", "value_tier", "segment"]
    schema = dict(zip([*columns, *names], kinds, strict=True))
    return pl.DataFrame(flat, schema=schema, orient="row")


def _count_differences(
    ours: pl.DataFrame,
    batch: pl.DataFrame,
    *,
    keys: tuple[str, ...],
    differing: "Counter[str]",
) -> None:
    both = batch.join(ours, on=keys, how="full", suffix=" ours", nulls_equal=True)
    for name in batch.columns:
        one, other = pl.col(name), pl.col(f"{name} ours")
        same = one.eq_missing(other)
        if batch.schema[name].is_float() or ours.schema[name].is_float():
            near = (one - other).abs() <= _TOLERANCE * pl.max_horizontal(one.abs(), 1.0)
            same = same | near.fill_null(False)
        differing[name] += both.select((~same).sum()).item()


def _ranges(connection: "Connection") -> list[str]:
    """Conditions that divide the customers."""
    (last,) = read_row(connection, "SELECT coalesce(max(number), 0) FROM customers")
    return [
        f"number > {first} AND number <= {first + _CUSTOMERS_AT_ONCE}"
        for first in range(0, last, _CUSTOMERS_AT_ONCE)
    ]
