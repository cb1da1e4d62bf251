"""The ceiling of a figure follows from counts, and a model is held against it and against the naive
rule.
"""

import re

import numpy as np
import polars as pl
import pytest

from holdfast.audits.figures import (
    find_ceiling,
    find_figures_at_their_ceiling,
    find_model_no_better_than_naive,
    find_top_tenth_off,
)
from holdfast.audits.subjects import Proof
from holdfast.audits.table import Table
from holdfast.evaluation.verdict import judge
from holdfast.findings import Finding
from holdfast.tables import PREDICTIONS


def proof(
    figures: dict[str, dict[str, float]],
    *,
    table: Table | None = None,
    predictions: pl.DataFrame | None = None,
) -> Proof:
    return Proof(
        predictions=pl.DataFrame() if predictions is None else predictions,
        verdicts={} if predictions is None else judge(predictions, seed=2),
        figures=figures,
        baselines={"churn": "base rate"},
        table=table,
        seed=2,
    )


def grouped(*, inside: int, churned: int, outside: int, told: bool = False) -> Table:
    """Customers of whom some in one group left; `told`: a column says who."""
    rng = np.random.default_rng(4)
    left = np.concatenate(
        [rng.permutation(np.arange(inside) < churned), np.zeros(outside, dtype=bool)]
    )
    group = ["iron"] * inside + ["gold"] * outside
    hint = left * 1.0 + rng.normal(0, 0.6, len(left)) if told else rng.normal(size=len(left))
    return Table(
        columns=pl.DataFrame({"group": group, "hint": hint}),
        churned=pl.Series(left),
        customer=pl.Series([f"K{number}" for number in range(len(left))]),
    )


def test_the_ceiling_is_what_one_probability_for_the_group_reaches():
    found = find_ceiling(grouped(inside=1_000, churned=700, outside=3_000))
    assert found is not None
    assert found.group == "group = iron"
    # Of 3,300 who stayed 300 are inside: they tie with those who left. Precision .7, recall 1.
    assert found.auc == pytest.approx(1 - 300 / 3_300 / 2)
    assert found.f1 == pytest.approx(2 * 0.7 / 1.7)


def test_where_something_tells_who_leaves_inside_the_group_there_is_no_ceiling():
    assert find_ceiling(grouped(inside=1_000, churned=700, outside=3_000, told=True)) is None


def test_the_ceiling_of_the_original_snapshot_is_the_one_it_was_computed_to_have(bench_data):
    frame = pl.read_csv(bench_data / "ecommerce_user_segmentation.csv")
    table = Table(
        columns=frame.drop("Customer_ID"),
        churned=frame["Recency"] > 90,
        customer=frame["Customer_ID"],
        hidden={"churn": ["Recency", "Monetary", "Segment_Label"]},
    )
    found = find_ceiling(table)
    assert found is not None
    assert (found.group, found.churned, found.inside) == ("Segment_Label = Iron", 1_069, 1_448)
    assert (round(found.auc, 3), round(found.f1, 3)) == (0.979, 0.849)
    reached = proof({"churn": {"roc_auc": 0.9836, "f1": 0.877}}, table=table)
    (finding,) = find_figures_at_their_ceiling(reached)
    assert (
        "the ceiling is ROC-AUC 0.979 and F1 0.849, and the test has ROC-AUC 0.9836"
        in finding.evidence
    )
    assert "luck of the split" in finding.meaning
    below = proof({"churn": {"roc_auc": 0.9}}, table=table)
    assert list(find_figures_at_their_ceiling(below)) == []


def test_figures_that_honest_data_does_not_allow_are_suspect():
    figures = {"churn": {"roc_auc": 0.991}, "value": {"r2": 0.6}}
    (finding,) = find_figures_at_their_ceiling(proof(figures))
    assert finding.evidence == "churn: ROC-AUC 0.9910 on customers that the model has not seen"
    honest = proof({"churn": {"roc_auc": 0.9}, "value": {}})
    assert list(find_figures_at_their_ceiling(honest)) == []


def predictions(said: np.ndarray, naive: np.ndarray, churned: np.ndarray) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "customer_id": [f"K{number}" for number in range(len(said))],
            "cutoff_day": np.full(len(said), 9),
            "churned": churned,
            "churn_probability": said,
            "churn_baseline": naive,
        }
    )
    missing = {name: None for name in PREDICTIONS.schema if name not in frame.columns}
    return PREDICTIONS.check(
        frame.with_columns(**missing).select(PREDICTIONS.schema.names()).cast(PREDICTIONS.schema)
    )


def test_a_model_that_says_what_the_naive_rule_says_is_no_better_and_one_that_knows_is():
    rng = np.random.default_rng(1)
    chance = rng.uniform(0.05, 0.6, 800)
    churned = rng.random(800) < chance
    flat = np.full(800, churned.mean())
    guessed = np.clip(flat + rng.normal(0, 0.05, 800), 0, 1)

    def findings(score: np.ndarray, n: int = 800) -> list[Finding]:
        rows = predictions(score, flat, churned)[:n]
        return list(find_model_no_better_than_naive(proof({}, predictions=rows)))

    finding, by_lot = findings(guessed)
    assert (finding.name, finding.severity) == ("no-better-than-naive-churn", "warning")
    assert "1 test on 800 customers" in finding.evidence
    assert by_lot.name == "ranked-by-chance-churn"
    assert findings(chance) == []
    assert findings(guessed, n=20) == []


def test_a_model_that_is_certainly_worse_is_called_worse_and_one_by_lot_is_said_to_rank_by_lot():
    rng = np.random.default_rng(3)
    chance = rng.uniform(0.05, 0.6, 800)
    churned = rng.random(800) < chance

    def names(score: np.ndarray, naive: np.ndarray) -> list[str]:
        rows = predictions(score, naive, churned)
        return [each.name for each in find_model_no_better_than_naive(proof({}, predictions=rows))]

    # Ranks as well as can be, at a level that is far off: only the error is worse.
    assert names(chance**0.2, chance) == ["worse-than-naive-churn"]
    by_lot = rng.permutation(chance)
    assert names(by_lot, chance) == ["worse-than-naive-churn", "ranked-by-chance-churn"]


def test_best_customers_who_bring_half_of_what_they_promise_are_a_finding():
    rng = np.random.default_rng(7)
    promised = rng.gamma(1.0, 100.0, 1_000)
    best = promised >= np.sort(promised)[-100]

    def found(kept: float) -> list[Finding]:
        came = promised * rng.gamma(4, 1 / 4, 1_000) * np.where(best, kept, 1.0)
        frame = pl.DataFrame(
            {
                "customer_id": [f"K{number}" for number in range(1_000)],
                "cutoff_day": np.full(1_000, 9),
                "future_revenue": came,
                "expected_revenue": promised,
                "value_baseline": promised,
            }
        )
        missing = {name: None for name in PREDICTIONS.schema if name not in frame.columns}
        rows = frame.with_columns(**missing).select(PREDICTIONS.schema.names())
        return list(find_top_tenth_off(proof({}, predictions=rows.cast(PREDICTIONS.schema))))

    (finding,) = found(0.5)
    assert finding.name == "top-tenth-off"
    assert "1 test on 1,000 customers" in finding.evidence
    # 100 customers, each off by half: 1 / .5, give or take 5 %.
    said = re.search(r"to bring ([0-9.]+) times", finding.evidence)
    assert said is not None
    assert float(said[1]) == pytest.approx(2.0, rel=0.15)
    assert found(0.8) == []
