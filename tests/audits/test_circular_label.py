"""Labels that are formulas of their own row are found from the data, and honest ones are left
alone.
"""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from holdfast.audits.circular_label import find_circular_label
from holdfast.audits.figures import find_lucky_split
from holdfast.audits.subjects import Proof
from holdfast.audits.table import Table


@pytest.fixture(scope="module")
def original(bench_data) -> pl.DataFrame:
    return pl.read_csv(bench_data / "ecommerce_user_segmentation.csv")


def shop(n: int = 3000) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    return pl.DataFrame(
        {
            "visits": rng.poisson(5, n),
            "spend": rng.lognormal(3, 1, n),
            "since": rng.integers(0, 200, n),
            "plan": rng.choice(["free", "gold", "ended"], n),
            "noise": rng.normal(size=n),
        }
    )


def evidence(
    columns: pl.DataFrame, *, churned: pl.Series | None = None, value: pl.Series | None = None
) -> str:
    if churned is None:
        churned = pl.Series(np.random.default_rng(4).random(columns.height) < 0.2)
    findings = find_circular_label(table(columns, churned=churned, value=value))
    return next((finding.evidence for finding in findings), "")


def table(columns: pl.DataFrame, *, churned: pl.Series, **more) -> Table:
    customer = pl.Series([f"K{number}" for number in range(columns.height)])
    return Table(columns=columns, churned=churned, customer=customer, **{"seed": 1, **more})


def test_both_labels_of_the_original_snapshot_are_named(original):
    (finding,) = find_circular_label(
        table(
            original.drop("Customer_ID"),
            churned=original["Recency"] > 90,
            value=original["Monetary"] * (original["Frequency"] + 1).log(),
            hidden={"churn": ["Recency"], "value": ["Monetary", "Frequency"]},
            seed=42,
        )
    )
    assert (finding.name, finding.severity) == ("circular-label", "fatal")
    assert finding.evidence == (
        "the churn label is Recency > 90 for 10,000 of 10,000 customers; "
        "the value label is Monetary * ln(1 + Frequency) (R2 1.00000)"
    )
    assert "even sees" not in finding.meaning


def test_renamed_and_reordered_columns_change_nothing(original):
    renamed = original.drop("Customer_ID").rename(lambda name: f"c{hash(name) % 7}{name[::-1]}")
    churned = original["Recency"] > 90
    assert "ycneceR > 90 for 10,000" in evidence(renamed[:, ::-1], churned=churned)


def test_the_original_without_the_columns_of_the_formulas_is_quiet(original):
    left = original.drop("Customer_ID", "Recency", "Monetary")
    value = original["Monetary"] * (original["Frequency"] + 1).log()
    assert evidence(left, churned=original["Recency"] > 90, value=value) == ""


def test_the_telco_snapshot_is_quiet(bench_data):
    telco = pl.read_parquet(bench_data / "telco.parquet")
    assert evidence(telco.drop("customerID", "Churn"), churned=telco["Churn"] == "Yes") == ""


def test_a_column_that_the_model_sees_is_called_a_leak():
    frame = shop()
    (finding,) = find_circular_label(
        table(frame, churned=frame["since"] > 90, hidden={"value": ["since"]})
    )
    assert "A model even sees since." in finding.meaning


def test_a_threshold_from_below_and_a_word_are_found():
    frame = shop()
    assert evidence(frame, churned=frame["visits"] <= 3).startswith(
        "the churn label is visits <= 3 for 3,000 of"
    )
    assert evidence(frame, churned=frame["plan"] == "ended").startswith(
        "the churn label is plan in (ended) for 3,000"
    )


def test_a_second_column_that_tells_it_is_named_too():
    frame = shop().with_columns(until=200 - pl.col("since"))
    found = evidence(frame, churned=frame["since"] > 90)
    assert "(until tell it too)" in found or "(since tell it too)" in found


def test_a_rule_over_two_columns_is_found():
    frame = shop()
    found = evidence(frame, churned=(frame["since"] > 90) & (frame["visits"] < 4))
    assert "follows from" in found
    assert "since" in found
    assert "visits" in found


def test_a_missing_number_does_not_hide_the_rule():
    frame = shop().with_columns(spend=pl.when(pl.col("visits") == 2).then(None).otherwise("spend"))
    assert "since > 90" in evidence(frame, churned=frame["since"] > 90)


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        (2 * pl.col("spend") + 5, "2 * spend + 5"),
        (pl.col("spend") / pl.col("since").add(1), "spend * 1 / (1 + since)"),
        (pl.col("spend") - 3 * pl.col("since"), "spend - 3 * since"),
    ],
)
def test_formulas_of_value_are_told(formula, told):
    frame = shop()
    assert f"the value label is {told} (R2 1.00000)" in evidence(
        frame, value=frame.select(formula).to_series()
    )


def test_a_formula_that_was_not_thought_of_is_found_by_boosted_trees():
    frame = shop(6000)
    value = frame.select(
        (pl.col("spend").log() * 2).sin() * 50 + pl.col("since").sqrt()
    ).to_series()
    found = evidence(frame, value=value)
    assert "is a function of" in found
    assert "spend" in found
    assert "since" in found


def test_honest_outcomes_are_quiet():
    frame = shop()
    rng = np.random.default_rng(5)
    churned = pl.Series(rng.random(3000) < 1 / (1 + np.exp(3 - frame["since"].to_numpy() / 40)))
    value = frame["spend"] * pl.Series(rng.lognormal(0, 0.5, 3000))
    assert evidence(frame, churned=churned, value=value) == ""


def test_a_label_that_was_given_and_is_hidden_is_no_formula():
    frame = shop().with_columns(ended=pl.col("since") > 150, worth=pl.col("spend") * 2)
    frame = frame.with_columns(churn=pl.col("ended").cast(pl.String)).drop("since", "spend")
    hidden = {"churn": ["ended", "churn", "worth"], "value": ["ended", "churn", "worth"]}
    is_hidden = table(frame, churned=frame["ended"], value=frame["worth"], hidden=hidden)
    assert list(find_circular_label(is_hidden)) == []
    (seen,) = find_circular_label(table(frame, churned=frame["ended"], value=frame["worth"]))
    assert "A model even sees churn, ended, worth." in seen.meaning


def test_too_few_customers_say_nothing():
    frame = shop(30)
    assert evidence(frame, churned=frame["since"] > 90, value=frame["spend"]) == ""


def test_a_split_that_flatters_is_put_beside_cross_validation():
    proof = Proof(
        predictions=pl.DataFrame(),
        baselines={},
        figures={"churn": {"roc_auc": 0.9836, "f1": 0.877, "brier": 0.02}, "value": {"r2": 0.9226}},
        cross_validated={"churn": {"roc_auc": 0.9781, "f1": 0.8406}, "value": {"r2": 0.9285}},
    )
    (finding,) = find_lucky_split(proof)
    assert finding.name == "lucky-churn-split"
    assert (
        "ROC-AUC is 0.9836 on the test customers and 0.9781 in cross-validation; F1 is 0.8770"
        in finding.evidence
    )


def test_to_hide_a_score_of_the_label_as_advised_ends_the_refusal():
    base = shop()
    left = pl.Series(np.random.default_rng(4).random(base.height) < 0.2)
    noisy = np.random.default_rng(5).beta(1, 60, base.height)
    score = np.where(left.to_numpy(), 1 - noisy, noisy)
    seen = table(base.with_columns(score=score, risk=1 - score), churned=left)
    (finding,) = find_circular_label(seen)
    assert finding.severity == "fatal"
    assert "if score and risk only says once more" in finding.fix
    hidden = {"churn": ("score", "risk")}
    assert list(find_circular_label(replace(seen, hidden=hidden))) == []


def test_a_measurement_that_the_label_cuts_in_two_stays_a_formula_and_nobody_is_told_to_hide_it():
    base = shop()
    seen = table(base, churned=base["since"] > 90)
    (finding,) = find_circular_label(replace(seen, hidden={"churn": ("since",)}))
    assert finding.severity == "fatal"
    assert finding.fix == "Give an order log, whose outcomes come after the features."
