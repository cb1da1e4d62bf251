"""Offers and the plan in the study: what they accept, and what they say when they do not."""

from typing import Any

import pytest

from holdfast.errors import StudyError
from holdfast.study import Study


def study(**sections: Any) -> Study:
    columns = {"customer_id": "c", "occurred_at": "t", "amount": "a"}
    return Study.from_dict(
        {
            "study": {"name": "shop"},
            "transactions": {"path": "orders.csv", "columns": columns},
            **sections,
        }
    )


def test_an_offer_costs_its_contact_and_what_those_who_accept_cost() -> None:
    offer = study(offers={"voucher": {"cost": 1, "acceptance": 0.2, "cost_if_accepted": 10}})
    assert offer.offers["voucher"].cost_per_contact == pytest.approx(3.0)


def test_a_run_depends_on_the_offers_that_it_plans_with() -> None:
    plain = study()
    assert study(plan={}, campaigns={}).fingerprint == plain.fingerprint
    offers = {"call": {"cost": 5, "rate": 0.1}}
    planned = [study(offers=offers), study(offers=offers, plan={"budget": 1000})]
    assert len({each.fingerprint for each in (plain, *planned)}) == 3


def test_no_cost_is_assumed() -> None:
    with pytest.raises(StudyError, match=r"offers\.call\.cost"):
        study(offers={"call": {"rate": 0.1}})


@pytest.mark.parametrize(
    ("offers", "sentence"),
    [
        ({"a": {"cost": 1, "segments": ["Champoin"]}}, "segment 'Champoin'; did you mean"),
        ({"a": {"cost": 1, "rate": 0}}, "greater than 0"),
        ({"a": {"cost": 1, "rate": 1.2}}, "less than or equal to 1"),
        ({"a": {"cost": 1, "cost_if_accepted": 5}}, "nobody is expected to accept it"),
        (
            {"a": {"cost": 1, "campaigns": ["x"]}, "b": {"cost": 1, "campaigns": ["x"]}},
            "'x' is named by two offers, 'a' and 'b'",
        ),
    ],
)
def test_an_offer_that_cannot_be_is_refused_in_a_sentence(offers: Any, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        study(offers=offers)


def test_a_plan_claims_at_least_the_days_in_which_effects_are_counted() -> None:
    assert study(plan={"days": 60}).plan.claimed_days == 60
    with pytest.raises(StudyError, match=r"horizon_days is 30, below plan\.days of 60"):
        study(plan={"days": 60, "horizon_days": 30})


def test_a_plan_cannot_hold_everybody_out() -> None:
    with pytest.raises(StudyError, match=r"plan\.holdout_share"):
        study(plan={"holdout_share": 1.0})
