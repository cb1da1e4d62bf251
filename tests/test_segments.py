"""The frozen segment rule: learnt from a base, applied to one customer or to all of them with the
same answer.
"""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from holdfast import tables
from holdfast.campaigns.economics import recovery, totals
from holdfast.campaigns.score_totals import sum_up_segments as summary
from holdfast.errors import DataError, NotEnoughData
from holdfast.segments import SegmentRule, churn_level
from holdfast.study import SEGMENT_NAMES, Study
from holdfast.study.settings import Segments

RISK = {"churn_probability": 0.4, "days_since_last_purchase": 0.3, "cart_abandon_rate": 0.3}
SETTINGS = Segments(risk=RISK)

numbers = st.one_of(
    st.none(), st.sampled_from([0.0, 1.0, 2.5]), st.floats(-1e9, 1e9), st.just(float("nan"))
)
rows = st.tuples(st.floats(0, 1), numbers, numbers, st.one_of(st.just(10.0), st.floats(-1e6, 1e6)))


def base_of(*customers: tuple[float, float | None, float | None, float]) -> pl.DataFrame:
    return pl.DataFrame(
        list(customers),
        schema=dict.fromkeys([*RISK, "expected_revenue"], pl.Float64),
        orient="row",
        strict=False,
    )


def random_base(n: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "churn_probability": rng.random(n),
            "days_since_last_purchase": rng.integers(0, 40, n),
            "cart_abandon_rate": rng.random(n).round(1),
            "expected_revenue": rng.lognormal(3, 1, n),
        }
    )


def test_each_signal_is_scaled_to_the_base_and_weighed():
    rule = SegmentRule.learn(SETTINGS, base_of((0.0, 0, 0.0, 1), (1.0, 100, 0.5, 2)))
    scores = rule.assign(base_of((0.5, 25, 0.4, 1)))["risk_score"]
    assert scores.to_list() == [0.4 * 0.5 + 0.3 * 0.25 + 0.3 * 0.8]


def test_values_beyond_the_range_of_the_base_are_clipped():
    rule = SegmentRule.learn(SETTINGS, base_of((0.2, 10, 0.1, 1), (0.8, 20, 0.5, 2)))
    found = rule.assign(base_of((0.9, float("inf"), 9.0, 1), (0.1, -5, -1.0, 2)))
    assert found["risk_score"].to_list() == [1.0, 0.0]


def test_tier_boundaries_are_percentiles_and_belong_to_the_tier_below():
    base = (
        random_base(1, 0)
        .drop("expected_revenue")
        .join(pl.DataFrame({"expected_revenue": range(101)}), how="cross")
    )
    rule = SegmentRule.learn(
        SETTINGS, base.with_columns(pl.col("expected_revenue").cast(pl.Float64))
    )
    assert (rule.mid_above, rule.high_above) == (33.0, 67.0)
    tiers = rule.assign(base)["value_tier"].to_list()
    assert (tiers[33], tiers[34], tiers[67], tiers[68]) == ("low", "mid", "mid", "high")


def test_ranks_equal_those_of_pandas_within_the_tier():
    pd = pytest.importorskip("pandas")
    base = random_base(1000)
    found = SegmentRule.learn(SETTINGS, base).assign(base)
    frame = pd.DataFrame(found.select("value_tier", "risk_score").to_dict(as_series=False))
    expected = frame.groupby("value_tier")["risk_score"].rank(pct=True)
    assert found["risk_rank"].to_list() == expected.tolist()
    high = found["segment"].is_in(["At-Risk VIP", "Vulnerable", "Losing Customer"])
    assert high.to_list() == (expected >= 0.75).tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=30))
def test_one_customer_alone_gets_what_the_batch_gave(customers):
    base = base_of(*customers)
    rule = SegmentRule.learn(SETTINGS, base)
    published = SegmentRule.from_dict(json.loads(json.dumps(rule.to_dict())))
    assert published == rule
    together = rule.assign(base)
    alone = pl.concat([published.assign(base[i]) for i in range(base.height)])
    assert_frame_equal(alone, together, check_exact=True)
    assert together["risk_score"].is_between(0, 1).all()
    assert together["risk_rank"].is_between(0, 1).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=20), st.lists(rows, min_size=1, max_size=5))
def test_customers_the_base_never_saw_get_a_rank_that_rises_with_the_score(customers, strangers):
    rule = SegmentRule.learn(SETTINGS, base_of(*customers))
    found = rule.assign(base_of(*customers, *strangers)).sort("value_tier", "risk_score")
    assert found["risk_rank"].is_between(0, 1).all()
    for _, tier in found.group_by("value_tier"):
        assert tier["risk_rank"].is_sorted()


def test_without_any_value_customers_differ_by_risk_alone_and_nobody_is_called_worth_little():
    base = base_of(*[(share / 8, 3, 0.1, 0.0) for share in range(8)])
    rule = SegmentRule.learn(SETTINGS, base)
    again = SegmentRule.from_dict(json.loads(json.dumps(rule.to_dict())))
    found = again.assign(base)["segment"].to_list()
    assert set(found) == {"Promising", "Vulnerable"}
    assert (found[0], found[7]) == ("Promising", "Vulnerable")


def test_a_single_customer_and_equal_customers_have_segments():
    one = SegmentRule.learn(SETTINGS, base_of((0.5, 3, 0.1, 10.0)))
    assert one.assign(base_of((0.5, 3, 0.1, 10.0)))["segment"].to_list() == ["Losing Customer"]
    same = base_of(*[(0.5, 3, 0.1, 10.0)] * 8)
    assert SegmentRule.learn(SETTINGS, same).assign(same)["risk_rank"].unique().to_list() == [
        4.5 / 8
    ]


def test_a_tier_without_customers_ranks_against_everyone():
    rule = SegmentRule.learn(SETTINGS, base_of((0.1, 0, 0.0, 5.0), (0.9, 9, 0.9, 5.0)))
    assert rule.assign(base_of((0.9, 9, 0.9, 50.0)))["segment"].to_list() == ["At-Risk VIP"]


def test_absent_signals_drop_out_and_the_weights_are_renormalised():
    base = (
        random_base(50).drop("cart_abandon_rate").with_columns(days_since_last_purchase=pl.lit(7))
    )
    rule = SegmentRule.learn(SETTINGS, base)
    assert {signal.name: signal.weight for signal in rule.signals} == {"churn_probability": 1.0}
    assert rule.dropped == {
        "days_since_last_purchase": "is 7 for every customer",
        "cart_abandon_rate": "is not in the data",
    }
    assert "cart_abandon_rate is not in the data" in rule.findings()[0].evidence
    assert SegmentRule.learn(SETTINGS, random_base(50)).findings() == ()


def test_signals_empty_for_all_or_without_weight_drop_out():
    base = random_base(5).with_columns(days_since_last_purchase=pl.lit(None, pl.Int32))
    rule = SegmentRule.learn(Segments(risk={**RISK, "cart_abandon_rate": 0}), base)
    assert rule.dropped == {
        "days_since_last_purchase": "is empty for every customer",
        "cart_abandon_rate": "has no weight",
    }


def test_a_signal_missing_for_one_customer_drops_out_for_that_customer():
    rule = SegmentRule.learn(SETTINGS, base_of((0.0, 0, 0.0, 1), (1.0, 100, 1.0, 2)))
    found = rule.assign(base_of((0.5, None, 1.0, 1), (0.5, 50, float("nan"), 1)))["risk_score"]
    assert found.to_list() == [round((0.4 * 0.5 + 0.3) / 0.7, 4), 0.5]


def test_without_any_signal_nobody_is_at_high_risk():
    base = random_base(20).select("expected_revenue")
    found = SegmentRule.learn(SETTINGS, base).assign(base)
    assert found["risk_score"].to_list() == [0.0] * 20
    assert set(found["segment"]) == {"Champion", "Promising", "Hibernating"}


def test_no_customers_and_words_as_signals_are_refused():
    with pytest.raises(NotEnoughData, match="no customers"):
        SegmentRule.learn(SETTINGS, random_base(5).clear())
    with pytest.raises(DataError, match="'cart_abandon_rate' is String"):
        SegmentRule.learn(SETTINGS, random_base(5).with_columns(cart_abandon_rate=pl.lit("often")))
    with pytest.raises(DataError, match="need the column 'churn_probability'"):
        SegmentRule.learn(SETTINGS, random_base(5)).assign(random_base(5).drop("churn_probability"))


def test_the_rank_table_does_not_grow_with_the_customers():
    rule = SegmentRule.learn(SETTINGS, random_base(200_000))
    assert max(len(table.scores) for table in rule.ranks.values()) <= 10_001


def test_the_summary_has_all_six_names_and_adds_up():
    base = random_base(500)
    scores = SegmentRule.learn(SETTINGS, base).assign(base)
    scores = scores.with_columns(
        value_if_kept=pl.lit(3.0), at_stake=pl.lit(2.0), margin_rate=pl.lit(0.5)
    )
    found = summary(scores)
    assert (found["value_if_kept"].sum(), found["at_stake"].sum()) == (1500, 1000)
    assert (found["margin_if_kept"].sum(), found["margin_at_stake"].sum()) == (750, 500)
    assert found["segment"].to_list() == list(SEGMENT_NAMES)
    assert found["customers"].sum() == 500
    assert found["total_ltv"].sum() == pytest.approx(base["expected_revenue"].sum())
    champions = scores.filter(pl.col("segment") == "Champion")
    assert found.row(0)[2] == pytest.approx(champions["expected_revenue"].mean())
    nobody = summary(scores.filter(pl.col("segment") == "Champion"))
    assert nobody["customers"].to_list()[1:] == [0] * 5
    assert tables.SEGMENTS.check(nobody).height == 6


def test_churn_levels_begin_at_their_threshold():
    assert churn_level(0.7) == "🔴 VERY HIGH"
    assert churn_level(0.69) == "🟠 HIGH"
    assert churn_level(0.299) == "🟡 MODERATE"
    assert churn_level(0.0) == "🟢 LOW"


@pytest.fixture(scope="module")
def original(bench_data) -> pl.DataFrame:
    """The original system's base, scored by its own models through scikit-learn (its README's
    definitions).
    """
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import train_test_split

    raw = pl.read_csv(bench_data / "ecommerce_user_segmentation.csv")
    frame = raw.with_columns(
        (pl.col("Clicks") / (pl.col("Pages_Viewed") + 1)).alias("Clicks_per_Page"),
        (pl.col("Frequency") / (pl.col("Wishlist_Adds") + 1)).alias("Wishlist_Conversion"),
    ).drop("Customer_ID", "Recency", "Monetary", "Segment_Label")
    inputs = frame.to_numpy().astype(float)
    churned = (raw["Recency"] > 90).to_numpy()
    value = (raw["Monetary"] * (raw["Frequency"] + 1).log()).to_numpy()
    split = {"test_size": 0.2, "random_state": 42}
    rows = np.arange(len(raw))
    churn_rows, _ = train_test_split(rows, stratify=churned, **split)
    value_rows, _ = train_test_split(rows, **split)
    churn = LGBMClassifier(class_weight="balanced", random_state=42, n_jobs=2, verbose=-1)
    forest = RandomForestRegressor(
        200,
        max_depth=15,
        min_samples_split=10,
        min_samples_leaf=4,
        max_features=0.7,
        random_state=42,
        n_jobs=2,
    )
    churn.fit(inputs[churn_rows], churned[churn_rows])
    forest.fit(inputs[value_rows], value[value_rows])
    return raw.with_columns(
        churn_probability=churn.booster_.predict(inputs), expected_revenue=forest.predict(inputs)
    )


ORIGINAL = Segments(risk={"churn_probability": 0.4, "Recency": 0.3, "Cart_Abandon_Rate": 0.3})


@pytest.mark.slow
def test_the_original_counts_and_recovery_are_reproduced(original):
    rule = SegmentRule.learn(ORIGINAL, original)
    kept = pl.col("expected_revenue")
    worth = {"value_if_kept": kept, "at_stake": kept * pl.col("churn_probability")}
    worth |= {"margin_rate": pl.lit(1.0)}
    found = summary(rule.assign(original).with_columns(**worth))
    assert (rule.mid_above, rule.high_above) == (
        pytest.approx(846, abs=2),
        pytest.approx(4_660, abs=5),
    )
    published = dict(zip(SEGMENT_NAMES, (2_472, 828, 2_550, 850, 2_474, 826), strict=True))
    assert dict(found.select("segment", "customers").iter_rows()) == pytest.approx(published, abs=3)
    millions = [round(total / 1e6, 1) for total in found["total_ltv"]]
    assert millions == [52.5, 9.2, 9.5, 1.8, 1.4, 0.1]
    study = Study.from_toml(Path(__file__).parents[1] / "examples" / "original" / "holdfast.toml")
    plan = recovery(found, study.recovery)
    assert totals(plan)["net"] == pytest.approx(4.70e6, abs=10_000)
    assert totals(plan)["roi_percent"] == pytest.approx(7_043, abs=10)
    assert plan["roi_percent"].to_list() == pytest.approx([9_896, 2_830, 126], abs=10)


@pytest.mark.slow
def test_each_of_the_10_000_customers_alone_gets_the_segment_of_the_batch(original):
    rule = SegmentRule.learn(ORIGINAL, original)
    together = rule.assign(original)
    published = SegmentRule.from_dict(json.loads(json.dumps(rule.to_dict())))
    alone = pl.concat([published.assign(original[i]) for i in range(original.height)])
    assert_frame_equal(alone, together, check_exact=True)
