"""What is churn here? The log's own answer: contract or habit, how silences end, and when a silence
means that a customer is lost.

The recommended window is the silence after which the chance of a return within a further horizon
has fallen to one in five for good. A shorter window is earlier and calls more customers lost who
return; a longer one is more certain and later.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from holdfast.errors import NotEnoughData
from holdfast.findings import Finding
from holdfast.models.contract_setting import Regime, find_regime
from holdfast.quality.churn_definition.gaps import Chance, Returns, Window, find_silences
from holdfast.quality.churn_definition.survival import INVOLUNTARY, UNKNOWN
from holdfast.quality.churn_definition.tables import (
    SHIFT_DAYS,
    UNLIKELY,
    causes_table,
    counts_table,
    curve_table,
    gaps_table,
    groups_table,
    labels_table,
    measure_silences,
    recommend_window,
    seasons_table,
    tradeoff_table,
)
from holdfast.windows import date_of

OFTEN = 1 / 3
"""Chance of a return above which a silence as long as the horizon is a pause rather than a loss.
"""
MANY_UNKNOWN = 0.1
"""Share of ends without a reason from which on the curves of the causes mislead."""
RHYTHMS_DIFFER = 2.0
"""The groups' longest window over their shortest from which on one window for all is misleading."""
PERIODS = 2.5
"""Gaps of customers who buy at fixed intervals, in which they are seen to leave."""


@dataclass(frozen=True, kw_only=True)
class ChurnWindow:
    """What a log says about leaving.

    Attributes
    ----------
    horizon_days
        The further time within which a return is looked for: the study's churn horizon.
    window
        The recommended churn window. Lost is who has been silent for so many days or more. It has
        no `days` where the log is too short, or a return unlikely from the start; a finding says
        which.
    active_days
        Active is who has been silent for at most so many days: the chance of a return is still
        nearer to its height than to unlikely. Between the two a customer has lapsed. None without a
        window.
    gaps
        One row per length of gap: gap_days, gaps (how many ended so), share_silent (P(no return
        within so many days)).
    seasons
        One row per month of the year that the log covers: month (1..12), purchase_index (purchases
        a day over the log's mean), silences (begun in it), gap_median_days, return_probability
        (within the horizon); null where open.
    curve
        One row per silence: silence_days, at_risk (silences that lasted so long),
        return_probability, low, high, returns_later (share of all returns that come then or later:
        cut off by such a window), customers (silent for so long today).
    tradeoff
        One row per certainty: certainty (0..1), window_days, earliest, latest, returns_later,
        customers_lost.
    groups
        One row per group of customers by rhythm: group, rule, silences, return_probability (right
        after a purchase), window_days, earliest, latest, customers, lost (today, by the group's own
        window; by the recommended one where the group has none).
    counts
        One row per window, the recommended one and 30 days either way: window_days, active, lapsed,
        lost, lost_share.
    labels
        One row per horizon and for the window: horizon_days, latest_cutoff_day (the last whose
        label is mature), customers (eligible there), churned, churned_share.
    causes
        One row per cause of leaving and day since the first purchase, where the study names when
        contracts ended: cause, day, at_risk, left, incidence, low, high, still_there. The
        incidences and still_there sum to 1.
    """

    horizon_days: int
    first_day: int
    end_day: int
    customers: int
    regime: Regime
    window: Window
    active_days: int | None
    gaps: pl.DataFrame
    seasons: pl.DataFrame
    curve: pl.DataFrame
    tradeoff: pl.DataFrame
    groups: pl.DataFrame
    counts: pl.DataFrame
    labels: pl.DataFrame
    causes: pl.DataFrame
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values; a table is a list of rows."""
        tables = ("gaps", "seasons", "curve", "tradeoff", "groups", "counts", "labels", "causes")
        return {
            "horizon_days": self.horizon_days,
            "first_date": date_of(self.first_day).isoformat(),
            "last_date": date_of(self.end_day - 1).isoformat(),
            "customers": self.customers,
            "regime": asdict(self.regime),
            "window": asdict(self.window),
            "active_days": self.active_days,
            **{name: getattr(self, name).to_dicts() for name in tables},
            "findings": [finding.as_dict() for finding in self.findings],
        }


def find_churn_window(
    activity: pl.DataFrame,
    *,
    end_day: int,
    horizon_days: int,
    horizons_days: Sequence[int],
    eligible_days: int | None,
    kind: str,
    endings: pl.DataFrame | None = None,
) -> ChurnWindow:
    """Find what churn is in a log.

    Parameters
    ----------
    activity
        The ACTIVITY table. Of it are read: customer_id, day, n_orders, purchase_gap.
    end_day
        First day after the log.
    horizon_days
        The further time within which a return is looked for.
    horizons_days
        Horizons whose labels' maturity is given, besides.
    eligible_days
        A label is for customers who bought in the last so many days before its cutoff; None: at any
        time before.
    kind
        What the study takes leaving for: "contractual" or "non-contractual".
    endings
        One row per customer whose contract is known: customer_id, ended_day (null: it runs), cause
        (one of `competing_risks.CAUSES`).

    Raises
    ------
    NotEnoughData
        The log has no purchase.
    """
    quiet = find_silences(activity, end_day=end_day)
    if quiet.is_empty():
        raise NotEnoughData("the log has no purchase", fix="check which rows were accepted")
    regime = find_regime(quiet)
    if regime.period_days is not None:
        quiet = quiet.with_columns(
            group=pl.when("on_clock").then(pl.lit("fixed intervals")).otherwise("group")
        )
    returns = Returns.of(quiet)
    chance = returns.within(horizon_days)
    window = recommend_window(chance)
    active_days = _active_days(chance, window)
    now = measure_silences(quiet, end_day=end_day)
    groups = groups_table(quiet, now, horizon_days=horizon_days, overall=window)
    causes = causes_table(quiet, endings, end_day=end_day)
    all_horizons = sorted({horizon_days, *horizons_days, *([window.days] if window.days else [])})
    return ChurnWindow(
        horizon_days=horizon_days,
        first_day=int(quiet["start_day"].to_numpy().min()),
        end_day=end_day,
        customers=now.height,
        regime=regime,
        window=window,
        active_days=active_days,
        gaps=gaps_table(returns),
        seasons=seasons_table(quiet, end_day=end_day, horizon_days=horizon_days),
        curve=curve_table(returns, chance, now),
        tradeoff=tradeoff_table(returns, chance, now),
        groups=groups,
        counts=counts_table(now, window, active_days),
        labels=labels_table(quiet, all_horizons, end_day=end_day, eligible_days=eligible_days),
        causes=causes,
        findings=(
            *_find_in_window(chance, window, regime, horizon_days=horizon_days, kind=kind),
            *_find_in_groups(groups),
            *_find_in_causes(causes),
        ),
    )


def _active_days(chance: Chance, window: Window) -> int | None:
    if window.days is None:
        return None
    before = chance.value[: window.days - 1]
    if not len(before):
        return 0
    return int(np.flatnonzero(before >= (before.max() + UNLIKELY) / 2)[-1]) + 1


def _find_in_window(
    chance: Chance, window: Window, regime: Regime, *, horizon_days: int, kind: str
) -> Iterator[Finding]:
    if regime.name not in ("unknown", kind):
        yield Finding.of("churn-kind", kind=kind, regime=regime)
    due = regime.period_days if regime.name == "contractual" else None
    if due is not None and not due <= horizon_days <= PERIODS * due:
        yield Finding.of(
            "horizon-off-the-rhythm", due=due, horizon_days=horizon_days, two_gaps=2 * due
        )
    if window.days is None:
        yield _no_window(chance, horizon_days)
        return
    first_fall = int(np.flatnonzero(chance.value <= UNLIKELY)[0]) + 1
    if regime.name == "non-contractual" and window.days - first_fall > SHIFT_DAYS / 2:
        wave = first_fall + int(np.argmax(chance.value[first_fall - 1 : window.days]))
        yield Finding.of(
            "return-wave",
            unlikely=UNLIKELY,
            first_fall=first_fall,
            risen=chance.value[wave - 1],
            wave=wave,
            window_days=window.days,
        )
    after = chance.at(horizon_days)
    if after is not None and after > OFTEN:
        yield Finding.of(
            "churn-is-a-pause", horizon_days=horizon_days, after=after, window_days=window.days
        )


def _no_window(chance: Chance, horizon_days: int) -> Finding:
    if len(chance) and chance.value.max() <= UNLIKELY:
        highest = chance.value.max()
        return Finding.of("returns-are-rare", highest=highest, horizon_days=horizon_days)
    seen = "none can be watched"
    if len(chance):
        seen = f"{chance.value[-1]:.0%} return after {len(chance)} silent days"
    return Finding.of("churn-window-open", horizon_days=horizon_days, seen=seen)


def _find_in_groups(groups: pl.DataFrame) -> Iterator[Finding]:
    with_window = groups.filter(pl.col("window_days").is_not_null()).sort("window_days")
    if with_window.height > 1:
        quickest, slowest = with_window.row(0, named=True), with_window.row(-1, named=True)
        if slowest["window_days"] >= RHYTHMS_DIFFER * quickest["window_days"]:
            yield Finding.of("rhythms-differ", quickest=quickest, slowest=slowest)


def _find_in_causes(causes: pl.DataFrame) -> Iterator[Finding]:
    if causes.is_empty():
        return
    last = causes.filter(pl.col("day") == pl.col("day").max())
    left = dict(last.select("cause", "left").iter_rows())
    shares = ", ".join(
        f"{row['incidence']:.0%} {row['cause']}" for row in last.iter_rows(named=True)
    )
    if left.get(INVOLUNTARY):
        yield Finding.of("involuntary-churn", days=last["day"][0], shares=shares)
    n, total = left.get(UNKNOWN, 0), sum(left.values())
    if n > MANY_UNKNOWN * total and len(left) > 1:
        yield Finding.of("reasons-missing", n=n, total=total, unknown=n / total)
