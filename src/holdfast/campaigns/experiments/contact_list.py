"""Contact list: who of the scored customers is contacted in a campaign, and who is held out, by
lots that hang on the campaign's name alone.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from holdfast.campaigns.experiments.assignment import assign, draw_lots
from holdfast.campaigns.treatments import CONTACT, HOLD_OUT
from holdfast.errors import InputError
from holdfast.study import SEGMENT_NAMES


def draw_list(
    scores: pl.DataFrame,
    *,
    campaign: str,
    holdout_share: float,
    segments: Sequence[str] = (),
    size: int | None = None,
) -> pl.DataFrame:
    """Assign customers to the arms of a campaign.

    Parameters
    ----------
    scores
        SCORES of the run.
    campaign
        Its name is the salt: the same name gives everybody the same arm again.
    segments
        Names; none: everybody.
    size
        So many are drawn into the campaign, both arms together; None: all.

    Returns
    -------
    polars.DataFrame
        By customer_id: customer_id, arm ("contact" or "hold out"), propensity (of being contacted).

    Raises
    ------
    InputError
        A segment has no such name, nobody is in them, or there are fewer than `size`.
    """
    unknown = [name for name in segments if name not in SEGMENT_NAMES]
    if unknown:
        raise InputError(
            f"no segment is called {unknown}", fix=f"choose from {', '.join(SEGMENT_NAMES)}"
        )
    wanted = pl.col("segment").cast(pl.String).is_in(list(segments) or list(SEGMENT_NAMES))
    ids = scores.filter(wanted).select("customer_id").sort("customer_id")
    if ids.is_empty() or ids.height < (size or 0):
        raise InputError(
            f"{ids.height:,} customers can be drawn, fewer than {size or 1:,}",
            fix="name more segments, or a smaller size",
        )
    if size is not None:
        lots = draw_lots(ids["customer_id"], salt=f"{campaign}: who is in")
        ids = ids[np.sort(np.argsort(lots, kind="stable")[:size])]
    shares = {CONTACT: 1 - holdout_share, HOLD_OUT: holdout_share}
    arms = assign(ids["customer_id"], salt=campaign, shares=shares)
    return ids.with_columns(
        arm=pl.Series(arms, dtype=pl.String), propensity=pl.lit(1 - holdout_share)
    )
