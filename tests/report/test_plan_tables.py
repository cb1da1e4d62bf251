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
