"""Contact lists: the same name draws the same arms, whoever else is there."""

import polars as pl
import pytest

from holdfast.campaigns.experiments.assignment import draw_lots
from holdfast.campaigns.experiments.contact_list import Draw, draw_list
from holdfast.errors import InputError

SCORES = pl.DataFrame(
    {
        "customer_id": [f"C{i:03}" for i in range(400)],
        "segment": ["Champion", "Vulnerable"] * 200,
    }
)


def test_arms_are_the_lots_of_the_campaigns_name() -> None:
    drawn = draw_list(SCORES, Draw(campaign="spring", holdout_share=0.25))
    lots = draw_lots(SCORES["customer_id"], salt="spring")
    assert drawn["arm"].to_list() == ["contact" if lot < 0.75 else "hold out" for lot in lots]
    assert drawn["propensity"].unique().to_list() == [0.75]


def test_a_customers_arm_does_not_hang_on_who_else_is_in_the_list() -> None:
    everybody = draw_list(SCORES, Draw(campaign="spring", holdout_share=0.25))
    few = draw_list(SCORES, Draw(campaign="spring", holdout_share=0.25, segments=("Vulnerable",)))
    assert few.height == 200
    assert few.join(everybody, on=["customer_id", "arm"], how="anti").is_empty()
    other = draw_list(SCORES, Draw(campaign="autumn", holdout_share=0.25))
    assert not other["arm"].equals(everybody["arm"])


def test_a_size_draws_so_many_and_the_smaller_ones_are_in_the_larger() -> None:
    small = draw_list(SCORES, Draw(campaign="spring", holdout_share=0.5, size=50))
    large = draw_list(SCORES, Draw(campaign="spring", holdout_share=0.5, size=200))
    assert (small.height, large.height) == (50, 200)
    assert set(small["customer_id"]) < set(large["customer_id"])
    assert 70 < large.filter(arm="contact").height < 130


def test_unknown_segments_and_more_than_there_are_are_refused() -> None:
    with pytest.raises(InputError, match="no segment is called"):
        draw_list(SCORES, Draw(campaign="a", holdout_share=0.5, segments=("Vip",)))
    with pytest.raises(InputError, match="0 customers can be drawn"):
        draw_list(SCORES, Draw(campaign="a", holdout_share=0.5, segments=("Promising",)))
    with pytest.raises(InputError, match="400 customers can be drawn, fewer than 401"):
        draw_list(SCORES, Draw(campaign="a", holdout_share=0.5, size=401))
