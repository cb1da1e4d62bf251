"""Find a customer among a million while somebody types, and one customer's rows of a table.

Scores are published sorted by customer and uncompressed, so the file is read in a moment and
searched by halving; only where few names begin as typed are the others looked through.
"""

from bisect import bisect_left
from difflib import get_close_matches
from itertools import takewhile
from typing import Any

import polars as pl

from holdfast.campaigns.economics import value_at_stake
from holdfast.errors import CustomerNotEligible, CustomerNotFound, InputError
from holdfast.serving.load import has_table, load_study
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.windows import date_of

_NEAR, _SHOWN = 3, 80
"""Names that are put beside an unknown one, and the most characters of any of them."""


def read_scores(run: Run) -> pl.DataFrame:
    """The scores, one row per customer, sorted by customer_id, from the uncompressed file; what is
    at stake is filled in where the run is older than it.
    """
    scores = pl.read_ipc(run.file("scores.arrow"))
    if "at_stake" in scores.columns:
        return scores
    days = run.summary["value"]["horizon_days"]
    horizons = run.table("horizons") if has_table(run, "horizons") else None
    if "margin_rate" not in scores.columns:
        scores = scores.with_columns(margin_rate=pl.lit(None, pl.Float64))
    contractual = load_study(run).churn.kind == "contractual"
    return value_at_stake(scores, horizons, horizon_days=days, contractual=contractual)


def find_customers(scores: pl.DataFrame, typed: str, *, at_most: int = 8) -> pl.DataFrame:
    """Customers whose name begins with what was typed, then those whose name holds it; case matters
    to the former only.

    Returns
    -------
    polars.DataFrame
        At most `at_most` rows of `scores`.
    """
    if not typed:
        return scores.head(0)
    begins = _find_beginning(scores, typed, at_most)
    if begins.height == at_most:
        return begins
    # No pattern: what is typed is text, whatever it looks like.
    holds = scores["customer_id"].str.to_lowercase().str.contains(typed.lower(), literal=True)
    others = scores.filter(holds).filter(
        ~pl.col("customer_id").is_in(begins["customer_id"].to_list())
    )
    return pl.concat([begins, others.head(at_most - begins.height)])


def _find_beginning(scores: pl.DataFrame, typed: str, at_most: int) -> pl.DataFrame:
    start = int(scores["customer_id"].search_sorted(typed, side="left"))
    return scores[start : start + at_most].filter(pl.col("customer_id").str.starts_with(typed))


def find_customer(scores: pl.DataFrame, customer_id: str) -> dict[str, Any] | None:
    """One customer's row, or None; by halving, for `search_sorted` reads the whole column."""
    item, n = scores.item, scores.height
    place = bisect_left(range(n), customer_id, key=lambda row: item(row, "customer_id"))
    if place == n or item(place, "customer_id") != customer_id:
        return None
    return scores.row(place, named=True)


def read_rows(run: Run, table: str, customer_id: str) -> pl.DataFrame | None:
    """One customer's rows of a table, or None where the run has no such table."""
    if not has_table(run, table):
        return None
    lazy = pl.scan_parquet(run.file(f"tables/{table}.parquet"))
    return lazy.filter(pl.col("customer_id") == customer_id).collect()


def explain_absence(
    run: Run,
    study: Study,
    scores: pl.DataFrame,
    customer_id: str,
    *,
    reach: int = 100,
    otherwise: str = "write the name as it stands in the data",
) -> InputError:
    """Say why a customer has no score: known but not eligible, or unknown.

    Parameters
    ----------
    reach
        How many names on either side, in their order, are compared with an unknown one.
    otherwise
        What to do where none is near.

    Returns
    -------
    CustomerNotEligible or CustomerNotFound
        To be raised. Near names go with the latter only, and each is a customer of the run.
    """
    rows = read_rows(run, "unscored", customer_id)
    name = repr(customer_id[:_SHOWN])
    if rows is not None and rows.height:
        day = rows["last_purchase_day"][0]
        last = None if day is None else date_of(day).isoformat()
        what = "never bought" if last is None else f"last bought {last}"
        return CustomerNotEligible(
            f"customer {name} is known to run {run.run_id} and not predicted for: {what}, outside "
            f"'{study.churn.eligible}'",
            fix="widen churn.eligible in the study and run again",
            customer_id=customer_id,
            last_purchase_date=last,
            eligible=study.churn.eligible,
        )
    near = _near_names(scores, customer_id, reach)
    return CustomerNotFound(
        f"run {run.run_id} has no customer {name}",
        fix=f"near it: {', '.join(near)}" if near else otherwise,
        customer_id=customer_id[:_SHOWN],
        near=near,
    )


def _near_names(scores: pl.DataFrame, customer_id: str, reach: int) -> list[str]:
    place = int(scores["customer_id"].search_sorted(customer_id, side="left"))
    around = scores["customer_id"][max(0, place - reach) : place + reach].to_list()
    short = [name for name in around if len(name) <= _SHOWN]
    close = get_close_matches(customer_id[:_SHOWN], short, n=len(short) or 1)
    return sorted(close, key=lambda name: -_same_beginning(customer_id, name))[:_NEAR]


def _same_beginning(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
