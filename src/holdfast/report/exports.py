"""What leaves Holdfast for a spreadsheet: a row per customer, the most revenue at stake first, and
no cell that would run.
"""

from collections.abc import Mapping
from typing import BinaryIO, Literal

import polars as pl

# A cell that begins so is a formula to Excel, LibreOffice or Google Sheets, the full-width forms in
# East Asian locales.
_FORMULA = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"


def customer_segments(scores: pl.DataFrame) -> pl.DataFrame:
    """The scores under the original system's names: one row per customer, in the order of
    `most_at_stake_first`.
    """
    return most_at_stake_first(scores).select(
        neutralise("customer_id").alias("Customer_ID"),
        Churn_Probability="churn_probability",
        Predicted_LTV="expected_revenue",
        Composite_Risk_Score="risk_score",
        Segment=neutralise("segment"),
    )


def most_at_stake_first(scores: pl.DataFrame) -> pl.DataFrame:
    """The scores in the order of every list of customers: by revenue at stake.

    Of customers with as much at stake, and in a snapshot without a value label of all, the riskier
    comes first, then the one worth more, then the one whose name does, so that the same scores give
    the same file. So it is in a run older than what is at stake.
    """
    at_stake = [pl.col("at_stake")] if "at_stake" in scores.columns else []
    ranks = [*at_stake, pl.col("risk_score"), pl.col("expected_revenue")]
    down = [True] * len(ranks)
    return scores.sort(*ranks, "customer_id", descending=[*down, False], nulls_last=True)


def first_customers(scores: pl.DataFrame, n: int) -> pl.DataFrame:
    """The first `n` of that order."""
    rank = pl.col("at_stake" if "at_stake" in scores.columns else "risk_score").fill_null(-1.0)
    least = scores.select(rank.top_k(min(n, scores.height)).min()).item()
    return most_at_stake_first(scores.filter(rank >= least)).head(n)


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
    scores: pl.DataFrame, out: BinaryIO, *, knows_value: bool = True
) -> None:
    """Write `customer_segments` as CSV: UTF-8, comma, LF, every digit; revenue that nobody
    estimated is left empty.
    """
    table = customer_segments(scores)
    (table if knows_value else table.with_columns(Predicted_LTV=None)).write_csv(out)


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
