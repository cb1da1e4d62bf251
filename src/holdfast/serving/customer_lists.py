"""Customer lists: whom to look at first, and what whoever writes to them has to know: why a
customer may leave, what to do, and which offer the plan has.
"""

from collections.abc import Mapping

import polars as pl

from holdfast.serving.load import has_table
from holdfast.storage.runs import Run
from holdfast.study import Study

ORDERS: Mapping[str, tuple[str, ...]] = {
    "revenue at stake": ("at_stake", "risk_score", "expected_revenue"),
    "risk": ("churn_probability", "at_stake", "expected_revenue"),
    "expected revenue": ("expected_revenue", "at_stake", "risk_score"),
}
"""What a list may be ordered by, the most first; the first is what it is ordered by untold."""
FIRST = next(iter(ORDERS))
_RAISES = ", which raises the risk"
REASONS_SHOWN = 3


def first_customers(scores: pl.DataFrame, n: int, *, by: str = FIRST) -> pl.DataFrame:
    """The first `n` in one of `ORDERS`; of equals, the name that comes first in the alphabet."""
    order = ORDERS[by]
    lead = pl.col(order[0]).fill_null(float("-inf"))
    least = scores.select(lead.top_k(min(n, scores.height)).min()).item()
    near = scores.filter(lead >= least) if least is not None else scores
    down = [True] * len(order) + [False]
    return near.sort(*order, "customer_id", descending=down, nulls_last=True).head(n)


def describe_customers(run: Run, customers: pl.DataFrame, *, study: Study) -> pl.DataFrame:
    """Customers with what to say to them.

    Parameters
    ----------
    customers
        At least customer_id and segment; an offer that they have stays.
    study
        Names the action of each segment.

    Returns
    -------
    polars.DataFrame
        `customers`, and why (up to three reasons for leaving, a line each; empty where the run kept
        none), action (the first of the segment; null where there is none), offer (of the run's
        plan; null where it has none for the customer).
    """
    ids = customers["customer_id"]
    actions = {name: lines[0] for name, lines in study.actions.items() if lines}
    known = customers.join(
        _read_reasons(run, ids), on="customer_id", how="left", maintain_order="left"
    )
    if "offer" not in known.columns:
        offers = _read_offers(run, ids)
        known = known.join(offers, on="customer_id", how="left", maintain_order="left")
    return known.with_columns(
        pl.col("why").fill_null(""),
        action=pl.col("segment")
        .cast(pl.String)
        .replace_strict(actions, default=None, return_dtype=pl.String),
    )


def _read_reasons(run: Run, ids: pl.Series) -> pl.DataFrame:
    reasons = pl.scan_parquet(run.file("tables/reasons.parquet")).filter(
        pl.col("customer_id").is_in(ids.implode()),
        pl.col("contribution") > 0,
        pl.col("task") == "churn",
    )
    sentence = pl.col("sentence").str.strip_suffix(_RAISES)
    begun = sentence.str.head(1).str.to_uppercase() + sentence.str.tail(-1)
    in_order = reasons.sort("customer_id", "rank").with_columns(sentence=begun)
    lines = in_order.group_by("customer_id").agg(pl.col("sentence").head(REASONS_SHOWN))
    return lines.select("customer_id", why=pl.col("sentence").list.join("\n")).collect()


def _read_offers(run: Run, ids: pl.Series) -> pl.DataFrame:
    if not has_table(run, "plan"):
        return pl.DataFrame(schema={"customer_id": pl.String, "offer": pl.String})
    plan = pl.scan_parquet(run.file("tables/plan.parquet"))
    wanted = plan.filter(pl.col("customer_id").is_in(ids.implode()))
    return wanted.select("customer_id", pl.col("offer").cast(pl.String)).collect()
