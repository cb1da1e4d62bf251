"""Lists of customers: whom each begins with, and what leaves Holdfast for a spreadsheet, in which
no cell would run.
"""

from collections.abc import Mapping
from typing import BinaryIO, Literal

import polars as pl

# A cell that begins so is a formula to Excel, LibreOffice or Google Sheets, the full-width forms in
# East Asian locales.
_FORMULA = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"

ORDERS: Mapping[str, tuple[str, ...]] = {
    "revenue at stake": ("at_stake", "risk_score", "expected_revenue"),
    "risk": ("churn_probability", "at_stake", "expected_revenue"),
    "expected revenue": ("expected_revenue", "at_stake", "risk_score"),
}
"""What a list may be ordered by, the most first."""
FIRST = next(iter(ORDERS))


def customer_segments(scores: pl.DataFrame) -> pl.DataFrame:
    """The scores under the original system's names: one row per customer, the most revenue at stake
    first.
    """
    return sort_customers(scores).select(
        neutralise("customer_id").alias("Customer_ID"),
        Churn_Probability="churn_probability",
        Predicted_LTV="expected_revenue",
        Composite_Risk_Score="risk_score",
        Segment=neutralise("segment"),
    )


def first_customers(scores: pl.DataFrame, n: int, *, by: str = FIRST) -> pl.DataFrame:
    """The first `n` in one of `ORDERS`."""
    lead = pl.col(_columns_of(scores, by)[0]).fill_null(float("-inf"))
    least = scores.select(lead.top_k(min(n, scores.height)).min()).item()
    near = scores if least is None else scores.filter(lead >= least)
    return sort_customers(near, by=by).head(n)


def sort_customers(scores: pl.DataFrame, *, by: str = FIRST) -> pl.DataFrame:
    """All of them in one of `ORDERS`. Of equals the name that is first in the alphabet comes first,
    so that the same scores give the same list.
    """
    columns = _columns_of(scores, by)
    down = [True] * len(columns) + [False]
    return scores.sort(*columns, "customer_id", descending=down, nulls_last=True)


def _columns_of(scores: pl.DataFrame, by: str) -> list[str]:
    """The columns of an order that there are: an older run does not know what is at stake."""
    return [name for name in ORDERS[by] if name in scores.columns]


def neutralise(column: str) -> pl.Expr:
    """Words with an apostrophe before what a spreadsheet would take for a formula. Numbers need
    none.

    >>> pl.DataFrame({"name": ["=1+1", "Ann", "-2"]}).select(neutralise("name"))["name"].to_list()
    ["'=1+1", 'Ann', "'-2"]
    """
    word = pl.col(column)
    return (
        pl.when(word.str.contains(_FORMULA)).then(pl.lit("'") + word).otherwise(word).alias(column)
    )


def write_customer_segments(
    scores: pl.DataFrame, out: BinaryIO, *, knows_value: bool = True, header: bool = True
) -> None:
    """Write `customer_segments` as CSV: UTF-8, comma, LF, every digit; revenue that nobody
    estimated is left empty.
    """
    table = customer_segments(scores)
    known = table if knows_value else table.with_columns(Predicted_LTV=None)
    known.write_csv(out, include_header=header)


def write_audience(
    customers: pl.DataFrame,
    out: BinaryIO,
    *,
    form: Literal["csv", "parquet"],
    facts: Mapping[str, str],
) -> None:
    """Write a list of an audience for a mailing tool, its contacts or those held out: a row per
    customer, and `facts` in columns of their own.

    Parameters
    ----------
    customers
        `contacts` or `held_out` of `campaigns.audience.Audience`.
    facts
        Name -> value, the same in every row: the rule's id and the run's.
    """
    rows = customers.with_columns(pl.lit(value).alias(name) for name, value in facts.items())
    if form == "parquet":
        rows.write_parquet(out)
    else:
        words = [name for name, kind in rows.schema.items() if kind == pl.String]
        rows.with_columns(neutralise(name) for name in words).write_csv(out)
