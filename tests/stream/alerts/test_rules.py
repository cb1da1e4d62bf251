"""A rule watches a figure of the scores, a feature or what a feature adds to the risk."""

from typing import Any

import polars as pl
import pytest
from tests.stream.live_run import Live

from holdfast.errors import StudyError
from holdfast.stream.alerts.rules import EVALUATIONS, check_rules, evaluate_rules, last_purchases
from holdfast.study.alerts import Alert


def alert(when: str = "churn_probability", **given: Any) -> Alert:
    return Alert(**{"name": "rule", "when": when, "open": 0.5, "close": 0.4, **given})


def evaluate(live: Live, *alerts: Alert) -> pl.DataFrame:
    cutoff = live.cutoff_day
    scored = live.models.score(live.activity, live.attributes, cutoff_day=cutoff)
    anchors = last_purchases(live.activity, cutoff_day=cutoff)
    return evaluate_rules(alerts, live.models, scored, anchors)


def test_every_customer_is_evaluated_and_whoever_is_not_eligible_is_said_so(live: Live) -> None:
    got = evaluate(live, alert())
    assert got.schema == EVALUATIONS
    assert got["customer_id"].n_unique() == got.height == live.activity["customer_id"].n_unique()
    scores = live.run.table("scores")
    eligible = got.filter("eligible").sort("customer_id")
    assert eligible["customer_id"].to_list() == scores["customer_id"].to_list()
    assert eligible["value"].to_list() == pytest.approx(scores["churn_probability"].to_list())
    others = got.filter(~pl.col("eligible"))
    assert others.height > 0
    assert others["value"].null_count() == others.height
    assert not others["applies"].any()


def test_an_anchor_is_the_day_of_the_last_purchase_and_no_visit_moves_it() -> None:
    activity = pl.DataFrame(
        {
            "customer_id": ["a", "a", "a", "b"],
            "day": [10, 12, 20, 11],
            "n_orders": [1, 1, 0, 0],
        },
        schema_overrides={"day": pl.Int32},
    )
    assert last_purchases(activity, cutoff_day=21).rows() == [("a", 12), ("b", None)]
    assert last_purchases(activity, cutoff_day=12).rows()[0] == ("a", 10)


def test_a_feature_is_watched_in_its_own_unit(live: Live) -> None:
    features = live.run.table("features")
    got = evaluate(live, alert("days_since_last_purchase", open=200, close=100))
    silent = got.filter("eligible")["value"].to_list()
    assert silent == features["days_since_last_purchase"].to_list()


def test_a_contribution_is_what_the_run_publishes_and_only_for_whom_the_rule_is(
    live: Live,
) -> None:
    rule = alert("contribution:overdue_ratio", only="value_tier = 'high'")
    got = evaluate(live, rule).filter("eligible")
    high = live.run.table("scores").filter(value_tier="high")["customer_id"]
    known = got.drop_nulls("value")
    assert known["customer_id"].to_list() == high.to_list()
    published = live.run.table("contributions").filter(task="churn", feature="overdue_ratio")
    both = known.join(published, on="customer_id", suffix="_published")
    assert both.height == len(high)
    assert both["value"].to_list() == pytest.approx(both["contribution"].to_list(), abs=1e-9)


def test_a_condition_reads_figures_features_and_attributes_and_null_is_no(live: Live) -> None:
    text = "churn_probability >= 0.5 AND n_purchases > 2 AND channel = 'email'"
    alerts = [alert(only=text), alert(name="other", only=f"{text} AND gap_mean / 0 > 1")]
    got = evaluate(live, *alerts)
    scores, features = live.run.table("scores"), live.run.table("features")
    both = scores.join(features, on="customer_id")
    expected = both.filter(
        pl.col("churn_probability") >= 0.5, pl.col("n_purchases") > 2, channel="email"
    )["customer_id"]
    assert len(expected) > 0
    applied = got.filter("applies")
    assert applied.filter(rule="rule")["customer_id"].to_list() == expected.to_list()
    assert applied.filter(rule="other").is_empty()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (alert("churn_probabilty"), "did you mean 'churn_probability'?"),
        (alert("days_since_last_purchse"), "did you mean 'days_since_last_purchase'?"),
        (alert("contribution:overdue"), "did you mean 'overdue_ratio'?"),
        (alert("segment"), "which is no number"),
        (alert("median_revenue"), "which run .* does not have"),
        (alert(only="value_teir = 'high'"), "did you mean 'value_tier'?"),
    ],
)
def test_a_rule_that_the_run_cannot_carry_is_refused_and_the_nearest_name_is_given(
    live: Live, rule: Alert, words: str
) -> None:
    with pytest.raises(StudyError, match=words.replace("?", "\\?")):
        check_rules([rule], live.models)


def test_rules_that_the_run_can_carry_are_not_refused(live: Live) -> None:
    names = ("at_stake", "spend_90d", "contribution:days_since_last_session")
    check_rules([alert(name, only="segment LIKE 'At-Risk%'") for name in names], live.models)
