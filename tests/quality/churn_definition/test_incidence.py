"""Causes of leaving: their curves sum to the total and find the laws of a simulated contract."""

import numpy as np
import polars as pl
import pytest

from holdfast.quality.churn_definition.survival import classify_cause, estimate_incidence

VOLUNTARY_A_DAY, INVOLUNTARY_A_DAY = 0.002, 0.001


def contracts(n: int = 8_000, *, seed: int = 3) -> pl.DataFrame:
    """Customers who leave by decision or by a failed payment, watched for up to 700 days."""
    rng = np.random.default_rng(seed)
    decide = rng.geometric(VOLUNTARY_A_DAY, n)
    fail = rng.geometric(INVOLUNTARY_A_DAY, n)
    watched = rng.integers(50, 700, n)
    days = np.minimum(np.minimum(decide, fail), watched)
    cause = np.where(days == watched, None, np.where(decide <= fail, "voluntary", "involuntary"))
    return pl.DataFrame({"days": days, "cause": pl.Series(cause.tolist(), dtype=pl.String)})


def at(curve: pl.DataFrame, cause: str, day: int) -> dict[str, float]:
    return curve.filter(pl.col("cause") == cause, pl.col("day") == day).row(0, named=True)


def test_the_causes_and_those_still_there_sum_to_one_on_every_day() -> None:
    curve = estimate_incidence(contracts(), step_days=1)
    total = curve.group_by("day").agg(pl.col("incidence").sum(), pl.col("still_there").first())
    assert np.allclose(total["incidence"] + total["still_there"], 1, atol=1e-12)


@pytest.mark.parametrize(
    ("cause", "hazard"), [("voluntary", VOLUNTARY_A_DAY), ("involuntary", INVOLUNTARY_A_DAY)]
)
def test_the_share_that_left_for_a_cause_is_that_of_its_law(cause: str, hazard: float) -> None:
    found = at(estimate_incidence(contracts()), cause, 360)
    stays = (1 - VOLUNTARY_A_DAY) * (1 - INVOLUNTARY_A_DAY)
    # Of those who leave on a day, the share of a cause; a tie counts as a decision.
    of_a_day = hazard if cause == "voluntary" else hazard * (1 - VOLUNTARY_A_DAY)
    truth = of_a_day / (1 - stays) * (1 - stays**360)
    assert found["low"] <= truth <= found["high"]
    assert found["incidence"] == pytest.approx(truth, abs=0.02)


def test_a_single_cause_is_one_minus_kaplan_and_meier() -> None:
    seen = pl.DataFrame(
        {"days": [1, 2, 2, 4, 5], "cause": ["voluntary", None, "voluntary", None, "voluntary"]}
    )
    curve = estimate_incidence(seen, step_days=1)
    assert at(curve, "voluntary", 2)["incidence"] == pytest.approx(1 - 4 / 5 * 3 / 4)
    assert at(curve, "voluntary", 5)["incidence"] == pytest.approx(1)


def test_the_limits_cover_the_truth_in_nineteen_of_twenty_logs() -> None:
    stays = (1 - VOLUNTARY_A_DAY) * (1 - INVOLUNTARY_A_DAY)
    truth = VOLUNTARY_A_DAY / (1 - stays) * (1 - stays**360)
    found = [
        at(estimate_incidence(contracts(400, seed=seed)), "voluntary", 360) for seed in range(200)
    ]
    covered = sum(row["low"] <= truth <= row["high"] for row in found)
    assert 180 <= covered <= 199


def test_a_reason_is_compared_whatever_its_case_and_blanks() -> None:
    reasons = pl.DataFrame({"why": [" CARD expired ", "moved away", "", None]})
    said = reasons.select(classify_cause("why", involuntary=["card expired"])).to_series().to_list()
    assert said == ["involuntary", "voluntary", "no reason given", "no reason given"]


def test_nobody_who_left_gives_no_curve() -> None:
    nobody = pl.DataFrame(
        {"days": [3], "cause": [None]}, schema={"days": pl.Int64, "cause": pl.String}
    )
    assert estimate_incidence(nobody).is_empty()
    assert estimate_incidence(nobody.clear()).is_empty()
