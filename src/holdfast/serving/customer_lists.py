"""Customer lists: what whoever writes to customers has to know: why each may leave, what to do, and
which offer the plan has.
"""

import polars as pl

from holdfast.explain.reasons import NOTHING_RAISES
from holdfast.serving.load import has_table
from holdfast.storage.runs import Run
from holdfast.study import Study

RAISES = ", which raises the risk"
REASONS_SHOWN = 3


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
        `customers`, and why (up to three reasons for leaving, a line each, or that there is none;
        empty where the run kept nothing on the customer), action (the first of the segment; null
        where there is none), offer (of the run's plan; null where it has none for the customer).
    """
    ids = customers["customer_id"]
    actions = {name: lines[0] for name, lines in study.actions.items() if lines}
    described = customers.join(
        _read_reasons(run, ids), on="customer_id", how="left", maintain_order="left"
    )
    if "offer" not in described.columns:
        offers = _read_offers(run, ids)
        described = described.join(offers, on="customer_id", how="left", maintain_order="left")
    return described.with_columns(
        pl.col("why").fill_null(""),
        action=pl.col("segment")
        .cast(pl.String)
        .replace_strict(actions, default=None, return_dtype=pl.String),
    )


def _read_reasons(run: Run, ids: pl.Series) -> pl.DataFrame:
    reasons = pl.scan_parquet(run.file("tables/reasons.parquet")).filter(
        pl.col("customer_id").is_in(ids.implode()), pl.col("task") == "churn"
    )
    sentence = pl.col("sentence").str.strip_suffix(RAISES)
    begun = sentence.str.head(1).str.to_uppercase() + sentence.str.tail(-1)
    in_order = reasons.sort("customer_id", "rank").with_columns(sentence=begun)
    raising = pl.col("sentence").filter(pl.col("contribution") > 0).head(REASONS_SHOWN)
    lines = in_order.group_by("customer_id").agg(sentence=raising)
    why = pl.col("sentence").list.join("\n").replace("", NOTHING_RAISES)
    return lines.select("customer_id", why=why).collect()


def _read_offers(run: Run, ids: pl.Series) -> pl.DataFrame:
    if not has_table(run, "plan"):
        return pl.DataFrame(schema={"customer_id": pl.String, "offer": pl.String})
    plan = pl.scan_parquet(run.file("tables/plan.parquet"))
    wanted = plan.filter(pl.col("customer_id").is_in(ids.implode()))
    return wanted.select("customer_id", pl.col("offer").cast(pl.String)).collect()
