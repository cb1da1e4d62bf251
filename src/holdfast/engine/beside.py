"""What lies beside the facts: tables with few rows of each customer, which the driver reads and
divides into buckets.
"""

from collections.abc import Sequence

import polars as pl

from holdfast.engine.buckets import BucketFolder, bucket_sql
from holdfast.io.warehouse import Warehouse

BESIDE = ("customers", "endings", "permissions", "addresses", "exported")


def write_beside(folder: BucketFolder, n_buckets: int, warehouse: Warehouse) -> None:
    """Divide what the driver has read of each customer into buckets."""
    for table in BESIDE:
        folder.remove(f"beside_{table}")
    for table in filter(warehouse.has, BESIDE):
        bucket = bucket_sql("customer_id", n_buckets)
        warehouse.execute(
            f"CREATE OR REPLACE TEMP TABLE divided AS SELECT {bucket} AS bucket, * FROM {table}"
        )
        name = f"beside_{table}"
        for number in range(n_buckets):
            rows = warehouse.query(
                "SELECT * EXCLUDE (bucket) FROM divided WHERE bucket = ?", number
            )
            folder.write(name, number, rows)
        # Whoever has no row of a table has the table all the same.
        (folder.path / name).mkdir(exist_ok=True)
        rows.clear().write_parquet(folder.path / name / "empty.parquet")


def load_beside(folder: BucketFolder, buckets: Sequence[int], warehouse: Warehouse) -> None:
    """Create the tables of `write_beside` of some buckets, as far as the study has them."""
    for table in BESIDE:
        empty = folder.path / f"beside_{table}" / "empty.parquet"
        if empty.exists():
            rows = folder.arrow(f"beside_{table}", buckets)
            given = pl.read_parquet(empty).to_arrow() if rows is None else rows
            warehouse.con.register("given", given)
            warehouse.execute(f"CREATE OR REPLACE TABLE {table} AS FROM given ORDER BY customer_id")
            warehouse.con.unregister("given")
