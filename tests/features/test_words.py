"""How values are told."""

from holdfast.features.catalogue import FEATURES, FEATURES_BY_NAME
from holdfast.features.feature import Unit
from holdfast.features.words import say

UNITS: dict[str, Unit] = {feature.name: feature.unit for feature in FEATURES}


def test_a_reason_names_the_value_and_what_is_usual() -> None:
    values = {"days_since_last_purchase": 74, "gap_mean": 21.2}
    told = say(FEATURES_BY_NAME["days_since_last_purchase"], values, UNITS)
    assert told == "no order for 74 days; usually every 21 days"


def test_a_clause_without_its_value_is_left_out() -> None:
    values = {"days_since_last_purchase": 1, "gap_mean": None}
    assert say(FEATURES_BY_NAME["days_since_last_purchase"], values, UNITS) == "no order for 1 day"


def test_a_missing_value_says_what_is_unknown() -> None:
    told = say(
        FEATURES_BY_NAME["gap_max"], {"gap_max": None, "days_since_last_purchase": None}, UNITS
    )
    assert told == "the longest gap after which the customer came back: unknown"


def test_what_is_unknown_is_named_without_the_small_print() -> None:
    told = say(FEATURES_BY_NAME["gap_mean"], {"gap_mean": None}, UNITS)
    assert told == "mean days from one purchase to the next: unknown"


def test_money_carries_its_currency() -> None:
    assert say(FEATURES_BY_NAME["spend_90d"], {"spend_90d": 1234.5}, UNITS, currency="GBP") == (
        "spent in the last 90 days: GBP 1,234.50"
    )


def test_every_template_can_be_filled_from_the_features_it_names() -> None:
    values = dict.fromkeys(UNITS, 0.5)
    for feature in FEATURES:
        told = say(feature, values, UNITS, currency="EUR")
        assert "{" not in told
        assert told == told.strip()
