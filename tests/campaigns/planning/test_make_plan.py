"""A plan, by hand on a few customers: what an offer is worth, who is held out, what is refused."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from holdfast.campaigns.experiments.assignment import GLOBAL_SALT, hold_out
from holdfast.campaigns.past.persistence import Persistence, learn_persistence
from holdfast.campaigns.past.readouts import PastCampaigns
from holdfast.campaigns.planning.make_plan import CampaignPlan, Planning, make_plan
from holdfast.campaigns.planning.offer_history import learn_offers
from holdfast.errors import InputError, StudyError
from holdfast.study import SEGMENT_NAMES, Study
from holdfast.tables import EVIDENCE


def study(offers: dict[str, Any], **plan: Any) -> Study:
    columns = {"customer_id": "c", "occurred_at": "t", "amount": "a"}
    return Study.from_dict(
        {
            "study": {"name": "shop"},
            "transactions": {"path": "orders.csv", "columns": columns},
            "value": {"margin_rate": 0.5},
            "offers": offers,
            "plan": {"holdout_share": 0.0, **plan},
        }
    )


def customers(at_stake: list[float], segment: str = "Champion") -> pl.DataFrame:
    n = len(at_stake)
    return pl.DataFrame(
        {
            "customer_id": [f"C{i}" for i in range(n)],
            "segment": [segment] * n,
            "at_stake": at_stake,
        }
    )


def experiments(effect: float, error: float, offer: str = "mail") -> PastCampaigns:
    readouts = pl.DataFrame(
        {
            "offer": [offer] * 6, "segment": SEGMENT_NAMES, "contacted": [100] * 6,
            "held_out": [100] * 6, "mean_held_out": [10.0] * 6, "effect": [effect] * 6,
            "standard_error": [error] * 6,
            "uplift_source": ["experiment"] * 6,
        }
    )  # fmt: skip
    return PastCampaigns(readouts=readouts, observed={}, offers={"spring": offer})


def planned(
    study_: Study, who: pl.DataFrame, past: PastCampaigns, **more: pl.DataFrame
) -> CampaignPlan:
    tables = {"scores": who, "evidence": EVIDENCE.empty(), **more}
    return make_plan(Planning.prepare(study_, tables, past))


def test_an_assumed_rate_keeps_its_share_of_the_margin_at_stake() -> None:
    plan = planned(
        study({"mail": {"cost": 1, "rate": 0.1}}), customers([10, 40, 100]), PastCampaigns.none()
    )
    # .5 x .1 x at stake is .50, 2 and 5: the first is not worth its contact.
    assert dict(plan.customers.select("customer_id", "expected_uplift").iter_rows()) == {
        "C2": pytest.approx(5.0), "C1": pytest.approx(2.0),
    }  # fmt: skip
    assert set(plan.customers["uplift_source"]) == {"assumed"}
    # Both together break even at a rate of 2 / (.5 x 140).
    assert plan.offers["mail"].cells.filter(pl.col("contacts") > 0)["break_even"].to_list() == [
        pytest.approx(2 / 70)
    ]


def test_what_experiments_measured_goes_before_an_assumed_rate() -> None:
    offers = {"mail": {"cost": 1, "rate": 0.9}}
    plan = planned(study(offers), customers([10, 40, 100]), experiments(3.0, 0.01))
    assert plan.customers["expected_uplift"].to_list() == pytest.approx([3.0] * 3, abs=0.02)
    assert set(plan.customers["uplift_source"]) == {"experiment"}
    assert plan.total.net[0] == pytest.approx(6.0, abs=0.1)


def lasting(kappa: float) -> Persistence:
    effects = {
        "offer": ["mail"], "short_effect": [10.0], "short_error": [0.01],
        "long_effect": [10 * kappa], "long_error": [0.01], "covariance": [0.0],
    }  # fmt: skip
    return learn_persistence(pl.DataFrame(effects), offers=["mail"], short_days=30, long_days=365)


def test_a_plan_for_a_year_claims_what_is_left_of_an_effect_after_it() -> None:
    offers = {"mail": {"cost": 1}, "call": {"cost": 1, "rate": 0.5, "segments": ["Promising"]}}
    past = replace(experiments(3.0, 0.01), persistence=lasting(0.5))
    plan = planned(study(offers, horizon_days=365), customers([10, 40, 100]), past)
    assert plan.claimed_days == 365
    assert "the return is that of 365 days" in plan.notes[0]
    assert plan.customers["expected_uplift"].to_list() == pytest.approx([1.5] * 3, abs=0.03)
    assert plan.total.net[0] == pytest.approx(1.5, abs=0.1)
    # Where a third is left nobody is worth the contact.
    third = replace(past, persistence=lasting(0.3))
    with pytest.raises(InputError, match="no offer is worth its cost"):
        planned(study({"mail": {"cost": 1}}, horizon_days=365), customers([10]), third)


def test_without_a_matured_campaign_a_plan_for_a_year_is_one_for_the_measured_days() -> None:
    plan = planned(
        study({"mail": {"cost": 1, "rate": 0.1}}, horizon_days=365), customers([100]),
        PastCampaigns.none(),
    )  # fmt: skip
    assert plan.claimed_days == 30
    assert "the return is that of 30 days" in plan.notes[0]
    assert plan.customers["expected_uplift"].to_list() == pytest.approx([5.0])


def test_a_measured_acceptance_goes_before_the_assumed_one() -> None:
    offers = {"mail": {"cost": 1, "acceptance": 0.9, "cost_if_accepted": 10}}
    accepted = pl.DataFrame(
        {
            "offer": ["mail"] * 2, "segment": ["Champion", "Promising"],
            "contacted": [100_000] * 2, "accepted": [10_000, 40_000],
        }
    )  # fmt: skip
    past = replace(experiments(3.0, 0.01), accepted=accepted)
    who = pl.concat([customers([10]), customers([10], "Promising")]).with_columns(
        customer_id=pl.Series(["A", "B"])
    )
    plan = planned(study(offers), who, past)
    # A costs 1 + .1 x 10 for 3 in return; B would cost 5, and at the assumed share both 10.
    assert plan.customers["customer_id"].to_list() == ["A"]
    assert plan.customers["cost"].to_list() == pytest.approx([2.0], abs=0.02)
    assert plan.total.cost == pytest.approx(2.0, abs=0.02)
    with pytest.raises(InputError, match="no offer is worth its cost"):
        planned(study(offers), who, experiments(3.0, 0.01))


def test_a_segments_margin_goes_to_those_who_gain_where_that_is_proven() -> None:
    effects = pl.DataFrame(
        {"customer_id": ["C0", "C1", "C2"], "offer": ["mail"] * 3, "effect": [-2.0, 1.0, 5.0]}
    )
    offers = {"mail": {"cost": 1, "capacity": 1}}
    who, past = customers([10, 40, 100]), experiments(3.0, 0.01)
    plan = planned(study(offers), who, past, effects=effects)
    # Of a mean of 3 the three share 0, 1 and 5 parts of 6: 0, 1.50 and 7.50.
    assert plan.customers["customer_id"].to_list() == ["C2"]
    assert plan.customers["expected_uplift"].to_list() == pytest.approx([7.5], abs=0.05)
    assert plan.total.net[0] == pytest.approx(6.5, abs=0.1)


def test_a_budget_buys_the_best_and_one_more_unit_of_it_has_a_price() -> None:
    limited = study({"mail": {"cost": 1, "rate": 0.1}}, budget=1)
    plan = planned(limited, customers([40, 100]), PastCampaigns.none())
    assert plan.customers["customer_id"].to_list() == ["C1"]
    # The next contact costs 1 and brings 2, the one that is bought brings 5.
    assert 1 <= plan.allocation.prices.budget <= 4


def test_the_hold_out_is_the_same_lot_every_time_and_is_not_contacted() -> None:
    who = customers([100.0] * 200)
    plan = planned(
        study({"mail": {"cost": 1, "rate": 0.1}}, holdout_share=0.2), who, PastCampaigns.none()
    )
    out = hold_out(who["customer_id"], salt=f"{GLOBAL_SALT} shop", share=0.2)
    held = plan.customers.filter(arm="hold out")["customer_id"]
    assert set(held) == set(who["customer_id"].filter(pl.Series(out)))
    assert plan.customers.filter(arm="contact").height == 200 - len(held)


def test_an_offer_for_some_segments_goes_to_nobody_else() -> None:
    who = pl.concat([customers([100.0]), customers([100.0], "Promising")]).with_columns(
        customer_id=pl.Series(["A", "B"])
    )
    offers = {"mail": {"cost": 1, "rate": 0.1, "segments": ["Promising"]}}
    plan = planned(study(offers), who, PastCampaigns.none())
    assert plan.customers["customer_id"].to_list() == ["B"]


def test_offers_that_were_tried_teach_no_offer_that_was_not() -> None:
    offers = study({"mail": {"cost": 1}, "call": {"cost": 1, "rate": 0.1}}).offers
    table = learn_offers(offers, experiments(3.0, 0.01), at_stake=10.0).table()
    calls = table.filter(offer="call")
    assert set(calls["uplift_source"]) == {"assumed"}
    assert calls["mean"].to_list() == pytest.approx([0.1] * 6)
    assert set(calls["unit"]) == {"rate"}


def test_segments_are_alike_in_the_share_that_an_offer_adds_and_not_in_money() -> None:
    readouts = pl.DataFrame(
        {
            "offer": ["mail"] * 2, "segment": ["Champion", "Hibernating"], "contacted": [900] * 2,
            "held_out": [900] * 2, "mean_held_out": [100.0, 10.0], "effect": [20.0, 5.0],
            "standard_error": [0.1, 50.0], "uplift_source": ["experiment"] * 2,
        }
    )  # fmt: skip
    past = PastCampaigns(readouts=readouts, observed={}, offers={})
    table = learn_offers(study({"mail": {"cost": 1}}).offers, past, at_stake=40.0).table()
    of = {row["segment"]: row for row in table.to_dicts()}
    # A fifth more is sure of those who spend 100, and nothing else is known of those who spend 10.
    assert of["Champion"]["mean"] == pytest.approx(20.0, abs=0.1)
    assert of["Hibernating"]["mean"] == pytest.approx(2.0, abs=0.2)
    assert of["Hibernating"]["basis"] == "pooled"


def test_an_offer_that_was_only_observed_borrows_no_experiment_of_another() -> None:
    measured = experiments(3.0, 0.01).readouts
    seen = measured.with_columns(offer=pl.lit("call"), uplift_source=pl.lit("observed"))
    past = PastCampaigns(readouts=pl.concat([measured, seen]), observed={}, offers={})
    offers = {"call": {"cost": 0.1}, "mail": {"cost": 1, "capacity": 1}}
    plan = planned(study(offers), customers([10, 40, 100]), past)
    assert plan.customers["offer"].to_list() == ["mail"]
    table = plan.history.table()
    assert set(table.filter(offer="call")["uplift_source"]) == {"observed"}


def test_what_was_only_observed_is_given_to_nobody() -> None:
    past = experiments(3.0, 0.01)
    seen = PastCampaigns(
        readouts=past.readouts.with_columns(uplift_source=pl.lit("observed")),
        observed={},
        offers=past.offers,
    )
    with pytest.raises(InputError, match="had a hold-out"):
        planned(study({"mail": {"cost": 1, "rate": 0.9}}), customers([100.0]), seen)


@pytest.mark.parametrize(
    ("offers", "plan", "sentence"),
    [
        ({}, {}, "no offer"),
        ({"mail": {"cost": 1, "rate": 0.1}}, {"budget": 0}, "the budget is 0"),
        ({"mail": {"cost": 1}}, {}, "nothing says what the offer 'mail' brings"),
        ({"mail": {"cost": 90, "rate": 0.1}}, {}, "no offer is worth its cost to anybody"),
        ({"mail": {"cost": 1, "rate": 0.1}}, {"budget": 0.5}, "do not cover a single offer"),
    ],
)
def test_no_plan_is_made_rather_than_a_wrong_one(
    offers: dict[str, Any], plan: dict[str, Any], sentence: str
) -> None:
    with pytest.raises((InputError, StudyError), match=sentence) as raised:
        planned(study(offers, **plan), customers([100.0]), PastCampaigns.none())
    assert raised.value.fix
