"""A plan in words and tables."""

from typing import Any

from holdfast.report import plan_tables
from holdfast.report.formatting import MINUS

ROW: dict[str, Any] = {
    "offer": "voucher", "contacts": 40, "cost": 80.0, "net": 120.0, "net_low": -10.0,
    "net_high": 260.0, "p_net_above_0": 0.94, "uplift": 5.0, "unit": "money", "break_even": 2.0,
    "uplift_source": "experiment",
}  # fmt: skip
PLAN: dict[str, Any] = {
    "currency": "EUR", "contacted": 40, "held_out": 5, "budget_price": 1.5, "offers": [ROW],
    "cells": [{**ROW, "segment": "Champion", "basis": "pooled"}],
    "total": {**ROW, "expected_loss": 3.25},
}  # fmt: skip


def test_a_plan_says_whom_what_it_costs_and_how_sure_it_is() -> None:
    who, what, more = plan_tables.plan_sentences(PLAN)
    assert who.startswith("Contact 40 customers for €80, and leave 5 customers alone")
    assert f"Net return: €120 ({MINUS}€10 to €260 in nine cases of ten)" in what
    assert "it pays with a chance of 94%" in what
    assert "an expected loss of €3.25" in what
    assert more == "One more EUR of budget would bring €1.50 net."


def test_a_budget_that_reaches_everybody_has_no_price() -> None:
    *_, more = plan_tables.plan_sentences({**PLAN, "budget_price": 0.0})
    assert more.startswith("More budget would bring nothing")


def test_each_offer_and_segment_says_what_it_stands_on() -> None:
    offers, segments = plan_tables.plan(PLAN)
    assert offers.rows[0]["source"] == "experiment"
    assert (segments.rows[0]["segment"], segments.rows[0]["source"]) == ("Champion", "pooled")


def test_a_history_says_what_is_left_of_effects_and_who_accepts() -> None:
    kappa = {
        "offer": "voucher", "short_days": 30, "long_days": 365, "campaigns": 2, "estimate": 1.6,
        "deviation": 0.5, "low": 0.8, "high": 2.4, "used": 0.95, "uplift_source": "experiment",
    }  # fmt: skip
    measured = {
        "offer": "voucher", "acceptance": 0.17, "source": "measured", "contacted": 1200,
        "segments": [{"rate": 0.1}, {"rate": 0.27}],
    }  # fmt: skip
    assumed = {"offer": "call", "acceptance": 0.4, "source": "assumed"}
    values: dict[str, Any] = {
        "currency": "EUR", "days": 30, "cells": [], "persistence": [kappa],
        "acceptance": [measured, assumed], "observed": [], "notes": [],
    }  # fmt: skip
    _, left = plan_tables.history(values)
    assert left.caption == "Effect within 365 days over that within 30"
    assert (left.rows[0]["left"], left.rows[0]["range"]) == ("1.60", "0.80 to 2.40")
    _, one, other = plan_tables.history_sentences(values)
    assert one == (
        "voucher: 17.0% accept, which is measured on 1,200 contacts; by segment 10.0% to 27.0%."
    )
    assert other == "call: 40.0% accept, which is assumed."


def test_what_was_only_observed_is_never_a_profit() -> None:
    seen = {
        "campaign": "mailing", "offer": "voucher", "refused": "", "effect": 2.0,
        "ranges": {"1.25": (-1.0, 5.0)}, "test_size": 1200,
    }  # fmt: skip
    values = {"currency": "EUR", "days": 30, "acceptance": [], "observed": [seen], "notes": []}
    _, said = plan_tables.history_sentences(values)
    assert "had no hold-out: observed, and never a profit" in said
    assert f"{MINUS}€1 to €5 if something unseen changed the odds of contact 1.25-fold" in said
    refused = {**seen, "refused": "8 % overlap"}
    _, said = plan_tables.history_sentences({**values, "observed": [refused]})
    assert "Nothing is said of it: 8 % overlap" in said


def verdict_with(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "offer": "mail", "word": "everyone or nobody", "contacted": 500, "held_out": 480,
        "effect": {"value": 2.148, "low": 0.8344, "high": 3.461}, "p_choice": 1.0, "groups": [],
        "beside_rule": None, "best_rule": None, "harmful": [],
    }  # fmt: skip
    return values | changes


def test_an_effect_on_margin_is_an_amount_and_one_on_buying_is_in_points() -> None:
    words = plan_tables.verdict_sentence(verdict_with(), unit="EUR")
    assert words == (
        "mail: no evidence for choosing among customers: contact everyone or nobody. On average a "
        "contact brings €2.15 more, between €0.83 and €3.46."
    )
    share = {"value": 0.02148, "low": 0.008344, "high": 0.03461}
    words = plan_tables.verdict_sentence(verdict_with(effect=share), unit="")
    assert words.endswith("2.1 points more in the chance of buying, between 0.8 and 3.5.")


def test_an_offer_that_does_harm_is_for_nobody() -> None:
    harm = {"value": -0.5, "low": -0.75, "high": -0.25}
    words = plan_tables.verdict_sentence(verdict_with(effect=harm), unit="EUR")
    assert "contact nobody: it does harm" in words
    assert words.endswith("€0.50 less, between €0.25 and €0.75.")


def test_where_nothing_is_known_an_interval_says_which_way_each_end_lies() -> None:
    unsure = {"value": 0.1, "low": -0.5, "high": 0.7}
    words = plan_tables.verdict_sentence(verdict_with(word="no effect", effect=unsure), unit="EUR")
    assert words.startswith("mail: no evidence that it changes anything")
    assert "€0.10 more, between €0.50 less and €0.70 more, from 500 contacted and 480" in words


def test_where_customers_differ_the_first_fifth_is_told_apart_and_wrong_rules_are_named() -> None:
    groups = [
        {"share": 0.2, "effect": {"value": -1.0, "low": -2.0, "high": -0.25}},
        {"share": 0.2, "effect": {"value": 5.0, "low": 4.0, "high": 6.0}},
    ]
    chosen = verdict_with(
        word="choose", p_choice=0.01, groups=groups, beside_rule="tie", best_rule="flagged",
        harmful=["churn risk"],
    )  # fmt: skip
    words = plan_tables.verdict_sentence(chosen, unit="EUR")
    assert (
        "The fifth that is ranked first brings €5 more, between €4 and €6; the last, €1 less"
        in (words)
    )
    assert "in a tie with the rule 'flagged'." in words
    assert words.endswith("'churn risk' would put those first who gain less than the others.")


def test_a_difference_that_no_ranking_finds_is_said() -> None:
    words = plan_tables.verdict_sentence(verdict_with(p_choice=0.01), unit="EUR")
    assert words.endswith("no ranking tells them apart.")
