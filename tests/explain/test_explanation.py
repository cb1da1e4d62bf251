"""Reasons in numbers and in words."""

import time
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from holdfast import tables
from holdfast.explain import Explanation, Wording, explain, reasons, roles, top_reasons
from holdfast.features.catalogue import FEATURES
from holdfast.learners.design import Attribution
from holdfast.study.settings import Explain


@dataclass
class Linear:
    """A model whose contributions are known: weight x (value - 1), missing = 1."""

    weights: dict[str, float]
    miss: float = 0.0

    def contributions(self, frame: pl.DataFrame) -> Attribution:
        values = np.column_stack(
            [w * (frame[c].fill_null(1).to_numpy() - 1.0) for c, w in self.weights.items()]
        )
        return Attribution(tuple(self.weights), values, np.full(frame.height, 5.0))

    def raw(self, frame: pl.DataFrame) -> np.ndarray:
        return self.contributions(frame).total + self.miss


def shop(n: int = 40) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    return pl.DataFrame(
        {
            "customer_id": [f"C{i:06}" for i in range(n)],
            "spend": rng.integers(10, 500, n),
            "visits": rng.integers(0, 30, n),
            "calls": rng.integers(0, 3, n),
        }
    )


CHURN = Linear({"spend": -2.0, "visits": 1.0, "calls": 0.0})
VALUE = Linear({"spend": 3.0, "visits": 0.0, "calls": 0.1})


def explained(
    frame: pl.DataFrame, *, settings: Explain | None = None, **models: Linear
) -> Explanation:
    columns = [name for name in frame.columns if name != "customer_id"]
    return explain(
        models or {"churn": CHURN, "value": VALUE},
        frame,
        wording=Wording.learn(frame, columns=columns, catalogue=False, currency="GBP"),
        settings=settings or Explain(),
        at_risk=frame["spend"] < 100,
        seed=1,
    )


def tell(column: str, values: list, *, base: list | None = None, dtype: object = None) -> list[str]:
    frame = pl.DataFrame({column: pl.Series(base or values, dtype=dtype)})
    wording = Wording.learn(frame, columns=[column], catalogue=False, currency="")
    return wording.sentences(
        column, pl.DataFrame({column: pl.Series(values, dtype=dtype)})
    ).to_list()


def test_a_column_of_a_snapshot_is_told_beside_the_median_customer():
    assert tell("Avg_Order_Value", [26], base=[26, 113, 200]) == [
        "Avg Order Value is 26 (the median customer has 113)"
    ]
    assert tell("Plan", ["gold", None], base=["free", "free", "gold"]) == [
        "Plan is gold (most often free)",
        "Plan is not known (most often free)",
    ]
    assert tell("Partner", [True], base=[False, False, True]) == ["Partner is yes (most often no)"]
    assert tell("Rate", [float("nan"), 0.25], dtype=pl.Float64) == [
        "Rate is not known (the median customer has 0.25)",
        "Rate is 0.25 (the median customer has 0.25)",
    ]
    assert (
        tell("Empty", [None, None], dtype=pl.Float64)[0] == "Empty is not known (known of nobody)"
    )


def test_a_feature_of_the_catalogue_is_told_in_its_own_words():
    rows = pl.DataFrame({"days_since_last_purchase": [74, 3, 8], "gap_mean": [21.0, None, 1.0]})
    wording = Wording.learn(rows, columns=rows.columns, catalogue=True, currency="GBP")
    assert wording.sentences("days_since_last_purchase", rows).to_list() == [
        "no order for 74 days; usually every 21 days",
        "no order for 3 days",
        "no order for 8 days; usually every 1 day",
    ]
    assert wording.values("days_since_last_purchase", rows).to_list() == [
        "74 days",
        "3 days",
        "8 days",
    ]


def test_a_snapshot_column_that_has_a_features_name_keeps_its_own_words():
    rows = pl.DataFrame({"tenure_days": [3]})
    snapshot = Wording.learn(rows, columns=["tenure_days"], catalogue=False, currency="")
    assert snapshot.sentences("tenure_days", rows).to_list() == [
        "tenure days is 3 (the median customer has 3)"
    ]


def test_the_wording_comes_back_from_plain_values():
    wording = Wording.learn(shop(), columns=["spend"], catalogue=False, currency="GBP")
    assert Wording.from_dict(wording.to_dict()) == wording


def test_reasons_are_the_strongest_columns_with_their_direction():
    rows = pl.DataFrame(
        {"customer_id": ["a", "b"], "spend": [101, 1], "visits": [11, 31], "calls": [2, 2]}
    )
    wording = Wording.learn(
        rows, columns=["spend", "visits", "calls"], catalogue=False, currency=""
    )
    found = reasons("churn", CHURN.contributions(rows), rows, wording=wording, top=2)
    assert found.select("customer_id", "rank", "feature", "value", "contribution").rows() == [
        ("a", 1, "spend", "101", -200.0),
        ("a", 2, "visits", "11", 10.0),
        ("b", 1, "visits", "31", 30.0),
    ]
    assert found["sentence"].to_list() == [
        "spend is 101 (the median customer has 51), which lowers the risk",
        "visits is 11 (the median customer has 21), which raises the risk",
        "visits is 31 (the median customer has 21), which raises the risk",
    ]


def test_a_customer_alone_has_the_reasons_of_the_batch():
    frame = shop()
    together = explained(frame).reasons.filter(pl.col("task") == "churn")
    wording = Wording.learn(
        frame, columns=["spend", "visits", "calls"], catalogue=False, currency="GBP"
    )
    alone = [
        reasons("churn", CHURN.contributions(frame[i]), frame[i], wording=wording, top=5)
        for i in range(40)
    ]
    assert pl.concat(alone).equals(together)


def test_importance_is_the_mean_absolute_contribution():
    frame = shop()
    found = explained(frame).importance.filter(pl.col("task") == "churn")
    assert found["feature"].to_list() == ["spend", "visits", "calls"]
    assert found["mean_abs_contribution"][0] == pytest.approx(2 * (frame["spend"] - 1).mean())
    assert found["relative"][0] == 1.0


def test_contributions_are_those_of_a_seeded_sample():
    frame = shop(5000)
    found = explained(frame)
    sampled = found.contributions.filter(pl.col("task") == "value", pl.col("feature") == "spend")
    assert sampled.height == 2000
    joined = sampled.join(frame, on="customer_id")
    assert (joined["value"] == joined["spend"]).all()
    assert (joined["contribution"] == 3.0 * (joined["spend"] - 1)).all()
    assert explained(frame).contributions.equals(found.contributions)


def test_words_have_no_place_on_a_chart_of_values():
    @dataclass
    class Words(Linear):
        def contributions(self, frame: pl.DataFrame) -> Attribution:
            return Attribution(("plan",), np.ones((frame.height, 1)), np.zeros(frame.height))

    frame = shop(3).with_columns(plan=pl.Series(["b", "a", None]))
    found = explained(frame, churn=Words({}))
    assert found.contributions["value"].to_list() == [None, None, None]
    wording = Wording.learn(frame, columns=["plan"], catalogue=False, currency="")
    assert top_reasons(found, wording=wording)[0]["sentence"] == "plan: changes the risk"


def test_above_the_limit_only_customers_at_risk_get_reasons(monkeypatch):
    monkeypatch.setattr("holdfast.explain.explanation._ROWS_AT_ONCE", 700)
    frame = shop(3000)
    found = explained(frame, settings=Explain(every_customer_up_to=2999))
    assert set(found.reasons["customer_id"]) == set(
        frame.filter(pl.col("spend") < 100)["customer_id"]
    )
    sample = found.contributions.filter(pl.col("task") == "churn", pl.col("feature") == "spend")
    expected = sample["contribution"].abs().mean()
    assert found.importance.row(0)[2] == pytest.approx(expected)


def test_chunks_do_not_change_the_result(monkeypatch):
    frame = shop(300)
    whole = explained(frame)
    monkeypatch.setattr("holdfast.explain.explanation._ROWS_AT_ONCE", 70)
    parts = explained(frame)
    key = ["task", "customer_id", "rank"]
    assert parts.reasons.sort(key).equals(whole.reasons.sort(key))
    assert parts.contributions.equals(whole.contributions)


def test_contributions_that_do_not_add_up_are_a_finding():
    assert explained(shop()).findings == ()
    (finding,) = explained(shop(), churn=Linear(CHURN.weights, miss=1e-3)).findings
    assert finding.name == "contributions-do-not-add-up"
    assert "churn score miss it by up to 0.001" in finding.evidence


def test_roles_tell_for_which_task_a_feature_matters():
    relative = {"churn": {"a": 1.0, "b": 0.05, "d": 0.01}, "value": {"b": 1.0, "c": 0.5}}
    rows = [
        (task, name, 9 * share, share)
        for task, shares in relative.items()
        for name, share in shares.items()
    ]
    importance = pl.DataFrame(rows, schema=tables.IMPORTANCE.schema, orient="row")
    assert dict(roles(importance).select("feature", "role").iter_rows()) == {
        "a": "churn only",
        "b": "both",
        "c": "value only",
        "d": "neither",
    }


def test_top_reasons_tell_the_direction():
    frame = shop(200)
    wording = Wording.learn(
        frame, columns=["spend", "visits", "calls"], catalogue=False, currency=""
    )
    told = top_reasons(explained(frame), wording=wording, top=1)
    assert [(item["task"], item["sentence"]) for item in told] == [
        ("churn", "spend: the higher it is, the lower the risk"),
        ("value", "spend: the higher it is, the higher the expected revenue"),
    ]


def test_nobody_to_explain_gives_empty_tables():
    found = explained(shop(0))
    assert found.reasons.is_empty()
    assert found.contributions.is_empty()
    assert found.importance.is_empty()


@pytest.mark.slow
def test_100_000_customers_and_60_features_take_seconds():
    rng = np.random.default_rng(0)
    names = [feature.name for feature in FEATURES][:60]
    frame = pl.DataFrame({name: rng.integers(0, 900, 100_000) for name in names})
    frame = frame.with_columns(customer_id=pl.int_range(pl.len()).cast(pl.String))
    model = Linear(
        {name: float(weight) for name, weight in zip(names, rng.normal(size=60), strict=True)}
    )
    start = time.process_time()
    found = explain(
        {"churn": model, "value": model},
        frame,
        wording=Wording.learn(frame, columns=names, catalogue=True, currency="GBP"),
        settings=Explain(),
        at_risk=pl.repeat(False, frame.height, eager=True),
        seed=0,
    )
    # Nearly everyone has five for each task: what speaks against what is known of it is no reason.
    assert 990_000 <= found.reasons.height <= 1_000_000
    assert time.process_time() - start < 30


def customers(n: int = 41) -> pl.DataFrame:
    days = np.arange(n, dtype=np.int64)
    return pl.DataFrame(
        {
            "customer_id": [f"C{day:02}" for day in days],
            "days_since_last_purchase": days,
            "overdue_ratio": [None if day % 2 else day / 10 for day in days.tolist()],
            "gap_mean": np.full(n, 10.0),
        }
    )


def told(weights: dict[str, float], place: int, *, task: str = "churn") -> list[tuple]:
    """The reasons of one customer of 41, silent for as many days as their place."""
    frame = customers()
    columns = frame.columns[1:]
    wording = Wording.learn(frame, columns=columns, catalogue=True, currency="GBP")
    added = [weights.get(name, 0.0) for name in columns]
    row = frame[[place]]
    attribution = Attribution(tuple(columns), np.array([added]), np.zeros(1))
    found = reasons(task, attribution, row, wording=wording, top=5)
    return found.select("feature", "contribution").rows()


def test_features_that_tell_one_fact_are_one_reason_named_by_the_strongest():
    silence = {"days_since_last_purchase": 3.0, "overdue_ratio": -1.0, "gap_mean": 1.0}
    assert told(silence, 40) == [("days_since_last_purchase", 2.0), ("gap_mean", 1.0)]
    assert told({**silence, "overdue_ratio": 4.0}, 40)[0] == ("overdue_ratio", 7.0)


def test_what_is_not_known_is_no_reason():
    assert told({"overdue_ratio": 4.0, "days_since_last_purchase": 1.0}, 39) == [
        ("days_since_last_purchase", 5.0)
    ]
    assert told({"overdue_ratio": 4.0}, 39) == []


def test_a_reason_does_not_contradict_what_everyone_knows_of_it():
    long_silent, just_here = 40, 2
    assert told({"days_since_last_purchase": -3.0}, long_silent) == []
    assert told({"days_since_last_purchase": 3.0}, just_here) == []
    assert told({"days_since_last_purchase": -3.0}, just_here) != []
    assert told({"days_since_last_purchase": -3.0}, long_silent, task="value") != []
    assert told({"days_since_last_purchase": 3.0}, long_silent, task="value") == []
