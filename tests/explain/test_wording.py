"""Values in words: a feature's sentence for one customer."""

import polars as pl

from holdfast.explain import Wording
from holdfast.features.catalogue import FEATURES


def sentence(name: str, values: dict[str, float | None], *, currency: str = "") -> str:
    rows = pl.DataFrame({key: [value] for key, value in values.items()}).cast(pl.Float64)
    wording = Wording.learn(rows, columns=rows.columns, catalogue=True, currency=currency)
    return str(wording.sentences(name, rows)[0])


def test_a_reason_names_the_value_and_what_is_usual() -> None:
    values = {"days_since_last_purchase": 74.0, "gap_mean": 21.2}
    written = sentence("days_since_last_purchase", values)
    assert written == "no order for 74 days; usually every 21 days"


def test_a_clause_without_its_value_is_left_out() -> None:
    values = {"days_since_last_purchase": 1.0, "gap_mean": None}
    assert sentence("days_since_last_purchase", values) == "no order for 1 day"


def test_a_missing_value_says_what_is_unknown() -> None:
    written = sentence("gap_max", {"gap_max": None, "days_since_last_purchase": None})
    assert written == "the longest gap after which the customer came back: unknown"


def test_what_is_unknown_is_named_without_the_small_print() -> None:
    written = sentence("gap_mean", {"gap_mean": None})
    assert written == "mean days from one purchase to the next: unknown"


def test_money_carries_its_currency() -> None:
    written = sentence("spend_90d", {"spend_90d": 1234.5}, currency="GBP")
    assert written == "spent in the last 90 days: GBP 1,234.50"


def test_every_template_can_be_filled_from_the_features_it_names() -> None:
    values: dict[str, float | None] = {feature.name: 0.5 for feature in FEATURES}
    for feature in FEATURES:
        written = sentence(feature.name, values, currency="EUR")
        assert "{" not in written
        assert written == written.strip()
