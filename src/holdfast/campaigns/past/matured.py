"""Matured campaigns: those whose two arms were left alike for so long that the hold-out shows how
much of a quick effect is still there.

Everybody of a campaign counts in the arm that the draw gave them. Later campaigns may have come to
both arms, but to both as often: where the held-out of one campaign are the held-out of the next,
too, the difference a year later is what all of them did together.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import erfc, sqrt

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.campaigns.outcomes import sum_margins, sum_windows
from holdfast.campaigns.past.persistence import (
    MeasuredArm,
    Persistence,
    learn_persistence,
    measure_pair,
)
from holdfast.campaigns.treatments import read_treatments
from holdfast.findings import join_names
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

FEWEST = 20
"""Customers in each arm: with fewer a standard error is not to be trusted."""
ALARM = 0.001
"""p-value below which the arms of a campaign were not contacted again alike."""
_ROUNDING = 1e-6
_PAIR = ("short_effect", "short_error", "long_effect", "long_error", "covariance")


def read_persistence(
    study: Study, warehouse: Warehouse, rows: pl.DataFrame, *, end_day: int
) -> Persistence:
    """Read how much of each offer's effect within the plan's `days` is left within the days for
    which its return is to be claimed.

    Parameters
    ----------
    warehouse
        Holds the study's order log, as `read_order_log` leaves it.
    rows
        Treatments under the names of the study's offers, as `of_offers` gives them.
    end_day
        First day that is not seen.
    """
    offers = rows.filter("treated")["offer"].unique().sort().to_list()
    contacts = read_treatments(warehouse).filter("treated").select("customer_id", later="day")
    pairs: list[dict[str, object]] = []
    refused: dict[str, list[str]] = {}
    for (name,), part in rows.sort("campaign").group_by("campaign", maintain_order=True):
        part = part.unique("customer_id", keep="none", maintain_order=True)
        reason = _why_not(study, part, contacts, end_day=end_day)
        measured = [] if reason else list(_measure(study, warehouse, part))
        pairs += measured
        if not measured:
            few = f"has fewer than {FEWEST} customers in an arm, or none who bought"
            refused.setdefault(reason or few, []).append(str(name))
    schema = {"offer": pl.String, **dict.fromkeys(_PAIR, pl.Float64)}
    learnt = learn_persistence(
        pl.DataFrame(pairs, schema=schema),
        offers=offers,
        short_days=study.plan.days,
        long_days=study.plan.claimed_days,
    )
    notes = (
        f"how long an effect lasts is not told by what {reason}: {join_names(names)}"
        for reason, names in refused.items()
    )
    return replace(learnt, notes=tuple(notes))


def _why_not(
    study: Study, part: pl.DataFrame, contacts: pl.DataFrame, *, end_day: int
) -> str | None:
    """Why a campaign tells nothing of the long run; None where it does."""
    days, treated = study.plan.claimed_days, part.filter("treated")
    if treated.height in (0, part.height):
        return "had nobody held out"
    if part.select((pl.col("day") + days + study.plan.return_days > end_day).any()).item():
        back = f" and {study.plan.return_days} for returns" if study.plan.return_days else ""
        return f"is not {days} days{back} old"
    chance = part["propensity"].drop_nulls()
    if chance.len() and np.ptp(chance.to_numpy()) > _ROUNDING:
        return "was likelier to contact some than others"
    again = _contacted_again(part, contacts, days=days)
    shares = again.group_by("treated").agg(n=pl.len(), k=pl.col("again").sum()).sort("treated")
    if _p_of_equal(shares["n"].to_numpy(), shares["k"].to_numpy()) < ALARM:
        held_out, contacted = (shares["k"] / shares["n"]).to_list()
        return (
            f"was followed by others that came to {contacted:.0%} of those contacted, but to "
            f"{held_out:.0%} of those held out"
        )
    return None


def _contacted_again(part: pl.DataFrame, contacts: pl.DataFrame, *, days: int) -> pl.DataFrame:
    """`treated`, and whether a later contact of whatever campaign came within the days."""
    later = part.select("customer_id", "day").join(contacts, on="customer_id")
    within = later.filter(
        pl.col("later") > pl.col("day"), pl.col("later") < pl.col("day") + days
    ).select(pl.col("customer_id").unique(), again=True)
    joined = part.join(within, on="customer_id", how="left", maintain_order="left")
    return joined.select("treated", pl.col("again").fill_null(False))


def _p_of_equal(n: Vector, k: Vector) -> float:
    """p-value of two shares being one, by the normal law."""
    share = k.sum() / n.sum()
    spread = sqrt(share * (1 - share) * (1 / n).sum())
    return erfc(abs(k[1] / n[1] - k[0] / n[0]) / spread / sqrt(2)) if spread else 1.0


def _measure(study: Study, warehouse: Warehouse, part: pl.DataFrame) -> Iterator[dict[str, object]]:
    """Both effects of each of the campaign's offers, against all whom it held out."""
    days, returns = study.plan.claimed_days, study.plan.return_days
    short, long = (
        sum_margins(warehouse, part, days=each, return_days=returns).to_numpy()
        for each in (study.plan.days, days)
    )
    before = part.with_columns(pl.col("day") - days)
    spent = sum_windows(warehouse, before, days=days)["net_minor"].to_numpy()
    treated, offer = part["treated"].to_numpy(), part["offer"].to_numpy()
    # Whoever has no cluster was drawn alone.
    drawn = part.select(
        pl.coalesce(pl.lit("c") + pl.col("cluster"), pl.lit("a") + pl.col("customer_id"))
    )
    cluster = drawn.to_series().rank("dense").cast(pl.Int64).to_numpy()
    for name in part.filter("treated")["offer"].unique().sort():
        arms = [np.flatnonzero(treated & (offer == name)), np.flatnonzero(~treated)]
        if min(map(len, arms)) >= FEWEST:
            one, zero = (
                MeasuredArm(short[arm], long[arm], spent[arm], cluster[arm]) for arm in arms
            )
            pair = measure_pair(one, zero)
            if min(pair["short_error"], pair["long_error"]) > 0:
                yield {"offer": name, **pair}
