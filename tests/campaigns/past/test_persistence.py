"""How much of a quick effect stays."""

import numpy as np
import polars as pl
import pytest

from holdfast.campaigns.past.persistence import Persistence, learn_persistence, measure_pair
from holdfast.errors import DataError, NotEnoughData

COLUMNS = ("offer_type", "short_effect", "short_error", "long_effect", "long_error", "covariance")


def learn(*rows: tuple[str, float, float, float, float, float]) -> Persistence:
    schema = {name: pl.String if name == "offer_type" else pl.Float64 for name in COLUMNS}
    return learn_persistence(
        pl.DataFrame(rows, schema=schema, orient="row"),
        offer_types=["voucher", "letter"],
        short_days=30,
        long_days=365,
    )


def test_without_matured_campaigns_what_was_measured_stays_and_nothing_follows() -> None:
    learnt = learn()
    assert learnt.kappas["used"].to_list() == [1.0, 1.0]
    assert set(learnt.kappas["uplift_source"]) == {"assumed"}
    assert learnt.claim(6.0, "voucher", horizon_days=30) == 6.0
    with pytest.raises(NotEnoughData, match="measured on 30 days, not on 365"):
        learnt.claim(6.0, "voucher", horizon_days=365)


def test_a_precise_campaign_is_its_own_ratio() -> None:
    learnt = learn(("voucher", 10.0, 0.05, 3.0, 0.05, 0.0))
    row = learnt.kappas.row(0, named=True)
    assert row["estimate"] == pytest.approx(0.3, abs=0.02)
    assert row["low"] < 0.3 < row["high"]
    assert learnt.claim(6.0, "voucher", horizon_days=365) == pytest.approx(6 * row["used"])
    assert learnt.claim(6.0, "voucher", horizon_days=30) == 6.0
    with pytest.raises(NotEnoughData, match="on 365 days, not on 730"):
        learnt.claim(6.0, "voucher", horizon_days=730)


def test_a_habit_is_shown_and_never_claimed() -> None:
    row = learn(("voucher", 10.0, 0.1, 30.0, 0.5, 0.0)).kappas.row(0, named=True)
    assert row["estimate"] == pytest.approx(3.0, abs=0.1)
    assert row["used"] == 1.0


def test_a_campaign_that_harmed_later_is_claimed_as_nothing() -> None:
    assert learn(("voucher", 10.0, 0.1, -5.0, 0.2, 0.0)).kappas["used"][0] == 0.0


def test_other_types_of_offer_tell_a_little() -> None:
    learnt = learn(*[("voucher", 10.0, 0.2, 2.0, 0.5, 0.0)] * 3)
    voucher, letter = learnt.kappas.iter_rows(named=True)
    assert voucher["estimate"] < letter["estimate"] < 1.0
    assert letter["high"] - letter["low"] > 3 * (voucher["high"] - voucher["low"])


def test_two_campaigns_make_the_range_narrower() -> None:
    noisy = ("voucher", 10.0, 1.0, 8.0, 4.0, 2.0)
    one, four = (learn(*[noisy] * n).kappas.row(0, named=True) for n in (1, 4))
    assert four["high"] - four["low"] < 0.75 * (one["high"] - one["low"])


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(DataError, match="the type gift"):
        learn(("gift", 1.0, 1.0, 1.0, 1.0, 0.0))
    with pytest.raises(DataError, match="no offer is of type 'gift'"):
        learn().claim(1.0, "gift", horizon_days=30)


def test_both_effects_of_a_campaign_vary_together() -> None:
    # The long window holds the short one: without a prediction their covariance is that of sums.
    rng = np.random.default_rng(1)
    short, rest = rng.gamma(1, 5, (2, 400)), rng.gamma(1, 8, (2, 400))
    arms = [(short[i], short[i] + rest[i], np.zeros(400)) for i in (0, 1)]
    row = measure_pair(arms[0], arms[1])
    assert row["long_effect"] == pytest.approx((short + rest)[0].mean() - (short + rest)[1].mean())
    expected = sum(np.cov(short[i], short[i] + rest[i])[0, 1] / 400 for i in (0, 1))
    assert row["covariance"] == pytest.approx(expected)
