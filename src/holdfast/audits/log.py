"""The log that an audit asks: its rows, the sources beside it, and its features at the cutoffs."""

from dataclasses import dataclass

import polars as pl

from holdfast.ingest.order_log import OrderLog
from holdfast.io.warehouse import Warehouse
from holdfast.models.training_set import TrainingData
from holdfast.study import Study


@dataclass(frozen=True)
class Export:
    """An order log, ingested into a warehouse, under the study that asks."""

    study: Study
    warehouse: Warehouse
    ingested: OrderLog

    @property
    def end_day(self) -> int:
        """First day after the log."""
        return self.ingested.end_day

    def sample(self, customers: int) -> str:
        """Write the SQL condition of about so many customers."""
        return f"hash(customer_id) % {max(1, self.ingested.n_customers // customers)} = 0"

    def query(self, sql: str) -> pl.DataFrame:
        """Rows of the warehouse."""
        rows: pl.DataFrame = self.warehouse.con.sql(sql).pl()
        return rows


@dataclass(frozen=True)
class Log(Export):
    """An order log with its features and labels, and an earlier export of it if there is one."""

    data: TrainingData
    earlier: Export | None = None

    @property
    def product_id(self) -> str | None:
        """The column of products."""
        assert self.study.transactions is not None
        return self.study.transactions.columns.product_id

    @property
    def attributes(self) -> list[str] | None:
        """Attributes of customers, if there is a source of them."""
        return list(self.study.customers.attributes) if self.study.customers else None
