"""The table contracts: what each table has one row of, and each column's type and unit.

Money is in integer minor units (cents) in tables of fact and in currency units (floats) in tables
of prediction.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from holdfast.errors import DataError

OUTCOMES = ("churned", "value")
"""Columns of a snapshot's table that hold what happened."""


@dataclass(frozen=True)
class Column:
    """One column: its type, its unit (or what it means) and whether it may be missing."""

    name: str
    dtype: pl.DataType
    unit: str
    nullable: bool = False


@dataclass(frozen=True)
class Contract:
    """What a table promises.

    Parameters
    ----------
    grain
        The columns that name a row; empty where rows have no key.
    open_ended
        Further columns are allowed (features and snapshots have the study's own).
    """

    name: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    open_ended: bool = False

    @cached_property
    def schema(self) -> pl.Schema:
        """Names and Polars types, in order."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def empty(self) -> pl.DataFrame:
        """A table of no rows."""
        return pl.DataFrame(schema=self.schema)

    def check(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `frame` if it keeps the promise.

        Raises
        ------
        DataError
            Naming the first column that is missing, of another type or wrongly empty, or the number
            of repeated keys.
        """
        for column in self.columns:
            self._check_column(frame, column)
        extra = [name for name in frame.columns if name not in self.schema]
        if extra and not self.open_ended:
            raise DataError(f"{self.name} has unknown columns: {', '.join(extra)}", fix="drop them")
        repeated = frame.height - frame.select(self.grain).n_unique() if self.grain else 0
        if repeated:
            raise DataError(
                f"{self.name} repeats {repeated} keys ({', '.join(self.grain)})",
                fix="keep one row a key",
            )
        return frame

    def _check_column(self, frame: pl.DataFrame, column: Column) -> None:
        if column.name not in frame.columns:
            raise DataError(
                f"{self.name} lacks the column '{column.name}'", fix=f"add it as {column.dtype}"
            )
        dtype = frame.schema[column.name]
        if dtype != column.dtype:
            raise DataError(f"{self.name}.{column.name} is {dtype}", fix=f"make it {column.dtype}")
        missing = frame[column.name].null_count()
        if missing and not column.nullable:
            raise DataError(
                f"{self.name}.{column.name} is empty in {missing} rows", fix="fill or drop them"
            )


CUSTOMER = Column("customer_id", pl.String(), "the business's own name of the customer")
CUTOFF = Column("cutoff_day", pl.Int32(), "days since 1970-01-01; first day not seen")

DAY = Column("day", pl.Int32(), "days since 1970-01-01 in the business's time zone")
TASK = Column("task", pl.String(), "churn or value")
FEATURE = Column("feature", pl.String(), "name of the feature")
HORIZON = Column("horizon_days", pl.Int32(), "length of the target window, days")


def number(name: str, unit: str) -> Column:
    """A number that may be missing."""
    return Column(name, pl.Float64(), unit, nullable=True)


ENGAGEMENT_KINDS = (
    "session", "page_view", "click", "wishlist_add", "cart_add", "campaign_response",
)  # fmt: skip

TRANSACTIONS = Contract("transactions", (), (
    CUSTOMER, DAY,
    Column("occurred_at", pl.Datetime("us"), "UTC"),
    Column("order_id", pl.String(), "the business's own", nullable=True),
    Column("product_id", pl.String(), "the business's own", nullable=True),
    number("quantity", "units; negative where goods came back"),
    Column("amount_minor", pl.Int64(), "minor units of the currency; negative for a return"),
    Column("is_return", pl.Boolean(), "reduces net revenue and is no purchase"),
))  # fmt: skip

EVENTS = Contract("events", (), (
    CUSTOMER, DAY,
    Column("kind", pl.String(), f"one of {', '.join(ENGAGEMENT_KINDS)}"),
    Column("n", pl.Int64(), "how many"),
))  # fmt: skip

CUSTOMERS = Contract("customers", (), (
    CUSTOMER,
    Column("known_from_day", pl.Int32(), "first day on which the attributes were known"),
), open_ended=True)  # fmt: skip

TREATMENTS = Contract("treatments", (), (
    CUSTOMER, DAY,
    Column("campaign", pl.String(), "name of the campaign"),
    Column("treated", pl.Boolean(), "false for a customer held out"),
    number("propensity", "P(treated given x), 0..1"),
    Column("cost_minor", pl.Int64(), "minor units of the currency", nullable=True),
))  # fmt: skip

ACTIVITY = Contract("activity", ("customer_id", "day"), (
    CUSTOMER, DAY,
    Column("n_orders", pl.Int32(), "orders; a purchase day has at least one"),
    Column("n_lines", pl.Int32(), "order lines bought"),
    Column("n_products", pl.Int32(), "distinct products bought on the day"),
    Column("n_new_products", pl.Int32(), "of them, never bought before by this customer"),
    Column("gross_minor", pl.Int64(), "minor units bought, >= 0"),
    Column("returns_minor", pl.Int64(), "minor units returned, <= 0"),
    Column("purchase_gap", pl.Int32(), "days since the purchase day before; null on the first",
           nullable=True),
    Column("n_treatments", pl.Int32(), "treatments received"),
    *(Column(f"n_{kind}s", pl.Int32(), f"{kind} events") for kind in ENGAGEMENT_KINDS),
))  # fmt: skip

FEATURES = Contract("features", ("customer_id", "cutoff_day"), (CUSTOMER, CUTOFF), open_ended=True)

LABELS = Contract("labels", ("customer_id", "cutoff_day", "horizon_days"), (
    CUSTOMER, CUTOFF, HORIZON,
    Column("churned", pl.Boolean(), "no purchase in the target window"),
    Column("n_future_purchases", pl.Int32(), "purchase days in the target window"),
    Column("future_revenue_minor", pl.Int64(), "net revenue in the target window, minor units"),
))  # fmt: skip

SCORES = Contract("scores", ("customer_id",), (
    CUSTOMER, CUTOFF,
    Column("churn_probability", pl.Float64(),
           "P(churned over churn.horizon_days), 0..1, calibrated"),
    Column("expected_revenue", pl.Float64(),
           "predicted mean net revenue over value.horizon_days, currency"),
    Column("risk_score", pl.Float64(), "composite, 0..1"),
    Column("risk_rank", pl.Float64(), "rank of the risk score within the value tier, 0..1"),
    Column("value_tier", pl.String(), "low, mid or high"),
    Column("segment", pl.String(), "one of six names"),
    number("median_revenue", "predicted median over value.horizon_days, currency"),
    number("revenue_low_80", "lower end of its 80 % interval, currency"),
    number("revenue_high_80", "upper end of its 80 % interval, currency"),
    number("p_alive", "P(still a customer); not 1 - churn_probability"),
    number("expected_purchases", "over churn.horizon_days, count"),
    Column("next_purchase_day", pl.Int32(), "day by which one is more likely than not",
           nullable=True),
    Column("evidence_level", pl.String(), "cold start, thin or solid", nullable=True),
))  # fmt: skip

HORIZONS = Contract("horizons", ("customer_id", "horizon_days"), (
    CUSTOMER, HORIZON,
    Column("churn_probability", pl.Float64(),
           "P(no purchase in the window), 0..1; never rises with the horizon"),
    number("expected_purchases", "count; never falls with the horizon"),
    number("expected_revenue", "mean net revenue, currency; never falls"),
    number("median_revenue", "median, currency"),
    number("low_80", "lower end of the 80 % interval, currency"),
    number("high_80", "upper end of the 80 % interval, currency"),
    number("low_95", "lower end of the 95 % interval, currency"),
    number("high_95", "upper end of the 95 % interval, currency"),
    number("expected_margin", "expected revenue x value.margin_rate, currency"),
    number("clv", "expected margin discounted to the cutoff, currency"),
))  # fmt: skip

FORECAST = Contract("forecast", ("group_kind", "group", "week_start_day"), (
    Column("group_kind", pl.String(), "company, cohort or segment"),
    Column("group", pl.String(), '"all", the quarter of the first purchase, or the segment'),
    Column("week_start_day", pl.Int32(), "days since 1970-01-01"),
    Column("days", pl.Int32(), "length of the step, days: 7, less at the end"),
    Column("expected_revenue", pl.Float64(),
           "of the customers scored, currency; parts add up to the whole"),
    Column("low_80", pl.Float64(), "lower end of the 80 % interval, currency"),
    Column("high_80", pl.Float64(), "upper end of the 80 % interval, currency"),
    number("expected_purchases", "count"),
))  # fmt: skip

REASONS = Contract("reasons", ("customer_id", "task", "rank"), (
    CUSTOMER, TASK,
    Column("rank", pl.Int32(), "1 = the strongest"),
    FEATURE,
    Column("value", pl.String(), "the customer's value, as shown"),
    Column("contribution", pl.Float64(), "TreeSHAP, in the model's raw score"),
    Column("sentence", pl.String(), "the reason in plain words"),
))  # fmt: skip

CONTRIBUTIONS = Contract("contributions", ("customer_id", "task", "feature"), (
    CUSTOMER, TASK, FEATURE,
    number("value", "the customer's value; null where it is a word"),
    Column("contribution", pl.Float64(), "TreeSHAP, in the model's raw score"),
))  # fmt: skip

IMPORTANCE = Contract("importance", ("task", "feature"), (
    TASK, FEATURE,
    Column("mean_abs_contribution", pl.Float64(), "mean |contribution| over customers, raw score"),
    Column("relative", pl.Float64(), "share of the task's strongest feature, 0..1"),
))  # fmt: skip

SEGMENTS = Contract("segments", ("segment",), (
    Column("segment", pl.String(), "one of six names"),
    Column("customers", pl.Int64(), "count"),
    Column("average_ltv", pl.Float64(), "mean expected revenue, currency"),
    Column("total_ltv", pl.Float64(), "sum of expected revenue, currency"),
    Column("average_churn_probability", pl.Float64(), "0..1"),
    Column("average_risk_score", pl.Float64(), "0..1"),
))  # fmt: skip

RECOVERY = Contract("recovery", ("segment",), (
    Column("segment", pl.String(), "an at-risk segment"),
    Column("customers", pl.Int64(), "count"),
    Column("cost", pl.Float64(), "currency per customer"),
    Column("rate", pl.Float64(), "share of value recovered, 0..1"),
    Column("invested", pl.Float64(), "currency"),
    Column("recovered", pl.Float64(), "currency"),
    Column("net", pl.Float64(), "currency"),
    number("roi_percent", "net over invested, percent"),
    number("break_even_rate", "rate at which net is 0; null where there is no value"),
    Column("uplift_source", pl.String(), "experiment or assumed"),
))  # fmt: skip

DAYS = Contract("days", ("day",), (
    Column("day", pl.Int32(),
           "days since 1970-01-01 in the business's time zone; every day of the log"),
    Column("purchases", pl.Int64(), "customers who bought on the day"),
    Column("revenue", pl.Float64(), "net revenue, currency"),
))  # fmt: skip

COHORTS = Contract("cohorts", ("cohort", "months_since"), (
    Column("cohort", pl.String(), "month of the first purchase, as 2010-03"),
    Column("months_since", pl.Int32(), "calendar months after it; 0 = the month itself"),
    Column("customers", pl.Int64(), "of the cohort"),
    Column("active", pl.Int64(), "of them, who bought in the month"),
    Column("revenue", pl.Float64(), "net revenue of the month, currency"),
    Column("complete", pl.Boolean(), "whether the log covers the whole month"),
))  # fmt: skip

SURVIVAL = Contract("survival", ("cohort", "day"), (
    Column("cohort", pl.String(), '"all", or the year of the first purchase'),
    Column("day", pl.Int32(), "days since the first purchase"),
    Column("at_risk", pl.Int64(), "customers still buying and seen for so long"),
    Column("survival", pl.Float64(), "share still buying after the day (Kaplan-Meier), 0..1"),
    Column("low", pl.Float64(), "2.5 % of its interval (Greenwood, log-log)"),
    Column("high", pl.Float64(), "97.5 % of its interval"),
))  # fmt: skip

PURCHASES = Contract("purchases", ("customer_id", "day"), (
    CUSTOMER,
    Column("day", pl.Int32(), "days since 1970-01-01; the latest of each scored customer"),
    Column("revenue", pl.Float64(), "net revenue of the day, currency"),
))  # fmt: skip

QUARANTINE = Contract("quarantine", (), (
    Column("source", pl.String(), "file or query"),
    Column("row", pl.Int64(), "1-based line of a text file, row of a table"),
    Column("reason", pl.String(), "why it was not taken"),
    Column("raw", pl.String(), "the values as read, JSON"),
))  # fmt: skip

PREDICTIONS = Contract("predictions", ("customer_id", "cutoff_day"), (
    CUSTOMER, CUTOFF,
    Column("churned", pl.Boolean(), "observed; null where the churn label is not complete",
           nullable=True),
    number("churn_probability", "predicted before, 0..1"),
    number("churn_baseline", "the naive baseline's probability, 0..1"),
    number("future_revenue", "observed, currency; null where not complete"),
    number("expected_revenue", "predicted before, currency"),
    number("value_baseline", "the naive baseline's prediction, currency"),
    number("median_revenue", "predicted before: median, currency"),
    number("revenue_low_80", "lower end of its 80 % interval, currency"),
    number("revenue_high_80", "upper end of its 80 % interval, currency"),
    number("revenue_low_95", "lower end of its 95 % interval, currency"),
    number("revenue_high_95", "upper end of its 95 % interval, currency"),
))  # fmt: skip

EVIDENCE = Contract("evidence", ("cutoff_day", "task", "model", "metric"), (
    CUTOFF, TASK,
    Column("model", pl.String(), "champion, or the name of a baseline or candidate"),
    Column("metric", pl.String(), "name of the metric"),
    Column("value", pl.Float64(), "in the metric's unit"),
    number("low", "2.5 % of the customer bootstrap"),
    number("high", "97.5 % of the customer bootstrap"),
))  # fmt: skip

HORIZON_EVIDENCE = Contract("horizon_evidence", ("horizon_days", *EVIDENCE.grain), (
    HORIZON,
    *EVIDENCE.columns,
))  # fmt: skip


def json_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """A small table as JSON takes it: NaN and infinity as null."""
    return [
        {
            key: None if isinstance(value, float) and value - value != 0 else value
            for key, value in row.items()
        }
        for row in frame.to_dicts()
    ]
