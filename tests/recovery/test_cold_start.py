"""A customer with one order is told from its basket and the customer's channel, and with room to be
wrong.
"""

from dataclasses import replace

import pytest
from bench._science_recovery import COLD, cold_started

pytestmark = pytest.mark.slow


def test_basket_and_channel_tell_customers_with_one_order_apart() -> None:
    less, more, covered = cold_started(replace(COLD, n_customers=2_000))
    for what in (
        "Spearman of expected purchases, 90 days",
        "Spearman of expected revenue, 180 days",
    ):
        assert more[what] > less[what] + 0.05, what
    assert more["expected Brier of buying in 90 days"] < less["expected Brier of buying in 90 days"]
    (share, width), (_, solid) = covered["cold start"], covered["solid"]
    assert 0.72 < share < 0.92
    assert width > 2 * solid
