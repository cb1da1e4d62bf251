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


def _change_of(stem: str, measure: str, *needs: str) -> list[Feature]:
    """The change of a measure for each pair of windows; money's parts are in minor units."""
    features = []
    part = f"{stem}_{{}}d_minor" if needs else f"{stem}_{{}}d"
    for recent, longer in _PAIRS_DAYS:
        names = [part.format(days) for days in (recent, longer)]
        totals = [total(measure, within_days=days) for days in (recent, longer)]
        change = _change(*map(nw.col, names), recent_days=recent, longer_days=longer)
        feature = Feature.of(
            f"{stem}_change",
            dict(zip(names, totals, strict=True)),
            *needs,
            value=change,
            name=f"{stem.removeprefix('n_').removesuffix('s')}_change_{recent}d",
            recent=recent,
            longer=longer,
            before=longer - recent,
        )
        features.append(feature)
    return features


FEATURES = (
    *_change_of("n_purchases", "is_purchase"),
    *_change_of("spend", "net_minor", "amounts"),
    Feature.of("gap_change", {**GAP_PARTS, **GAP_LAST_PARTS}, value=ratio(GAP_LAST, GAP_MEAN)),
)
