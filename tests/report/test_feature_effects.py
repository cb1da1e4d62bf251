"""Effects of features: which way, where they stand, and what far-out ones do."""

import numpy as np
import polars as pl

from holdfast.report import feature_effects
from holdfast.report.report_data import Report


def test_ways_say_in_which_direction_a_feature_works(report: Report) -> None:
    churn = feature_effects.ways(report.contributions, "churn", ["spend_90d", "never"])
    assert churn["way"].to_list() == ["high values raise the risk", "no single direction"]
    assert feature_effects.ways(report.contributions, "value", ["spend_90d"])["way"].to_list() == [
        "high values lower the value"
    ]


def test_the_swarm_spreads_equal_effects_and_keeps_each_within_its_row(report: Report) -> None:
    swarm = feature_effects.swarm(report.contributions, "churn", ["spend_90d", "never"], n=60)
    assert swarm.group_by("feature").len()["len"].to_list() == [60, 60]
    assert swarm["offset"].is_between(-1, 1).all()
    assert swarm.filter(pl.col("feature") == "never")["offset"].n_unique() == 60
    assert swarm.filter(pl.col("feature") == "never")["fifth"].null_count() == 60


def test_the_trend_keeps_customers_of_one_value_together() -> None:
    points = pl.DataFrame(
        {"feature": ["f"] * 6, "value": [0.0] * 5 + [1.0], "contribution": [1.0] * 5 + [3.0]}
    )
    assert feature_effects.trend(points).select("value", "contribution", "customers").rows() == [
        (0.0, 1.0, 5),
        (1.0, 3.0, 1),
    ]


def test_an_effect_far_out_does_not_squeeze_the_others() -> None:
    effects = np.append(np.linspace(-1, 1, 999), 1e6)
    table = pl.DataFrame({"task": "churn", "feature": "f", "contribution": effects})
    low, high = feature_effects.span(table, "churn", ["f"])
    assert -1.1 < low < -0.9
    assert 0.9 < high < 1.1
