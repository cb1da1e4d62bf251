"""How much of a quick effect stays."""

import numpy as np
import polars as pl
import pytest

from holdfast.campaigns.past.history import Assumed, learn_history
from holdfast.campaigns.past.persistence import (
    LastingBeliefs,
    MeasuredArm,
    Persistence,
    learn_persistence,
    measure_pair,
)
from holdfast.errors import DataError
from holdfast.study import SEGMENT_NAMES
from holdfast.tables import PERSISTENCE

COLUMNS = ("offer", "short_effect", "short_error", "long_effect", "long_error", "covariance")


def learn(*rows: tuple[str, float, float, float, float, float]) -> Persistence:
    schema = {name: pl.String if name == "offer" else pl.Float64 for name in COLUMNS}
    return learn_persistence(
        pl.DataFrame(rows, schema=schema, orient="row"),
        offers=["voucher", "letter"],
        short_days=30,
        long_days=365,
    )


def test_without_matured_campaigns_nothing_beyond_the_short_window_is_claimed() -> None:
    learnt = learn()
    assert learnt.kappas["used"].to_list() == [1.0, 1.0]
    assert set(learnt.kappas["uplift_source"]) == {"assumed"}
    assert learnt.claimed_days == 30
    assert "the return is that of 30 days" in learnt.claim
    assert (learnt.draw(10, ["voucher"], seed=1) == 1).all()


def test_a_precise_campaign_is_its_own_ratio() -> None:
    learnt = learn(("voucher", 10.0, 0.05, 3.0, 0.05, 0.0))
    row = PERSISTENCE.check(learnt.kappas).row(0, named=True)
    assert row["estimate"] == pytest.approx(0.3, abs=0.02)
    assert row["used"] == pytest.approx(row["estimate"])
    assert row["low"] < 0.3 < row["high"]
    assert learnt.claimed_days == 365
    assert "the return is that of 365 days" in learnt.claim


def test_a_habit_is_shown_and_never_claimed() -> None:
    learnt = learn(("voucher", 10.0, 0.1, 30.0, 0.5, 0.0))
    row = learnt.kappas.row(0, named=True)
    assert row["estimate"] == pytest.approx(3.0, abs=0.1)
    assert row["used"] == pytest.approx(1.0)
    assert learnt.draw(1_000, ["voucher"], seed=1).max() == 1.0


def test_a_campaign_that_harmed_later_is_claimed_as_nothing() -> None:
    learnt = learn(("voucher", 10.0, 0.1, -5.0, 0.2, 0.0))
    assert learnt.kappas["used"][0] == pytest.approx(0.0)


def test_what_is_used_is_the_mean_of_what_is_drawn() -> None:
    learnt = learn(("voucher", 10.0, 3.0, 9.0, 6.0, 2.0))
    used = learnt.kappas["used"].to_numpy()
    drawn = learnt.draw(100_000, ["voucher", "letter", "call"], seed=3)
    assert 0.3 < used[0] < learnt.kappas["estimate"][0]
    np.testing.assert_allclose(drawn.mean(axis=0), [*used, 1.0], atol=0.005)


def test_beliefs_shrink_to_what_is_left_of_them() -> None:
    readouts = pl.DataFrame(
        {
            "segment": ["Champion"] * 2, "offer": ["voucher", "call"], "effect": [10.0, 6.0],
            "standard_error": [0.01] * 2, "uplift_source": ["experiment"] * 2,
        }
    )  # fmt: skip
    history = learn_history(
        readouts, segments=SEGMENT_NAMES, offers=["voucher", "call"], assumed=Assumed(uplift=5.0)
    )
    lasting = LastingBeliefs(history, learn(("voucher", 10.0, 0.05, 3.0, 0.05, 0.0)))
    cells = {row["offer"]: row for row in lasting.cells.filter(segment="Champion").to_dicts()}
    assert cells["voucher"]["mean"] == pytest.approx(3.0, abs=0.2)
    assert cells["voucher"]["low"] < 3 < cells["voucher"]["high"] < 3.3
    # Of the call no campaign tells how long it lasts, so it is not among the kappas.
    assert cells["call"]["mean"] == pytest.approx(6.0, abs=0.02)
    at = lasting.cells.with_row_index().filter(segment="Champion", offer="voucher")["index"][0]
    assert lasting.draw(4_000, seed=2)[:, at].mean() == pytest.approx(3.0, abs=0.2)


def test_where_nobody_buys_after_the_short_window_all_of_the_effect_is_left() -> None:
    assert learn(("voucher", 10.0, 3.0, 10.0, 3.0, 9.0)).kappas["estimate"][0] == pytest.approx(
        1.0, abs=1e-4
    )


def test_other_offers_tell_a_little() -> None:
    learnt = learn(*[("voucher", 10.0, 0.2, 2.0, 0.5, 0.0)] * 3)
    voucher, letter = learnt.kappas.iter_rows(named=True)
    assert voucher["estimate"] < letter["estimate"] < 1.0
    assert letter["high"] - letter["low"] > 3 * (voucher["high"] - voucher["low"])
    assert letter["campaigns"] == 0


def test_two_campaigns_make_the_range_narrower() -> None:
    noisy = ("voucher", 10.0, 1.0, 8.0, 4.0, 2.0)
    one, four = (learn(*[noisy] * n).kappas.row(0, named=True) for n in (1, 4))
    assert four["high"] - four["low"] < 0.75 * (one["high"] - one["low"])


def test_an_unknown_offer_is_named() -> None:
    with pytest.raises(DataError, match="the offer gift"):
        learn(("gift", 1.0, 1.0, 1.0, 1.0, 0.0))


def test_both_effects_of_a_campaign_vary_together() -> None:
    # The long window holds the short one: without a prediction their covariance is that of sums.
    rng = np.random.default_rng(1)
    short, rest = rng.gamma(1, 5, (2, 400)), rng.gamma(1, 8, (2, 400))
    arms = [MeasuredArm(short[i], short[i] + rest[i], np.zeros(400)) for i in (0, 1)]
    row = measure_pair(arms[0], arms[1])
    assert row["long_effect"] == pytest.approx((short + rest)[0].mean() - (short + rest)[1].mean())
    expected = sum(np.cov(short[i], short[i] + rest[i])[0, 1] / 400 for i in (0, 1))
    assert row["covariance"] == pytest.approx(expected)


def test_a_small_hold_out_takes_its_variance_from_both_arms() -> None:
    rng = np.random.default_rng(2)
    short, rest = rng.gamma(1, 5, (2, 1_000)), rng.gamma(1, 8, (2, 1_000))
    arms = [
        MeasuredArm(short[i, :n], (short + rest)[i, :n], np.zeros(n))
        for i, n in ((0, 1_000), (1, 100))
    ]
    row = measure_pair(arms[0], arms[1])
    own = [np.cov(arm[0], arm[1])[0, 1] for arm in arms]
    pooled = (999 * own[0] + 99 * own[1]) / 1_098
    assert row["covariance"] == pytest.approx(pooled * (1 / 1_000 + 1 / 100))


def test_households_drawn_together_count_as_one() -> None:
    rng = np.random.default_rng(3)
    short, rest = rng.gamma(1, 5, (2, 200)), rng.gamma(1, 8, (2, 200))
    once = [MeasuredArm(short[i], (short + rest)[i], np.zeros(200)) for i in (0, 1)]
    # Two of each, who do the same: as sure as of one of each.
    twice = [
        MeasuredArm(*(np.repeat(each, 2) for each in arm[:3]), clusters=np.repeat(range(200), 2))
        for arm in once
    ]
    assert measure_pair(*twice) == pytest.approx(measure_pair(*once))
