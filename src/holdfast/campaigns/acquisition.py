"""Acquisition: what customers won by each channel have left so far, what they are expected to leave
yet, and when that pays for winning them.

A month is one of a customer's own, from the first purchase in the log on. What a month leaves is
averaged over those who were seen for the whole of it, and months are added up; after the last one
that enough customers have lived through, it goes on with what is expected of those who have.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.expressions import quote
from holdfast.findings import Finding, join_names
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.tables import CHANNEL_MONTHS, CHANNELS
from holdfast.windows import YEAR_DAYS

FEWEST = 30
"""Customers seen for the whole of a month; of fewer nothing is said."""
NOT_GIVEN = "not given"
_MONTH_DAYS = YEAR_DAYS / 12
_DAY = "(DATE '1970-01-01' + {})"
_WON = """
    SELECT customer_id, coalesce(channel, '{not_given}') AS channel, first_day,
        CAST(date_sub('month', {first}, {end}) AS INTEGER) AS months
    FROM (SELECT customer_id, min(day) AS first_day FROM activity WHERE n_orders > 0
          GROUP BY customer_id)
    LEFT JOIN (SELECT customer_id, CAST(first({column} ORDER BY known_from_day) AS VARCHAR)
               AS channel FROM customers GROUP BY customer_id) USING (customer_id)
    ORDER BY customer_id
"""
_LEFT = """
    SELECT channel, CAST(CASE WHEN month < months THEN month END AS INTEGER) AS month,
        CAST(sum(bought_margin + returned_margin) AS DOUBLE) AS minor
    FROM (SELECT *, date_sub('month', {first}, {day}) AS month
          FROM daily_margins JOIN won USING (customer_id) WHERE day >= first_day)
    GROUP BY ALL ORDER BY ALL
"""


def read_channels(
    study: Study, warehouse: Warehouse, horizons: pl.DataFrame, *, end_day: int
) -> tuple[dict[str, pl.DataFrame], list[Finding]]:
    """Read what each channel's customers left, and put what is expected of them behind it.

    Parameters
    ----------
    horizons
        HORIZONS; of who is not in it nothing more is expected.
    end_day
        First day after the log.

    Returns
    -------
    tuple
        CHANNELS and CHANNEL_MONTHS by their names, without any where the study names no channel;
        and what to know of them.
    """
    if study.acquisition is None:
        return {}, []
    first, end, day = (_DAY.format(each) for each in ("first_day", end_day, "day"))
    column = quote(study.acquisition.channel)
    with warehouse.working("read what customers of each channel left"):
        won = warehouse.query(_WON.format(not_given=NOT_GIVEN, first=first, end=end, column=column))
        warehouse.con.register("won", won.to_arrow())
        left = warehouse.query(_LEFT.format(first=first, day=day))
        warehouse.con.unregister("won")
    left = left.select(pl.exclude("minor"), margin=pl.col("minor") / 10**study.minor_digits)
    months = channel_months(won, left, horizons)
    costs = study.acquisition.cost
    table = channels(won, left, horizons, months, costs=costs)
    return {"channels": table, "channel_months": months}, list(_findings(table, costs))


def channel_months(won: pl.DataFrame, left: pl.DataFrame, horizons: pl.DataFrame) -> pl.DataFrame:
    """Add up what a customer won by each channel leaves, month after month.

    Parameters
    ----------
    won
        customer_id, channel and months: how many of their own the log has whole.
    left
        channel, month and margin (currency) of the customers who were seen for the whole of it.
    """
    parts = [
        _months_of(name, people, left.filter(pl.col("month").is_not_null(), channel=name), horizons)
        for (name,), people in won.sort("channel").group_by("channel", maintain_order=True)
    ]
    return CHANNEL_MONTHS.check(pl.concat([CHANNEL_MONTHS.empty(), *parts]))


def _months_of(
    name: str, people: pl.DataFrame, left: pl.DataFrame, horizons: pl.DataFrame
) -> pl.DataFrame:
    last = int(people["months"].to_numpy().max())
    lived = people["months"].to_numpy()
    seen = np.array([(lived > month).sum() for month in range(last)], dtype=np.int64)
    seen = seen[seen >= FEWEST]
    margin = np.zeros(last)
    margin[left["month"].to_numpy()] = left["margin"].to_numpy()
    so_far = np.cumsum(margin[: len(seen)] / seen)
    oldest = people.filter(pl.col("months") >= len(seen))
    ahead = _expected_months(oldest, horizons) if len(seen) else np.zeros(0)
    upto = so_far[-1] if len(so_far) else 0.0
    return pl.DataFrame(
        {
            "channel": name,
            "months_since": np.arange(len(seen) + len(ahead), dtype=np.int32),
            "customers": np.concatenate([seen, np.full(len(ahead), oldest.height, np.int64)]),
            "margin": np.concatenate([so_far, upto + ahead]),
            "source": ["observed"] * len(seen) + ["expected"] * len(ahead),
        },
        schema=CHANNEL_MONTHS.schema,
    )


def _expected_months(people: pl.DataFrame, horizons: pl.DataFrame) -> Vector:
    """What is expected of a customer on average by the end of each month to come, as far as the
    longest horizon; between horizons in equal parts.
    """
    margins = horizons.filter(pl.col("expected_margin").is_not_null()).join(
        people.select("customer_id"), on="customer_id"
    )
    if margins.is_empty():
        return np.zeros(0)
    sums = (
        margins.group_by("horizon_days").agg(pl.col("expected_margin").sum()).sort("horizon_days")
    )
    days = sums["horizon_days"].to_numpy()
    ends = _MONTH_DAYS * np.arange(1, int(days[-1] / _MONTH_DAYS + 1e-9) + 1)
    each = sums["expected_margin"].to_numpy() / people.height
    return np.asarray(np.interp(ends, [0, *days], [0.0, *each]))


def channels(
    won: pl.DataFrame,
    left: pl.DataFrame,
    horizons: pl.DataFrame,
    months: pl.DataFrame,
    *,
    costs: dict[str, float],
) -> pl.DataFrame:
    """Sum each channel up: CHANNELS, those of most customers first.

    Parameters
    ----------
    won, left, months
        As in `channel_months`, and what it gives. In `left` a row without a month has what else was
        left.
    costs
        Channel -> currency per customer won.
    """
    longest = horizons.filter(pl.col("horizon_days") == pl.col("horizon_days").max())
    ahead = won.join(longest.select("customer_id", "clv"), on="customer_id", how="left")
    is_expected = longest["clv"].null_count() < longest.height
    coming = pl.col("clv").fill_null(0.0).sum() if is_expected else pl.lit(None, pl.Float64)
    sizes = ahead.group_by("channel").agg(customers=pl.len().cast(pl.Int64), coming=coming)
    earned = left.group_by("channel").agg(pl.col("margin").sum())
    paid = pl.DataFrame(
        [_payback(months.filter(channel=name), costs.get(name)) for name in sizes["channel"]],
        schema={name: CHANNELS.schema[name] for name in _PAYBACK},
        orient="row",
    )
    size, cost = pl.col("customers"), pl.col("cost")
    rows = pl.concat([sizes, paid], how="horizontal").join(earned, on="channel", how="left")
    worth = rows.with_columns(
        cost=pl.col("channel").replace_strict(costs, default=None, return_dtype=pl.Float64),
        margin=pl.col("margin").fill_null(0.0) / size,
        expected_margin=pl.col("coming") / size,
        horizon_days=pl.lit(longest["horizon_days"].max(), pl.Int32),
    ).with_columns(lifetime_value=pl.col("margin") + pl.col("expected_margin"))
    table = worth.with_columns(value_to_cost=pl.col("lifetime_value") / cost)
    best_known = table.sort("customers", "channel", descending=[True, False])
    return CHANNELS.check(best_known.select(CHANNELS.schema.names()))


_PAYBACK = ("payback_months", "payback_source", "months_observed", "months_expected")


def _payback(months: pl.DataFrame, cost: float | None) -> tuple[int | None, str | None, int, int]:
    """By the end of which month what a customer left covers the cost, whether that was seen, and
    how many months were seen and are expected.
    """
    seen = months.filter(source="observed").height
    rest = months.height - seen
    covered = months.filter(pl.col("margin") >= cost) if cost is not None else months.clear()
    if covered.is_empty():
        return None, None, seen, rest
    month, source = covered.sort("months_since").select("months_since", "source").row(0)
    return month + 1, source, seen, rest


def _findings(table: pl.DataFrame, costs: dict[str, float]) -> Iterator[Finding]:
    channels_seen = table["channel"].to_list()
    if unknown := [name for name in costs if name not in channels_seen]:
        yield Finding.of(
            "cost-of-an-unknown-channel",
            unknown=join_names(unknown),
            known=join_names(channels_seen),
        )
