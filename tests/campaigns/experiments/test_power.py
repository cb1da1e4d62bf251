"""Power on the study's own past: what the audit says, and the size that is needed."""

import numpy as np
import pytest
from scipy.stats import norm

from holdfast.campaigns.experiments.power import Design, Past, audit, needed_size, power_curve
from holdfast.errors import InputError, NotEnoughData


def past(n: int = 3_000, *, seed: int = 1, log_sd: float = 0.5) -> Past:
    rng = np.random.default_rng(seed)
    chance = rng.beta(1, 3, n)
    return Past((rng.random(n) < chance) * rng.lognormal(3, log_sd, n), chance)


def buyers(n: int = 4_000) -> Past:
    """A quarter bought; nothing was predicted."""
    return Past((np.arange(n) % 4 == 0).astype(float), np.zeros(n))


def test_the_power_of_a_rate_is_that_of_the_formula() -> None:
    # 1,000 a side, 25 against 30 %: (.05 / sqrt(.25 .75 / 1000 + .3 .7 / 1000)) = 2.507.
    design = Design(effect=0.2, size=2_000, holdout_share=0.5)
    table = audit(buyers(), design, draws=3_000)
    expected = norm.sf(1.96 - 2.507)
    assert table.filter(method="difference")["power"][0] == pytest.approx(expected, abs=0.035)


def test_without_an_effect_the_truth_is_nothing_and_found_as_often_as_chance_does() -> None:
    table = audit(past(), Design(effect=0.0, size=2_000, holdout_share=0.5), draws=2_000)
    assert table["coverage"].to_list() == pytest.approx([0.95] * 3, abs=0.02)
    assert table["power"].to_list() == pytest.approx([0.025] * 3, abs=0.015)


def test_the_audit_finds_that_a_small_arm_overclaims_and_chooses_another_readout() -> None:
    wild = past(2_000, seed=3, log_sd=2.0)
    table = audit(wild, Design(effect=0.1, size=2_000, holdout_share=0.1), draws=600)
    of = {row["method"]: row for row in table.iter_rows(named=True)}
    assert of["difference"]["overclaims"] > 0.05
    assert of["adjusted, pooled"]["overclaims"] <= 0.035
    assert of["adjusted, pooled"]["chosen"]
    assert table["chosen"].sum() == 1


def test_what_was_predicted_makes_intervals_narrower() -> None:
    outcome = np.random.default_rng(4).gamma(1, 10, 2_000)
    table = audit(
        Past(outcome, outcome), Design(effect=0.1, size=1_000, holdout_share=0.5), draws=200
    )
    plain, adjusted, _ = table["width"].to_list()
    assert adjusted < 0.2 * plain


def test_a_falling_rate_is_an_effect_too() -> None:
    table = audit(buyers(), Design(effect=-0.3, size=2_000, holdout_share=0.5), draws=500)
    assert table["coverage"].to_list() == pytest.approx([0.95] * 3, abs=0.035)
    assert table["power"][0] > 0.9


def test_the_curve_rises_and_the_needed_size_lies_within_its_range() -> None:
    design = Design(effect=0.3, size=2_000, holdout_share=0.5)
    curve = power_curve(past(), design, [500, 1_000, 2_000, 4_000], draws=300)
    powers = curve.curve["power"].to_list()
    assert powers == sorted(powers)
    assert curve.needed is not None
    low, high = curve.needed_range
    assert low is not None
    assert low <= curve.needed
    assert high is None or high >= curve.needed
    assert (curve.curve["low"] <= curve.curve["high"]).all()


def test_a_size_that_does_not_do_is_no_size() -> None:
    assert needed_size([100, 200], np.array([0.1, 0.2])) is None
    assert needed_size([100, 200], np.array([0.9, 0.95])) == 100


def test_the_same_seed_gives_the_same_audit() -> None:
    design = Design(effect=0.1, size=500, holdout_share=0.2)
    assert audit(past(), design, draws=50).equals(audit(past(), design, draws=50))


def test_what_cannot_be_planned_is_refused() -> None:
    with pytest.raises(NotEnoughData, match="holds 10 customers"):
        Past(np.arange(10.0), np.zeros(10))
    with pytest.raises(NotEnoughData, match="all did the same"):
        Past(np.zeros(100), np.zeros(100))
    with pytest.raises(InputError, match="1 of 10 customers"):
        Design(effect=0.1, size=10, holdout_share=0.1)
    with pytest.raises(InputError, match="cannot rise by 400%"):
        audit(buyers(), Design(effect=4.0, size=1_000, holdout_share=0.5), draws=10)
