"""Episodes: what changes when customers are evaluated, and it is each day's last word that counts.

An episode is one customer's trouble by one rule, from the day it begins to the day it ends. It has
an anchor, the day of the customer's last purchase, so that one silence is one episode. The state
after an evaluation follows from the state at the end of the day before and from that evaluation
alone: whatever a day's earlier evaluations made of it is taken back where the latest says
otherwise. So it makes no difference how often a day customers are looked at, nor in which order
their events come in.

    opens       when the value reaches `open`, and nothing keeps the rule quiet (below)
    closes      "bought"          the customer has bought since the anchor
                "late purchase"   the same, on a day before the episode opened: known too late
                "lapsed"          the customer is no longer eligible
                "recovered"       `close_after` days in a row ended beyond `close`, or the day on
                                  which it opened ended short of `open`
                "by NAME"         a person closed it
                "rule removed"    the study has no such rule any more
    quiet       for `cooldown_days` after a close that was no purchase; and about one anchor for
                good once a person closed it or it lapsed

A value that is not known neither opens an episode nor counts towards its recovery. A rule that is
not for the customer any more counts as a day beyond `close`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from holdfast.study.alerts import Alert

BOUGHT, LATE, LAPSED, RECOVERED = "bought", "late purchase", "lapsed", "recovered"
RULE_REMOVED = "rule removed"
BY = "by "
"""How the reason begins where a person closed an episode."""
EPISODES = pl.Schema(
    {
        "id": pl.Int64(),
        "rule": pl.String(),
        "customer_id": pl.String(),
        "anchor_day": pl.Int32(),
        "opened_day": pl.Int32(),
        "evaluated_day": pl.Int32(),
        "days_below_before": pl.Int32(),
        "days_below": pl.Int32(),
        "closed_day": pl.Int32(),
        "close_reason": pl.String(),
    }
)
"""What is read of an episode. `days_below`: days in a row, up to `evaluated_day`, that ended beyond
`close`; `days_below_before`: up to the day before it. An episode without `closed_day` is open.
"""
_CUSTOMER = ["rule", "customer_id"]


@dataclass(frozen=True)
class EpisodeChanges:
    """What an evaluation changes.

    Attributes
    ----------
    opened
        New episodes: those columns of EPISODES that an open one has, severity, owner, value_opened
        and value_now.
    updated
        Of open ones that stay open: id, rule, customer_id, value_now, evaluated_day and both counts
        of days.
    closed
        Of those that end, the same and closed_day and close_reason. One that was closed earlier in
        the day may be among them with a better reason.
    reopened
        As `updated`, of those that an earlier evaluation of the day had closed and that stay open:
        nobody is told, and a message of the close that still waits is not to leave.
    """

    opened: pl.DataFrame
    updated: pl.DataFrame
    closed: pl.DataFrame
    reopened: pl.DataFrame


def update_episodes(
    open_episodes: pl.DataFrame,
    recent: pl.DataFrame,
    evaluations: pl.DataFrame,
    rules: Sequence[Alert],
    *,
    day: int,
) -> EpisodeChanges:
    """Work out what the evaluations change.

    Parameters
    ----------
    open_episodes
        EPISODES of the evaluated customers that are open.
    recent
        Their closed ones, but for those that a purchase closed on a day before.
    evaluations
        EVALUATIONS of the day.
    day
        The business day, up to which events were seen.
    """
    columns = EPISODES.names()
    episodes = pl.concat([open_episodes.select(columns), recent.select(columns)])
    evaluated = _judge(evaluations, rules)
    closed = pl.col("closed_day")
    why = pl.col("close_reason")
    is_final = why.str.starts_with(BY)
    stands = closed.is_null() | ((closed == day) & ~is_final)
    standing = _follow(episodes.filter(stands), evaluated, day=day)
    quiet = _find_quiet(episodes.filter(~stands), evaluated, day=day)
    removed = _close_removed(open_episodes, rules, day=day)
    stays, is_open = pl.col("reason").is_null(), closed.is_null()
    ends = ~stays & pl.col("reason").ne_missing(pl.col("close_reason"))
    return EpisodeChanges(
        opened=_open(evaluated, standing, quiet, rules, day=day),
        updated=standing.filter(stays & is_open).select(_UPDATED),
        closed=pl.concat([_select_ended(standing.filter(ends)), _select_ended(removed)]),
        reopened=standing.filter(stays & ~is_open).select(_UPDATED),
    )


_UPDATED = ("id", *_CUSTOMER, "value_now", "evaluated_day", "days_below_before", "days_below")


def _select_ended(episodes: pl.DataFrame) -> pl.DataFrame:
    return episodes.select(*_UPDATED, closed_day="day", close_reason="reason")


def _judge(evaluations: pl.DataFrame, rules: Sequence[Alert]) -> pl.DataFrame:
    """Whether each value is over `open`, and whether it is back beyond `close`; with the rule's
    own numbers.
    """
    limits = pl.DataFrame(
        [(r.name, r.sign, r.sign * r.open, r.sign * r.close) for r in rules],
        schema={"rule": pl.String, "sign": pl.Int8, "open": pl.Float64, "close": pl.Float64},
        orient="row",
    ).with_columns(
        close_after=pl.Series([r.close_after for r in rules], dtype=pl.Int32),
        cooldown_days=pl.Series([r.cooldown_days for r in rules], dtype=pl.Int32),
    )
    value = pl.col("sign") * pl.col("value")
    return evaluations.join(limits, on="rule", maintain_order="left").with_columns(
        is_over=(pl.col("applies") & (value >= pl.col("open"))).fill_null(value=False),
        is_below=(~pl.col("applies") | (value < pl.col("close"))).fill_null(value=False),
    )


def _follow(episodes: pl.DataFrame, evaluated: pl.DataFrame, *, day: int) -> pl.DataFrame:
    """Episodes that were open at the end of the day before, or opened today, with their evaluation
    and the `reason` for which it ends them; null: it does not.
    """
    now = evaluated.rename({"anchor_day": "anchor_now", "value": "value_now"})
    is_new_day = pl.col("evaluated_day") < day
    before = pl.when(is_new_day).then("days_below").otherwise("days_below_before")
    counted = (
        episodes.join(now, on=_CUSTOMER)
        .with_columns(days_below_before=before, day=pl.lit(day, pl.Int32))
        .with_columns(
            days_below=pl.when("is_below")
            .then(pl.col("days_below_before") + 1)
            .otherwise(0)
            .cast(pl.Int32),
            evaluated_day=pl.col("day"),
            has_moved=(pl.col("anchor_now") != pl.col("anchor_day")).fill_null(value=False),
        )
    )
    is_short = pl.when(pl.col("opened_day") == day).then(~pl.col("is_over"))
    has_recovered = is_short.otherwise(pl.col("days_below") >= pl.col("close_after"))
    was_late = pl.col("anchor_now") < pl.col("opened_day")
    return counted.with_columns(
        reason=pl.when("has_moved")
        .then(pl.when(was_late).then(pl.lit(LATE)).otherwise(pl.lit(BOUGHT)))
        .when(~pl.col("eligible"))
        .then(pl.lit(LAPSED))
        .when(has_recovered)
        .then(pl.lit(RECOVERED))
    )


def _find_quiet(episodes: pl.DataFrame, evaluated: pl.DataFrame, *, day: int) -> pl.DataFrame:
    """Of which customers which rule is to say nothing today, by closed episodes."""
    # What opened and was taken back on one day is as if it had never been.
    was_taken_back = (pl.col("closed_day") == pl.col("opened_day")) & pl.col("close_reason").is_in(
        [RECOVERED, LAPSED]
    )
    over = episodes.filter(~was_taken_back).join(
        evaluated.select(*_CUSTOMER, "cooldown_days", anchor_now="anchor_day"), on=_CUSTOMER
    )
    cools_down = pl.col("closed_day") + pl.col("cooldown_days") >= day
    same_silence = pl.col("anchor_day") == pl.col("anchor_now")
    ends_silence = pl.col("close_reason") == RECOVERED
    is_quiet = cools_down | (same_silence & ~ends_silence).fill_null(value=False)
    return over.filter(is_quiet).select(_CUSTOMER).unique()


def _open(
    evaluated: pl.DataFrame,
    standing: pl.DataFrame,
    quiet: pl.DataFrame,
    rules: Sequence[Alert],
    *,
    day: int,
) -> pl.DataFrame:
    """Episodes for whoever is over `open` and has none."""
    of_rule = pl.DataFrame(
        [(rule.name, rule.severity, rule.owner) for rule in rules],
        schema={"rule": pl.String, "severity": pl.String, "owner": pl.String},
        orient="row",
    )
    held = standing.filter(~pl.col("has_moved"))
    today, nothing = pl.lit(day, pl.Int32), pl.lit(0, pl.Int32)
    return (
        evaluated.filter("is_over")
        .join(held, on=_CUSTOMER, how="anti")
        .join(quiet, on=_CUSTOMER, how="anti")
        .join(of_rule, on="rule", maintain_order="left")
        .select(
            *_CUSTOMER, "anchor_day", "severity", "owner",
            opened_day=today, evaluated_day=today,
            days_below_before=nothing, days_below=nothing,
            value_opened="value", value_now="value",
        )
        .sort(_CUSTOMER)
    )  # fmt: skip


def _close_removed(
    open_episodes: pl.DataFrame, rules: Sequence[Alert], *, day: int
) -> pl.DataFrame:
    names = [rule.name for rule in rules]
    return open_episodes.filter(~pl.col("rule").is_in(names)).with_columns(
        value_now=pl.lit(None, pl.Float64),
        day=pl.lit(day, pl.Int32),
        reason=pl.lit(RULE_REMOVED),
    )
