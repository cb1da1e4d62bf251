"""Changes of a simulated shop, each from one day on: prices rise, a channel of new customers dries
up, tracking breaks, the season comes early or custom stays away.

Each returns the tables of `simulate_to` with the days before untouched.
"""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from holdfast.synthetic.behaviour import CHANNELS

Tables = Mapping[str, pl.DataFrame]
Change = Callable[[Tables, int, int], Tables]
"""(tables, first day of the change, number of the shop) -> tables."""
_EARLY_DAYS = 20

PRICE_RISES = (0.15, 0.2, 0.25, 0.3, 0.4)
CHANNEL_LOSSES = (0.0, 0.5, 1.0)
"""Share of the old customers of the channel who stop, too."""
LOST_EVENTS = (1.0, 0.8, 0.5)
"""Share of all events that are lost; a fourth case loses sessions alone."""
SEASONS = (0.5, -0.5, 0.35, -0.35)
"""Share of customers who buy 20 days early, or, below 0, no more."""


def _day() -> pl.Expr:
    return pl.col("occurred_at").dt.epoch("d")


def raise_prices(tables: Tables, day: int, number: int) -> Tables:
    """Every price rises by a share."""
    factor = 1 + PRICE_RISES[number % len(PRICE_RISES)]
    price = pl.col("unit_price")
    risen = pl.when(_day() >= day).then((price * factor).round(2)).otherwise(price)
    return {**tables, "orders": tables["orders"].with_columns(unit_price=risen)}


def lose_channel(tables: Tables, day: int, number: int) -> Tables:
    """Nobody new comes by a channel, and a share of its customers leaves."""
    channel = CHANNELS[number % len(CHANNELS)]
    share = CHANNEL_LOSSES[number % len(CHANNEL_LOSSES)]
    of_channel = tables["customers"].filter(channel=channel)["customer_id"]
    first = tables["orders"].group_by("customer_id").agg(_day().min().alias("first"))
    new = first.filter(pl.col("first") >= day)["customer_id"].implode()
    leaving = of_channel.sample(fraction=share, seed=number).implode()
    is_gone = pl.col("customer_id").is_in(of_channel.implode()) & pl.col("customer_id").is_in(new)
    has_left = pl.col("customer_id").is_in(leaving) & (_day() >= day)
    return {
        **tables,
        "customers": tables["customers"].filter(~is_gone),
        **{name: tables[name].filter(~(is_gone | has_left)) for name in ("orders", "events")},
    }


def break_tracking(tables: Tables, day: int, number: int) -> Tables:
    """A share of the events, or all sessions, are not recorded."""
    case, events = number % (len(LOST_EVENTS) + 1), tables["events"]
    if case == len(LOST_EVENTS):
        is_lost = pl.col("kind") == "session"
    else:
        drawn = np.random.default_rng(number).random(events.height) < LOST_EVENTS[case]
        is_lost = pl.lit(pl.Series(drawn))
    return {**tables, "events": events.filter(~(is_lost & (_day() >= day)))}


def shift_season(tables: Tables, day: int, number: int) -> Tables:
    """A share of the customers do early what they would have done, or nothing any more."""
    size = SEASONS[number % len(SEASONS)]
    names = tables["customers"]["customer_id"].sample(fraction=abs(size), seed=number).implode()
    is_one = pl.col("customer_id").is_in(names)
    if size < 0:
        kept = {n: tables[n].filter(~(is_one & (_day() >= day))) for n in ("orders", "events")}
        return {**tables, **kept}
    moved = {name: _move_early(tables[name], is_one, day) for name in ("orders", "events")}
    known = pl.col("known_from").cast(pl.Date).cast(pl.Int32)
    first = pl.when(is_one & (known >= day)).then(known - _EARLY_DAYS).otherwise(known)
    customers = tables["customers"]
    dated = first.cast(pl.Date).cast(customers.schema["known_from"])
    return {**tables, **moved, "customers": customers.with_columns(known_from=dated)}


def _move_early(table: pl.DataFrame, is_one: pl.Expr, day: int) -> pl.DataFrame:
    within = is_one & (_day() >= day + _EARLY_DAYS) & (_day() < day + 2 * _EARLY_DAYS)
    early = pl.col("occurred_at") - pl.duration(days=_EARLY_DAYS)
    when = pl.when(within).then(early).otherwise(pl.col("occurred_at"))
    return table.with_columns(occurred_at=when.cast(table.schema["occurred_at"]))


CHANGES: Mapping[str, Change] = {
    "price rise": raise_prices,
    "channel gone": lose_channel,
    "tracking broken": break_tracking,
    "season shift": shift_season,
}
