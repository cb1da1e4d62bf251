"""The sentence on evidence stands on all test cutoffs."""

from typing import Any

from holdfast.serving.answers import summarise_evidence


def summary(kind: str = "log", **churn: Any) -> dict[str, Any]:
    baseline = {"name": "baseline: recency rank", "roc_auc": 0.7}
    return {
        "study": {"kind": kind},
        "churn": {"baseline": baseline, "roc_auc": 0.752, **churn},
        "value": {"baseline": None},
    }


def test_the_evidence_is_the_mean_of_all_tests_with_range_and_verdict() -> None:
    proved = summary(
        test_cutoffs=["2024-01-01", "2024-04-01"],
        range={"roc_auc": [0.71, 0.78]},
        against_baseline={"roc_auc": {"verdict": "better"}},
    )
    assert summarise_evidence(proved) == (
        "on later data, mean of 2 tests: churn AUC 0.752 (0.710 to 0.780; naive 0.700: better)"
    )


def test_a_run_of_an_earlier_version_still_speaks() -> None:
    assert summarise_evidence(summary("snapshot")) == (
        "on customers not learnt from: churn AUC 0.752 (naive 0.700)"
    )
