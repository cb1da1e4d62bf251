"""Last purchases: the last four one by one, where a study asks for them.

Sums and means forget in which order things came. What purchases were before the last one is told by
columns of each purchase's own row, so that a cutoff still needs one pass over the activity.
"""

from collections.abc import Mapping

import narwhals as nw

from holdfast.features.feature import Feature, days_ago
from holdfast.features.rhythm import SINCE_LAST

LAST_PURCHASES = "last purchases"
"""What a study must ask for."""
_NTH = {2: "second", 3: "third", 4: "fourth"}
_SHIFT = 2**44
"""Above every value of a day in minor units."""


def _of_purchase(measure: str, back: int) -> nw.Expr:
    """A column of the purchase so many before this row's; of days without one it means nothing."""
    return nw.col(measure).shift(back).over("customer_id", "is_purchase", order_by="day")


BEFORE: Mapping[str, nw.Expr] = {
    f"{measure}_{back}": _of_purchase(measure, back)
    for measure in ("purchase_gap", "gross_minor", "n_lines")
    for back in range(4)
}
"""Columns of ACTIVITY with `is_purchase`, that only these features read."""


def _at_last(key: str, measure: str, back: int, *needs: str) -> Feature:
    """The measure of the purchase so many before the last: the smallest days_ago wins, and is taken
    off again.
    """
    name = f"{key}_{back + 1}" if back else key
    column = nw.col(f"{measure}_{back}")
    packed = (
        nw.when((nw.col("is_purchase") > 0) & ~column.is_null())
        .then(days_ago.cast(nw.Int64) * _SHIFT + column.cast(nw.Int64))
        .min()
    )
    return Feature.of(
        key if not back else f"{key}_nth",
        {f"{name}_packed": packed, **SINCE_LAST},
        *needs,
        LAST_PURCHASES,
        value=nw.col(f"{name}_packed") - nw.col("days_since_last_purchase") * _SHIFT,
        name=name,
        nth=_NTH.get(back + 1, "last"),
    )


FEATURES = (
    *(_at_last("gap_last", "purchase_gap", back) for back in range(1, 4)),
    *(_at_last("purchase_value_last", "gross_minor", back, "amounts") for back in range(1, 4)),
    *(_at_last("lines_last", "n_lines", back, "orders") for back in range(4)),
)
