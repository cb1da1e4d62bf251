"""Records of treatments that cannot be learnt from."""

import polars as pl
import pytest

from holdfast.campaigns.experiments.campaign_checks import check_matured, check_treatments
from holdfast.errors import DataError, NotEnoughData

CUSTOMERS = pl.Series(["a", "b", "c", "d"])
FAIR = pl.DataFrame({"customer_id": ["a", "b", "c"], "treated": [True, True, False],
                     "propensity": [0.7, 0.7, 0.7]})  # fmt: skip


def test_a_fair_record_passes() -> None:
    check_treatments(FAIR, CUSTOMERS)


def test_a_customer_in_both_arms_is_named() -> None:
    both = pl.concat([FAIR, FAIR.head(1).with_columns(treated=pl.lit(False))])
    with pytest.raises(DataError, match="1 customers are in both arms of one campaign, such as a"):
        check_treatments(both, CUSTOMERS)


def test_a_customer_who_never_existed_is_named() -> None:
    with pytest.raises(DataError, match="never existed, such as c"):
        check_treatments(FAIR, CUSTOMERS.head(2))


@pytest.mark.parametrize(("treated", "says"), [(True, "was held out"), (False, "was treated")])
def test_a_campaign_of_one_arm_has_nothing_to_compare_with(treated: bool, says: str) -> None:
    with pytest.raises(NotEnoughData, match=says):
        check_treatments(FAIR.with_columns(treated=pl.lit(treated)), CUSTOMERS)


@pytest.mark.parametrize("propensity", [0.0, 1.0])
def test_a_certain_propensity_is_no_chance(propensity: float) -> None:
    with pytest.raises(DataError, match="propensity of 0 or 1"):
        check_treatments(FAIR.with_columns(propensity=pl.lit(propensity)), CUSTOMERS)


def test_outcomes_are_in_when_the_last_orders_can_no_longer_come_back() -> None:
    # Days 0..29 are the window; an order of day 29 may come back until day 43.
    check_matured(0, window_days=30, return_days=14, last_day=43)
    with pytest.raises(NotEnoughData, match="log ends on 1970-02-12") as error:
        check_matured(0, window_days=30, return_days=14, last_day=42)
    assert "wait until 1970-02-13" in error.value.fix
