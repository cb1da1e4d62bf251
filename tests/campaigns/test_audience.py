"""Audiences: who is in, who is held out, who is left alone, and what it comes to."""

from math import sqrt
from typing import Any

import polars as pl
import pytest
from tests.campaigns.audiences import LOG, SCORES, STUDY, build

from holdfast.campaigns.audience import Audience, Rule, build_audience, drop_untouchable
from holdfast.errors import InputError
from holdfast.study import Study


def test_those_with_most_revenue_at_stake_come_first() -> None:
    # At stake: ann 500, eve 450, bob 360, dot 16; cid is a Champion.
    found = build(cost=10, rate=0.4)
    assert found.customers.select("customer_id", "at_stake").rows() == [
        ("ann", 500.0),
        ("eve", 450.0),
        ("bob", 360.0),
    ]


def test_a_contact_that_costs_more_than_it_brings_is_left_out_unless_asked_for() -> None:
    # dot would bring 20 x 0.5 x 0.4 = 4 and cost 10.
    assert "dot" not in build(cost=10, rate=0.4).customers["customer_id"].to_list()
    assert "dot" in build(cost=10, rate=0.4, only_paying=False).customers["customer_id"].to_list()


def test_the_figures_are_those_of_the_economics() -> None:
    figures = build(cost=10, rate=0.4).figures
    # 1,310 at stake x 0.5 x 0.4 = 262 for 3 x 10; saves: (0.5 + 0.9 + 0.9) x 0.4.
    assert (figures["contacted"], figures["invested"], figures["recovered"]) == (3, 30.0, 262.0)
    assert figures["net"] == 232.0
    assert figures["saves"] == pytest.approx(0.92)
    assert figures["uplift_source"] == "assumed"


@pytest.mark.parametrize("limit", [{"budget": 29.99}, {"at_most": 2}])
def test_budget_and_size_limit_those_contacted(limit: dict[str, Any]) -> None:
    assert build(cost=10, rate=0.4, **limit).customers["customer_id"].to_list() == ["ann", "eve"]


def test_a_threshold_of_risk_or_value_and_an_exclusion_leave_customers_out() -> None:
    assert build(rate=0.4, least_churn_probability=0.85).customers["customer_id"].to_list() == [
        "eve",
        "bob",
    ]
    assert build(rate=0.4, least_revenue=500).customers["customer_id"].to_list() == ["ann", "eve"]
    assert build(rate=0.4, excluded=("ann",)).customers["customer_id"].to_list() == [
        "eve",
        "bob",
        "dot",
    ]


def _crowd(n: int) -> pl.DataFrame:
    return SCORES.sample(n, with_replacement=True, seed=1).with_columns(
        customer_id=pl.format("c{}", pl.int_range(n))
    )


def _arms(scores: pl.DataFrame, rule: Rule, *, study: Study = STUDY) -> dict[str, str]:
    customers = build_audience(scores, rule, run_id="any", study=study).customers
    return dict(customers.select("customer_id", "arm").iter_rows())


def _differs_from(share: float, counted: int, n: int) -> bool:
    """By more than four standard deviations of a binomial count."""
    return abs(counted - share * n) > 4 * sqrt(n * share * (1 - share))


def test_an_arm_does_not_depend_on_who_else_is_there_on_the_run_or_on_the_order() -> None:
    rule = Rule(rate=0.4, holdout_share=0.3)
    many, few = _crowd(5000), _crowd(5000).head(500)
    # Of the next run all figures are others, and who was likely to leave no longer is.
    later = few.with_columns(pl.col("at_stake") * 7 + 1, pl.lit(0.1).alias("churn_probability"))
    arms = _arms(few, rule)
    assert set(arms.values()) == {"contact", "hold out"}
    for others in (many, later, few.reverse(), many.sample(fraction=1.0, shuffle=True, seed=3)):
        found = _arms(others, rule)
        assert {name: found[name] for name in arms} == arms


def test_a_named_campaign_keeps_its_hold_out_when_its_rule_changes() -> None:
    crowd = _crowd(2000)
    spring = _arms(crowd, Rule(name="spring", rate=0.4, holdout_share=0.2))
    assert _arms(crowd, Rule(name="spring", rate=0.6, cost=1.0, holdout_share=0.2)).items() <= (
        spring.items()
    )
    autumn = _arms(crowd, Rule(name="autumn", rate=0.4, holdout_share=0.2))
    both = sum(spring[name] == autumn[name] == "hold out" for name in spring)
    assert not _differs_from(0.2 * 0.2, both, len(spring))


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_so_many_are_held_out_as_the_rule_says(share: float) -> None:
    figures = build_audience(
        _crowd(5000), Rule(rate=0.4, holdout_share=share), run_id="r1", study=STUDY
    ).figures
    n = figures["contacted"] + figures["held_out"]
    assert n == figures["candidates"]
    assert not _differs_from(share, figures["held_out"], n)


def _everywhere(share: float) -> Study:
    return Study.from_dict({**LOG, "campaigns": {"global_holdout": share}})


def test_who_is_held_out_of_every_campaign_is_the_same_in_each_and_contacted_in_none() -> None:
    crowd = _crowd(5000)
    held = [
        {
            customer
            for customer, arm in _arms(crowd, rule, study=_everywhere(share)).items()
            if arm == "global hold-out"
        }
        for rule, share in (
            (Rule(name="spring", rate=0.4), 0.1),
            (Rule(name="autumn", rate=0.7, holdout_share=0), 0.1),
            (Rule(rate=0.4), 0.2),
        )
    ]
    assert held[0] == held[1] < held[2]
    n = _built_of(crowd, _everywhere(0.1)).figures["candidates"]
    assert not _differs_from(0.1, len(held[0]), n)


def _built_of(scores: pl.DataFrame, study: Study) -> Audience:
    return build_audience(scores, Rule(rate=0.4), run_id="r1", study=study)


def test_the_global_hold_out_takes_its_share_of_both_arms_of_a_campaign() -> None:
    crowd = _crowd(5000)
    plain, held = _built_of(crowd, STUDY), _built_of(crowd, _everywhere(0.3))
    before = dict(plain.customers.select("customer_id", "arm").iter_rows())
    after = dict(held.customers.select("customer_id", "arm").iter_rows())
    left = {name: arm for name, arm in after.items() if arm != "global hold-out"}
    assert left.items() <= before.items()
    gone = held.figures["held_out_of_all"]
    assert gone == len(before) - len(left)
    assert held.figures["contacted"] + held.figures["held_out"] == len(left)


PERMISSIONS = pl.DataFrame(
    {
        "customer_id": ["ann", "bob", "cid", "dot", "eve"],
        "may_contact": [True, False, False, True, False],
        "why_not": [None, "no consent", "no consent", None, "consent unknown"],
    }
)


def test_who_may_not_be_contacted_is_in_no_arm_and_is_counted_with_the_reason() -> None:
    rule = Rule(rate=0.4, holdout_share=0)
    found = build_audience(SCORES, rule, run_id="r", study=STUDY, permissions=PERMISSIONS)
    assert found.customers["customer_id"].to_list() == ["ann", "dot"]
    # cid may not be contacted either, but is a Champion, whom the rule does not ask for.
    assert found.figures["left_out"] == {"no consent": 1, "consent unknown": 1}
    assert found.figures["candidates"] == 2


@pytest.mark.parametrize("permissions", [None, PERMISSIONS.clear()])
def test_a_run_that_does_not_know_who_may_be_contacted_leaves_nobody_out_and_says_so(
    permissions: pl.DataFrame | None,
) -> None:
    rule = Rule(rate=0.4, holdout_share=0)
    found = build_audience(SCORES, rule, run_id="r", study=STUDY, permissions=permissions)
    assert (found.customers.height, found.figures["left_out"]) == (4, None)


def test_contacts_and_those_held_out_are_two_lists_that_share_nobody() -> None:
    found = build_audience(
        _crowd(1000), Rule(rate=0.4, holdout_share=0.3), run_id="r", study=_everywhere(0.2)
    )
    contacts, held_out = set(found.contacts["customer_id"]), set(found.held_out["customer_id"])
    assert not contacts & held_out
    assert contacts | held_out == set(found.customers["customer_id"])
    assert "arm" not in found.contacts.columns
    assert set(found.held_out["arm"]) == {"hold out", "global hold-out"}


def test_holding_out_costs_no_budget() -> None:
    rule = Rule(cost=10, rate=0.4, budget=1000, holdout_share=0.5)
    found = build_audience(_crowd(5000), rule, run_id="r1", study=STUDY)
    assert found.figures["contacted"] == 100
    assert found.figures["held_out"] > 60


def test_a_rule_that_means_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="choose from Champion"):
        Rule(segments=("Champignon",))
    with pytest.raises(InputError, match=r"holdout_share is 1\.5"):
        Rule(holdout_share=1.5)


def test_where_everyone_counts_as_lost_all_that_a_customer_brings_is_at_stake() -> None:
    scores = SCORES.with_columns(value_if_kept=pl.Series([1000.0, 400.0, 750.0, 20.0, 600.0]))
    rule = Rule(cost=10, rate=0.4, of="everyone", holdout_share=0.0)
    found = build_audience(scores, rule, run_id="r1", study=STUDY)
    assert found.customers.select("customer_id", "at_stake").rows() == [
        ("ann", 1000.0),
        ("eve", 600.0),
        ("bob", 400.0),
    ]
    # 2,000 x 0.5 x 0.4 for 3 x 10, as `economics.recovery` has it; saves: 3 x 0.4.
    assert (found.figures["recovered"], found.figures["invested"]) == (400.0, 30.0)
    assert found.figures["saves"] == pytest.approx(1.2)


def test_a_rule_of_those_who_would_be_lost_keeps_the_name_it_had() -> None:
    # Exports of older versions are filed under it.
    assert Rule(cost=1, rate=0.4).fingerprint == "90ed48374f42"
    assert Rule(cost=1, rate=0.4, of="everyone").fingerprint != Rule(cost=1, rate=0.4).fingerprint


EVERYBODY = pl.DataFrame({"customer_id": [f"c{i}" for i in range(400)]})
WILLING = EVERYBODY.head(399).with_columns(
    may_contact=~pl.col("customer_id").is_in(["c1", "c2"]),
    why_not=pl.when(pl.col("customer_id").is_in(["c1", "c2"])).then(pl.lit("no consent")),
)


def holding_out(share: float) -> Study:
    source = {"path": "o.csv", "columns": {"customer_id": "c", "occurred_at": "t"}}
    given = {"study": {"name": "s"}, "transactions": source, "campaigns": {"global_holdout": share}}
    return Study.from_dict(given)


def test_nobody_who_may_not_be_contacted_is_left_and_how_many_is_said() -> None:
    left, notes = drop_untouchable(EVERYBODY, WILLING, holding_out(0))
    assert set(EVERYBODY["customer_id"]) - set(left["customer_id"]) == {"c1", "c2", "c399"}
    assert notes == ["3 customers may not be contacted: 2 no consent, 1 not in the run"]


def test_who_is_held_out_of_every_campaign_is_left_out_of_this_one() -> None:
    left, (_, note) = drop_untouchable(EVERYBODY, WILLING, holding_out(0.25))
    assert 60 < 397 - left.height < 140
    assert note == f"{397 - left.height} customers left out, held out of every campaign"
