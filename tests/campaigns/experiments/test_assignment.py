"""Lots: stable, fair, and alarmed where arms do not fit."""

import hashlib

import numpy as np
import pytest

from holdfast.campaigns.experiments.assignment import (
    assign,
    check_balance,
    check_missing,
    check_ratio,
    draw_lots,
    hold_out,
)
from holdfast.errors import DataError, InputError

NAMES = [f"customer {number}" for number in range(20_000)]
SHARES = {"offer": 0.9, "hold out": 0.1}


def test_a_lot_is_the_hash_of_salt_and_name() -> None:
    digest = hashlib.sha256(b"spring\0\xc3\xa5se").digest()
    expected = int.from_bytes(digest[:8], "big") / 2**64
    assert draw_lots(["åse"], salt="spring")[0] == pytest.approx(expected, abs=2**-53)


def test_lots_do_not_change_when_customers_are_added() -> None:
    before = draw_lots(NAMES[:100], salt="a")
    after = draw_lots(["new", *NAMES], salt="a")
    assert (after[1:101] == before).all()


def test_another_salt_is_an_independent_lottery() -> None:
    one, other = draw_lots(NAMES, salt="a"), draw_lots(NAMES, salt="b")
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    assert one.mean() == pytest.approx(0.5, abs=0.01)


def test_a_larger_hold_out_keeps_those_of_the_smaller() -> None:
    small, large = (hold_out(NAMES, salt="a", share=share) for share in (0.05, 0.2))
    assert (large | ~small).all()
    assert large.mean() == pytest.approx(0.2, abs=0.01)


def test_arms_have_their_shares() -> None:
    arms = assign(NAMES, salt="a", shares={"x": 0.5, "y": 0.3, "z": 0.2})
    counted = [float((arms == arm).mean()) for arm in "xyz"]
    assert counted == pytest.approx([0.5, 0.3, 0.2], abs=0.015)


def test_shares_add_up() -> None:
    with pytest.raises(InputError, match="add up to 1"):
        assign(NAMES, salt="a", shares={"x": 0.5, "y": 0.4})
    with pytest.raises(InputError, match="share from 0"):
        hold_out(NAMES, salt="a", share=1.0)


def test_sizes_that_fit_pass_and_others_alarm() -> None:
    # 900 and 100 planned: (20^2 / 900 + 20^2 / 100) = 4.44, p = .035.
    assert check_ratio({"offer": 880, "hold out": 120}, SHARES, of="assigned") == pytest.approx(
        0.0350, abs=1e-4
    )
    with pytest.raises(DataError, match="sizes among the customers assigned") as error:
        check_ratio({"offer": 850, "hold out": 150}, SHARES, of="assigned")
    assert "find out why" in error.value.fix


def test_outcomes_missing_in_one_arm_alarm() -> None:
    assert check_missing({"offer": (0, 900), "hold out": (0, 100)}) == 1.0
    # 100 of 1,000 missing: 90 and 10 expected.
    assert check_missing({"offer": (88, 900), "hold out": (12, 100)}) == pytest.approx(
        0.4823, abs=1e-4
    )
    with pytest.raises(DataError, match="missing more in one arm"):
        check_missing({"offer": (60, 900), "hold out": (40, 100)})


def test_a_stratum_out_of_balance_is_named() -> None:
    strata = np.array(["new"] * 1_000 + ["old"] * 1_000)
    arms = np.array((["offer"] * 9 + ["hold out"]) * 100 + ["offer"] * 700 + ["hold out"] * 300)
    table = check_balance(arms, strata, SHARES)
    assert table.select("stratum", "arm", "customers", "alarm").rows() == [
        ("new", "offer", 900, False), ("new", "hold out", 100, False),
        ("old", "offer", 700, True), ("old", "hold out", 300, True),
    ]  # fmt: skip
