"""Trend: the recent window against the one before it.

A change is (recent - before) / (|recent| + |before|), both per day: -1 = stopped, 0 = steady, 1 =
new; null when nothing happened in either.
"""

import narwhals as nw

from holdfast.features.feature import Feature, ratio, total
from holdfast.features.rhythm import GAP_LAST, GAP_LAST_PARTS, GAP_MEAN, GAP_PARTS

# Recent window, and the longer one whose older rest it is compared with.
_PAIRS_DAYS = ((30, 90), (90, 180), (180, 365))


def _change(recent: nw.Expr, longer: nw.Expr, *, recent_days: int, longer_days: int) -> nw.Expr:
    # Cross-multiplied so that both sides stay integers.
    now = recent * (longer_days - recent_days)
    before = (longer - recent) * recent_days
    return ratio(now - before, now.abs() + before.abs())


def _windows(stem: str, measure: str, pair: tuple[int, int]) -> dict[str, nw.Expr]:
    return {stem.format(days): total(measure, within_days=days) for days in pair}


def _purchase_change(pair: tuple[int, int]) -> Feature:
    recent, longer = pair
    return Feature(
        name=f"purchase_change_{recent}d",
        group="trend",
        unit="change",
        sentence=f"Purchases of the last {recent} days against the {longer - recent} days before, "
        "-1 to 1",
        says=f"purchases in the last {recent} days: {{n_purchases_{recent}d}}; "
        f"in the last {longer} days: {{n_purchases_{longer}d}}",
        parts=_windows("n_purchases_{}d", "is_purchase", pair),
        value=_change(
            nw.col(f"n_purchases_{recent}d"),
            nw.col(f"n_purchases_{longer}d"),
            recent_days=recent,
            longer_days=longer,
        ),
    )


def _spend_change(pair: tuple[int, int]) -> Feature:
    recent, longer = pair
    return Feature(
        name=f"spend_change_{recent}d",
        group="trend",
        unit="change",
        sentence=f"Net spend of the last {recent} days against the {longer - recent} days before, "
        "-1 to 1",
        says=f"spent in the last {recent} days: {{spend_{recent}d}}; in the last {longer} days: "
        f"{{spend_{longer}d}}",
        parts=_windows("spend_{}d_minor", "net_minor", pair),
        value=_change(
            nw.col(f"spend_{recent}d_minor"),
            nw.col(f"spend_{longer}d_minor"),
            recent_days=recent,
            longer_days=longer,
        ),
        needs=frozenset({"amounts"}),
    )


_GAP_CHANGE = Feature(
    name="gap_change",
    group="trend",
    unit="ratio",
    sentence="The last gap over the usual gap: above 1 = slowing down",
    says="the last two purchases lay {gap_last} apart; usually {gap_mean}",
    parts={**GAP_PARTS, **GAP_LAST_PARTS},
    value=ratio(GAP_LAST, GAP_MEAN),
)

FEATURES = (
    *(_purchase_change(pair) for pair in _PAIRS_DAYS),
    *(_spend_change(pair) for pair in _PAIRS_DAYS),
    _GAP_CHANGE,
)
