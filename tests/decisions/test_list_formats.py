"""Lists as mailing tools import them: their columns, their spelling, their hashes."""

import polars as pl
import pytest

from holdfast.campaigns.audience import Audience, Rule
from holdfast.decisions.list_formats import (
    Receiver,
    find_format,
    find_reachable,
    lay_out,
    normalise_addresses,
)
from holdfast.errors import InputError

RAW = pl.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d"],
        "email": [" Ann@Example.com", None, "=cmd|' /C calc'!A0@x.de", "dora@example"],
        "phone": ["+1 (555) 012-3456", "0049 151 / 123456-78", "0151 12345678", None],
    }
)
ROWS = pl.DataFrame(
    {
        "customer_id": ["b", "a"],
        "segment": ["Champion", "At-Risk VIP"],
        "offer": ["mail", "=1+1"],
        "cost": [1.0, 2.0],
        "run_id": ["r", "r"],
    }
)


def test_an_address_is_put_as_receivers_take_it_or_counted_as_none() -> None:
    assert normalise_addresses(RAW).rows() == [
        ("a", "ann@example.com", "+15550123456"),
        ("b", None, "+4915112345678"),
        ("c", None, None),
        ("d", None, None),
    ]


def test_klaviyo_gets_its_own_names_with_the_address_first() -> None:
    made = lay_out(ROWS, normalise_addresses(RAW), find_format("klaviyo"))
    assert made.columns == [
        "Email", "Phone Number", "Customer ID", "Segment", "Offer", "Holdfast run",
    ]  # fmt: skip
    assert made.row(0) == (None, "+4915112345678", "b", "Champion", "mail", "r")
    assert made.row(1)[4] == "'=1+1"


def test_hubspot_needs_the_email_by_which_it_knows_a_contact() -> None:
    arms = pl.DataFrame({"customer_id": ["a", "b"], "treated": [True, False]})
    found, notes = find_reachable(arms, normalise_addresses(RAW), find_format("hubspot"))
    assert found.to_list() == ["a"]
    assert notes == ["1 customer with no email that can be used left out"]
    assert lay_out(ROWS, normalise_addresses(RAW), find_format("hubspot")).columns[0] == "Email"


def test_meta_gets_digests_of_the_addresses_and_nothing_else() -> None:
    """SHA-256 of "ann@example.com" and of the figures "15550123456", by `sha256sum`."""
    made = lay_out(ROWS, normalise_addresses(RAW), find_format("meta"))
    assert made.columns == ["email", "phone"]
    assert made.row(1) == (
        "71d4f55f72fa128dfb468a1a3901507c804b74316488744d769d7f4b16696476",
        "7315c205c05dc2255244bc29ccc6f44ca8c695729d3db5704d37c5a943545e28",
    )
    assert made.row(0)[0] is None


def test_whoever_shares_an_address_with_the_other_arm_is_in_neither() -> None:
    """The mail to the first would reach the second, who is held out."""
    addresses = pl.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d", "e"],
            "email": ["family@x.de", "family@x.de", "own@x.de", "two@x.de", "two@x.de"],
            "phone": pl.Series([None] * 5, dtype=pl.String),
        }
    )
    arms = pl.DataFrame({"customer_id": list("abcde"), "treated": [True, False, True, True, True]})
    found, notes = find_reachable(arms, addresses, find_format("klaviyo"))
    assert found.to_list() == ["c", "d", "e"]
    assert notes == ["2 customers who share an address across the two lists left out"]


def test_an_unknown_receiver_is_named_beside_the_known() -> None:
    with pytest.raises(InputError, match="did you mean 'klaviyo'"):
        find_format("klavyo")


def test_an_audience_loses_whom_its_receiver_cannot_reach_and_is_counted_again() -> None:
    customers = pl.DataFrame(
        {"customer_id": ["a", "b", "c"], "segment": ["Champion"] * 3,
         "arm": ["contact", "contact", "hold out"]}
    )  # fmt: skip
    rule = Rule(name="spring")
    counts = {"contacted": 2, "held_out": 1, "held_out_of_all": 0, "candidates": 3}
    audience = Audience(rule=rule, run_id="r", cutoff_day=0, customers=customers, figures=counts)
    receiver = Receiver(form=find_format("hubspot"), addresses=normalise_addresses(RAW))
    kept, notes = receiver.fit_audience(audience)
    assert kept.customers["customer_id"].to_list() == ["a"]
    assert kept.figures == counts | {"contacted": 1, "held_out": 0}
    assert notes == ["2 customers with no email that can be used left out"]
    listed = receiver.lay_out(kept.contacts.select("customer_id", "segment"), "spring")
    assert listed.to_dicts() == [
        {"Email": "ann@example.com", "Phone number": "+15550123456", "Customer ID": "a",
         "Segment": "Champion", "Campaign": "spring"}
    ]  # fmt: skip
