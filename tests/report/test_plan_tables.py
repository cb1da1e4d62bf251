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
    assert "it pays with a chance of 94.0%" in what
    assert "an expected loss of €3.25" in what
    assert more == "One more EUR of budget would bring €1.50 net."


def test_a_budget_that_reaches_everybody_has_no_price() -> None:
    *_, more = plan_tables.plan_sentences({**PLAN, "budget_price": 0.0})
    assert more.startswith("More budget would bring nothing")


def test_each_offer_and_segment_says_what_it_stands_on() -> None:
    offers, segments = plan_tables.plan(PLAN)
    assert offers.rows[0]["source"] == "experiment"
    assert (segments.rows[0]["segment"], segments.rows[0]["source"]) == ("Champion", "pooled")


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
