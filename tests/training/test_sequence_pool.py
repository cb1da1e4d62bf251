"""The weight of a network is what it proved out of time, and a study that falls back says why."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.models.untrained_network import untrained_network

from holdfast.errors import MissingExtra
from holdfast.evaluation.evidence import Evidence
from holdfast.findings import Finding
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop
from holdfast.training import sequence_pool
from holdfast.training.backtest import backtest
from holdfast.training.sequence_pool import Fold, churn_losses, learn_weight, value_losses

N = 4_000
SETTINGS = {
    "churn.horizon_days": "60",
    "value.horizon_days": "60",
    "horizons_days": "[30]",
    "backtest.max_training_cutoffs": "6",
    "backtest.count": "1",
}
SEQUENCE = {"churn.algorithm": "sequence", "value.algorithm": "sequence"}


def fold_of(truth: np.ndarray, others: np.ndarray, network: np.ndarray) -> Fold:
    names = pl.Series([f"{place:05d}" for place in range(len(truth))])
    return Fold(names, truth.astype(np.float64), others, network)


def leaving(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who left, by two things that are known of the customer: log-odds of both."""
    rng = np.random.default_rng(seed)
    one, other = rng.normal(0, 1.5, (2, N))
    return rng.random(N) < 1 / (1 + np.exp(-one - other)), one, other


def chance(raw: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-raw)))


def test_a_network_that_knows_everything_takes_all_of_the_pool() -> None:
    left, one, other = leaving(1)
    assert learn_weight([fold_of(left, chance(one), chance(one + other))], churn_losses) >= 0.95


def test_a_network_that_knows_nothing_gets_no_weight() -> None:
    left, one, _ = leaving(2)
    noise = np.random.default_rng(9).normal(0, 1.5, N)
    # Given the one alone, the log-odds are about .73 of it (the other's spread is not known).
    honest = chance(0.73 * one)
    assert learn_weight([fold_of(left, honest, chance(noise))], churn_losses) == 0.0


def test_two_who_know_different_things_share_the_pool() -> None:
    left, one, other = leaving(3)
    folds = [fold_of(left, chance(one), chance(other))]
    assert 0.3 <= learn_weight(folds, churn_losses) <= 0.7


def test_a_level_that_is_off_costs_no_weight() -> None:
    left, one, other = leaving(4)
    right, off = chance(one + other), chance(one + other - 2)
    weights = [
        learn_weight([fold_of(left, chance(one), said)], churn_losses) for said in (right, off)
    ]
    assert weights[0] == pytest.approx(weights[1], abs=0.1)


def test_a_gain_that_may_be_chance_counts_for_nothing() -> None:
    weights = []
    for seed in range(20):
        left, one, _ = (each[:200] for each in leaving(seed))
        noise = np.random.default_rng(seed).normal(0, 0.3, 200)
        folds = [fold_of(left, chance(0.73 * one), chance(0.73 * one + noise))]
        weights.append(learn_weight(folds, churn_losses))
    # By the 90 % interval, one in twenty is to be taken in.
    assert np.count_nonzero(weights) <= 4


def test_the_same_customers_at_more_cutoffs_are_not_more_customers() -> None:
    left, one, other = leaving(6)
    few = slice(0, 400)
    fold = fold_of(left[few], chance(one[few]), chance(one[few] + 0.5 * other[few]))
    assert learn_weight([fold] * 4, churn_losses) == learn_weight([fold], churn_losses)


def test_money_is_weighed_by_its_deviance() -> None:
    rng = np.random.default_rng(7)
    mean = rng.gamma(1.0, 50.0, N)
    came = rng.gamma(1.0, 1.0, N) * mean
    flat = np.full(N, float(came.mean()))
    assert learn_weight([fold_of(came, flat, mean)], value_losses) >= 0.9
    assert learn_weight([fold_of(came, mean, flat)], value_losses) == 0.0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "full"
    simulate_to(folder, Shop(n_customers=400, n_days=450, seed=5))
    return folder / "holdfast.toml"


@pytest.fixture(scope="module")
def plain(shop: Path) -> Evidence:
    return backtest(Study.from_toml(shop, overrides=SETTINGS))


def named(findings: tuple[Finding, ...], ending: str) -> list[Finding]:
    return [finding for finding in findings if finding.name.endswith(ending)]


def test_too_few_customers_are_predicted_as_without_a_network(shop: Path, plain: Evidence) -> None:
    proof = backtest(Study.from_toml(shop, overrides=SETTINGS | SEQUENCE))
    assert_frame_equal(proof.predictions, plain.predictions)
    assert_frame_equal(proof.horizon_evidence, plain.horizon_evidence)
    churn, value = named(proof.findings, "-sequence-too-small")
    assert (churn.name, value.name) == ("churn-sequence-too-small", "value-sequence-too-small")
    assert "eligible customers with" in churn.evidence


def test_where_no_window_has_ended_the_btyd_models_stay_alone(shop: Path) -> None:
    long = {"churn.horizon_days": "400", "value.horizon_days": "60", "horizons_days": "[60]"}
    cutoff = Study.from_toml(shop, overrides=SETTINGS | long | SEQUENCE)
    proof = backtest(cutoff)
    assert named(proof.findings, "sequence-without-windows") or named(
        proof.findings, "churn-not-backtested"
    )


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of random weights, from any number of customers on, at a weight of .4."""
    pytest.importorskip("safetensors", reason="a network is stored by safetensors")
    monkeypatch.setattr(sequence_pool, "fit_sequence", untrained_network)
    monkeypatch.setattr(sequence_pool, "learn_weight", lambda *_: 0.4)
    monkeypatch.setattr(sequence_pool, "_LEAST_CUSTOMERS", 10)
    monkeypatch.setattr(sequence_pool, "_LEAST_DAYS", 10)


def test_the_network_changes_who_and_not_how_many(
    shop: Path, plain: Evidence, untrained: None
) -> None:
    proof = backtest(Study.from_toml(shop, overrides=SETTINGS | SEQUENCE))
    assert named(proof.findings, "sequence-too-small") == []
    for name, tolerance in (("churn_probability", 0.02), ("expected_revenue", 0.001)):
        with_it, without = (each.predictions.drop_nulls(name) for each in (proof, plain))
        assert with_it[name].mean() == pytest.approx(without[name].mean(), rel=tolerance)
        assert (with_it[name] - without[name]).abs().max() > 0.01


def test_a_network_that_did_not_help_is_not_kept(
    shop: Path, plain: Evidence, untrained: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequence_pool, "learn_weight", lambda *_: 0.04)
    proof = backtest(Study.from_toml(shop, overrides=SETTINGS | SEQUENCE))
    assert_frame_equal(proof.predictions, plain.predictions)
    assert len(named(proof.findings, "-sequence-not-kept")) == 2


def test_without_pytorch_a_study_that_names_it_says_what_to_install(
    shop: Path, untrained: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MissingExtra("sequence", needed_for="training the algorithm 'sequence'")

    monkeypatch.setattr(sequence_pool, "fit_sequence", fail)
    with pytest.raises(MissingExtra, match="'sequence'") as refused:
        backtest(Study.from_toml(shop, overrides=SETTINGS | SEQUENCE))
    assert "holdfast-clv[sequence]" in refused.value.fix
