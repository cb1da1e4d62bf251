"""The tables that tell a churn window's story; `ChurnWindow` says what each holds."""

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
import polars as pl

from holdfast.quality.churn_definition.event_times import Ints
from holdfast.quality.churn_definition.gaps import GROUPS, Chance, Returns, Window
from holdfast.quality.churn_definition.survival import estimate_incidence

UNLIKELY = 0.2
"""Chance of a return from which on the recommended window takes it as unlikely."""
CERTAINTIES = (0.6, 0.7, 0.8, 0.9, 0.95)
"""Of those called lost, the share that does not return within the horizon: what the trade-off is
listed for.
"""
SHIFT_DAYS = 30
"""What the window is moved by to show how much hangs on it."""
_TYPES = {
    "certainty": pl.Float64, "returns_later": pl.Float64, "return_probability": pl.Float64,
    "lost_share": pl.Float64, "churned_share": pl.Float64, "month": pl.Int8, "group": pl.String,
    "rule": pl.String,
}  # fmt: skip
"""Of the columns that are no whole numbers."""


def recommend_window(chance: Chance) -> Window:
    """Find the churn window: none where a return is unlikely from the start, since silence tells
    nothing there.
    """
    window = Window.of(chance, unlikely=UNLIKELY)
    return window if (chance.value > UNLIKELY).any() else Window(None)


def measure_silences(quiet: pl.DataFrame, *, end_day: int) -> pl.DataFrame:
    """One row per customer: group, and silence_days as of the first day after the log."""
    return quiet.filter(~pl.col("returned")).select(
        "group", silence_days=end_day - pl.col("start_day").cast(pl.Int64)
    )


def _table(names: str, rows: Sequence[Sequence[object]]) -> pl.DataFrame:
    schema = {name: _TYPES.get(name, pl.Int64) for name in names.split()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def gaps_table(returns: Returns) -> pl.DataFrame:
    """Count the gaps by length."""
    days = np.arange(len(returns.gone))
    frame = pl.DataFrame(
        {"gap_days": days, "gaps": returns.gone, "share_silent": returns.still_there}
    )
    return frame.filter(pl.col("gap_days") > 0)


def seasons_table(quiet: pl.DataFrame, *, end_day: int, horizon_days: int) -> pl.DataFrame:
    """Compare the months of the year."""
    first_day = int(quiet["start_day"].to_numpy().min())
    calendar = (
        pl.select(day=pl.int_range(first_day, end_day)).group_by(month=_month("day")).len("days")
    )
    rows = []
    for (month,), begun in quiet.group_by(month=_month("start_day")):
        returns = Returns.of(begun)
        rows.append((month, begun.height, returns.median_gap(), returns.within(horizon_days).at(1)))
    months = _table("month silences gap_median_days return_probability", rows)
    n = pl.col("silences").fill_null(0)
    return (
        calendar.join(months, on="month", how="left")
        .with_columns(
            silences=n, purchase_index=n / pl.col("days") / (n.sum() / pl.col("days").sum())
        )
        .select("month", "purchase_index", "silences", "gap_median_days", "return_probability")
        .sort("month")
    )


def _month(day: str) -> pl.Expr:
    return pl.from_epoch(day, time_unit="d").dt.month()


def curve_table(returns: Returns, chance: Chance, now: pl.DataFrame) -> pl.DataFrame:
    """Follow a silence day by day."""
    days = np.arange(1, len(chance) + 1)
    return pl.DataFrame(
        {
            "silence_days": days,
            "at_risk": returns.at_risk[days],
            "return_probability": chance.value,
            "low": chance.low,
            "high": chance.high,
            "returns_later": returns.returns_later[days - 1],
            "customers": _silent_for(now, days),
        }
    )


def _silent_for(now: pl.DataFrame, days: Ints) -> Ints:
    """Customers who have been silent for so many days or more, shape of `days`."""
    ordered = np.sort(now["silence_days"].to_numpy())
    return np.asarray(len(ordered) - np.searchsorted(ordered, days, side="left"), dtype=np.int64)


def _count_lost(now: pl.DataFrame, window_days: int) -> int:
    return int((now["silence_days"] >= window_days).sum())


def tradeoff_table(returns: Returns, chance: Chance, now: pl.DataFrame) -> pl.DataFrame:
    """List what being more certain costs in days."""
    rows = []
    for certainty in CERTAINTIES:
        window = Window.of(chance, unlikely=round(1 - certainty, 9))
        later, lost = None, None
        if window.days is not None:
            later = float(returns.returns_later[window.days - 1])
            lost = _count_lost(now, window.days)
        rows.append((certainty, *astuple(window), later, lost))
    return _table("certainty window_days earliest latest returns_later customers_lost", rows)


def groups_table(
    quiet: pl.DataFrame, now: pl.DataFrame, *, horizon_days: int, overall: Window
) -> pl.DataFrame:
    """Find the window of each group of customers by rhythm."""
    rows = []
    for group, rule in GROUPS.items():
        begun, silent = (frame.filter(pl.col("group") == group) for frame in (quiet, now))
        if begun.is_empty():
            continue
        chance = Returns.of(begun).within(horizon_days)
        window = recommend_window(chance)
        used = window.days or overall.days
        lost = _count_lost(silent, used) if used else None
        rows.append(
            (group, rule, begun.height, chance.at(1), *astuple(window), silent.height, lost)
        )
    names = "group rule silences return_probability window_days earliest latest customers lost"
    return _table(names, rows)


def counts_table(now: pl.DataFrame, window: Window, active_days: int | None) -> pl.DataFrame:
    """Count who is active, has lapsed and is lost today, and how that hangs on the window."""
    rows = []
    if window.days is not None and active_days is not None:
        moved = (window.days - SHIFT_DAYS, window.days, window.days + SHIFT_DAYS)
        for days in (days for days in moved if days > 0):
            lost = _count_lost(now, days)
            active = now.height - _count_lost(now, min(active_days + 1, days))
            rows.append((days, active, now.height - active - lost, lost, lost / now.height))
    return _table("window_days active lapsed lost lost_share", rows)


def labels_table(
    quiet: pl.DataFrame, horizons_days: Sequence[int], *, end_day: int, eligible_days: int | None
) -> pl.DataFrame:
    """Find up to which cutoff labels are mature, and what they say there."""
    rows = []
    for horizon in horizons_days:
        cutoff = end_day - horizon
        # The silence that is open at the cutoff is the only one of its customer to begin before it
        # and end later.
        at_cutoff = quiet.filter(
            pl.col("start_day") < cutoff,
            ~pl.col("returned") | (pl.col("start_day") + pl.col("days") >= cutoff),
        )
        if eligible_days is not None:
            at_cutoff = at_cutoff.filter(pl.col("start_day") >= cutoff - eligible_days)
        churned = int((~at_cutoff["returned"]).sum())
        share = churned / at_cutoff.height if at_cutoff.height else None
        rows.append((horizon, cutoff, at_cutoff.height, churned, share))
    return _table("horizon_days latest_cutoff_day customers churned churned_share", rows)


def find_lifetimes(quiet: pl.DataFrame, endings: pl.DataFrame, *, end_day: int) -> pl.DataFrame:
    """One row per customer with both a purchase and a row in `endings`: days from the first
    purchase, cause.

    An end after the log has not happened yet; who ended before the first purchase seen was not
    there to be watched.
    """
    begun = quiet.group_by("customer_id").agg(start_day=pl.col("start_day").min().cast(pl.Int64))
    ended = pl.col("ended_day").cast(pl.Int64)
    over = ended < end_day
    return (
        begun.join(endings, on="customer_id")
        .filter(ended.is_null() | (ended >= pl.col("start_day")))
        .select(
            "customer_id",
            days=pl.when(over).then(ended).otherwise(end_day - 1) - pl.col("start_day"),
            cause=pl.when(over).then("cause"),
        )
        .sort("customer_id")
    )


def causes_table(
    quiet: pl.DataFrame, endings: pl.DataFrame | None, *, end_day: int
) -> pl.DataFrame:
    """Follow the customers from their first purchase until their contract ends, cause by cause."""
    empty = pl.DataFrame(schema={"days": pl.Int64, "cause": pl.String})
    return estimate_incidence(
        empty if endings is None else find_lifetimes(quiet, endings, end_day=end_day)
    )
