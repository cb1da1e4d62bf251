"""Contact list: who of the scored customers is contacted in a campaign, and who is held out, by
lots that hang on the campaign's name alone.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.campaigns.experiments.assignment import assign, draw_lots
from holdfast.campaigns.treatments import CONTACT, HOLD_OUT
from holdfast.errors import InputError
from holdfast.study import SEGMENT_NAMES


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Whom to draw, and how.

    Attributes
    ----------
    campaign
        Its name is the salt: the same name gives everybody the same arm again.
    segments
        Names; none: everybody.
    size
        So many are drawn into the campaign, both arms together; None: all.
    offer
        What the contacted get; None: nothing that the study names.
    """

    campaign: str
    holdout_share: float
    segments: tuple[str, ...] = ()
    size: int | None = None
    offer: str | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.segments if name not in SEGMENT_NAMES]
        if unknown:
            raise InputError(
                f"no segment is called {unknown}", fix=f"choose from {', '.join(SEGMENT_NAMES)}"
            )


def draw_list(scores: pl.DataFrame, draw: Draw) -> pl.DataFrame:
    """Assign customers to the arms of a campaign.

    Parameters
    ----------
    scores
        SCORES of the run.

    Returns
    -------
    polars.DataFrame
        By customer_id: customer_id, arm ("contact" or "hold out"), propensity (of being contacted).

    Raises
    ------
    InputError
        Nobody is in the segments, or there are fewer than `size`.
    """
    wanted = pl.col("segment").cast(pl.String).is_in(list(draw.segments or SEGMENT_NAMES))
    ids = scores.filter(wanted).select("customer_id").sort("customer_id")
    if ids.is_empty() or ids.height < (draw.size or 0):
        raise InputError(
            f"{ids.height:,} customers can be drawn, fewer than {draw.size or 1:,}",
            fix="name more segments, or a smaller size",
        )
    if draw.size is not None:
        lots = draw_lots(ids["customer_id"], salt=f"{draw.campaign}: who is in")
        ids = ids[np.sort(np.argsort(lots, kind="stable")[: draw.size])]
    shares = {CONTACT: 1 - draw.holdout_share, HOLD_OUT: draw.holdout_share}
    arms = assign(ids["customer_id"], salt=draw.campaign, shares=shares)
    return ids.with_columns(
        arm=pl.Series(arms, dtype=pl.String), propensity=pl.lit(1 - draw.holdout_share)
    )
