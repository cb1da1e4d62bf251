"""Tables of customers for whoever writes to them: why, what to do, and rounded amounts."""

import polars as pl

from holdfast.campaigns.treatments import CONTACT
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table

_ALONE = "Leave alone: held out"
_WHOLE_FROM = 10
"""Smaller amounts keep their cents."""


def customer_list(rows: pl.DataFrame, *, caption: str, currency: str) -> Table:
    """Customers with what to say to them.

    Parameters
    ----------
    rows
        Of `serving.customer_lists.describe_customers`; `arm` is shown where there is one, a group
        of the campaign.
    """
    shown = rows.with_columns(
        _round_amount("at_stake"), why=pl.col("why").replace("", "Not explained")
    )
    if "arm" in rows.columns:
        alone = pl.when(pl.col("arm") == CONTACT).then("action").otherwise(pl.lit(_ALONE))
        shown = shown.with_columns(action=alone)
    columns = [Col("customer_id", "Customer"), Col("segment")]
    columns += [Col("arm", "Group")] * ("arm" in rows.columns)
    columns += [
        Col("why", "Why they may leave"),
        Col("churn_probability", "Churn probability", "whole_percent"),
        Col("at_stake", "At stake", "money"),
    ]
    columns += [Col("action", "What to do")] * bool(shown["action"].count())
    columns += [Col("offer", "Offer")] * bool(rows["offer"].count())
    return make_table(caption, shown, *columns, currency=currency)


def for_mailing(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows for a mailing tool: amounts and shares rounded, reasons on one line."""
    money = pl.col("expected_revenue", "at_stake").round(2)
    why = pl.col("why").str.replace_all("\n", "; ")
    return rows.with_columns(money, why, pl.col("churn_probability").round(3))


def _round_amount(name: str) -> pl.Expr:
    amount = pl.col(name)
    return pl.when(amount.abs() >= _WHOLE_FROM).then(amount.round(0)).otherwise(amount).alias(name)
