"""Uplift: what is claimed where something is there, where it is the same for all, and where nothing
is.
"""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.campaigns.uplift.learners import (
    Candidates,
    Lesson,
    fit_ridge,
    learners_for,
    likely_anyway,
    named_rules,
    relative_r,
    t_learner,
)
from holdfast.campaigns.uplift.measure import Uplift, judge_offers, measure_uplift
from holdfast.campaigns.uplift.ranking import (
    BLEND,
    Unseen,
    cross_fit,
    cross_fit_blend,
    recalibrate,
)
from holdfast.campaigns.uplift.verdict import OfferVerdict, RankingResult
from holdfast.errors import DataError
from holdfast.evaluation.policy import Estimate, Group
from holdfast.evaluation.trial import Trial


def trial_of(effect: Any, *, n: int = 2_400, seed: int = 1, money: bool = False) -> Trial:
    """Half are contacted. `flag` is drawn by lot, `size` says how much is expected of a customer;
    the effect, as a share of what is expected, is `effect(flag)`.
    """
    rng = np.random.default_rng(seed)
    flag, size = rng.integers(0, 2, n).astype(float), rng.gamma(2.0, 0.5, n)
    offer = rng.permutation(np.arange(n) % 2)
    chance = np.clip(0.2 * size / size.mean() * (1 + offer * effect(flag)), 0, 0.95)
    outcome = (rng.random(n) < chance).astype(float)
    if money:
        outcome *= rng.gamma(2.0, 10.0, n)
    return Trial(
        customer_ids=pl.Series([f"C{i}" for i in range(n)]),
        features=np.column_stack([flag, size, rng.normal(size=n)]),
        names=("flag", "size", "noise"),
        offer=offer,
        offers=("mail",),
        outcome=outcome,
        propensities=np.full((n, 2), 0.5),
    )


RULES = {"flagged": "flag", "large": "size"}


@pytest.fixture(scope="module")
def flagged() -> Uplift:
    """Only flagged customers are moved, and they are doubled."""
    return measure_uplift(trial_of(lambda flag: flag), rules=RULES, seed=1, repeats=1)


def test_where_customers_differ_it_is_said_whom_to_choose(flagged: Uplift) -> None:
    (verdict,) = flagged.verdicts
    assert (verdict.word, verdict.uplift_source) == ("choose", "experiment")
    assert "first" in verdict.persuadable
    assert "last" not in verdict.persuadable
    proven = {each.name for each in verdict.rankings if each.is_proven}
    assert "flagged" in proven


def test_the_effect_predicted_is_that_of_the_customers_group(flagged: Uplift) -> None:
    effects = flagged.effects(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]))
    # A chance of .2 doubled, and nothing.
    assert effects.shape == (2, 1)
    np.testing.assert_allclose(effects[:, 0], [0.2, 0.0], atol=0.08)


def test_a_verdict_is_plain_data_too(flagged: Uplift) -> None:
    plain = json.loads(json.dumps(flagged.verdicts[0].as_dict()))
    assert plain["word"] == "choose"
    assert plain["uplift_source"] == "experiment"
    assert {"value", "low", "high", "se"} == set(plain["effect"])
    assert plain["rankings"][0]["name"] == "T-learner"


def test_the_qini_curve_is_that_of_all_rankings_together_beside_the_best_rule(
    flagged: Uplift,
) -> None:
    (verdict,) = flagged.verdicts
    curve = pl.DataFrame(verdict.as_dict()["curve"])
    assert curve["ranking"].unique(maintain_order=True).to_list() == [
        "all rankings together", "flagged",
    ]  # fmt: skip
    of_rule = curve.filter(ranking="flagged")
    assert of_rule["share"].to_list() == pytest.approx([k / 20 for k in range(21)])
    assert of_rule.select("effect", "low", "high").row(0) == (0.0, 0.0, 0.0)
    # Half are flagged and gain .2 each; nobody else gains.
    np.testing.assert_allclose(of_rule["effect"][10], 0.1, atol=0.03)
    assert of_rule["low"][20] < 0.1 < of_rule["high"][20]


def test_the_area_of_the_curve_over_all_parts_is_qini() -> None:
    trial = trial_of(lambda flag: flag, n=200)
    unseen = cross_fit(trial, {"flagged": named_rules(trial, {"x": "flag"})["x"]}, seed=1)
    ends = {j / n for n in np.bincount(unseen.fold) for j in range(n + 1)}
    shares = np.array(sorted(ends))  # between them the curve of each part is straight
    curve = [unseen.effect_of_top("flagged", share).value for share in shares]
    area = np.trapezoid(curve - shares * curve[-1], shares)
    assert area == pytest.approx(unseen.qini("flagged").value, abs=1e-9)


def test_where_all_gain_alike_everyone_or_nobody_is_contacted() -> None:
    trial = trial_of(lambda flag: 0.8 + 0 * flag)
    same = Trial(**{**vars_of(trial), "features": trial.features[:, [0, 2]], "names": ("a", "b")})
    uplift = measure_uplift(same, seed=1)
    (verdict,) = uplift.verdicts
    assert verdict.word == "everyone or nobody"
    effects = uplift.effects(same.features[:4])
    assert np.ptp(effects) == 0
    assert effects[0, 0] == pytest.approx(verdict.effect.value)


def vars_of(trial: Trial) -> dict[str, Any]:
    return {
        name: getattr(trial, name)
        for name in ("customer_ids", "features", "names", "offer", "offers", "outcome")
    } | {"propensities": trial.propensities}


def test_where_nothing_happens_nothing_is_claimed() -> None:
    uplift = measure_uplift(trial_of(lambda flag: 0 * flag, seed=3), rules=RULES, seed=1)
    (verdict,) = uplift.verdicts
    assert (verdict.word, verdict.persuadable, verdict.rankings) == ("no effect", (), ())


def test_each_of_several_offers_has_a_verdict_and_an_effect() -> None:
    mail, none = trial_of(lambda flag: 1 + 0 * flag), trial_of(lambda flag: 0 * flag, seed=3)
    uplift = measure_uplift({"mail": mail, "call": none}, seed=1, repeats=1)
    assert [verdict.offer for verdict in uplift.verdicts] == ["mail", "call"]
    assert uplift.effects(mail.features).shape == (mail.n, 2)
    alone = measure_uplift({"mail": mail}, seed=1, repeats=1)
    # Two offers are twice as many tests.
    assert uplift.verdicts[1].p_effect >= alone.verdicts[0].p_effect


def test_rankings_are_compared_on_whole_clusters_of_many_rows_and_effects_on_all() -> None:
    single = trial_of(lambda flag: 1.5 * flag, n=2_400)
    pairs = replace(single, cluster=np.arange(2_400) // 2)
    (whole,) = judge_offers(pairs, rules=RULES, seed=4, repeats=1)
    (part,) = judge_offers(pairs, rules=RULES, seed=4, repeats=1, most_rows=1_200)
    assert (whole.compared_on, whole.contacted) == (2_400, part.contacted)
    assert part.compared_on == pytest.approx(1_200, abs=120)
    assert part.compared_on % 2 == 0
    assert (part.effect, part.p_choice) == (whole.effect, whole.p_choice)


def test_a_rule_of_no_feature_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(DataError, match=r"there is no feature 'flagg'.*'flag'"):
        measure_uplift(trial_of(lambda flag: flag), rules={"x": "flagg"}, seed=1)


def estimate(value: float, se: float) -> Estimate:
    return Estimate(value, se)


def verdict_with(**changes: Any) -> OfferVerdict:
    values: dict[str, Any] = {
        "offer": "mail",
        "contacted": 500,
        "held_out": 500,
        "effect": estimate(0.05, 0.01),
        "p_effect": 0.001,
        "p_choice": 0.001,
        "blend": RankingResult("blend", estimate(0.01, 0.001), estimate(1.0, 0.1), None),
        "best_rule": "flagged",
        "against_rule": estimate(-0.001, 0.001),
        "groups": (Group(0.5, estimate(0.01, 0.01)), Group(0.5, estimate(0.09, 0.01))),
    }
    return OfferVerdict(**{**values, **changes})


def test_a_rule_that_is_within_the_interval_of_all_rankings_is_in_a_tie_with_them() -> None:
    assert verdict_with().beside_rule == "tie"
    better = verdict_with(against_rule=estimate(0.005, 0.001))
    worse = verdict_with(against_rule=estimate(-0.005, 0.001))
    assert (better.beside_rule, worse.beside_rule) == ("better", "worse")


def test_a_rule_that_is_the_wrong_way_round_is_named() -> None:
    risk = RankingResult("churn risk", estimate(-0.003, 0.001), None, 0.01)
    verdict = verdict_with(rankings=(risk,))
    assert verdict.harmful == ("churn risk",)
    unsure = RankingResult("churn risk", estimate(-0.003, 0.002), None, 0.2)
    assert verdict_with(rankings=(unsure,)).harmful == ()


def test_groups_are_persuadable_only_where_their_interval_is_off_nothing() -> None:
    assert verdict_with().persuadable == ("first",)


def test_what_was_learnt_must_be_surer_than_a_rule_named_before() -> None:
    # 2.5 standard errors: enough for one rule named before, not for a choice that folds helped.
    learnt = RankingResult("blend", estimate(0.0025, 0.001), None, None)
    verdict = verdict_with(blend=learnt)
    assert verdict.word == "everyone or nobody"


def test_the_weights_are_learnt_in_training_and_the_blend_is_scaled_there() -> None:
    trial = trial_of(lambda flag: flag)
    candidates = Candidates.of(trial, RULES)
    unseen = cross_fit_blend(trial, candidates.all, seed=2)
    assert len(unseen.heaviest) == 3
    assert set(unseen.heaviest) <= set(candidates.all)
    slope = unseen.slope(BLEND)
    assert slope is not None
    assert slope.value == pytest.approx(1.0, abs=2.5 * slope.se)


def unseen_of(psi: np.ndarray, **scores: np.ndarray) -> Unseen:
    return Unseen(psi, scores, np.zeros(len(psi), dtype=np.int64), None)


def test_rankings_count_by_their_evidence_and_those_that_mislead_for_nothing() -> None:
    rng = np.random.default_rng(1)
    effect, nothing = rng.normal(size=(2, 2_000))
    psi = effect + rng.normal(size=2_000)
    assert unseen_of(psi, a=effect, b=nothing, c=-effect).weights() == {"a": 1.0}
    assert unseen_of(psi, a=effect, b=2 * effect).weights() == pytest.approx({"a": 0.5, "b": 0.5})
    # Without any evidence all count alike.
    nobody = unseen_of(psi, a=-effect, b=np.ones(2_000)).weights()
    assert nobody == pytest.approx({"a": 0.5, "b": 0.5})


def test_a_gain_counts_those_whose_predicted_effect_exceeds_the_cost() -> None:
    unseen = unseen_of(np.array([3.0, -1.0, 4.0, 2.0]), t=np.array([2.0, 0.5, 0.0, 1.5]))
    # The first and the last are contacted: 3 - 1 and 2 - 1, over four customers.
    assert unseen.gain("t", cost=1.0).value == pytest.approx(0.75)


def test_scores_of_a_row_do_not_change_with_its_own_outcome() -> None:
    trial = trial_of(lambda flag: flag, n=600)
    learners = learners_for(trial)
    outcome = trial.outcome.copy()
    outcome[0] = 1 - outcome[0]
    other = Trial(**{**vars_of(trial), "outcome": outcome})
    first, second = (cross_fit(each, learners, seed=1) for each in (trial, other))
    for name in learners:
        assert first.scores[name][0] == second.scores[name][0]
    assert first.psi[0] - second.psi[0] == pytest.approx(
        (trial.outcome[0] - outcome[0]) * (2 if trial.offer[0] else -2)
    )


def test_likely_anyway_and_at_risk_are_each_others_reverse() -> None:
    trial = trial_of(lambda flag: flag, n=600)
    unseen = cross_fit(trial, named_rules(trial, {}), seed=1)
    anyway, risk = (unseen.qini(name).value for name in ("likely to buy anyway", "churn risk"))
    assert risk == pytest.approx(-anyway)


def test_the_relative_learner_scales_with_what_is_expected() -> None:
    trial = trial_of(lambda flag: 0.5 * flag, n=6_000, money=True)
    assert "relative R" in learners_for(trial)
    lesson = Lesson.prepare(trial, seed=1)
    rows, expected = trial.features[:2], np.array([10.0, 30.0])
    same = np.repeat(rows[:1], 2, axis=0)
    small, large = relative_r(lesson)(same, expected)
    assert large == pytest.approx(3 * small)
    flagged, plain = relative_r(lesson)(np.array([[1.0, 1, 0], [0.0, 1, 0]]), np.full(2, 10.0))
    assert flagged > plain


def test_a_rate_has_no_relative_learner() -> None:
    assert "relative R" not in learners_for(trial_of(lambda flag: flag, n=60))


def test_what_is_expected_without_an_offer_is_taken_as_given() -> None:
    lesson = Lesson.prepare(trial_of(lambda flag: flag, n=600), seed=1)
    given = np.array([3.0, 4.0])
    np.testing.assert_array_equal(likely_anyway(lesson)(lesson.trial.features[:2], given), given)


def test_a_recalibrated_score_has_the_mean_effect_and_the_slope_that_was_seen() -> None:
    trial = trial_of(lambda flag: flag)
    lesson = Lesson.prepare(trial, seed=1)
    unseen = cross_fit(trial, {"T": t_learner}, seed=1)
    score = recalibrate(lesson, t_learner(lesson), unseen, "T")
    slope = unseen.slope("T")
    assert slope is not None
    effects = score(trial.features, None)
    assert effects.mean() == pytest.approx(lesson.psi.mean())
    assert np.ptp(effects) == pytest.approx(
        slope.value * np.ptp(t_learner(lesson)(trial.features, None))
    )


def test_ridge_is_scikit_learns_at_one_of_its_penalties() -> None:
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 5))
    y = x @ np.array([0.5, 0, 0, 0, 0]) + rng.normal(size=200)
    ours = fit_ridge(x, y)
    z = ours.scaling.apply(x)
    off = [
        np.abs(Ridge(alpha=penalty).fit(z, y).predict(z) - ours.predict(x)).max()
        for penalty in np.logspace(0, 5, 11)
    ]
    assert min(off) < 1e-9
